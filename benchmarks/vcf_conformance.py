"""How the VCF reader meets the conformance files of hts-specs: all that pass are read, none that fail crashes or passes in silence.

    python benchmarks/vcf_conformance.py

Prints a table for people, with pysam's behaviour on the same files beside it, and as its last line JSON: `passed_read` (of `passed`),
`failed_refused_or_warned` (of `failed`), `crashes`, `passed_warned` (files that are valid and were warned of), and pysam's counts.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import pysam

from consilium.core.errors import ConsiliumError
from consilium.genomics.conform import breaches
from consilium.genomics.vcf import VariantFile

DATA = Path(__file__).parents[2] / "shared/data/vcf_conformance/vcf_conformance.zip"
INSIDE = "hts-specs/test/vcf/"


def ours(path: Path) -> str:
    """What becomes of a file here."""
    try:
        names = VariantFile(path).header.samples
        for name in names or (None,):
            for _ in VariantFile(path, name).records():
                pass
    except ConsiliumError:
        return "refused"
    except Exception as crash:  # noqa: BLE001 - a crash of any kind is what is counted
        print("crash", path, type(crash).__name__, crash)
        return "crash"
    return "warned" if next(breaches(path, None), None) else "read"


def theirs(path: Path) -> str:
    """What becomes of it in pysam: htslib writes its warnings to the process's standard error."""
    with tempfile.TemporaryFile() as heard:
        kept = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            pysam.set_verbosity(3)
            with pysam.VariantFile(str(path)) as file:
                for record in file:
                    [dict(sample.items()) for sample in record.samples.values()]
            outcome = "read"
        except (ValueError, OSError, KeyError, TypeError, UnicodeDecodeError):
            outcome = "refused"
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        heard.seek(0)
        return "warned" if outcome == "read" and heard.read().strip() else outcome


def main() -> None:
    counts = {(whose, kind): Counter() for whose in ("consilium", "pysam") for kind in ("passed", "failed")}
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(DATA) as archive:
        names = [n for n in archive.namelist() if n.startswith(INSIDE) and n.endswith(".vcf")]
        archive.extractall(folder, names)
        for name in names:
            kind = "passed" if "/passed/" in name else "failed"
            counts["consilium", kind][ours(Path(folder) / name)] += 1
            counts["pysam", kind][theirs(Path(folder) / name)] += 1
    print(f"{'':12}{'files':10}{'read':>8}{'warned':>8}{'refused':>8}{'crash':>8}")
    for (whose, kind), found in counts.items():
        print(f"{whose:12}{kind:10}" + "".join(f"{found[x]:8}" for x in ("read", "warned", "refused", "crash")))
    passed, failed, pysams = counts["consilium", "passed"], counts["consilium", "failed"], counts["pysam", "failed"]
    figures = {
        "passed_read": passed["read"] + passed["warned"],
        "passed": passed.total(),
        "passed_warned": passed["warned"],
        "failed_refused_or_warned": failed["refused"] + failed["warned"],
        "failed": failed.total(),
        "crashes": passed["crash"] + failed["crash"],
        "pysam_failed_refused_or_warned": pysams["refused"] + pysams["warned"],
        "pysam_passed_warned": counts["pysam", "passed"]["warned"],
        "pysam_passed_refused": counts["pysam", "passed"]["refused"],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
