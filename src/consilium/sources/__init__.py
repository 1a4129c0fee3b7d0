"""Sources: bytes of many forms become events, and whatever cannot be read becomes a named reject.

A source is a module of this room (or one that another package offers under the entry point `consilium.sources`) with

- `SUFFIXES`: the file suffixes it reads;
- `read(path)`, or `read(path, mapping)` with `MAPPED = True`: yields `core.Batch`, whose law is
  `rows == read + (rejects without a part)`;
- examples in `examples/<its name>/`, on which `tests/contract/test_sources.py` runs the laws.
"""
