"""Amara Okafor, 51: a hard lump in the left breast, and an aspirate that looks malignant."""

from collections.abc import Iterator

from chart import (
    condition,
    encounter,
    immunisation,
    note,
    observation,
    order,
    patient,
    procedure,
    relative,
    report,
    request,
    results,
    vitals,
)
from terms import Resource, clock

NUCLEI = {
    # mean over the nuclei, standard error, and mean of the three largest: invented, near the quartiles of malignant aspirates
    "radius": (18.3, 0.71, 22.4),
    "texture": (22.6, 1.21, 30.2),
    "perimeter": (121.5, 4.9, 150.6),
    "area": (1041.0, 78.4, 1562.0),
    "smoothness": (0.1068, 0.0066, 0.1492),
    "compactness": (0.1583, 0.0334, 0.3871),
    "concavity": (0.1792, 0.0441, 0.4788),
    "concave-points": (0.0981, 0.0161, 0.1986),
    "symmetry": (0.1974, 0.0191, 0.3242),
    "fractal-dimension": (0.0631, 0.0041, 0.0918),
}


def story() -> Iterator[Resource]:
    lagos = clock("+01:00")
    amara = patient("amara-okafor", ["Amara", "Chidinma"], "Okafor", gender="female", born="1973-08-14")
    yield amara

    # Before: raised blood pressure, a mother who had breast cancer at 46.
    yield condition(amara, "essential hypertension", "essential hypertension (ICD)", since="2016", recorded="2016-09-20")
    yield order(amara, "amlodipine 5 mg", "2016-09-20", "one tablet each morning", dose=(5, "mg"))
    yield relative(amara, "mother", "2019-02-11", "malignant tumour of breast", age=46)
    yield relative(amara, "maternal aunt", "2019-02-11", "malignant tumour of ovary", age=58)
    yield immunisation(amara, "influenza vaccine", "2024-10-08")

    # May: she finds a lump and comes within six weeks.
    visit = encounter(amara, "lump in the left breast", lagos("2025-05-06 09:10"), lagos("2025-05-06 09:40"), named="general practice")
    yield visit
    yield from vitals(
        amara, lagos("2025-05-06 09:15"), {"body weight": 74.2, "body height": 164, "heart rate": 78}, pressure=(138, 84), during=visit
    )
    yield observation(amara, "smoking status", "never smoker", lagos("2025-05-06 09:20"), issued=0, category="social-history", during=visit)
    yield condition(amara, "breast lump", since="2025-03-25", recorded=lagos("2025-05-06 09:35"), during=visit)
    yield note(
        amara,
        "progress note",
        lagos("2025-05-06 09:45"),
        """
        Six weeks of a painless lump in the left breast, found in the shower, growing. No discharge, no fever, no weight loss. Two
        children, both breastfed; last period eight months ago. Mother had breast cancer at 46, an aunt on the same side ovarian
        cancer at 58.

        Left breast, upper outer quadrant: hard, irregular lump of about 2.5 cm, tethered to the skin. One firm node in the left
        axilla. Right breast and axilla clear. Referred to the breast clinic, to be seen within a week.
        """,
        during=visit,
    )
    blood = {
        "haemoglobin": 11.8,
        "platelets": 254,
        "creatinine": 0.8,
        "calcium": 9.4,
        "alkaline phosphatase": 92,
        "alanine aminotransferase": 21,
    }
    yield from results(amara, lagos("2025-05-06 09:50"), blood, issued=300)

    # A week later: the ultrasound is highly suggestive of cancer.
    clinic = encounter(
        amara, "breast clinic, triple assessment", lagos("2025-05-13 10:00"), lagos("2025-05-13 12:15"), named="breast clinic"
    )
    yield clinic
    yield report(
        amara,
        "breast ultrasound",
        lagos("2025-05-13 11:05"),
        """
        Left breast, 2 o'clock, 5 cm from the nipple: irregular hypoechoic mass, 24 x 19 x 21 mm, taller than wide, with spiculated
        margins, posterior shadowing and internal vessels on Doppler. Left axilla: one node with a cortex of 5 mm and a lost fatty
        hilum.

        Right breast and axilla: no mass, no suspicious node.
        """,
        "BI-RADS 5: highly suggestive of malignancy, left breast. Suspicious left axillary node. Tissue diagnosis is needed.",
        issued=55,
        section="RUS",
    )

    # Another week: fine needle aspiration; the nuclei are measured overnight.
    yield procedure(amara, "breast fine needle aspiration", lagos("2025-05-20 10:15"))
    found = []
    for feature, values in NUCLEI.items():
        for which, value in zip(("mean", "se", "worst"), values, strict=True):
            found.append(observation(amara, f"nucleus {feature} {which}", value, lagos("2025-05-20 10:15"), issued=29 * 60))
    yield from found
    yield report(
        amara,
        "cytology",
        lagos("2025-05-20 10:15"),
        """
        Aspirate of the left breast mass at 2 o'clock. Cellular smear. Nuclei enlarged and uneven in size, with irregular outlines
        and deep concavities; measurements of the digitised nuclei are attached. Few bipolar nuclei.
        """,
        "Suspicious aspirate. Core biopsy is needed before treatment is planned.",
        issued=29 * 60 + 30,
        section="CP",
        found=found,
    )

    # What is open: the core biopsy is ordered, and no histology has come back.
    yield request(amara, "biopsy of breast", lagos("2025-05-21 16:30"), "2025-05-28", "BI-RADS 5 mass with a suspicious aspirate")
