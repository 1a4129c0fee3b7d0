"""Facts: rows of OMOP tables become events, whole columns at a time."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from consilium.core import AS_SENT, Batch, Reject
from consilium.core.code import BIRTH, DEATH, concept
from consilium.sources.omop.cell import Moment, born, number, said, text, whole, with_moment
from consilium.sources.omop.folder import Piece
from consilium.sources.omop.meaning import deciding
from consilium.sources.omop.model import PERSON, PERSON_COLUMNS, Table
from consilium.sources.sheet import named

_OPEN_YEAR = 2099
"""The CDM writes 2099-12-31 where nothing has ended."""
_EVENT: dict[str, pl.DataType] = {
    "row": pl.Int64(), "patient_id": pl.String(), "time": pl.Datetime("us"), "code": pl.String(), "numeric_value": pl.Float64(),
    "text_value": pl.String(), "unit": pl.String(), "available": pl.Datetime("us"), "source_id": pl.String(), "name": pl.String(),
}  # fmt: skip
_NONE = pl.lit(None, pl.String)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is at hand while tables are read: the data set's name, the zone of its times, its concepts and its persons."""

    name: str
    zone: ZoneInfo
    concepts: pl.DataFrame
    persons: pl.Series


def read_persons(piece: Piece, first: int, name: str, zone: ZoneInfo) -> tuple[Batch, pl.Series]:
    """Rows of the table `person`: birth and sex, and who is in it.

    Parameters
    ----------
    piece : Piece
    first : int
        Number of its first row, from 1.
    name, zone
        As in `Dataset`.

    Returns
    -------
    (Batch, polars.Series of int)
    """
    frame, kind = _filled(piece.frame, PERSON_COLUMNS, first)
    year, month, day = (whole(f"{part}_of_birth", kind[f"{part}_of_birth"]) for part in ("year", "month", "day"))
    frame, stated = with_moment(frame, "birth_datetime", "birth_datetime", zone, "stated")
    birth = born(year, month, day, stated, zone)
    sexes = {key: f"GENDER//{means[0]}" for key, means in deciding("sex").items()}
    broken = said("year_of_birth", kind["year_of_birth"]) | said("birth_datetime", kind["birth_datetime"])
    rows = frame.with_columns(
        person=whole("person_id", kind["person_id"]), birth=birth.start, known=birth.end, broken=broken & birth.start.is_null(),
        sex=whole("gender_concept_id", kind["gender_concept_id"]).replace_strict(sexes, default=None, return_dtype=pl.String),
    ).with_columns(
        problem=pl.when(pl.col("person").is_null()).then(pl.lit("no person_id, or one that is not a whole number")),
        label=pl.concat_str(pl.lit(f"{PERSON}/"), pl.coalesce(pl.col("person").cast(pl.String), pl.concat_str(pl.lit("row "), "row"))),
        patient=pl.col("person").cast(pl.String),
    )  # fmt: skip
    good = rows.filter(pl.col("problem").is_null())
    events = [
        _events(good.filter(pl.col("birth").is_not_null()), time="birth", available="known", code=pl.lit(BIRTH)),
        _events(good.filter(pl.col("sex").is_not_null()), code=pl.col("sex")),
    ]
    dates, genders = _shown(kind, "year_of_birth", "birth_datetime"), _shown(kind, "gender_concept_id", "gender_source_value")
    sexless = good.filter(pl.col("sex").is_null() & said("gender_concept_id", kind["gender_concept_id"]))
    parts = [
        *_rejects(good.filter("broken"), name, pl.lit("the birth is not a date"), "birth", dates, BIRTH),
        *_rejects(sexless, name, pl.lit("gender is not read as a sex"), "gender", genders),
    ]
    return _batch(piece, rows, events, parts, name, PERSON), good["person"]


