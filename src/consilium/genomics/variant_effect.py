"""Variant effect: how likely one base changed in a gene takes away its function, from what the variant's names tell alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from consilium.core.errors import InputError
from consilium.genomics.hgvs import Hgvs, Protein, read_hgvs
from consilium.genomics.reader import Reader, ReaderCard, reader
from consilium.knowledge.amino_acids import amino_acids
from consilium.models.odds import probability_of


@dataclass(frozen=True, slots=True)
class Effect:
    """The probability that a variant takes away the gene's function in the assay that was learned from.

    Parameters
    ----------
    variant, protein : str
        As read.
    probability, low, high : float
        Calibrated, with a 95 % interval of sampling.
    reasons : tuple of (str, float, float)
        What is told of the variant, its value, and what it adds to the log-odds; the heaviest first.
    limits : tuple of str
        What the reader of it must know.
    """

    variant: str
    protein: str
    probability: float
    low: float
    high: float
    reasons: tuple[tuple[str, float, float], ...]
    limits: tuple[str, ...]


def variant_effect(variant: str, protein: str = "", *, of: Reader | None = None) -> Effect:
    """How likely a single base changed in BRCA1 takes away its function, as saturation editing measured it.

    Parameters
    ----------
    variant : str
        HGVS of the coding sequence, as `c.5096G>A`.
    protein : str
        HGVS of the protein, as `p.Arg1699Gln`; needed inside the coding part, since no genome is at hand to derive it.
    of : Reader, optional
        By default the shipped one.

    Raises
    ------
    InputError
        When it is no change of one base, lies outside the exons learned from and the bases around them, or the two names disagree.
    ConsiliumError
        When the reader does not meet its bar.

    Examples
    --------
    >>> stop, silent = variant_effect("c.5137G>T", "p.Gly1713Ter"), variant_effect("c.5139G>A", "p.Gly1713=")
    >>> stop.probability > 0.8 > 0.2 > silent.probability
    True
    """
    own = of or reader("brca1_effect")
    told = features(own.card, variant, protein)
    X = np.array([[told.get(name, np.nan) for name in own.card.inputs]], dtype=np.float32)
    log_odds = own.model.log_odds(X)
    low, high = own.model.interval(log_odds)
    weights = own.model.attribute(X).weights[0]
    order = np.argsort(-np.abs(weights), kind="stable")
    reasons = tuple((own.card.inputs[k], float(X[0, k]), float(weights[k])) for k in order if weights[k])
    return Effect(variant, protein, float(probability_of(log_odds)[0]), float(low[0]), float(high[0]), reasons, own.card.limits)


def features(card: ReaderCard, variant: str, protein: str = "") -> Mapping[str, float]:
    """What a variant's names tell: its place in the exon, its bases, and what becomes of the amino acid, where something does.

    Errors as for `variant_effect`.
    """
    name = read_hgvs(variant)
    if not isinstance(name, Hgvs) or name.kind != "c" or name.change != "sub" or len(name.ref) != 1 or len(name.alt) != 1:
        raise InputError("Only one changed base of a coding sequence can be judged", found=variant, expected="as c.5096G>A")
    place, edges = name.start, card.context["exons"]
    exon = next(((first, last) for first, last in edges if first <= place.base <= last and not place.after_stop), None)
    if exon is None or abs(place.offset) > card.context["intron"]:
        raise InputError(
            "A variant lies outside of what was learned from", found=variant,
            expected=f"exons {', '.join(f'c.{a} to c.{b}' for a, b in edges)} and {card.context['intron']} bases around them",
        )  # fmt: skip
    if place.offset:
        # c.81-3 lies 3 before the exon's first base, c.80+3 beyond its last.
        from_start = float(place.offset if place.offset < 0 else exon[1] - exon[0] + 1 + place.offset)
        from_end = float(-place.offset if place.offset > 0 else exon[1] - exon[0] + 1 - place.offset)
    else:
        from_start, from_end = float(place.base - exon[0]), float(exon[1] - place.base)
    told = {
        # Counted from as far into the intron as the reader knows, so that no value is negative.
        "from_exon_start": min(from_start, card.context["far"]) + card.context["intron"],
        "from_exon_end": min(from_end, card.context["far"]) + card.context["intron"],
        "intronic": float(place.offset != 0),
        "untranslated": float(place.base < 0),
        "transition": float({name.ref, name.alt} in ({"A", "G"}, {"C", "T"})),
        **{f"ref_{base}": float(name.ref == base) for base in "ACGT"},
        **{f"alt_{base}": float(name.alt == base) for base in "ACGT"},
    }
    if place.offset or place.base < 0:
        if protein:
            raise InputError("A variant outside the coding part has no protein name", found=(variant, protein))
        return told
    return {**told, "codon_place": float((place.base - 1) % 3 + 1), **_protein(variant, (place.base - 1) // 3 + 1, protein)}


def _protein(variant: str, codon: int, text: str) -> dict[str, float]:
    if not text:
        raise InputError(
            "A variant of the coding part needs its protein name", found=variant, do="give it too, as p.Arg1699Gln or p.Leu28="
        )
    name = read_hgvs(text)
    if not isinstance(name, Protein) or name.change not in ("sub", "same") or name.start != codon or len(name.new) > 1:
        raise InputError(
            "The two names of a variant disagree", found=(variant, text), expected=f"one amino acid changed, or none, at {codon}"
        )
    new = name.first if name.change == "same" else name.new[0]
    told = {"synonymous": float(new == name.first), "nonsense": float(new == "Ter"), "start_lost": float(codon == 1 and new != name.first)}
    known = amino_acids()
    if name.first not in known:
        raise InputError("The stop codon is not among what was learned from", found=text)
    ref, alt = known[name.first], known.get(new)
    told |= {f"ref_{kind}": value for kind, value in ref._asdict().items()} | {"ref_proline": float(name.first == "Pro")}
    if alt is not None:
        told |= {f"change_{kind}": value - getattr(ref, kind) for kind, value in alt._asdict().items()}
        told |= {"alt_hydropathy": alt.hydropathy, "alt_volume": alt.volume, "alt_proline": float(new == "Pro")}
    return told
