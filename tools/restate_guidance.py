"""Restate drug guidance by genotype as rows: `knowledge/pgx/guidance.csv`, from CPIC, DPWG and FDA and our reading of each text.

    python tools/restate_guidance.py FOLDER_OF_GUIDELINES PYPGX_TABLES FDA_ASSOCIATIONS_JSON

`guidance_readings.csv` and `fda_readings.csv` beside this file say what each distinct text means in structure; a text that nobody
has read stops the tool. Labels that ask for a test before treatment go to `knowledge/pgx/testing.csv`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import html
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

INTO = Path(__file__).parents[1] / "src/consilium/knowledge/pgx/guidance.csv"
TESTING = INTO.with_name("testing.csv")
READINGS = Path(__file__).with_name("guidance_readings.csv")
FDA_READINGS = Path(__file__).with_name("fda_readings.csv")
FDA_SECTIONS = {
    "recommendation": "Data support therapeutic management",
    "impact": "Potential impact on safety or response",
    "pk": "Pharmacokinetics only",
}
COLUMNS = (
    "drug", "gene", "keys", "gene2", "keys2", "population", "action", "least", "most", "limit", "unit", "monitor", "strength", "pmid",
    "source",
)  # fmt: skip
UNREAD = "xN is not a valid input"  # advice on how to type a copy number, not on a drug


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("guidelines", type=Path)
    parser.add_argument("pypgx", type=Path)
    parser.add_argument("fda", type=Path)
    given = parser.parse_args()
    with READINGS.open() as lines:
        read = {(r["source"], r["sha256"]): r for r in csv.DictReader(line for line in lines if not line.startswith("#"))}
    with (given.pypgx / "cpic-table.csv").open() as lines:
        pairs = list(csv.DictReader(lines))
    papers = {(r["Gene"], r["Drug"].lower()): r["PMID"].replace(",", ";") for r in pairs}
    grouped: dict[tuple[str, ...], dict[tuple[str, str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
    for path in sorted(given.guidelines.glob("*.json")):
        guideline = json.loads(path.read_text())
        source = guideline["guideline"]["source"]
        for row in guideline["recommendations"]:
            text = plain(row["text"]["html"])
            if text.startswith(UNREAD):
                continue
            reading = read.get((source, hashlib.sha256(text.encode()).hexdigest()[:12]))
            if reading is None:
                raise SystemExit(f"{path.name}: nobody has read {text[:100]!r}")
            strength = (row.get("classification") or {}).get("term") or ""
            keys = [(gene, keyed(gene, key)) for gene, key in row["lookupKey"].items()]
            for chemical in row["relatedChemicals"]:
                drug = chemical["name"]
                pmid = next((papers[g, drug.lower()] for g, _ in keys if (g, drug.lower()) in papers), "")
                means = tuple(reading[c] for c in ("action", "least", "most", "limit", "unit", "monitor"))
                head = (drug, row.get("population") or "", *means, "" if strength == "N/A" else strength, pmid, source.lower())
                first, second = keys[0], keys[1] if len(keys) > 1 else ("", "")
                grouped[head][first[0], second[0], second[1]].add(first[1])
    for head, gene, keys in fda(given.fda):
        grouped[head][gene, "", ""].update(keys)
    lines = [
        "# title: Drug guidance by pharmacogene, as structured rows; texts read by us, not by a clinician",
        "# sources: cpic;dpwg;fda_pgx",
        "# version: ClinPGx annotations of 2024-03-25; FDA table as collected on 2021-03-22",
        "# retrieved: 2026-11-28",
        "# licence: CPIC rows CC0-1.0; DPWG rows CC BY-SA 4.0; FDA rows public domain (facts restated; no sentence is copied)",
        ",".join(COLUMNS),
    ]
    count = 0
    for head, found in sorted(grouped.items()):
        drug, population, *means, strength, pmid, source = head
        merged: dict[tuple[str, str, frozenset[str]], set[str]] = defaultdict(set)
        for (gene, gene2, key2), firsts in found.items():
            merged[gene, gene2, frozenset(firsts)].add(key2)
        for (gene, gene2, firsts), seconds in sorted(merged.items(), key=lambda item: (*item[0][:2], sorted(item[0][2]))):
            cells = [
                drug,
                gene,
                ";".join(sorted(firsts)),
                gene2,
                ";".join(sorted(seconds - {""})),
                population,
                *means,
                strength,
                pmid,
                source,
            ]
            lines.append(",".join(f'"{c}"' if "," in c else c for c in cells))
            count += 1
    INTO.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(count, "rows,", len({h[0] for h in grouped}), "drugs")
    known = {(h[0], gene) for h, found in grouped.items() for key in found for gene in (key[0], key[1])}
    required = sorted({(r["Drug"].lower(), r["Gene"]) for r in pairs if r["FDALabel"] == "Testing required"} & known)
    testing = [
        "# title: Drugs whose FDA label asks for a test of the gene before treatment",
        "# sources: pypgx",
        "# version: 0.27.0",
        "# retrieved: 2026-11-28",
        "# licence: facts of ClinPGx label annotations restated from PyPGx (MIT)",
        "drug,gene,source",
        *(f"{drug},{gene},pypgx" for drug, gene in required),
    ]
    TESTING.write_text("\n".join(testing) + "\n", encoding="utf-8")


def fda(table: Path) -> Iterator[tuple[tuple[str, ...], str, list[str]]]:
    """What the readings say of each row of the FDA table: what is to be done, the gene, and its keys."""
    with FDA_READINGS.open() as lines:
        readings = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    for row in json.loads(table.read_text())["table"]:
        cells = "|".join(row[c] for c in ("Drug", "Gene", "Affected Subgroups+", "Description of Gene-Drug Interaction"))
        mark = hashlib.sha256(cells.encode()).hexdigest()[:12]
        own = [r for r in readings if r["sha256"] == mark]
        if not own:
            raise SystemExit(f"nobody has read {cells[:100]!r}")
        for r in own:
            if r["left_out"]:
                continue
            means = tuple(r[c] for c in ("action", "least", "most", "limit", "unit", "monitor"))
            yield (r["drug"], r["population"], *means, FDA_SECTIONS[row["table"]], "", "fda_pgx"), r["gene"], r["keys"].split(";")


def plain(markup: str) -> str:
    """The recommendation without its further considerations and without markup."""
    head = re.split(r"<h4[^>]*>\s*Other Considerations", markup)[0]
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", head))).strip()


def keyed(gene: str, key: Any) -> str:
    """One lookup key: an activity score as `score=1.0`, a diplotype as `diplotype=*1/*3`, else the phenotype as written."""
    if isinstance(key, dict):
        return "diplotype=" + "/".join(sorted(name for name, n in key.items() for _ in range(int(float(n)))))
    if re.fullmatch(r"≥?\d+(\.\d+)?", key):
        return f"score={key}"
    scored = re.fullmatch(r"(\d+(?:\.\d+)?) \((?!Phenotyping)[^)]*\)", key)
    return f"score={scored[1]}" if scored else key


if __name__ == "__main__":
    main()
