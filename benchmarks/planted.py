"""Invented hospitals without a leak, and small changes that each plant one leak in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from consilium.core.card import Bar, Card, Input, Proof, Question
from consilium.core.events import SCHEMA
from consilium.core.features import Features
from consilium.record import Fold, features

MIN = 60_000_000
H = 60 * MIN
D = 24 * H
EPOCH = datetime(1970, 1, 1)

LACTATE, WBC, CRP, CREATININE, SODIUM = "LOINC//2524-7", "LOINC//6690-2", "LOINC//1988-5", "LOINC//2160-0", "LOINC//2951-2"
HR, SBP, TEMP, RR = "LOINC//8867-4", "LOINC//8480-6", "LOINC//8310-5", "LOINC//9279-1"
ROUND, REVIEW = "CONSILIUM//ward-round", "CONSILIUM//infection-review"
ANTIBIOTIC, LINE, PRESSOR = "MEDICATION//RxNorm//2193", "PROCEDURE//SNOMED//233527006", "ADMINISTERED//RxNorm//7512"
PROGRESS, SUMMARY = "NOTE//LOINC//11506-3", "NOTE//LOINC//18842-5"
OLD_SEPSIS, DIABETES, ASTHMA = "CONDITION//SNOMED//91302008", "CONDITION//SNOMED//44054006", "CONDITION//SNOMED//195967001"
BILLS = ("CONDITION//ICD10CM//N17.9", "CONDITION//ICD10CM//J96.0", "CONDITION//ICD10CM//I10", "CONDITION//ICD10CM//E87.1")
ICU, STAFFING, COMA = "CONSILIUM//icu-bed", "CONSILIUM//nurses-per-bed", "LOINC//9269-2"
#         mean, spread, effect of severity, decimals, unit
LABS = {
    LACTATE: (1.6, 0.55, 0.6, 1, "mmol/L"), WBC: (9.0, 3.0, 2.2, 1, "10*3/uL"), CRP: (40.0, 25.0, 25.0, 0, "mg/L"),
    CREATININE: (1.0, 0.3, 0.1, 2, "mg/dL"), SODIUM: (139.0, 3.2, 0.0, 0, "mmol/L"),
}  # fmt: skip
VITALS = {
    HR: (84.0, 12.0, 7.0, 0, "/min"),
    SBP: (126.0, 15.0, -6.0, 0, "mm[Hg]"),
    TEMP: (36.9, 0.5, 0.25, 1, "Cel"),
    RR: (17.0, 3.0, 1.5, 0, "/min"),
}
CALM = (
    "comfortable", "overnight", "eating", "well", "mobilising", "pain", "controlled", "family", "visited", "bloods", "sent",
    "fluids", "continued", "chest", "clear", "abdomen", "soft", "wound", "dry", "plan", "unchanged",
)  # fmt: skip


@dataclass(slots=True)
class Event:
    """One event; times in microseconds since 1970."""

    subject: int
    time: int | None
    available: int | None
    code: str
    value: float | None = None
    text: str | None = None
    unit: str | None = None
    source: str = ""


@dataclass
class Stay:
    """What truly happened to one patient."""

    subject: int
    name: str
    admitted: int
    asked: int
    left: int
    severity: float
    case: bool
    onset: int
    died: bool
    ward: int
    site: str
    eligible: bool = True


@dataclass
class World:
    """A study: events, who was asked, the truth, and what the checker is given."""

    rng: np.random.Generator
    stays: list[Stay]
    events: list[Event]
    inputs: list[Input]
    question: Question
    proof: Proof
    asked: list[tuple[int, int, int]]  # subject, moment, label
    fold: tuple[list[int], list[int]]
    condition: str = "SNOMED//91302008"
    columns: dict[str, np.ndarray] | None = None
    column_times: dict[str, np.ndarray] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)

    def of(self, subject: int) -> Stay:
        """The stay of a subject."""
        return self._by[subject]

    def __post_init__(self) -> None:
        self._by = {s.subject: s for s in self.stays}

    def add(self, subject: int, time: int | None, code: str, value: float | None = None, *, delay: float = 0.0, text: str | None = None,
            unit: str | None = None, source: str = "ehr", available: int | None = None) -> None:  # fmt: skip
        """Write an event; known `delay` microseconds after its time, or when `available` says."""
        known = available if available is not None else None if time is None else int(time + delay)
        self.events.append(Event(subject, time, known, code, value, text, unit, f"{source}/{self.rng.integers(1 << 60):x}z"))

    def table(self) -> pa.Table:
        """The events, in an order that says nothing."""
        order = self.rng.permutation(len(self.events))
        rows = [self.events[i] for i in order]
        stamp = pa.timestamp("us")
        return pa.table(
            {
                "subject_id": pa.array([e.subject for e in rows], pa.int64()),
                "time": pa.array([e.time for e in rows], pa.int64()).cast(stamp),
                "code": pa.array([e.code for e in rows], pa.string()),
                "numeric_value": pa.array([e.value for e in rows], pa.float32()),
                "text_value": pa.array([e.text for e in rows], pa.large_string()),
                "unit": pa.array([e.unit for e in rows], pa.string()),
                "available": pa.array([e.available for e in rows], pa.int64()).cast(stamp),
                "source_id": pa.array([e.source for e in rows], pa.string()),
            },
            schema=SCHEMA,
        )

    def card(self) -> Card:
        """The card of the question."""
        return Card(
            "sepsis_ward", "1.0", {"en": "Sepsis on the ward", "zh": "病房脓毒症"}, self.condition, self.question, tuple(self.inputs),
            "logistic", "", "adults", "children", Bar(0.6, (0.5, 2.0), 0.2), ("singer_2016",), proof=self.proof,
        )  # fmt: skip

    def rows(self) -> list[tuple[int, datetime]]:
        """Who was asked when."""
        return [(s, EPOCH + timedelta(microseconds=int(at))) for s, at, _ in self.asked]

    def labels(self) -> np.ndarray:
        """The truth."""
        return np.array([y for *_, y in self.asked], dtype=np.int8)

    def matrix(self) -> Features | None:
        """The foreign feature table, if there is one."""
        if self.columns is None:
            return None
        X = np.column_stack(list(self.columns.values())).astype(np.float32)
        times = None
        if self.column_times:
            none = np.full(len(X), np.datetime64("NaT", "us"))
            times = np.column_stack([self.column_times.get(n, none) for n in self.columns])
        return Features(X, tuple(self.columns), ("1",) * X.shape[1], tuple(self.rows()), np.isfinite(X), times)

    def folds(self) -> Fold:
        """The split."""
        return Fold(np.array(self.fold[0], dtype=np.intp), np.array(self.fold[1], dtype=np.intp))

    def patients(self) -> dict[int, str]:
        """The sender's identifiers."""
        return {s.subject: s.name for s in self.stays}

    def own_columns(self) -> dict[str, np.ndarray]:
        """The card's inputs as an honest foreign matrix."""
        found = features(self.table(), self.inputs, self.rows())
        return {name: found.X[:, j].astype(np.float64) for j, name in enumerate(found.names)}

    def input(self, name: str, *codes: str, unit: str = "1", take: str = "count", window: timedelta | None = None) -> None:
        """Add an input to the card."""
        self.inputs.append(Input(name, tuple(codes), unit, take, window))

    def known(self, subject: int, code: str) -> list[Event]:
        """Events of a code that were known when the subject was asked about."""
        at = {s: a for s, a, _ in self.asked}[subject]
        return [
            e
            for e in self.events
            if e.subject == subject and e.code == code and e.available is not None and max(e.time or 0, e.available) <= at
        ]


