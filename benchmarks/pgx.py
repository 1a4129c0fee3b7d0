"""Pharmacogenes of real 1000 Genomes people against the GeT-RM consensus, and the time that one genome takes, with PyPGx beside it.

    python benchmarks/pgx.py [--variants 4000000] [--no-peer]

The panel lists only sites that vary in it, so what it does not list is taken as the reference (as its README says). GeT-RM names that
have changed since are mapped, and the mapping is printed. A consensus allele whose position the panel does not list cannot be seen by
anybody; such samples are counted in the total and shown. Time is taken on a made VCF of one person: the person's own lines over the
pharmacogenes among millions of other variants, with index and without. PyPGx (in its own environment, where it installs) calls the
same samples gene by gene from the same phased files. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import pysam

from consilium.genomics.pharmacogenomics import call_all
from consilium.genomics.reading import read_genome
from consilium.genomics.vcf import VariantFile
from consilium.knowledge.builds import chromosome_lengths
from consilium.knowledge.pharmacogenes import pharmacogenes

sys.path.insert(0, str(Path(__file__).parent))
import peer

DATA = Path(__file__).parents[2] / "shared/data"
COMPARED = ("CYP2C19", "CYP2C9", "CYP3A5", "TPMT", "NUDT15")
RENAMED = {"CYP2C19": {"*38": "*1"}, "SLCO1B1": {"*1A": "*1", "*1B": "*37"}}
OTHERS = ("CYP2B6", "CYP4F2", "SLCO1B1", "UGT1A1", "CYP2D6")
THEIRS = """
import sys, time, json, warnings
warnings.filterwarnings("ignore")
import pypgx.api.pipeline as pipeline
from pypgx.sdk import Archive
import tempfile, pathlib
gene, vcf, samples = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
started = time.perf_counter()
with tempfile.TemporaryDirectory() as folder:
    out = str(pathlib.Path(folder) / "out")
    pipeline.run_ngs_pipeline(gene, out, variants=vcf, assembly="GRCh38", samples=samples, force=True)
    found = Archive.from_file(out + "/results.zip").data["Genotype"].to_dict()
