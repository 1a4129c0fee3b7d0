"""Clock: whether what is read was available when the record says so, by the arithmetic of times alone (no label is looked at)."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from consilium.core.code import DEATH, concept, split
from consilium.quality.leak_report import Finding, said
from consilium.quality.leak_study import HOUR, Study, process, says

FEW = 20
"""Fewer events than this say nothing of a habit."""
_MINUTE = HOUR // 60
_DAY = 24 * HOUR


def clock(study: Study) -> Iterator[Finding]:
    """Every finding of the clock."""
    if study.dated.is_empty():
        return
    yield from _arithmetic(study)
    yield from _impossible(study)
    if study.assumed:
        return
    yield from _instant(study)
    yield from _midnight(study)
    yield from _filed_at_start(study)
    yield from _end_of_stay(study)
    yield from _versions(study)
    yield from _entered_later(study)
    yield from _without_contact(study)
    yield from _before_order(study)


def shown(rows: pl.DataFrame, limit: int = 3) -> tuple[str, ...]:
    """A few events as a person would look them up."""
    found = []
    for r in rows.head(limit).iter_rows(named=True):
        found.append(f"subject {r['subject_id']} {r['code']} at {r['time']}, available {r['available']}")
    return tuple(found)


def _arithmetic(study: Study) -> Iterator[Finding]:
    planned = [c for c in study.used if split(c).phase == "END" or says(study.name(c), process()["planned"])]
    for code, rows in _by_code(study.dated.filter(pl.col("a").is_null())):
        yield Finding("no_availability", code, rows.height, shown(rows), float(rows.height), said("without_availability", n=rows.height))
    totals = dict(study.dated.group_by("code").len().iter_rows())
    early = study.dated.filter((pl.col("a") < pl.col("t") - _MINUTE) & ~pl.col("code").is_in(planned))
    for code, rows in _by_code(early):
        share = rows.height / totals[code]
        if rows.height >= 3 and share >= 0.005:
            yield Finding("known_before_it_happened", code, rows.height, shown(rows), share, said("of_events", share=share, n=totals[code]))


def _impossible(study: Study) -> Iterator[Finding]:
    """Dates before birth, measurements long after death, and dates beyond the end of the record."""
    frame = study.frame.filter(pl.col("t").is_not_null())
    death = frame.filter(pl.col("code") == DEATH).group_by("s").agg(death=pl.col("t").min())
    birth = frame.filter(pl.col("code") == "MEDS_BIRTH").group_by("s").agg(birth=pl.col("t").min())
    seen = study.dated.join(death, on="s", how="left").join(birth, on="s", how="left")
    end = _end_of_record(frame)
    # A result may come back after death, and a birth date is a whole day.
    wrong = seen.filter(
        (pl.col("t") > pl.col("death") + 2 * _DAY) | (pl.col("t") < pl.col("birth") - _DAY) | (pl.col("t") > (end if end else 2**62))
    )
    for code, rows in _by_code(wrong):
        yield Finding("impossible_date", code, rows.height, shown(rows), float(rows.height), said("impossible"))


def _end_of_record(frame: pl.DataFrame) -> int | None:
    """The last moment before a gap that no other gap of the record resembles, with almost nothing behind it; None without one."""
    times = frame["t"].sort().to_numpy()
    n = len(times)
    if n < 200:
        return None
    tail = times[int(n * 0.98) :]
    gaps = tail[1:] - tail[:-1]
    at = int(gaps.argmax())
    bulk = times[int(n * 0.5) : int(n * 0.98)]
    usual = int((bulk[1:] - bulk[:-1]).max())
    return int(tail[at]) if gaps[at] > max(60 * _DAY, 8 * usual) else None


def _instant(study: Study) -> Iterator[Finding]:
    """Laboratory results known at the instant the sample was drawn: a delay of exactly nothing is a copy, not a measurement.

    A source that keeps no time of issue keeps none of any code, so that its codes are named together.
    """
    pattern = process()["laboratory_unit"]
    lab = study.dated.filter(pl.col("unit").str.contains(pattern) & pl.col("a").is_not_null() & pl.col("numeric_value").is_not_null())
    lab = lab.filter(~_whole_day())
    none = pl.col("a") == pl.col("t")
    habit = lab.group_by("origin", "code").agg(n=pl.len(), none=none.sum()).sort("origin", "code")
    habit = habit.filter((pl.col("none") >= FEW) & (pl.col("none") >= 0.1 * pl.col("n")))
    for (origin,), own in habit.group_by("origin", maintain_order=True):
        count, n = int(own["none"].sum()), int(own["n"].sum())
        where = ", ".join(own["code"].to_list()) + (f" from {origin}" if origin else "")
        rows = lab.filter(none & (pl.col("origin") == origin) & pl.col("code").is_in(own["code"].to_list()))
        yield Finding("instant_result", where, count, shown(rows), count / n, said("no_delay", share=count / n, n=n))


def _whole_day() -> pl.Expr:
    return (pl.col("t") % _DAY == 0) & (pl.col("a") == pl.col("t"))


def _midnight(study: Study) -> Iterator[Finding]:
    """Dates without a time that are known from the first instant of their day; an end at midnight is the end of the day before."""
    begun = study.dated.filter(~pl.col("code").str.starts_with("MEDS_") & ~pl.col("code").str.contains("//END//", literal=True))
    for code, rows in _by_code(begun):
        whole = rows.filter(_whole_day())
        share = whole.height / rows.height
        if study.relative and whole["t"].n_unique() == 1:
            continue  # the instant from which the clock counts
        if whole.height >= FEW and share >= 0.1:
            yield Finding("known_from_midnight", code, whole.height, shown(whole), share, said("at_midnight", share=share, n=rows.height))


def _filed_at_start(study: Study) -> Iterator[Finding]:
    """Codes given for payment, after discharge, that stand at one moment of a stay, counted from its start."""
    billing = [c for c in study.used if split(c).vocabulary in process()["billing_vocabularies"] and split(c).phase == ""]
    rows = study.dated.filter(pl.col("code").is_in(billing) & pl.col("a").is_not_null())
    if rows.is_empty():
        return
    rows = rows.with_columns(kind=pl.col("code").str.extract(r"^(.*)//[^/]*$", 1))
    stays = study.contacts.select("s", "start", "end", at=pl.col("start") - _MINUTE).sort("at")
    held = rows.sort("a").join_asof(stays, left_on="a", right_on="at", by="s", strategy="backward", check_sortedness=False)
    since, day = (pl.col("a") - pl.col("start")) // _MINUTE, pl.col("a") - pl.col("start") // _DAY * _DAY
    # A stay that goes on: a visit of an hour is coded when it ends, which is near its start.
    on = (pl.col("a") < pl.col("end") - HOUR).fill_null(False)
    held = held.with_columns(minute=pl.when(since <= 1).then(0).when(on).then(since), clock=pl.when(on).then(day // _MINUTE))
    for (_,), group in held.group_by("kind", maintain_order=True):
        for kind_of_time, sentence in (("minute", "after_start"), ("clock", "after_day")):
            often = (
                group.drop_nulls(kind_of_time)
                .group_by(kind_of_time)
                .agg(n=pl.len(), people=pl.col("s").n_unique())
                .sort("n", kind_of_time, descending=True)
            )
            if often.is_empty() or group.height < FEW:
                continue
            moment, n, people = often.row(0)
            share = n / group.height
            if share >= 0.5 and (people >= 10 or moment == 0):
                for code, own in _by_code(group.filter(pl.col(kind_of_time) == moment)):
                    detail = said(sentence, share=share, n=group.height, minutes=moment)
                    yield Finding("coded_at_admission", code, own.height, shown(own), share, detail)
                break


def _end_of_stay(study: Study) -> Iterator[Finding]:
    """What is said of a stay only when it ends, known while it lasts."""
    stays = study.contacts.filter(pl.col("end").is_not_null() & (pl.col("end") - pl.col("start") > _MINUTE * 60))
    spoken = [c for c in study.used if says(study.name(c), process()["end_of_stay"]) and split(c).kind != "ENCOUNTER"]
    rows = study.dated.filter(pl.col("code").is_in(spoken) & pl.col("a").is_not_null())
    if not rows.is_empty() and not stays.is_empty():
        ordered = stays.with_columns(at=pl.col("start") - _MINUTE).sort("at")
        held = rows.sort("a").join_asof(ordered, left_on="a", right_on="at", by="s", strategy="backward", check_sortedness=False)
        early = held.filter(pl.col("a") < pl.col("end") - HOUR)
        totals = dict(rows.group_by("code").len().iter_rows())
        for code, own in _by_code(early):
            share = own.height / totals[code]
            if own.height >= 5 and share >= 0.2:
                detail = said("before_end", share=share, n=totals[code])
                yield Finding("end_known_early", code, own.height, shown(own), share, detail)
    yield from _ended_at_start(study)


def _ended_at_start(study: Study) -> Iterator[Finding]:
    """Stays whose end is written at their start although they go on."""
    ends = study.frame.filter(pl.col("code").str.starts_with("ENCOUNTER//END//") & pl.col("a").is_not_null())
    if study.card is not None:
        ends = ends.filter(pl.col("code").is_in(list(study.used)))
    starts = study.frame.filter(pl.col("code").str.starts_with("ENCOUNTER//") & ~pl.col("code").str.starts_with("ENCOUNTER//END//"))
    if ends.is_empty() or starts.is_empty():
        return
    # Of its own kind: one stay often ends as another begins, from the emergency room to a bed.
    left = ends.with_columns(form=pl.col("code").str.strip_prefix("ENCOUNTER//END//")).sort("a")
    right = starts.filter(pl.col("a").is_not_null()).select("s", start="a", at="a", form=pl.col("code").str.strip_prefix("ENCOUNTER//"))
    held = left.join_asof(right.sort("at"), left_on="a", right_on="at", by=["s", "form"], strategy="backward", check_sortedness=False)
    held = held.filter((pl.col("a") - pl.col("start")) <= _MINUTE)
    busy = study.frame.filter(pl.col("t").is_not_null() & pl.col("unit").is_not_null()).select("s", later="t", at2="t").sort("at2")
    after = held.with_columns(edge=pl.col("a") + HOUR).sort("edge")
    after = after.join_asof(busy, left_on="edge", right_on="at2", by="s", strategy="forward", check_sortedness=False)
    on = after.filter(pl.col("later") - pl.col("a") < 3 * _DAY)
    totals = dict(ends.group_by("code").len().iter_rows())
    for code, own in _by_code(on):
        share = own.height / totals[code]
        if own.height >= FEW and share >= 0.2:
            detail = said("end_at_start", share=share, n=totals[code])
            yield Finding("end_known_early", code, own.height, shown(own), share, detail)


def _versions(study: Study) -> Iterator[Finding]:
    """Two values of one sample that became known together, or corrections known as early as what they correct."""
    lab = study.dated.filter(pl.col("numeric_value").is_not_null() & pl.col("unit").str.contains(process()["laboratory_unit"]))
    keys = ["s", "code", "t", "a"]
    twice = lab.join(lab.group_by(keys).agg(versions=pl.col("numeric_value").n_unique()), on=keys)
    totals = dict(lab.group_by("code").len().iter_rows())
    for code, rows in _by_code(twice.filter(pl.col("versions") > 1)):
        pairs = rows.select(keys).n_unique()
        if pairs >= 5 and rows.height / totals[code] >= 0.02:
            detail = said("two_values", n=pairs)
            yield Finding("replaced_result", code, pairs, shown(rows), pairs / totals[code], detail)
    pattern = r"(?i)\b(" + "|".join(process()["replaced"]) + r")\b"
    for code, rows in _by_code(study.dated.filter(pl.col("a").is_not_null())):
        again = rows.filter(pl.col("text_value").str.contains(pattern))
        first = rows.filter(~pl.col("text_value").fill_null("").str.contains(pattern))
        if again.height < FEW or first.height < FEW:
            continue
        own, usual = (float((r["a"] - r["t"]).median() or 0) for r in (again, first))  # type: ignore[arg-type]
        if own <= usual * 1.1:
            detail = said("replaced_early", own=own / _MINUTE, usual=usual / _MINUTE)
            yield Finding("replaced_result", code, again.height, shown(again), own / max(usual, 1.0), detail)


def _entered_later(study: Study) -> Iterator[Finding]:
    """Entries whose running number says that they were written long after they claim to have been known."""
    frame = study.frame.filter(pl.col("a").is_not_null() & pl.col("serial").is_not_null() & pl.col("t").is_not_null())
    totals = dict(study.frame.filter(pl.col("t").is_not_null()).group_by("origin").len().iter_rows())
    for (origin,), rows in frame.group_by("origin", maintain_order=True):
        if rows.height < 200 or rows.height < 0.9 * totals[origin] or rows["serial"].n_unique() < 0.9 * rows.height:
            continue
        # Numbers run with entry when they order the entries almost perfectly; otherwise they say nothing of time.
        if (rows.select(pl.corr("serial", "a", method="spearman")).item() or 0.0) < 0.9:
            continue
        # What was numbered before it and claims to be later; a median of five keeps one wild date from counting as such.
        prior = pl.col("a").rolling_median(5, min_samples=3).rolling_max(500, min_samples=1).shift(1)
        rows = rows.sort("serial").with_columns(lag=prior - pl.col("a"))
        late = rows.filter((pl.col("lag") > 3 * HOUR) & pl.col("code").is_in(list(study.used)))
        own = dict(rows.group_by("code").len().iter_rows())
        whole = rows.filter(pl.col("lag") > 3 * HOUR).height / rows.height
        for code, found in _by_code(late):
            share = found.height / own[code]
            if found.height >= 10 and share >= max(0.05, 3 * min(whole, 0.02)):
                detail = said("numbered_later", share=share, n=own[code], hours=float(found["lag"].median() or 0) / HOUR)  # type: ignore[arg-type]
                yield Finding("entered_later", code, found.height, shown(found), share, detail)


def _without_contact(study: Study) -> Iterator[Finding]:
    """Diagnoses known on days on which nobody saw the patient."""
    contacts = study.contacts
    diagnoses = study.dated.filter(pl.col("code").str.starts_with("CONDITION//") & (pl.col("a") == pl.col("t")))
    if contacts.is_empty() or diagnoses.is_empty():
        return
    told = study.frame.filter(pl.col("a").is_not_null() & pl.col("unit").is_not_null() & (pl.col("unit") != ""))
    inside = _covered(told, contacts)["covered"].mean()
    if inside is None or float(inside) < 0.8:  # type: ignore[arg-type]
        return
    totals = dict(study.dated.group_by("code").len().iter_rows())
    outside = _covered(diagnoses, contacts).filter(~pl.col("covered"))
    every = outside.height / max(1, study.dated.filter(pl.col("code").str.starts_with("CONDITION//")).height)
    for code, rows in _by_code(outside):
        share = rows.height / totals[code]
        if rows.height >= 10 and share >= 0.5:
            detail = said("no_contact", share=share, n=totals[code], every=every)
            yield Finding("recorded_without_contact", code, rows.height, shown(rows), share, detail)


def _covered(rows: pl.DataFrame, contacts: pl.DataFrame) -> pl.DataFrame:
    """Whether each event became known within a day of a contact."""
    left = rows.with_columns(edge=pl.col("a") + _DAY).sort("edge")
    right = contacts.select("s", "start", "end", at="start").sort("at")
    held = left.join_asof(right, left_on="edge", right_on="at", by="s", strategy="backward", check_sortedness=False)
    end = pl.col("end").fill_null(pl.col("start") + 60 * _DAY)
    return held.with_columns(covered=(pl.col("start").is_not_null() & (pl.col("a") <= end + _DAY)).fill_null(False))


def _before_order(study: Study) -> Iterator[Finding]:
    """Results known before anybody asked for them."""
    kinds = process()["orders"]
    orders = study.frame.filter(pl.col("t").is_not_null() & pl.col("code").str.extract(r"^([^/]*)//", 1).is_in(kinds))
    if orders.is_empty():
        return
    asked = orders.select("s", ordered="t", at="t", about=pl.col("code").str.extract(r"^[^/]*//(.*)$", 1)).sort("at")
    results = study.dated.filter(pl.col("a").is_not_null() & pl.col("numeric_value").is_not_null())
    results = results.with_columns(about=pl.col("code").map_elements(concept, return_dtype=pl.String))
    left = results.with_columns(edge=pl.col("a")).sort("edge")
    held = left.join_asof(asked, left_on="edge", right_on="at", by=["s", "about"], strategy="backward", check_sortedness=False)
    next_ = asked.rename({"ordered": "next"})
    held = held.join_asof(next_, left_on="edge", right_on="at", by=["s", "about"], strategy="forward", check_sortedness=False)
    unasked = held.filter(
        (pl.col("ordered").is_null() | (pl.col("a") - pl.col("ordered") > 3 * _DAY)) & (pl.col("next") - pl.col("a") < _DAY)
    )
    totals = dict(results.group_by("code").len().iter_rows())
    for code, rows in _by_code(unasked):
        share = rows.height / totals[code]
        if rows.height >= FEW and share >= 0.1:
            yield Finding("result_before_order", code, rows.height, shown(rows), share, said("of_results", share=share, n=totals[code]))


def _by_code(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    for (code,), own in rows.sort("subject_id", "t", "code").group_by("code", maintain_order=True):
        yield str(code), own
