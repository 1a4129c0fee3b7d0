"""Ingrid Solheim, 84: eight drugs from four doctors, and several of them do not go together."""

from collections.abc import Iterator

from chart import allergy, condition, encounter, note, order, patient, relative, results, taken, vitals
from terms import Resource, clock


def story() -> Iterator[Resource]:
    winter, summer = clock("+01:00"), clock("+02:00")
    ingrid = patient("ingrid-solheim", ["Ingrid", "Marie"], "Solheim", gender="female", born="1941-01-09")
    yield ingrid

    yield condition(ingrid, "essential hypertension", since="1998", recorded="1998-06-03")
    yield condition(ingrid, "atrial fibrillation", "atrial fibrillation (ICD)", since="2014-02", recorded="2014-02-19")
    yield condition(ingrid, "heart failure", since="2020", recorded="2020-11-12")
    yield condition(ingrid, "hyperlipidaemia", since="2006", recorded="2006-04-25")
    yield condition(ingrid, "osteoarthritis of knee", since="2012", recorded="2012-09-14")
    yield relative(ingrid, "mother", "2014-02-19", "stroke", age=79)
    yield allergy(ingrid, "no known allergy", "2014-02-19")

    # From her own doctor, the cardiologist, the heart failure nurse.
    yield order(ingrid, "simvastatin 20 mg", "2006-04-25", "two tablets each evening", dose=(40, "mg"))
    yield order(ingrid, "warfarin 5 mg", "2014-02-19", "as the INR says, now 3.75 mg a day", dose=(3.75, "mg"))
    yield order(ingrid, "digoxin 0.125 mg", "2014-03-05", "one tablet each morning", dose=(0.125, "mg"))
    yield order(ingrid, "lisinopril 20 mg", "2020-11-12", "one tablet each morning", dose=(20, "mg"))
    yield order(ingrid, "spironolactone 25 mg", "2024-10-08", "one tablet each morning", dose=(25, "mg"))

    # January 2025: the numbers are still in order.
    yield from results(
        ingrid,
        winter("2025-01-16 08:20"),
        {"INR": 2.4, "potassium": 4.6, "creatinine": 1.1, "eGFR": 48, "digoxin level": 0.9, "sodium": 139},
        issued=330,
    )

    # September: a fast pulse; verapamil is added to digoxin.
    autumn = encounter(ingrid, "palpitations", summer("2025-09-02 10:00"), summer("2025-09-02 10:30"), named="cardiology clinic")
    yield autumn
    yield from vitals(
        ingrid, summer("2025-09-02 10:05"), {"heart rate": 112, "body weight": 58.4, "body height": 159}, pressure=(148, 84), during=autumn
    )
    yield order(ingrid, "verapamil 40 mg", summer("2025-09-02 10:30"), "two tablets three times a day", dose=(80, "mg"))
    yield from results(
        ingrid, summer("2025-09-16 08:15"), {"INR": 2.9, "potassium": 5.1, "creatinine": 1.3, "eGFR": 40, "digoxin level": 1.6}, issued=345
    )

    # Since October she takes ibuprofen for the knee, from the supermarket; nobody was told until now.
    yield taken(
        ingrid,
        "ibuprofen 200 mg",
        "2025-10-04",
        winter("2025-11-03 11:20"),
        "two tablets three times a day for the knee, bought without prescription",
    )

    # 3 November: a chest infection, and the eighth drug.
    visit = encounter(ingrid, "cough and fever; unsteady", winter("2025-11-03 11:00"), winter("2025-11-03 11:45"), named="general practice")
    yield visit
    yield from vitals(
        ingrid,
        winter("2025-11-03 11:05"),
        {"body temperature": 38.1, "heart rate": 48, "respiratory rate": 20, "oxygen saturation": 94, "body weight": 60.2},
        pressure=(112, 64),
        during=visit,
    )
    yield condition(ingrid, "acute bronchitis", since="2025-10-31", recorded=winter("2025-11-03 11:40"), during=visit)
    yield order(ingrid, "clarithromycin 500 mg", winter("2025-11-03 11:45"), "one tablet twice a day for seven days", dose=(500, "mg"))
    yield note(
        ingrid,
        "progress note",
        winter("2025-11-03 12:00"),
        """
        Three days of cough and fever. Since last week she feels sick in the morning, sees a yellow rim around the lamp, and twice
        had to hold on to the table. Bruises on both forearms without a fall. Two kilograms heavier, ankles swollen.

        On asking she has a strip of ibuprofen in her bag and has taken it for the knee for a month. Pulse slow and irregular at 48.
        Chest: rhonchi, no consolidation. Blood today. Clarithromycin for a week, since doxycycline upset her stomach in the spring.
        """,
        during=visit,
    )
    today = {
        "INR": 4.6,
        "potassium": 5.4,
        "creatinine": 1.6,
        "eGFR": 31,
        "digoxin level": 2.3,
        "haemoglobin": 10.4,
        "sodium": 134,
        "C reactive protein": 41,
    }
    yield from results(ingrid, winter("2025-11-03 11:50"), today, issued=250)
