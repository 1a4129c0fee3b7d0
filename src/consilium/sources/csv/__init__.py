"""CSV: any table with a mapping file that says what its columns mean becomes events.

`read` opens a table; `mapping.load` reads and checks the mapping.
"""

from consilium.sources.csv.mapping import Mapping, load
from consilium.sources.csv.read import SUFFIXES, read

MAPPED = True
"""This source cannot read a file without a mapping."""

__all__ = ["MAPPED", "SUFFIXES", "Mapping", "load", "read"]
