"""Robin Vale: a chart as charts are, with things missing, things impossible and things that contradict each other.

Everything odd here is meant: each piece must be read as what it is or named as what could not be read, and nothing guessed.
"""

from collections.abc import Iterator

from chart import allergy, condition, encounter, note, observation, order, patient, results, taken, vitals
from terms import Resource, after, clock


def story() -> Iterator[Resource]:
    town = clock("-03:30")  # half-hour zones exist
    robin = patient("robin-vale", ["Robin"], "Vale", gender="unknown", born="1951-06-15")
    yield robin

    # Two birth dates: the registration says 1951, the patient said 1957.
    yield observation(
        robin, "birth date as told", None, town("2025-04-02 08:50"), issued=5, category="social-history", valueDateTime="1957-06-15"
    )

    # Two truths about penicillin, six years apart.
    yield allergy(robin, "allergy to penicillin", "2019-07-30", reaction="hives", severity="moderate", category=["medication"])
    yield allergy(robin, "no known drug allergy", town("2025-04-02 08:55"))
    yield order(
        robin, "amoxicillin", town("2025-03-10 14:00"), "one capsule three times a day for five days", status="completed", dose=(250, "mg")
    )

    # Diagnoses: one confirmed, one refuted, one entered by mistake, one that is only words.
    yield condition(robin, "essential hypertension", since="2010", recorded="2010-02-02")
    yield condition(robin, "type 2 diabetes", since="2025-01", recorded=town("2025-01-09 10:00"), status="inactive", certainty="refuted")
    yield condition(
        robin, "myocardial infarction", since="2024-12", recorded=town("2024-12-20 09:00"), status=None, certainty="entered-in-error"
    )
    yield condition(robin, since="2025-03", recorded=town("2025-04-02 09:20"), text="funny turns when climbing the hill")

    # 2 April: chest pain, and a day on which the house was busy.
    visit = encounter(robin, "chest discomfort", town("2025-04-02 08:45"), town("2025-04-02 10:30"))
    yield visit
    yield from vitals(robin, town("2025-04-02 09:00"), {"heart rate": 72}, pressure=(152, 88), during=visit)
    yield from vitals(robin, town("2025-04-02 09:00"), {"body weight": 700}, during=visit)  # 70.0 with a lost point
    yield observation(robin, "chest pain type", "atypical angina", town("2025-04-02 09:10"), issued=5, category="exam", during=visit)
    yield observation(robin, "total cholesterol", 231, town("2025-04-02 09:15"), issued=300)

    # Of the heart work-up the rest is missing: said to be missing, or simply not there.
    yield observation(robin, "resting ECG", "normal ECG", town("2025-04-02 09:25"), issued=20, category="procedure")
    not_done = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-performed"}]}
    yield observation(robin, "highest exercise heart rate", None, town("2025-04-02 10:00"), category="procedure", dataAbsentReason=not_done)
    yield observation(robin, "angina on exercise", None, town("2025-04-02 10:00"), category="procedure", dataAbsentReason=not_done)

    # Numbers that cannot be used as they stand.
    yield observation(robin, "glucose", 6.1, town("2025-04-02 09:15"), unit=None, issued=300)
    yield observation(robin, "potassium", 16.8, town("2025-04-02 09:15"), unit="mEqv/bottle", issued=300)
    yield observation(robin, "creatinine", None, town("2025-04-02 09:15"), issued=300, valueString="haemolysed")
    yield from results(robin, town("2025-04-02 09:15"), {"troponin I": 4500}, issued=300, status="entered-in-error")
    yield from results(robin, town("2025-04-02 09:40"), {"troponin I": 7}, issued=300)

    # Times that cannot be used: a day that does not exist, and a clock without a zone.
    sodium = observation(robin, "sodium", 139, town("2025-02-28 08:00"), issued=240)
    yield {**sodium, "effectiveDateTime": sodium["effectiveDateTime"].replace("-02-28", "-02-30")}
    haemoglobin = observation(robin, "haemoglobin", 13.2, town("2025-04-02 09:15"), issued=300)
    yield {**haemoglobin, "effectiveDateTime": "2025-04-02T09:15:00"}

    # A result that was known before it was taken.
    early = observation(robin, "C reactive protein", 4, town("2025-04-02 09:15"), issued=300)
    yield {**early, "issued": after(town("2025-04-02 09:15"), -1440)}

    # A drug that is taken, or not: both were written down on the same morning.
    yield taken(robin, "aspirin 81 mg", "2023-01", town("2025-04-02 09:05"), "one tablet each morning")
    yield note(
        robin,
        "progress note",
        town("2025-04-02 10:20"),
        """
        Chest discomfort on hills for a month, sometimes at rest, eased by antacid. Says there are no allergies; the old record says
        hives after penicillin. Says the date of birth in the system is wrong. Does not take aspirin any more. Denies diabetes; the
        sugar test in January was normal.

        No exercise test today, the treadmill is being repaired. To be completed: exercise test, fluoroscopy, perfusion scan,
        fasting sugar.
        """,
        during=visit,
    )
