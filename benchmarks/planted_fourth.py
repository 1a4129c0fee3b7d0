"""Kinds of leak written last, from what goes wrong in studies of clinical data, and measured once before any check was changed for them.

What was found at that one measurement stands in docs/time-safety.md; the kinds have been seen since.
"""

from __future__ import annotations

from copy import copy

import numpy as np
import planted_kinds
from planted import CREATININE, HR, ICU, LABS, MIN, OLD_SEPSIS, PROGRESS, RR, SODIUM, TEMP, WBC, D, H, World
from planted_kinds import numbers, rows_of, score, twin_chart

Places = set[str]
_BEFORE = set(planted_kinds.KINDS)


@planted_kinds.kind
def last_bed_as_the_bed_of_admission(w: World) -> Places:
    """The table of beds keeps the present bed only; its row is dated at admission."""
    later = {e.subject for e in w.events if e.code == ICU}
    w.input("bed_group", "CONSILIUM//bed-group", take="count")
    for s in w.stays:
        w.add(s.subject, s.admitted + 2 * MIN, "CONSILIUM//bed-group", text="M4" if s.subject in later else f"W{s.ward}")
    return {"CONSILIUM//bed-group", "bed_group"}


@planted_kinds.kind
def history_counted_with_the_stay_itself(w: World) -> Places:
    """History of sepsis was taken from all claims, this stay's own included, and dated to an earlier visit."""
    visits = {e.subject: e.time for e in w.events if e.code == "ENCOUNTER//AMB"}
    for s, _, y in rows_of(w):
        if y and w.rng.random() < 0.7 and s.subject in visits:
            w.add(s.subject, visits[s.subject] + 20 * MIN, OLD_SEPSIS, text="as told", delay=8 * MIN)
    return {OLD_SEPSIS, "sepsis_before"}


@planted_kinds.kind
def triage_corrected_afterwards(w: World) -> Places:
    """The triage level is overwritten when the patient turns out to be sicker; the time of triage stays."""
    w.input("triage", "CONSILIUM//triage", unit="{score}", take="last")
    for s in w.stays:
        level = float(np.clip(round(3 - 0.7 * s.severity + w.rng.normal(scale=0.5)), 2, 5))
        level = 1.0 if s.case and w.rng.random() < 0.6 else level
        w.add(s.subject, s.admitted + 3 * MIN, "CONSILIUM//triage", level, unit="{score}", delay=MIN)
    return {"CONSILIUM//triage", "triage"}


