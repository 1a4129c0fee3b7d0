"""HL7 v2 segment by segment: what each becomes, what is refused by name, and that FHIR says the same of the same patient."""

from __future__ import annotations

from datetime import datetime

import pytest

from consilium.sources import hl7v2
from consilium.sources.fhir import read_resources
from consilium.sources.sheet import displays

SENT = "20260103120000+0000"
PID = "PID|1||42^^^^MR||Berg^Ana^Maria||19540312|F"
OBR = "OBR|1||F|24323-8^Panel^LN|||20260103070000|||||||||||||||20260103080000|||F"
AT, KNOWN, NOON = datetime(2026, 1, 3, 7), datetime(2026, 1, 3, 8), datetime(2026, 1, 3, 12)


@pytest.fixture
def read(tmp_path):
    """Read one message of some type; the law of sources holds."""

    def reading(*segments, kind="ORU^R01", sent=SENT, pid=PID):
        header = rf"MSH|^~\&|LAB|W|||{sent}||{kind}|C1|P|2.5"
        (tmp_path / "m.hl7").write_text("\r".join(filter(None, [header, pid, *segments])), encoding="utf-8")
        (batch,) = hl7v2.read(tmp_path / "m.hl7")
        assert batch.rows == batch.read + sum(not reject.part for reject in batch.rejects) == 1
        return batch

    return reading


def said(batch, *but):
    """Events that are not about who the patient is."""
    leave = ("MEDS_BIRTH", "GENDER", "NAME", "REPORT", *but)
    return [row for row in batch.events.to_pylist() if not row["code"].startswith(leave)]


def short(batch):
    return [(row["code"], row["numeric_value"], row["text_value"], row["unit"]) for row in said(batch)]


def refused(batch):
    return [(reject.part, reject.reason) for reject in batch.rejects]


def obx(kind, value, unit="", code="2524-7^Lactate^LN", status="F"):
    return f"OBX|1|{kind}|{code}||{value}|{unit}|||||{status}"


@pytest.mark.parametrize(
    ("kind", "value", "number", "text", "unit"),
    [
        ("NM", "1.80", 1.8, None, "mmol/L"),
        ("NM", "+5", 5.0, None, "mmol/L"),
        ("NM", "-.5", -0.5, None, "mmol/L"),
        ("NM", "<5", None, "<5 mmol/L", None),
        ("NM", ">= 200", None, ">=200 mmol/L", None),
        ("SN", "^10", 10.0, None, "mmol/L"),
        ("SN", "=^10", 10.0, None, "mmol/L"),
        ("SN", ">^100", None, ">100 mmol/L", None),
        ("SN", "<=^0.5", None, "<=0.5 mmol/L", None),
        ("SN", "^1^:^128", None, "1:128 mmol/L", None),
        ("SN", "^2^+", None, "2+ mmol/L", None),
        ("SN", "^1^-^2", None, "1 mmol/L to 2 mmol/L", None),
        ("NR", "1^2", None, "1 mmol/L to 2 mmol/L", None),
        ("ST", "slightly haemolysed", None, "slightly haemolysed", None),
        ("ST", r"R\T\D", None, "R&D", None),
        ("TX", "one line", None, "one line", None),
        ("CE", "260385009^Negative^SCT", None, "SNOMED//260385009", None),
        ("CWE", "NEG^Negative^L^260385009^Negative^SCT", None, "SNOMED//260385009", None),
        ("CWE", "NEG^Negative^L", None, "L//NEG", None),
        ("CWE", "NEG^Negative", None, "Negative", None),
        ("CWE", "^Negative", None, "Negative", None),
        ("CNE", "a^b^99CONSILIUM", None, "CONSILIUM//a", None),
        ("IS", "POS", None, "POS", None),
        ("DT", "20150624", None, "2015-06-24", None),
        ("TS", "201506241830-0500", None, "2015-06-24T18:30:00-05:00", None),
        ("TM", "0815", None, "08:15:00", None),
        ("ED", "^TEXT^plain^Base64^aGFsbG8=", None, "hallo", None),
    ],
)
def test_values(read, kind, value, number, text, unit):
    batch = read(OBR, obx(kind, value, "mmol/L^^UCUM"))
    assert short(batch) == [("LOINC//2524-7", number, text, unit)]
    assert batch.rejects == ()
    (row,) = said(batch)
    assert (row["time"], row["available"], row["patient_id"], row["source_id"]) == (AT, KNOWN, "42", "m.hl7#1 OBX 1")


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        (obx("NM", "high"), "The value is not a number"),
        (obx("NM", "1,8"), "The value is not a number"),
        (obx("NM", "1e3"), "The value is not a number"),
        (obx("NM", ""), "No value"),
        (obx("NM", '""'), "No value"),
        (obx("TX", ""), "No value"),
        (obx("SN", ">^many"), "The value is not a number"),
        (obx("SN", ">^"), "No value"),
        (obx("CWE", "^^SCT"), "An answer that says nothing"),
        (obx("TM", "2560"), "Not a time of day"),
        (obx("DT", "2026-01-03"), "Not an HL7 date or time"),
        (obx("RP", "http://elsewhere"), "value type RP is not read"),
        (obx("ED", "^application^pdf^Base64^JVBERi0="), "an attachment of type application/pdf is not read"),
        (obx("ED", "^TEXT^plain^Hex^00"), "an attachment in hex is not read"),
        (obx("ED", "^TEXT^plain^Base64^!!!"), "an attachment that is not UTF-8 text in base64"),
        (obx("", "5"), "No value type (OBX-2)"),
        (obx("NM", "5", code=""), "No code"),
        (obx("NM", "5", status="D"), "status D: the result is deleted"),
        (obx("NM", "5", status="W"), "status W: the result was wrong (another patient)"),
        (obx("NM", "5", status="X"), "status X: no result can be obtained"),
        (obx("NM", "5", status="I"), "status I: the specimen is in the laboratory, there is no result yet"),
        (obx("NM", "5") + "|||20260230", "Impossible date or time"),
    ],
)
def test_values_that_are_refused_by_name(read, segment, reason):
    batch = read(OBR, segment)
    assert said(batch) == []
    assert refused(batch) == [("OBX 1", reason)]
    assert batch.rejects[0].patient_id == "42"


