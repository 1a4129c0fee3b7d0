"""Cards: a Consultation as a CDS Hooks 2.0 response."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from uuid import NAMESPACE_URL, uuid5

import yaml

from consilium.core.advice import SUMMARY_LIMIT, Advice
from consilium.core.consultation import Consultation
from consilium.core.events import Reject
from consilium.core.opinion import Opinion
from consilium.render.fhir import bundle
from consilium.render.markdown import literal
from consilium.render.names import name, plain, title, titles_for
from consilium.render.numbers import day, interval, natural, percent, weight
from consilium.render.prune import prune
from consilium.render.reasons import finding, label, reasons, when
from consilium.render.words import Words, words

if TYPE_CHECKING:
    from consilium.knowledge import Shelf

PROPOSALS = ("ServiceRequest", "MedicationRequest")


def cards(
    consultation: Consultation,
    shelf: Shelf,
    *,
    base_url: str | None = None,
    titles: Mapping[str, str] | None = None,
    rejects: Sequence[Reject] = (),
) -> dict[str, Any]:
    """Write a consultation as CDS Hooks cards.

    Parameters
    ----------
    consultation : Consultation
        What to write, in its own language.
    shelf : Shelf
        Names of codes.
    base_url : str, optional
        Absolute address of the service, for links to the patient's page; without it cards carry no such link.
    titles : mapping of str to str, optional
        Titles of specialists by name.
    rejects : sequence of Reject
        What of the data sent could not be read; told in a card of its own, so that nothing is passed over in silence.

    Returns
    -------
    dict
        `{"cards": [...]}`, the list present even when empty; no null or empty value anywhere in a card. The same consultation
        gives the same card uuids.
    """
    deck = _Deck(consultation, shelf, words(consultation.language), base_url, titles_for(consultation, shelf, titles))
    top = next((o for o in consultation.opinions if o.probability is not None), None)
    found = [deck.of_advice(a, n) for n, a in enumerate(consultation.advice)]
    if top is not None and top.probability is not None and top.probability >= rules()["opinion_from"]:
        found.append(deck.of_opinion(top))
    if rejects:
        found.append(deck.of_rejects(rejects))
    return {"cards": [prune(card) for card in found]}


@functools.lru_cache(maxsize=1)
def rules() -> Mapping[str, Any]:
    """When an opinion becomes a card, and the override reasons, from `cards.yaml`."""
    content: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("cards.yaml").read_text(encoding="utf-8"))
    return content


@dataclass(frozen=True, slots=True)
class _Deck:
    consultation: Consultation
    shelf: Shelf
    words: Words
    base_url: str | None
    titles: Mapping[str, str]

    def uuid(self, *key: str) -> str:
        told = (self.consultation.patient_id, self.consultation.as_of.isoformat(), self.consultation.language, *key)
        return str(uuid5(NAMESPACE_URL, "urn:consilium:card:" + "\n".join(told)))

    def of_advice(self, advice: Advice, number: int) -> dict[str, Any]:
        lines = [advice.detail]
        lines += self.listed("because", advice.because) + self.listed("contraindications", advice.contraindications)
        if advice.strength:
            lines.append(f"**{self.words.say('strength')}:** {literal(advice.strength)}")
        return {
            "uuid": self.uuid("advice", str(number), advice.summary),
            "summary": plain(advice.summary),
            "indicator": advice.urgency,
            "detail": self.detail(lines),
            "source": {"label": advice.source.name, "url": _web(advice.source.url)},
            **self.suggestion(advice, number),
            "overrideReasons": self.overrides(),
            "links": self.links(),
        }

    def of_opinion(self, opinion: Opinion) -> dict[str, Any]:
        assert opinion.probability is not None and opinion.low is not None and opinion.high is not None
        condition = name(opinion.condition, self.shelf, self.words.language)
        summary = f"{condition}: {natural(opinion.probability, self.words)}"
        return {
            "uuid": self.uuid("opinion", opinion.specialist, opinion.source),
            "summary": summary if len(summary) < SUMMARY_LIMIT else f"{condition[:80]}: {percent(opinion.probability, self.words)}",
            "indicator": "info",
            "detail": self.detail(
                [
                    f"**{percent(opinion.probability, self.words)}** ({interval(opinion.low, opinion.high, self.words)})",
                    *self.evidence(opinion),
                ]
            ),
            "source": {"label": opinion.source or title(opinion.specialist, self.titles), "url": self.roster()},
            "overrideReasons": self.overrides(),
            "links": self.links(),
        }

    def of_rejects(self, rejects: Sequence[Reject]) -> dict[str, Any]:
        shown = rejects[: rules()["unread_shown"]]
        lines = [f"- {literal(' '.join(x for x in (r.row, r.part) if x))}: {literal(r.reason)}" for r in shown]
        more = [self.words.say("more", n=len(rejects) - len(shown))] if len(rejects) > len(shown) else []
        harmful = any(r.row.partition("/")[0] in rules()["unread_warns"] for r in rejects)
        return {
            "uuid": self.uuid("rejects", *(f"{r.row} {r.part} {r.reason}" for r in rejects)),
            "summary": self.words.say("unread", n=len(rejects)),
            "indicator": "warning" if harmful else "info",
            "detail": self.detail(["\n".join(lines), *more]),
            "source": {"label": "consilium"},
        }

    def evidence(self, opinion: Opinion) -> list[str]:
        found = reasons(opinion, rules()["evidence_shown"])
        lines = []
        for side, pieces in (("for", found.speaking_for), ("against", found.speaking_against)):
            said = []
            for e in pieces:
                about = " ".join(x for x in (label(e, self.shelf, self.words.language), finding(e, self.shelf, self.words)) if x)
                at = when(e)
                dated = f", {day(at)}" if at else ""
                said.append(f"- {literal(about + dated)} ({weight(e.weight or 0.0)})")
            if said:
                lines.append("\n".join([f"**{self.words.say('evidence')} · {self.words.say(side)}**", "", *said]))
        if found.more:
            lines.append(self.words.say("more", n=found.more))
        return lines

    def listed(self, heading: str, texts: tuple[str, ...]) -> list[str]:
        return ["\n".join([f"**{self.words.say(heading)}**", "", *(f"- {literal(t)}" for t in texts)])] if texts else []

    def detail(self, lines: list[str]) -> str:
        noted = self.listed("notes", self.consultation.notes)
        return "\n\n".join(line for line in (*lines, *noted, f"_{self.words.say('disclaimer')}_") if line)

    def suggestion(self, advice: Advice, number: int) -> dict[str, Any]:
        """A proposal to accept with one click: only where the target can be ordered and nothing in the patient speaks against it."""
        if advice.contraindications:
            return {}
        alone = replace(self.consultation, opinions=(), advice=(advice,), missing=(), absent=(), notes=())
        written = [e["resource"] for e in bundle(alone, self.shelf, recorded=self.consultation.as_of)["entry"]]
        proposals = [r for r in written if r["resourceType"] in PROPOSALS]
        if not proposals:
            return {}
        resource = {key: value for key, value in proposals[0].items() if key != "id"}
        action = {"type": "create", "description": plain(advice.summary), "resource": resource}
        suggestion = {"label": plain(advice.summary), "uuid": self.uuid("suggestion", str(number), advice.summary), "actions": [action]}
        return {"suggestions": [suggestion], "selectionBehavior": "any"}

    def overrides(self) -> list[dict[str, str]]:
        return [{"code": o["code"], "system": rules()["override_system"], "display": o[self.words.language]} for o in rules()["overrides"]]

    def links(self) -> list[dict[str, str]]:
        if not self.base_url:
            return []
        query = urlencode({"lang": self.consultation.language, "as_of": self.consultation.as_of.isoformat()})
        url = f"{self.base_url.rstrip('/')}/patients/{quote(self.consultation.patient_id, safe='')}?{query}"
        return [{"label": self.words.say("consultation"), "url": url, "type": "absolute"}]

    def roster(self) -> str:
        return f"{self.base_url.rstrip('/')}/roster" if self.base_url else ""


def _web(url: str) -> str:
    return url if url.startswith(("https://", "http://")) else ""
