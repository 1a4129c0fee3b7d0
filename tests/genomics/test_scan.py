"""Scan: the shipped readers on the first intron of the beta-globin gene."""

from consilium.genomics.dna import fasta
from consilium.genomics.reader import HOME, reader
from consilium.genomics.scan import scan


def found(name, **how):
    (path,) = (HOME / name / "examples").glob("*.fasta")
    ((sequence, bases),) = fasta(path)
    return scan(reader(name), sequence, bases, **how), bases


def test_the_donor_of_the_first_intron_and_the_cryptic_one_before_it():
    """Mutations that make the site at codon 25 win over the true one cause thalassaemia; both begin with GT."""
    scanned, bases = found("splice_donor", prior=0.01)
    assert {site.place for site in scanned.sites} == {77, 93}
    assert all(bases[site.place - 1 : site.place + 1] == "GT" for site in scanned.sites)
    heaviest = {base.place for site in scanned.sites for base in site.bases[:2]}
    assert heaviest == {77, 78, 93, 94}


def test_the_acceptor_of_the_first_intron():
    scanned, bases = found("splice_acceptor", prior=0.01)
    best = max(scanned.sites, key=lambda site: site.probability)
    assert best.place == 58 and bases[55:57] == "AG"


def test_a_start_31_bases_after_a_tata_box():
    scanned, bases = found("promoter")
    best = max(scanned.sites, key=lambda site: site.probability)
    assert abs(best.place - (bases.index("TATAAAAG") + 1 + 31)) <= 2


def test_of_windows_that_are_mostly_unknown_nothing_is_said():
    scanned, bases = found("splice_donor", prior=0.01)
    padded = scan(reader("splice_donor"), "n", "N" * 200 + bases, prior=0.01)
    assert padded.unread > 100 and padded.windows + padded.unread == scanned.windows + 200
    assert {site.place - 200 for site in padded.sites} >= {site.place for site in scanned.sites}
    unknown = scan(reader("splice_donor"), "n", "N" * 200, least=0.0)
    assert (unknown.windows, unknown.sites) == (0, ())
