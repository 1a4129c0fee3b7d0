"""Write the genomes of the example ward, `genomes/ward.vcf`, `genomes/samples.csv` and a few records of ClinVar: the same bytes every time.

One invented sample for each of the twelve. A gene that a story does not name is as in the reference. `LOST` are positions that the
sequencer did not read; they are written as `./.`, so that what is not known can be told from what is normal.

`CLINVAR` restates five real records of BRCA1 as ClinVar told them on 10 September 2016 (public domain; the tables of the MacArthur
laboratory, by variation number). Their places on GRCh38 are those on GRCh37 and 1,847,983, as the names of 17660, 17662, 17677, 37401 and
37409 on both builds say; what each does to the protein is read off its name. It is an excerpt for a demonstration, and long out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from consilium.knowledge.pharmacogenes import Pharmacogene, pharmacogenes

BUILD = "GRCh38"
WARD: Mapping[str, Mapping[str, str]] = {
    # Breast cancer may need capecitabine: half of the enzyme that clears it is missing.
    "amara-okafor": {"DPYD": "Reference/c.1905+1G>A (*2A)", "CYP2D6": "*1/*17"},
    "ravi-iyer": {"SLCO1B1": "*1/*1", "CYP2C19": "*1/*2"},
    "tomasz-wysocki": {"CYP2C19": "*1/*17", "CYP2D6": "*1/*4"},
    "guadalupe-reyes": {"NAT2": "*5/*6", "CYP2C19": "*1/*1"},
    # Metoprolol, and no CYP2D6 to clear it.
    "kenji-moriyama": {"CYP2D6": "*4/*4", "CYP2C19": "*1/*3"},
    # Simvastatin 40 mg with a transporter that does not work, and warfarin.
    "ingrid-solheim": {"SLCO1B1": "*5/*5", "CYP2C9": "*1/*2", "VKORC1": "rs9923231 reference (C)/rs9923231 variant (T)"},
    # Two reasons why clopidogrel did nothing.
    "chen-guoliang": {"CYP2C19": "*2/*2", "CYP2D6": "*1/*10"},
    # Warfarin starts: sensitive target and slow clearance.
    "yusuf-demir": {"CYP2C9": "*1/*3", "VKORC1": "rs9923231 variant (T)/rs9923231 variant (T)"},
    "mateo-quispe": {"G6PD": "A- 202A_376G", "CYP2B6": "*1/*6"},
    "leilani-kahale": {"CYP3A5": "*1/*3", "UGT1A1": "*1/*6"},
    "saoirse-brennan": {"TPMT": "*1/*3A"},
    "robin-vale": {"CYP2C19": "*1/*1"},
}
LOST: Mapping[str, tuple[str, ...]] = {"ravi-iyer": ("rs4149056",), "robin-vale": ("rs4244285", "rs12248560", "rs3892097")}
RESULTS = {
    "amara-okafor": "2025-05-20T16:00:00+01:00",
    "ravi-iyer": "2025-03-10",
    "tomasz-wysocki": "2025-06-20",
    "guadalupe-reyes": "2024-02-12",
    "kenji-moriyama": "2025-02-17",
    "ingrid-solheim": "2025-10-20",
    "chen-guoliang": "2025-04-05T11:30:00+08:00",
    "yusuf-demir": "2025-08-27T15:00:00+03:00",
    "mateo-quispe": "2025-07-01",
    "leilani-kahale": "2025-06-02",
    "saoirse-brennan": "2025-08-01",
    "robin-vale": "2025-03-03",
}
CLASSIFIED = "clinvar-2016-09-10.vcf"
CLINVAR = (
    # c.5266dup
    (43057062, "17677", "T", "TG", "Pathogenic", "reviewed_by_expert_panel", "Hereditary_breast_and_ovarian_cancer_syndrome",
     "SO:0001589|frameshift_variant"),
    # c.2612C>T
    (43092919, "41812", "G", "A", "Benign", "reviewed_by_expert_panel", "Breast-ovarian_cancer,_familial_1", "SO:0001583|missense_variant"),
    # c.1389_1390delinsG
    (43094141, "37409", "TT", "C", "Pathogenic", "criteria_provided,_single_submitter", "Breast-ovarian_cancer,_familial_1",
     "SO:0001589|frameshift_variant"),
    # c.303T>G
    (43104260, "54758", "A", "C", "Pathogenic", "criteria_provided,_multiple_submitters,_no_conflicts",
     "Breast-ovarian_cancer,_familial_1|Hereditary_breast_and_ovarian_cancer_syndrome", "SO:0001587|nonsense"),
    # c.68_69del
    (43124027, "17662", "ACT", "A", "Pathogenic", "reviewed_by_expert_panel", "Breast-ovarian_cancer,_familial_1",
     "SO:0001589|frameshift_variant"),
)  # fmt: skip
ANNOTATED = {
    "54758": "ANN=C|stop_gained|HIGH|BRCA1|c.303T>G|p.Tyr101*",
    "41812": "ANN=A|missense_variant|MODERATE|BRCA1|c.2612C>T|p.Pro871Leu",
}
# Her mother had breast cancer at 46, an aunt ovarian cancer at 58. c.303T>G recurs in Nigeria (Zhang 2009, PMID 18679828).
INHERITED: Mapping[str, Mapping[str, str]] = {"amara-okafor": {"54758": "0/1", "41812": "0/1"}, "saoirse-brennan": {"41812": "0/1"}}
ONE_X = ("tomasz-wysocki", "ravi-iyer", "kenji-moriyama", "chen-guoliang", "yusuf-demir", "mateo-quispe")


def vcf() -> str:
    """One line for each position of each gene and each inherited variant, one column for each of the twelve."""
    genes = sorted(pharmacogenes().values(), key=lambda g: (_number(g.chromosome), g.positions[0].start[BUILD]))
    lines = ["##fileformat=VCFv4.2", "##fileDate=20251201", "##source=make_genomes.py (invented people)", "##reference=GRCh38"]
    lines += [f"##contig=<ID={name}>" for name in sorted({"chr17", *(g.chromosome for g in genes)}, key=_number)]
    columns = "Allele | Annotation | Annotation_Impact | Gene_Name | HGVS.c | HGVS.p"
    lines += ['##FILTER=<ID=PASS,Description="All filters passed">', '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines.append(f'##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations: {columns}">')
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *WARD]))
    rows: dict[tuple[int, int, str], str] = {}
    for gene in genes:
        strands = {who: _strands(gene, told.get(gene.name, "")) for who, told in WARD.items()}
        for p in gene.positions:
            known = [p.ref[BUILD], *(x for x in (p.ref["GRCh38"], *p.alts) if x != p.ref[BUILD])]
            calls = ["./." if p.id in LOST.get(who, ()) else "|".join(str(known.index(s[p.id])) for s in strands[who]) for who in WARD]
            name = p.id if p.id.startswith("rs") else "."
            row = [gene.chromosome, str(p.start[BUILD]), name, known[0], ",".join(known[1:]), ".", "PASS", ".", "GT", *calls]
            rows[_number(gene.chromosome), p.start[BUILD], known[0]] = "\t".join(row)
    for place, number, ref, alt, *_ in CLINVAR:
        calls = [INHERITED.get(who, {}).get(number, "0/0") for who in WARD]
        row = ["chr17", str(place), ".", ref, alt, ".", "PASS", ANNOTATED.get(number, "."), "GT", *calls]
        rows[17, place, ref] = "\t".join(row)
    return "\n".join([*lines, *(rows[key] for key in sorted(rows))]) + "\n"


def samples() -> str:
    """Whose sample is whose, and when the result was given."""
    rows = [f"ward.vcf,{who},{who},{RESULTS[who]},{'yes' if who in ONE_X else ''}" for who in WARD]
    return "\n".join(["file,sample,patient,result_time,one_x", *rows]) + "\n"


def clinvar() -> str:
    """The records of ClinVar that the demonstration looks up."""
    lines = ["##fileformat=VCFv4.2", "##fileDate=2016-09-10", "##source=ClinVar (public domain): five records restated by make_genomes.py"]
    lines += [f"##reference={BUILD}", "##contig=<ID=17>"]
    lines += [f'##INFO=<ID={name},Number=.,Type=String,Description="as in ClinVar">' for name in ("CLNSIG", "CLNREVSTAT", "GENEINFO")]
    lines += [f'##INFO=<ID={name},Number=.,Type=String,Description="as in ClinVar">' for name in ("CLNDN", "MC")]
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]))
    for place, number, ref, alt, words, status, conditions, consequence in CLINVAR:
        info = f"CLNSIG={words};CLNREVSTAT={status};GENEINFO=BRCA1:672;CLNDN={conditions};MC={consequence}"
        lines.append("\t".join(["17", str(place), number, ref, alt, ".", ".", info]))
    return "\n".join(lines) + "\n"


def _strands(gene: Pharmacogene, told: str) -> list[dict[str, str]]:
    alleles = told.split("/") if told else [gene.reference]
    return [_strand(gene, name) for name in (alleles * 2)[:2]]


def _strand(gene: Pharmacogene, name: str) -> dict[str, str]:
    reference, own = gene.alleles[gene.reference], gene.alleles[name]
    return {p.id: own.at.get(p.id, reference.at[p.id])[0] for p in gene.positions}


def _number(chromosome: str) -> int:
    bare = chromosome.removeprefix("chr")
    return int(bare) if bare.isdigit() else 23


def main(into: Path) -> None:
    """Write the three files into a folder."""
    into.mkdir(exist_ok=True)
    (into / "ward.vcf").write_text(vcf(), encoding="utf-8", newline="\n")
    (into / "samples.csv").write_text(samples(), encoding="utf-8", newline="\n")
    (into / CLASSIFIED).write_text(clinvar(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("genomes"))
