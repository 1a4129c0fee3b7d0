"""HL7 v2 files: frames, batches, line ends, character sets, zones; and what is not a message."""

from __future__ import annotations

import gzip
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from consilium.core.errors import FormatError, NotFoundError, TimeError
from consilium.sources import hl7v2
from consilium.sources.hl7v2 import frames
from consilium.sources.hl7v2.stamp import day, iso, stamp

PID = "PID|1||42^^^^MR||Müller^Ana||19540312|F"
OBX = "OBX|1|NM|2524-7^Lactate^LN||1.8|mmol/L|||||F|||20260103081500"


def message(*segments, control="1", sent="20260103083000+0100", charset="", kind="ORU^R01"):
    return [f"MSH|^~\\&|LAB|W|||{sent}||{kind}|{control}|P|2.5|||||CHE|{charset}", *segments]


@pytest.fixture
def sent(tmp_path):
    """Write bytes or lines to a file and read it; the law of sources holds."""

    def read(data, *, name="m.hl7", end="\r", codec="utf-8", **how):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else (end.join(data) + end).encode(codec))
        batches = list(hl7v2.read(path, **how))
        for batch in batches:
            assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects)
        (batch,) = batches
        return batch

    return read


def names(batch):
    events = batch.events.to_pylist()
    return [row["text_value"] for row in events if row["code"] == "NAME"]


def lactates(batch):
    return [row for row in batch.events.to_pylist() if row["code"] == "LOINC//2524-7"]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\n\n", "\r\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_marks_change_nothing(sent, end, bom):
    lines = [*message(PID, OBX), *message(PID, OBX.replace("1.8", "2.8"), control="2")]
    batch = sent(bom + end.join(lines).encode())
    assert (batch.rows, batch.read) == (2, 2)
    assert [row["numeric_value"] for row in lactates(batch)] == [1.8, 2.8]
    assert names(batch) == ["Ana Müller"]


@pytest.mark.parametrize(
    ("codec", "charset"),
    [
        ("utf-8", ""),
        ("utf-8", "UNICODE UTF-8"),
        ("utf-8", "ASCII"),
        ("latin-1", "8859/1"),
        ("latin-1", "8859/1~ISO IR87"),
        ("iso8859-15", "8859/15"),
        ("utf-16", "UNICODE UTF-16"),
        ("utf-16-le", ""),
        ("utf-16-be", "UNICODE UTF-16"),
        ("utf-8", "UNICODE UTF-16"),
    ],
)
def test_character_sets(sent, codec, charset):
    assert names(sent(message(PID, OBX, charset=charset), codec=codec)) == ["Ana Müller"]


@pytest.mark.parametrize(("codec", "charset", "name"), [("gb18030", "GB 18030-2000", "王^丽"), ("big5", "BIG-5", "許^功蓋")])
def test_wide_character_sets_whose_bytes_hold_delimiters(sent, codec, charset, name):
    batch = sent(message(f"PID|1||42||{name}", charset=charset), codec=codec)
    assert names(batch) == [" ".join(reversed(name.split("^")))]


@pytest.mark.parametrize(
    ("codec", "charset", "reason"),
    [
        ("latin-1", "", "not text of its character set"),
        ("latin-1", "UNICODE UTF-8", "not text of its character set"),
        ("utf-8", "KLINGON", "MSH-18 names an unknown character set"),
        ("utf-8", "ISO IR87", "the character set ISO IR87 is not read"),
    ],
)
def test_unreadable_characters_refuse_their_message_alone(sent, codec, charset, reason):
    lines = [*message(PID, OBX, charset=charset), *message("PID|1||43||Plain", control="2")]
    batch = sent(lines, codec=codec)
    assert (batch.rows, batch.read) == (2, 1)
    assert batch.rejects[0].reason.startswith(reason)
    assert names(batch) == ["Plain"]


def test_the_caller_may_name_the_character_set(sent, tmp_path):
    assert names(sent(message(PID), codec="latin-1", encoding="8859/1")) == ["Ana Müller"]
    (tmp_path / "consilium.yaml").write_text("encoding: 8859/1\n")
    assert names(sent(message(PID), codec="latin-1")) == ["Ana Müller"]


