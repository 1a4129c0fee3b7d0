"""Wire: what an ONNX file holds, read from its bytes without the onnx library, so that a served file is checked before it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from consilium.core.errors import ModelError

# Field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
GRAPH, OPSETS, METADATA, FUNCTIONS = 7, 8, 14, 25
NODES, INITIALIZERS, SPARSE = 1, 5, 15
ATTRIBUTES, DOMAIN = 5, 7
TENSOR, SUBGRAPH, TENSORS, SUBGRAPHS = 5, 6, 10, 11
EXTERNAL_DATA, DATA_LOCATION = 13, 14
PLAIN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}


@dataclass(frozen=True, slots=True)
class Contents:
    """An ONNX file's graph as bytes, and its metadata."""

    graph: bytes
    metadata: dict[str, str]


def contents(data: bytes) -> Contents:
    """The graph and metadata of an ONNX file's bytes.

    Raises
    ------
    ModelError
        When the bytes are no ONNX model, or it holds external data, custom operators, functions, subgraphs or sparse tensors.
    """
    graphs: list[bytes] = []
    metadata: dict[str, str] = {}
    for number, value in _fields(data):
        if number == GRAPH:
            graphs.append(_bytes(value))
        elif number == OPSETS:
            _plain(_text(value, 1))
        elif number == METADATA:
            metadata[_text(value, 1)] = _text(value, 2)
        elif number == FUNCTIONS:
            raise ModelError("An ONNX model defines functions of its own", do="export it with standard operators only")
    if len(graphs) != 1:
        raise ModelError("The bytes are not an ONNX model", found=f"{len(graphs)} graphs", expected="1 graph")
    for number, value in _fields(graphs[0]):
        if number == NODES:
            _check_node(_bytes(value))
        elif number == INITIALIZERS:
            _check_tensor(_bytes(value))
        elif number == SPARSE:
            raise ModelError("An ONNX model holds a sparse tensor", do="export it with dense tensors only")
    return Contents(graphs[0], metadata)


def seal_of(graph: bytes, description: str) -> str:
    """SHA-256 that binds a graph's bytes to the description beside it, so that damage to either shows."""
    return hashlib.sha256(hashlib.sha256(graph).digest() + description.encode()).hexdigest()


def _check_node(node: bytes) -> None:
    for number, value in _fields(node):
        if number == DOMAIN:
            _plain(_bytes(value).decode("utf-8", "replace"))
        elif number == ATTRIBUTES:
            for inner, part in _fields(_bytes(value)):
                if inner in (SUBGRAPH, SUBGRAPHS):
                    raise ModelError("An ONNX model holds a graph within a graph", do="export it without control flow")
                if inner in (TENSOR, TENSORS):
                    _check_tensor(_bytes(part))


def _check_tensor(tensor: bytes) -> None:
    for number, value in _fields(tensor):
        if number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0):
            raise ModelError("An ONNX model keeps its weights in another file", do="export it with its weights inside")


def _plain(domain: str) -> None:
    if domain not in PLAIN_DOMAINS:
        raise ModelError("An ONNX model uses operators that are not ONNX's own", found=domain, expected=sorted(PLAIN_DOMAINS))


def _text(message: bytes | int, field: int) -> str:
    """The last string in that field of a message, empty when there is none."""
    found = [_bytes(value) for number, value in _fields(_bytes(message)) if number == field]
    return found[-1].decode("utf-8", "replace") if found else ""


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise ModelError("The bytes are not an ONNX model", found="a number where a message belongs")
    return value


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Field numbers and values of one protocol buffer message, in file order."""
    place = 0
    while place < len(data):
        key, place = _number(data, place)
        match key & 7:
            case 0:
                value, place = _number(data, place)
                yield key >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, place = _number(data, place)
            case 5:
                size = 4
            case other:
                raise ModelError("The bytes are not an ONNX model", found=f"wire type {other}")
        if place + size > len(data):
            raise ModelError("The bytes of an ONNX model are cut short", found=len(data) - place, expected=size)
        yield key >> 3, data[place : place + size]
        place += size


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A variable-length number at `place`, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ModelError("The bytes of an ONNX model are cut short")
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
    raise ModelError("The bytes are not an ONNX model", found="a number that does not end")
