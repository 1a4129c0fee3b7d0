"""OMOP CDM 5.3 and 5.4: a folder of CSV or Parquet tables, or a database, becomes events.

`read` reads a data set, `recognises` tells whether a folder is one, `about` says what it says of itself.
"""

from consilium.sources.omop.folder import recognises
from consilium.sources.omop.read import SUFFIXES, about, read

__all__ = ["SUFFIXES", "about", "read", "recognises"]
