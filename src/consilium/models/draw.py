"""Draw a decision tree as one self-contained SVG image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from consilium.models.trees import Trees

WIDTH, HEIGHT, GAP, FALL = 190, 66, 14, 60
# A threshold above every float32 asks only whether the value was observed.
LARGEST = 3.5e38


@dataclass(frozen=True, slots=True)
class Words:
    """What is written in the picture; another language gives its own."""

    title: str = "Decision tree"
    yes: str = "yes"
    no: str = "no"
    or_missing: str = " or missing"
    observed: str = "observed"
    patients: str = "patients"


def svg(trees: Trees, names: Sequence[str], units: Sequence[str], words: Words) -> str:
    """The first of the trees: a question in each box (met to the left), and in a leaf the share of its patients with the condition.

    Parameters
    ----------
    trees : Trees
        Leaves hold probabilities.
    names, units : sequences of str, length p
    words : Words

    Returns
    -------
    str
        An `<svg>` element with a `<title>`; text is escaped and nothing outside is referred to.
    """
    places: dict[int, tuple[float, int]] = {}
    leaves, depth = _place(trees, int(trees.roots[0]), 0, places, 0)
    width, height = leaves * (WIDTH + GAP) + GAP, (depth + 1) * HEIGHT + depth * FALL + 2 * GAP
    lines, answers, boxes = [], [], []
    for node, place in places.items():
        boxes.append(_box(*place, *_content(trees, node, names, units, words)))
        if trees.feature[node] < 0:
            continue
        missing_left = bool(trees.missing_left[node])
        for child, answer, missing in ((trees.left[node], words.yes, missing_left), (trees.right[node], words.no, not missing_left)):
            line, text = _answer(place, places[int(child)], answer + (words.or_missing if missing else ""))
            lines.append(line)
            answers.append(text)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        ' font-family="system-ui, sans-serif" font-size="13" text-anchor="middle">'
    )
    return "\n".join([head, f"<title>{escape(words.title)}</title>", *lines, *answers, *boxes, "</svg>"])


def _place(trees: Trees, node: int, depth: int, places: dict[int, tuple[float, int]], used: int) -> tuple[int, int]:
    """Put leaves side by side and every question above the middle of its answers; leaves so far and depth reached."""
    if trees.feature[node] < 0:
        places[node] = (GAP + used * (WIDTH + GAP) + WIDTH / 2, depth)
        return used + 1, depth
    left, right = int(trees.left[node]), int(trees.right[node])
    used, deep = _place(trees, left, depth + 1, places, used)
    used, deeper = _place(trees, right, depth + 1, places, used)
    places[node] = ((places[left][0] + places[right][0]) / 2, depth)
    return used, max(deep, deeper)


def _content(trees: Trees, node: int, names: Sequence[str], units: Sequence[str], words: Words) -> tuple[list[str], str]:
    """What stands in a box, and its colour: white for a question, from blue (none) to red (all) for a leaf."""
    patients = f"{trees.cover[node]:g} {words.patients}"
    column = int(trees.feature[node])
    if column < 0:
        share = float(trees.value[node])
        colour = f"rgb({round(219 + 36 * share)},{round(234 - 8 * share)},{round(254 - 28 * share)})"
        return [f"{100 * share:.0f} %", patients], colour
    cut, unit = float(trees.threshold[node]), "" if units[column] in ("", "1") else f" {units[column]}"
    return [names[column], words.observed if cut >= LARGEST else f"≤ {cut:.4g}{unit}", patients], "#ffffff"


def _box(across: float, down: int, lines: Sequence[str], colour: str) -> str:
    top = GAP + down * (HEIGHT + FALL)
    first = top + HEIGHT / 2 + 5 - 9 * (len(lines) - 1)
    box = f'<rect x="{across - WIDTH / 2:g}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{colour}" stroke="#334155"/>'
    texts = [
        f'<text x="{across:g}" y="{first + 18 * i:g}" fill="#0f172a"{_fit(text)}>{escape(text)}</text>' for i, text in enumerate(lines)
    ]
    return "".join([box, *texts])


def _fit(text: str) -> str:
    """Squeeze a text that would not fit its box."""
    return f' textLength="{WIDTH - 12}" lengthAdjust="spacingAndGlyphs"' if len(text) > 26 else ""


def _answer(above: tuple[float, int], below: tuple[float, int], answer: str) -> tuple[str, str]:
    """The line from a question down to what follows, and the answer written on it."""
    start, end = GAP + above[1] * (HEIGHT + FALL) + HEIGHT, GAP + below[1] * (HEIGHT + FALL)
    line = f'<line x1="{above[0]:g}" y1="{start}" x2="{below[0]:g}" y2="{end}" stroke="#334155"/>'
    text = (
        f'<text x="{(above[0] + below[0]) / 2:g}" y="{(start + end) / 2 + 4:g}" font-size="12" fill="#334155"'
        f' stroke="#ffffff" stroke-width="6" paint-order="stroke">{escape(answer)}</text>'
    )
    return line, text
