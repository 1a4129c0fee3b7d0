"""FHIR R4: who the patient is, visits, diagnoses, allergies, what was done, reports and notes, and the family."""

from __future__ import annotations

import base64
from datetime import datetime

import pytest

P = {"subject": {"reference": "Patient/p"}}
OF = {"patient": {"reference": "Patient/p"}}


def seen(batch):
    return [(r["code"], r["time"], r["available"], r["text_value"]) for r in batch.events.to_pylist()]


def codes(batch):
    return batch.events["code"].to_pylist()


def reasons(batch):
    return [(reject.part, reject.reason) for reject in batch.rejects]


def status(code):
    return {"coding": [{"code": code}]}


class TestPatient:
    def test_birth_sex_and_name(self, read):
        batch = read(
            {
                "resourceType": "Patient",
                "id": "p",
                "birthDate": "1970-05",
                "gender": "female",
                "name": [{"given": ["Ida"], "family": "Berg"}],
            }
        )
        assert seen(batch) == [
            ("MEDS_BIRTH", datetime(1970, 5, 1), datetime(1970, 6, 1), None),
            ("GENDER//F", None, None, None),
            ("NAME", None, None, "Ida Berg"),
        ]

    def test_the_official_name_is_chosen(self, read):
        names = [{"use": "nickname", "text": "Idchen"}, {"use": "old", "text": "Ida Ek"}, {"use": "official", "text": "Ida Berg"}]
        assert seen(read({"resourceType": "Patient", "id": "p", "name": names}))[0][3] == "Ida Berg"

    def test_death(self, read):
        dead = {"resourceType": "Patient", "id": "p", "deceasedDateTime": "2020-01-02", "meta": {"lastUpdated": "2020-03-01T00:00:00Z"}}
        assert seen(read(dead)) == [("MEDS_DEATH", datetime(2020, 1, 2), datetime(2020, 3, 1), None)]

    def test_an_undated_death_is_never_known_before_it_was_written(self, read):
        dead = {"resourceType": "Patient", "id": "p", "gender": "male", "deceasedBoolean": True}
        assert reasons(read(dead)) == [("deceasedBoolean", "a death without a date")]
        written = read({**dead, "meta": {"lastUpdated": "2020-03-01T00:00:00Z"}})
        assert seen(written)[1][:3] == ("MEDS_DEATH", datetime(2020, 3, 1), datetime(2020, 3, 1))
        assert codes(read({**dead, "deceasedBoolean": False})) == ["GENDER//M"]

    def test_death_before_birth_is_named(self, read):
        dead = {"resourceType": "Patient", "id": "p", "birthDate": "1980-01-01", "deceasedDateTime": "1979-01-01"}
        batch = read(dead)
        assert (codes(batch), reasons(batch)) == (["MEDS_BIRTH"], [("deceasedDateTime", "a death before birth")])

    def test_what_cannot_be_said_is_named(self, read):
        other = read({"resourceType": "Patient", "id": "p", "birthDate": "1980-01-01", "gender": "other"})
        assert reasons(other) == [("gender", "gender other is not read as a sex")]
        animal = {"url": "http://hl7.org/fhir/StructureDefinition/patient-animal"}
        assert reasons(read({"resourceType": "Patient", "id": "p", "extension": [animal]})) == [("", "The patient is an animal")]
        assert reasons(read({"resourceType": "Patient", "id": "p", "birthDate": "1980-02-30"})) == [("", "Impossible date")]
        link = {"type": "replaced-by", "other": {"reference": "Patient/q"}}
        assert read({"resourceType": "Patient", "id": "p", "gender": "male", "link": [link]}).rejects[0].found == "Patient/q"


VISIT = {
    "resourceType": "Encounter",
    "status": "finished",
    "class": {"code": "EMER", "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode"},
    **P,
}


