"""Study: a record, a question and the rows asked, laid out so that every check of time reads the same arrays."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray

from consilium.core.card import Card
from consilium.core.code import concept
from consilium.core.errors import CardError, LawError, UnitError
from consilium.core.events import SCHEMA
from consilium.core.features import Features
from consilium.knowledge import shelf
from consilium.record import Fold, features
from consilium.record.met import codes_of, met
from consilium.record.task import Task
from consilium.record.task_of import LABEL, task_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
HOUR = 3_600_000_000
NEVER = np.iinfo(np.int64).max
ALWAYS = np.iinfo(np.int64).min
_KEPT = 2_000_000  # pairs of event and row that are held for the next check
_WORD = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?|[一-鿿]+")
_KEYS = ("subject_id", "time", "available", "code", "numeric_value", "unit", "text_value", "source_id")


@dataclass(frozen=True, slots=True)
class Column:
    """One number a model would see of each row: its name, the codes it is made from (empty where foreign), values with NaN."""

    name: str
    codes: tuple[str, ...]
    value: Floats
    take: str = ""
    at: NDArray[np.datetime64] | None = None


@dataclass(frozen=True)
class Study:
    """What is checked.

    Parameters
    ----------
    frame : polars.DataFrame
        Events in one settled order, so that the order in which they came changes nothing. Beside the record's columns: `t` and
        `a` (microseconds of time and available, null where null), `k` (first moment at which it had happened and was known),
        `s` (position of the subject), `origin` (what `source_id` begins with) and `serial` (the number it ends with).
    subjects : int64 array of shape (m,)
        Subjects that have events.
    row_subject : int64 array of shape (n,)
        Position in `subjects` of each row, -1 where it has no event.
    as_of : int64 array of shape (n,)
        Moment of asking, microseconds.
    y : int8 array of shape (n,)
        The truth; empty where not given.
    rows : tuple of (int, datetime)
        In the order in which they were given.
    columns : tuple of Column
        The card's inputs, or the foreign matrix where there is one.
    folds : tuple of Fold
        Splits to check.
    names : mapping of str to str
        What each code in use is called, code included, in lower case.
    """

    frame: pl.DataFrame
    card: Card | None
    subjects: Ints
    row_subject: Ints
    as_of: Ints
    y: NDArray[np.int8]
    rows: tuple[tuple[int, Any], ...]
    columns: tuple[Column, ...]
    folds: tuple[Fold, ...]
    foreign: bool
    names: Mapping[str, str]
    patients: Mapping[int, str]
    unread: tuple[str, ...] = ()
    _beside: dict[tuple[str, ...], pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    @functools.cached_property
    def used(self) -> tuple[str, ...]:
        """Codes that the card reads; every code of the record where there is no card."""
        if self.card is None:
            return tuple(sorted(self.frame["code"].unique().to_list()))
        held = set(self.frame["code"].unique().to_list())
        codes = {code for i in self.card.inputs for code in i.codes} | self.asked_by
        return tuple(sorted(codes & held))

    @property
    def asked_by(self) -> set[str]:
        """Codes of the record that the question's trigger looks at."""
        return self._codes("" if self.task is None else self.task.trigger)

    @functools.cached_property
    def answered_by(self) -> set[str]:
        """Codes of the record that the question's truth is read from."""
        return self._codes(LABEL)

    @functools.cached_property
    def task(self) -> Task | None:
        """The card's question, laid out; None where there is no card, or one whose question nobody can answer."""
        if self.card is None:
            return None
        try:
            return task_of(self.card.question)
        except CardError:
            return None

    @functools.cached_property
    def triggers(self) -> pl.DataFrame:
        """When each subject's trigger was known: `s`, `k`, by subject and time."""
        return self._met("" if self.task is None else self.task.trigger)

    @functools.cached_property
    def outcomes(self) -> pl.DataFrame:
        """When each subject's truth was positive, whenever it became known: `s`, `k`, by subject and time."""
        return self._met(LABEL)

    def _codes(self, name: str) -> set[str]:
        return (
            set() if self.task is None else codes_of(pa.array(self.frame["code"].unique().sort().to_list(), pa.string()), self.task, name)
        )

    def _met(self, name: str) -> pl.DataFrame:
        if self.task is None:
            return pl.DataFrame(schema={"s": pl.Int64, "k": pl.Int64})
        events = self.frame.select(SCHEMA.names).to_arrow()
        who, when = met(events, self.task, name)
        return pl.DataFrame({"s": np.searchsorted(self.subjects, who), "k": when})

    @functools.cached_property
    def dated(self) -> pl.DataFrame:
        """Events in use that have a time."""
        return self.frame.filter(pl.col("t").is_not_null() & pl.col("code").is_in(list(self.used)))

    @functools.cached_property
    def contacts(self) -> pl.DataFrame:
        """Stays and visits: `s`, `start`, `end` (microseconds; null while open), one row each."""
        ends = self.frame.filter(pl.col("code").str.starts_with("ENCOUNTER//END//") & pl.col("t").is_not_null())
        starts = self.frame.filter(
            pl.col("code").str.starts_with("ENCOUNTER//") & ~pl.col("code").str.starts_with("ENCOUNTER//END//") & pl.col("t").is_not_null()
        )
        left = starts.select("s", start="t", form=pl.col("code").str.slice(len("ENCOUNTER//")), at="t").sort("at")
        right = ends.select("s", end="t", form=pl.col("code").str.slice(len("ENCOUNTER//END//")), at="t").sort("at")
        joined = left.join_asof(right, on="at", by=["s", "form"], strategy="forward", check_sortedness=False)
        return joined.select("s", "start", "end").sort("s", "start")

    def beside(self, codes: Sequence[str]) -> pl.DataFrame:
        """Every event of some codes beside every row of its subject: event columns plus `row`, `as_of`, and `before` (known at the asking).

        One code at a time, since a chart asked about every hour has as many pairs as its events times its hours.
        """
        key = tuple(codes)
        if key not in self._beside:
            places = np.sort(np.concatenate([np.zeros(0, np.uint32), *(self._places[c] for c in key if c in self._places)]))
            joined = self.frame[places].join(self._asked, on="s", maintain_order="left")
            joined = joined.with_columns(before=pl.col("k") <= pl.col("as_of"))
            if sum(held.height for held in self._beside.values()) + joined.height > _KEPT:
                self._beside.clear()
            if joined.height > _KEPT:
                return joined
            self._beside[key] = joined
        return self._beside[key]

    @functools.cached_property
    def _places(self) -> dict[str, NDArray[np.uint32]]:
        places = self.frame.select("code").with_row_index().group_by("code").agg("index")
        return {code: np.asarray(index, dtype=np.uint32) for code, index in places.iter_rows()}

    @functools.cached_property
    def began(self) -> Ints:
        """When the stay or visit in which each row was asked began; `ALWAYS` without one."""
        asked = self._asked.sort("as_of").join_asof(
            self.contacts.select("s", "start").sort("start"), left_on="as_of", right_on="start", by="s", check_sortedness=False
        )
        found = np.full(len(self.as_of), ALWAYS)
        found[asked["row"].to_numpy()] = asked["start"].fill_null(ALWAYS).to_numpy()
        return found

    @functools.cached_property
    def _asked(self) -> pl.DataFrame:
        asked = pl.DataFrame({"s": self.row_subject, "row": np.arange(len(self.as_of)), "as_of": self.as_of})
        return asked.filter(pl.col("s") >= 0)

    @functools.cached_property
    def people(self) -> Study:
        """This study with one row of each subject, so that what is counted are people and not the hours at which they were asked about.

        Of those who are ever a case it is a moment at which they are; which one says nothing (a mix of the moment's bits decides).
        """
        if len(np.unique(self.row_subject[self.row_subject >= 0])) == int((self.row_subject >= 0).sum()):
            return self
        mixed = (self.as_of.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)
        case = self.y if len(self.y) else np.zeros(len(self.as_of), np.int8)
        order = np.lexsort((np.arange(len(mixed)), mixed, -case, self.row_subject))
        _, first = np.unique(self.row_subject[order], return_index=True)
        return self.part(np.sort(order[first][self.row_subject[order[first]] >= 0]))

    def part(self, rows: NDArray[np.intp]) -> Study:
        """This study with some of its rows."""
        columns = tuple(replace(c, value=c.value[rows], at=None if c.at is None else c.at[rows]) for c in self.columns)
        return replace(
            self,
            row_subject=self.row_subject[rows],
            as_of=self.as_of[rows],
            y=self.y[rows] if len(self.y) else self.y,
            rows=tuple(self.rows[i] for i in rows),
            columns=columns,
            folds=tuple(within(fold, rows) for fold in self.folds),
            _beside={},
        )

    @functools.cached_property
    def often(self) -> tuple[str, ...]:
        """Dated codes that at least ten rows have somewhere in their charts, those of most rows first."""
        rows = np.bincount(self.row_subject[self.row_subject >= 0], minlength=len(self.subjects))
        held = self.frame.filter(pl.col("t").is_not_null()).select("code", "s").unique()
        held = held.with_columns(n=pl.Series(rows[held["s"].to_numpy()])).group_by("code").agg(pl.col("n").sum())
        return tuple(held.filter(pl.col("n") >= 10).sort("n", "code", descending=[True, False])["code"].to_list())

    @functools.cached_property
    def read(self) -> tuple[str, ...]:
        """Codes that the card's inputs are made from; every code in use where there is no card."""
        return self.used if self.card is None else tuple(sorted({c for i in self.card.inputs for c in i.codes}))

    @functools.cached_property
    def assumed(self) -> bool:
        """Whether all that is read carries one assumed date, so that nothing can be said of time."""
        read = self.dated.filter(~pl.col("code").str.starts_with("MEDS_"))
        return read.height > 50 and read["t"].n_unique() <= 2

    @functools.cached_property
    def relative(self) -> bool:
        """Whether nearly all charts begin at one instant: a clock that counts from an assumed date, so that no date says anything."""
        told = self.frame.filter(pl.col("t").is_not_null() & ~pl.col("code").str.starts_with("MEDS_"))
        first = told.group_by("s").agg(pl.col("t").min())["t"]
        return len(first) > 50 and int(first.value_counts()["count"].max() or 0) > 0.9 * len(first)  # type: ignore[arg-type]

    def name(self, code: str) -> str:
        """What a code is called, with the code itself, in lower case."""
        return self.names.get(code, code.lower())


