"""Genomes: results become events of the right person at the right time, and nothing about them is guessed."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from consilium.core.errors import ConsiliumError, InputError, NotFoundError
from consilium.council.chart import chart
from consilium.genomics.clinvar import ABOUT, build_clinvar
from consilium.intake import ingest, latest
from consilium.intake.genomes import GenomeOrder, read, recognises
from consilium.knowledge import shelf
from consilium.knowledge.pharmacogenes import pharmacogenes

sys.path.insert(0, str(Path(__file__).parents[1] / "genomics"))
from made import vcf

POOR, NOT_CALLED = "LOINC//LA9657-3", "CONSILIUM//gene-not-called"
GENOTYPE, PHENOTYPE, ALTERNATIVES = (f"{kind}//HGNC//HGNC:2621" for kind in ("GENOTYPE", "PHENOTYPE", "ALTERNATIVES"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return vcf(tmp_path / "people.vcf", pharmacogenes()["CYP2C19"], {"s1": ("*2", "*2"), "s2": ("*1", "*17")})


def _events(batches) -> list[dict]:
    return [row for batch in batches for row in batch.events.to_pylist()]


def test_a_gene_is_a_genotype_a_phenotype_and_what_else_is_possible(file: Path) -> None:
    rows = {row["code"]: row for row in _events(read(file, GenomeOrder("amara", "2026-01-03", "s1", "GRCh38")))}
    assert rows[GENOTYPE]["text_value"] == "*2/*2" and rows[PHENOTYPE]["text_value"] == POOR
    assert orjson.loads(rows[ALTERNATIVES]["text_value"])["seen"] > 20
    assert {row["patient_id"] for row in rows.values()} == {"amara"}
    # A date without a time is known at the end of that day.
    assert rows[GENOTYPE]["time"] == datetime(2026, 1, 3) and rows[GENOTYPE]["available"] == datetime(2026, 1, 4)


def test_a_gene_that_was_not_called_is_an_event_too(file: Path) -> None:
    rows = {row["code"]: row for row in _events(read(file, GenomeOrder("amara", "2026-01-03T08:00:00Z", "s1")))}
    untouched = shelf().genes.code_of["TPMT"]
    assert rows[f"GENOTYPE//{untouched}"]["text_value"] == NOT_CALLED
    assert f"PHENOTYPE//{untouched}" not in rows
    assert "nothing_seen" in orjson.loads(rows[f"ALTERNATIVES//{untouched}"]["text_value"])["notes"]


def test_every_gene_is_counted(file: Path) -> None:
    (batch,) = read(file, GenomeOrder("amara", "2026-01-03", "s1"))
    assert batch.rows == batch.read == len(pharmacogenes()) and not batch.rejects


@pytest.mark.parametrize(
    "order",
    [
        None,
        GenomeOrder("", "2026-01-03", "s1"),
        GenomeOrder("amara", "", "s1"),
        GenomeOrder("amara", "file", "s1"),
        GenomeOrder("amara", "2026-01-03T08:00", "s1"),
        GenomeOrder("amara", "soon", "s1"),
        GenomeOrder("amara", "2026-01-03"),
        GenomeOrder("amara", "2026-01-03", "s3"),
    ],
)
def test_nothing_is_guessed(file: Path, order: GenomeOrder | None) -> None:
    with pytest.raises(ConsiliumError):
        list(read(file, order))


def test_the_date_of_the_file_counts_when_the_caller_says_so(file: Path) -> None:
    file.write_text(file.read_text().replace("##contig", "##fileDate=20251103\n##contig", 1))
    rows = _events(read(file, GenomeOrder("amara", "file", "s1")))
    assert {row["time"] for row in rows} == {datetime(2025, 11, 3)}


def test_one_file_may_hold_the_samples_of_several_patients(file: Path, tmp_path: Path) -> None:
    for patient, sample in (("amara", "s1"), ("ravi", "s2"), ("ravi", "s2")):
        made = ingest(file, tmp_path / "record", genome=GenomeOrder(patient, "2026-01-03", sample))
    assert [name for name, _ in made.patients()] == ["amara", "ravi"]
    assert latest(made).already == 1
    ravi = made.patient("ravi", as_of=datetime(2026, 2, 1)).events.to_pylist()
    assert next(row for row in ravi if row["code"] == GENOTYPE)["text_value"] == "*1/*17"


def test_an_order_is_for_one_file(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.vcf"
    other.write_text(file.read_text() + "\n")
    with pytest.raises(InputError, match="one VCF at a time"):
        ingest([file, other], tmp_path / "record", genome=GenomeOrder("amara", "2026-01-03", "s1"))


def test_a_folder_says_whose_samples_they_are(file: Path, tmp_path: Path) -> None:
    sheet = ["file,sample,patient,result_time", "people.vcf,s1,amara,2026-01-03", "people.vcf,s2,ravi,2026-01-04",
             "people.vcf,s9,kenji,2026-01-04", "../outside.vcf,s1,kenji,2026-01-04", "people.vcf,s1,kenji,"]  # fmt: skip
    (tmp_path / "samples.csv").write_text("\n".join(sheet) + "\n")
    (tmp_path.parent / "outside.vcf").write_text(file.read_text())
    assert recognises(tmp_path)
    batches = list(read(tmp_path))
    assert {row["patient_id"] for row in _events(batches)} == {"amara", "ravi"}
    refused = [reject for batch in batches for reject in batch.rejects]
    assert [reject.row for reject in refused] == ["4", "5", "6"] and {reject.patient_id for reject in refused} == {"kenji"}
    assert sum(b.rows for b in batches) == sum(b.read for b in batches) + 3


def test_a_genome_without_an_order_is_refused_in_words(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--patient"):
        ingest(file, tmp_path / "record")


@pytest.fixture
def looked(tmp_path: Path) -> Path:
    """A VCF whose sample carries a pathogenic variant, and beside it a lookup that says so."""
    fields = "".join(f'##INFO=<ID={name},Number=.,Type=String,Description="a">\n' for name in ("CLNSIG", "CLNREVSTAT", "GENEINFO", "CLNDN"))
    head = "##fileformat=VCFv4.2\n##fileDate=2026-01-03\n##reference=GRCh38\n"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    told = "CLNSIG=Pathogenic;CLNREVSTAT=reviewed_by_expert_panel;GENEINFO=BRCA1:672;CLNDN=Breast-ovarian_cancer"
    (tmp_path / "clinvar.vcf").write_text(f"{head}{fields}{columns}\n17\t43124027\t17662\tACT\tA\t.\t.\t{told}\n")
    build_clinvar(tmp_path / "clinvar.vcf", tmp_path / "lookup")
    (tmp_path / "genomes").mkdir()
    for path in (tmp_path / "a.vcf", tmp_path / "genomes" / "a.vcf"):
        path.write_text(f"{head}{columns}\tFORMAT\tp\n17\t43124027\t.\tACT\tA\t.\tPASS\t.\tGT\t0/1\n")
    (tmp_path / "genomes" / "samples.csv").write_text("file,sample,patient,result_time\na.vcf,p,amara,2026-01-10\n")
    return tmp_path


def test_a_lookup_finds_variants_that_a_consultation_then_holds(looked: Path, tmp_path: Path) -> None:
    order = GenomeOrder("amara", "2026-01-10", clinvar=tmp_path / "lookup")
    (batch,) = read(tmp_path / "a.vcf", order)
    assert batch.rows == batch.read == len(pharmacogenes()) + 2
    record = ingest(tmp_path / "a.vcf", tmp_path / "record", genome=order)
    (held,) = chart(record.patient("amara"), shelf()).variants
    assert (held.genes, held.classification, held.stars, held.secondary, held.identifier) == (
        ("BRCA1",),
        "pathogenic",
        3,
        "report",
        "17662",
    )


def test_a_folder_of_genomes_is_looked_up_by_an_order_without_a_patient(looked: Path, tmp_path: Path) -> None:
    order = GenomeOrder(clinvar=looked / "lookup")
    for already in (0, 1):
        record = ingest(looked / "genomes", tmp_path / "record", genome=order)
        assert latest(record).already == already
    (held,) = chart(record.patient("amara"), shelf()).variants
    assert held.secondary == "report"
    about = looked / "lookup" / ABOUT
    about.write_text(about.read_text().replace("2026-01-03", "2026-02-03"))  # newer data at the same place are looked into again
    assert latest(ingest(looked / "genomes", tmp_path / "record", genome=order)).already == 0


def test_a_lookup_that_is_not_there_or_fits_nothing_is_refused_before_anything_is_read(looked: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="consilium clinvar"):
        ingest(looked / "genomes", tmp_path / "record", genome=GenomeOrder(clinvar=looked / "none"))
    (looked / "notes.ndjson").write_text("")
    with pytest.raises(InputError, match="no genome to read with it"):
        ingest(looked / "notes.ndjson", tmp_path / "record", genome=GenomeOrder(clinvar=looked / "lookup"))
    with pytest.raises(InputError, match="--patient"):
        ingest(looked / "a.vcf", tmp_path / "record", genome=GenomeOrder(clinvar=looked / "lookup"))
    with pytest.raises(InputError, match="one VCF at a time"):
        ingest(looked / "genomes", tmp_path / "record", genome=GenomeOrder("amara", "2026-01-03"))