def hospital(seed: int) -> World:
    """A hospital without a leak; the seed decides its size, habits, and how honest but strong its predictors are."""
    rng = np.random.default_rng([seed, 9001])
    n = int(rng.integers(240, 420))
    strong = rng.uniform(0.8, 2.6)
    rate = rng.uniform(0.12, 0.38)
    begin = int(rng.integers(16000, 19000)) * D
    years = rng.uniform(0.8, 2.5)
    delay = rng.uniform(35, 120)
    every = rng.uniform(5.0, 9.0)
    sites = ["North", "South", "East"][: int(rng.integers(1, 4))]
    care = rng.uniform(0.3, 1.2)  # how much sicker patients get more tests: honest informative missingness
    nurses = np.round(rng.uniform(0.2, 0.9, 7), 2)
    severity = rng.normal(size=n)
    score = strong * severity + rng.normal(scale=1.0, size=n)
    case = score > np.quantile(score, 1 - rate)
    ids = rng.choice(np.arange(10_000_000, 99_999_999), n, replace=False)
    stays = []
    for k in range(n):
        day = begin + int(rng.uniform(0, years * 365)) * D
        admitted = day + int(rng.normal(14, 4.5) % 24 * H) + int(rng.integers(0, 60 * 1_000_000))
        asked = admitted + int(rng.uniform(16, 32) * H)
        onset = asked + int(rng.uniform(3, 68) * H)
        died = bool(rng.random() < (0.15 if case[k] else 0.015))
        left = (
            (onset + int(rng.gamma(3, 30) * H) + 30 * H)
            if case[k]
            else asked + int((10 + rng.gamma(2.2, 26) * (1 + 0.2 * max(severity[k], 0))) * H)
        )
        stays.append(Stay(int(ids[k]), f"MRN{rng.integers(10**7, 10**8)}", admitted, asked, left, float(severity[k]), bool(case[k]), onset,
                          died, int(rng.integers(0, 7)), sites[int(rng.integers(0, len(sites)))], bool(rng.random() > 0.06)))  # fmt: skip
    inputs = [
        Input("age", ("MEDS_BIRTH",), "a", "age"),
        Input("male", ("GENDER//M", "GENDER//F"), "1", of_code={"GENDER//M": 1.0, "GENDER//F": 0.0}),
        Input("lactate", (LACTATE,), "mmol/L", "last", timedelta(hours=36)), Input("wbc", (WBC,), "10*3/uL", "last", timedelta(hours=36)),
        Input("crp", (CRP,), "mg/L", "max", timedelta(hours=36)), Input("creatinine", (CREATININE,), "mg/dL", "last", timedelta(hours=36)),
        Input("sodium", (SODIUM,), "mmol/L", "last", timedelta(hours=36)), Input("heart_rate", (HR,), "/min", "mean", timedelta(hours=24)),
        Input("systolic", (SBP,), "mm[Hg]", "min", timedelta(hours=24)), Input("temperature", (TEMP,), "Cel", "max", timedelta(hours=24)),
        Input("breaths", (RR,), "/min", "last", timedelta(hours=24)), Input("antibiotics", (ANTIBIOTIC,), "1", "count"),
        Input("line", (LINE,), "1", "count"),
        Input("sepsis_before", (OLD_SEPSIS,), "1", "count"), Input("diabetes", (DIABETES,), "1", "count"),
        Input("asthma", (ASTHMA,), "1", "count"),
        Input("coded", BILLS, "1", "count"), Input("notes", (PROGRESS,), "1", "count"), Input("nurses", (STAFFING,), "1", "last"),
        Input("coma_scale", (COMA,), "{score}", "last", timedelta(hours=24)),
    ]  # fmt: skip
    question = Question(ROUND, REVIEW, (timedelta(0), timedelta(hours=72)), of_text={"yes": 1.0, "no": 0.0})
    asked = [(s.subject, s.asked, int(s.case)) for s in stays if s.eligible]
    way = rng.choice(["random", "time", "site"], p=[0.5, 0.3, 0.2])
    if way == "site" and len(sites) < 2:
        way = "random"
    by = {s.subject: s for s in stays}
    if way == "time":
        order = sorted(range(len(asked)), key=lambda i: asked[i][1])
        cut = int(0.7 * len(order))
        fold = (order[:cut], order[cut:])
    elif way == "site":
        fold = (
            [i for i, a in enumerate(asked) if by[a[0]].site != sites[0]],
            [i for i, a in enumerate(asked) if by[a[0]].site == sites[0]],
        )
    else:
        order = rng.permutation(len(asked)).tolist()
        cut = int(0.7 * len(order))
        fold = (order[:cut], order[cut:])
    proof = Proof("site", site="CONSILIUM//hospital") if way == "site" else Proof()
    rng.shuffle(asked) if way == "random" else None
    w = World(rng, stays, [], inputs, question, proof, asked, fold)
    for s in stays:
        _chart(w, s, delay, every, care, nurses)
    if rng.random() < 0.35:
        w.columns = w.own_columns()
        train = np.array(w.fold[0])
        for name in ("wbc", "heart_rate"):  # scaled and filled as one should
            x = w.columns[name]
            x = np.where(np.isfinite(x), x, np.nanmean(x[train]))
            w.columns[name] = (x - x[train].mean()) / x[train].std()
        w.columns["lactate"] = np.where(np.isfinite(w.columns["lactate"]), w.columns["lactate"], np.nanmedian(w.columns["lactate"][train]))
        shares = {}
        wards = np.array([by[a[0]].ward for a in w.asked])
        y = w.labels()
        for v in range(7):  # an honest encoding: of other rows than those it is used on is what a fold does; here a historic rate
            shares[v] = float(np.clip(y.mean() + rng.normal(scale=0.04), 0.01, 0.9))
        w.columns["ward_rate_last_year"] = np.array([shares[int(v)] for v in wards])
    return w


