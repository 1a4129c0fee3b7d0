"""DNA: letters, FASTA, windows and likeness."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilium.core.errors import FormatError, NotFoundError
from consilium.genomics.dna import CODES, alike, fasta, inward, reverse_complement, shares

letters = st.text(st.sampled_from(sorted(CODES)), min_size=1, max_size=80)


@given(letters)
def test_each_letter_is_its_bases_in_equal_parts(sequence):
    found = shares([sequence])[0]
    assert np.allclose(found.sum(axis=1), 1) and ((found > 0).sum(axis=1) == [len(CODES[letter]) for letter in sequence]).all()
    assert (shares([sequence.lower()])[0] == found).all()


@given(letters.map(lambda s: s.replace("U", "T")))
def test_the_other_strand_twice_is_this_one(sequence):
    assert reverse_complement(reverse_complement(sequence)) == sequence
    assert np.allclose(shares([reverse_complement(sequence)])[0], shares([sequence])[0][::-1, ::-1])


def test_a_window_is_read_from_both_ends_to_its_middle():
    X = np.arange(6 * 4, dtype=np.float32).reshape(1, 6, 4)
    found = inward(X)[0]
    assert found.shape == (3, 8)
    assert (found[-1] == np.concatenate([X[0, 2], X[0, 3]])).all() and (found[0] == np.concatenate([X[0, 0], X[0, 5]])).all()


def test_what_is_no_base_is_named():
    with pytest.raises(FormatError, match=r"place 3: found 'Z'"):
        shares(["ACZT"])
    with pytest.raises(FormatError, match="one length"):
        shares(["AC", "A"])


def test_fasta(tmp_path):
    path = tmp_path / "two.fa"
    path.write_text(">one first record\nacgt\nNN\n\n>two\nTTTT\n")
    assert list(fasta(path)) == [("one", "ACGTNN"), ("two", "TTTT")]
    packed = tmp_path / "two.fa.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert list(fasta(packed)) == list(fasta(path))
    bare = tmp_path / "bare.txt"
    bare.write_text("ACGT\nACGT\n")
    assert list(fasta(bare)) == [("bare", "ACGTACGT")]


@pytest.mark.parametrize(
    ("text", "said"), [(b">a\nAC-T\n", "line 2"), (b">a\n>b\nAC\n", "no sequence"), (b"", "no sequence"), (b"\xff\xfe", "no FASTA")]
)
def test_what_is_no_fasta_is_refused_by_name(tmp_path, text, said):
    path = tmp_path / "bad.fa"
    path.write_bytes(text)
    with pytest.raises(FormatError, match=said):
        list(fasta(path))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NotFoundError):
        list(fasta(tmp_path / "none.fa"))


def test_likeness_joins_copies_shifted_relatives_and_their_relatives():
    draw = np.random.default_rng(0)
    one, other = ("".join(draw.choice(list("ACGT"), 60)) for _ in range(2))
    shifted = one[10:] + "".join(draw.choice(list("ACGT"), 10))
    changed = "T" + shifted[1:30] + ("A" if shifted[30] != "A" else "C") + shifted[31:]
    assert alike([one, other, shifted, changed, one]).tolist() == [0, 1, 0, 0, 0]
