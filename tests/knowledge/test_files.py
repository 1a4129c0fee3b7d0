"""Every knowledge file is distrusted: header, sources, codes, units, words; and a file that breaks its rules is refused by name."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from consilium.core.code import split
from consilium.core.errors import KnowledgeError
from consilium.knowledge import Shelf, open_shelf
from consilium.knowledge.shelf import FOLDER

TABLES = sorted(FOLDER.rglob("*.csv"))
BOOKS = sorted(FOLDER.rglob("*.yaml"))
GENES = sorted(FOLDER.rglob("*.json"))
HAN = re.compile(r"[\u4e00-\u9fff]")


def _rows(path: Path) -> list[dict[str, str]]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


@pytest.mark.parametrize("path", TABLES, ids=lambda p: p.name)
def test_every_table_opens_with_its_provenance(path: Path) -> None:
    header = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        key, _, value = line[1:].partition(":")
        header[key.strip()] = value.strip()
    assert header.get("sources") or header.get("source")
    assert header["version"] and header["licence"]
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", header["retrieved"])


@pytest.mark.parametrize("path", BOOKS, ids=lambda p: p.name)
def test_every_book_opens_with_its_provenance(path: Path) -> None:
    header = yaml.safe_load(path.read_text(encoding="utf-8"))["header"]
    assert header["title"] and header["sources"] and header["licence"] and header["version"]
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", header["retrieved"])


@pytest.mark.parametrize("path", GENES, ids=lambda p: p.name)
def test_every_gene_opens_with_its_provenance(path: Path, opened: Shelf) -> None:
    header = json.loads(path.read_text(encoding="utf-8"))["header"]
    assert header["title"] and header["licence"] and header["version"]
    assert set(header["sources"]) <= opened.sources.keys()
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", header["retrieved"])


@pytest.mark.parametrize("path", TABLES, ids=lambda p: p.name)
def test_every_row_has_as_many_cells_as_the_table_has_columns(path: Path) -> None:
    rows = _rows(path)
    assert rows
    for row in rows:
        assert None not in row and None not in row.values()


def test_every_row_cites_the_bibliography(opened: Shelf) -> None:
    cited = {row["source"] for path in TABLES for row in _rows(path) if "source" in row}
    assert cited <= opened.sources.keys()


def test_the_bibliography_is_cited(opened: Shelf) -> None:
    """Each entry serves a row, a guideline or a specialist's card; a source that nobody cites is a leftover."""
    books = [path for path in BOOKS if path.name != "sources.yaml"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in [*TABLES, *books, *GENES])
    cards = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.parent.rglob("card.yaml"))
    idle = {key for key in opened.sources if not re.search(rf"\b{key}\b", text + cards)}
    assert idle == set()


def test_the_bibliography_says_where_to_read(opened: Shelf) -> None:
    for key, source in opened.sources.items():
        assert re.match(r"(https://|urn:)", source.url), key
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", source.retrieved), key


def test_every_name_is_given_in_both_languages(opened: Shelf) -> None:
    for concept in opened.codes.values():
        assert concept.name and not HAN.search(concept.name), concept
        assert concept.name_zh, concept
        assert HAN.search(concept.name_zh) or concept.code in {"LOINC//2744-1"}, concept


def test_every_canonical_unit_is_a_unit(opened: Shelf) -> None:
    for concept in opened.codes.values():
        if concept.unit:
            assert concept.unit in opened.units.known, concept
            assert opened.units.factor(concept.unit, concept.unit, concept.code) == (1.0, 0.0)


def test_every_analyte_rule_reaches_the_canonical_unit(opened: Shelf) -> None:
    for code, bridges in opened.units.bridges.items():
        canonical = opened.codes[code].unit
        for bridge in bridges:
            for unit in (bridge.from_unit.unit, bridge.to_unit.unit):
                assert opened.units.factor(unit, canonical, code) is not None, (code, unit, canonical)


def test_ranges_are_ordered_and_canonical(opened: Shelf) -> None:
    for code, ranges in opened.ranges.items():
        for one in ranges:
            assert one.unit == opened.codes[code].unit
            given = [x for x in (one.plausible_low, one.reference_low, one.reference_high, one.plausible_high) if x is not None]
            assert given == sorted(given), one
            if one.reference_low is not None and one.reference_high is not None:
                assert one.reference_low < one.reference_high, one


def test_every_number_has_limits(opened: Shelf) -> None:
    for code, concept in opened.codes.items():
        if concept.unit:
            low, high = opened.plausible(code)
            assert low is not None or high is not None, code


