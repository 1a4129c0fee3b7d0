"""A lookup from the user's own ClinVar: built whole or not at all, asked by place and alleles, and what a genome carries of it."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from consilium.cli.main import app
from consilium.core.errors import FormatError, InputError, NotFoundError
from consilium.genomics.clinvar import ABOUT, TABLE, ClinVar, build_clinvar
from consilium.genomics.inherited import Looked, look_up
from consilium.genomics.variant import Variant, normalised
from consilium.genomics.vcf import VariantFile

HEAD = """##fileformat=VCFv4.1
##fileDate=2026-01-03
##reference=GRCh38
##INFO=<ID=CLNSIG,Number=.,Type=String,Description="a">
##INFO=<ID=CLNSIGCONF,Number=.,Type=String,Description="a">
##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description="a">
##INFO=<ID=GENEINFO,Number=1,Type=String,Description="a">
##INFO=<ID=CLNDN,Number=.,Type=String,Description="a">
##INFO=<ID=MC,Number=.,Type=String,Description="a">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
STATUS = {
    "expert": "reviewed_by_expert_panel", "two": "criteria_provided,_multiple_submitters,_no_conflicts",
    "one": "criteria_provided,_single_submitter", "none": "no_assertion_criteria_provided",
    "differ": "criteria_provided,_conflicting_classifications",
}  # fmt: skip
FRAME = "SO:0001589|frameshift_variant"


def record(place: str, ref: str, alt: str, number: int, gene: str, words: str, status: str = "one", more: str = "") -> str:
    chromosome, start = place.split(":")
    told = f"CLNSIG={words};CLNREVSTAT={STATUS[status]};GENEINFO={gene}:1;CLNDN=Some_disease|not_provided{more}"
    return f"{chromosome}\t{start}\t{number}\t{ref}\t{alt}\t.\t.\t{told}\n"


RECORDS = "".join([
    record("1:1000", "C", "T", 1, "MUTYH", "Pathogenic", "two"),
    record("1:2000", "T", "C", 2, "MUTYH", "Likely_pathogenic"),
    record("2:178000000", "A", "T", 3, "TTN", "Pathogenic"),
    record("2:178000100", "A", "AT", 4, "TTN", "Pathogenic", more=f";MC={FRAME}"),
    record("6:26092913", "G", "A", 9, "HFE", "Pathogenic", "two"),
    record("13:32338700", "CAAA", "CAA", 5, "BRCA2", "Pathogenic", "expert", f";MC={FRAME}"),
    record("13:32338800", "G", "A", 6, "BRCA2", "Conflicting_classifications_of_pathogenicity", "differ",
           ";CLNSIGCONF=Pathogenic(1)|Uncertain_significance(3)"),
    record("13:32338900", "G", "A", 7, "BRCA2", "Conflicting_classifications_of_pathogenicity", "differ",
           ";CLNSIGCONF=Likely_benign(1)|Uncertain_significance(3)"),
    record("13:32339000", "T", "G", 8, "BRCA2", "Benign", "two"),
    record("17:43000000", "A", "C", 10, "BRCA1", "Pathogenic", "none"),
    record("17:43000000", "A", "C", 11, "BRCA1", "Uncertain_significance"),
    record("17:43000100", "A", "<DEL>", 12, "BRCA1", "Pathogenic"),
    *(record(f"17:4400{i}000", "A", "AT", 20 + i, "BRCA1", "Pathogenic", "two", f";MC={FRAME}") for i in range(3)),
    record("X:154000000", "G", "A", 13, "GLA", "Pathogenic"),
])  # fmt: skip


@pytest.fixture(scope="module")
def lookup(tmp_path_factory: pytest.TempPathFactory) -> ClinVar:
    folder = tmp_path_factory.mktemp("clinvar")
    (folder / "clinvar.vcf").write_text(HEAD + RECORDS)
    made = build_clinvar(folder / "clinvar.vcf", folder / "lookup")
    assert made.records == 15 and made.no_sequence == 1 and not made.unknown_words
    return ClinVar(folder / "lookup")


