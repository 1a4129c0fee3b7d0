"""Cohort: whether who was asked, and when, was decided by what happened later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from consilium.quality.leak_report import Finding, Said, phrase
from consilium.quality.leak_report import said as tell
from consilium.quality.leak_study import ALWAYS, HOUR, NEVER, Floats, Ints, Study, area, words
from consilium.record.task_of import by_count

_FEW = 10
_MICROSECOND = timedelta(microseconds=1)


def cohort_findings(study: Study) -> Iterator[Finding]:
    """Every finding about rows and moments."""
    if study.card is not None and study.card.question.target[0] < timedelta(0):
        start = study.card.question.target[0]
        yield Finding(
            "target_before_asking",
            "question",
            len(study.rows),
            (),
            start / timedelta(hours=1),
            tell("window_opens", before=str(-start)),
        )
    if not len(study.as_of):
        return
    if study.card is not None:
        yield from _outcome_first(study)
        yield from _before_trigger(study)
        yield from _from_later(study.people)
        yield from _selected(study)
    if len(study.y) and min(int(study.y.sum()), int((study.y == 0).sum())) >= _FEW:
        yield from _moments_differ(study)
        yield from _order(study.people)


def _outcome_first(study: Study) -> Iterator[Finding]:
    """Cases whose outcome had happened when they were asked about."""
    assert study.card is not None
    question, y = study.card.question, study.y
    if not len(y) or not y.any():
        return
    # A target that is counted from another event lies somewhere after the asking.
    end = NEVER if question.after or question.until else question.target[1] // _MICROSECOND
    asked = pl.DataFrame({"s": study.row_subject, "row": np.arange(len(study.as_of)), "as_of": study.as_of}).filter(pl.col("s") >= 0)
    told = asked.join(study.outcomes, on="s")
    since = pl.col("k") - pl.col("as_of")
    by_row = told.group_by("row").agg(first=since.min(), inside=((since > 0) & (since <= end)).any())
    n = len(y)
    done, inside = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    row = by_row["row"].to_numpy()
    done[row] = (by_row["first"] <= 0).to_numpy()
    inside[row] = by_row["inside"].to_numpy()
    only = done & ~inside & (y > 0)
    cases, controls = float(done[y > 0].mean()), float(done[y == 0].mean()) if (y == 0).any() else 0.0
    earlier = done & (y > 0)
    if only.sum() >= 3 and only.sum() >= 0.01 * y.sum():
        share = float(only.sum() / y.sum())
        yield Finding(
            "outcome_before_asking",
            "rows",
            int(only.sum()),
            _rows(study, only),
            share,
            tell("only_before", share=share),
        )
    elif cases >= 0.2 and cases >= 5 * (controls + 0.01):
        detail = tell("stands_before", cases=cases, controls=controls)
        yield Finding("outcome_before_asking", "rows", int(earlier.sum()), _rows(study, earlier), cases, detail)


def _trigger(study: Study) -> Ints:
    """The moment at which each row's trigger was known, `NEVER` without one: the first, or the latest before a row of many."""
    assert study.card is not None
    found = np.full(len(study.as_of), NEVER)
    first = study.triggers.group_by("s").agg(pl.col("k").min())
    place = dict(first.iter_rows())
    for row, s in enumerate(study.row_subject.tolist()):
        found[row] = place.get(s, NEVER)
    if study.card.question.occurrence == "every" and not study.triggers.is_empty():
        asked = pl.DataFrame({"s": study.row_subject, "row": np.arange(len(found)), "k": study.as_of}).sort("k")
        own = asked.join_asof(study.triggers.with_columns(at="k").sort("k"), on="k", by="s", check_sortedness=False)
        own = own.filter(pl.col("at").is_not_null())
        found[own["row"].to_numpy()] = own["at"].to_numpy()
    return found


def _before_trigger(study: Study) -> Iterator[Finding]:
    first = _trigger(study)
    early = (first != NEVER) & (study.as_of < first)
    if early.sum() >= 3 and early.mean() >= 0.01:
        share = float(early.mean())
        yield Finding(
            "asked_before_trigger",
            "rows",
            int(early.sum()),
            _rows(study, early),
            share,
            tell("before_trigger", share=share),
        )


