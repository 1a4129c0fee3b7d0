"""Polygenic scores: sums beside plink2's, one person alone beside the cohort, and time.

    python benchmarks/prs.py [--times 3]

Scores 2,504 people at the variants of PGS001229 on chromosome 22 (the PGS Catalog Calculator's own test set). What is not called counts
with the cohort's allele frequency, computed once and then fixed, as plink2 does by default. plink2 prints six digits, so its sums are
matched to half of the last; the exact difference is taken to a plain sum of weight times dosage in double precision. plink2 (Debian's,
one thread) reads the same VCF in the same run where it is installed. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from consilium.genomics.polygenic import score
from consilium.genomics.scoring import Scoring, read_scoring
from consilium.genomics.vcf import VariantFile

DATA = Path(__file__).parents[2] / "shared/data/prs/prs.zip"
SCORE = "pgsc_calc/scorefiles/PGS001229_22.txt"
PEOPLE = "pgsc_calc/target_genomes/cineca_synthetic_subset.vcf.gz"
PLINK = "expected/cineca.PGS001229_22.plink2.sscore"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(DATA) as archive:
        folder = Path(scratch)
        for name in (SCORE, PEOPLE, PLINK):
            archive.extract(name, folder)
        made, path = read_scoring(folder / SCORE), folder / PEOPLE
        first = VariantFile(path).header.samples[0]
        file = VariantFile(path, first)
        frequencies, plain = by_hand(file, made)
        best = min(
            once(lambda: score(file, made, everybody=True, keep_ambiguous=True, frequencies=frequencies)) for _ in range(given.times)
        )
        found = score(file, made, everybody=True, keep_ambiguous=True, frequencies=frequencies)
        with (folder / PLINK).open() as lines:
            printed = {row["IID"]: float(row["SCORE1_SUM"]) for row in csv.DictReader(lines, delimiter="\t")}
        to_plink = max(abs(s - printed[n.split("_")[0]]) for n, s in zip(found.samples, found.sums, strict=True))
        alone = max(
            abs(score(VariantFile(path, n), made, keep_ambiguous=True, frequencies=frequencies).sums[0] - found.sums[i])
            for i, n in list(enumerate(found.samples))[:: len(found.samples) // 20]
        )
        theirs = plink(folder, made, given.times)
    figures = {
        "max_abs_diff": float(np.abs(found.sums - plain).max()),
        "max_abs_diff_plink2_printed": to_plink,
        "alone_versus_cohort": alone,
        "seconds": round(best, 3),
        "plink2_seconds": None if theirs is None else round(theirs, 3),
        "ratio_vs_plink2": None if theirs is None else round(best / theirs, 2),
        "people": len(found.samples),
        "variants": made.total,
    }
    for key, value in figures.items():
        print(f"{key:32}{value}")
    print(json.dumps(figures))


def once(act) -> float:
    """Processor seconds of one run."""
    started = time.process_time()
    act()
    return time.process_time() - started


def by_hand(file: VariantFile, made: Scoring) -> tuple[dict[tuple[str, int, str], float], np.ndarray]:
    """Allele frequencies of the cohort, and the sums as one line of arithmetic."""
    frequencies, rows = {}, {}
    for line in file.lines({w.chromosome: [(v.start, v.start) for v in made.weights] for w in made.weights[:1]}):
        for i, allele in enumerate((line.ref, *line.alts)):
            dosage, seen = line.dosage(i)
            frequencies[line.chromosome, line.start, allele] = dosage.sum() / (2 * seen.sum())
            rows[line.chromosome, line.start, allele] = np.where(seen, dosage, dosage.sum() / seen.sum())
    weights = [(w.weight, rows[w.chromosome, w.start, w.effect]) for w in made.weights if (w.chromosome, w.start, w.effect) in rows]
    return frequencies, np.sum([weight * dosage for weight, dosage in weights], axis=0)


def plink(folder: Path, made: Scoring, times: int) -> float | None:
    """Processor seconds of plink2 on the same files, or None where it is not installed."""
    program = shutil.which("plink2")
    if program is None:
        print("plink2 is not installed (apt install plink2): no ratio")
        return None
    table = folder / "score.tsv"
    table.write_text("".join(f"{w.id}\t{w.effect}\t{w.written}\n" for w in made.weights))
    command = [program, "--threads", "1", "--vcf", str(folder / PEOPLE), "--score", str(table), "1", "2", "3", "cols=+scoresums",
               "ignore-dup-ids", "--out", str(folder / "out")]  # fmt: skip
    best = None
    for _ in range(times):
        before = sum(cpu())
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        if told.returncode:
            print(told.stdout[-300:], told.stderr[-300:])
            return None
        used = sum(cpu()) - before
        best = used if best is None else min(best, used)
    return best


def cpu() -> tuple[float, float]:
    """Processor seconds of finished children."""
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime, used.ru_stime


if __name__ == "__main__":
    main()
