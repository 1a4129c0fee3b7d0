"""Cohort, features and scores of a whole record as a user asks for them: whole tables, runs that were killed, and refusals."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import consilium as c
from consilium.cli.main import app
from consilium.cli.verbs import example_ward, training_data
from consilium.core.errors import BusyError, FormatError, NotFoundError, RecordError
from consilium.record import matrix
from consilium.record.lock import exclusive
from consilium.record.tables import PARTS
from consilium.specialists.card_file import read_card
from consilium.specialists.cases import cases
from consilium.specialists.roster import folder_of

CARD = "breast_mass"
VERBS = ("cohort", "features", "score")
run = CliRunner()


def invoke(*words):
    return run.invoke(app, [str(w) for w in words])


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """The 569 patients of a specialist's own training data, as a record."""
    into = tmp_path_factory.mktemp("clinic") / "record"
    with training_data(folder_of(CARD), None) as (source, _):
        shutil.copytree(source.path, into, symlinks=True)
    return c.open_record(into)


@pytest.fixture(scope="module")
def whole(clinic, tmp_path_factory):
    """What each verb writes when nothing disturbs it."""
    home = tmp_path_factory.mktemp("whole")
    return {verb: getattr(c, verb)(CARD, clinic, home / verb) for verb in VERBS}


def bytes_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_features_are_what_a_specialist_is_trained_on(clinic, whole):
    import pyarrow as pa

    card = read_card(folder_of(CARD) / "card.yaml")
    found = cases(card, pa.concat_tables(clinic.events()))
    X, rest = matrix(whole["features"], card.inputs)
    order, own = np.argsort(rest["subject_id"].to_numpy()), np.argsort(found.subjects)
    np.testing.assert_array_equal(X[order], found.features.X[own])
    np.testing.assert_array_equal(rest["label"].to_numpy()[order], found.y[own])
    assert whole["cohort"].rows == whole["features"].rows == 569
    # The table holds no birth, so nobody's age is known; but everybody's question is raised.
    assert whole["score"].counts == {"age_unknown": 569}


@pytest.mark.parametrize("verb", VERBS)
def test_the_command_says_what_the_verb_writes(verb, clinic, whole, tmp_path):
    done = invoke(verb, CARD, "--record", clinic.path, "--into", tmp_path / "x", "--workers", 2)
    assert done.exit_code == 0 and "569 rows in" in done.output, done.output
    assert bytes_of(tmp_path / "x") == bytes_of(whole[verb].folder)
    again = invoke(verb, CARD, "--record", clinic.path, "--into", tmp_path / "x")
    assert again.exit_code == 0 and "Nothing was left to do" in again.output


@pytest.mark.parametrize("verb", VERBS)
def test_one_file_holds_the_same_under_the_sender_s_identifiers(verb, clinic, whole, tmp_path):
    into = tmp_path / "all.parquet"
    made = getattr(c, verb)(CARD, clinic, into)
    assert [p.name for p in tmp_path.iterdir()] == ["all.parquet"] and made.files == (into,)
    table = pq.read_table(into)
    names = dict(clinic.patients())
    assert [names[p] for p in table["patient_id"].to_pylist()] == table["subject_id"].to_pylist()
    assert made.read().drop_columns(["patient_id"]).equals(whole[verb].read()) and made.counts == whole[verb].counts
    before = into.stat().st_mtime_ns
    again = getattr(c, verb)(CARD, clinic, into)
    assert into.stat().st_mtime_ns == before and (again.rows, again.counts, again.already) == (made.rows, made.counts, 1)


def test_units_stand_in_one_file_too(clinic, tmp_path):
    c.features(CARD, clinic, tmp_path / "m.parquet")
    schema = pq.read_schema(tmp_path / "m.parquet")
    for i in read_card(folder_of(CARD) / "card.yaml").inputs:
        assert schema.field(i.name).metadata[b"unit"].decode() == i.unit


def test_a_split_is_a_part(clinic, whole, tmp_path):
    rows = 0
    for split in ("train", "tuning", "held_out"):
        done = invoke("score", CARD, "--record", clinic.path, "--into", tmp_path / split, "--split", split)
        assert done.exit_code == 0, done.output
        rows += sum(pq.read_metadata(p).num_rows for p in (tmp_path / split).rglob("*.parquet"))
    assert rows == whole["score"].rows


def test_a_moment_before_anything_was_known_asks_nobody(clinic, tmp_path):
    done = invoke("score", CARD, "--record", clinic.path, "--into", tmp_path / "x", "--as-of", "1890-01-01")
    assert done.exit_code == 0 and "\n0 rows" in "\n" + done.output


def test_a_card_may_be_a_file_or_a_folder(clinic, whole, tmp_path):
    mine = tmp_path / "mine" / CARD
    shutil.copytree(folder_of(CARD), mine)
    for name in (mine, mine / "card.yaml"):
        made = c.cohort(name, clinic, tmp_path / f"out {name.name}")
        assert made.read().equals(whole["cohort"].read())
    assert c.score(mine, clinic, tmp_path / "scores").read().equals(whole["score"].read())
    with pytest.raises(NotFoundError, match="no such specialist"):
        c.score("astrology", clinic, tmp_path / "stars")


