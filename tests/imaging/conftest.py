"""The phantom of `examples/imaging`, and the files that pydicom ships."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pydicom
import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("phantom", ROOT / "examples" / "imaging" / "phantom.py")
phantom_module = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(phantom_module)


@pytest.fixture(scope="session")
def made():
    """The module that makes the phantom."""
    return phantom_module


@pytest.fixture(scope="session")
def phantom_files(tmp_path_factory):
    return phantom_module.write_series(tmp_path_factory.mktemp("phantom"), phantom_module.phantom())


@pytest.fixture
def phantom_copy(phantom_files, tmp_path):
    """A folder of its own to spoil."""
    for file in phantom_files:
        shutil.copy(file, tmp_path / file.name)
    return tmp_path


@pytest.fixture(scope="session")
def shipped():
    """The folder of pydicom's own test files."""
    return Path(pydicom.__file__).parent / "data" / "test_files"


@pytest.fixture(scope="session")
def real_ct(tmp_path_factory):
    """The real series, 40 slices of which some neighbours are missing."""
    archive = ROOT.parent / "shared" / "data" / "ct_chest_series" / "ct_chest_series.tar.xz"
    if not archive.is_file():
        pytest.skip("no ../shared/data/ct_chest_series")
    import tarfile

    folder = tmp_path_factory.mktemp("ct")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="session")
def drawn_breasts():
    """The module that draws mammograms and keeps them as the public sets are."""
    folder = ROOT / "examples" / "imaging"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("mammograms", folder / "mammograms.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["mammograms"] = module  # its dataclass looks itself up
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module
