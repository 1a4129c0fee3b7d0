"""What all tests share: the real data sets, unzipped once a session, or a skip that says so."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import settings

# How fast a machine is says nothing about whether a law holds: no test asserts on time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def unzipped(tmp_path_factory):
    """Unzip a data set of `../shared/data` by name; skip where it is absent."""
    done: dict[str, Path] = {}

    def unzip(name: str) -> Path:
        if name not in done:
            archives = sorted((DATA / name).glob("*.zip"))
            if not archives:
                pytest.skip(f"the data set {name} is not in {DATA}")
            done[name] = tmp_path_factory.mktemp(name)
            for archive in archives:
                zipfile.ZipFile(archive).extractall(done[name])
        return done[name]

    return unzip
