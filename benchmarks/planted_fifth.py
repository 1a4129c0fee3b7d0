"""Kinds of leak from published lists, written after the checks were frozen and measured once, so that no check was made for them.

Taken from: Kapoor and Narayanan 2023, doi:10.1016/j.patter.2023.100804 (kinds L1.2 to L3.3); Rosenblatt 2024,
doi:10.1038/s41467-024-46150-w; PROBAST (Wolff 2019, doi:10.7326/M18-1376) and its explanation; and reports of single clinical models,
named under each kind. No check may be changed for them: the next ones are measured by kinds that nobody has seen.
"""

from __future__ import annotations

import numpy as np
import planted_kinds
from planted import ANTIBIOTIC, CRP, LACTATE, MIN, WBC, D, H, World
from planted_kinds import rows_of

Places = set[str]
_BEFORE = set(planted_kinds.KINDS)


@planted_kinds.in_matrix
def columns_selected_on_all_rows(w: World) -> Places:
    """L1.3: of 1,500 numbers that mean nothing, those that went with the answer in all rows were kept."""
    y = w.labels().astype(float)
    X = w.rng.normal(size=(len(y), 1500))
    kept = np.argsort(-np.abs((y - y.mean()) @ X))[:15]
    names = [f"panel_{k}" for k in kept]
    w.columns.update({name: X[:, k] for name, k in zip(names, kept, strict=True)})
    return set(names)


@planted_kinds.in_matrix
def cut_point_chosen_on_all_rows(w: World) -> Places:
    """L1.3; Altman 1994, doi:10.1093/jnci/86.11.829: the cut that divides best, found with the tested rows."""
    x, y = w.columns["crp"], w.labels()
    seen = np.isfinite(x)
    cuts = np.unique(x[seen])[1:]
    gain = [float((x[seen & (y == 1)] >= c).mean() - (x[seen & (y == 0)] >= c).mean()) for c in cuts]
    w.columns["crp"] = np.where(seen, (x >= cuts[int(np.argmax(gain))]).astype(float), np.nan)
    return {"crp"}


@planted_kinds.in_matrix
def ranks_among_all_rows(w: World) -> Places:
    """L1.2: values turned into their percentile among learning and proving rows together."""
    for name in ("wbc", "creatinine"):
        x = w.columns[name]
        seen = np.isfinite(x)
        w.columns[name] = np.where(seen, np.searchsorted(np.sort(x[seen]), x, side="right") / seen.sum(), np.nan)
    return {"wbc", "creatinine"}


@planted_kinds.in_matrix
def covariates_taken_out_of_all_rows(w: World) -> Places:
    """Rosenblatt 2024: age and sex regressed out of the columns, the regression fitted with the proving rows."""
    A = np.column_stack([np.ones(len(w.asked)), w.columns["age"], w.columns["male"]])
    A = np.where(np.isfinite(A), A, 0.0)
    for name in ("crp", "heart_rate"):
        x = w.columns[name]
        seen = np.isfinite(x)
        w.columns[name] = x - A @ np.linalg.lstsq(A[seen], x[seen], rcond=None)[0] + 50.0
    return {"crp", "heart_rate"}


@planted_kinds.in_matrix
def wards_made_alike_with_all_rows(w: World) -> Places:
    """Rosenblatt 2024: each place's mean and spread set to the common one (as ComBat does), the proving rows included."""
    ward = np.array([s.ward for s, *_ in rows_of(w)])
    for name in ("systolic", "wbc"):
        x = w.columns[name].copy()
        mean, sd = np.nanmean(x), np.nanstd(x)
        for v in np.unique(ward):
            own = ward == v
            x[own] = (x[own] - np.nanmean(x[own])) / max(float(np.nanstd(x[own])), 1e-9) * sd + mean
        w.columns[name] = x
    return {"systolic", "wbc"}


@planted_kinds.kind
def antibiotic_ordered_on_suspicion(w: World) -> Places:
    """L2; Wong 2021, doi:10.1001/jamainternmed.2021.2626: a sepsis model that reads the order of the antibiotic."""
    code = "ORDER//RxNorm//1659149"
    w.input("ordered", code)
    w.descriptions[code] = "Piperacillin / tazobactam injection"
    for s, at, y in rows_of(w):
        if w.rng.random() < (0.6 if y else 0.12):
            w.add(s.subject, at - int(w.rng.uniform(0.2, 3) * H), code)
    return {code, "ordered"}


@planted_kinds.kind
def medicine_of_the_very_illness_at_home(w: World) -> Places:
    """L2; Chiavegatto Filho 2021, doi:10.2196/10969: medicines for the illness among the predictors of the illness."""
    code = "MEDICATION//RxNorm//11124"
    w.input("at_home", code)
    w.descriptions[code] = "Vancomycin"
    for s, _, y in rows_of(w):
        if w.rng.random() < (0.4 if y else 0.06):
            w.add(s.subject, s.admitted + 25 * MIN, code, text="taken at home")
    return {code, "at_home"}