def _number(rng: np.random.Generator, spec: tuple, s: Stay, t: int, carry: float) -> float:
    mean, sd, effect, decimals, _ = spec
    ramp = 0.0
    if s.case:
        ramp = 1.4 * float(np.exp(-max(0.0, (s.onset - t) / H) / 14))
    v = mean + effect * (s.severity + ramp) + sd * (0.6 * carry + 0.8 * rng.normal())
    return float(round(max(v, mean * 0.2), decimals))


def _chart(w: World, s: Stay, delay: float, every: float, care: float, nurses: np.ndarray) -> None:
    rng = w.rng
    born = s.admitted // D * D - int(rng.uniform(21, 92) * 365.25) * D
    w.add(s.subject, born, "MEDS_BIRTH", delay=D)
    w.add(s.subject, None, "GENDER//M" if rng.random() < 0.5 else "GENDER//F")
    w.add(s.subject, None, "CONSILIUM//hospital", text=s.site)
    for _ in range(rng.poisson(1.5)):  # earlier visits, where chronic diagnoses are written down long after they began
        t = s.admitted - int(rng.uniform(30, 900) * D)
        w.add(s.subject, t, "ENCOUNTER//AMB", text="ambulatory")
        w.add(s.subject, t + int(rng.uniform(15, 60) * MIN), "ENCOUNTER//END//AMB", text="ambulatory")
        for code, p in ((DIABETES, 0.3), (ASTHMA, 0.25), (OLD_SEPSIS, 0.1 + 0.1 * s.case)):
            if rng.random() < p:
                began = (t - int(rng.uniform(60, 3000) * D)) // D * D
                w.add(s.subject, began, code, available=t + int(rng.uniform(5, 15) * MIN), text="as told")
    if rng.random() < 0.15:  # a general practitioner's blood test, weeks before
        w.add(
            s.subject,
            s.admitted - int(rng.uniform(2, 60) * D),
            CREATININE,
            1.0 + round(float(rng.normal(scale=0.2)), 2),
            unit="mg/dL",
            delay=D,
            source="gp",
        )
    w.add(s.subject, s.admitted, "ENCOUNTER//IMP", text="inpatient")
    w.add(s.subject, s.left, "ENCOUNTER//END//IMP", text="inpatient")
    w.add(s.subject, s.admitted + 2 * MIN, STAFFING, float(nurses[s.ward]), unit="1")
    carry: dict[str, float] = {}

    def take(codes: dict, t: int, source: str, late: Callable[[], float], keep: float) -> None:
        for code, spec in codes.items():
            if rng.random() > keep:
                continue
            carry[code] = 0.7 * carry.get(code, float(rng.normal())) + 0.7 * float(rng.normal())
            w.add(s.subject, t, code, _number(rng, spec, s, t, carry[code]), unit=spec[4], delay=late(), source=source)

    draws = [s.admitted + int(rng.uniform(8, 120) * MIN)]
    day = s.admitted // D * D + D + 6 * H
    while day < s.left - H:
        if rng.random() < 0.85:
            draws.append(day + int(rng.normal(0, 40) * MIN))
        day += D
    sick = 1 / (1 + np.exp(-(0.4 + care * s.severity)))
    for t in draws:
        if s.admitted < t < s.left:
            take({k: v for k, v in LABS.items() if k != LACTATE}, t, "lab", lambda: float(rng.lognormal(np.log(delay), 0.4) * MIN), 0.93)
            take({LACTATE: LABS[LACTATE]}, t, "lab", lambda: float(rng.lognormal(np.log(delay), 0.4) * MIN), float(sick))
    t = s.admitted + int(rng.uniform(5, 40) * MIN)
    while t < s.left:
        take(VITALS, t, "monitor", lambda: float(rng.uniform(0.2, 9) * MIN), 0.9)
        if rng.random() < 0.3:
            w.add(s.subject, t, COMA, float(15 - min(rng.poisson(0.5 + 0.3 * max(s.severity, 0)), 6)), unit="{score}", delay=3 * MIN)
        t += int(rng.uniform(0.6, 1.4) * every * H)
    w.add(s.subject, s.asked, ROUND)
    w.add(
        s.subject,
        s.onset if s.case else min(s.left, s.asked + int(rng.uniform(20, 71) * H)),
        REVIEW,
        text="yes" if s.case else "no",
        delay=D,
    )
    if rng.random() < 0.25 + 0.08 * s.severity:
        w.add(s.subject, s.admitted + int(rng.uniform(2, 14) * H), ANTIBIOTIC, text="given by mouth")
    if s.case:
        w.add(s.subject, s.onset + int(rng.uniform(0.2, 3) * H), ANTIBIOTIC, text="given by vein")
        if rng.random() < 0.6:
            w.add(s.subject, s.onset + int(rng.uniform(1, 12) * H), PRESSOR, text="running")
        if rng.random() < 0.5:
            w.add(s.subject, s.onset + int(rng.uniform(2, 20) * H), ICU)
    elif rng.random() < 0.03:
        w.add(s.subject, s.admitted + int(rng.uniform(1, 8) * H), PRESSOR, text="running")
    if rng.random() < 0.08 + 0.12 / (1 + np.exp(-s.severity)):
        w.add(s.subject, s.admitted + int(rng.uniform(1, 12) * H), LINE)
    t = s.admitted + int(rng.uniform(1, 6) * H)
    while t < s.left:
        said = [str(x) for x in rng.choice(CALM, 6)]
        if rng.random() < 0.05 + 0.05 * s.case:
            said.append("query infection source")
        w.add(s.subject, t, PROGRESS, text=" ".join(said), delay=int(rng.uniform(5, 50) * MIN))
        t += int(rng.uniform(18, 28) * H)
    w.add(s.subject, s.left, SUMMARY, text="summary of the stay", delay=int(rng.uniform(1, 40) * H))
    for code, p in zip(BILLS, (0.1 + 0.35 * s.case, 0.08 + 0.3 * s.case, 0.5, 0.25), strict=True):
        if rng.random() < p:
            w.add(s.subject, s.left, code, delay=int(rng.uniform(1, 9) * D), source="billing", text="coded")
    if s.died:
        w.add(s.subject, s.left, "MEDS_DEATH", delay=2 * H)