def genome(path: Path, lines: list[str], info: str = "") -> VariantFile:
    head = f"##fileformat=VCFv4.2\n##reference=GRCh38\n{info}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tp\n"
    path.write_text(head + "\n".join(lines) + "\n")
    return VariantFile(path)


def found(looked: Looked) -> dict[str, object]:
    return {f.identifier: f for f in looked.findings}


def test_a_record_is_found_in_whatever_spelling_a_file_without_repeats_writes_it(lookup: ClinVar, tmp_path: Path) -> None:
    file = genome(tmp_path / "a.vcf", ["13\t32338699\t.\tGCAAA\tG,GCAA\t.\tPASS\t.\tGT\t0/2", "13\t32339000\t.\tT\tG\t.\tPASS\t.\tGT\t1/1"])
    looked = look_up(file, lookup)
    (only,) = looked.findings
    assert (only.identifier, only.stars, only.zygosity, only.secondary) == ("5", 3, "heterozygous", "report")
    assert only.name == "NC_000013.11:g.32338701del" and only.genes == ("BRCA2",) and only.conditions == ("Some disease",)
    assert looked.carried == {"pathogenic": 1, "benign": 1} and looked.date == "2026-01-03" and not looked.aligned


def test_conflict_stays_conflict_and_only_a_pathogenic_voice_is_said_one_by_one(lookup: ClinVar, tmp_path: Path) -> None:
    lines = [f"13\t{at}\t.\tG\tA\t.\tPASS\t.\tGT\t0/1" for at in (32338800, 32338900)] + ["17\t43000000\t.\tA\tC\t.\tPASS\t.\tGT\t0/1"]
    looked = look_up(genome(tmp_path / "a.vcf", lines), lookup)
    said = found(looked)
    assert looked.carried == {"conflicting": 3}
    assert said["6"].classification == "conflicting" and "Pathogenic(1)" in said["6"].words and not said["6"].pathogenic
    assert said["6"].secondary == "" and said["6"].stars == 1
    # Two records of one variant that differ are a conflict, too.
    assert {f.classification for f in looked.findings} == {"conflicting"}
    assert "Uncertain_significance" in next(f for f in looked.findings if f.genes == ("BRCA1",)).words


@pytest.mark.parametrize(
    ("calls", "secondary", "phase"),
    [
        (("0/1", "0/0"), "one_copy", False),
        (("1/1", "0/0"), "report", False),
        (("0/1", "0/1"), "report", True),
        (("0|1", "1|0"), "report", False),
        (("0|1", "0|1"), "one_copy", False),
    ],
)
def test_recessive_genes_need_two_copies_and_unknown_phase_is_said(
    lookup: ClinVar, tmp_path: Path, calls: tuple[str, str], secondary: str, phase: bool
) -> None:
    lines = [f"1\t1000\t.\tC\tT\t.\tPASS\t.\tGT\t{calls[0]}", f"1\t2000\t.\tT\tC\t.\tPASS\t.\tGT\t{calls[1]}"]
    first = found(look_up(genome(tmp_path / "a.vcf", lines), lookup))["1"]
    assert first.secondary == secondary and ("phase" in first.lacking) is phase


def test_what_the_list_limits_is_limited(lookup: ClinVar, tmp_path: Path) -> None:
    lines = ["2\t178000000\t.\tA\tT\t.\tPASS\t.\tGT\t0/1", "2\t178000100\t.\tA\tAT\t.\tPASS\t.\tGT\t0/1",
             "6\t26092913\t.\tG\tA\t.\tPASS\t.\tGT\t1/1"]  # fmt: skip
    said = found(look_up(genome(tmp_path / "a.vcf", lines), lookup))
    assert said["3"].secondary == "unsure"  # nobody says whether it truncates titin
    assert said["4"].secondary == "report" and said["9"].secondary == "report"


