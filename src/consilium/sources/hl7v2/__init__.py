"""HL7 version 2 (2.1 to 2.8): messages in files, batches and MLLP frames become events.

`read` opens a file; one module per group of segments says how it is read. One row is one message: it is what a sender sends,
numbers (MSH-10) and has acknowledged, so `rows` counts messages, and text outside any message counts as a row that is refused.
A segment or field that is not read while the rest of its message is, is a reject with the segment as `part` (`OBX 3`).
"""

from consilium.sources.hl7v2.read import SUFFIXES, read

ZONED = True
"""`read` takes `zone`: the time zone of times that carry no offset, which HL7 v2 rarely sends."""

__all__ = ["SUFFIXES", "ZONED", "read"]
