"""HL7 v2 messages as text: delimiters, fields, escapes, lines; and that no bytes at all break the reader."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consilium.core.errors import InputError
from consilium.sources import hl7v2
from consilium.sources.hl7v2.message import NULL, Delimiters, Segment, delimiters, escape, parse, part, plain, sub, unescape

MARKS = Delimiters()
OTHERS = Delimiters("^", "~", "|", "\\", "&")
any_marks = st.sampled_from([MARKS, OTHERS, Delimiters("#", "*", "!", "?", "%")])
words = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@given(words, any_marks)
def test_what_is_escaped_is_read_back(text, marks):
    sent = escape(text, marks)
    assert not set(sent) & {marks.field, marks.component, marks.repetition, marks.subcomponent, "\r", "\n"}
    assert unescape(sent, marks) == text


@given(words, any_marks)
def test_no_text_breaks_unescaping(text, marks):
    assert isinstance(unescape(text, marks), str)


@given(st.lists(st.lists(st.lists(words, min_size=1, max_size=3), min_size=1, max_size=3), min_size=1, max_size=5), any_marks)
def test_fields_repetitions_and_components_come_back(fields, marks):
    """Written with escapes and taken apart again, every component is where it was put."""
    sent = marks.field.join(marks.repetition.join(marks.component.join(escape(c, marks) for c in r) for r in f) for f in fields)
    header = f"MSH{marks.field}{marks.component}{marks.repetition}{marks.escape}{marks.subcomponent}{marks.field}"
    segment = parse([header, f"ZZZ{marks.field}{sent}"]).segments[1]
    for n, repetitions in enumerate(fields, start=1):
        raw = segment.repetitions(n)
        if raw:
            assert len(raw) == len(repetitions)
            for one, components in zip(raw, repetitions, strict=True):
                assert [part(one, c, marks) for c in range(1, len(components) + 1)] == [
                    "" if c.strip() == NULL else c.strip() for c in components
                ]
        else:
            assert all(c == "" or c.strip() in ("", NULL) for r in repetitions for c in r)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (r"inc.A\T\E", "inc.A&E"),
        (r"\F\\S\\R\\E\\T\\", "|^~\\&\\"),
        (r"one\.br\two\.sp2\three", "one\ntwo\n\nthree"),
        (r"a\.sk3\b\.in+4\c\.ce\d", "a   bcd"),
        (r"\H\loud\N\ soft", "loud soft"),
        (r"Z\XC3BC\rich", "Zürich"),
        (r"\XC3\ \XZZ\ \Q\ C:\temp", r"\XC3\ \XZZ\ \Q\ C:\temp"),
        ("no mark", "no mark"),
        ("open \\", "open \\"),
    ],
)
def test_escape_sequences(sent, said):
    assert unescape(sent, MARKS) == said


def test_hexadecimal_escapes_are_in_the_character_set_of_the_message():
    assert unescape(r"Z\XFC\rich", MARKS._replace(codec="iso8859-1")) == "Zürich"


@pytest.mark.parametrize(
    ("header", "marks"),
    [
        (r"MSH|^~\&|LAB", ("|", "^", "~", "\\", "&")),
        (r"MSH^~|\&^LAB", ("^", "~", "|", "\\", "&")),
        (r"MSH|^~\&#|LAB", ("|", "^", "~", "\\", "&")),
        (r"MSH|^~\\&|an escape character that was escaped", ("|", "^", "~", "\\", "&")),
        (r"MSH|^~\|2.1 had no subcomponents", ("|", "^", "~", "\\", "")),
        (r"MSH|^|", ("|", "^", "", "", "")),
    ],
)
def test_delimiters_are_the_sender_s(header, marks):
    assert delimiters(header)[:5] == marks


@pytest.mark.parametrize("header", ["MSH", "MSH|", "MSH||LAB", "MSH|^^^^|", "MSH|abcd|", "MSHx^~", "PID|^~\\&|", "MSH|^~\\||"])
def test_unusable_delimiters_are_refused(header):
    if header == "MSH|^~\\||":
        assert delimiters(header).subcomponent == ""
        return
    with pytest.raises(InputError, match="delimiters"):
        delimiters(header)


def test_a_segment_knows_its_fields():
    message = parse([r"MSH|^~\&|LAB", 'PID|1||a^b&c^~d||""|'])
    header, pid = message.segments
    assert (header.raw(1), header.raw(2), header.text(3)) == ("|", r"^~\&", "LAB")
    assert pid.repetitions(3) == ["a^b&c^", "d"]
    assert (pid.text(3), pid.text(3, 2), pid.text(3, 3), pid.text(3, 9)) == ("a", "b&c", "", "")
    assert sub(pid.repetitions(3)[0], 2, 2, MARKS) == "c"
    assert sub(pid.repetitions(3)[0], 2, 9, MARKS) == sub(pid.repetitions(3)[0], 9, 1, MARKS) == ""
    assert pid.raw(5) == pid.raw(99) == "" and pid.repetitions(5) == []
    assert plain(' "" ', MARKS) == ""


def test_lines_that_are_no_segment_continue_the_one_before():
    message = parse([r"MSH|^~\&|LAB", "OBX|1|TX|x||one", "two: AST|", "Abc|not a segment", "", "SPM"])
    assert [s.name for s in message.segments] == ["MSH", "OBX"]
    assert message.segments[1].raw(5) == "one\ntwo: AST"
    assert isinstance(message.segments[1], Segment)


segmentish = st.sampled_from(
    [
        "PID|1||4711^^^W^MR||A^B||19540312|F|", "PV1|1|I|", "OBX|1|NM|2524-7^x^LN||1.2|mmol/L|||||F|||20260103", "OBR|1|||1^x^LN|",
        "ORC|NW|", "ORC|DC|", "RXE||1^a^RXNORM", "RXA|0|1|20260103||140^x^CVX|1|mg", "DG1|1||I10^x^I10", "AL1|1||x", "NTE|1||text",
        "TXA|1|DS", "EVN|A01|2026", "ZZZ|1", "OBX|2|TX|||line", "MRG|1", "PR1|1||1^a^SCT", "PRB|AD|20260103|x", "IAM|1||x|||A",
        "OBX|3|SN|1^x^LN||>^5", "OBX|4|ED|1^x^LN||^TEXT^plain^Base64^aGk=", "BTS|1", "BHS|^~\\&", "\x0bMSH|^~\\&|", "\x1c",
    ]
)  # fmt: skip
headers = st.sampled_from(
    [f"MSH|^~\\&|||||20260103+0100||{kind}|1|P|2.5" for kind in ("ADT^A01", "ORU^R01", "RDE^O11", "MDM^T02", "VXU^V04")]
)
fields = st.text(st.sampled_from('|^~\\&"0123456789ADFOXN.-+ \n\r\x0b\x1cé'), max_size=40)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
@example(b"MSH|^~\\&|\rPID")
@example(b"\xff\xfeM\x00S")
@example(b"\x1f\x8b")
@example(b"BTS")
@example(b"BHS|")
def test_no_bytes_break_the_reader(data):
    hold_the_law(data)


@settings(max_examples=400, deadline=None)
@given(headers, st.lists(st.tuples(segmentish, fields), max_size=12))
def test_no_message_breaks_the_reader(header, lines):
    hold_the_law("\r".join([header, *(start + more for start, more in lines)]).encode())


def hold_the_law(data: bytes) -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.hl7"
        path.write_bytes(data)
        try:
            batches = list(hl7v2.read(path))
        except InputError as refusal:
            assert str(refusal)
            return
    for batch in batches:
        assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)
        for row in batch.events.to_pylist():
            assert row["patient_id"] and row["code"] and row["source_id"]
            assert (row["time"] is None) == (row["available"] is None)
            assert row["time"] is None or row["time"] <= row["available"]