@planted_kinds.kind
def controls_without_the_grey_zone(w: World) -> Places:
    """L3.3; Enevoldsen and Vistisen 2022, doi:10.1097/ALN.0000000000004320: only controls that were clearly well were taken."""
    high = {code: float(np.median([e.value for e in w.events if e.code == code])) for code in (CRP, WBC)}
    ill = {e.subject for e in w.events if e.code in high and e.value > 1.25 * high[e.code]}
    planted_kinds._keep(w, lambda s, at: s.case or s.subject not in ill)
    return {"rows", "crp", "wbc", CRP, WBC}


@planted_kinds.kind
def proven_on_the_easy_ones(w: World) -> Places:
    """L3.3: those of whom it was hard to say were left out of the proving rows."""
    keep = []
    for i in w.fold[1]:
        s, y = w.of(w.asked[i][0]), w.asked[i][2]
        if (y and s.severity > 0.3) or (not y and s.severity < 0.0):
            keep.append(i)
    w.fold = (w.fold[0], keep)
    return {"split", "rows"}


@planted_kinds.kind
def children_as_controls(w: World) -> Places:
    """L3.3; Roberts 2021, doi:10.1038/s42256-021-00307-0: controls came from a children's hospital."""
    young = {s.subject for s in w.stays if not s.case and w.rng.random() < 0.6}
    for e in w.events:
        if e.code == "MEDS_BIRTH" and e.subject in young:
            e.time = w.of(e.subject).admitted // D * D - int(w.rng.uniform(1, 6) * 365.25) * D
            e.available = e.time + D
    return {"MEDS_BIRTH", "age", "rows"}


@planted_kinds.kind
def portable_film_of_the_sicker(w: World) -> Places:
    """L2; Zech 2018, doi:10.1371/journal.pmed.1002683: the report says by which machine the picture was taken."""
    w.input("film", "REPORT//LOINC//36643-5")
    for s, at, y in rows_of(w):
        way = "portable anteroposterior" if w.rng.random() < (0.65 if y else 0.1) else "upright posteroanterior"
        w.add(
            s.subject,
            at - int(w.rng.uniform(3, 12) * H),
            "REPORT//LOINC//36643-5",
            text=f"{way} chest film, no acute change",
            delay=40 * MIN,
        )
    return {"REPORT//LOINC//36643-5", "film"}


@planted_kinds.kind
def outcome_read_from_an_input(w: World) -> Places:
    """PROBAST 3.3: whoever had a high lactate was counted as a case."""
    high = float(np.quantile([e.value for e in w.events if e.code == LACTATE], 0.85))
    told = {s: any(e.value >= high for e in w.known(s, LACTATE)) for s, *_ in w.asked}
    w.asked = [(s, at, int(y or told[s])) for s, at, y in w.asked]
    return {LACTATE, "lactate", "rows"}


@planted_kinds.kind
def looked_for_only_where_tested(w: World) -> Places:
    """PROBAST 3.4: the outcome was looked for in those who had a lactate; the others count as controls."""
    w.asked = [(s, at, int(y and bool(w.known(s, LACTATE)))) for s, at, y in w.asked]
    return {LACTATE, "lactate", "rows"}


@planted_kinds.kind
def household_on_both_sides(w: World) -> Places:
    """L3.2; family leakage in Rosenblatt 2024: people of one address on both sides of the split."""
    for n, s in enumerate(w.stays):
        w.add(s.subject, None, "CONSILIUM//address", text=f"{n + 3} Mill Lane")
    for n, (i, j) in enumerate(zip(list(w.fold[0])[:10], list(w.fold[1])[:10], strict=True)):
        pair = {w.asked[i][0], w.asked[j][0]}
        for e in w.events:
            if e.code == "CONSILIUM//address" and e.subject in pair:
                e.text = f"{n + 1} Abbey Road"
    return {"split"}


@planted_kinds.kind
def exposed_from_the_first_day(w: World) -> Places:
    """L3.1; immortal time (Suissa 2008, doi:10.1093/aje/kwm324): a treatment that began later counts from admission."""
    w.input("exposed", "CONSILIUM//exposure-group")
    given = {e.subject for e in w.events if e.code == ANTIBIOTIC}
    for s in w.stays:
        if s.subject in given:
            w.add(s.subject, s.admitted + 4 * MIN, "CONSILIUM//exposure-group")
    return {"CONSILIUM//exposure-group", "exposed"}


@planted_kinds.kind
def questionnaire_of_those_who_could_answer(w: World) -> Places:
    """L2; a form of the last day, answered by those who were well enough, filed under the day of admission."""
    w.input("form", "CONSILIUM//questionnaire-3")
    for s, _, y in rows_of(w):
        if not s.died and w.rng.random() < (0.15 if y else 0.7):
            w.add(s.subject, s.admitted + int(w.rng.uniform(20, 90)) * MIN, "CONSILIUM//questionnaire-3", text="answered")
    return {"CONSILIUM//questionnaire-3", "form"}


FIFTH = set(planted_kinds.KINDS) - _BEFORE
__all__ = ["FIFTH"]
