"""A report on disk: the same report back, or a refusal that names the field."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core import CalibrationPoint, Estimate, NetBenefitPoint
from consilium.core.errors import FormatError, ModelError, NotFoundError
from consilium.validation import from_json, read_report, to_json, write_report

numbers = st.floats(allow_nan=False, allow_infinity=False)
estimates = st.builds(Estimate, numbers, st.none() | numbers, st.none() | numbers)


def test_a_report_comes_back_as_it_was(report):
    assert from_json(to_json(report)) == report
    assert to_json(from_json(to_json(report))) == to_json(report)


@given(estimates, estimates, st.text(), st.dictionaries(st.text(), numbers), st.lists(st.text()))
def test_every_number_and_word_comes_back_exactly(report, auroc, observed, why, missing, limits):
    changed = replace(
        report,
        auroc=auroc,
        calibration=(CalibrationPoint(0.1, observed, 3),),
        net_benefit=(NetBenefitPoint(0.2, observed, -0.1),),
        why=why,
        missing=missing,
        limits=tuple(limits),
        subgroups=(),
    )
    assert from_json(to_json(changed)) == changed


def test_the_file_is_plain_json_in_the_order_of_the_report(report):
    plain = json.loads(to_json(report))
    assert list(plain)[:3] == ["card", "version", "learner"]
    assert plain["auroc"] == {"value": report.auroc.value, "low": report.auroc.low, "high": report.auroc.high}
    assert plain["subgroups"][-1]["name"] == report.subgroups[-1].name


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (lambda r: r.pop("brier"), "brier"),
        (lambda r: r["slope"].update(value="0.9"), "slope.value"),
        (lambda r: r["slope"].update(value=None), "slope.value"),
        (lambda r: r.update(n=12.5), "n"),
        (lambda r: r["calibration"][2].pop("n"), "calibration.2.n"),
        (lambda r: r["subgroups"][0].update(events="many"), "subgroups.0.events"),
        (lambda r: r["net_benefit"][3].update(extra=1), "net_benefit.3.extra"),
        (lambda r: r.update(passed=True), "passed"),
        (lambda r: r["missing"].update(age="none"), "missing.age"),
        (lambda r: r.update(limits="one"), "limits"),
        (lambda r: r.update(events=0), "patients with and without"),
    ],
)
def test_damage_is_refused_with_the_field_named(report, spoil, field):
    plain = json.loads(to_json(report))
    spoil(plain)
    with pytest.raises(FormatError) as refused:
        from_json(json.dumps(plain).encode(), where="here.json")
    assert field in str(refused.value)
    assert "here.json" in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"card": NaN}'])
def test_what_is_no_report_is_refused(data):
    with pytest.raises(FormatError):
        from_json(data)


@given(st.data())
def test_a_cut_file_is_refused(report, data):
    whole = to_json(report)
    cut = data.draw(st.integers(0, len(whole.rstrip()) - 1))
    with pytest.raises(FormatError):
        from_json(whole[:cut])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_json_cannot_hold_is_refused_when_written(report, value):
    with pytest.raises(ModelError, match=r"brier\.high"):
        to_json(replace(report, brier=Estimate(0.1, 0.0, value)))


def test_a_file_is_written_whole_and_read_back(report, tmp_path):
    path = tmp_path / "report.json"
    write_report(path, report)
    write_report(path, replace(report, why="again"))
    assert read_report(path) == replace(report, why="again")
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_report_that_cannot_be_written_leaves_the_old_one(report, tmp_path):
    path = tmp_path / "report.json"
    write_report(path, report)
    with pytest.raises(ModelError):
        write_report(path, replace(report, brier=Estimate(math.nan)))
    assert read_report(path) == report
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_is_not_there_or_damaged_is_named(tmp_path):
    with pytest.raises(NotFoundError, match=r"nowhere\.json"):
        read_report(tmp_path / "nowhere.json")
    (tmp_path / "cut.json").write_bytes(b'{"card": "x"}')
    with pytest.raises(FormatError, match=r"cut\.json, field version"):
        read_report(tmp_path / "cut.json")
