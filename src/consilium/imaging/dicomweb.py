"""DICOMweb: a study or series at an address is fetched into a folder that is gone afterwards; objects that were made are stored."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from consilium.core.errors import ExtraError, InputError
from consilium.imaging.dicom import MAX_BYTES
from consilium.imaging.series import MAX_FILES

if TYPE_CHECKING:
    from pydicom import Dataset

_ADDRESS = re.compile(r"(?P<base>https?://.+?)/studies/(?P<study>[0-9.]+)(?:/series/(?P<series>[0-9.]+))?/?")


@contextmanager
def fetched(paths: Iterable[str], progress: Callable[[str], None] = lambda _: None) -> Iterator[list[Path]]:
    """Paths as they are, and in place of each address (`https://HOST/dicom-web/studies/UID[/series/UID]`) a folder with its instances.

    Raises
    ------
    InputError
        When an address is not of that form, bears a password, or its server does not answer as DICOMweb does.
    ExtraError
        When an address is given and the client is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="consilium-") as temporary:
        local = []
        for number, text in enumerate(paths):
            if "://" not in text:
                local.append(Path(text))
                continue
            folder = Path(temporary) / str(number)
            folder.mkdir()
            _fetch(text, folder, progress)
            local.append(folder)
        yield local


def store(made: Iterable[Dataset], base: str) -> None:
    """Store objects at a DICOMweb server (STOW-RS).

    Raises
    ------
    InputError
        When the server refuses them.
    """
    client = _client(base)
    with _worded(base):
        client.store_instances(list(made))


def _fetch(address: str, folder: Path, progress: Callable[[str], None]) -> None:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise InputError(
            "Not an address of a study", where=_shown(address), expected="https://HOST/dicom-web/studies/UID or .../series/UID"
        )
    client = _client(match["base"])
    taken = 0
    with _worded(address):
        if match["series"]:
            found: Iterable[Any] = client.iter_series(match["study"], match["series"])
        else:
            found = client.iter_study(match["study"])
        for number, instance in enumerate(found, start=1):
            progress(f"fetched {number}")
            path = folder / f"{number:06d}.dcm"
            instance.save_as(path, enforce_file_format=True)
            taken += path.stat().st_size
            if number > MAX_FILES or taken > MAX_BYTES:
                raise InputError("The study is larger than is read at once", where=_shown(address), do="name a series of it")


def _client(base: str) -> Any:
    parts = urlsplit(base)
    if parts.username or parts.password:
        raise InputError("The address bears a password", where=_shown(base), do="leave it out; reach the server through its own login")
    if find_spec("dicomweb_client") is None:
        raise ExtraError("DICOMweb needs the imaging extra", found="no dicomweb_client", do="run `pip install 'consilium[imaging]'`")
    from dicomweb_client.api import DICOMwebClient

    client = DICOMwebClient(url=base)
    client.set_http_retry_params(max_attempts=2, wait_exponential_multiplier=100)
    return client


@contextmanager
def _worded(address: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, EOFError) as broken:
        raise InputError("The server did not answer as DICOMweb does", where=_shown(address), found=type(broken).__name__) from None


def _shown(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or '...'}{f':{parts.port}' if parts.port else ''}{parts.path}"