@pytest.mark.parametrize("status", ["P", "F", "R", "S", ""])
def test_results_on_their_way_are_kept(read, status):
    assert len(said(read(OBR, obx("NM", "5", "g", status=status)))) == 1


def test_a_correction_is_known_when_it_was_sent(read):
    first, second = read(OBR, obx("NM", "1.8", "g", status="P")), read(OBR, obx("NM", "2.8", "g", status="C"))
    assert [row["available"] for row in (*said(first), *said(second))] == [KNOWN, NOON]


@pytest.mark.parametrize(("status", "events"), [("F", 1), ("", 1), ("X", 0), ("O", 0)])
def test_the_status_of_the_report_counts_where_a_result_has_none(read, status, events):
    assert len(said(read(OBR.replace("|||F", f"|||{status}"), obx("NM", "5", "g", status="")))) == events


def test_when_it_was_and_when_it_could_be_known(read):
    own = said(read(OBR, obx("NM", "5", "g") + "|||20260103063000"))[0]
    assert (own["time"], own["available"]) == (datetime(2026, 1, 3, 6, 30), KNOWN)
    alone = said(read(obx("NM", "5", "g")))[0]
    assert (alone["time"], alone["available"]) == (NOON, NOON)
    late = said(read(OBR, obx("NM", "5", "g") + "|||20260104"))[0]
    assert (late["time"], late["available"]) == (datetime(2026, 1, 4), datetime(2026, 1, 4))
    assert said(read(obx("NM", "5", "g") + "|||20260101", sent=""))[0]["available"] == datetime(2026, 1, 2)
    assert refused(read(obx("NM", "5", "g"), sent="")) == [("OBX 1", "No date")]
    assert refused(read(obx("NM", "5", "g"), sent="2026010312")) == [("OBX 1", "No time zone (of the message)")]


def test_repetitions_are_values_of_their_own(read):
    assert [row["numeric_value"] for row in said(read(OBR, obx("NM", "60~120", "/min")))] == [60, 120]


