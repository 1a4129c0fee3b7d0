"""FHIR R4 (4.0.1): Bundles, single resources and NDJSON become events.

`read` opens a file; `read_resources` takes what is already in memory. One module per resource type says how it is read.
"""

from consilium.sources.fhir.read import SUFFIXES, read
from consilium.sources.fhir.resources import read_resources

__all__ = ["SUFFIXES", "read", "read_resources"]