def test_filtered_half_called_and_lone(lookup: ClinVar, tmp_path: Path) -> None:
    lines = [
        "1\t1000\t.\tC\tT\t.\tlowq\t.\tGT\t0/1",
        "13\t32338700\t.\tCAAA\tCAA\t.\tPASS\t.\tGT\t./1",
        "X\t154000000\t.\tG\tA\t.\tPASS\t.\tGT\t1/1",
    ]  # fmt: skip
    file = genome(tmp_path / "a.vcf", lines)
    looked = look_up(file, lookup, lone_x=True)
    assert looked.filtered == 1
    assert {f.identifier: f.zygosity for f in looked.findings} == {"5": "unknown", "13": "hemizygous"}
    assert found(look_up(file, lookup))["13"].zygosity == "homozygous"


def test_the_wrong_build_is_refused_by_name(lookup: ClinVar, tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    path.write_text("##fileformat=VCFv4.2\n##contig=<ID=1,length=249250621>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tp\n")
    with pytest.raises(InputError, match=r"different builds.*GRCh37.*GRCh38"):
        look_up(VariantFile(path), lookup)
    (tmp_path / "c.vcf").write_text(HEAD + RECORDS)
    with pytest.raises(InputError, match=r"another build.*GRCh38.*GRCh37"):
        build_clinvar(tmp_path / "c.vcf", tmp_path / "l", build="GRCh37")


def test_a_reference_makes_two_spellings_in_a_repeat_one(tmp_path: Path) -> None:
    pysam = pytest.importorskip("pysam")
    from consilium.genomics.variant import Fasta

    (tmp_path / "r.fa").write_text(">1\n" + "G" * 20 + "CAAAAAAT" + "G" * 20 + "\n")
    pysam.faidx(str(tmp_path / "r.fa"))
    reference = Fasta(tmp_path / "r.fa")
    (tmp_path / "c.vcf").write_text(HEAD + record("1:21", "CA", "C", 1, "BRCA1", "Pathogenic"))
    build_clinvar(tmp_path / "c.vcf", tmp_path / "l", reference=reference)
    file = genome(tmp_path / "a.vcf", ["1\t25\t.\tAA\tA\t.\tPASS\t.\tGT\t0/1"])
    assert not look_up(file, ClinVar(tmp_path / "l")).findings
    (only,) = look_up(file, ClinVar(tmp_path / "l"), reference=reference).findings
    assert only.place == "1-21-CA-C" and only.aligned and only.name.endswith("g.27del")


ANNOTATED = (
    '##INFO=<ID=gnomAD_AF,Number=A,Type=Float,Description="f">\n##INFO=<ID=AF,Number=A,Type=Float,Description="own">\n'
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
    'Format: Allele|Consequence|SYMBOL|HGVSp|CANONICAL">\n'
)


def test_evidence_is_computed_from_what_the_file_says_and_named_where_it_does_not(lookup: ClinVar, tmp_path: Path) -> None:
    lines = [
        "17\t44000000\t.\tA\tAT\t.\tPASS\tgnomAD_AF=0.00001;CSQ=T|intron_variant|BRCA1||,T|frameshift_variant|BRCA1|ENSP1:p.Glu23ValfsTer17|YES\tGT\t0/1",
        "13\t32338800\t.\tG\tA\t.\tPASS\tgnomAD_AF=0.2\tGT\t0/1",
        "6\t26092913\t.\tG\tA\t.\tPASS\tAF=0.9\tGT\t0/1",
    ]  # fmt: skip
    said = found(look_up(genome(tmp_path / "a.vcf", lines, ANNOTATED), lookup))
    broken, common, bare = said["20"], said["6"], said["9"]
    assert [(c.code, c.strength) for c in broken.criteria] == [("PVS1", "very_strong"), ("PM2", "supporting")]
    assert broken.protein == "ENSP1:p.Glu23ValfsTer17" and broken.criteria[0].facts["known"] == "3"
    assert [c.code for c in common.criteria] == ["BA1"] and common.classification == "conflicting"
    # The file's own AF is of its samples: it says nothing of a population.
    assert bare.criteria == () and {"frequency", "consequence", "protein"} <= set(bare.lacking)


def test_a_null_variant_that_the_lookup_does_not_know_is_evidence_and_no_class(lookup: ClinVar, tmp_path: Path) -> None:
    # Of one place that the lookup holds, another alternative.
    line = "17\t44000000\t.\tA\tAGG\t.\tPASS\tCSQ=GG|frameshift_variant|BRCA1||YES\tGT\t0/1"
    (only,) = look_up(genome(tmp_path / "a.vcf", [line], ANNOTATED), lookup).findings
    assert (only.classification, only.stars, only.secondary) == ("none", None, "unsure")
    assert [c.code for c in only.criteria] == ["PVS1"] and not only.pathogenic


def test_the_same_change_and_another_at_the_same_residue(tmp_path: Path) -> None:
    head = HEAD.replace("CLNSIG,", "CLINICAL_SIGNIFICANCE,").replace("CLNREVSTAT", "REVIEW_STATUS").replace("GENEINFO", "SYMBOL")
    head = head.replace("##INFO=<ID=MC,", '##INFO=<ID=HGVS_P,Number=1,Type=String,Description="p">\n##INFO=<ID=MC,')

    def row(start: int, ref: str, alt: str, number: int, words: str, protein: str) -> str:
        told = f"MEASURESET_ID={number};SYMBOL=G;CLINICAL_SIGNIFICANCE={words};REVIEW_STATUS={STATUS['one']};HGVS_P=NP_1.1:{protein}"
        return f"1\t{start}\t.\t{ref}\t{alt}\t.\t.\t{told}\n"

    rows = row(100, "G", "A", 1, "Pathogenic", "p.Val10Ile") + row(100, "G", "C", 2, "risk_factor", "p.Val10Leu")
    rows += row(102, "A", "C", 3, "Pathogenic", "p.Val10Leu")
    (tmp_path / "c.vcf").write_text(head + rows)
    build_clinvar(tmp_path / "c.vcf", tmp_path / "l")
    lines = ["1\t100\t.\tG\tA,C\t.\tPASS\t.\tGT\t1/2"]
    said = found(look_up(genome(tmp_path / "a.vcf", lines), ClinVar(tmp_path / "l")))
    assert [c.code for c in said["2"].criteria] == ["PS1"] and said["2"].criteria[0].facts["identifier"] == "3"
    assert [c.code for c in said["1"].criteria] == ["PM5"]


def test_a_build_is_whole_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "c.vcf").write_text(HEAD + RECORDS + record("1:5", "A", "T", 99, "G", "Benign"))
    with pytest.raises(FormatError, match="two places"):
        build_clinvar(tmp_path / "c.vcf", tmp_path / "l")
    assert [p.name for p in tmp_path.iterdir()] == ["c.vcf"]
    (tmp_path / "c.vcf").write_text(HEAD + RECORDS)
    told: list[tuple[int, int]] = []
    build_clinvar(tmp_path / "c.vcf", tmp_path / "l", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (16, 16)
    first = (tmp_path / "l" / TABLE).read_bytes()
    build_clinvar(tmp_path / "c.vcf", tmp_path / "l")
    assert (tmp_path / "l" / TABLE).read_bytes() == first and sorted(p.name for p in tmp_path.iterdir()) == ["c.vcf", "l"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="something else"):
        build_clinvar(tmp_path / "c.vcf", tmp_path / "other")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.replace("##fileDate=2026-01-03\n", ""), "--date"),
        (lambda t: t.replace("##reference=GRCh38\n", ""), "--build"),
        (lambda t: t.replace("CLNREVSTAT", "CLNREV"), "Not a VCF of ClinVar"),
        (lambda t: "hello\n", "Not a VCF"),
        (lambda t: t.replace("2026-01-03", "2026-99-99"), "2026-99-99"),
    ],
)
def test_bad_files_are_refused_in_words(tmp_path: Path, change, words: str) -> None:
    (tmp_path / "c.vcf").write_text(change(HEAD + RECORDS))
    with pytest.raises((FormatError, InputError), match=words):
        build_clinvar(tmp_path / "c.vcf", tmp_path / "l")