def within(fold: Fold, kept: NDArray[np.intp]) -> Fold:
    """A fold's positions among the rows that are kept."""
    return Fold(*(np.flatnonzero(np.isin(kept, side)).astype(np.intp) for side in (fold.train, fold.test)))


def prepare(
    events: pa.Table,
    card: Card | None,
    rows: Sequence[tuple[int, Any]],
    labels: NDArray[Any],
    folds: Sequence[Fold],
    matrix: Features | None,
    descriptions: Mapping[str, str],
    patients: Mapping[int, str],
) -> Study:
    """Lay a study out.

    Raises
    ------
    LawError
        When columns are missing, or labels or matrix do not fit the rows.
    """
    if any(name not in events.schema.names for name in SCHEMA.names):
        raise LawError("Events lack columns of the record", found=events.schema.names, expected=SCHEMA.names)
    if len(labels) not in (0, len(rows)) or (matrix is not None and matrix.X.shape[0] != len(rows)):
        raise LawError("Labels and matrix have one entry a row", found=len(labels), expected=len(rows))
    frame = _framed(events)
    subjects = frame["subject_id"].unique().sort().to_numpy()
    frame = frame.with_columns(s=pl.Series(np.searchsorted(subjects, frame["subject_id"].to_numpy()), dtype=pl.Int64))
    asked = np.array([s for s, _ in rows], dtype=np.int64)
    at = np.minimum(np.searchsorted(subjects, asked), max(len(subjects) - 1, 0))
    row_subject = np.where(subjects[at] == asked, at, -1) if len(subjects) else np.full(len(asked), -1)
    as_of = np.array([moment for _, moment in rows], dtype="datetime64[us]").astype(np.int64)
    columns, unread = _columns(events, card, rows, matrix)
    names = {code: f"{descriptions.get(code, '')} {_known_as(code)} {code}".lower() for code in frame["code"].unique().to_list()}
    return Study(
        frame, card, subjects, row_subject, as_of, np.asarray(labels, dtype=np.int8), tuple(rows), columns, tuple(folds),
        matrix is not None, names, patients, unread,
    )  # fmt: skip


