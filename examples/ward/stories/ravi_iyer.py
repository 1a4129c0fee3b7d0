"""Ravi Iyer, 57: diabetes that slips, in the eyes and in the kidneys, and a screening that he missed."""

from collections.abc import Iterator

from chart import allergy, condition, encounter, immunisation, note, observation, order, patient, procedure, relative, results, vitals
from terms import Resource, clock


def story() -> Iterator[Resource]:
    chennai = clock("+05:30")
    ravi = patient("ravi-iyer", ["Ravi"], "Iyer", gender="male", born="1968-02-02")
    yield ravi

    # Fourteen years of diabetes; the eyes were affected first.
    yield condition(ravi, "type 2 diabetes", "type 2 diabetes (ICD)", since="2011-06", recorded="2011-06-17")
    yield condition(ravi, "essential hypertension", since="2014", recorded="2014-03-02")
    yield condition(ravi, "diabetic retinopathy", since="2022-11-08", recorded="2022-11-08")
    yield relative(ravi, "father", "2011-06-17", "type 2 diabetes", "myocardial infarction", age=50)
    yield allergy(ravi, "no known drug allergy", "2011-06-17")
    yield order(ravi, "metformin 500 mg", "2011-06-17", "two tablets with breakfast, two with dinner", dose=(1000, "mg"))
    yield order(ravi, "lisinopril 20 mg", "2019-08-21", "one tablet each morning", dose=(20, "mg"))
    yield order(ravi, "atorvastatin 80 mg", "2019-08-21", "one tablet each evening", dose=(80, "mg"))
    yield immunisation(ravi, "influenza vaccine", "2024-11-02")
    yield procedure(ravi, "diabetic eye screening", "2023-11-14")

    # January: above target, kidneys already leaking albumin.
    winter = encounter(ravi, "diabetes review", chennai("2025-01-14 09:00"), chennai("2025-01-14 09:30"))
    yield winter
    yield from vitals(
        ravi, chennai("2025-01-14 09:05"), {"body weight": 86.1, "body height": 171, "heart rate": 76}, pressure=(146, 88), during=winter
    )
    first = {
        "HbA1c": 8.4,
        "fasting glucose": 168,
        "creatinine": 1.18,
        "eGFR": 67,
        "albumin/creatinine in urine": 85,
        "potassium": 4.4,
        "LDL cholesterol": 96,
    }
    yield from results(ravi, chennai("2025-01-14 08:40"), first, issued=420)

    # April: another laboratory, which reports HbA1c in mmol/mol.
    yield from results(ravi, chennai("2025-04-15 08:30"), {"HbA1c": 75}, unit="mmol/mol", issued=1500)
    spring = {"creatinine": 1.31, "eGFR": 60, "albumin/creatinine in urine": 140, "potassium": 4.7}
    yield from results(ravi, chennai("2025-04-15 08:30"), spring, issued=1500)
    yield order(
        ravi,
        "insulin glargine",
        chennai("2025-04-22 10:10"),
        "14 units under the skin at bedtime, two more every three days",
        dose=(14, "[iU]"),
    )

    # May: the eye screening is due, and he does not come.
    yield encounter(
        ravi,
        "diabetic eye screening: did not attend",
        chennai("2025-05-20 11:00"),
        chennai("2025-05-20 11:20"),
        status="cancelled",
        named="eye clinic",
    )
    yield procedure(
        ravi,
        "diabetic eye screening",
        chennai("2025-05-20 11:00"),
        status="not-done",
        why_not="Did not attend; last screened in November 2023",
    )

    # September: worse again, and now he sees spots.
    autumn = encounter(ravi, "diabetes review", chennai("2025-09-09 09:00"), chennai("2025-09-09 09:40"))
    yield autumn
    yield from vitals(ravi, chennai("2025-09-09 09:05"), {"body weight": 88.4, "heart rate": 80}, pressure=(152, 90), during=autumn)
    third = {
        "HbA1c": 9.3,
        "fasting glucose": 201,
        "creatinine": 1.47,
        "eGFR": 52,
        "albumin/creatinine in urine": 310,
        "potassium": 4.9,
        "haemoglobin": 12.6,
    }
    yield from results(ravi, chennai("2025-09-09 08:30"), third, issued=420)
    yield observation(ravi, "smoking status", "former smoker", chennai("2025-09-09 09:10"), issued=0, category="social-history")
    yield condition(ravi, "diabetic kidney disease", since="2025-01-14", recorded=chennai("2025-09-09 16:20"), during=autumn)
    yield condition(ravi, "chronic kidney disease stage 3", since="2025-09-09", recorded=chennai("2025-09-09 16:20"), during=autumn)
    yield note(
        ravi,
        "progress note",
        chennai("2025-09-09 16:30"),
        """
        HbA1c has risen three times in a row although glargine was started in April; he admits to leaving it out when he travels,
        about two nights in five. For three weeks he has seen floating spots with the right eye; no curtain, no pain. He missed the
        eye screening in May because of work and nobody rang him. No foot ulcer, monofilament felt at 8 of 10 points.

        Kidneys: albumin in urine more than tripled since January and eGFR down to 52. Blood pressure above target on lisinopril 20
        mg. Plan: eye clinic this week, not at the next routine date; insulin teaching; review kidney protection and metformin dose
        if eGFR falls below 45.
        """,
        during=autumn,
    )