def test_several_lines_are_a_note_and_lines_without_a_name_are_the_report(read):
    batch = read(
        OBR, "OBX|1|TX|18748-4^Imaging^LN||Heart normal.||||||F", "OBX|2|TX|18748-4^Imaging^LN||||||||F",
        "OBX|3|TX|18748-4^Imaging^LN||No effusion.~None.||||||F", "OBX|4|FT|24323-8^Panel^LN||All \\.br\\ well||||||F",
        "OBX|5|TX|||Read by B||||||F",
    )  # fmt: skip
    assert short(batch) == [("NOTE//LOINC//18748-4", None, "Heart normal.\n\nNo effusion.\nNone.", None)]
    (report,) = [row for row in batch.events.to_pylist() if row["code"] == "REPORT//LOINC//24323-8"]
    assert report["text_value"] == "All \n well\nRead by B"


def test_comments_are_notes_or_named(read):
    batch = read("NTE|1||on the person", OBR, "NTE|1||on the report", obx("NM", "5", "g"), "NTE|1||first", "NTE|2||second",
                 obx("NM", "5", "g", status="X"), "NTE|1||haemolysed")  # fmt: skip
    assert [row[:3:2] for row in short(batch)[1:]] == [("NOTE//LOINC//24323-8", "on the report"), ("NOTE//LOINC//2524-7", "first\nsecond")]
    assert refused(batch) == [
        ("NTE 1", "a comment on PID is not read"),
        ("OBX 2", "status X: no result can be obtained"),
        ("NTE 5", "a comment on a result that is not read (status X)"),
    ]


def test_an_order_is_no_result(read):
    batch = read("ORC|NW|1", OBR, kind="ORM^O01")
    assert said(batch) == [] and batch.read == 1
    assert refused(batch) == [("OBR 1", "an order, no result yet")]


def test_the_person(read):
    rows = read(kind="ADT^A31").events.to_pylist()
    assert [(r["code"], r["time"], r["available"], r["text_value"]) for r in rows] == [
        ("MEDS_BIRTH", datetime(1954, 3, 12), datetime(1954, 3, 13), None),
        ("GENDER//F", None, None, None),
        ("NAME", None, None, "Ana Maria Berg"),
    ]


@pytest.mark.parametrize(
    ("pid", "identity"),
    [
        ("PID|1||42^^^WARD&1.2.3&ISO^MR", "42@WARD"),
        ("PID|1||42^^^&1.2.3&ISO^MR", "42@1.2.3"),
        ("PID|1||756^^^CHE^SS~9^^^X^PI~42^^^WARD^MR", "42@WARD"),
        ("PID|1||9^^^X^ZZ~8^^^X^PI", "8@X"),
        ("PID|1||42", "42"),
        ("PID|1|7^^^OLD||", "7@OLD"),
        ("PID|1|7^^^OLD|756^^^CHE^SS|", "7@OLD"),
        ("PID|1|7|42", "42"),
    ],
)
def test_identifiers(read, pid, identity):
    (row,) = read(pid=pid + "||||||F"[: 8 - pid.count("|") + 1], kind="ADT^A31").events.to_pylist() or [{"patient_id": identity}]
    assert row["patient_id"] == identity


@pytest.mark.parametrize("pid", ["PID|1||", "PID|1||756^^^CHE^SS", "PID|1||^^^WARD^MR", 'PID|1||""'])
def test_without_an_identifier_nothing_is_read(read, pid):
    batch = read("AL1|1||x^Peanuts^L", pid=pid, kind="ADT^A31")
    assert batch.events.num_rows == 0
    assert refused(batch) == [("", "No patient identifier (PID 1)")]


@pytest.mark.parametrize(
    ("field", "value", "part", "reason"),
    [
        (7, "19541332", "PID 1 birth", "Impossible date or time"),
        (8, "O", "PID 1 sex", "administrative sex O is not read as a sex"),
        (29, "19000101", "PID 1 death", "a death before birth"),
        (29, "2026010308", None, None),
    ],
)
def test_parts_of_a_person_are_refused_by_name(read, field, value, part, reason):
    cells = PID.split("|") + [""] * 30
    cells[field] = value
    found = refused(read(pid="|".join(cells), kind="ADT^A31"))
    assert found == ([(part, reason)] if reason else [])


def test_a_death_is_dated_or_says_that_it_is_not(read):
    died = read(pid=PID + "|" * 21 + "20260102230000|Y", kind="ADT^A08")
    (row,) = said(died)
    assert (row["code"], row["time"], row["available"], row["text_value"]) == ("MEDS_DEATH", datetime(2026, 1, 2, 23), NOON, None)
    (row,) = said(read(pid=PID + "|" * 22 + "Y", kind="ADT^A08"))
    assert (row["time"], row["text_value"]) == (NOON, "date of death not given")
    assert refused(read(pid=PID + "|" * 21 + "19000101|Y", kind="ADT^A08", sent="")) == [("PID 1 death", "a death before birth")]


