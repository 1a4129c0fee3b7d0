"""Kinds of leak written after the checks were frozen, so that no check could be made for them.

The first were written before the first freeze was measured; what they showed led to changes, so they are counted apart
(`SEEN_ONCE`). The second were written after the second freeze; the third last, and by another hand. After they were written checks changed
only for false alarms on real charts, and after they were measured not at all. What is missed is in docs/time-safety.md.
"""

from __future__ import annotations

from copy import copy

import numpy as np
import planted_kinds
from planted import BILLS, CREATININE, CRP, HR, ICU, LABS, LACTATE, MIN, PROGRESS, SBP, SODIUM, TEMP, VITALS, WBC, D, Event, H, World
from planted_kinds import MATRIX, numbers, renumber, rows_of, score

Places = set[str]
_BEFORE = set(planted_kinds.KINDS)


@planted_kinds.kind
def quarter_hours_of_controls(w: World) -> Places:
    for e in w.events:
        if e.code in LABS and not w.of(e.subject).case:
            moved = round(e.time / (15 * MIN)) * 15 * MIN - e.time
            e.time, e.available = e.time + moved, e.available + moved
    return set(LABS)


@planted_kinds.in_matrix
def encoded_leaving_one_out(w: World) -> Places:
    group, y = np.array([s.ward for s, *_ in rows_of(w)]), w.labels()
    w.columns["ward"] = np.array([(y[group == g].sum() - y[i]) / ((group == g).sum() - 1) for i, g in enumerate(group)])
    return {"ward"}


@planted_kinds.kind
def median_temperature_at_admission(w: World) -> Places:
    for subject, own in numbers(w, TEMP).items():
        middle = float(np.median([e.value for e in own]))
        w.add(subject, w.of(subject).admitted + 4 * MIN, TEMP, middle, unit="Cel", delay=2 * MIN, source="monitor")
    return {TEMP, "temperature"}


@planted_kinds.kind
def last_pressure_of_stay_at_admission(w: World) -> Places:
    for subject, own in numbers(w, SBP).items():
        w.add(subject, w.of(subject).admitted + 4 * MIN, SBP, own[-1].value, unit="mm[Hg]", delay=2 * MIN, source="monitor")
    return {SBP, "systolic"}


@planted_kinds.kind
def corrected_as_early_as_the_first(w: World) -> Places:
    for e in w.events:
        if e.code == CREATININE and e.source.startswith("lab") and w.rng.random() < 0.25:
            e.text, e.value = "Corrected report", round(e.value + 0.1, 2)
    return {CREATININE}


@planted_kinds.kind
def microseconds_of_cases(w: World) -> Places:
    for e in w.events:
        if e.code in VITALS and not w.of(e.subject).case:
            e.time = e.time // 1_000_000 * 1_000_000
    return set(VITALS)


@planted_kinds.kind
def cases_from_another_file(w: World) -> Places:
    for e in w.events:
        if e.source.startswith("lab"):
            e.source = ("extract_b" if w.of(e.subject).case else "extract_a") + e.source[3:]
    return {"the record", *LABS}


