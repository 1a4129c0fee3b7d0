"""Chen Guoliang, 60: a stent that closed while he took his clopidogrel every day."""

from collections.abc import Iterator

from chart import allergy, condition, encounter, note, observation, order, patient, procedure, report, results, vitals
from terms import Resource, clock


def story() -> Iterator[Resource]:
    taipei = clock("+08:00")
    chen = patient("chen-guoliang", ["Guoliang"], "Chen", gender="male", born="1964-10-12", text="陈国良 (Chen Guoliang)")
    yield chen

    yield condition(chen, "essential hypertension", since="2013", recorded="2013-01-15")
    yield condition(chen, "reflux disease", since="2021-05", recorded="2021-05-27")
    yield allergy(chen, "no known drug allergy", "2013-01-15")
    yield order(chen, "lisinopril 10 mg", "2013-01-15", "one tablet each morning", dose=(10, "mg"))
    yield order(chen, "omeprazole 20 mg", "2021-05-27", "one capsule before breakfast", dose=(20, "mg"))

    # February: a heart attack; one stent into the left anterior descending artery.
    first = encounter(
        chen, "acute chest pain", taipei("2025-02-18 03:20"), taipei("2025-02-22 11:00"), place="IMP", named="first heart attack"
    )
    yield first
    yield from vitals(
        chen,
        taipei("2025-02-18 03:30"),
        {"heart rate": 96, "oxygen saturation": 96, "body weight": 71, "body height": 168},
        pressure=(158, 94),
    )
    yield from results(chen, taipei("2025-02-18 03:35"), {"troponin I": 48}, issued=50, during=first)
    yield from results(
        chen,
        taipei("2025-02-18 06:35"),
        {"troponin I": 2140, "creatinine": 1.0, "LDL cholesterol": 142, "platelets": 218},
        issued=50,
        during=first,
    )
    yield condition(chen, "myocardial infarction", since="2025-02-18", recorded=taipei("2025-02-18 07:40"), during=first)
    yield condition(chen, "coronary arteriosclerosis", since="2025-02-18", recorded=taipei("2025-02-18 10:30"), during=first)
    yield procedure(
        chen,
        "percutaneous coronary intervention",
        taipei("2025-02-18 09:05"),
        note=[{"text": "Drug-eluting stent 3.0 x 24 mm, proximal LAD"}],
    )
    yield order(chen, "aspirin 81 mg", taipei("2025-02-18 09:50"), "one tablet each morning", dose=(81, "mg"))
    yield order(chen, "clopidogrel 75 mg", taipei("2025-02-18 09:50"), "one tablet each morning for twelve months", dose=(75, "mg"))
    yield order(chen, "atorvastatin 80 mg", taipei("2025-02-18 09:50"), "one tablet each evening", dose=(80, "mg"))
    yield order(chen, "metoprolol 50 mg", taipei("2025-02-19 09:00"), "one tablet each morning", dose=(50, "mg"))
    yield note(
        chen,
        "discharge summary",
        taipei("2025-02-22 11:00"),
        """
        Heart attack on 18 February, 90 % stenosis of the proximal LAD, one drug-eluting stent with a good result. Ejection fraction
        50 %. Discharged on aspirin, clopidogrel, atorvastatin, metoprolol and lisinopril. Omeprazole continued for reflux.

        He was told not to stop clopidogrel for any reason without asking us.
        """,
        during=first,
    )

    # 29 March: the stent closes, on clopidogrel, with no dose missed.
    second = encounter(chen, "acute chest pain", taipei("2025-03-29 22:10"), taipei("2025-04-04 10:00"), place="IMP", named="stent closed")
    yield second
    yield from vitals(
        chen,
        taipei("2025-03-29 22:15"),
        {"heart rate": 108, "respiratory rate": 22, "oxygen saturation": 93},
        pressure=(102, 64),
        during=second,
    )
    yield from results(
        chen, taipei("2025-03-29 22:20"), {"troponin I": 310, "platelets": 224, "creatinine": 1.1, "haemoglobin": 14.1}, issued=45
    )
    yield from results(chen, taipei("2025-03-30 04:20"), {"troponin I": 18600}, issued=45, during=second)
    yield procedure(
        chen,
        "percutaneous coronary intervention",
        taipei("2025-03-29 23:00"),
        note=[{"text": "Thrombus removed, balloon dilatation, TIMI 3 flow"}],
    )
    yield report(
        chen,
        "cardiac catheterisation report",
        taipei("2025-03-29 23:00"),
        """
        Proximal LAD: the stent of 18 February is closed by thrombus at its inlet. No dissection, stent well expanded on
        intravascular ultrasound. Thrombus aspirated, non-compliant balloon 3.25 mm, final flow TIMI 3.

        Platelet reactivity on clopidogrel (P2Y12, before intervention): 268 reaction units, far above the threshold of 208.
        """,
        "Definite early stent thrombosis of the LAD with high platelet reactivity on clopidogrel.",
        issued=75,
        section="CTH",
    )
    yield condition(chen, "coronary stent thrombosis", since="2025-03-29", recorded=taipei("2025-03-30 00:20"), during=second)
    yield observation(chen, "ejection fraction", 41, taipei("2025-04-01 10:30"), issued=60, category="imaging")
    yield note(
        chen,
        "progress note",
        taipei("2025-04-02 09:20"),
        """
        He and his wife both say that no tablet was missed, and the pill box agrees. So the stent closed under clopidogrel, with
        platelets that hardly react to it, and he takes omeprazole on top. Question: does he convert clopidogrel at all? Blood for
        CYP2C19 has been sent. Until it is back the choice of antiplatelet drug is open.
        """,
        during=second,
    )