class TestEncounter:
    def test_start_and_end(self, read):
        batch = read({**VISIT, "period": {"start": "2026-01-03T08:00:00Z", "end": "2026-01-03T12:00:00Z"}})
        assert [(c, t) for c, t, _, _ in seen(batch)] == [
            ("ENCOUNTER//EMER", datetime(2026, 1, 3, 8)),
            ("ENCOUNTER//END//EMER", datetime(2026, 1, 3, 12)),
        ]
        assert codes(read({**VISIT, "period": {"start": "2026-01-03T08:00:00Z"}})) == ["ENCOUNTER//EMER"]

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"status": "planned"}, "status planned"),
            ({"status": "cancelled"}, "status cancelled"),
            ({"class": None}, "No class"),
            ({"period": {"end": "2026-01-03"}}, "No start"),
            ({"period": {"start": "2026-01-03", "end": "2026-01-01"}}, "A period ends before it starts"),
        ],
    )
    def test_refusals_are_named(self, read, change, reason):
        assert reasons(read({**VISIT, "period": {"start": "2026-01-03"}, **change})) == [("", reason)]

    def test_a_class_of_the_house_keeps_its_system(self, read):
        local = {**VISIT, "class": {"system": "urn:ward", "code": "day"}, "period": {"start": "2026-01-03"}}
        assert codes(read(local)) == ["ENCOUNTER//urn:ward//day"]


class TestCondition:
    @pytest.fixture
    def angina(self, concept):
        return {"resourceType": "Condition", "code": concept("SNOMED//194828000", "ICD10CM//I20.9"), "recordedDate": "2020-05-01", **P}

    def test_it_is_found_under_each_known_coding(self, read, angina):
        assert codes(read(angina)) == ["CONDITION//SNOMED//194828000", "CONDITION//ICD10CM//I20.9"]

    def test_onset_is_when_and_recording_is_when_it_was_known(self, read, angina):
        assert seen(read({**angina, "onsetDateTime": "2018"}))[0][1:3] == (datetime(2018, 1, 1), datetime(2020, 5, 2))

    def test_refuted_is_never_a_condition(self, read, angina):
        batch = read({**angina, "verificationStatus": status("refuted"), "clinicalStatus": status("resolved")})
        assert codes(batch) == ["CONDITION//REFUTED//SNOMED//194828000", "CONDITION//REFUTED//ICD10CM//I20.9"]

    @pytest.mark.parametrize("verification", ["entered-in-error", "differential"])
    def test_withdrawn_or_only_considered_is_no_condition(self, read, angina, verification):
        batch = read({**angina, "verificationStatus": status(verification)})
        assert codes(batch) == []
        assert reasons(batch)[0][1].startswith(f"verification {verification}")

    @pytest.mark.parametrize(
        ("change", "end", "available"),
        [
            ({"abatementDateTime": "2021-02-03"}, datetime(2021, 2, 3), datetime(2021, 2, 4)),
            ({"abatementPeriod": {"start": "2021-01-01", "end": "2021-02-03"}}, datetime(2021, 2, 3), datetime(2021, 2, 4)),
            (
                {"clinicalStatus": status("resolved"), "meta": {"lastUpdated": "2022-01-01T00:00:00Z"}},
                datetime(2022, 1, 1),
                datetime(2022, 1, 1),
            ),
            (
                {"abatementDateTime": "2021-02-03", "meta": {"lastUpdated": "2022-01-01T00:00:00Z"}},
                datetime(2021, 2, 3),
                datetime(2022, 1, 1),
            ),
        ],
    )
    def test_its_end(self, read, angina, change, end, available):
        events = [event for event in seen(read({**angina, **change})) if event[0] == "CONDITION//END//SNOMED//194828000"]
        assert [event[1:3] for event in events] == [(end, available)]

    def test_an_end_that_nothing_dates_says_so(self, read, angina):
        ends = [event for event in seen(read({**angina, "clinicalStatus": status("resolved")})) if "END" in event[0]]
        assert all(end[3].endswith("end not dated") for end in ends)
        assert len(ends) == 2

    def test_forms_without_a_date_are_named(self, read, angina):
        batch = read({**angina, "onsetAge": {"value": 40}, "abatementString": "last spring"})
        assert {part for part, _ in reasons(batch)} == {"onsetAge", "abatementString"}

    def test_an_end_before_the_start_is_refused(self, read, angina):
        batch = read({**angina, "onsetDateTime": "2020-01-01", "abatementDateTime": "2019-01-01"})
        assert reasons(batch) == [("", "A condition ends before it starts")]

    def test_without_any_date_it_is_rejected(self, read, angina):
        assert reasons(read({**angina, "recordedDate": None})) == [("", "No date")]


