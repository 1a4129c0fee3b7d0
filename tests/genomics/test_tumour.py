"""Tumour options: what every oncologist knows must be found, nearest disease and best evidence first, and the unknown is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from consilium.cli.main import app
from consilium.core.errors import InputError
from consilium.genomics.tumour import EXACT, OTHER, tumour_options
from consilium.genomics.vcf import VariantFile
from consilium.knowledge.tumour_evidence import tumour_diseases, tumour_evidence

HEAD = "##fileformat=VCFv4.2\n##contig=<ID=7,length=159138663>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ttumour\n"


def _best(disease: str, *variants: str):
    return tumour_options(disease, variants).options


@pytest.mark.parametrize(
    ("disease", "variant", "drug", "effect"),
    [
        ("Lung Non-small Cell Carcinoma", "EGFR L858R", "Erlotinib", "Sensitivity/Response"),
        ("Lung Non-small Cell Carcinoma", "EGFR T790M", "Osimertinib", "Sensitivity/Response"),
        ("Lung Adenocarcinoma", "EGFR T790M", "Erlotinib", "Resistance"),
        ("Breast Cancer", "ERBB2 amplification", "Trastuzumab", "Sensitivity/Response"),
        ("Lung Non-small Cell Carcinoma", "ALK fusions", "Crizotinib", "Sensitivity/Response"),
        ("Breast Cancer", "PIK3CA H1047R", "Trastuzumab", "Resistance"),
    ],
)
def test_what_every_oncologist_knows(disease: str, variant: str, drug: str, effect: str) -> None:
    found = [o for o in _best(disease, variant) if drug in o.evidence.drugs and o.evidence.effect == effect]
    assert found and min(o.evidence.level for o in found) <= "D"


def test_spelling_of_the_change_does_not_matter() -> None:
    one = {o.evidence.evidence for o in _best("lung adenocarcinoma", "EGFR L858R")}
    assert one == {o.evidence.evidence for o in _best("Lung Adenocarcinoma", "egfr p.Leu858Arg")} and one


def test_nearest_disease_and_best_level_come_first() -> None:
    options = _best("Lung Non-small Cell Carcinoma", "EGFR L858R")
    levels = [o.evidence.level for o in options if o.disease_match != OTHER]
    assert levels == sorted(levels) and options[0].disease_match == EXACT


def test_what_is_not_known_is_said_and_not_called_harmless() -> None:
    found = tumour_options("Breast Cancer", ["ABC1 X1Y"])
    assert found.options == () and found.unknown == ("ABC1 X1Y",)
    told = CliRunner().invoke(app, ["tumour", "Breast Cancer", "--variant", "ABC1 X1Y"])
    assert told.exit_code == 0 and "does not make it harmless" in told.stdout and "not a medical device" in told.stdout


def test_a_change_is_not_taken_for_another_of_its_gene() -> None:
    assert not {o.evidence.variant for o in _best("Lung Cancer", "EGFR L858R")} & {"T790M", "EXON 19 DELETION"}


def test_calls_of_a_file_are_matched_by_their_alleles(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    places = ("55259515\t.\tT\tG", "55249071\t.\tC\tA", "55242464\t.\tAGGAATTAAGAGAAGC\tA")
    path.write_text(HEAD + "".join(f"7\t{place}\t.\tPASS\t.\tGT\t0/1\n" for place in places))
    found = {o.evidence.variant for o in tumour_options("Lung Adenocarcinoma", file=VariantFile(path)).options}
    assert "L858R" in found and "EXON 19 DELETION" in found and "T790M" not in found


def test_another_build_and_an_unknown_disease_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    path.write_text(HEAD.replace("159138663", "159345973"))
    with pytest.raises(InputError, match=r"another build.*GRCh38.*name the variants"):
        tumour_options("Lung Cancer", file=VariantFile(path))
    with pytest.raises(InputError, match=r"No evidence.*Lung Adenocarcinoma"):
        tumour_options("Hay fever", ["EGFR L858R"])
    with pytest.raises(InputError, match="a gene and a change"):
        tumour_options("Lung Cancer", ["EGFR"])


def test_every_item_has_a_disease_a_drug_and_a_citation() -> None:
    for e in tumour_evidence():
        assert e.drugs and e.citation.split()[1] and e.disease in tumour_diseases() and e.reviewed is not None
