"""One patient, one shelf and one consultation in both languages, made by hand, for everything that render writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from consilium.core import Absence, Advice, Consultation, Evidence, Missing, Opinion, Patient, Source
from consilium.core.events import table
from consilium.knowledge import Concept, Range, Shelf

AS_OF = datetime(2026, 1, 3, 8, 0)
FILE = "0a1b2c3d"
PRESSURES = ((21, 128), (22, 131), (23, 139), (24, 137), (25, 148))
CHOLESTEROL = ((23, 262), (24, 231), (25, 204))


@dataclass(frozen=True)
class NoDrugs:
    """A drug table that knows nothing."""

    def ingredients(self, code: str, text: str = "") -> tuple[str, ...]:
        return ()


CONCEPTS = [
    ("SNOMED//53741008", "Coronary heart disease", "冠心病", ""),
    ("SNOMED//254837009", "Malignant neoplasm of breast", "乳腺恶性肿瘤", ""),
    ("LOINC//8480-6", "Systolic blood pressure", "收缩压", "mm[Hg]"),
    ("LOINC//2093-3", "Cholesterol, total", "总胆固醇", "mg/dL"),
    ("LOINC//2160-0", "Creatinine", "肌酐", "mg/dL"),
    ("CONSILIUM//chest-pain-type", "Type of chest pain", "胸痛类型", ""),
    ("SNOMED//429559004", "Typical angina", "典型心绞痛", ""),
    ("CONSILIUM//exercise-heart-rate-max", "Highest heart rate on exercise", "运动最高心率", "/min"),
    ("CONSILIUM//exercise-st-depression", "ST depression on exercise", "运动 ST 段压低", "mm"),
    ("CONSILIUM//thallium-scan", "Thallium scan", "铊显像", ""),
    ("CONSILIUM//perfusion-reversible-defect", "Reversible defect", "可逆性缺损", ""),
    ("CONSILIUM//nucleus-radius-mean", "Nucleus radius, mean", "细胞核半径均值", "[arb'U]"),
    ("SNOMED//44054006", "Diabetes mellitus type 2", "2 型糖尿病", ""),
    ("SNOMED//38341003", "Hypertension", "高血压", ""),
    ("SNOMED//91936005", "Allergy to penicillin", "青霉素过敏", ""),
    ("RxNorm//308182", "amoxicillin 250 MG Oral Capsule", "阿莫西林 250 mg 胶囊", ""),
    ("RxNorm//83367", "atorvastatin", "阿托伐他汀", ""),
    ("LOINC//33960-7", "Coronary CT angiography", "冠状动脉 CT 血管造影", ""),
]
RANGES = [
    Range("LOINC//8480-6", "mm[Hg]", "", 18.0, 150.0, 90.0, 120.0, 30.0, 300.0, "test"),
    Range("LOINC//2093-3", "mg/dL", "", 0.0, 150.0, None, 200.0, 20.0, 1500.0, "test"),
    Range("LOINC//2160-0", "mg/dL", "M", 18.0, 150.0, 0.74, 1.35, 0.0, 40.0, "test"),
]


def make_shelf() -> Shelf:
    codes = {code: Concept(code, name, name_zh, unit, "test") for code, name, name_zh, unit in CONCEPTS}
    ranges = {r.code: (r,) for r in RANGES}
    return Shelf(codes, None, ranges, {}, NoDrugs(), None, None, ())  # type: ignore[arg-type]


def event(
    code: str, when: str | None = None, value: float | None = None, text: str | None = None, unit: str | None = None, source: str = ""
) -> dict[str, object]:
    time = datetime.fromisoformat(when) if when else None
    return {
        "subject_id": 7, "time": time, "code": code, "numeric_value": value, "text_value": text, "unit": unit, "available": time,
        "source_id": source or f"{FILE}/row/1",
    }  # fmt: skip


def make_patient(name: str = "Karl Weber-Nakamura") -> Patient:
    rows = [
        event("MEDS_BIRTH", "1961-05-02"),
        event("GENDER//M"),
        event("NAME", text=name),
        event("CONDITION//SNOMED//44054006", "2014-03-01", text="Diabetes mellitus type 2 (disorder)"),
        event("CONDITION//SNOMED//38341003", "2009-07-12", text="Hypertension"),
        event("CONDITION//SNOMED//195662009", "2019-02-10", text="Acute viral pharyngitis"),
        event("CONDITION//END//SNOMED//195662009", "2019-02-24"),
        event("MEDICATION//RxNorm//308182", "2026-01-02", text="amoxicillin", source=f"{FILE}/MedicationRequest/amox"),
        event("MEDICATION//RxNorm//83367", "2021-04-09", text="atorvastatin"),
        event("ALLERGY//SNOMED//91936005", "1999-01-01", text="Allergy to penicillin", source=f"{FILE}/AllergyIntolerance/pen"),
        *(event("LOINC//8480-6", f"20{y}-11-20", v, None, "mm[Hg]", f"{FILE}/Observation/bp{y}#8480-6") for y, v in PRESSURES),
        *(event("LOINC//2093-3", f"20{y}-11-20", v, None, "mg/dL", f"{FILE}/Observation/chol{y}") for y, v in CHOLESTEROL),
        *(event("LOINC//2160-0", f"20{y}-11-20", v, None, "mg/dL") for y, v in ((24, 0.98), (25, 1.07))),
        event("CONSILIUM//chest-pain-type", "2025-12-30", text="SNOMED//429559004"),
        event("CONSILIUM//exercise-heart-rate-max", "2025-12-30", 112, None, "/min"),
        event("CONSILIUM//exercise-st-depression", "2025-12-30", 2.4, None, "mm"),
        event("CONSILIUM//thallium-scan", "2025-12-31", text="CONSILIUM//perfusion-reversible-defect"),
        event("LOINC//99999-9", "2025-12-01", 3.25, None, "mmol/L"),
    ]  # fmt: skip
    return Patient("ward-42", AS_OF, table(rows))


SAID = {
    "en": {
        "abstain": "Cannot say without Nucleus radius, mean, texture, perimeter, area, smoothness, compactness…",
        "absent": "The question is not raised: no stroke assessment in the chart",
        "unknown": "Slope of ST not known; taken as typical of the patients the model learned from",
        "base": "before anything is known of this patient",
        "allergy": "amoxicillin is ordered, but an allergy to penicillin is recorded",
        "allergy_detail": "Stop or replace **amoxicillin** unless the allergy has been ruled out.",
        "cta": "Coronary CT angiography: coronary disease is likely and not yet proven",
        "cta_detail": "Anatomical imaging is preferred at this probability.\n\n- check renal function first",
        "cta_against": "Contrast: creatinine 1.07 mg/dL is in range, metformin is to be paused",
        "because": "Coronary heart disease: 87 in 100 patients like this (95 % interval 79 to 93 %)",
        "missing": "Would sharpen the opinion (moves the log-odds by 0.62 on average)",
        "note": "The allergy to latex is not in the allergy table: drugs were not checked against it.",
        "names": ["chest pain", "heart rate", "ST depression", "thallium scan", "systolic pressure", "cholesterol", "ST slope", "age"],
        "radius": "Nucleus radius, mean", "vessels": "Vessels on fluoroscopy",
    },
    "zh": {
        "abstain": "缺少以下信息，无法判断：细胞核半径均值、质地、周长、面积、光滑度、致密度…",
        "absent": "病历中没有卒中评估，因此未提出该问题",
        "unknown": "ST 段斜率未知；按训练患者的典型值处理",
        "base": "尚未考虑该患者任何信息时",
        "allergy": "已开具阿莫西林，但病历记录对青霉素过敏",
        "allergy_detail": "除非已排除过敏，否则应停用或更换**阿莫西林**。",
        "cta": "冠状动脉 CT 血管造影：冠心病可能性大，尚未证实",
        "cta_detail": "该概率下优先选择解剖学影像检查。\n\n- 先检查肾功能",
        "cta_against": "造影剂：肌酐 1.07 mg/dL 在参考范围内，需暂停二甲双胍",
        "because": "冠心病：此类患者每 100 人中约 87 人（95% 区间 79 至 93）",
        "missing": "可使意见更准确（平均改变对数优势 0.62）",
        "note": "过敏表中没有“乳胶”：未据此检查药物。",
        "names": ["胸痛类型", "运动最高心率", "ST 段压低", "铊显像", "收缩压", "总胆固醇", "ST 段斜率", "年龄"],
        "radius": "细胞核半径均值", "vessels": "透视下病变血管数",
    },
}  # fmt: skip


def make_consultation(language: str = "en") -> Consultation:
    said = SAID[language]
    names = said["names"]
    day = datetime(2025, 12, 30)

    def seen(
        n: int,
        code: str,
        when: datetime | None,
        weight: float,
        value: float | None = None,
        unit: str = "",
        answer: str = "",
        source: str = "",
    ) -> Evidence:
        statement = f"{names[n]} {value} {unit}" if value is not None else names[n]
        return Evidence("input", statement, code, value, unit, when, weight, "", (source,) if source else (), "heart", names[n], answer)

    evidence = (
        Evidence("base", said["base"], weight=-0.18, source="heart"),
        seen(
            3,
            "CONSILIUM//thallium-scan",
            datetime(2025, 12, 31),
            1.42,
            None,
            "",
            "CONSILIUM//perfusion-reversible-defect",
            f"{FILE}/row/17",
        ),
        seen(0, "CONSILIUM//chest-pain-type", day, -0.21, None, "", "SNOMED//429559004"),
        seen(1, "CONSILIUM//exercise-heart-rate-max", day, 0.66, 112.0, "/min"),
        seen(2, "CONSILIUM//exercise-st-depression", day, 0.91, 2.4, "mm"),
        seen(4, "LOINC//8480-6", datetime(2025, 11, 20), 0.22, 148.0, "mm[Hg]", "", f"{FILE}/Observation/bp25#8480-6"),
        seen(5, "LOINC//2093-3", datetime(2025, 11, 20), -0.45, 204.0, "mg/dL", "", f"{FILE}/Observation/chol25"),
        Evidence("missing", said["unknown"], "CONSILIUM//exercise-st-slope", weight=-0.12, name=names[6], source="heart"),
        seen(7, "MEDS_BIRTH", datetime(1961, 5, 2), 0.05, 64.0, "a"),
    )
    heart = Opinion("heart_disease", "SNOMED//53741008", 0.873, 0.79, 0.93, "", evidence, source="heart_disease 1.0 (0123456789ab)")
    breast = Opinion("breast_mass", "SNOMED//254837009", abstained=said["abstain"], source="breast_mass 1.0 (ba9876543210)")
    guide = Source("2019 ESC Guidelines for chronic coronary syndromes", "2019", "https://doi.org/10.1093/eurheartj/ehz425")
    table_ = Source("Drug allergy cross-reactivity table", "2026", "https://example.org/allergy")
    advice = (
        Advice(
            "stop", "RxNorm//308182", said["allergy"], said["allergy_detail"], "allergy", (said["allergy"],), table_, (), "critical",
            (f"{FILE}/AllergyIntolerance/pen", f"{FILE}/MedicationRequest/amox"),
        ),
        Advice(
            "order", "LOINC//33960-7", said["cta"], said["cta_detail"], "I B", (said["because"],), guide, (said["cta_against"],), "warning",
            (f"{FILE}/Observation/bp25#8480-6",),
        ),
        Advice("monitor", "LOINC//2093-3", said["names"][5] + " < 100 mg/dL", "", "I A", (said["because"],), guide),
        Advice("ask", "SNOMED//44054006", said["names"][0] + "?", "", "", (said["because"],), guide),
    )  # fmt: skip
    missing = (
        Missing(said["radius"], "CONSILIUM//nucleus-radius-mean", "[arb'U]", "breast_mass", True, said["missing"]),
        Missing(said["vessels"], "CONSILIUM//fluoroscopy-major-vessels", "{count}", "heart_disease", False, said["missing"]),
    )
    return Consultation("ward-42", AS_OF, (heart, breast), advice, missing, (Absence("stroke", said["absent"]),), language, (said["note"],))


@pytest.fixture
def shelf() -> Shelf:
    return make_shelf()


@pytest.fixture
def patient() -> Patient:
    return make_patient()


@pytest.fixture(params=["en", "zh"])
def consultation(request: pytest.FixtureRequest) -> Consultation:
    return make_consultation(request.param)


@pytest.fixture
def english() -> Consultation:
    return make_consultation("en")


@pytest.fixture
def nothing_known(english: Consultation) -> Consultation:
    return replace(english, opinions=(), advice=(), missing=(), absent=(), notes=())