def test_a_damaged_lookup_is_refused(lookup: ClinVar, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="consilium clinvar"):
        ClinVar(tmp_path)
    (tmp_path / ABOUT).write_text("{")
    (tmp_path / TABLE).write_bytes(b"PAR1")
    with pytest.raises(FormatError, match="Build it again"):
        ClinVar(tmp_path)
    (tmp_path / "c.vcf").write_text(HEAD + RECORDS)
    shutil.copy(build_clinvar(tmp_path / "c.vcf", tmp_path / "whole").folder / TABLE, tmp_path / TABLE)
    for about in ("[]", "{}", '{"form": 1}'):
        (tmp_path / ABOUT).write_text(about)
        with pytest.raises(FormatError, match="Build it again"):
            ClinVar(tmp_path)


def test_a_tumour_is_no_genome(lookup: ClinVar, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="somatic"):
        look_up(genome(tmp_path / "a.vcf", ["1\t1000\t.\tC\tT\t.\tPASS\tDP=9;SOMATIC\tGT\t0/1"]), lookup)
    assert not look_up(genome(tmp_path / "b.vcf", ["1\t1000\t.\tC\tT\t.\tPASS\tDP=9;SOMATIC\tGT\t0/0"]), lookup).findings


def test_the_commands(tmp_path: Path) -> None:
    run = CliRunner()
    (tmp_path / "c.vcf").write_text(HEAD + RECORDS)
    refused = run.invoke(app, ["clinvar", str(tmp_path / "c.vcf"), "--out", str(tmp_path / "c.vcf" / "l")])
    assert refused.exit_code == 1 and "Check the path" in refused.output and "Traceback" not in refused.output
    made = run.invoke(app, ["clinvar", str(tmp_path / "c.vcf"), "--out", str(tmp_path / "l")])
    assert made.exit_code == 0 and "pathogenic" in made.output
    genome(tmp_path / "a.vcf", ["13\t32338700\t.\tCAAA\tCAA\t.\tPASS\t.\tGT\t0/1"])
    shown = run.invoke(app, ["genome", str(tmp_path / "a.vcf"), "--clinvar", str(tmp_path / "l"), "--format", "json"])
    variants = orjson.loads(shown.stdout)["variants"]
    assert variants["findings"][0]["identifier"] == "5" and variants["findings"][0]["criteria_alone"] == {"class": "uncertain", "points": 0}
    text = run.invoke(app, ["genome", str(tmp_path / "a.vcf"), "--clinvar", str(tmp_path / "l")]).stdout
    assert "3 of 4 stars" in text and "accredited laboratory" in text
    without = run.invoke(app, ["genome", str(tmp_path / "a.vcf")]).stdout
    assert "No classified variants were looked up" in without
    named = run.invoke(app, ["hgvs", "NC_000017.10:g.41246481T>C", "p.R97*"])
    assert named.exit_code == 0 and "41246481-T-C" in named.output and "Arg97Ter" in named.output
    assert run.invoke(app, ["hgvs", "nonsense"]).exit_code == 1


