"""Patient: who somebody is, as birth, sex, name and death."""

from __future__ import annotations

from consilium.core.code import BIRTH, DEATH, FEMALE, MALE, NAME
from consilium.core.errors import InputError
from consilium.sources.fhir.reading import Reading, Resource, updated
from consilium.sources.moment import moment

_ANIMAL = "http://hl7.org/fhir/StructureDefinition/patient-animal"
_SEX = {"female": FEMALE, "male": MALE}


def patient(resource: Resource, reading: Reading) -> None:
    """Read a Patient.

    Sex and name are static; a birth is known from the end of its date on. A death is dated by `deceasedDateTime`, else by
    `meta.lastUpdated`: an undated death would be known before it happened.

    Raises
    ------
    InputError
        When it carries no id, is an animal, or names an impossible date.
    """
    identity = resource.get("id") or reading.references.patients.get(reading.full_url)
    if not identity:
        raise InputError("A patient without id")
    if any(extension.get("url") == _ANIMAL for extension in resource.get("extension") or ()):
        raise InputError("The patient is an animal")
    sheet, label = reading.sheet, reading.label
    born = resource.get("birthDate")
    if born:
        start, end = moment(born)
        sheet.add(identity, start, BIRTH, end, label)
    gender = resource.get("gender")
    if gender in _SEX:
        sheet.add(identity, None, _SEX[gender], None, label)
    elif gender:
        reading.refuse_part("gender", f"gender {gender} is not read as a sex", found=gender, patient=identity)
    name = _name(resource)
    if name:
        sheet.add(identity, None, NAME, None, label, text=name)
    _death(resource, identity, reading)
    for link in resource.get("link") or ():
        if link.get("type") in ("replaced-by", "replaces"):
            other = (link.get("other") or {}).get("reference")
            reading.refuse_part("link", f"link {link['type']} is not followed: charts stay apart", found=other, patient=identity)


def _death(resource: Resource, identity: str, reading: Reading) -> None:
    text = resource.get("deceasedDateTime")
    if not text and resource.get("deceasedBoolean") is not True:
        return
    said = updated(resource)
    if not text and said is None:
        reading.refuse_part("deceasedBoolean", "a death without a date", found=True, patient=identity)
        return
    when = moment(text) if text else said
    assert when is not None  # one of the two is there
    born = resource.get("birthDate")
    if born and when[1] < moment(born)[0]:
        reading.refuse_part("deceasedDateTime", "a death before birth", found=f"{text} (born {born})", patient=identity)
        return
    known = max((said or when)[1], when[0])
    reading.sheet.add(identity, when[0], DEATH, known, reading.label, text=None if text else "date of death not given")


def _name(resource: Resource) -> str:
    names = [name for name in resource.get("name") or () if name.get("use") not in ("old", "maiden")]
    order = {"official": 0, "usual": 1, None: 2}
    for name in sorted(names, key=lambda n: order.get(n.get("use"), 3)):
        text = name.get("text") or " ".join([*(name.get("given") or ()), *([name["family"]] if name.get("family") else ())])
        if text.strip():
            return str(text.strip())
    return ""
