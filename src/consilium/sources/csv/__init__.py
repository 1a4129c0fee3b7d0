"""CSV: any table with a mapping that says what its columns mean becomes events; Parquet and compressed tables too.

`read` opens a table; `load` reads and checks a mapping file, a folder of them, or one that comes with consilium.
"""

from consilium.sources.csv.load import load
from consilium.sources.csv.mapping import Mapping, Table
from consilium.sources.csv.read import SUFFIXES, read

MAPPED = True
"""This source cannot read a file without a mapping."""

__all__ = ["MAPPED", "SUFFIXES", "Mapping", "Table", "load", "read"]
