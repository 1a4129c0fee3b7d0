"""Guadalupe Reyes, 71: septic from the urinary tract, allergic to penicillin, and piperacillin is ordered."""

from collections.abc import Iterator

from chart import allergy, condition, encounter, given, note, order, patient, procedure, results, vitals
from terms import Resource, clock, concept


def story() -> Iterator[Resource]:
    mexico = clock("-06:00")
    lupe = patient("guadalupe-reyes", ["Guadalupe"], "Reyes", gender="female", born="1954-06-30")
    yield lupe

    # Known: recurrent urinary infections, and anaphylaxis after amoxicillin in 2009.
    yield condition(lupe, "recurrent urinary tract infection", since="2021", recorded="2021-08-04")
    yield condition(lupe, "type 2 diabetes", since="2012", recorded="2012-05-22")
    yield allergy(
        lupe, "allergy to penicillin", "2009-11-17", reaction="anaphylaxis", severity="severe", criticality="high", category=["medication"]
    )
    yield order(lupe, "metformin 500 mg", "2012-05-22", "two tablets with dinner", dose=(1000, "mg"))
    yield from results(
        lupe, mexico("2025-06-10 08:15"), {"creatinine": 0.9, "eGFR": 68, "HbA1c": 7.1, "platelets": 231, "leukocytes": 6.8}, issued=360
    )

    # 14 September, 17:10: she arrives hot and confused.
    arrival = encounter(lupe, "fever, confusion, burning urine", mexico("2025-09-14 17:10"), place="EMER", named="emergency")
    yield arrival
    triage = {"triage level": 2, "arrival by ambulance": "no", "seen within 72 hours": "no", "injury visit": "no"}
    asked = {"issued": 1, "category": "survey", "during": arrival}
    yield from results(lupe, mexico("2025-09-14 17:15"), {"reason for visit": "fever", **triage}, **asked)
    yield from results(lupe, mexico("2025-09-14 17:16"), {"reason for visit": "acute confusion"}, **asked)
    signs = {
        "body temperature": 39.2,
        "heart rate": 118,
        "respiratory rate": 24,
        "oxygen saturation": 94,
        "mean arterial pressure": 66,
        "Glasgow coma score": 14,
    }
    yield from vitals(lupe, mexico("2025-09-14 17:18"), {**signs, "body weight": 68.5}, pressure=(94, 52), during=arrival)
    urine = {"protein in urine": 100}
    yield from results(lupe, mexico("2025-09-14 17:25"), urine, issued=25, during=arrival)
    first = {
        "lactate": 2.4,
        "leukocytes": 19.8,
        "platelets": 142,
        "haemoglobin": 12.2,
        "creatinine": 1.6,
        "urea nitrogen": 38,
        "bilirubin": 1.3,
        "sodium": 133,
        "potassium": 4.8,
        "glucose": 241,
        "C reactive protein": 212,
        "procalcitonin": 18.6,
    }
    yield from results(lupe, mexico("2025-09-14 17:30"), first, issued=45, during=arrival)
    yield procedure(lupe, "blood culture taken", mexico("2025-09-14 17:32"))
    yield given(lupe, "sodium chloride 0.9 %", mexico("2025-09-14 17:40"), (1000, "mL"))
    yield given(lupe, "acetaminophen 500 mg", mexico("2025-09-14 17:45"), (1000, "mg"))
    yield note(
        lupe,
        "emergency note",
        mexico("2025-09-14 17:55"),
        """
        Brought by her daughter. Two days of burning urine and flank pain on the right, since this morning shivering and talking
        nonsense. Diabetes, recurrent urinary infections. Allergy: collapse with swelling of face and throat after amoxicillin in
        2009, adrenaline was given.

        Hot, confused about the date, right flank tender. Chest clear, abdomen soft, neck supple, no rash. Working diagnosis
        urosepsis. Blood cultures taken, fluids running, antibiotics to follow within the hour.
        """,
        during=arrival,
    )

    # 18:30: a litre of fluid has not helped; lactate climbs, pressure falls.
    second = {
        **signs,
        "body temperature": 39.4,
        "heart rate": 126,
        "respiratory rate": 28,
        "oxygen saturation": 91,
        "mean arterial pressure": 58,
    }
    worse = {**second, "Glasgow coma score": 13, "level of responsiveness": "acute confusion", "supplemental oxygen": "yes"}
    yield from vitals(lupe, mexico("2025-09-14 18:30"), worse, pressure=(82, 46), during=arrival)
    yield from results(lupe, mexico("2025-09-14 18:35"), {"lactate": 3.6}, issued=12, during=arrival)
    yield condition(lupe, "sepsis", "sepsis (ICD)", since="2025-09-14", recorded=mexico("2025-09-14 18:40"), during=arrival)

    # 18:45: the order set is signed as it stands, and it holds a penicillin.
    yield order(
        lupe,
        "piperacillin/tazobactam",
        mexico("2025-09-14 18:45"),
        "4.5 g into a vein every six hours, first dose now",
        dose=(4.5, "g"),
        priority="urgent",
        reasonCode=[concept("sepsis")],
    )

    # 19:45: worse on every count; the antibiotic is not yet hung.
    third = {
        **second,
        "heart rate": 132,
        "respiratory rate": 30,
        "oxygen saturation": 90,
        "mean arterial pressure": 54,
        "Glasgow coma score": 12,
    }
    yield from vitals(lupe, mexico("2025-09-14 19:45"), third, pressure=(76, 43), during=arrival)
    later = {"lactate": 4.8, "creatinine": 2.3, "platelets": 96, "leukocytes": 23.1, "bilirubin": 2.2}
    yield from results(lupe, mexico("2025-09-14 19:50"), later, issued=30, during=arrival)