def test_frames_of_mllp(sent):
    framed = b"".join(b"\x0b" + "\r".join(message(PID, OBX, control=c)).encode() + b"\r\x1c\r" for c in "12")
    batch = sent(framed)
    assert (batch.rows, batch.read, batch.rejects) == (2, 2, ())
    cut = sent(framed[:-20])
    assert [(r.part, r.reason[:32]) for r in cut.rejects if r.part == "frame"] == [("frame", "the MLLP frame is not closed: it")]


def test_batches_and_their_counts(sent):
    inside = [*message(PID, OBX), *message(PID, OBX, control="2")]
    whole = ["FHS|^~\\&|LAB", "BHS|^~\\&|LAB", *inside, "BTS|2", "FTS|1"]
    assert sent(whole).rejects == ()
    assert sent(whole).rows == 2
    (wrong,) = sent([*whole[:-2], "BTS|3", "FTS|1"]).rejects
    assert (wrong.part, wrong.found) == ("BTS", "3 stated, 2 found")
    open_ended = sent(whole[:-2])
    assert [(r.part, r.reason) for r in open_ended.rejects] == [
        ("BHS", "the batch is not closed (no BTS): it may be cut off"),
        ("FHS", "the file is not closed (no FTS): it may be cut off"),
    ]
    assert sent([*whole, "FHS|^~\\&|LAB", "BHS|^~\\&|LAB", *inside, "BTS|2", "FTS"]).rejects == ()


def test_text_outside_messages_is_a_row(sent):
    batch = sent(["// a comment", "// another", *message(PID, OBX)])
    assert (batch.rows, batch.read) == (2, 1)
    (reject,) = batch.rejects
    assert (reject.reason, reject.row, reject.found) == ("text outside any message", "start", "2 lines: // a comment")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (b"\r\n\r\n", "an empty file"),
        (b"PID|1||42\rOBX|1", "text outside any message"),
        (b'{"resourceType": "Patient"}', "text outside any message"),
        (b"MSH MSH:9,12", "text outside any message"),
        (b"\x00\xff" * 50, "text outside any message"),
    ],
)
def test_a_file_without_messages_is_no_hl7(sent, data, found):
    with pytest.raises(FormatError, match="No HL7 v2 message") as caught:
        sent(data)
    assert caught.value.found == found


def test_a_cut_archive_keeps_what_came_before(sent, tmp_path):
    lines = "\r".join(line for n in range(4000) for line in message(PID, OBX, control=str(n)))
    data = gzip.compress(lines.encode(), compresslevel=1)
    batch = sent(data[: len(data) // 2], name="m.hl7.gz")
    assert batch.rejects[-1].reason == "the compressed file is cut off or damaged from here on"
    assert 100 < batch.read < 4000
    with pytest.raises(FormatError, match="No HL7 v2 message"):
        sent(data[:9], name="n.hl7.gz")


def test_a_message_that_is_too_long_is_refused_alone(sent, monkeypatch):
    monkeypatch.setattr(frames, "MAX_MESSAGE", 5_000)
    monkeypatch.setattr(frames, "CHUNK", 1_000)
    batch = sent([*message(PID, "OBX|1|TX|x||" + "a" * 20_000), *message(PID, OBX, control="2")])
    assert (batch.rows, batch.read) == (2, 1)
    assert batch.rejects[0].reason == "a message of more than 5000 bytes is not read"


def test_small_chunks_change_nothing(sent, monkeypatch):
    lines = [*message(PID, OBX), *message(PID, OBX.replace("1.8", "2.8"), control="2")]
    whole = sent(lines, end="\r\n").events.to_pylist()
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(frames, "CHUNK", size)
        assert sent(lines, end="\r\n").events.to_pylist() == whole
    monkeypatch.setattr(frames, "CHUNK", 6)
    assert sent(lines, codec="utf-16").events.to_pylist() == whole


def test_many_messages_come_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["consilium.sources.hl7v2.read"], "ROWS", 10)
    path = tmp_path / "m.hl7"
    path.write_text("\r".join(line for n in range(25) for line in message(PID, OBX.replace("1.8", str(n)), control=str(n))))
    batches = list(hl7v2.read(path))
    assert [batch.rows for batch in batches] == [10, 10, 5]
    codes = [code for batch in batches for code in batch.events["code"].to_pylist()]
    assert (codes.count("MEDS_BIRTH"), codes.count("LOINC//2524-7")) == (1, 25)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFoundError):
        hl7v2.read(tmp_path / "none.hl7")


