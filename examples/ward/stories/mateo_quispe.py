"""Mateo Quispe, 7: an asthma attack in a child, dosed by weight; the specialists for adults have nothing to say."""

from collections.abc import Iterator

from chart import allergy, condition, encounter, given, immunisation, note, order, patient, relative, results, vitals
from terms import Resource, clock


def story() -> Iterator[Resource]:
    cusco = clock("-05:00")
    mateo = patient("mateo-quispe", ["Mateo"], "Quispe", gender="male", born="2018-05-02")
    yield mateo

    for vaccine, day in (
        ("DTaP vaccine", "2018-07-03"),
        ("polio vaccine", "2018-07-03"),
        ("DTaP vaccine", "2018-09-04"),
        ("polio vaccine", "2018-09-04"),
        ("MMR vaccine", "2019-05-07"),
        ("varicella vaccine", "2019-05-07"),
        ("MMR vaccine", "2022-05-10"),
        ("influenza vaccine", "2025-05-06"),
    ):
        yield immunisation(mateo, vaccine, day)
    yield condition(mateo, "childhood asthma", since="2022-08", recorded="2022-08-19")
    yield allergy(mateo, "allergy to house dust mite", "2022-08-19", reaction="wheezing", severity="moderate", category=["environment"])
    yield allergy(mateo, "allergy to peanut", "2021-03-12", reaction="hives", severity="mild", category=["food"])
    yield relative(mateo, "mother", "2022-08-19", "asthma")
    yield order(mateo, "fluticasone 44 mcg", "2024-06-11", "two puffs twice a day through a spacer")
    yield order(mateo, "salbutamol inhaler", "2022-08-19", "two puffs through a spacer when wheezing")

    # He grows along his own line.
    for day, kilograms, centimetres, blow in (("2025-01-15 15:00", 21.4, 118.5, 190), ("2025-06-10 15:30", 22.6, 121.0, 200)):
        yield from vitals(mateo, cusco(day), {"body weight": kilograms, "body height": centimetres, "peak flow": blow})

    # 21 July, evening: a cold, then he cannot finish a sentence.
    arrival = encounter(
        mateo, "wheezing and breathlessness", cusco("2025-07-21 20:05"), cusco("2025-07-22 01:30"), place="EMER", named="emergency"
    )
    yield arrival
    tight = {
        "body weight": 22.9,
        "body temperature": 37.6,
        "heart rate": 138,
        "respiratory rate": 38,
        "oxygen saturation": 91,
        "peak flow": 110,
    }
    yield from vitals(mateo, cusco("2025-07-21 20:10"), tight, pressure=(104, 62), during=arrival)
    yield condition(
        mateo,
        "asthma exacerbation",
        since="2025-07-21",
        until="2025-07-25",
        recorded=cusco("2025-07-21 20:25"),
        status="resolved",
        during=arrival,
    )
    for time in ("20:20", "20:40", "21:00"):
        yield given(mateo, "salbutamol inhaler", cusco(f"2025-07-21 {time}"), (0.54, "mg"))
    yield given(mateo, "prednisolone", cusco("2025-07-21 20:30"), (23, "mg"))
    easier = {"heart rate": 126, "respiratory rate": 30, "oxygen saturation": 94, "peak flow": 150}
    yield from vitals(mateo, cusco("2025-07-21 21:30"), easier, during=arrival)
    yield from vitals(
        mateo,
        cusco("2025-07-22 01:00"),
        {"heart rate": 112, "respiratory rate": 24, "oxygen saturation": 97, "peak flow": 185},
        during=arrival,
    )
    yield from results(
        mateo, cusco("2025-07-21 20:50"), {"potassium": 3.7, "C reactive protein": 6, "leukocytes": 9.8}, issued=50, during=arrival
    )
    yield order(
        mateo,
        "prednisolone",
        cusco("2025-07-22 01:10"),
        "23 mg (1 mg per kg of body weight) each morning for three days",
        status="completed",
        dose=(23, "mg"),
    )
    yield note(
        mateo,
        "emergency note",
        cusco("2025-07-22 01:20"),
        """
        Seven-year-old with known asthma. Cold for two days, wheezing since the afternoon, eight puffs at home did not hold. On
        arrival he speaks in single words, uses the muscles of the neck, wheeze on both sides, oxygen 91 %. No fever to speak of,
        ears and throat red, no rash.

        Three rounds of salbutamol with spacer and prednisolone 1 mg per kg (22.9 kg, so 23 mg). After five hours he plays, speaks
        in sentences, oxygen 97 % without help. His mother says the brown inhaler ran out in May. Home with three days of
        prednisolone, preventer restarted, clinic in 48 hours.
        """,
        during=arrival,
    )
