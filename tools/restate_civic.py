"""Restate CIViC's accepted predictive evidence on breast and lung cancer as rows: `knowledge/tumour_evidence.csv`.

    python tools/restate_civic.py nightly-ClinicalEvidenceSummaries.tsv 2021-02-03

Statements and summaries are not taken over, only the structured fields.
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

INTO = Path(__file__).parents[1] / "src/consilium/knowledge/tumour_evidence.csv"
COLUMNS = {
    "gene": "gene", "variant": "variant", "disease": "disease", "drugs": "drugs", "combination": "drug_interaction_type",
    "supports": "evidence_direction", "effect": "clinical_significance", "level": "evidence_level", "rating": "rating",
    "origin": "variant_origin", "chromosome": "chromosome", "start": "start", "stop": "stop",
    "ref": "reference_bases", "alt": "variant_bases",
    "citation": "citation_id", "citation_kind": "source_type", "evidence": "evidence_id", "reviewed": "last_review_date",
}  # fmt: skip


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("evidence", type=Path)
    parser.add_argument("snapshot")
    given = parser.parse_args()
    with given.evidence.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if wanted(row)]
    rows.sort(key=lambda r: (r["gene"], r["variant"], r["evidence_level"], int(r["evidence_id"])))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, "source"])
    for row in rows:
        cells = [row[column].strip() for column in COLUMNS.values()]
        place = list(COLUMNS).index("drugs")
        cells[place] = ";".join(sorted(d.strip() for d in cells[place].split(",") if d.strip()))
        cells[-1] = cells[-1][:10]
        writer.writerow([*cells, "civic"])
    head = [
        "# title: Evidence on what somatic variants mean for treatment in breast and lung cancer",
        "# sources: civic",
        f"# version: nightly of {given.snapshot}",
        "# retrieved: 2026-11-28",
        "# licence: CC0-1.0",
    ]
    INTO.write_text("\n".join(head) + "\n" + out.getvalue(), encoding="utf-8")
    print(len(rows), "rows")


def wanted(row: dict[str, str]) -> bool:
    """Accepted predictive evidence with a drug, on breast or lung cancer, on one build."""
    place = row["reference_build"] in ("", "GRCh37")
    disease = any(word in row["disease"].lower() for word in ("breast", "lung"))
    return disease and place and row["evidence_type"] == "Predictive" and row["evidence_status"] == "accepted" and bool(row["drugs"])


if __name__ == "__main__":
    main()
