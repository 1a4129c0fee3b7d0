"""The same verbs in Python, as the design shows them."""

import subprocess
import sys
import zipfile

import pytest

import consilium as c
from consilium.cli.verbs import example_ward
from consilium.core.errors import InputError


def test_how_it_reads(tmp_path):
    record = c.ingest(example_ward() / "*.json", into=tmp_path / "ward")
    answer = c.consult(record.patient("amara-okafor", as_of="2025-05-21T15:00"))
    assert "95 % interval" in str(answer) and answer.opinions
    assert c.open_record(tmp_path / "ward").patients() == record.patients()


def test_fit_and_validate_on_splits_of_a_record(tmp_path):
    from consilium.cli.verbs import training_data
    from consilium.specialists.roster import folder_of

    with training_data(folder_of("breast_mass"), None) as (record, _):
        fitted = c.fit("breast_mass", record.train, into=tmp_path / "model")
        report = c.validate(fitted, record.held_out)
        assert report.auroc.value > 0.9 and report.n == len({s for t in record.held_out.events() for s in t["subject_id"].to_pylist()})
        with pytest.raises(InputError, match="trained on"):
            c.validate(fitted, record.train)


def test_importing_costs_nothing_heavy():
    heavy = ["sklearn", "lightgbm", "interpret", "onnx", "torch", "fastapi", "onnxruntime", "pandas", "matplotlib"]
    code = f"import sys, consilium; print([m for m in {heavy!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_consulting_needs_nothing_that_trains(tmp_path):
    code = (
        "import sys\n"
        "class Closed:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.split('.')[0] in ('sklearn', 'lightgbm', 'interpret', 'onnx', 'scipy', 'torch', 'pandas', 'matplotlib'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Closed())\n"
        "import consilium as c\n"
        f"r = c.ingest({str(example_ward() / '*.json')!r}, into={str(tmp_path / 'w')!r})\n"
        "print(c.consult(r.patient('kenji-moriyama')).opinions[0].probability)\n"
        "from consilium.serve import app; app(r.path)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0.5 < float(done.stdout) < 1


def test_training_data_are_found_in_the_archive_they_were_published_in(tmp_path):
    from consilium.cli.verbs import _files

    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("../../deep/set.csv", "a,b\n1,2\n")
    said = {"name": "a set", "about": {"file": "set.csv"}, "source": {"url": "https://example.org"}}
    aside = tmp_path / "aside"
    aside.mkdir()
    assert _files(tmp_path, said, aside) == [aside / "set.csv"]
    assert (aside / "set.csv").read_text() == "a,b\n1,2\n" and not (tmp_path.parent / "deep").exists()
    with pytest.raises(InputError, match="does not hold"):
        _files(tmp_path, {**said, "about": {"file": ["set.csv", "other.csv"]}}, aside)