def test_a_time_is_in_the_zone_of_its_message_or_of_the_caller(sent):
    (in_message,) = lactates(sent(message(PID, OBX, sent="20260103083000-0500"), zone="Asia/Tokyo"))
    assert in_message["time"] == datetime(2026, 1, 3, 13, 15)
    (own,) = lactates(sent(message(PID, OBX + "+0200")))
    assert own["time"] == datetime(2026, 1, 3, 6, 15)
    for zone in ("Europe/Zurich", ZoneInfo("Europe/Zurich")):
        (named,) = lactates(sent(message(PID, OBX, sent="20260103083000"), zone=zone))
        assert (named["time"], named["available"]) == (datetime(2026, 1, 3, 7, 15), datetime(2026, 1, 3, 7, 30))


def test_without_a_zone_a_time_is_refused_by_name(sent):
    batch = sent(message(PID, OBX, sent="20260103083000"))
    assert lactates(batch) == []
    assert [(r.reason, r.part, r.code, r.found) for r in batch.rejects] == [("No time zone", "OBX 1", "LOINC//2524-7", "20260103081500")]
    assert [r["code"] for r in batch.events.to_pylist()] == ["MEDS_BIRTH", "GENDER//F", "NAME"]


def test_the_zone_may_stand_beside_the_files(sent, tmp_path):
    (tmp_path / "consilium.yaml").write_text("zone: Europe/Zurich\n")
    assert lactates(sent(message(PID, OBX, sent="20260103083000")))[0]["time"] == datetime(2026, 1, 3, 7, 15)
    assert lactates(sent(message(PID, OBX, sent="20260103083000"), zone="UTC"))[0]["time"] == datetime(2026, 1, 3, 8, 15)
    for wrong in ("zone: Europe/Atlantis", "zome: UTC", "zone: 1", "- zone", "zone: [", "zone: ../../etc/passwd"):
        (tmp_path / "consilium.yaml").write_text(wrong)
        with pytest.raises(FormatError):
            sent(message(PID, OBX))


@pytest.mark.parametrize("how", [{"zone": "Mars/Olympus"}, {"encoding": "EBCDIC"}, {"encoding": "ISO IR87"}])
def test_what_the_caller_names_must_exist(sent, how):
    with pytest.raises(FormatError):
        sent(message(PID), **how)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("202602", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("202612", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("20240229", "2024-02-29T00:00", "2024-03-01T00:00"),
        ("2026010308+0100", "2026-01-03T07:00", "2026-01-03T08:00"),
        ("202601030815+0100", "2026-01-03T07:15", "2026-01-03T07:15"),
        ("20260103081500.1234-0500", "2026-01-03T13:15:00.1234", "2026-01-03T13:15:00.1234"),
        ("20261231235960+0000", "2027-01-01T00:00", "2027-01-01T00:00"),
        ("20260103+0200", "2026-01-02T22:00", "2026-01-03T22:00"),
    ],
)
def test_stamps_name_a_stretch_of_time(text, start, end):
    epoch = datetime(1970, 1, 1)
    assert stamp(text) == tuple((datetime.fromisoformat(t) - epoch).total_seconds() * 1_000_000 for t in (start, end))


@pytest.mark.parametrize(
    "text",
    ["", "26", "20260230", "20261301", "2026010324+0000", "202601030860+0000", "20260103081561+0000", "20260103081500+1500",
     "20260103081500+0160", "04/24/2007", "2026-01-03", "0000", "1994050216163360", "99991231", "99991231235960+0000"],
)  # fmt: skip
def test_stamps_that_cannot_be_are_refused(text):
    with pytest.raises(TimeError):
        stamp(text)


def test_clocks_that_are_put_forward_and_back():
    zurich = ZoneInfo("Europe/Zurich")
    with pytest.raises(TimeError, match="does not exist"):
        stamp("20260329023000", zurich)
    assert stamp("20261025023000", zurich) == stamp("20261025023000+0100")
    assert stamp("20260701080000", zurich) == stamp("20260701080000+0200")


def test_birthdays_and_dates_as_text():
    assert day("198808181126+0215") == stamp("19880818")
    assert iso("20150818060605-0500") == "2015-08-18T06:06:05-05:00"
    assert iso("201508180606") == "2015-08-18T06:06:00"
    with pytest.raises(TimeError):
        iso("20151340")
