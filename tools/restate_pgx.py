"""Restate published pharmacogene facts as `knowledge/pgx/<GENE>.json`: positions, named alleles, functions and their meanings.

Run it when the published tables are renewed; the diff of the knowledge files is then read by a person::

    python tools/restate_pgx.py PHARMCAT_DEFINITIONS PYPGX_TABLES --lowest DPYD RYR1

The first two arguments are folders with the unzipped files of the two projects. `--lowest` names the genes that are read by the least
function found on each strand, as ClinPGx documents (see docs/pharmacogenes.md).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

INTO = Path(__file__).parents[1] / "src/consilium/knowledge/pgx"
RETRIEVED = "2026-11-28"
RANKS = (  # least function first, for genes that are read by the least one
    "No function", "Malignant Hyperthermia associated", "Decreased function", "Uncertain function", "Unknown function", "Normal function",
)  # fmt: skip
EITHER = {"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"}  # IUPAC: more than one base fits


def main() -> None:
    """Write every gene."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pharmcat", type=Path)
    parser.add_argument("pypgx", type=Path)
    parser.add_argument("--lowest", nargs="+", required=True)
    given = parser.parse_args()
    lifted = lifts(given.pypgx / "variant-table.csv")
    older = {path.name.split(".")[0]: path for path in (given.pharmcat / "older/phenotype_cpic_2024").glob("*.json")}
    exempt = json.loads((given.pharmcat / "definition/alleles/exemptions.json").read_text())
    for path in sorted((given.pharmcat / "definition/alleles").glob("*_translation.json")):
        definition = json.loads(path.read_text())
        gene = definition["gene"]
        newer = given.pharmcat / f"phenotype/{gene}.json"
        phenotype = json.loads((newer if newer.exists() else older[gene]).read_text()) if newer.exists() or gene in older else None
        restated = restate(definition, phenotype, lifted.get(gene, {}), exempt.get(gene, {}), given.lowest)
        write(INTO / f"{gene}.json", restated)
        print(gene, len(restated["variants"]), "positions,", len(restated["alleles"]), "alleles")


def lifts(table: Path) -> dict[str, dict[int, tuple[int, str]]]:
    """By gene, the GRCh37 position of each GRCh38 position that PyPGx lists, and its base there where the builds differ."""
    found: dict[str, dict[int, tuple[int, str]]] = defaultdict(dict)
    with table.open() as lines:
        for row in csv.DictReader(lines):
            new, old = row["GRCh38Name"].split("-"), row["GRCh37Name"].split("-")
            differs = row["GRCh37Allele"] if row["GRCh37Allele"] != row["GRCh38Allele"] else ""
            found[row["Gene"]][int(new[1])] = (int(old[1]), differs)
    return found


