"""Form: a dossier as JSON, so that a program can read what people read."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from consilium.validation.dossier.facts import Facts
from consilium.validation.dossier.probast import Judgement
from consilium.validation.dossier.tripod import Item


def as_json(facts: Facts, found: Judgement, items: tuple[Item, ...]) -> bytes:
    """Items, answers and measurements as indented JSON; card and report lie beside it and are not repeated."""
    measured: dict[str, Any] = {
        name: getattr(facts, name)
        for name in (
            "study", "dated", "patients", "excluded", "unanswered", "ages", "outside_population", "sexes", "splits", "predictors",
            "leaks", "leak_notes", "threshold", "threshold_from", "groups", "sites", "periods", "forward", "sample", "drift",
        )
    }  # fmt: skip
    whole = {"card": facts.card.name, "version": facts.report.version, "model_sha256": facts.report.model_sha256}
    return orjson.dumps(
        {**whole, "probast": asdict(found), "tripod_ai": [asdict(item) for item in items], "facts": measured},
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY,
    )