def _from_later(study: Study) -> Iterator[Finding]:
    """Moments of asking that lie at one distance before something that had not happened yet."""
    n = len(study.as_of)
    trigger = _trigger(study)
    since = study.as_of - trigger
    delay = study.card.question.delay // _MICROSECOND if study.card else 0
    if (trigger != NEVER).mean() > 0.9 and (since[trigger != NEVER] == delay).mean() > 0.9:
        return  # asked when the trigger was known, or as long after it as the question says
    groups: list[tuple[str, NDArray[np.bool_]]] = [("rows", np.ones(n, dtype=np.bool_))]
    if len(study.y):
        groups += [("cases", study.y > 0), ("controls", study.y == 0)]
    best: tuple[float, str, str, int, float] = (0.0, "", "", 0, 0.0)
    for code in sorted(study.often):
        ahead = study.beside([code]).filter((pl.col("t") > pl.col("as_of")) & (pl.col("k") != ALWAYS))
        own = ahead.select("row", gap=pl.col("t") - pl.col("as_of"))
        for name, group in groups:
            held = own.filter(pl.col("row").is_in(np.flatnonzero(group)))
            if held.height < _FEW or group.sum() < _FEW:
                continue
            gaps = held.group_by("gap").agg(rows=pl.col("row").n_unique()).sort("rows", "gap", descending=[True, False])
            share = float(gaps["rows"][0]) / float(group.sum())
            if share > best[0] and gaps["rows"][0] >= _FEW:
                best = (share, code, name, int(gaps["rows"][0]), gaps["gap"][0] / HOUR)
    if best[0] >= 0.5:
        yield Finding(
            "asked_from_the_future",
            "rows",
            best[3],
            (best[1],),
            best[0],
            tell("one_distance", share=best[0], who=phrase(best[2]), hours=best[4], code=best[1]),
        )


def _selected(study: Study) -> Iterator[Finding]:
    """People who could have been asked but were not, told apart by their future alone."""
    assert study.card is not None
    question = study.card.question
    asked = set(study.row_subject[study.row_subject >= 0].tolist())
    eligible = study.triggers.group_by("s").agg(at=pl.col("k").min()).sort("s")
    if not len(asked) or eligible.height < 40:
        return
    # Rows may be asked some time after their trigger; the others are looked at as late as those usually are.
    own = dict(zip(study.row_subject.tolist(), study.as_of.tolist(), strict=True))
    delays = [own[s] - at for s, at in eligible.iter_rows() if s in own]
    usual = int(np.median(delays)) if delays else 0
    eligible = eligible.with_columns(
        taken=pl.col("s").is_in(list(asked)), at=pl.Series([own.get(s, at + usual) for s, at in eligible.iter_rows()], dtype=pl.Int64)
    )
    if by_count(question) and question.followed and not question.after and not question.until:
        # The question itself leaves out, and the cohort counts, those of whom nobody knows what became of them.
        end = study.frame.filter(pl.col("t").is_not_null()).group_by("s").agg(end=pl.col("t").max())
        late = pl.col("end") - pl.col("at") >= question.target[1] // _MICROSECOND
        eligible = eligible.join(end, on="s").filter(pl.col("taken") | late).sort("s").drop("end")
    left = eligible.filter(~pl.col("taken")).height
    if left < 15 or eligible.height - left < 15:
        return
    taken = eligible["taken"].to_numpy()
    place = {s: i for i, s in enumerate(eligible["s"].to_list())}
    events = study.frame.filter(pl.col("t").is_not_null()).join(eligible, on="s", how="inner")
    ahead, gone = events.filter(pl.col("k") > pl.col("at")), events.filter(pl.col("k") <= pl.col("at"))
    stays = ahead.group_by("s").agg(last=pl.col("t").max() - pl.col("at").first())
    last = np.zeros(len(taken))
    last[[place[s] for s in stays["s"].to_list()]] = stays["last"].to_numpy()
    auc, z = area(taken, last)
    if auc >= 0.93 and abs(z) > 4:
        shortest = float(np.quantile(last[taken], 0.02)) / HOUR
        detail = tell("shorter_record", n=left, hours=shortest)
        yield Finding("selected_by_the_future", "rows", left, (), auc, detail)
        return
    for (code,), rows in ahead.sort("code").group_by("code", maintain_order=True):
        if code in (question.label, question.trigger):
            continue
        has, had = (np.isin(eligible["s"].to_numpy(), r["s"].unique().to_numpy()) for r in (rows, gone.filter(pl.col("code") == code)))
        inside, outside = float(has[taken].mean()), float(has[~taken].mean())
        before = abs(float(had[taken].mean()) - float(had[~taken].mean()))
        if abs(inside - outside) >= 0.7 and max(inside, outside) >= 0.97 and before < 0.3:
            detail = tell("have_later", inside=inside, outside=outside, n=left, code=code)
            yield Finding("selected_by_the_future", "rows", left, (str(code),), abs(inside - outside), detail)
            return


