"""Kenji Moriyama, 62: pain in the chest on the stairs, and every test that the heart question asks for."""

from collections.abc import Iterator

from chart import allergy, condition, encounter, note, observation, order, patient, procedure, relative, report, results, vitals
from terms import Resource, clock


def story() -> Iterator[Resource]:
    osaka = clock("+09:00")
    kenji = patient("kenji-moriyama", ["Kenji"], "Moriyama", gender="male", born="1962-04-17", text="森山健二 (Moriyama Kenji)")
    yield kenji

    yield condition(kenji, "essential hypertension", since="2015", recorded="2015-09-09")
    yield condition(kenji, "hyperlipidaemia", since="2018", recorded="2018-05-18")
    yield relative(kenji, "father", "2018-05-18", "myocardial infarction", age=54)
    yield allergy(kenji, "no known drug allergy", "2015-09-09")
    yield order(kenji, "amlodipine 5 mg", "2015-09-09", "one tablet each morning", dose=(5, "mg"))

    # February: three months of tightness on the second flight of stairs, gone after two minutes of rest.
    visit = encounter(kenji, "chest pain on exertion", osaka("2025-02-03 10:00"), osaka("2025-02-03 10:45"), named="cardiology clinic")
    yield visit
    yield from vitals(
        kenji, osaka("2025-02-03 10:05"), {"body weight": 79.5, "body height": 170, "heart rate": 74}, pressure=(148, 86), during=visit
    )
    yield observation(kenji, "smoking status", "former smoker", osaka("2025-02-03 10:10"), issued=0, category="social-history")
    yield observation(kenji, "chest pain type", "typical angina", osaka("2025-02-03 10:15"), issued=5, category="exam", during=visit)
    yield condition(kenji, "stable angina", since="2024-11", recorded=osaka("2025-02-03 10:40"), during=visit)
    yield note(
        kenji,
        "consultation note",
        osaka("2025-02-03 11:00"),
        """
        For three months a pressure behind the breastbone, going into the left arm, on the second flight of stairs or in cold wind;
        it goes within two minutes of standing still and never comes at rest. No syncope, no palpitations. Stopped smoking in 2019
        after 25 pack-years. Father had a heart attack at 54.

        Heart sounds normal, no murmur, lungs clear, no oedema. Typical, stable angina. ECG, lipids, exercise test, perfusion scan
        and fluoroscopy.
        """,
        during=visit,
    )
    # The laboratory here reports lipids in mmol/L.
    lipids = {"total cholesterol": 6.7, "HDL cholesterol": 1.0, "LDL cholesterol": 4.6}
    yield from results(kenji, osaka("2025-02-04 08:10"), lipids, unit="mmol/L", issued=400)
    blood = {"fasting glucose": 104, "creatinine": 0.9, "haemoglobin": 14.6, "troponin I": 6, "potassium": 4.2, "HbA1c": 5.8}
    yield from results(kenji, osaka("2025-02-04 08:10"), blood, issued=400)
    yield observation(kenji, "fasting glucose above 120", "no", osaka("2025-02-04 08:10"), issued=400)

    # The tests, one after the other.
    ecg = observation(kenji, "resting ECG", "ST-T abnormality", osaka("2025-02-03 10:30"), issued=30, category="procedure")
    yield ecg
    yield report(
        kenji,
        "ECG report",
        osaka("2025-02-03 10:30"),
        "Sinus rhythm, 72 a minute, normal axis. T waves flat to inverted in V4 to V6. No Q waves, no hypertrophy by voltage.",
        "Non-specific ST-T abnormality, lateral leads.",
        issued=35,
        section="EC",
        found=[ecg],
    )
    yield procedure(kenji, "exercise test", osaka("2025-02-12 14:00"))
    at, exam = osaka("2025-02-12 14:00"), {"issued": 90, "category": "procedure"}
    stress = [
        observation(kenji, "highest exercise heart rate", 121, at, **exam),
        observation(kenji, "angina on exercise", "yes", at, **exam),
        observation(kenji, "ST depression on exercise", 2.4, at, **exam),
        observation(kenji, "ST slope on exercise", "flat", at, **exam),
        observation(kenji, "thallium scan", "reversible defect", at, **exam),
    ]
    yield from stress
    yield report(
        kenji,
        "exercise test report",
        at,
        """
        Bruce protocol, 5 minutes 40 seconds, stopped for chest pressure at a heart rate of 121 a minute (77 % of predicted). Flat
        ST depression of 2.4 mm in V4 to V6, gone after four minutes. Thallium scan: defect of the anterior wall on exercise that
        fills in at rest.
        """,
        "Positive at a low workload; reversible anterior perfusion defect.",
        issued=110,
        section="NMS",
        found=stress,
    )
    vessels = observation(kenji, "vessels on fluoroscopy", 2, osaka("2025-02-19 09:30"), issued=120, category="procedure")
    yield vessels

    # Treated at once; the angiogram is still to come.
    yield order(kenji, "aspirin 81 mg", osaka("2025-02-12 16:00"), "one tablet each morning", dose=(81, "mg"))
    yield order(kenji, "atorvastatin 80 mg", osaka("2025-02-12 16:00"), "one tablet each evening", dose=(80, "mg"))
    yield order(kenji, "metoprolol 50 mg", osaka("2025-02-12 16:00"), "one tablet each morning", dose=(50, "mg"))
    yield order(kenji, "nitroglycerin spray", osaka("2025-02-12 16:00"), "one puff under the tongue for chest pain")