def restate(
    definition: dict[str, Any],
    phenotype: dict[str, Any] | None,
    lifted: dict[int, tuple[int, str]],
    exempt: dict[str, Any],
    lowest: list[str],
) -> dict[str, Any]:
    """One gene in the form of the shelf."""
    offset = Counter(old - new for new, (old, _) in lifted.items()).most_common(1)[0][0]
    ignored = {v["position"] for v in exempt.get("ignoredPositions", [])}
    seen = Counter(v["rsid"] for v in definition["variants"])
    variants, ids = [], []
    for v in definition["variants"]:
        name = v["rsid"] if v["rsid"] and seen[v["rsid"]] == 1 else v["chromosomeHgvsName"].split(";")[0].strip()
        ids.append(name)
        listed, differs = lifted.get(v["position"], (None, ""))
        variants.append(
            {
                "id": name,
                "hgvs": v["chromosomeHgvsName"],
                "GRCh38": v["position"],
                "GRCh37": listed or v["position"] + offset,
                "listed37": listed is not None,
                "ref": v["ref"],
                "alts": v["alts"],
            }
        )
        if differs:
            variants[-1]["ref37"] = differs
        if v["position"] in ignored:
            variants[-1]["ignored"] = True
    if len(set(ids)) != len(ids):
        raise SystemExit(f"{definition['gene']}: two positions share a name: {[i for i, n in Counter(ids).items() if n > 1]}")
    functions = functions_of(phenotype)
    alleles = {}
    for a in definition["namedAlleles"]:
        if a["name"] in exempt.get("ignoredAlleles", []) or a["structuralVariant"]:
            continue
        at = {i: "|".join(EITHER[x]) if x in EITHER else x for i, x in zip(ids, a["alleles"], strict=True) if x is not None}
        function, activity = functions.pop(a["name"], (None, None))
        alleles[a["name"]] = {"function": function, "activity": activity, "at": at}
    restated = {
        "gene": definition["gene"],
        "header": {
            "title": f"{definition['gene']}: named alleles, their positions and functions",
            "sources": ["clinpgx", "pypgx"],
            "version": definition["version"],
            "retrieved": RETRIEVED,
            "licence": "facts of CPIC, PharmVar and ClinPGx (CC0 and CC BY-SA 4.0) restated; GRCh37 positions of PyPGx (MIT)",
            "phenotypes": phenotype["version"] if phenotype else "none published",
        },
        "chromosome": definition["chromosome"],
        "reference": next(a["name"] for a in definition["namedAlleles"] if a["reference"]),
        "variants": variants,
        "alleles": alleles,
        "outside": {name: {"function": f, "activity": s} for name, (f, s) in functions.items()},
        "phenotypes": meanings(phenotype),
    }
    if definition["gene"] in lowest:
        restated["reading"] = "lowest"
        restated["ranks"] = [f for f in RANKS if any(a["function"] == f for a in alleles.values())]
    if exempt.get("requiredPositions"):
        restated["required"] = [i for i, v in zip(ids, definition["variants"], strict=True) if v["position"] in exempt["requiredPositions"]]
    if exempt.get("unphasedDiplotypePriorities"):
        restated["unphased"] = [[p["list"], p["pick"]] for p in exempt["unphasedDiplotypePriorities"]]
    return restated


def functions_of(phenotype: dict[str, Any] | None) -> dict[str, tuple[str | None, str | None]]:
    """Function and activity of each allele; an activity that nobody assigned is None."""
    if phenotype is None:
        return {}
    named = phenotype.get("namedAlleles")
    if named:
        return {a["name"]: (a["functionValue"], a["activityValue"] if a["activityValue"] != "n/a" else None) for a in named}
    return {name: (function, None) for name, function in phenotype["haplotypes"].items()}


def meanings(phenotype: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The phenotype of each pair of functions; where pairs do not decide, the phenotype of each activity score."""
    if phenotype is None:
        return []
    functions = functions_of(phenotype)
    pairs: dict[tuple[str, ...], set[str]] = defaultdict(set)
    scores: dict[str, set[str]] = defaultdict(set)
    for d in phenotype["diplotypes"]:
        alleles = [a for a, n in d["diplotypekey"].items() for _ in range(n)]
        means = d.get("phenotype") or d["generesult"]
        pairs[tuple(sorted(str(functions[a][0]) for a in alleles))].add(means)
        if d.get("activityScore"):
            scores[d["activityScore"]].add(means)
    if all(len(found) == 1 for found in pairs.values()):
        return [{"functions": list(pair), "phenotype": found.pop()} for pair, found in sorted(pairs.items())]
    if not all(len(found) == 1 for found in scores.values()):
        raise SystemExit(f"{phenotype['gene']}: neither functions nor scores decide the phenotype")
    numbered = sorted((float(s), found.pop()) for s, found in scores.items() if s[0].isdigit())
    ranges: list[dict[str, Any]] = []
    for score, means in numbered:
        if ranges and ranges[-1]["phenotype"] == means:
            ranges[-1]["score"][1] = score
        else:
            ranges.append({"score": [score, score], "phenotype": means})
    return ranges


def write(path: Path, restated: dict[str, Any]) -> None:
    """One line for each position, allele and meaning, so that a change is read in a diff."""
    lines = ["{"]
    for key, value in restated.items():
        last = key == list(restated)[-1]
        if isinstance(value, list) and value:
            body = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in value)
            lines.append(f' "{key}": [\n{body}\n ]' + ("" if last else ","))
        elif key in ("alleles", "outside") and value:
            body = ",\n".join(
                f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(row, ensure_ascii=False)}" for name, row in value.items()
            )
            lines.append(f' "{key}": {{\n{body}\n }}' + ("" if last else ","))
        else:
            lines.append(f' "{key}": {json.dumps(value, ensure_ascii=False)}' + ("" if last else ","))
    path.write_text("\n".join([*lines, "}"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
