"""Yusuf Demir, 70: atrial fibrillation with a narrow mitral valve, warfarin to be started, amiodarone on board."""

from collections.abc import Iterator

from chart import (
    allergy,
    condition,
    encounter,
    immunisation,
    note,
    observation,
    order,
    patient,
    procedure,
    report,
    request,
    results,
    vitals,
)
from terms import Resource, clock


def story() -> Iterator[Resource]:
    izmir = clock("+03:00")
    yusuf = patient("yusuf-demir", ["Yusuf"], "Demir", gender="male", born="1955-03-21")
    yield yusuf

    yield condition(yusuf, "essential hypertension", since="2008", recorded="2008-10-01")
    yield condition(yusuf, "mitral stenosis", since="2019", recorded="2019-04-16")
    yield allergy(yusuf, "no known drug allergy", "2008-10-01")
    yield order(yusuf, "lisinopril 10 mg", "2008-10-01", "one tablet each morning", dose=(10, "mg"))
    yield immunisation(yusuf, "influenza vaccine", "2024-10-22")
    yield immunisation(yusuf, "pneumococcal conjugate vaccine", "2020-11-05")

    # August: breathless, pulse irregular; amiodarone holds the rhythm.
    visit = encounter(
        yusuf, "palpitations and breathlessness", izmir("2025-08-11 09:30"), izmir("2025-08-11 11:00"), named="cardiology clinic"
    )
    yield visit
    yield from vitals(
        yusuf,
        izmir("2025-08-11 09:35"),
        {"heart rate": 124, "respiratory rate": 20, "oxygen saturation": 95, "body weight": 82.6, "body height": 173},
        pressure=(136, 82),
        during=visit,
    )
    yield report(
        yusuf,
        "ECG report",
        izmir("2025-08-11 09:50"),
        "Atrial fibrillation, ventricular rate 124 a minute, normal axis, QRS 92 ms, QTc 436 ms. No ischaemia.",
        "Atrial fibrillation with a fast ventricular response.",
        issued=20,
        section="EC",
    )
    yield condition(
        yusuf, "atrial fibrillation", "atrial fibrillation (ICD)", since="2025-08", recorded=izmir("2025-08-11 10:30"), during=visit
    )
    yield order(
        yusuf,
        "amiodarone 200 mg",
        izmir("2025-08-11 10:45"),
        "three times a day for a week, twice for a week, then once a day",
        dose=(200, "mg"),
    )
    blood = {
        "haemoglobin": 14.2,
        "platelets": 206,
        "creatinine": 1.0,
        "eGFR": 76,
        "potassium": 4.3,
        "thyrotropin": 2.1,
        "alanine aminotransferase": 28,
        "NT-proBNP": 1480,
    }
    yield from results(yusuf, izmir("2025-08-11 10:00"), blood, issued=180)
    yield procedure(yusuf, "echocardiography", izmir("2025-08-13 14:00"))
    yield observation(yusuf, "ejection fraction", 56, izmir("2025-08-13 14:00"), issued=60, category="imaging")
    yield report(
        yusuf,
        "echocardiogram",
        izmir("2025-08-13 14:00"),
        """
        Mitral valve thickened with fused commissures, area 1.3 cm2, mean gradient 8 mmHg. Left atrium 49 mm, no thrombus seen. Left
        ventricle normal.
        """,
        "Moderate rheumatic mitral stenosis, enlarged left atrium, ejection fraction 56 %.",
        issued=60,
        section="CUS",
    )

    # 25 August: in this valve a direct anticoagulant is not an option; warfarin is ordered, INR to follow.
    yield from results(yusuf, izmir("2025-08-25 08:30"), {"INR": 1.1, "haemoglobin": 14.0, "alanine aminotransferase": 31}, issued=150)
    yield order(
        yusuf,
        "warfarin 5 mg",
        izmir("2025-08-25 12:10"),
        "one tablet each evening, then as the INR says; target 2.0 to 3.0",
        dose=(5, "mg"),
    )
    yield request(yusuf, "INR", izmir("2025-08-25 12:15"), "2025-08-28", "Third day of warfarin, amiodarone on board")
    yield note(
        yusuf,
        "consultation note",
        izmir("2025-08-25 12:30"),
        """
        New atrial fibrillation with moderate rheumatic mitral stenosis: needs anticoagulation, and with this valve that means
        warfarin. He has taken amiodarone for two weeks, which will make warfarin stronger over the coming weeks. Eats little green
        leaf, drinks no alcohol, no bleeding ever.

        Start tonight. INR on day three and then twice a week. He has agreed to a test of CYP2C9 and VKORC1; the dose is to be
        looked at again when it is back.
        """,
    )
