"""Leilani Kahale, 30: 24 weeks pregnant, blood pressure rising, and still on the lisinopril of before."""

from collections.abc import Iterator

from chart import allergy, condition, encounter, immunisation, note, observation, order, patient, procedure, relative, results, vitals
from terms import Resource, clock, concept


def story() -> Iterator[Resource]:
    honolulu = clock("-10:00")
    leilani = patient("leilani-kahale", ["Leilani"], "Kahale", gender="female", born="1994-07-19")
    yield leilani

    # High blood pressure since she was 27, treated with lisinopril by a doctor elsewhere.
    yield condition(leilani, "essential hypertension", "essential hypertension (ICD)", since="2022-02", recorded="2022-02-23")
    yield order(leilani, "lisinopril 10 mg", "2022-02-23", "one tablet each morning", dose=(10, "mg"))
    yield allergy(leilani, "no known drug allergy", "2022-02-23")
    yield relative(leilani, "mother", "2022-02-23", "essential hypertension", age=38)
    yield procedure(leilani, "normal delivery", "2021-09-30", note=[{"text": "First child, 39 weeks, 3310 g, no complications"}])
    yield immunisation(leilani, "MMR vaccine", "1999-08-10")

    # March: the test is positive, and the tablets are not spoken of.
    first = encounter(
        leilani, "first antenatal visit", honolulu("2025-03-18 10:00"), honolulu("2025-03-18 10:40"), named="antenatal clinic"
    )
    yield first
    yield condition(leilani, "pregnant", since="2025-01-20", recorded=honolulu("2025-03-18 10:30"), during=first)
    yield observation(
        leilani, "pregnancy status", "pregnant", honolulu("2025-03-18 10:10"), issued=5, category="social-history", during=first
    )
    yield observation(
        leilani,
        "estimated delivery date",
        None,
        honolulu("2025-03-18 10:20"),
        issued=5,
        category="exam",
        during=first,
        valueDateTime="2025-10-27",
    )
    yield from vitals(
        leilani, honolulu("2025-03-18 10:05"), {"body weight": 66.8, "body height": 163, "heart rate": 82}, pressure=(128, 80), during=first
    )
    yield from results(
        leilani, honolulu("2025-03-18 10:35"), {"haemoglobin": 12.4, "platelets": 263, "creatinine": 0.6, "potassium": 4.1}, issued=240
    )
    yield order(leilani, "ferrous sulfate 325 mg", honolulu("2025-03-18 10:40"), "one tablet each morning", dose=(325, "mg"))

    # 16 weeks: a little higher.
    yield observation(leilani, "gestational age", 16, honolulu("2025-05-12 09:30"), issued=5, category="exam")
    yield from vitals(leilani, honolulu("2025-05-12 09:30"), {"body weight": 69.0, "heart rate": 86}, pressure=(138, 86))

    # 24 weeks: high, with a trace of protein; now somebody reads the drug list.
    visit = encounter(
        leilani, "antenatal visit at 24 weeks", honolulu("2025-07-07 09:20"), honolulu("2025-07-07 10:10"), named="antenatal clinic"
    )
    yield visit
    yield from vitals(
        leilani,
        honolulu("2025-07-07 09:25"),
        {"body weight": 72.3, "heart rate": 90, "oxygen saturation": 98},
        pressure=(152, 96),
        during=visit,
    )
    yield observation(leilani, "gestational age", 24, honolulu("2025-07-07 09:30"), issued=5, category="exam", during=visit)
    yield observation(
        leilani, "pregnancy status", "pregnant", honolulu("2025-07-07 09:30"), issued=5, category="social-history", during=visit
    )
    labs = {
        "haemoglobin": 11.2,
        "platelets": 214,
        "creatinine": 0.7,
        "potassium": 4.6,
        "alanine aminotransferase": 19,
        "protein in urine": 30,
        "fasting glucose": 88,
    }
    yield from results(leilani, honolulu("2025-07-07 09:40"), labs, issued=200)
    yield procedure(leilani, "antenatal care", honolulu("2025-07-07 09:20"), reasonCode=[concept("essential hypertension")])
    yield note(
        leilani,
        "progress note",
        honolulu("2025-07-07 10:15"),
        """
        Second pregnancy, 24 weeks and 0 days by the early scan. Feels well; no headache, no flashes, no pain under the ribs. Child
        moves. Blood pressure 152/96, repeated after rest 150/94; a trace of protein in the urine. Reflexes normal. Fundal height
        fits the dates.

        Chronic hypertension before pregnancy, no sign of pre-eclampsia today. She brought her tablets for the first time: iron, and
        the lisinopril that she has gone on taking every morning. Fluid around the child to be looked at this week.
        """,
        during=visit,
    )