class TestAllergy:
    @pytest.fixture
    def penicillin(self, concept):
        return {"resourceType": "AllergyIntolerance", "code": concept("SNOMED//91936005"), "recordedDate": "2019-02-09", **OF}

    def test_an_allergy(self, read, penicillin):
        assert seen(read(penicillin)) == [("ALLERGY//SNOMED//91936005", datetime(2019, 2, 9), datetime(2019, 2, 10), "name of 91936005")]

    def test_an_undated_allergy_is_kept(self, read, penicillin):
        assert seen(read({**penicillin, "recordedDate": None}))[0][:3] == ("ALLERGY//SNOMED//91936005", None, None)
        assert reasons(read({**penicillin, "recordedDate": "2019-02-30"})) == [("", "Impossible date")]

    @pytest.mark.parametrize("code", ["716186003", "409137002", "716184000"])
    def test_none_known(self, read, penicillin, concept, code):
        assert codes(read({**penicillin, "code": concept(f"SNOMED//{code}")})) == [f"ALLERGY//NONE//SNOMED//{code}"]

    def test_refuted_and_withdrawn(self, read, penicillin):
        assert codes(read({**penicillin, "verificationStatus": status("refuted")})) == ["ALLERGY//REFUTED//SNOMED//91936005"]
        assert reasons(read({**penicillin, "verificationStatus": status("entered-in-error")})) == [("", "verification entered-in-error")]

    def test_an_allergy_that_is_over(self, read, penicillin):
        batch = read({**penicillin, "clinicalStatus": status("resolved"), "meta": {"lastUpdated": "2024-01-01T00:00:00Z"}})
        assert codes(batch) == ["ALLERGY//SNOMED//91936005", "ALLERGY//END//SNOMED//91936005"]

    def test_the_substance_of_a_reaction_counts(self, read, penicillin, concept):
        reaction = [{"substance": concept("RxNorm//723"), "manifestation": [concept("SNOMED//247472004")]}]
        assert codes(read({**penicillin, "reaction": reaction})) == ["ALLERGY//SNOMED//91936005", "ALLERGY//RxNorm//723"]
        assert codes(read({**penicillin, "code": None, "reaction": reaction})) == ["ALLERGY//RxNorm//723"]

    def test_text_alone(self, read, penicillin):
        assert codes(read({**penicillin, "code": {"text": "Peanuts"}})) == ["ALLERGY//TEXT//Peanuts"]


class TestProcedures:
    def test_a_procedure_is_known_when_it_is_over(self, read, concept):
        done = {"resourceType": "Procedure", "status": "completed", "code": concept("SNOMED//232717009"), **P}
        batch = read({**done, "performedPeriod": {"start": "2020-01-01T08:00:00Z", "end": "2020-01-01T14:00:00Z"}})
        assert seen(batch)[0][:3] == ("PROCEDURE//SNOMED//232717009", datetime(2020, 1, 1, 8), datetime(2020, 1, 1, 14))
        for said in ("not-done", "preparation", "stopped", "entered-in-error"):
            assert reasons(read({**done, "status": said, "performedDateTime": "2020"})) == [("", f"status {said}")]
        assert reasons(read({**done, "performedString": "as a child"})) == [("", "No date")]

    def test_an_immunization(self, read, concept):
        given = {"resourceType": "Immunization", "status": "completed", "vaccineCode": concept("SNOMED//1", "CVX//140"), **OF}
        assert codes(read({**given, "occurrenceDateTime": "2020-10-01"})) == ["IMMUNIZATION//CVX//140"]
        assert reasons(read({**given, "status": "not-done", "occurrenceDateTime": "2020"})) == [("", "status not-done")]
        told = read({**given, "occurrenceString": "as a child", "recorded": "2020-01-01"})
        assert (codes(told), [part for part, _ in reasons(told)]) == (["IMMUNIZATION//CVX//140"], ["occurrenceString"])