def test_names_that_are_no_longer_borne_are_left(read):
    pid = PID.replace("Berg^Ana^Maria", "Old^Ana^^^^^M~Alias^A^^^^^A~Berg&van^Ana^Maria^^^^L")
    assert "Ana Maria Berg" in [row["text_value"] for row in read(pid=pid, kind="ADT^A31").events.to_pylist()]


def test_an_animal_is_no_patient(read):
    goat = read(pid=PID + "|" * 27 + "125097000^Goat^SCT", kind="ADT^A31")
    assert refused(goat) == [("", "The patient is an animal (PID 1)")]
    assert read(pid=PID + "|" * 27 + "337915000^Homo sapiens^SCT", kind="ADT^A31").read == 1


def pv1(kind, start="", stop=""):
    return f"PV1|1|{kind}" + "|" * 42 + f"{start}|{stop}"


@pytest.mark.parametrize(
    ("kind", "segment", "expected"),
    [
        ("A01", pv1("I", "20260103070000"), [("ENCOUNTER//IMP", AT)]),
        ("A01", pv1("E"), [("ENCOUNTER//EMER", NOON)]),
        ("A08", pv1("O", "20260103070000"), [("ENCOUNTER//AMB", AT)]),
        ("A08", pv1("O"), []),
        ("A03", pv1("I", "20260103070000", "20260103080000"), [("ENCOUNTER//IMP", AT), ("ENCOUNTER//END//IMP", KNOWN)]),
        ("A03", pv1("I"), [("ENCOUNTER//END//IMP", NOON)]),
        ("A01", pv1("R", "20260103070000"), [("ENCOUNTER//HL70004//R", AT)]),
        ("A01", pv1("ZZ", "20260103070000"), [("ENCOUNTER//HL70004//ZZ", AT)]),
    ],
)
def test_visits(read, kind, segment, expected):
    batch = read(segment, kind=f"ADT^{kind}")
    assert [(row["code"], row["time"]) for row in said(batch)] == expected
    assert all(row["available"] == row["time"] for row in said(batch))
    assert batch.rejects == ()


@pytest.mark.parametrize(
    ("kind", "segment", "reason"),
    [
        ("ADT^A05", pv1("I", "20260103070000"), "A05: a pre-admission is not a stay yet"),
        ("ADT^A11", pv1("I", "20260103070000"), "A11: an admission is taken back: what was read of it before stays in the chart"),
        ("ADT^A01", pv1("P", "20260103070000"), "a pre-admission (class P) is not a stay"),
        ("ADT^A01", pv1("", "20260103070000"), "No patient class (PV1-2)"),
        ("ADT^A03", pv1("I", "20260103070000", "20260102"), "A visit ends before it starts"),
        ("ADT^A01", "PV2|||29857009^Chest pain^SCT", "the reason of a visit (PV2-3) is not read"),
    ],
)
def test_visits_that_are_refused_by_name(read, kind, segment, reason):
    batch = read(segment, kind=kind)
    assert said(batch) == []
    assert [why for _, why in refused(batch)] == [reason]


@pytest.mark.parametrize(
    ("kind", "segments", "reason"),
    [
        ("ADT^A40", ("MRG|7^^^W^MR",), "A40: patients are merged: charts stay apart"),
        ("ADT^A29", (), "A29: a person is deleted: the chart stays"),
        ("SIU^S12", ("SCH|1", pv1("O", "20260103070000")), "message type SIU is not read (it carries no DG1 or PR1)"),
        ("DFT^P03", ("FT1|1",), "message type DFT is not read (it carries no DG1 or PR1)"),
        ("BAR^P01", (pv1("I", "20260103070000"),), "message type BAR is not read (it carries no DG1 or PR1)"),
        ("ACK", ("MSA|AA|1",), "message type ACK is not read"),
        ("QRY^A19", (), "message type QRY is not read"),
        ("", (), "message type unknown is not read"),
    ],
)
def test_messages_that_are_refused_whole(read, kind, segments, reason):
    batch = read(*segments, kind=kind)
    assert (batch.events.num_rows, batch.read) == (0, 0)
    assert refused(batch) == [("", reason)]
    assert batch.rejects[0].patient_id == "42"
    assert batch.rejects[0].row == "message 1 (C1)"


