"""consilium: clinical decision support from raw records to a validated, explained consultation. Not a medical device.

::

    import consilium as c
    record = c.ingest("exports/*.ndjson", into="ward")
    report = c.validate(c.fit("breast_mass", record.train), record.held_out)
    print(c.consult(record.patient("42", as_of="2026-01-03T08:00")))
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = [
    "check_time",
    "cohort",
    "consult",
    "features",
    "fit",
    "ingest",
    "open_record",
    "recalibrate",
    "roster",
    "score",
    "serve",
    "validate",
]


def __getattr__(name: str) -> Any:
    # The verbs stand on every floor; they are imported when first used, so that `import consilium` costs nothing.
    if name == "open_record":
        from consilium.record import Record

        return Record.open
    if name in __all__:
        from consilium.cli import verbs

        return getattr(verbs, name)
    raise AttributeError(f"module 'consilium' has no attribute {name!r}")