def _framed(events: pa.Table) -> pl.DataFrame:
    frame = pl.DataFrame(pl.from_arrow(events.select(SCHEMA.names)))
    source = pl.col("source_id").fill_null("")
    t, a = pl.col("time").dt.timestamp("us"), pl.col("available").dt.timestamp("us")
    known = (
        pl.when(pl.col("time").is_not_null() & pl.col("available").is_null())
        .then(NEVER)
        .otherwise(pl.max_horizontal(t.fill_null(ALWAYS), a.fill_null(ALWAYS)))
    )
    return frame.sort(_KEYS, nulls_last=False).with_columns(
        t=t,
        a=a,
        k=known,
        origin=source.str.extract(r"^([^/#:|]*)", 1).fill_null(""),
        serial=source.str.extract(r"(\d{1,17})$", 1).cast(pl.Int64),
    )


def _columns(
    events: pa.Table, card: Card | None, rows: Sequence[tuple[int, Any]], matrix: Features | None
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    codes = {i.name: (i.codes, i.take) for i in card.inputs} if card else {}
    if matrix is not None:
        found = []
        for j, name in enumerate(matrix.names):
            own, take = codes.get(name, ((), ""))
            found.append(Column(name, own, matrix.X[:, j].astype(np.float64), take, None if matrix.times is None else matrix.times[:, j]))
        return tuple(found), ()
    if card is None or not rows:
        return (), ()
    if len(card.inputs) > 1:
        # One by one: all at once they would need many times the room, and a unit that does not convert hides no other input.
        apart = [_columns(events, replace(card, inputs=(i,)), rows, None) for i in card.inputs]
        return tuple(c for columns, _ in apart for c in columns), tuple(u for _, unread in apart for u in unread)
    (lone,) = card.inputs
    events = events.filter(pc.is_in(events["code"], pa.array(lone.codes, pa.string())))
    try:
        return (Column(lone.name, lone.codes, features(events, (lone,), list(rows)).X[:, 0].astype(np.float64), lone.take),), ()
    except UnitError as error:
        return _as_written(events, card, rows), (f"{lone.name}: {error}",)


def _as_written(events: pa.Table, card: Card, rows: Sequence[tuple[int, Any]]) -> tuple[Column, ...]:
    """An input whose unit does not convert, in the one unit in which it was written: it may tell of the future all the same."""
    units = [unit for unit in pc.unique(events["unit"]).to_pylist() if unit]
    if len(units) != 1 or units[0] == card.inputs[0].unit:
        return ()
    return _columns(events, replace(card, inputs=(replace(card.inputs[0], unit=units[0]),)), rows, None)[0]


def _known_as(code: str) -> str:
    found = shelf().codes.get(concept(code))
    return found.name if found else ""


def words(text: str) -> list[str]:
    """The words of a text, in lower case.

    Examples
    --------
    >>> words("DNR order, day 2")
    ['dnr', 'order', 'day', '2']
    """
    return _WORD.findall(text.lower().replace("_", " "))


def says(text: str, phrases: Sequence[str]) -> str:
    """The first of the phrases that a text holds as whole words, or empty.

    Examples
    --------
    >>> says("CONSILIUM//length-of-stay", ["length of stay"])
    'length of stay'
    """
    padded = f" {' '.join(words(text))} "
    return next((p for p in phrases if f" {' '.join(words(p))} " in padded), "")


@functools.cache
def process() -> Mapping[str, Any]:
    """What is known of how hospitals write things down (`leak_process.yaml`)."""
    found: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "leak_process.yaml").read_text(encoding="utf-8"))
    return found