def test_what_is_there_is_not_written_over(clinic, whole, tmp_path):
    (tmp_path / "letter.parquet").write_text("Dear colleague")
    with pytest.raises(FormatError, match="something else"):
        c.score(CARD, clinic, tmp_path / "letter.parquet")
    assert (tmp_path / "letter.parquet").read_text() == "Dear colleague"
    shutil.copy(whole["cohort"].files[0], tmp_path / "stray.parquet")
    with pytest.raises(FormatError, match="no plan"):
        c.score(CARD, clinic, tmp_path / "stray.parquet")
    c.cohort(CARD, clinic, tmp_path / "x.parquet")
    with pytest.raises(RecordError, match="something else"):
        c.score(CARD, clinic, tmp_path / "x.parquet")
    done = invoke("score", CARD, "--record", clinic.path, "--into", tmp_path / "x.parquet")
    assert done.exit_code == 1 and "Traceback" not in done.output and "something else" in " ".join(done.output.split())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / ".1.parquet-notes").touch()
    with pytest.raises(FormatError, match="something else"):
        c.score(CARD, clinic, tmp_path / "mine")
    assert (tmp_path / "mine" / ".1.parquet-notes").exists()


def test_two_runs_into_one_place_are_refused(clinic, tmp_path):
    for into, folder in ((tmp_path / "x", tmp_path / "x"), (tmp_path / "x.parquet", tmp_path / ("x.parquet" + PARTS))):
        folder.mkdir()
        with exclusive(folder), pytest.raises(BusyError, match="these tables"):
            c.score(CARD, clinic, into)
        assert c.score(CARD, clinic, into).rows == 569


def test_a_disk_that_is_full_at_the_last_step_loses_nothing(clinic, whole, tmp_path, monkeypatch):
    import errno

    from consilium.record import tables

    into = tmp_path / "x.parquet"
    really = tables.sync

    def full(path):
        if path.name.startswith(".x.parquet-"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        really(path)

    with monkeypatch.context() as patched:
        patched.setattr(tables, "sync", full)
        with pytest.raises(RecordError, match="No space left"):
            c.score(CARD, clinic, into)
    assert [p.name for p in tmp_path.iterdir()] == ["x.parquet" + PARTS]
    again = c.score(CARD, clinic, into)
    assert again.already > 1 and again.read().drop_columns(["patient_id"]).equals(whole["score"].read())


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def descendants(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children of a process are found in Linux's /proc")
@pytest.mark.parametrize(("verb", "workers", "into"), [("features", 1, "x"), ("score", 2, "x"), ("score", 1, "x.parquet")])
def test_killed_and_run_again_it_goes_on(verb, workers, into, clinic, whole, tmp_path):
    chance = random.Random(20261128)
    into = tmp_path / into
    folder = into if into.suffix != ".parquet" else into.with_name(into.name + PARTS)
    shards = len(whole[verb].files)
    command = [sys.executable, "-m", "consilium.cli.main", verb, CARD, "--record", str(clinic.path), "--into", str(into)]
    met = set()
    for _ in range(3):
        had = len(list(folder.rglob("[0-9]*.parquet")))
        child = subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted = had + chance.randint(1, max(1, (shards - had) // 2))
        while child.poll() is None and len(list(folder.rglob("[0-9]*.parquet"))) < wanted:
            time.sleep(0.002)
        helpers = descendants(child.pid) if child.poll() is None else []
        child.send_signal(signal.SIGKILL)
        killed = child.wait() == -signal.SIGKILL
        for _ in range(300):
            if not any(alive(pid) for pid in helpers):
                break
            time.sleep(0.1)
        assert not any(alive(pid) for pid in helpers), "a worker outlives the run that was killed"
        if killed and not into.is_file():
            kept = sorted(folder.rglob("[0-9]*.parquet"))
            met.add(len(kept))
            for path in kept:
                pq.read_table(path)
    assert any(0 < n < shards for n in met), "no run was killed at work, so nothing was tried"
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "569 rows" in done.stdout
    if into.is_file():
        assert pq.read_table(into).drop_columns(["patient_id"]).replace_schema_metadata().equals(whole[verb].read())
        assert [p.name for p in tmp_path.iterdir()] == [into.name]
    else:
        assert bytes_of(into) == bytes_of(whole[verb].folder)


def test_the_ward_is_scored_in_one_line(tmp_path):
    assert invoke("ingest", example_ward() / "*.json", "--record", tmp_path / "ward").exit_code == 0
    done = invoke("score", CARD, "--record", tmp_path / "ward", "--into", tmp_path / "s.parquet")
    assert done.exit_code == 0 and "not raised" in done.output and "answered" in done.output
