"""OMOP CDM 5.3 and 5.4: a folder of CSV or Parquet tables, or a database, becomes events.

`read` reads a data set, `recognises` tells whether a folder is one, `about` says what it says of itself,
`rows` how much it holds.
"""

from consilium.sources.omop.folder import recognises
from consilium.sources.omop.read import SUFFIXES, about, read, rows

ZONED = True
"""`read` takes `zone`: the time zone of local times, which a CDM does not say."""

ADDRESSED = True
"""`read`, `about` and `rows` take the address of a database in place of a path."""

__all__ = ["ADDRESSED", "SUFFIXES", "ZONED", "about", "read", "recognises", "rows"]