def read_facts(piece: Piece, table: Table, first: int, dataset: Dataset) -> Batch:
    """Rows of a table of facts.

    Parameters
    ----------
    piece : Piece
        Columns of the table as they are; those that it lacks say nothing.
    table : Table
    first : int
        Number of its first row, from 1.
    dataset : Dataset
    """
    frame, kind = _filled(piece.frame, table.columns, first)
    frame, start = with_moment(frame, f"{table.start}_date", f"{table.start}_datetime", dataset.zone, "starts")
    end = Moment(*(pl.lit(None, pl.Datetime("us")),) * 2, pl.lit(False))
    if table.end:
        frame, end = with_moment(frame, f"{table.end}_date", f"{table.end}_datetime", dataset.zone, "ends")
    key = pl.coalesce(whole(table.key, kind[table.key]).cast(pl.String), text(table.key)) if table.key else _NONE
    rows = frame.with_columns(
        person=whole("person_id", kind["person_id"]), start=start.start, known=start.end, end=end.start, over=end.end,
        label=pl.concat_str(pl.lit(f"{table.name}/"), pl.coalesce(key, pl.concat_str(pl.lit("row "), "row"))),
        broken=start.broken, broken_end=end.broken,
    ).with_columns(patient=pl.col("person").cast(pl.String))  # fmt: skip
    rows = rows.with_columns(problem=_problem(dataset))
    if table.stem:
        rows = _coded(rows, table, kind, dataset.concepts)
        rows = _valued(rows, table, kind, dataset.concepts)
    good = rows.filter(pl.col("problem").is_null())
    events: list[pl.DataFrame] = []
    parts: list[Reject] = []
    if table.name == "death":
        events.append(_events(good, code=pl.lit(DEATH)))
    elif table.stem:
        good, parts = _ended(good, table, kind, dataset.name)
        events += _told(good, table, kind)
    return _batch(piece, rows, events, parts, dataset.name, table.name)


def _problem(dataset: Dataset) -> pl.Expr:
    person = pl.col("person")
    return (
        pl.when(person.is_null()).then(pl.lit("no person_id, or one that is not a whole number"))
        .when(~person.is_in(dataset.persons.implode())).then(pl.lit("a person who is not in the table person"))
        .when("broken").then(pl.lit("not a date or time, or a time that does not exist in this zone"))
        .when(pl.col("start").is_null()).then(pl.lit("no date"))
    )  # fmt: skip


def _coded(rows: pl.DataFrame, table: Table, kind: pl.Schema, concepts: pl.DataFrame) -> pl.DataFrame:
    """Add what a row is about: `code`, and `also` where the source's own code is another one that we know."""
    standard, source = (f"{table.stem}_{part}" for part in ("concept_id", "source_concept_id"))
    rows = _looked_up(rows, standard, kind, concepts, "a_")
    rows = _looked_up(rows, source, kind, concepts, "b_")
    words = pl.coalesce(text(f"{table.stem}_source_value"), text("note_title") if table.name == "note" else _NONE)
    own = pl.col("a_code").is_null() | (~pl.col("a_known") & pl.col("b_known"))
    unmapped = pl.when(pl.col("a_code").is_null() & pl.col("b_code").is_null())
    second = ~own & pl.col("a_known") & pl.col("b_known") & (pl.col("a_code") != pl.col("b_code"))
    pick = {part: pl.when(own).then(f"b_{part}").otherwise(f"a_{part}") for part in ("name", "asks", "kind")}
    classes = whole(standard, kind[standard]).replace_strict(
        {key: list(means) for key, means in deciding("visit").items()}, default=None, return_dtype=pl.List(pl.String)
    )
    code = pl.coalesce(pl.when(own).then("b_code").otherwise("a_code"), pl.concat_str(pl.lit("TEXT//"), words))
    rows = rows.with_columns(
        code=code, own_name=pl.coalesce(pick["name"], unmapped.then(words)), asks=pick["asks"].fill_null(False),
        own_kind=pick["kind"].fill_null(""),
        also=pl.when(second).then("b_code"), also_name=pl.when(second).then("b_name"),
        also_kind=pl.when(second).then("b_kind").fill_null(""),
        classes=classes if table.kind == "ENCOUNTER" else pl.lit(None, pl.List(pl.String)),
    )  # fmt: skip
    nameless = pl.when(pl.col("code").is_null() & pl.col("classes").is_null())
    return rows.with_columns(problem=pl.coalesce("problem", nameless.then(pl.lit("no code: no concept, and no words of the source"))))


