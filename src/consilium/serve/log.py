"""Log: what the server writes down, without patients: no paths, and of a crash its kind and place but not its words."""

from __future__ import annotations

import logging
import traceback


class Faceless(logging.Filter):
    """Replaces the text of a logged exception by its type and the lines of code it passed through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, its exception reduced."""
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = reduced(record.exc_info[1])
        return True


class Silent(logging.Filter):
    """Drops every record: an access log names the patient in its paths."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop the record."""
        return False


def reduced(error: BaseException) -> str:
    """Kind and place of an exception; its message may quote a patient, so it is left out.

    Examples
    --------
    >>> reduced(ValueError("Ann Example, 1961"))
    'ValueError'
    """
    places = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    cause = error.__cause__ or error.__context__
    before = f"\nfrom {reduced(cause)}" if cause is not None else ""
    return "\n".join([type(error).__name__, *places]) + before


def quiet() -> None:
    """Keep patients out of what uvicorn logs, however it was started."""
    for name, kind in (("uvicorn.error", Faceless), ("uvicorn.access", Silent)):
        logger = logging.getLogger(name)
        if not any(isinstance(f, kind) for f in logger.filters):
            logger.addFilter(kind())
