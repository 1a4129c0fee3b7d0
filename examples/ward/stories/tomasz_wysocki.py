"""Tomasz Wysocki, 65: a smoker with obstructed lungs, losing weight, and a nodule on the CT."""

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


def story() -> Iterator[Resource]:
    winter, summer = clock("+01:00"), clock("+02:00")
    tomasz = patient("tomasz-wysocki", ["Tomasz"], "Wysocki", gender="male", born="1959-11-23")
    yield tomasz

    # Forty-two pack-years and COPD since 2017.
    yield condition(tomasz, "COPD", "COPD (ICD)", since="2017", recorded="2017-10-30")
    yield relative(tomasz, "father", "2017-10-30", "malignant tumour of lung", age=67)
    yield order(tomasz, "fluticasone/salmeterol", "2019-04-01", "one inhalation twice a day")
    yield order(tomasz, "salbutamol inhaler", "2017-10-30", "two puffs when breathless")
    yield immunisation(tomasz, "pneumococcal polysaccharide vaccine", "2021-10-12")
    yield immunisation(tomasz, "influenza vaccine", "2024-10-15")

    # January: an exacerbation, treated at home.
    cold = encounter(tomasz, "breathlessness and purulent sputum", winter("2025-01-20 08:40"), winter("2025-01-20 09:10"))
    yield cold
    yield from vitals(
        tomasz,
        winter("2025-01-20 08:45"),
        {
            "body weight": 78.3,
            "body height": 176,
            "body temperature": 37.9,
            "heart rate": 98,
            "respiratory rate": 24,
            "oxygen saturation": 91,
        },
        pressure=(142, 82),
        during=cold,
    )
    yield from results(tomasz, winter("2025-01-20 09:00"), {"leukocytes": 12.4, "C reactive protein": 38}, issued=180)
    yield condition(
        tomasz,
        "COPD exacerbation",
        since="2025-01-17",
        until="2025-02-03",
        recorded=winter("2025-01-20 09:05"),
        status="resolved",
        during=cold,
    )
    yield order(
        tomasz,
        "prednisone 20 mg",
        winter("2025-01-20 09:10"),
        "two tablets each morning for five days",
        status="completed",
        dose=(40, "mg"),
    )
    yield order(
        tomasz,
        "azithromycin 250 mg",
        winter("2025-01-20 09:10"),
        "two tablets once a day for three days",
        status="completed",
        dose=(500, "mg"),
    )

    # March: spirometry; he is offered patches and goes on smoking.
    yield procedure(tomasz, "spirometry", winter("2025-03-11 10:00"))
    yield from results(tomasz, winter("2025-03-11 10:00"), {"FEV1": 1.58, "FEV1/FVC": 48}, issued=30)
    yield observation(tomasz, "smoking status", "smokes daily", winter("2025-03-11 10:20"), issued=0, category="social-history")
    yield observation(tomasz, "pack-years", 42, winter("2025-03-11 10:20"), issued=0, category="social-history")
    yield order(tomasz, "nicotine patch", winter("2025-03-11 10:30"), "one patch a day for six weeks", status="stopped")

    # June: four kilograms lighter, a streak of blood, and a CT.
    lungs = encounter(tomasz, "weight loss and haemoptysis", summer("2025-06-17 09:00"), summer("2025-06-17 09:40"))
    yield lungs
    yield from vitals(
        tomasz,
        summer("2025-06-17 09:05"),
        {"body weight": 74.1, "heart rate": 84, "respiratory rate": 18, "oxygen saturation": 93},
        pressure=(134, 80),
        during=lungs,
    )
    yield from results(
        tomasz, summer("2025-06-17 09:30"), {"haemoglobin": 13.1, "calcium": 9.9, "sodium": 136, "C reactive protein": 9}, issued=240
    )
    yield procedure(tomasz, "chest CT scan", summer("2025-06-24 14:20"))
    yield report(
        tomasz,
        "chest CT",
        summer("2025-06-24 14:20"),
        """
        Low-dose CT of the chest without contrast. No earlier CT for comparison.

        Right upper lobe, apical segment: solid nodule, 8 mm in mean diameter, spiculated, no calcification, no fat. Upper-lobe
        centrilobular emphysema on both sides. No enlarged mediastinal nodes, no pleural effusion. Coronary calcification. Adrenal
        glands normal as far as shown.
        """,
        "Solid, spiculated 8 mm nodule, right upper lobe, in a smoker with emphysema: high risk. Discuss PET-CT or early repeat CT.",
        issued=1380,
        section="RAD",
    )
    yield condition(tomasz, "solitary lung nodule", "solitary lung nodule (ICD)", since="2025-06-24", recorded=summer("2025-06-25 15:00"))
    yield condition(tomasz, "pulmonary emphysema", since="2025-06-24", recorded=summer("2025-06-25 15:00"))
    yield note(
        tomasz,
        "consultation note",
        summer("2025-06-27 11:00"),
        """
        Seen with his wife. Cough every morning for years; since April four kilograms lost without trying and twice a streak of
        blood in the sputum. He smokes 20 a day and gave the patches up after ten days. His father died of lung cancer at 67.

        The CT shows an 8 mm spiculated nodule in the right upper lobe. Told plainly that it may be an early cancer and that it may
        not. He asks to be treated if there is anything to treat. For the lung board on Thursday; smoking cessation offered again
        and accepted.
        """,
    )
    yield request(
        tomasz, "smoking cessation therapy", summer("2025-06-27 11:10"), "2025-07-08", "Ready to try again, with group and medication"
    )