def test_the_file_of_2016(unzipped, tmp_path: Path) -> None:
    """136,095 records; some that are well known are found as what they are."""
    whole = unzipped("clinvar") / "clinvar_2016-09-10.b37.vcf.gz"
    small = tmp_path / "small.vcf.gz"
    with gzip.open(whole, "rt") as lines, gzip.open(small, "wt") as out:
        out.writelines(line for line in lines if line.startswith(("#", "6\t", "13\t", "17\t")))
    made = build_clinvar(small, tmp_path / "l", date="2016-09-10")
    assert made.records > 20_000 and not made.unknown_words
    lookup = ClinVar(tmp_path / "l")
    assert lookup.build == "GRCh37"
    known = lookup.at([Variant("17", 41276044, "ACT", "A"), Variant("6", 26093141, "G", "A"), Variant("17", 41276045, "C", "CT")])
    said = {e.identifier: (e.classification, e.stars) for e in known.values()}
    assert said == {"9": ("conflicting", 1), "17662": ("pathogenic", 3), "37691": ("none", 0)}


KNOWN = {
    # place on GRCh37, and the number, class and place on the list of secondary findings that a textbook leads one to expect
    "17-41276044-ACT-A": ("17662", "pathogenic", "report"),  # BRCA1 c.68_69del
    "17-41209079-T-TG": ("17677", "pathogenic", "report"),  # BRCA1 c.5266dup
    "13-32914437-GT-G": ("9325", "pathogenic", "report"),  # BRCA2 c.5946del
    "13-32911297-TAAAC-T": ("9322", "pathogenic", "report"),  # BRCA2 c.2808_2811del
    "17-7578406-C-T": ("12374", "pathogenic", "report"),  # TP53 Arg175His
    "17-7577538-C-T": ("12356", "pathogenic_or_likely", "report"),  # TP53 Arg248Gln
    "17-7577539-G-A": ("12347", "pathogenic_or_likely", "report"),  # TP53 Arg248Trp
    "19-11213463-G-A": ("3736", "pathogenic_or_likely", "report"),  # LDLR, familial hypercholesterolaemia of Elverum
    "7-117199644-ATCT-A": ("7105", "pathogenic", ""),  # CFTR Phe508del
    "11-46761055-G-A": ("13310", "pathogenic", ""),  # F2 c.*97G>A
    "13-20763685-AC-A": ("17004", "pathogenic", ""),  # GJB2 c.35del
    "12-103234271-G-A": ("577", "pathogenic", ""),  # PAH Arg408Trp
    "1-76226846-A-G": ("3586", "pathogenic", ""),  # ACADM Lys329Glu
    "14-94844947-C-T": ("17967", "pathogenic", ""),  # SERPINA1, allele Z
    "15-72638916-C-CATAG": ("3889", "pathogenic", ""),  # HEXA, four bases of Tay-Sachs disease
    "22-29091856-AG-A": ("128042", "pathogenic", ""),  # CHEK2 c.1100del
    "5-112175211-T-A": ("822", "conflicting", ""),  # APC Ile1307Lys
    "6-26093141-G-A": ("9", "conflicting", ""),  # HFE Cys282Tyr
    "6-26091179-C-G": ("10", "conflicting", ""),  # HFE His63Asp
}
"""Conflicting are those that submitters of 2016 did not agree on. The twentieth is benign, and only counted: BRCA1 Pro871Leu."""
BENIGN = "17-41244936-G-A"