def area(y: NDArray[Any], score: Floats) -> tuple[float, float]:
    """Area under the ROC curve, ties counted half, and its distance from chance in standard errors under no association."""
    event = y > 0
    n1, n0 = int(event.sum()), int((~event).sum())
    if not n1 or not n0:
        return 0.5, 0.0
    _, of_row, counts = np.unique(score, return_inverse=True, return_counts=True)
    upto = np.cumsum(counts)
    rank = (upto - (counts - 1) / 2)[of_row]
    auc = (rank[event].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    n = n1 + n0
    variance = (n + 1 - ties / (n * (n - 1))) / (12 * n1 * n0)
    return float(auc), float((auc - 0.5) / np.sqrt(variance)) if variance > 0 else 0.0


def ranked(values: Floats) -> Floats:
    """Ranks, ties averaged."""
    _, of, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle: Floats = (np.cumsum(counts) - (counts - 1) / 2)[of]
    return middle


def repeated(values: Floats) -> Floats:
    """Numbers that gaps of a measured column were filled with: at least five times the same, and either off the step in which the others
    are written or four times as frequent as any other within the scale."""
    value, n = np.unique(values[np.isfinite(values)], return_counts=True)
    if len(value) < 10:
        return value[:0]
    step = next((s for s in (1.0, 0.1, 0.01, 0.001) if (np.abs(value / s - np.round(value / s)) < 1e-3).mean() > 0.9), 0.0)
    off = (np.abs(value / step - np.round(value / step)) > 2e-3) if step else np.zeros(len(value), dtype=np.bool_)
    pile = n >= 4 * np.sort(n)[-3]
    pile[[0, -1]] = False  # where a scale ends, or an instrument stops counting, values pile up by themselves
    found: Floats = value[(n >= 5) & (off | pile)]
    return found


def spread(a: Floats, b: Floats) -> float:
    """Rank correlation of two arrays, 0 where either is constant."""
    return together(ranked(a), ranked(b))


def together(a: Floats, b: Floats) -> float:
    """Correlation of two arrays, 0 where either is constant."""
    x, z = a - a.mean(), b - b.mean()
    size = float(np.sqrt((x @ x) * (z @ z)))
    return float(x @ z) / size if len(a) > 2 and size > 0 else 0.0