def test_a_merge_names_both(read):
    assert read("MRG|7^^^W^MR", kind="ADT^A40").rejects[0].found == "42 replaces 7"


def test_a_message_about_nobody_is_refused(read):
    assert refused(read(OBR, obx("NM", "5", "g"), pid="")) == [("", "No patient (PID)")]


@pytest.mark.parametrize("kind", ["SIU^S12", "DFT^P03", "BAR^P01"])
def test_billing_and_appointments_are_read_for_their_diagnoses(read, kind):
    batch = read("DG1|1||I10^Hypertension^I10|||F", kind=kind)
    assert [row["code"] for row in said(batch)] == ["CONDITION//ICD10//I10"]


def test_segments_that_are_not_read_are_named_once(read):
    batch = read("NK1|1|Berg^Per", "ZPI|1|x", "ZPI|2|y", "SPM|1", kind="ADT^A08")
    assert refused(batch) == [("ZPI", "segment ZPI is not read"), ("SPM", "a specimen is not read")]
    assert batch.rejects[0].found == "2 segments"


def test_several_patients_in_one_message(read):
    batch = read(OBR, obx("NM", "1", "g"), "PID|2||43", OBR, obx("NM", "2", "g"), "PID|3||", obx("NM", "3", "g"))
    assert [(row["patient_id"], row["numeric_value"]) for row in said(batch)] == [("42", 1), ("43", 2)]
    assert refused(batch) == [("PID 3", "No patient identifier")]


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ("DG1|1||E11.9^Diabetes^I10C^44054006^Type 2^SCT||20200101", ["CONDITION//SNOMED//44054006", "CONDITION//ICD10CM//E11.9"]),
        ("DG1|1|I9|250.00|Diabetes|20200101", ["CONDITION//ICD9CM//250.00"]),
        ("DG1|1|||Diabetes|20200101", ["CONDITION//TEXT//Diabetes"]),
        ("PRB|AD|20260101|I10^Hypertension^I10|1|||20200101", ["CONDITION//ICD10//I10"]),
        ("PRB|UP|20260101|I10^Hypertension^I10|1|||20200101||20210101", ["CONDITION//ICD10//I10", "CONDITION//END//ICD10//I10"]),
        ("AL1|1|DA|91936005^Penicillin^SCT|||20200101", ["ALLERGY//SNOMED//91936005"]),
        ("AL1|1|DA|70618^Penicillin^RXNORM~1^x^SCT|||20200101", ["ALLERGY//RxNorm//70618", "ALLERGY//SNOMED//1"]),
        ("AL1|1|DA|^NKDA|||20200101", ["ALLERGY//NONE//SNOMED//409137002"]),
        ("AL1|1|DA|716186003^No known allergy^SCT|||20200101", ["ALLERGY//NONE//SNOMED//716186003"]),
        ("AL1|1|DA|NKA^No Known Allergies^99LOCAL|||20200101", ["ALLERGY//NONE//SNOMED//716186003"]),
        ("IAM|1|DA|91936005^Penicillin^SCT|||A^Add^HL70206|||||20200101", ["ALLERGY//SNOMED//91936005"]),
        ("IAM|1|DA|91936005^x^SCT|||U|||||20200101||||||I", ["ALLERGY//SNOMED//91936005", "ALLERGY//END//SNOMED//91936005"]),
        ("PR1|1||415070008^PCI^SCT^92920^PCI^C4||20200101", ["PROCEDURE//SNOMED//415070008"]),
        ("PR1|1|C4|92920|PCI|20200101", ["PROCEDURE//CPT//92920"]),
    ],
)
def test_findings(read, segment, expected):
    batch = read(segment, kind="ADT^A08")
    assert [row["code"] for row in said(batch)] == expected
    first = said(batch)[0]
    assert first["time"] == datetime(2020, 1, 1)
    assert first["available"] == (datetime(2026, 1, 2) if segment.startswith("PRB") else NOON)
    assert batch.rejects == ()


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        ("DG1|1||I10^x^I10|" + "|" * 17 + "D", "action D: taken back"),
        ("DG1|1||", "No code"),
        ("PRB|DE|20260101|I10^x^I10", "action DE: taken back"),
        ("PRB|AD|20260101|I10^x^I10||||20200101||20190101", "A condition ends before it starts"),
        ("IAM|1||x^y^L|||D", "action D: taken back"),
        ("IAM|1||x^y^L|||A|||||||||||E", "status E: entered in error"),
        ("AL1|1|DA|", "No code"),
        ("PR1|1||1^x^L||20269999", "Impossible date or time"),
    ],
)
def test_findings_that_are_refused_by_name(read, segment, reason):
    batch = read(segment, kind="ADT^A08")
    assert said(batch) == []
    assert [why for _, why in refused(batch)] == [reason]