class TestDocuments:
    @staticmethod
    def attachment(text, kind="text/plain"):
        return {"contentType": kind, "data": base64.b64encode(text.encode()).decode()}

    def test_a_report_says_its_conclusion(self, read, concept):
        report = {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "code": concept("LOINC//24627-2"),
            "issued": "2026-01-03T08:00:00Z",
            **P,
        }
        assert seen(read({**report, "conclusion": "Nodule, 6 mm."}))[0][3] == "Nodule, 6 mm."
        assert seen(read(report))[0][3] is None
        form = [self.attachment("Full text."), {"contentType": "application/pdf", "url": "http://x"}]
        batch = read({**report, "presentedForm": form})
        assert seen(batch)[0][3] == "Full text."
        assert reasons(batch) == [("presentedForm", "an attachment of type application/pdf is not read")]
        assert reasons(read({**report, "status": "registered"})) == [("", "status registered")]

    def test_a_note_says_its_text(self, read, concept):
        note = {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": concept("LOINC//34109-9"),
            "date": "2026-01-03T08:00:00Z",
            **P,
        }
        batch = read({**note, "content": [{"attachment": self.attachment("Bericht: Fieber, Hústen 咳嗽", "text/plain; charset=utf-8")}]})
        assert seen(batch)[0][0::3] == ("NOTE//LOINC//34109-9", "Bericht: Fieber, Hústen 咳嗽")
        assert reasons(read({**note, "status": "superseded"})) == [("", "status superseded")]

    @pytest.mark.parametrize(
        ("attachment", "reason"),
        [
            ({"contentType": "application/pdf", "data": "eA=="}, "an attachment of type application/pdf is not read"),
            ({"contentType": "text/plain", "url": "http://x"}, "an attachment that is elsewhere is not fetched"),
            ({"contentType": "text/plain", "data": "%%%"}, "an attachment that is not UTF-8 text in base64"),
            ({"contentType": "text/plain", "data": "/w=="}, "an attachment that is not UTF-8 text in base64"),
            ({"contentType": "text/plain", "data": "A" * 6_000_000}, "an attachment of more than 4194304 bytes is not read"),
        ],
    )
    def test_attachments_that_are_left_are_named(self, read, concept, attachment, reason):
        note = {"resourceType": "DocumentReference", "status": "current", "type": concept("LOINC//34109-9"), "date": "2026-01-03", **P}
        batch = read({**note, "content": [{"attachment": attachment}]})
        assert (batch.read, reasons(batch)) == (1, [("content", reason)])


class TestFamily:
    def test_a_relative_is_never_the_patient(self, read, concept):
        history = {
            "resourceType": "FamilyMemberHistory", "status": "completed", **OF,
            "relationship": {"coding": [{"code": "FTH", "display": "father"}]},
            "condition": [{"code": concept("SNOMED//22298006")}, {}],
        }  # fmt: skip
        batch = read(history)
        assert seen(batch) == [("FAMILY//SNOMED//22298006", None, None, "father")]
        assert reasons(batch) == [("condition 2", "No code")]
        assert seen(read({**history, "date": "2020"}))[0][1:3] == (datetime(2020, 1, 1), datetime(2021, 1, 1))
        assert reasons(read({**history, "status": "health-unknown"})) == [("", "status health-unknown")]


def test_what_is_not_read_is_named(read):
    batch = read({"resourceType": "Claim", **P}, {"resourceType": "Practitioner"}, {"foo": 1}, {"resourceType": "Bundle", "entry": [{}]})
    assert [reject.reason for reject in batch.rejects] == [
        "resource type Claim is not read",
        "resource type Practitioner is not read",
        "not a FHIR resource (no resourceType)",
        "an entry without a resource",
    ]
    assert [reject.row for reject in batch.rejects] == ["Claim/1", "Practitioner/2", "entry 3", "entry 4"]
