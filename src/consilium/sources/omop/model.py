"""Model: the tables of OMOP CDM 5.3 and 5.4 that are read, and the columns they are read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Table:
    """One table of facts.

    Parameters
    ----------
    name : str
        As in the CDM.
    key : str
        Its primary key, which labels events and rejects.
    stem : str
        Its concepts are in `{stem}_concept_id` and `{stem}_source_concept_id`, its source's own words in `{stem}_source_value`.
    start, end : str
        Stems of its moments: `{start}_date`, `{start}_datetime`; `end` is empty where there is none.
    kind : str
        The kind of its events (`core.code`); empty for measurements.
    more : tuple of str
        Other columns that are read where they are there.
    """

    name: str
    key: str
    stem: str
    start: str
    end: str = ""
    kind: str = ""
    more: tuple[str, ...] = ()

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns without which nothing can be read; of the two of a moment either will do."""
        return ("person_id", f"{self.stem}_concept_id") if self.stem else ("person_id",)

    @property
    def concepts(self) -> tuple[str, ...]:
        """Columns that hold concepts."""
        own = (f"{self.stem}_concept_id", f"{self.stem}_source_concept_id") if self.stem else ()
        return (*own, *(name for name in self.more if name.endswith("_concept_id")))

    @property
    def moments(self) -> tuple[str, ...]:
        """Columns that hold dates and times."""
        return tuple(f"{stem}_{form}" for stem in (self.start, self.end) if stem for form in ("date", "datetime"))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        own = (f"{self.stem}_source_value",) if self.stem else ()
        return tuple(dict.fromkeys((self.key, *self.needed, *self.concepts, *own, *self.moments, *self.more)))


PERSON = "person"
CONCEPT = "concept"
PERSON_COLUMNS = (
    "person_id", "gender_concept_id", "gender_source_value", "year_of_birth", "month_of_birth", "day_of_birth", "birth_datetime",
)  # fmt: skip
CONCEPT_COLUMNS = ("concept_id", "concept_name", "vocabulary_id", "concept_code")
_VALUE = ("value_as_number", "value_as_concept_id", "value_source_value", "unit_concept_id", "unit_source_value")
_TABLES = (
    Table("visit_occurrence", "visit_occurrence_id", "visit", "visit_start", "visit_end", "ENCOUNTER"),
    Table("condition_occurrence", "condition_occurrence_id", "condition", "condition_start", "condition_end", "CONDITION"),
    Table("drug_exposure", "drug_exposure_id", "drug", "drug_exposure_start", "drug_exposure_end", "MEDICATION", ("drug_type_concept_id",)),
    Table("procedure_occurrence", "procedure_occurrence_id", "procedure", "procedure", "procedure_end", "PROCEDURE"),
    Table("measurement", "measurement_id", "measurement", "measurement", more=(*_VALUE, "operator_concept_id")),
    Table("observation", "observation_id", "observation", "observation", more=(*_VALUE, "value_as_string")),
    Table("note", "note_id", "note_class", "note", kind="NOTE", more=("note_title", "note_text")),
    Table("death", "", "", "death"),
    Table("observation_period", "observation_period_id", "", "observation_period_start", "observation_period_end"),
)
TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _TABLES})
NOT_READ = (
    "device_exposure", "visit_detail", "specimen", "episode", "episode_event", "note_nlp", "fact_relationship", "payer_plan_period", "cost",
    "survey_conduct",
)  # fmt: skip
"""Tables of facts that are not read; the others that the CDM has are vocabulary, derived, or about no patient."""
NAMES = frozenset({PERSON, CONCEPT, "cdm_source", *TABLES, *NOT_READ})