ORC = "ORC|{}|O1|||{}||||20260103070000||||||20260103080000"
RXE = "RXE||309362^clopidogrel^RXNORM|1||mg"
CLOPIDOGREL = "RxNorm//309362"


@pytest.mark.parametrize(
    ("control", "status", "expected"),
    [
        ("NW", "", [("MEDICATION//", AT)]),
        ("NW", "IP", [("MEDICATION//", AT)]),
        ("XO", "", [("MEDICATION//", AT)]),
        ("", "", [("MEDICATION//", AT)]),
        ("SC", "CM", [("MEDICATION//", AT), ("MEDICATION//END//", NOON)]),
        ("CA", "", [("MEDICATION//END//", KNOWN)]),
        ("DC", "DC", [("MEDICATION//END//", KNOWN)]),
    ],
)
def test_orders_start_and_end(read, control, status, expected):
    batch = read(ORC.format(control, status), RXE, kind="RDE^O11")
    assert [(row["code"], row["time"]) for row in said(batch)] == [(f"{kind}{CLOPIDOGREL}", time) for kind, time in expected]
    assert displays(batch).get(CLOPIDOGREL, "clopidogrel") == "clopidogrel"


@pytest.mark.parametrize(
    ("control", "rx", "reason"),
    [
        ("UA", RXE, "order control UA: the order was not accepted"),
        ("QQ", RXE, "order control QQ is unknown"),
        ("NW", "RXE||", "A medication without a name"),
    ],
)
def test_orders_that_are_refused_by_name(read, control, rx, reason):
    batch = read(ORC.format(control, ""), rx, kind="RDE^O11")
    assert said(batch) == []
    assert refused(batch) == [("RXE 1", reason)]


@pytest.mark.parametrize(
    ("drugs", "codes"),
    [
        (["RXO|1^asked^RXNORM", "RXE||2^given^RXNORM"], ["MEDICATION//RxNorm//2"]),
        (["RXO|1^asked^RXNORM", "RXE||"], ["MEDICATION//RxNorm//1"]),
        (["RXO|1^a^RXNORM^00047^a^NDC"], ["MEDICATION//RxNorm//1", "MEDICATION//NDC//00047"]),
        (
            ["RXE||x^mixture^L", "RXC|A|3^salt^RXNORM", "RXC|B|4^water^RXNORM"],
            ["MEDICATION//L//x", "MEDICATION//RxNorm//3", "MEDICATION//RxNorm//4"],
        ),
        (["RXD|1|5^dispensed^RXNORM|20260103"], ["MEDICATION//RxNorm//5"]),
    ],
)
def test_which_drug_an_order_is_about(read, drugs, codes):
    assert [row["code"] for row in said(read(ORC.format("NW", ""), *drugs, kind="RDE^O11"))] == codes


def test_two_orders_in_one_message_stay_apart(read):
    batch = read(ORC.format("NW", ""), RXE, "ORC|DC|O2|||||||20260103090000", "RXE||1^b^RXNORM", kind="RDE^O11")
    assert [row["code"] for row in said(batch)] == ["MEDICATION//RxNorm//309362", "MEDICATION//END//RxNorm//1"]


RXA = "RXA|0|1|20260103070000||{}|{}|{}" + "|" * 13 + "{}|{}"