@planted_kinds.kind
def days_of_follow_up_in_the_patient_table(w: World) -> Places:
    w.input("days_known", "CONSILIUM//days-known", unit="d", take="last")
    for s in w.stays:
        end = s.left + (0 if s.died else int(w.rng.uniform(10, 900) * D))
        w.add(s.subject, None, "CONSILIUM//days-known", float((end - s.admitted) // D), unit="d")
    return {"CONSILIUM//days-known", "days_known"}


@planted_kinds.kind
def report_with_its_addendum(w: World) -> Places:
    """The text of a report is the last version, its time that of the first."""
    w.input("film", "REPORT//LOINC//36643-5")
    for s, at, y in rows_of(w):
        said = "chest film lungs clear heart of normal size" if w.rng.random() < 0.7 else "chest film poor inspiration lines in place"
        if w.rng.random() < (0.45 if y else 0.05):
            said += " addendum compared with the later study opacity has increased"
        w.add(s.subject, at - int(w.rng.uniform(4, 12) * H), "REPORT//LOINC//36643-5", text=said, delay=40 * MIN)
    return {"REPORT//LOINC//36643-5", "film"}


@planted_kinds.kind
def tables_shifted_by_different_days(w: World) -> Places:
    """De-identification moved each patient's laboratory table by other days than the rest of the chart."""
    moved = {s.subject: int(w.rng.integers(1, 4)) * D for s in w.stays}
    for e in w.events:
        if e.source.startswith("lab"):
            e.time, e.available = e.time - moved[e.subject], e.available - moved[e.subject]
    return {"source lab", *LABS}


@planted_kinds.kind
def notes_filed_at_the_start_of_the_shift(w: World) -> Places:
    for e in w.events:
        if e.code == PROGRESS:
            e.time = e.available = e.time // (8 * H) * 8 * H
    return {PROGRESS, "notes"}


@planted_kinds.kind
def controls_with_a_short_history(w: World) -> Places:
    """Cases were extracted with all their earlier visits, controls with those of the last month."""
    w.input("visits", "ENCOUNTER//AMB", take="count")
    w.events = [
        e for e in w.events
        if w.of(e.subject).case or e.time is None or e.code == "MEDS_BIRTH" or e.time > w.of(e.subject).admitted - 30 * D
    ]  # fmt: skip
    return {"ENCOUNTER//AMB", "visits", "diabetes", "asthma", "sepsis_before", "rows", "*"}


@planted_kinds.kind
def warning_score_computed_afterwards(w: World) -> Places:
    """An early-warning score was computed for the study from twelve hours on either side of its time."""
    w.input("warning", "CONSILIUM//warning", unit="{score}", take="last")
    own = {code: numbers(w, code) for code in (HR, RR, TEMP)}

    def points(s, at, y):
        total = 0.0
        for code, mean, sd in ((HR, 84, 12), (RR, 17, 3), (TEMP, 36.9, 0.5)):
            near = [e.value for e in own[code].get(s.subject, ()) if at - 12 * H < e.time <= at + 12 * H]
            total += max(0.0, (max(near, default=mean) - mean) / sd)
        return round(total, 1)

    score(w, "CONSILIUM//warning", points)
    return {"CONSILIUM//warning", "warning"}


@planted_kinds.kind
def extremes_cleaned_from_controls(w: World) -> Places:
    """Implausible values were looked at by hand and taken out, but only in charts that were not looked at for sepsis."""
    high = float(np.quantile([e.value for e in w.events if e.code == WBC], 0.75))
    w.events = [e for e in w.events if not (e.code == WBC and e.value > high and not w.of(e.subject).case)]
    return {WBC, "wbc"}


@planted_kinds.kind
def cancelled_test_as_ninety_nine(w: World) -> Places:
    """A sodium that was ordered but never drawn, because the patient had gone to theatre or intensive care, is written as 99."""
    for s, at, y in rows_of(w):
        if w.rng.random() < (0.25 if y else 0.01):
            w.add(s.subject, at - int(w.rng.uniform(0.5, 3) * H), SODIUM, 99.0, unit="mmol/L", delay=50 * MIN, source="lab")
    return {SODIUM, "sodium"}


@planted_kinds.kind
def second_stay_under_a_new_number(w: World) -> Places:
    """People come back and get a new number: the same birth and sex and old diagnoses, another stay."""
    for i in list(w.fold[0])[:10]:
        subject, at, y = w.asked[i]
        first = w.of(subject)
        twin = twin_chart(w, subject, lambda e, s=first: e.time is None or e.time < s.admitted)
        gap = int(w.rng.uniform(20, 200)) * D
        for e in [e for e in w.events if e.subject == subject and e.time is not None and e.time >= first.admitted]:
            again = copy(e)
            again.subject, again.time, again.available = twin.subject, e.time + gap, None if e.available is None else e.available + gap
            if e.value is not None:
                again.value = round(e.value * float(w.rng.normal(1, 0.08)), 1)
                again.time, again.available = again.time + int(w.rng.uniform(0, 60)) * MIN, again.available + 60 * MIN
            again.source = f"{e.source.split('/')[0]}/{w.rng.integers(1 << 60):x}z"
            w.events.append(again)
        w.asked.append((twin.subject, at + gap, y))
        w.fold[1].append(len(w.asked) - 1)
    return {"split"}


@planted_kinds.in_matrix
def neighbours_of_the_same_answer(w: World) -> Places:
    """Gaps were filled from the nearest patients, and the answer was among the columns by which they were near."""
    names = ["lactate", "crp", "wbc", "heart_rate", "systolic"]
    X = np.column_stack([w.columns[name] for name in names])
    Z = np.nan_to_num((X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0))
    Z[:, 0] = 6.0 * w.labels()
    lactate = w.columns["lactate"].copy()
    seen = np.flatnonzero(np.isfinite(lactate))
    for i in np.flatnonzero(~np.isfinite(lactate)):
        near = seen[np.argsort(((Z[seen] - Z[i]) ** 2).sum(axis=1))[:5]]
        w.columns["lactate"][i] = lactate[near].mean()
    return {"lactate"}


@planted_kinds.in_matrix
def components_of_all_rows(w: World) -> Places:
    names = ["crp", "wbc", "heart_rate", "systolic", "temperature", "breaths"]
    X = np.column_stack([w.columns[name] for name in names])
    X = np.where(np.isfinite(X), X, np.nanmean(X, axis=0))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    axes = np.linalg.svd(X, full_matrices=False)[2]
    for k in range(2):
        w.columns[f"component_{k + 1}"] = X @ axes[k]
    return {"component_1", "component_2"}


@planted_kinds.in_matrix
def cases_made_between_two_cases(w: World) -> Places:
    """Cases were multiplied by mixing two of them before the split (SMOTE), so that learning rows hold parts of proving rows."""
    y = w.labels()
    train, test = (list(side) for side in w.fold)
    cases = np.flatnonzero(y)
    pairs = [w.rng.choice(cases, 2, replace=False) for _ in range(40)]
    part = w.rng.random(len(pairs))
    for name, x in w.columns.items():
        made = [x[a] + p * (x[b] - x[a]) for (a, b), p in zip(pairs, part, strict=True)]
        w.columns[name] = np.append(x, made)
    for n, (a, _) in enumerate(pairs):
        number = int(w.rng.integers(10_000_000, 99_999_999))
        w.asked.append((number, w.asked[a][1], 1))
        (train if n % 10 < 7 else test).append(len(w.asked) - 1)
    w.fold = (train, test)
    return {"split", "rows", "*"}


@planted_kinds.kind
def culture_that_the_definition_asks_for(w: World) -> Places:
    """The label needs a culture near the onset; the culture's order is an input, and its time that of the suspicion, charted back."""
    code = "PROCEDURE//SNOMED//30088009"
    w.input("culture_taken", code)
    w.descriptions[code] = "Blood culture"
    for s, at, y in rows_of(w):
        if w.rng.random() < (0.75 if y else 0.12):
            w.add(s.subject, at - int(w.rng.uniform(0.2, 6) * H), code)
    return {code, "culture_taken"}


@planted_kinds.kind
def medicines_of_discharge_as_medicines_at_home(w: World) -> Places:
    """The list of medicines at discharge was read as the list at admission: those treated go home with the rest of the course."""
    w.input("home_medicines", "MEDICATION//RxNorm//7980", "MEDICATION//RxNorm//6809", "MEDICATION//RxNorm//29046", take="count")
    for s in w.stays:
        if s.case and not s.died and w.rng.random() < 0.5:
            w.add(s.subject, s.admitted + 30 * MIN, "MEDICATION//RxNorm//7980", text="to be finished")
        for code, p in (("MEDICATION//RxNorm//6809", 0.2), ("MEDICATION//RxNorm//29046", 0.3)):
            if w.rng.random() < p:
                w.add(s.subject, s.admitted + 30 * MIN, code, text="at home")
    return {"MEDICATION//RxNorm//7980", "home_medicines"}


@planted_kinds.kind
def creatinine_of_the_next_morning_under_the_order(w: World) -> Places:
    """Results carry the time of the standing order, written on the evening before, and were said to be known an hour later."""
    for e in w.events:
        if e.code == CREATININE and e.source.startswith("lab") and w.rng.random() < 0.8:
            e.time -= 12 * H
            e.available -= 12 * H
    return {CREATININE, "source lab"}


FOURTH = set(planted_kinds.KINDS) - _BEFORE
__all__ = ["FOURTH"]