def _valued(rows: pl.DataFrame, table: Table, kind: pl.Schema, concepts: pl.DataFrame) -> pl.DataFrame:
    """Add what a row says: `number` and `unit`, or `said`."""
    if table.kind:
        words = pl.col("note_text").cast(pl.String).str.strip_chars() if table.name == "note" else pl.col("own_name")
        return rows.with_columns(number=pl.lit(None, pl.Float64), unit=_NONE, said=words)
    rows = _looked_up(rows, "unit_concept_id", kind, concepts, "u_")
    rows = _looked_up(rows, "value_as_concept_id", kind, concepts, "v_")
    unit = pl.coalesce("u_unit", text("unit_source_value"))
    operator = _NONE
    if "operator_concept_id" in kind:
        bounds = {key: means[0] for key, means in deciding("operator").items() if means[0] != "="}
        concept = whole("operator_concept_id", kind["operator_concept_id"])
        operator = concept.replace_strict(bounds, default=None, return_dtype=pl.String)
    value = number("value_as_number", kind["value_as_number"])
    printed = value.cast(pl.String).str.strip_suffix(".0")
    bounded = pl.concat_str(operator, printed, pl.concat_str(pl.lit(" "), unit).fill_null(""))
    words = pl.coalesce(*(text(column) for column in ("value_as_string", "value_source_value") if column in kind))
    rows = rows.with_columns(
        number=pl.when(operator.is_null()).then(value), unit=pl.when(operator.is_null() & value.is_not_null()).then(unit),
        said=pl.coalesce(pl.when(value.is_not_null()).then(bounded), "v_code", pl.when(value.is_null()).then(words)),
    )  # fmt: skip
    asked = pl.lit(True) if table.name == "measurement" else pl.col("asks")
    unread = said("value_as_number", kind["value_as_number"]) & value.is_null()
    return rows.with_columns(
        problem=pl.coalesce(
            "problem",
            pl.when(unread).then(pl.lit("value_as_number is not a number")),
            pl.when(asked & pl.col("number").is_null() & pl.col("said").is_null()).then(pl.lit("no value")),
        )
    )


def _ended(good: pl.DataFrame, table: Table, kind: pl.Schema, name: str) -> tuple[pl.DataFrame, list[Reject]]:
    """Set ends that cannot be aside, by name; what has no end yet has none."""
    backwards = pl.col("over") < pl.col("start")
    parts = [
        *_rejects(good.filter("broken_end"), name, pl.lit("not a date or time"), "end", _shown(kind, *table.moments[2:])),
        *_rejects(good.filter(backwards.fill_null(False)), name, pl.lit("an end before the start"), "end", _shown(kind, *table.moments)),
    ]
    ends = pl.col("end").is_not_null() & ~backwards & (pl.col("end").dt.year() < _OPEN_YEAR)
    if table.kind == "MEDICATION":  # the last day of a medication is a day on which it is taken
        good = good.with_columns(end=pl.col("over"))
    return good.with_columns(
        end=pl.when(ends).then(pl.max_horizontal("end", "start")), over=pl.when(ends).then(pl.max_horizontal("over", "start"))
    ), parts


def _told(good: pl.DataFrame, table: Table, kind: pl.Schema) -> list[pl.DataFrame]:
    if table.kind == "ENCOUNTER":
        one = good.with_columns(code=pl.coalesce("classes", pl.concat_list("code"))).explode("code")
        return [_events(one, code=_of("ENCOUNTER"), text="own_name"), _ends(one, _of("ENCOUNTER//END"), "own_name")]
    events: list[pl.DataFrame] = []
    for code, name, own in (("code", "own_name", "own_kind"), ("also", "also_name", "also_kind")):
        one = good.filter(pl.col(code).is_not_null())
        one = one.with_columns(code=pl.col(code), called=pl.col(name), sort=_sort(table, own, kind))
        single = pl.col("sort") == "PROCEDURE"
        known = pl.when(single).then(pl.max_horizontal("known", "over")).otherwise("known")  # what lasts is known when it is over
        of = pl.when(pl.col("sort") == "").then(pl.col("code")).otherwise(pl.concat_str("sort", pl.lit("//"), "code"))
        plain = (pl.col("sort") == "") | (table.name == "note")
        one = one.with_columns(known=known, told=pl.when(plain).then("said").otherwise("called"))
        events.append(_events(one, code=of, text="told", name="called", number="number", unit="unit"))
        if table.end:
            lasting = one.filter(pl.col("sort").is_in(["CONDITION", "MEDICATION", "ALLERGY"]))
            events.append(_ends(lasting, pl.concat_str("sort", pl.lit("//END//"), "code"), "called"))
    return events


def _sort(table: Table, own: str, kind: pl.Schema) -> pl.Expr:
    """The kind of an event: the table's, unless its code is that of a vaccine or an allergy, or the row says that it was given."""
    if table.kind == "MEDICATION":
        given = whole("drug_type_concept_id", kind["drug_type_concept_id"]).is_in(list(deciding("drug")))
        vaccine = pl.col(own) == "IMMUNIZATION"
        return pl.when(vaccine).then(own).when(given).then(pl.lit("ADMINISTERED")).otherwise(pl.lit(table.kind))
    if table.name in ("condition_occurrence", "observation"):
        return pl.when(pl.col(own).str.starts_with("ALLERGY")).then(own).otherwise(pl.lit(table.kind))
    return pl.lit(table.kind)