@pytest.mark.parametrize(
    ("kind", "drug", "amount", "unit", "expected"),
    [
        ("RAS^O17", "309362^x^RXNORM", "75", "mg", ("ADMINISTERED//RxNorm//309362", 75.0, "x", "mg")),
        ("RAS^O17", "309362^x^RXNORM", "999", "mg", ("ADMINISTERED//RxNorm//309362", None, "x", None)),
        ("RAS^O17", "140^flu^CVX", "0.5", "mL", ("IMMUNIZATION//CVX//140", None, "flu", None)),
        ("VXU^V04", "00005^flu^NDC^140^flu^CVX", "0.5", "mL", ("IMMUNIZATION//CVX//140", None, "flu", None)),
        ("VXU^V04", "00005^flu^NDC", "0.5", "mL", ("IMMUNIZATION//NDC//00005", None, "flu", None)),
    ],
)
def test_what_was_given(read, kind, drug, amount, unit, expected):
    batch = read("ORC|RE", RXA.format(drug, amount, unit, "CP", "A"), kind=kind)
    assert short(batch) == [expected]
    assert said(batch)[0]["time"] == AT


@pytest.mark.parametrize(
    ("drug", "completion", "action", "reason"),
    [
        ("140^flu^CVX", "RE", "A", "completion RE: refused"),
        ("140^flu^CVX", "NA", "A", "completion NA: not given"),
        ("140^flu^CVX", "CP", "D", "action D: taken back"),
        ("998^none^CVX", "CP", "A", "no vaccine was given (CVX 998)"),
        ("", "CP", "A", "A medication without a name"),
    ],
)
def test_what_was_not_given_is_named(read, drug, completion, action, reason):
    batch = read("ORC|RE", RXA.format(drug, "1", "mL", completion, action), kind="VXU^V04")
    assert said(batch) == []
    assert refused(batch) == [("RXA 1", reason)]


def test_a_dose_without_a_unit_is_named(read):
    batch = read("ORC|RE", RXA.format("309362^x^RXNORM", "75", "", "CP", "A"), kind="RAS^O17")
    assert short(batch) == [("ADMINISTERED//RxNorm//309362", None, "x", None)]
    assert refused(batch) == [("RXA 1 dose", "a dose without a unit")]


def test_documents(read):
    batch = read("TXA|1|18842-5^Discharge summary^LN|TX|20260103070000", "OBX|1|TX|||one||||||F", "OBX|2|ST|||two||||||F",
                 "OBX|3|ED|||^TEXT^^Base64^dGhyZWU=||||||F", "OBX|4|RP|||elsewhere||||||F",
                 obx("NM", "72", "kg", "29463-7^w^LN"), kind="MDM^T02")  # fmt: skip
    assert short(batch) == [("NOTE//LOINC//18842-5", None, "one\ntwo\nthree", None), ("LOINC//29463-7", 72.0, None, "kg")]
    assert [(row["time"], row["available"]) for row in said(batch)] == [(AT, NOON)] * 2
    assert refused(batch) == [("OBX 4", "value type RP is not read")]


@pytest.mark.parametrize(
    ("txa", "kind", "code", "reasons"),
    [
        ("TXA|1|DS|TX|20260103", "MDM^T02", ["NOTE//HL70270//DS"], []),
        ("TXA|1|DS|TX|20260103" + "|" * 15 + "OB", "MDM^T02", [], ["availability OB: the document is superseded"]),
        ("TXA|1|", "MDM^T02", [], ["No code"]),
        ("TXA|1|DS", "MDM^T11", [], ["T11: a document is withdrawn: what was read of it before stays in the chart"]),
    ],
)
def test_documents_that_stand_and_fall(read, txa, kind, code, reasons):
    batch = read(txa, kind=kind)
    assert [row["code"] for row in said(batch)] == code
    assert [why for _, why in refused(batch)] == reasons


def test_what_messages_repeat_is_said_once_from_the_first_on(tmp_path):
    lines = []
    for hour in (12, 9, 15):  # out of order
        lines += [rf"MSH|^~\&|A|W|||202601{hour:02d}0000+0000||ADT^A08|{hour}|P|2.5", PID, pv1("I", "20260103070000"),
                  "DG1|1||I10^x^I10||20200101", "DG1|2||E11^y^I10", "AL1|1||z^Nuts^L"]  # fmt: skip
    (tmp_path / "m.hl7").write_text("\r".join(lines))
    (batch,) = hl7v2.read(tmp_path / "m.hl7")
    assert (batch.rows, batch.read) == (3, 3)
    first = datetime(2026, 1, 9)
    found = {row["code"]: (row["time"], row["available"]) for row in batch.events.to_pylist()}
    assert batch.events.num_rows == len(found) == 7
    assert found["CONDITION//ICD10//I10"] == (datetime(2020, 1, 1), first)
    assert found["CONDITION//ICD10//E11"] == found["ALLERGY//L//z"] == (first, first)
    assert found["ENCOUNTER//IMP"] == (AT, AT)


