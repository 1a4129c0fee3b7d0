"""Order: medications ordered, ended, dispensed and given (ORC with RXO, RXE, RXC, RXD; RXA), vaccinations included."""

from __future__ import annotations

from consilium.core.errors import InputError
from consilium.sources.fhir.coding import Coded
from consilium.sources.hl7v2.block import Block
from consilium.sources.hl7v2.coding import codings, recognised
from consilium.sources.hl7v2.message import Segment, part
from consilium.sources.hl7v2.reading import Reading
from consilium.sources.hl7v2.tables import entry, meaning
from consilium.sources.hl7v2.value import value

_DRUG = {"RXE": 2, "RXO": 1, "RXD": 2}
"""Field that names the drug: as the pharmacy encoded it, else as ordered, else as dispensed."""
_CVX = "CVX//"


def medication(block: Block, reading: Reading) -> None:
    """Read the drugs of one order: on the list from ORC-9 when it is new or changed, off it when cancelled or discontinued.

    An order that the pharmacy encoded (RXE) stands under that code; a mixture without a known code is named by its components.

    Raises
    ------
    InputError
        When the order was not accepted, or nothing names or dates it.
    """
    drugs = block.named(*_DRUG)
    if not drugs:
        return
    chosen = min(drugs, key=lambda item: list(_DRUG).index(item.segment.name))
    reading.part = chosen.label
    dispensed = chosen.segment.name == "RXD"
    coded = _coded(chosen.segment, block)
    if not coded and chosen.segment.name == "RXE":
        coded = next((found for item in block.named("RXO") if (found := _coded(item.segment, block))), [])
    order = block.order.segment if block.order else None
    act = _act(order)
    if not coded:
        raise InputError("A medication without a name")
    when = reading.when(order, 9) or reading.when(order, 15) if order else None
    if dispensed:
        when = reading.when(chosen.segment, 3) or when
    if act == "end":
        assert order is not None  # only an order says so
        stop = reading.dated(reading.when(order, 15) or when, reading.when(order, 9))
        for code, display, _ in coded:
            reading.add(f"MEDICATION//END//{code}", stop, text=display)
        return
    known = reading.dated(when, when)
    reading.state("MEDICATION", coded, known, dated=when is not None)
    if act == "over":
        reading.end("MEDICATION", coded, known, reading.recorded())
    for item in block.named("RXD") if not dispensed else ():
        reading.part = item.label
        reading.refuse("a dispense is not read: its order is", found=item.segment.text(2))


def given(segment: Segment, reading: Reading) -> None:
    """Read RXA: a vaccination in messages about vaccinations or when coded in CVX, else a dose that was given.

    Raises
    ------
    InputError
        When it was not given or is taken back, or nothing names or dates it.
    """
    meaning("0322", segment.text(20))
    meaning("0206", segment.text(21))
    marks = segment.marks
    vaccine = codings(segment.raw(5), marks, "IMMUNIZATION")
    if not vaccine:
        raise InputError("A medication without a name")
    for coded in vaccine:
        if coded.code.startswith(_CVX):
            meaning("0292", coded.code.removeprefix(_CVX))
    when = reading.when(segment, 3)
    known = reading.dated(when, reading.when(segment, 22))
    if "immunisations" in entry("0076", reading.kind).meaning or vaccine[0].code.startswith(_CVX):
        reading.state("IMMUNIZATION", vaccine[:1], known, dated=when is not None)
        return
    number, unit = _dose(segment, reading)
    for code, display, _ in recognised(segment.raw(5), marks, "MEDICATION"):
        reading.add(f"ADMINISTERED//{code}", known, number, display, unit)
        if display:
            reading.sheet.name(code, display)


def _act(order: Segment | None) -> str:
    """What an order does: `start`, `end`, or `over` for one that is stated and has ended already."""
    if order is None:
        return "start"
    control, status = order.text(1), order.text(5)
    act = meaning("0119", control)
    if control and not act:
        raise InputError(f"order control {control} is unknown")
    if act != "end" and meaning("0038", status) == "end":
        return "over"
    return act or "start"


def _coded(segment: Segment, block: Block) -> list[Coded]:
    marks = segment.marks
    coded = recognised(segment.raw(_DRUG[segment.name]), marks, "MEDICATION")
    if any(one.known for one in coded):
        return coded
    inside = [one for item in block.named("RXC") for one in recognised(item.segment.raw(2), marks, "MEDICATION")]
    return [*coded, *(one for one in dict.fromkeys(inside) if one not in coded)]


def _dose(segment: Segment, reading: Reading) -> tuple[float | None, str | None]:
    amount = segment.text(6)
    if not amount or (amount.strip("9") == "" and len(amount) > 2):  # 999: the amount is not known
        return None, None
    unit = part(segment.raw(7), 1, segment.marks) or part(segment.raw(7), 2, segment.marks)
    try:
        number, _, said = value("NM", amount, unit, segment.marks, reading.sheet)
    except InputError as refusal:
        reading.refuse(refusal.what, found=refusal.found, part="dose")
        return None, None
    if number is None or not said:
        reading.refuse("a dose without a unit" if number is not None else "the dose is not a number", found=amount, part="dose")
        return None, None
    return number, said