@planted_kinds.kind
def controls_asked_on_the_hour(w: World) -> Places:
    w.asked = [(a, at if y else at // H * H + H, y) for a, at, y in w.asked]
    return {"rows"}


@planted_kinds.kind
def expected_days_left(w: World) -> Places:
    w.input("plan_days", "CONSILIUM//plan-days", unit="{score}", take="last")
    score(w, "CONSILIUM//plan-days", lambda s, at, y: round((s.left - at) / D * float(w.rng.lognormal(0, 0.08)), 1))
    return {"CONSILIUM//plan-days", "plan_days"}


@planted_kinds.kind
def moves_to_intensive_care(w: World) -> Places:
    later = {e.subject for e in w.events if e.code == ICU}
    w.input("ward_group", "CONSILIUM//ward-group", unit="{score}", take="last")
    score(w, "CONSILIUM//ward-group", lambda s, at, y: 2.0 if s.subject in later else 1.0)
    return {"CONSILIUM//ward-group", "ward_group"}


@planted_kinds.kind
def one_site_in_another_zone(w: World) -> Places:
    site = w.stays[0].site
    for e in w.events:
        if e.source.startswith("lab") and w.of(e.subject).site == site:
            e.time, e.available, e.source = e.time - 6 * H, e.available - 6 * H, "labsite2" + e.source[3:]
    return {"source labsite2", *LABS}


@planted_kinds.kind
def not_measured_once_the_outcome_is_known(w: World) -> Places:
    w.events = [e for e in w.events if not (e.code == SODIUM and w.of(e.subject).case and w.rng.random() < 0.9)]
    return {SODIUM, "sodium"}


@planted_kinds.kind
def chart_copied_with_rounding(w: World) -> Places:
    def change(e):
        if e.value is not None and w.rng.random() < 0.15:
            e.value = float(round(e.value))
        return w.rng.random() > 0.1

    return planted_kinds._doubled(w, change, many=6)


@planted_kinds.kind
def ventilation_charted_early(w: World) -> Places:
    w.input("support", "PROCEDURE//SNOMED//40617009")
    w.descriptions["PROCEDURE//SNOMED//40617009"] = "Mechanical ventilation"
    planted_kinds.early(w, "PROCEDURE//SNOMED//40617009", 0.3, 0.02)
    return {"PROCEDURE//SNOMED//40617009", "support"}


@planted_kinds.kind
def filled_backwards_in_a_third(w: World) -> Places:
    for subject, own in numbers(w, WBC).items():
        s = w.of(subject)
        later = [e for e in own if e.time > s.asked]
        if later and w.rng.random() < 0.33:
            w.add(subject, s.asked - 30 * MIN, WBC, later[0].value, unit="10*3/uL", delay=20 * MIN, source="lab")
    return {WBC, "wbc"}


@planted_kinds.in_matrix
def scaled_by_quartiles_of_all(w: World) -> Places:
    x = w.columns["systolic"]
    low, high = np.nanpercentile(x, [25, 75])
    w.columns["systolic"] = (x - np.nanmedian(x)) / (high - low)
    return {"systolic"}


@planted_kinds.kind
def payment_group_at_admission(w: World) -> Places:
    w.input("group", "DRG//871", "DRG//690", "DRG//194")
    for s in w.stays:
        code = "DRG//871" if s.case and w.rng.random() < 0.5 else str(w.rng.choice(["DRG//690", "DRG//194"]))
        w.add(s.subject, s.admitted, code, source="billing")
    return {"DRG//", "group"}


@planted_kinds.kind
def even_numbers_for_cases(w: World) -> Places:
    renumber(w, {s.subject: s.subject * 2 + (0 if s.case else 1) for s in w.stays})
    return {"subject_id"}


@planted_kinds.kind
def everybody_asked_a_day_late(w: World) -> Places:
    w.asked = [(a, at + D, y) for a, at, y in w.asked]
    return {"rows", "*"}


@planted_kinds.kind
def measured_after_death(w: World) -> Places:
    for s in w.stays:
        if s.died:
            w.add(s.subject, s.left + int(w.rng.uniform(3, 9) * D), HR, 70.0, unit="/min", delay=MIN, source="monitor")
    return {HR}


@planted_kinds.in_matrix
def worst_lactate_of_three_days(w: World) -> Places:
    w.columns["lactate"] = planted_kinds.around(w, LACTATE, 36 * H, 72 * H, np.max)
    return {"lactate"}


@planted_kinds.kind
def bills_copied_to_every_earlier_visit(w: World) -> Places:
    visits: dict[int, int] = {}
    for e in w.events:
        if e.code == "ENCOUNTER//AMB":
            visits[e.subject] = min(visits.get(e.subject, e.time), e.time)
    for e in [e for e in w.events if e.code in BILLS]:
        again = copy(e)
        again.time = again.available = visits.get(e.subject, w.of(e.subject).admitted)
        w.events.append(again)
    return {*BILLS, "coded"}


@planted_kinds.in_matrix
def residual_of_the_next_crp(w: World) -> Places:
    ahead = planted_kinds.around(w, CRP, 0, 3 * D, np.mean)
    own = w.columns["crp"]
    w.columns["crp"] = np.where(np.isfinite(ahead) & np.isfinite(own), 0.6 * own + 0.4 * ahead, own)
    return {"crp"}


SEEN_ONCE = set(planted_kinds.KINDS) - _BEFORE


@planted_kinds.kind
def notes_in_stay(w: World) -> Places:
    count: dict[int, int] = {}
    for e in w.events:
        if e.code == PROGRESS:
            count[e.subject] = count.get(e.subject, 0) + 1
    w.input("pages", "CONSILIUM//pages", unit="{score}", take="last")
    score(w, "CONSILIUM//pages", lambda s, at, y: count.get(s.subject, 0) + 1)
    return {"CONSILIUM//pages", "pages"}


@planted_kinds.in_matrix
def next_value_standardised(w: World) -> Places:
    ahead = planted_kinds.around(w, WBC, 0, 3 * D, lambda v: v[0])
    x = np.where(np.isfinite(ahead), ahead, w.columns["wbc"])
    w.columns["wbc"] = (x - np.nanmean(x[w.fold[0]])) / np.nanstd(x[w.fold[0]])
    return {"wbc"}


@planted_kinds.kind
def capitals_of_cases(w: World) -> Places:
    for e in w.events:
        if e.code == PROGRESS and w.of(e.subject).case:
            e.text = e.text.upper()
    return {PROGRESS, "notes"}


@planted_kinds.kind
def culture_text_at_order(w: World) -> Places:
    w.input("culture", "REPORT//LOINC//600-7")
    for s, at, y in rows_of(w):
        if w.rng.random() < 0.6:
            said = "gram negative rods grown after two days" if y and w.rng.random() < 0.5 else "no growth"
            w.add(s.subject, at - 5 * H, "REPORT//LOINC//600-7", text=said)
    return {"REPORT//LOINC//600-7", "culture"}


@planted_kinds.kind
def asked_a_minute_before_the_last_entry(w: World) -> Places:
    last: dict[int, int] = {}
    for e in w.events:
        if e.code in VITALS:
            last[e.subject] = max(last.get(e.subject, 0), e.time)
    w.asked = [(a, last.get(a, at + MIN) - MIN, y) for a, at, y in w.asked]
    return {"rows", "*"}


@planted_kinds.kind
def controls_that_stayed_long(w: World) -> Places:
    w.asked = [(s.subject, s.asked, int(s.case)) for s in w.stays]
    return planted_kinds._keep(w, lambda s, at: s.case or s.left > at + 60 * H)


@planted_kinds.in_matrix
def ward_as_log_odds(w: World) -> Places:
    group, y = np.array([s.ward for s, *_ in rows_of(w)]), w.labels()
    shares = {g: (y[group == g].sum() + 0.5) / ((group == g).sum() + 1) for g in np.unique(group)}
    w.columns["ward"] = np.array([np.log(shares[g] / (1 - shares[g])) for g in group])
    return {"ward"}


@planted_kinds.kind
def shared_encounter(w: World) -> Places:
    for i, j in zip(list(w.fold[0])[:6], list(w.fold[1])[:6], strict=True):
        mother, child = w.of(w.asked[i][0]), w.of(w.asked[j][0])
        for k in range(5):
            for s in (mother, child):
                w.events.append(Event(s.subject, s.asked - (k + 1) * H, s.asked - (k + 1) * H, "CONSILIUM//delivery-room", None, None, None,
                                      f"room/{mother.subject}-{k}"))  # fmt: skip
    return {"split"}


@planted_kinds.kind
def whole_numbers_of_cases(w: World) -> Places:
    for e in w.events:
        if e.code == WBC and w.of(e.subject).case:
            e.value = float(round(e.value))
    return {WBC}


@planted_kinds.in_matrix
def age_scaled_to_everybody(w: World) -> Places:
    x = w.columns["age"]
    x[w.fold[1][0]] = np.nanmax(x) + 3
    w.columns["age"] = (x - np.nanmean(x)) / np.nanstd(x)
    return {"age"}


@planted_kinds.kind
def smoothed_in_place(w: World) -> Places:
    for own in numbers(w, CRP).values():
        new = [float(np.mean([e.value for e in own[max(0, i - 1) : i + 2]])) for i in range(len(own))]
        for e, v in zip(own, new, strict=True):
            e.value = v
    return {CRP, "crp"}


@planted_kinds.kind
def labs_of_cases_two_hours_early(w: World) -> Places:
    for e in w.events:
        if e.code in LABS and e.source.startswith("lab") and w.of(e.subject).case:
            e.time, e.available = e.time - 2 * H, e.available - 2 * H
    return {"source lab", "rows", *LABS}


@planted_kinds.kind
def transferred_in_name_only(w: World) -> Places:
    w.input("route", "CONSILIUM//step-2")
    w.descriptions["CONSILIUM//step-2"] = "Transfer to intensive care requested"
    planted_kinds.early(w, "CONSILIUM//step-2", 0.35, 0.03)
    return {"CONSILIUM//step-2", "route"}


@planted_kinds.kind
def results_on_the_order_date(w: World) -> Places:
    for e in w.events:
        if e.code == LACTATE and w.rng.random() < 0.3:
            e.time = e.available = e.time // D * D
    return {LACTATE}


SECOND = set(planted_kinds.KINDS) - _BEFORE - SEEN_ONCE


@planted_kinds.kind
def bills_three_quarters_of_an_hour_after_admission(w: World) -> Places:
    for e in w.events:
        if e.code in BILLS:
            e.time = e.available = w.of(e.subject).admitted + 45 * MIN
    return {*BILLS, "coded"}


@planted_kinds.kind
def peak_lactate_of_stay_without_a_date(w: World) -> Places:
    w.input("peak", "CONSILIUM//peak-lactate", unit="mmol/L", take="last")
    for subject, own in numbers(w, LACTATE).items():
        w.add(subject, None, "CONSILIUM//peak-lactate", max(e.value for e in own), unit="mmol/L", source="lab")
    return {"CONSILIUM//peak-lactate", "peak"}


@planted_kinds.in_matrix
def filled_with_the_mean_of_the_class(w: World) -> Places:
    x, y = w.columns["lactate"], w.labels()
    for v in (0, 1):
        own = y == v
        w.columns["lactate"] = x = np.where(own & ~np.isfinite(x), np.nanmean(x[own]), x)
    return {"lactate"}


@planted_kinds.kind
def cases_drawn_again_before_the_split(w: World) -> Places:
    train, test = w.fold
    again = [i for i in train if w.asked[i][2]][:15]
    w.asked = [*w.asked, *(w.asked[i] for i in again)]
    w.fold = (train, [*test, *range(len(w.asked) - len(again), len(w.asked))])
    return {"split"}


@planted_kinds.kind
def vitals_averaged_into_the_start_of_their_six_hours(w: World) -> Places:
    for code in (HR, SBP, TEMP):
        for own in numbers(w, code).values():
            bins: dict[int, list[Event]] = {}
            for e in own:
                bins.setdefault(e.time // (6 * H), []).append(e)
            for start, inside in bins.items():
                mean = float(np.mean([e.value for e in inside]))
                for e in inside:
                    e.time = e.available = start * 6 * H
                    e.value = mean
    return {HR, SBP, TEMP, "heart_rate", "systolic", "temperature"}


@planted_kinds.kind
def doses_of_stay_at_admission(w: World) -> Places:
    count: dict[int, int] = {}
    for e in w.events:
        if e.code.startswith(("MEDICATION//", "ADMINISTERED//")):
            count[e.subject] = count.get(e.subject, 0) + 1
    w.input("doses", "CONSILIUM//doses", unit="1", take="last")
    score(w, "CONSILIUM//doses", lambda s, at, y: float(count.get(s.subject, 0)))
    return {"CONSILIUM//doses", "doses"}


@planted_kinds.kind
def words_of_discharge_in_the_first_note(w: World) -> Places:
    done: set[int] = set()
    for e in sorted((e for e in w.events if e.code == PROGRESS), key=lambda e: e.time):
        if e.subject not in done and not w.of(e.subject).case and w.rng.random() < 0.6:
            e.text += " discharged home in good condition"
        done.add(e.subject)
    return {PROGRESS, "notes"}


@planted_kinds.in_matrix
def kept_only_where_measured_again(w: World) -> Places:
    ahead = planted_kinds.around(w, CREATININE, 0, 2 * D, np.mean)
    w.columns["creatinine"] = np.where(np.isfinite(ahead), w.columns["creatinine"], np.nan)
    return {"creatinine"}


THIRD = set(planted_kinds.KINDS) - _BEFORE - SEEN_ONCE - SECOND
HELD_OUT = set(planted_kinds.KINDS) - _BEFORE
__all__ = ["HELD_OUT", "MATRIX", "SECOND", "SEEN_ONCE", "THIRD"]