def test_fhir_says_the_same_of_the_same_patient(tmp_path):
    """One patient in both forms: the same events, but for the origin."""
    at, known = "2026-01-03T07:00:00Z", "2026-01-03T08:00:00Z"
    loinc, snomed = "http://loinc.org", "http://snomed.info/sct"

    def concept(system, code, display=""):
        return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}

    def observation(identity, code, **value):
        return {"resourceType": "Observation", "id": identity, "status": "final", "subject": {"reference": "Patient/42"},
                "code": concept(loinc, code, "n"), "effectiveDateTime": at, "issued": known, **value}  # fmt: skip

    about = {"subject": {"reference": "Patient/42"}}
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    ucum = {"system": "http://unitsofmeasure.org"}
    fhir = read_resources(
        [
            {"resourceType": "Patient", "id": "42", "gender": "female", "birthDate": "1954-03-12",
             "name": [{"family": "Berg", "given": ["Ana", "Maria"]}]},
            observation("1", "2524-7", valueQuantity={"value": 1.8, "code": "mmol/L", **ucum}),
            observation("2", "10839-9", valueQuantity={"value": 50, "code": "ng/mL", "comparator": ">", **ucum}),
            observation("3", "600-7", valueCodeableConcept=concept(snomed, "260385009", "Negative")),
            observation("4", "8251-1", valueString="in no pain"),
            {"resourceType": "DiagnosticReport", "id": "5", "status": "final", "code": concept(loinc, "24323-8", "Panel"),
             "effectiveDateTime": at, "issued": known, **about},
            {"resourceType": "Encounter", "id": "6", "status": "finished", "class": {"system":
             "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}, "period": {"start": at, "end": known}, **about},
            {"resourceType": "Condition", "id": "7", "code": concept("http://hl7.org/fhir/sid/icd-10", "I10", "x"),
             "onsetDateTime": "2020-01-01", "recordedDate": "2026-01-03T12:00:00Z", **about},
            {"resourceType": "AllergyIntolerance", "id": "8", "code": concept(snomed, "91936005", "p"), "onsetDateTime": "1988-05-01",
             "recordedDate": "2026-01-03T12:00:00Z", "patient": about["subject"]},
            {"resourceType": "MedicationRequest", "id": "9", "status": "active", "intent": "order", "authoredOn": at,
             "medicationCodeableConcept": concept(rxnorm, "309362", "clopidogrel"), **about},
        ],
        "bundle",
    )  # fmt: skip
    lines = [
        rf"MSH|^~\&|A|W|||{SENT}||ADT^A03|1|P|2.5", PID, pv1("I", "20260103070000", "20260103080000"), "DG1|1||I10^x^I10||20200101",
        "AL1|1||91936005^p^SCT|||19880501",
        rf"MSH|^~\&|A|W|||{SENT}||ORU^R01|2|P|2.5", PID, OBR, obx("NM", "1.8", "mmol/L^^UCUM", "2524-7^n^LN"),
        obx("SN", ">^50", "ng/mL^^UCUM", "10839-9^n^LN"), obx("CWE", "260385009^Negative^SCT", "", "600-7^n^LN"),
        obx("ST", "in no pain", "", "8251-1^n^LN"),
        rf"MSH|^~\&|A|W|||{SENT}||RDE^O11|3|P|2.5", PID, "ORC|NW|O1|||IP||||20260103070000", RXE,
    ]  # fmt: skip
    (tmp_path / "m.hl7").write_text("\r".join(lines))
    (batch,) = hl7v2.read(tmp_path / "m.hl7")
    assert batch.rejects == fhir.rejects == ()

    def facts(one):
        names = [name for name in one.events.column_names if name != "source_id"]
        return sorted(tuple(str(row[name]) for name in names) for row in one.events.to_pylist())

    assert facts(batch) == facts(fhir)
    assert dict(displays(batch)) == dict(displays(fhir))