def test_twenty_variants_that_everybody_knows(unzipped, tmp_path: Path) -> None:
    places = {tuple(place.split("-")[:2]) for place in (*KNOWN, BENIGN)}
    with gzip.open(unzipped("clinvar") / "clinvar_2016-09-10.b37.vcf.gz", "rt") as lines:
        kept = [line for line in lines if line.startswith("#") or tuple(line.split("\t", 2)[:2]) in places]
    (tmp_path / "c.vcf").write_text("".join(kept))
    lookup = ClinVar(build_clinvar(tmp_path / "c.vcf", tmp_path / "l", date="2016-09-10").folder)
    ordered = sorted((place.split("-") for place in (*KNOWN, BENIGN)), key=lambda part: (int(part[0]), int(part[1])))
    rows = [f"{c}\t{place}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT\t0/1" for c, place, ref, alt in ordered]
    file = genome(tmp_path / "a.vcf", rows)
    file.path.write_text(file.path.read_text().replace("GRCh38", "GRCh37"))
    looked = look_up(VariantFile(file.path), lookup)
    assert {f.place: (f.identifier, f.classification, f.secondary) for f in looked.findings} == {
        normal(place): told for place, told in KNOWN.items()
    }
    assert sum(looked.carried.values()) == 20 and looked.carried["benign"] == 1


def normal(place: str) -> str:
    """A place as a finding writes it: without shared bases."""
    chromosome, start, ref, alt = place.split("-")
    spelled = normalised(Variant(chromosome, int(start), ref, alt), None)
    return f"{spelled.chromosome}-{spelled.start}-{spelled.ref}-{spelled.alt}"
