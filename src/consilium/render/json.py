"""JSON: a Consultation as bytes and back, nothing added and nothing lost; times are written in UTC with a Z."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from consilium.core.consultation import Consultation
from consilium.core.errors import FormatError, LawError
from consilium.core.opinion import Opinion
from consilium.render.numbers import naive

_WRITTEN = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def json_bytes(consultation: Consultation) -> bytes:
    """Write a consultation; the same consultation always gives the same bytes.

    Returns
    -------
    bytes
        UTF-8 JSON, keys in the nouns' order, every field present (null where a field is None).

    Raises
    ------
    LawError
        When a value or weight is not finite, which JSON cannot say.
    """
    for opinion in consultation.opinions:
        for evidence in opinion.evidence:
            for number in (evidence.value, evidence.weight):
                if number is not None and not math.isfinite(number):
                    raise LawError("A number is not finite", where=f"evidence {evidence.statement!r} of {opinion.specialist}", found=number)
    return orjson.dumps(consultation, option=_WRITTEN)


def consultation_from_json(content: bytes) -> Consultation:
    """Read what `json_bytes` wrote.

    Raises
    ------
    FormatError
        When the content is not JSON, lacks a field, or has one that a consultation does not know.
    LawError
        When it breaks a law of the nouns.
    """
    adapter = TypeAdapter(Consultation)
    try:
        sent = orjson.loads(content)
        read = adapter.validate_python(sent)
    except orjson.JSONDecodeError as error:
        raise FormatError("The consultation is not JSON", found=str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FormatError("The consultation has another form", where=where, found=first["msg"]) from error
    consultation = _in_utc(read)
    unknown = _beyond(sent, orjson.loads(json_bytes(consultation)), "")
    if unknown:
        raise FormatError("The consultation says something that cannot be read", found=unknown)
    return consultation


def _in_utc(consultation: Consultation) -> Consultation:
    def opinion(o: Opinion) -> Opinion:
        return replace(o, evidence=tuple(e if e.time is None else replace(e, time=naive(e.time)) for e in o.evidence))

    genes = tuple(g if g.time is None else replace(g, time=naive(g.time)) for g in consultation.genes)
    opinions = tuple(opinion(o) for o in consultation.opinions)
    polygenic = tuple(p if p.time is None else replace(p, time=naive(p.time)) for p in consultation.polygenic)
    images = tuple(s if s.time is None else replace(s, time=naive(s.time)) for s in consultation.images)
    variants = tuple(v if v.time is None else replace(v, time=naive(v.time)) for v in consultation.variants)
    return replace(
        consultation, as_of=naive(consultation.as_of), opinions=opinions, genes=genes, polygenic=polygenic, images=images, variants=variants
    )  # fmt: skip


def _beyond(sent: Any, read: Any, where: str) -> list[str]:
    """Fields that were sent and are not in what was read."""
    if isinstance(sent, dict) and isinstance(read, dict):
        return [f"{where}{k}" for k in sent if k not in read] + [
            x for k in sent if k in read for x in _beyond(sent[k], read[k], f"{where}{k}.")
        ]
    if isinstance(sent, list) and isinstance(read, list):
        return [x for i, (a, b) in enumerate(zip(sent, read, strict=True)) for x in _beyond(a, b, f"{where}{i}.")]
    return []
