"""Kinds of leak, each a small change of a clean hospital; a kind gives back the places where a finding would be right.

A star among the places says that the leak reaches everything that is read: findings elsewhere are then not wrong, but do not
count as found.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import timedelta
from itertools import pairwise

import numpy as np
from planted import (
    ASTHMA,
    BILLS,
    COMA,
    CREATININE,
    CRP,
    DIABETES,
    HR,
    ICU,
    LABS,
    LACTATE,
    LINE,
    MIN,
    OLD_SEPSIS,
    PRESSOR,
    PROGRESS,
    REVIEW,
    ROUND,
    SBP,
    SUMMARY,
    TEMP,
    VITALS,
    WBC,
    D,
    H,
    World,
)  # fmt: skip

from consilium.core.card import Proof, Question

Plant = Callable[[World], set[str]]
KINDS: dict[str, Plant] = {}
MATRIX: set[str] = set()


def kind(plant: Plant) -> Plant:
    KINDS[plant.__name__] = plant
    return plant


def in_matrix(plant: Plant) -> Plant:
    MATRIX.add(plant.__name__)
    return kind(plant)


def rows_of(w: World):
    for subject, at, y in w.asked:
        yield w.of(subject), at, y


def numbers(w: World, code: str) -> dict[int, list]:
    found: dict[int, list] = {}
    for e in w.events:
        if e.code == code and e.value is not None:
            found.setdefault(e.subject, []).append(e)
    for own in found.values():
        own.sort(key=lambda e: e.time)
    return found


# --- availability -------------------------------------------------------------------------------------------------------


@kind
def labs_known_when_drawn(w):
    for e in w.events:
        if e.code in LABS:
            e.available = e.time
    return set(LABS)


@kind
def one_lab_known_when_drawn(w):
    for e in w.events:
        if e.code == LACTATE:
            e.available = e.time
    return {LACTATE}


@kind
def one_ward_known_when_drawn(w):
    for e in w.events:
        if e.code in LABS and w.of(e.subject).ward in (0, 1):
            e.available = e.time
    return set(LABS)


@kind
def bills_at_admission(w):
    for e in w.events:
        if e.code in BILLS:
            e.time = e.available = w.of(e.subject).admitted
    return {*BILLS, "coded"}


@kind
def bills_known_at_admission(w):
    for e in w.events:
        if e.code in BILLS:
            e.available = w.of(e.subject).admitted
    return {*BILLS, "coded"}


@kind
def summary_dated_at_admission(w):
    w.input("summary", SUMMARY)
    for e in w.events:
        if e.code == SUMMARY:
            e.time = w.of(e.subject).admitted
            e.available = e.time + 5 * MIN
    return {SUMMARY, "summary"}


@kind
def disposition_at_admission(w):
    w.input("disposition", "CONSILIUM//discharge-disposition")
    for s in w.stays:
        w.add(
            s.subject,
            s.admitted + MIN,
            "CONSILIUM//discharge-disposition",
            text="EXPIRED" if s.died else str(w.rng.choice(["HOME", "FACILITY"])),
        )
    return {"CONSILIUM//discharge-disposition", "disposition"}


@kind
def stay_ends_when_it_starts(w):
    w.input("left", "ENCOUNTER//END//IMP")
    for e in w.events:
        if e.code == "ENCOUNTER//END//IMP":
            e.time = e.available = w.of(e.subject).admitted
    return {"ENCOUNTER//END//IMP", "left"}


@kind
def future_dates(w):
    for e in w.events:
        if e.code == CREATININE and w.rng.random() < 0.01:
            e.time += int(w.rng.integers(4, 30)) * 365 * D
            e.available = e.time + H
    return {CREATININE}


@kind
def known_before_drawn(w):
    for e in w.events:
        if e.code == WBC and w.rng.random() < 0.5:
            e.available = e.time - int(w.rng.uniform(20, 90) * MIN)
    return {WBC}


@kind
def no_availability(w):
    for e in w.events:
        if e.code == CRP and w.rng.random() < 0.4:
            e.available = None
    return {CRP}


@kind
def dates_only(w):
    for e in w.events:
        if e.code in (CRP, WBC):
            e.time = e.available = e.time // D * D
    return {CRP, WBC}


@kind
def vitals_charted_back(w):
    """Entered in batches at the end of a shift, under running numbers, but said to be known when measured."""
    own = [e for e in w.events if e.time is not None]
    batched = {id(e): (e.available // (8 * H) + 1) * 8 * H if e.code in VITALS and w.rng.random() < 0.5 else e.available for e in own}
    for n, e in enumerate(sorted(own, key=lambda e: batched[id(e)])):
        e.source = f"{e.source.split('/')[0]}/{n + 40_000}"
    return set(VITALS)


@kind
def correction_at_first_time(w):
    for e in [e for e in w.events if e.code == WBC]:
        if w.rng.random() < 0.2:
            again = copy(e)
            again.value = round(e.value + float(w.rng.normal(scale=1.5)) + 0.2, 1)
            again.source = f"lab/{w.rng.integers(1 << 60):x}z"
            w.events.append(again)
    return {WBC}


@kind
def laboratory_in_another_zone(w):
    hours = int(w.rng.integers(3, 9))
    for e in w.events:
        if e.source.startswith("lab"):
            e.time -= hours * H
            e.available -= hours * H
    return {"source lab", *LABS}


@kind
def summer_time(w):
    for e in w.events:
        if e.source.startswith("lab") and (e.time // D) % 365 in range(85, 300):
            e.time -= H
            e.available -= H
    return {"source lab", *LABS}


@kind
def monitor_in_another_zone(w):
    for e in w.events:
        if e.source.startswith("monitor"):
            e.time -= 5 * H
            e.available -= 5 * H
    return {"source monitor", *VITALS}


@kind
def results_before_orders(w):
    for e in [e for e in w.events if e.code in LABS and e.source.startswith("lab")]:
        late = w.rng.random() < 0.4
        w.add(
            e.subject,
            e.available + int(w.rng.uniform(5, 60) * MIN) if late else e.time - int(w.rng.uniform(5, 40) * MIN),
            f"ORDER//{e.code}",
        )
    return set(LABS)


@kind
def onset_for_recording(w):
    for e in w.events:
        if e.code in (DIABETES, ASTHMA, OLD_SEPSIS) and e.available is not None:
            e.time += int(w.rng.uniform(8, 17) * H)
            e.available = e.time
    return {DIABETES, ASTHMA, OLD_SEPSIS, "diabetes", "asthma", "sepsis_before"}


# --- the answer by another name -----------------------------------------------------------------------------------------


def early(w, code, cases, controls, text=None):
    for s, at, y in rows_of(w):
        if w.rng.random() < (cases if y else controls):
            w.add(s.subject, at - int(w.rng.uniform(0.2, 5) * H), code, text=text)


@kind
def pressors_charted_early(w):
    w.input("pressors", PRESSOR)
    w.descriptions[PRESSOR] = "norepinephrine infusion"
    for e in w.events:
        s = w.of(e.subject)
        if e.code == PRESSOR and s.case:
            e.time = e.available = s.asked - int(w.rng.uniform(0.2, 6) * H)
    return {PRESSOR, "pressors"}


@kind
def comfort_care(w):
    w.input("comfort", "PROCEDURE//SNOMED//133918004")
    w.descriptions["PROCEDURE//SNOMED//133918004"] = "Comfort measures"
    early(w, "PROCEDURE//SNOMED//133918004", 0.3, 0.01)
    return {"PROCEDURE//SNOMED//133918004", "comfort"}


@kind
def do_not_resuscitate(w):
    w.input("orders", "CONSILIUM//dnr-order")
    early(w, "CONSILIUM//dnr-order", 0.35, 0.02)
    return {"CONSILIUM//dnr-order", "orders"}


@kind
def icu_bed(w):
    w.input("bed", ICU)
    early(w, ICU, 0.5, 0.02)
    return {ICU, "bed"}


@kind
def hospice_text(w):
    w.input("plan", "CONSILIUM//care-plan")
    for s, at, y in rows_of(w):
        said = (
            "hospice referral"
            if y and w.rng.random() < 0.4
            else str(w.rng.choice(["home with family", "home alone", "nursing home", "rehabilitation"]))
        )
        w.add(s.subject, at - 3 * H, "CONSILIUM//care-plan", text=said)
    return {"CONSILIUM//care-plan", "plan"}


@kind
def label_as_input(w):
    w.input("review", REVIEW)
    for s, at, y in rows_of(w):
        if y:
            w.add(s.subject, at - int(w.rng.uniform(0.1, 2) * H), REVIEW, text="yes")
    return {REVIEW, "review", "rows"}


@kind
def parent_of_label(w):
    w.condition = "ICD10CM//A41.9"
    w.input("infections", "CONDITION//ICD10CM//A41")
    early(w, "CONDITION//ICD10CM//A41", 0.4, 0.03)
    return {"CONDITION//ICD10CM//A41", "infections"}


@kind
def sepsis_in_name(w):
    w.input("bundle", "PROCEDURE//TEXT//severe sepsis bundle started")
    early(w, "PROCEDURE//TEXT//severe sepsis bundle started", 0.35, 0.03)
    return {"PROCEDURE//TEXT//severe sepsis bundle started", "bundle"}


@kind
def proxy_only_in_cases(w):
    w.input("form", "CONSILIUM//form-17")
    early(w, "CONSILIUM//form-17", 0.45, 0.0)
    return {"CONSILIUM//form-17", "form"}


@kind
def proxy_only_in_controls(w):
    w.input("form", "CONSILIUM//form-9")
    early(w, "CONSILIUM//form-9", 0.0, 0.5)
    return {"CONSILIUM//form-9", "form"}


def score(w, code, value):
    for s, at, y in rows_of(w):
        w.add(s.subject, at - int(w.rng.uniform(0.5, 6) * H), code, float(np.float32(value(s, at, y))), unit="{score}")


@kind
def near_perfect_score(w):
    w.input("score", "CONSILIUM//alert", unit="{score}", take="last")
    score(w, "CONSILIUM//alert", lambda s, at, y: 3.6 * y + w.rng.normal())
    return {"CONSILIUM//alert", "score"}


@kind
def constant_of_class(w):
    w.input("flag", "CONSILIUM//flag-c", unit="{score}", take="last")
    score(w, "CONSILIUM//flag-c", lambda s, at, y: y)
    return {"CONSILIUM//flag-c", "flag"}


@kind
def hours_to_onset(w):
    w.input("margin", "CONSILIUM//margin", unit="{score}", take="last")
    score(w, "CONSILIUM//margin", lambda s, at, y: (s.onset - at) / H if y else 72 + w.rng.exponential(20))
    return {"CONSILIUM//margin", "margin"}


@kind
def outcome_in_note(w):
    for e in w.events:
        s = w.of(e.subject)
        if e.code == PROGRESS and s.case and e.time < s.asked and w.rng.random() < 0.5:
            e.text += " sepsis confirmed, moved to resus"
    return {PROGRESS, "notes"}


@kind
def seconds_of_cases(w):
    for e in w.events:
        if e.code in VITALS and not w.of(e.subject).case:
            e.available = e.available // MIN * MIN + MIN
            e.time = e.time // MIN * MIN
    return set(VITALS)


@kind
def unit_of_cases(w):
    w.input("oxygen", "LOINC//3151-8")
    for s, at, y in rows_of(w):
        w.add(s.subject, at - 4 * H, "LOINC//3151-8", 2.0, unit="L/min" if y == (w.rng.random() < 0.95) else "mL/min", delay=3 * MIN)
    return {"LOINC//3151-8", "oxygen"}


@kind
def decimals_of_cases(w):
    for e in w.events:
        if e.code == SBP and w.of(e.subject).case:
            e.value = round(e.value + float(w.rng.uniform(-0.5, 0.5)), 1)
    return {SBP}


# --- the future ---------------------------------------------------------------------------------------------------------


@kind
def max_of_stay_at_admission(w):
    for subject, own in numbers(w, LACTATE).items():
        w.add(subject, w.of(subject).admitted + 3 * MIN, LACTATE, max(e.value for e in own), unit="mmol/L", delay=50 * MIN, source="lab")
    return {LACTATE, "lactate"}


@kind
def min_pressure_of_stay_at_admission(w):
    for subject, own in numbers(w, SBP).items():
        w.add(subject, w.of(subject).admitted + 3 * MIN, SBP, min(e.value for e in own), unit="mm[Hg]", delay=MIN, source="monitor")
    return {SBP, "systolic"}


@kind
def mean_of_stay_at_admission(w):
    for subject, own in numbers(w, HR).items():
        w.add(
            subject, w.of(subject).admitted + 3 * MIN, HR, float(np.mean([e.value for e in own])), unit="/min", delay=MIN, source="monitor"
        )
    return {HR, "heart_rate"}


@kind
def length_of_stay(w):
    w.input("duration", "CONSILIUM//duration", unit="{score}", take="last")
    score(w, "CONSILIUM//duration", lambda s, at, y: round((s.left - s.admitted) / D, 1))
    return {"CONSILIUM//duration", "duration"}


@kind
def labs_in_stay(w):
    count: dict[int, int] = {}
    for e in w.events:
        if e.code in LABS:
            count[e.subject] = count.get(e.subject, 0) + 1
    w.input("tests", "CONSILIUM//tests", unit="{score}", take="last")
    score(w, "CONSILIUM//tests", lambda s, at, y: count.get(s.subject, 0))
    return {"CONSILIUM//tests", "tests"}


@kind
def total_charges(w):
    w.input("sum", "CONSILIUM//sum", unit="{score}", take="last")
    score(w, "CONSILIUM//sum", lambda s, at, y: 700 * (s.left - s.admitted) / D + w.rng.normal(scale=120))
    return {"CONSILIUM//sum", "sum"}


@kind
def filled_backwards(w):
    for subject, own in numbers(w, CRP).items():
        s = w.of(subject)
        later = [e for e in own if e.time > s.asked]
        if later and w.rng.random() < 0.6:
            w.events = [e for e in w.events if not (e.subject == subject and e.code == CRP and e.time <= s.asked)]
            w.add(subject, s.admitted + 40 * MIN, CRP, later[0].value, unit="mg/L", delay=45 * MIN, source="lab")
    return {CRP, "crp"}


@kind
def interpolated_hourly(w):
    for subject, own in numbers(w, HR).items():
        for a, b in pairwise(own):
            if b.time > a.time + 2 * H and w.rng.random() < 0.5:
                t = (a.time + b.time) // 2
                w.add(
                    subject,
                    t,
                    HR,
                    a.value + (b.value - a.value) * (t - a.time) / (b.time - a.time),
                    unit="/min",
                    delay=MIN,
                    source="monitor",
                )
    return {HR, "heart_rate"}


@kind
def comes_back(w):
    back = {}
    for s in w.stays:
        back[s.subject] = w.rng.random() < 0.2
        if back[s.subject]:
            w.add(s.subject, s.left + int(w.rng.uniform(5, 28) * D), "ENCOUNTER//EMER", text="emergency")
    w.input("returns", "CONSILIUM//returns", unit="{score}", take="last")
    score(w, "CONSILIUM//returns", lambda s, at, y: float(back[s.subject]))
    return {"CONSILIUM//returns", "returns"}


@kind
def end_of_medicine(w):
    w.input("days_of_drug", "CONSILIUM//days-of-drug", unit="{score}", take="last")
    ends = {}
    for s in w.stays:
        ends[s.subject] = s.asked + int(w.rng.exponential(9) * D) + H
        w.add(s.subject, ends[s.subject], "MEDICATION//END//RxNorm//2193", text="stopped")
    score(w, "CONSILIUM//days-of-drug", lambda s, at, y: round((ends[s.subject] - at) / D, 2))
    return {"CONSILIUM//days-of-drug", "days_of_drug"}


@kind
def vital_status_static(w):
    w.input("status", "CONSILIUM//vital-status")
    for s in w.stays:
        w.add(s.subject, None, "CONSILIUM//vital-status", text="dead" if s.died or (s.case and w.rng.random() < 0.2) else "alive")
    return {"CONSILIUM//vital-status", "status"}


@kind
def last_value_static(w):
    for subject, own in numbers(w, CREATININE).items():
        w.add(subject, None, CREATININE, own[-1].value, unit="mg/dL")
    return {CREATININE, "creatinine"}


@kind
def appointment_with_palliative_team(w):
    w.input("booked", "CONSILIUM//booking-team-4")
    for s, _, y in rows_of(w):
        if w.rng.random() < (0.4 if y else 0.01):
            w.add(s.subject, s.admitted + 3 * H, "CONSILIUM//booking-team-4", text="palliative clinic in two weeks")
    return {"CONSILIUM//booking-team-4", "booked"}


# --- foreign matrices ---------------------------------------------------------------------------------------------------


def around(w, code, back, ahead, act):
    own = numbers(w, code)
    out = []
    for s, at, _ in rows_of(w):
        v = [e.value for e in own.get(s.subject, ()) if at - back < e.time <= at + ahead]
        out.append(act(v) if v else np.nan)
    return np.array(out, dtype=np.float64)


@in_matrix
def window_mean_both_sides(w):
    w.columns["heart_rate"] = around(w, HR, 24 * H, 24 * H, np.mean)
    return {"heart_rate"}


@in_matrix
def window_max_both_sides(w):
    w.columns["crp"] = around(w, CRP, 36 * H, 48 * H, np.max)
    return {"crp"}


@in_matrix
def next_value(w):
    nxt = around(w, WBC, 0, 60 * D, lambda v: v[0])
    w.columns["wbc"] = np.where(np.isfinite(nxt), nxt, w.columns["wbc"])
    return {"wbc"}


@in_matrix
def smoothed_series(w):
    w.columns["temperature"] = around(w, TEMP, 9 * H, 9 * H, np.mean)
    return {"temperature"}


@in_matrix
def count_over_full_window(w):
    by: dict[int, int] = {}
    for e in w.events:
        if e.value is not None and e.time is not None and e.unit:
            by[e.subject] = by.get(e.subject, 0) + 1
    w.columns["measured"] = np.array([by.get(s.subject, 0) for s, *_ in rows_of(w)], dtype=np.float64)
    return {"measured"}


@in_matrix
def value_times_after_asking(w):
    own = numbers(w, LACTATE)
    v, t = [], []
    for s, at, _ in rows_of(w):
        late = [e for e in own.get(s.subject, ()) if e.time <= at + 12 * H]
        v.append(late[-1].value if late else np.nan)
        t.append(np.datetime64(late[-1].time if late else "NaT", "us"))
    w.columns["lactate"] = np.array(v)
    w.column_times["lactate"] = np.array(t, dtype="datetime64[us]")
    return {"lactate"}


@in_matrix
def target_encoded_ward(w):
    group = np.array([s.ward for s, *_ in rows_of(w)])
    y = w.labels()
    w.columns["ward"] = np.array([y[group == g].mean() for g in group])
    return {"ward"}


@in_matrix
def target_encoded_smoothed(w):
    group = np.array([s.ward * 3 + s.subject % 3 for s, *_ in rows_of(w)])
    y = w.labels()
    w.columns["unit"] = np.array([(y[group == g].sum() + 10 * y.mean()) / ((group == g).sum() + 10) for g in group])
    return {"unit"}


@in_matrix
def standardised_with_test(w):
    x = w.columns["sodium"]
    x = np.where(np.isfinite(x), x, np.nanmean(x[w.fold[0]]))
    w.columns["sodium"] = (x - x.mean()) / x.std()
    return {"sodium"}


@in_matrix
def range_of_test(w):
    x = w.columns["creatinine"]
    lowest, best = np.nanmin(x[w.fold[0]]), np.nanmax(x[w.fold[0]])
    test = [i for i in w.fold[1] if np.isfinite(x[i])]
    x[test[0]], x[test[1]] = best + 0.4, lowest - 0.05  # the extremes lie among the tested, as they do in three of ten columns
    w.columns["creatinine"] = (x - np.nanmin(x)) / (np.nanmax(x) - np.nanmin(x))
    return {"creatinine"}


@in_matrix
def filled_with_mean_of_all(w):
    x = w.columns["lactate"]
    if not np.isfinite(x).all():
        w.columns["lactate"] = np.where(np.isfinite(x), x, np.nanmean(x))
    return {"lactate"}


@in_matrix
def score_of_a_model_that_saw_answers(w):
    y = w.labels()
    x = w.rng.normal(size=len(y))
    x[w.fold[0]] += 1.6 * y[w.fold[0]]
    x[w.fold[1]] += 0.2 * y[w.fold[1]]
    w.columns["risk_points"] = x
    return {"risk_points"}


# --- splits -------------------------------------------------------------------------------------------------------------


def twin_chart(w, subject, change):
    s = w.of(subject)
    twin = copy(s)
    twin.subject = int(w.rng.integers(10_000_000, 99_999_999))
    twin.name = f"MRN{w.rng.integers(10**7, 10**8)}"
    w.stays.append(twin)
    w._by[twin.subject] = twin
    for e in [e for e in w.events if e.subject == subject]:
        again = copy(e)
        again.subject = twin.subject
        again.source = f"{e.source.split('/')[0]}/{w.rng.integers(1 << 60):x}z"
        if change(again):
            w.events.append(again)
    return twin


@kind
def patient_on_both_sides(w):
    w.fold = (w.fold[0], [*w.fold[1], *w.fold[0][:6]])
    return {"split"}


@kind
def stays_of_a_patient_on_both_sides(w):
    for i in w.fold[0][:8]:
        subject, at, y = w.asked[i]
        w.asked.append((subject, at + int(6 * H), y))
        w.fold[1].append(len(w.asked) - 1)
    return {"split"}


def _doubled(w, change, many=8):
    for i in list(w.fold[0])[:many]:
        subject, at, y = w.asked[i]
        twin = twin_chart(w, subject, change)
        w.asked.append((twin.subject, at, y))
        w.fold[1].append(len(w.asked) - 1)
    return {"split"}


@kind
def same_chart_under_two_names(w):
    return _doubled(w, lambda e: True)


@kind
def nearly_the_same_chart(w):
    def change(e):
        if e.time is not None and w.rng.random() < 0.5:
            shift = int(w.rng.integers(-10, 10)) * MIN
            e.time += shift
            e.available = e.available + shift if e.available is not None else None
        return w.rng.random() > 0.12

    return _doubled(w, change)


@kind
def same_chart_with_shifted_dates(w):
    shift = {}

    def change(e):
        days = shift.setdefault(e.subject, int(w.rng.integers(5, 60))) * D
        if e.time is not None:
            e.time += days
            e.available = e.available + days
        return True

    many = _doubled(w, change)
    for n in range(len(w.asked)):
        subject, at, y = w.asked[n]
        if subject in shift:
            w.asked[n] = (subject, at + shift[subject] * D, y)
    return many


@kind
def mother_and_child(w):
    for i, j in zip(list(w.fold[0])[:6], list(w.fold[1])[:6], strict=True):
        mother, child = w.of(w.asked[i][0]), w.of(w.asked[j][0])
        w.add(child.subject, child.admitted, "FAMILY//TEXT//mother", text=f"mother {mother.name}")
    return {"split"}


@kind
def site_on_both_sides(w):
    w.proof = Proof("site", site="CONSILIUM//hospital")
    order = w.rng.permutation(len(w.asked)).tolist()
    cut = int(0.7 * len(order))
    w.fold = (order[:cut], order[cut:])
    return {"split"}


@kind
def periods_overlap(w):
    w.proof = Proof()
    order = sorted(range(len(w.asked)), key=lambda i: w.asked[i][1])
    cut = int(0.7 * len(order))
    wide = len(order) // 12
    swap = w.rng.permutation(order[cut - wide : cut + wide]).tolist()
    w.fold = (order[: cut - wide] + swap[:wide], swap[wide:] + order[cut + wide :])
    return {"split"}


@kind
def proven_on_the_past(w):
    w.proof = Proof()
    order = sorted(range(len(w.asked)), key=lambda i: w.asked[i][1])
    cut = int(0.3 * len(order))
    w.fold = (order[cut:], order[:cut])
    return {"split"}


# --- who is asked, and when ---------------------------------------------------------------------------------------------


@kind
def target_opens_before_asking(w):
    q = w.question
    w.question = Question(q.trigger, q.label, (-timedelta(hours=12), q.target[1]), of_text=q.of_text)
    return {"question"}


@kind
def asked_after_the_outcome(w):
    for n, (subject, _, y) in enumerate(w.asked):
        if y and w.rng.random() < 0.3:
            w.asked[n] = (subject, w.of(subject).onset + int(w.rng.uniform(0.5, 5) * H), y)
    return {"rows", "*"}  # whatever is read then knows the outcome too


@kind
def asked_before_the_trigger(w):
    w.asked = [(subject, at - int(w.rng.uniform(1, 9) * H) if w.rng.random() < 0.3 else at, y) for subject, at, y in w.asked]
    return {"rows"}


@kind
def asked_six_hours_before_onset(w):
    w.asked = [
        (subject, w.of(subject).onset - 6 * H if y else at + int(w.rng.uniform(0, 0.9) * max(w.of(subject).left - at, H)), y)
        for subject, at, y in w.asked
    ]
    return {"rows", "*"}  # whatever is read then knows the outcome too


@kind
def asked_a_day_before_leaving(w):
    w.asked = [
        (subject, w.of(subject).left - 24 * H, y) for subject, at, y in w.asked if w.of(subject).left - 24 * H > w.of(subject).admitted
    ]
    w.proof = Proof()
    w.fold = ([i for i in range(len(w.asked)) if i % 3], [i for i in range(len(w.asked)) if i % 3 == 0])
    return {"rows", "*"}  # whatever is read then knows the outcome too


def _keep(w, test):
    kept = [a for a in w.asked if test(w.of(a[0]), a[1])]
    w.asked = kept
    w.proof = Proof()
    w.fold = ([i for i in range(len(kept)) if i % 3], [i for i in range(len(kept)) if i % 3 == 0])
    return {"rows"}


@kind
def survived_two_days(w):
    for s in w.stays:  # everybody could have been asked
        if w.rng.random() < 0.12 and not s.case:
            end = s.asked + int(w.rng.uniform(2, 30) * H)
            w.events = [e for e in w.events if not (e.subject == s.subject and e.time is not None and e.time > end)]
            s.left = end
    w.asked = [(s.subject, s.asked, int(s.case)) for s in w.stays]
    return _keep(w, lambda s, at: s.left > at + 40 * H)


@kind
def measured_again_later(w):
    w.asked = [(s.subject, s.asked, int(s.case)) for s in w.stays]
    again = {s.subject for s in w.stays if w.rng.random() < 0.6}
    for subject in again:
        w.add(subject, w.of(subject).asked + int(w.rng.uniform(6, 40) * H), "LOINC//33959-8", 0.4, unit="ng/mL", delay=H, source="lab")
    return _keep(w, lambda s, at: s.subject in again)


def renumber(w, new):
    for s in w.stays:
        s.subject = new[s.subject]
    for e in w.events:
        e.subject = new[e.subject]
    w.asked = [(new[a], at, y) for a, at, y in w.asked]
    w._by = {s.subject: s for s in w.stays}


@kind
def numbers_sorted_by_outcome(w):
    order = sorted(w.stays, key=lambda s: (s.case, w.rng.random()))
    renumber(w, {s.subject: 500_000 + n for n, s in enumerate(order)})
    return {"subject_id", "order of rows"}


@kind
def file_sorted_by_outcome(w):
    order = sorted(range(len(w.asked)), key=lambda i: (-w.asked[i][2], w.rng.random()))
    place = {i: n for n, i in enumerate(order)}
    w.asked = [w.asked[i] for i in order]
    w.fold = ([place[i] for i in w.fold[0]], [place[i] for i in w.fold[1]])
    return {"order of rows"}


@kind
def longer_numbers_for_cases(w):
    renumber(w, {s.subject: s.subject * 100 if s.case else s.subject for s in w.stays})
    return {"subject_id"}


@kind
def names_tell(w):
    for s in w.stays:
        s.name = ("S" if s.case else "C") + s.name
    return {"patient identifier"}


@kind
def other_years_for_controls(w):
    for e in w.events:
        if e.time is not None and not w.of(e.subject).case:
            e.time -= 1500 * D
            e.available = e.available - 1500 * D
    w.asked = [(a, at if y else at - 1500 * D, y) for a, at, y in w.asked]
    w.proof = Proof()
    order = w.rng.permutation(len(w.asked)).tolist()
    w.fold = (order[: len(order) * 2 // 3], order[len(order) * 2 // 3 :])
    return {"rows"}


@kind
def moments_at_midnight_for_controls(w):
    w.asked = [(a, at if y else at // D * D + D, y) for a, at, y in w.asked]
    return {"rows"}


__all__ = ["COMA", "KINDS", "LINE", "MATRIX", "ROUND"]