print(json.dumps({"calls": found, "seconds": time.perf_counter() - started}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=4_000_000)
    parser.add_argument("--no-peer", action="store_true")
    given = parser.parse_args()
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("pgx_1000genomes", "getrm_truth"):
            with zipfile.ZipFile(DATA / name / f"{name}.zip") as archive:
                archive.extractall(folder)
        with next(folder.rglob("getrm_consensus_1kg_panel.tsv")).open() as lines:
            truth = list(csv.DictReader(lines, delimiter="\t"))
        panel = folder / "1kgp/GRCh38"
        print(f"{'gene':10}{'agree':>7}{'of':>6}  {'PyPGx agrees':>13}   what differs (consensus: called)")
        agree = total = theirs_agree = theirs_total = 0
        theirs_seconds: dict[str, float] = {}
        for gene in (*COMPARED, *OTHERS):
            rows = [r for r in truth if r["gene"] == gene]
            good, count, differing, samples = compare(gene, panel / f"{gene}.vcf.gz", rows)
            peers = "" if given.no_peer or gene not in COMPARED else beside(gene, panel / f"{gene}.vcf.gz", samples, rows)
            if isinstance(peers, tuple):
                theirs_agree, theirs_total = theirs_agree + peers[0], theirs_total + peers[1]
                theirs_seconds[gene] = peers[2]
                peers = f"{peers[0]} of {peers[1]}"
            print(f"{gene:10}{good:7}{count:6}  {peers:>13}   " + ", ".join(f"{n} x {a}: {b}" for (a, b), n in differing.most_common(4)))
            if gene in COMPARED:
                agree, total = agree + good, total + count
        print(f"names mapped: {RENAMED}")
        figures |= {"getrm_agree": agree, "getrm_total": total, "pypgx_agree": theirs_agree, "pypgx_total": theirs_total}
        if theirs_seconds:
            figures["pypgx_seconds_per_sample"] = {gene: round(seconds, 3) for gene, seconds in theirs_seconds.items()}
        figures |= timed(panel, folder, given.variants)
    print(json.dumps(figures))


def same(gene: str, diplotype: str) -> list[str]:
    """Alleles of a diplotype under today's names, in order."""
    renamed = RENAMED.get(gene, {})
    return sorted(renamed.get(a, a) for a in diplotype.split("/"))


def compare(gene: str, path: Path, rows: list[dict[str, str]]) -> tuple[int, int, Counter[tuple[str, str]], list[str]]:
    """How many samples agree, of how many in the panel, and how the others differ."""
    there = set(VariantFile(path).header.samples)
    rows = [r for r in rows if r["coriell_id"] in there]
    differing: Counter[tuple[str, str]] = Counter()
    for row in rows:
        called = call_all(VariantFile(path, row["coriell_id"]), [pharmacogenes()[gene]], build="GRCh38", absent_is_reference=True)[0]
        if [same(gene, d) for d in called.diplotypes] != [same(gene, row["getrm_consensus"])]:
            differing[row["getrm_consensus"], " or ".join(called.diplotypes) or "not called"] += 1
    return len(rows) - differing.total(), len(rows), differing, [r["coriell_id"] for r in rows]


def beside(gene: str, path: Path, samples: list[str], rows: list[dict[str, str]]) -> tuple[int, int, float] | str:
    """How PyPGx agrees on the same samples, of how many, and its seconds for one of them."""
    try:
        python = peer.python("pypgx", "pypgx==0.27.0", "pandas<3")
    except RuntimeError as absent:
        print(absent, file=sys.stderr)
        return "not installed"
    told = subprocess.run([str(python), "-c", THEIRS, gene, str(path), ",".join(samples)], capture_output=True, text=True, check=False)
    if told.returncode:
        print(told.stderr[-400:], file=sys.stderr)
        return "failed"
    found = json.loads(told.stdout.splitlines()[-1])
    wanted = {r["coriell_id"]: r["getrm_consensus"] for r in rows}
    agree = sum(same(gene, call) == same(gene, wanted[s]) for s, call in found["calls"].items())
    return agree, len(found["calls"]), found["seconds"] / len(samples)


def timed(panel: Path, folder: Path, variants: int) -> dict[str, float]:
    """Seconds for all genes of one person from a whole-genome VCF, with its index and without."""
    person = "NA12878"
    own = []
    for path in sorted(panel.glob("*.vcf.gz")):
        with gzip.open(path, "rt") as lines:
            column = 0
            for line in lines:
                if line.startswith("#CHROM"):
                    column = line.rstrip("\n").split("\t").index(person)
                elif not line.startswith("#"):
                    cells = line.rstrip("\n").split("\t")
                    if any(c in "123456789" for c in cells[column]):
                        own.append((cells[0].removeprefix("chr"), int(cells[1]), cells[3], cells[4], cells[column]))
    chance = random.Random(1)
    lengths = {name: n for name, n in chromosome_lengths("GRCh38").items() if name not in ("Y", "M")}
    whole = sum(lengths.values())
    plain = folder / "whole.vcf"
    with plain.open("w") as out:
        out.write("##fileformat=VCFv4.2\n" + "".join(f"##contig=<ID=chr{name},length={n}>\n" for name, n in lengths.items()))
        out.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        out.write("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", person]) + "\n")
        for name, length in lengths.items():
            mine = [o for o in own if o[0] == name]
            taken = {o[1] for o in mine}
            others = [p for p in (chance.randrange(10_000, length) for _ in range(int(variants * length / whole))) if p not in taken]
            keep = [(name, p, "A", "G", "0|1") for p in others]
            for _, start, ref, alt, genotype in sorted([*mine, *keep], key=lambda o: o[1]):
                out.write(f"chr{name}\t{start}\t.\t{ref}\t{alt}\t50\tPASS\tAC=1;AN=2;DP=30\tGT:DP:GQ\t{genotype}:30:99\n")
    packed = folder / "whole.vcf.gz"
    pysam.tabix_compress(str(plain), str(packed), force=True)
    plain.unlink()
    seconds = {}
    for key in ("seconds_per_sample_no_index", "seconds_per_sample"):
        if key == "seconds_per_sample":
            pysam.tabix_index(str(packed), preset="vcf", force=True)
            read_genome(packed, absent_is_reference=True)
        started, used = time.perf_counter(), time.process_time()
        reading = read_genome(packed, absent_is_reference=True)
        seconds[key] = round(time.perf_counter() - started, 3)
        seconds[key + "_processor"] = round(time.process_time() - used, 3)
    print(f"{variants:,} variants: {seconds}; CYP2C19 {reading.genes[4].diplotypes}")
    return seconds


if __name__ == "__main__":
    main()
