"""Block: the segments of a message that belong together: an order or report and what hangs on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from consilium.sources.hl7v2.message import Message, Segment


class Item(NamedTuple):
    """A segment and its name for rejects: `OBX 3`, the third of the message."""

    label: str
    segment: Segment


@dataclass(slots=True)
class Block:
    """What stands together under one ORC, OBR or TXA, or under none (a person, a visit, diagnoses)."""

    order: Item | None = None
    request: Item | None = None
    document: Item | None = None
    items: list[Item] = field(default_factory=list)

    def named(self, *names: str) -> list[Item]:
        """Its segments of these names, in order."""
        return [item for item in self.items if item.segment.name in names]


def blocks(message: Message) -> Iterator[Block]:
    r"""Cut a message into blocks; blocks that hold nothing are left out.

    Examples
    --------
    >>> from consilium.sources.hl7v2.message import parse
    >>> cut = blocks(parse([r"MSH|^~\&|", "PID|1", "ORC|RE", "OBR|1", "OBX|1", "NTE|1", "OBR|2", "OBX|1"]))
    >>> [[item.label for item in block.items] for block in cut]
    [['PID 1'], ['OBX 1', 'NTE 1'], ['OBX 2']]
    """
    seen: Counter[str] = Counter()
    block = Block()
    for segment in message.segments[1:]:
        seen[segment.name] += 1
        item = Item(f"{segment.name} {seen[segment.name]}", segment)
        match segment.name:
            case "ORC" | "OBR" | "TXA" | "PID" if _opens(segment.name, block):
                if block != Block():
                    yield block
                block = _begun(item)
            case "OBR":
                block.request = item
            case _:
                block.items.append(item)
    if block != Block():
        yield block


def _opens(name: str, block: Block) -> bool:
    # All do, but an OBR that belongs to the ORC before it.
    return name != "OBR" or block.order is None or block.request is not None or bool(block.named("OBX", "RXO", "RXE", "RXA"))


def _begun(item: Item) -> Block:
    match item.segment.name:
        case "ORC":
            return Block(order=item)
        case "OBR":
            return Block(request=item)
        case "TXA":
            return Block(document=item)
        case _:
            return Block(items=[item])
