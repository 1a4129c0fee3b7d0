"""Series: the inputs of a grid that ends at the moment of asking, each asked at each of its moments by the features' own code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consilium.core.card import Series
from consilium.core.features import Features
from consilium.record.features import features
from consilium.record.plan import Factors

ROWS_AT_ONCE = 256
"""Rows asked in one step: each stands for as many moments as the grid has."""


def series(
    events: pa.Table, asked: Series, rows: Sequence[tuple[int, datetime]], *, trace: bool = False, factors: Factors | None = None
) -> Features:
    """Compute what a model of a series sees.

    An event counts from the moment at which it was known, and as having happened then: a late result stands in the step in which it
    came. So nothing is known too early, and nothing falls through because it came late. (An age is still counted from the birth.)

    Parameters
    ----------
    events : pyarrow.Table
        In `SCHEMA` columns, any subjects, any order.
    asked : Series
    rows : sequence of (int, datetime), length n
        Subject and moment of asking (UTC without zone) of each row.
    trace, factors
        As in `features`; the time of a value is when it was known.

    Returns
    -------
    Features of shape (n, length * inputs)
        Cells of the oldest moment first; their names are those of `asked`.

    Raises
    ------
    UnitError, LawError, TimeError
        As `features` says.

    Examples
    --------
    >>> from datetime import timedelta
    >>> from consilium.core.card import Input
    >>> from consilium.core.events import table
    >>> drawn, known = datetime(2026, 1, 1, 8), datetime(2026, 1, 1, 10)
    >>> row = {"subject_id": 1, "code": "LOINC//2524-7", "time": drawn, "available": known, "numeric_value": 2.5, "unit": "mmol/L"}
    >>> hour = timedelta(hours=1)
    >>> grid = Series(hour, 3, (Input("lactate", ("LOINC//2524-7",), "mmol/L", window=hour),))
    >>> series(table([row]), grid, [(1, datetime(2026, 1, 1, 11))]).X.tolist()
    [[nan, 2.5, nan]]
    """
    births = [code for i in asked.inputs if i.take == "age" for code in i.codes]
    theirs = _as_known(events, births).sort_by("subject_id")
    held = theirs["subject_id"].to_numpy()
    order = sorted(range(len(rows)), key=lambda k: rows[k][0])
    X = np.full((len(rows), asked.length * len(asked.inputs)), np.nan, dtype=np.float32)
    times = np.full(X.shape, np.datetime64("NaT", "us")) if trace else None
    ids: NDArray[np.object_] | None = np.full(X.shape, None, dtype=object) if trace else None
    for start in range(0, max(1, len(order)), ROWS_AT_ONCE):
        own = order[start : start + ROWS_AT_ONCE]
        low, high = (np.searchsorted(held, [rows[own[k]][0] for k in (0, -1)], side) for side in ("left", "right")) if own else ([0], [0])
        moments = [(rows[k][0], rows[k][1] - back * asked.step) for k in own for back in range(asked.length - 1, -1, -1)]
        found = features(theirs.slice(int(low[0]), int(high[-1] - low[0])), asked.inputs, moments, trace=trace, factors=factors)
        X[own] = found.X.reshape(len(own), -1)
        if times is not None and ids is not None and found.times is not None and found.event_ids is not None:
            times[own], ids[own] = found.times.reshape(len(own), -1), found.event_ids.reshape(len(own), -1)
    units = tuple(i.unit for i in asked.inputs) * asked.length
    return Features(X, asked.names, units, tuple(rows), np.isfinite(X), times, ids)


def _as_known(events: pa.Table, births: Sequence[str]) -> pa.Table:
    """Events as if they had happened when they became known; one known at no time stays so."""
    time, available = events["time"], events["available"]
    later = pc.max_element_wise(time, available, skip_nulls=False)
    own = pc.or_(pc.is_null(later), pc.is_in(events["code"], value_set=pa.array(births, pa.string())))
    return events.set_column(events.schema.get_field_index("time"), events.schema.field("time"), pc.if_else(own, time, later))
