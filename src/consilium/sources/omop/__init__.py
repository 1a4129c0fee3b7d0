"""OMOP CDM 5.3 and 5.4: a folder of CSV or Parquet tables, or a database, becomes events.

`read` reads a data set, `recognises` tells whether a folder is one, `about` says what it says of itself.
"""

from consilium.sources.omop.folder import recognises
from consilium.sources.omop.read import SUFFIXES, about, read

ZONED = True
"""`read` takes `zone`: the time zone of local times, which a CDM does not say."""

__all__ = ["SUFFIXES", "ZONED", "about", "read", "recognises"]
