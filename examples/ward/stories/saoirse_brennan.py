"""Saoirse Brennan, 37: well, vaccinated, and worried by a small smooth lump that looks benign."""

from collections.abc import Iterator

from chart import allergy, condition, encounter, immunisation, note, observation, patient, procedure, report, results, vitals
from terms import Resource, clock

NUCLEI = {
    # mean over the nuclei, standard error, and mean of the three largest: invented, near the quartiles of benign aspirates
    "radius": (11.9, 0.24, 13.1),
    "texture": (16.8, 1.02, 21.7),
    "perimeter": (76.2, 1.72, 84.9),
    "area": (436.0, 18.1, 528.0),
    "smoothness": (0.0886, 0.0061, 0.1214),
    "compactness": (0.0694, 0.0149, 0.1523),
    "concavity": (0.0312, 0.0168, 0.1246),
    "concave-points": (0.0207, 0.0084, 0.0689),
    "symmetry": (0.1692, 0.0184, 0.2631),
    "fractal-dimension": (0.0612, 0.0026, 0.0758),
}


def story() -> Iterator[Resource]:
    winter, summer = clock("+00:00"), clock("+01:00")
    saoirse = patient("saoirse-brennan", ["Saoirse"], "Brennan", gender="female", born="1987-12-01")
    yield saoirse

    # A healthy life on one page.
    yield allergy(saoirse, "no known allergy", "2010-03-15")
    yield procedure(saoirse, "appendectomy", "2003-02")
    for vaccine, day in (
        ("MMR vaccine", "1989-03-02"),
        ("HPV vaccine", "2008-10-14"),
        ("Td vaccine", "2017-05-23"),
        ("influenza vaccine", "2024-10-30"),
    ):
        yield immunisation(saoirse, vaccine, day)

    # January: a check-up, everything in order.
    check = encounter(saoirse, "check-up", winter("2025-01-28 08:30"), winter("2025-01-28 09:00"))
    yield check
    yield from vitals(
        saoirse,
        winter("2025-01-28 08:35"),
        {"body weight": 62.4, "body height": 168, "body mass index": 22.1, "heart rate": 62},
        pressure=(114, 70),
        during=check,
    )
    healthy = {
        "haemoglobin": 13.4,
        "leukocytes": 5.9,
        "platelets": 248,
        "creatinine": 0.7,
        "potassium": 4.2,
        "fasting glucose": 84,
        "HbA1c": 5.1,
        "total cholesterol": 172,
        "LDL cholesterol": 96,
        "HDL cholesterol": 62,
        "triglyceride": 78,
        "thyrotropin": 1.8,
    }
    yield from results(saoirse, winter("2025-01-28 08:50"), healthy, issued=360)
    yield observation(saoirse, "smoking status", "never smoker", winter("2025-01-28 08:40"), issued=0, category="social-history")

    # August: a small lump that slips away under the finger.
    visit = encounter(saoirse, "lump in the right breast", summer("2025-08-19 10:20"), summer("2025-08-19 10:50"), named="breast clinic")
    yield visit
    yield condition(saoirse, "breast lump", since="2025-08-02", recorded=summer("2025-08-19 10:45"), during=visit)
    yield report(
        saoirse,
        "breast ultrasound",
        summer("2025-08-19 11:30"),
        """
        Right breast, 10 o'clock: oval, circumscribed, hypoechoic mass, 13 x 7 mm, wider than tall, no shadow, no vessels. Axillae
        clear. Left breast clear.
        """,
        "BI-RADS 3: probably benign, most likely a fibroadenoma.",
        issued=40,
        section="RUS",
    )
    yield procedure(saoirse, "breast fine needle aspiration", summer("2025-08-21 09:40"))
    found = []
    for feature, values in NUCLEI.items():
        for which, value in zip(("mean", "se", "worst"), values, strict=True):
            found.append(observation(saoirse, f"nucleus {feature} {which}", value, summer("2025-08-21 09:40"), issued=26 * 60))
    yield from found
    yield report(
        saoirse,
        "cytology",
        summer("2025-08-21 09:40"),
        """
        Aspirate of the right breast mass. Cohesive sheets of even cells, many bare bipolar nuclei, stromal fragments. Nuclear
        measurements are attached.
        """,
        "Small, regular nuclei; the picture fits a fibroadenoma.",
        issued=26 * 60 + 20,
        section="CP",
        found=found,
    )
    yield note(
        saoirse,
        "consultation note",
        summer("2025-08-22 14:00"),
        """
        Seventeen days ago she found a pea-sized lump in the right breast. No pain, no discharge, nobody in the family with cancer
        of breast or ovary. Firm, smooth, mobile, 13 mm. Ultrasound probably benign, aspirate with small regular nuclei. Explained;
        she prefers to watch. Ultrasound in six months, earlier if it grows.
        """,
    )
