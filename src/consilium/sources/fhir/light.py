"""Light: a Bundle is parsed without building the entries that no reader asks for; claims alone are half the bytes of many exports."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson

from consilium.sources.fhir.resources import READERS, Resource

_HEAD = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"([A-Za-z]+)"\s*,\s*"id"\s*:\s*"([A-Za-z0-9.-]{1,64})"')
_WHOLE = frozenset({*READERS, "Bundle", "CapabilityStatement"})
"""Types of which more is asked than type and id."""


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"null")
    fullUrl: Any = None


class _Bundle(msgspec.Struct):
    resourceType: str
    entry: list[_Entry]
    meta: Any = None
    timestamp: Any = None
    extension: Any = None
    fhirVersion: Any = None


_decoder = msgspec.json.Decoder(_Bundle)


def bundle(data: bytes) -> Resource | None:
    """A Bundle with what is read of it.

    Parameters
    ----------
    data : bytes
        A JSON document.

    Returns
    -------
    dict or None
        As JSON gives it, reduced: resources of types that are not read have type and id alone. None for everything that is not
        plainly a Bundle; the full parser then says what it is.

    Examples
    --------
    >>> bundle(b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Claim", "id": "1", "item": []}}]}')["entry"]
    [{'resource': {'resourceType': 'Claim', 'id': '1'}, 'fullUrl': None}]
    >>> bundle(b'{"resourceType": "Patient"}') is None
    True
    """
    try:
        read = _decoder.decode(data)
        entries = [{"resource": _resource(one.resource), "fullUrl": one.fullUrl} for one in read.entry]
    except (msgspec.DecodeError, orjson.JSONDecodeError, RecursionError, UnicodeDecodeError):
        return None
    if read.resourceType != "Bundle":
        return None
    told = {name: getattr(read, name) for name in ("meta", "timestamp", "extension", "fhirVersion")}
    return {"resourceType": "Bundle", **told, "entry": entries}


def _resource(sent: msgspec.Raw) -> Any:
    text = memoryview(sent)
    head = _HEAD.match(text)
    if head is not None and (kind := head[1].decode()) not in _WHOLE:
        return {"resourceType": kind, "id": head[2].decode()}
    return orjson.loads(text)