def _moments_differ(study: Study) -> Iterator[Finding]:
    """Cases and controls asked at moments of another make: another distance from the trigger, hour, year, or form."""
    y, at = study.y, study.as_of
    scores: dict[str, Floats] = {
        "calendar time": at.astype(np.float64),
        "hour of the day": (at // HOUR % 24).astype(np.float64),
        "full minutes": (at % (HOUR // 60) == 0).astype(np.float64),
        "full hours": (at % HOUR == 0).astype(np.float64),
        "midnight": (at % (24 * HOUR) == 0).astype(np.float64),
    }
    if study.card is not None:
        first = _trigger(study)
        scores["time since the trigger"] = np.where(first == NEVER, np.nan, at.astype(np.float64) - first.astype(np.float64))
    if not study.contacts.is_empty():
        scores["time since the stay began"] = np.where(
            study.began == ALWAYS, np.nan, at.astype(np.float64) - study.began.astype(np.float64)
        )
    best: tuple[float, str] = (0.0, "")
    for name, score in scores.items():
        seen = np.isfinite(score)
        if seen.sum() < 20 or min(int(y[seen].sum()), int((y[seen] == 0).sum())) < _FEW or len(np.unique(score[seen])) < 2:
            continue
        auc, z = area(y[seen], score[seen])
        bar = 0.8 if name in ("calendar time", "hour of the day") else 0.7
        if max(auc, 1 - auc) >= bar and abs(z) > 6 and max(auc, 1 - auc) > best[0]:
            best = (max(auc, 1 - auc), name)
    if best[1]:
        yield Finding("asked_differently", "rows", len(y), (best[1],), best[0], tell("moment_tells", what=phrase(best[1]), auc=best[0]))


def _order(study: Study) -> Iterator[Finding]:
    """Numbers, names and places in the file that tell the answer."""
    y = study.y
    ids = np.array([s for s, _ in study.rows], dtype=np.int64)
    place = np.arange(len(y))
    known = [study.patients.get(int(s), "") for s in ids]
    scores: dict[str, NDArray[np.float64]] = {
        "order of rows": place.astype(np.float64),
        "subject_id": ids.argsort(kind="stable").argsort(kind="stable").astype(np.float64),
        "digits of subject_id": np.array([len(str(i)) for i in ids], dtype=np.float64),
        **{f"subject_id modulo {m}": np.asarray(_by_rate(y, ids % m)) for m in (2, 3, 5, 10)},
    }
    if any(known):
        scores["length of patient identifier"] = np.array([len(k) for k in known], dtype=np.float64)
        scores["order of patient identifiers"] = np.unique(np.array(known), return_inverse=True)[1].astype(np.float64)
        prefix = np.array(["".join(words(k)[:1]).rstrip("0123456789") for k in known])
        for name, part in (("start of patient identifier", np.array([k[:1] for k in known])), ("prefix of patient identifier", prefix)):
            if 1 < len(np.unique(part)) <= 20 and not _are_sites(study, part):
                scores[name] = _by_rate(y, np.unique(part, return_inverse=True)[1])
        if _are_sites(study, prefix):
            for name in ("length of patient identifier", "order of patient identifiers"):
                del scores[name]
    best: tuple[float, Said] = (0.0, Said(""))
    for name, score in scores.items():
        auc, z = area(y, score)
        if max(auc, 1 - auc) >= 0.7 and abs(z) > 6 and max(auc, 1 - auc) > best[0]:
            best = (max(auc, 1 - auc), phrase(name))
    runs = {"order of rows": place, "subject_id": ids.argsort(kind="stable")}
    for name, order in runs.items():
        sorted_y = y[order]
        n1, n0 = int(y.sum()), int((y == 0).sum())
        expected = 2 * n1 * n0 / (n1 + n0) + 1
        variance = (expected - 1) * (expected - 2) / (n1 + n0 - 1)
        observed = int((np.diff(sorted_y) != 0).sum()) + 1
        z = (observed - expected) / np.sqrt(variance)
        if abs(z) > 8 and abs(observed - expected) / expected > 0.4 and not best[1]:
            best = (abs(observed - expected) / expected, tell("runs", what=phrase(name), observed=observed, expected=expected))
    if best[1]:
        yield Finding("order_tells", best[1].partition(" (")[0], len(y), (), best[0], tell("order_tells", what=best[1], power=best[0]))


def _are_sites(study: Study, part: NDArray[Any]) -> bool:
    """Whether a part of the identifiers only names the site, which the card knows and proves by."""
    if study.card is None or not study.card.proof.site:
        return False
    own = study.frame.filter(pl.col("code") == study.card.proof.site).group_by("s").agg(pl.col("text_value").first())
    where = dict(own.iter_rows())
    pairs = {(p, where.get(int(s))) for p, s in zip(part.tolist(), study.row_subject, strict=True)}
    return len(pairs) == len(set(part.tolist())) > 1


def _by_rate(y: NDArray[np.int8], group: NDArray[np.int64]) -> Floats:
    """The share of cases in each row's group; small groups, which any accident fills with cases, are taken together."""
    _, of, n = np.unique(group, return_inverse=True, return_counts=True)
    of = np.where(n[of] >= 20, of, len(n))
    total, cases = np.bincount(of, minlength=len(n) + 1), np.bincount(of, weights=y, minlength=len(n) + 1)
    share: Floats = (cases / np.maximum(total, 1))[of]
    return share


def _rows(study: Study, said: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(f"subject {study.rows[i][0]} asked {study.rows[i][1]}" for i in np.flatnonzero(said)[:3])