def _of(kind: str) -> pl.Expr:
    return pl.concat_str(pl.lit(f"{kind}//"), "code")


def _ends(rows: pl.DataFrame, code: pl.Expr, name: str) -> pl.DataFrame:
    return _events(rows.filter(pl.col("end").is_not_null()), time="end", available="over", code=code, text=name)


def _events(
    rows: pl.DataFrame, *, code: pl.Expr, time: str = "", available: str = "",
    text: str = "", name: str = "", number: str = "", unit: str = "",
) -> pl.DataFrame:  # fmt: skip
    """Events of rows; a time that is not named is the row's `start` where it has one, else static."""
    if not time and "start" in rows.columns:
        time, available = "start", "known"
    said = {
        "row": pl.col("row"), "patient_id": pl.col("patient"), "time": pl.col(time) if time else pl.lit(None), "code": code,
        "numeric_value": pl.col(number) if number else pl.lit(None), "text_value": pl.col(text) if text else pl.lit(None),
        "unit": pl.col(unit) if unit else pl.lit(None), "available": pl.col(available) if available else pl.lit(None),
        "source_id": pl.col("label"), "name": pl.col(name) if name else pl.lit(None),
    }  # fmt: skip
    return rows.select(said[column].cast(kind).alias(column) for column, kind in _EVENT.items())


def _looked_up(rows: pl.DataFrame, column: str, kind: pl.Schema, concepts: pl.DataFrame, prefix: str) -> pl.DataFrame:
    meant = concepts.rename({name: prefix + name for name in concepts.columns if name != "id"})
    if column not in kind:
        return rows.with_columns(pl.lit(None, of).alias(name) for name, of in meant.schema.items() if name != "id")
    return rows.with_columns(id=whole(column, kind[column])).join(meant, on="id", how="left", maintain_order="left").drop("id")


def _filled(frame: pl.DataFrame, columns: tuple[str, ...], first: int) -> tuple[pl.DataFrame, pl.Schema]:
    """The frame with every column and its rows' numbers, and the types of its columns."""
    absent = [pl.lit(None, pl.String).alias(column) for column in columns if column and column not in frame.columns]
    frame = frame.with_columns(absent)
    return frame.with_columns(row=pl.int_range(first, first + pl.len(), dtype=pl.Int64)), frame.schema


def _shown(kind: pl.Schema, *columns: str) -> pl.Expr:
    """Some columns as they were sent, for a reject."""
    cells = [pl.col(column).cast(pl.String).str.slice(0, 100) for column in columns if column in kind]
    return pl.concat_str(cells, separator=" ", ignore_nulls=True)


def _rejects(rows: pl.DataFrame, name: str, reason: pl.Expr, part: str, found: pl.Expr, code: str = "") -> list[Reject]:
    if rows.is_empty():
        return []
    of = pl.lit(code) if code or "code" not in rows.columns else pl.col("code").fill_null("")
    told = rows.select("label", reason=reason, code=of, found=found.fill_null(""), patient=pl.col("patient").fill_null(""))
    return [Reject(name, label, why, part, about, said, patient) for label, why, about, said, patient in told.iter_rows()]


def _batch(piece: Piece, rows: pl.DataFrame, events: list[pl.DataFrame], parts: list[Reject], name: str, table: str) -> Batch:
    refused = rows.filter(pl.col("problem").is_not_null())
    telling = ("person_id", "_date", "_datetime", "_source_value", "value_as_number")
    sent = [column for column in piece.frame.columns if column.endswith(telling)]
    rejects = _rejects(refused, name, pl.col("problem"), "", _shown(rows.schema, *sent) if sent else pl.lit(""))
    ragged = [Reject(name, f"{table}/{line.partition(',')[0] or '?'}", "wrong number of fields", found=line) for line in piece.broken]
    told = pl.concat([pl.DataFrame(schema=_EVENT), *events]).sort("row", maintain_order=True)
    names = [told.select("code", "name"), *([rows.select(code="v_code", name="v_name")] if "v_code" in rows.columns else [])]
    called = pl.concat(names).drop_nulls().group_by("code").agg(pl.col("name").min()).iter_rows()
    table_of = named(told.select(AS_SENT.names).to_arrow().cast(AS_SENT), {concept(code): name for code, name in called})
    read = rows.height - refused.height
    return Batch(table_of, rows.height + len(ragged), read, (*rejects, *ragged, *parts))