def test_nobody_fits_two_reference_ranges_of_one_code(opened: Shelf) -> None:
    for code, ranges in opened.ranges.items():
        for sex in ("F", "M"):
            for age in (0.5, 10, 17.99, 18, 40, 90):
                fitting = [r for r in ranges if r.fits(sex, age) and (r.reference_low is not None or r.reference_high is not None)]
                assert len(fitting) <= 1, (code, sex, age)


def test_vocabularies_are_spelled_as_events_spell_them(opened: Shelf) -> None:
    known = {"LOINC", "SNOMED", "RxNorm", "ATC", "HGNC", "DCM", "CONSILIUM", "GENDER", "TEXT", ""}
    assert {split(code).vocabulary for code in opened.codes} <= known
    assert all(split(code).kind == "" for code in opened.codes)


def test_own_codes_are_all_on_the_shelf(opened: Shelf) -> None:
    kinds = (
        "radius",
        "texture",
        "perimeter",
        "area",
        "smoothness",
        "compactness",
        "concavity",
        "concave-points",
        "symmetry",
        "fractal-dimension",
    )
    nuclei = {f"CONSILIUM//nucleus-{kind}-{part}" for kind in kinds for part in ("mean", "se", "worst")}
    assert len(nuclei) == 30
    for code in nuclei:
        assert opened.codes[code].unit == "[arb'U]"
    assert opened.codes["CONSILIUM//exercise-st-depression"].unit == "mm"
    assert opened.codes["CONSILIUM//histology"].unit == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("codes.csv", "LOINC//2524-7,lactate", "LOINC//2951-2,lactate", "codes.csv row"),
        ("codes.csv", "# licence:", "# lizenz:", "codes.csv"),
        ("codes.csv", "mmol/L,loinc", "mmol/L,nobody", "codes.csv row"),
        ("units.csv", "g/dL,mass_concentration,10", "g/dL,mass_concentration,ten", "units.csv row"),
        ("spellings.csv", "mmHg,mm[Hg]", "mmHg,furlong", "spellings.csv row"),
        ("analytes.csv", "LOINC//2345-7,mmol/L,mg/dL,18.0156", "LOINC//2345-7,mmol/L,mg/dL,0", "analytes.csv row"),
        ("ranges.csv", "LOINC//9269-2,{score},,,,15,,3,15", "LOINC//9269-2,{score},,,,15,,16,15", "ranges.csv row"),
        ("ranges.csv", "LOINC//9269-2,{score}", "LOINC//9269-2,%", "ranges.csv row"),
        ("drugs.csv", "cardiac_glycosides", "cardiac_sorcery", "drugs.csv row"),
        ("drug_products.csv", ",clopidogrel,rxnorm", ",moonshine,rxnorm", "drug_products.csv row"),
        ("interactions.csv", ",major,", ",dreadful,", "interactions.csv row"),
        ("allergies.csv", ",penicillins,fhir_r4", ",moonshine,fhir_r4", "allergies.csv row"),
        ("cross_reactions.csv", ",cross-reaction,", ",perhaps,", "cross_reactions.csv row"),
        ("guidelines/breast_mass.yaml", "urgency: critical", "urgency: panic", "breast_mass.yaml guideline"),
        (
            "guidelines/breast_mass.yaml",
            "target: PROCEDURE//SNOMED//122548005",
            "target: PROCEDURE//SNOMED//1",
            "breast_mass.yaml guideline",
        ),
        ("guidelines/breast_mass.yaml", "source: acr_birads_2013", "source: nobody", "breast_mass.yaml guideline"),
        ("guidelines/breast_mass.yaml", "If imaging agrees, follow", "If imaging agrees, " + "and so on, " * 20 + "follow", "140"),
        ("sources.yaml", "licence: CC BY 4.0", "licence: ''", "sources.yaml"),
    ],
)
def test_a_broken_file_is_refused_by_name(damaged: Callable[[str, str, str], Path], file: str, old: str, new: str, said: str) -> None:
    with pytest.raises(KnowledgeError) as caught:
        open_shelf(damaged(file, old, new))
    assert said in str(caught.value)


def test_an_absent_file_is_refused_by_name(damaged: Callable[[str, str, str], Path]) -> None:
    folder = damaged("codes.csv", "# version: 0.1", "# version: 0.1")
    (folder / "units.csv").unlink()
    with pytest.raises(KnowledgeError, match=r"units\.csv"):
        open_shelf(folder)
