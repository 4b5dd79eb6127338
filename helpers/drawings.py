"""Drawings of transformers, as SVG with a text for those who do not see it, in the reader's language.

In: the name of a drawing, or what a head attends to. Out: an SVG, which a notebook shows as the value of a cell. What
stands in a drawing is `drawings.toml`. Colours come from Okabe and Ito's palette, and nothing is said by colour alone.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import jinja2

from helpers import language

WORDS = Path(__file__).with_suffix(".toml")
TEMPLATE = Path(__file__).with_suffix(".svg.jinja")
BLUE, ORANGE, GREEN, GREY, INK = "#0072B2", "#D55E00", "#009E73", "#767676", "#222222"
LETTER = 8.2  # width of a letter
GAP, BOX = 12, 30  # between boxes, and their height


@dataclasses.dataclass(frozen=True)
class Line:
    """From a place to a place."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: str = GREY
    width: float = 1.5
    opacity: float = 1.0
    dashed: bool = False
    arrow: bool = False


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle with round corners."""

    x: float
    y: float
    width: float
    height: float = BOX
    fill: str = "white"
    stroke: str = INK


@dataclasses.dataclass(frozen=True)
class Word:
    """A text at a place."""

    x: float
    y: float
    text: str
    anchor: str = "middle"
    colour: str = INK
    bold: bool = False


@dataclasses.dataclass(frozen=True)
class Drawing:
    """An SVG, and what there is to see on it, in words."""

    svg: str
    text: str

    def _repr_mimebundle_(self, **_):
        return {"image/svg+xml": self.svg, "text/plain": self.text}


def figure(name: str) -> Drawing:
    """One of the figures `layer`, `encoder`, `decoder`, `encoder_decoder`, in the language in which helpers speak."""
    words = language.words(WORDS)[language.current()][name]
    return _layer(words) if name == "layer" else _kind(words, name)


def attention(tokens: list[str], weights, least: float = 0.05) -> Drawing:
    """What each token (left) attends to (right): `weights [n, n]`; the thicker a line, the more. Lines below `least`
    are left out.
    """
    said = language.words(WORDS)[language.current()]
    width = max(len(token) for token in [*tokens, said["left"], said["right"]]) * LETTER + 20
    left, right, step = width, width + 260, 24
    places = [60 + step * row for row in range(len(tokens))]
    lines, pairs = [], []
    for row, at in enumerate(places):
        for column, other in enumerate(places):
            weight = float(weights[row][column])
            if weight >= least:
                lines.append(Line(left + 6, at, right - 6, other, BLUE, 0.5 + 5 * weight, 0.15 + 0.85 * weight))
                pairs.append((weight, f"{tokens[row]} → {tokens[column]} ({weight:.2f})"))
    words = [Word(left, 30, said["left"], "end", BLUE, True), Word(right, 30, said["right"], "start", BLUE, True)]
    for token, at in zip(tokens, places):
        words += [Word(left, at + 5, token, "end"), Word(right, at + 5, token, "start")]
    best = [pair for _, pair in sorted(pairs, key=lambda pair: -pair[0])[:5]]
    text = said["strongest"].format(pairs=", ".join(best))
    return _drawn(right + width, places[-1] + 30, text, lines, [], words)


def _layer(words: dict) -> Drawing:
    width, left, middle = 340, 230, 400
    rows = [("in", 300, "white"), ("attention", 240, "#0072B230"), ("add", 190, "white")]
    rows += [("forward", 130, "#D55E0030"), ("add", 80, "white"), ("out", 20, "white")]
    places = [at for _, at, _ in rows]
    lines = [Line(middle, low, middle, high + BOX + 6, arrow=True) for low, high in pairwise(places)]
    for number, (start, end) in enumerate(((300, 190), (190, 80))):  # what comes in goes past, and is added
        past, begin, finish = left + width + 28, start + BOX / 2 - 6 * number, end + BOX / 2 + 6 * (1 - number)
        corners = [(left + width, begin), (past, begin), (past, finish), (left + width + 6, finish)]
        lines += [Line(*corner, *following, GREEN, 2.5) for corner, following in pairwise(corners)]
        lines[-1] = dataclasses.replace(lines[-1], arrow=True)
    boxes = [Box(left, at, width, fill=fill) for _, at, fill in rows]
    said = [Word(middle, at + 20, words[name]) for name, at, _ in rows]
    said += [Word(left - 10, 260, words["together"], "end", BLUE), Word(left - 10, 150, words["alone"], "end", ORANGE)]
    said += [Word(left + width + 40, at, "+", "start", GREEN, True) for at in (205, 95)]
    return _drawn(640, 350, words["text"], lines, boxes, said)


def _kind(words: dict, name: str) -> Drawing:
    sees = (lambda _at, _from: True) if name != "decoder" else (lambda at, place: place <= at)
    parts = [_block(words["name"], words["tokens"], words["outputs"], 20, sees, BLUE if name != "decoder" else ORANGE)]
    if "second" in words:
        left = parts[0].right + len(words["across"]) * LETTER + 40
        parts.append(
            _block(words["second"], words["second_tokens"], words["second_outputs"], left, lambda a, p: p <= a, ORANGE)
        )
    lines = [line for part in parts for line in part.lines]
    boxes = [box for part in parts for box in part.boxes]
    said = [word for part in parts for word in part.words]
    if "second" in words:
        first, second = parts
        lines.append(Line(first.right, 60, second.left - 8, 110, GREEN, 2.5, dashed=True, arrow=True))
        said.append(Word((first.right + second.left) / 2, 50, words["across"], colour=GREEN))
    return _drawn(parts[-1].right + 20, 245, words["text"], lines, boxes, said)


@dataclasses.dataclass(frozen=True)
class _Block:
    left: float
    right: float
    lines: list[Line]
    boxes: list[Box]
    words: list[Word]


def _block(
    name: str, tokens: list[str], outputs: list[str], left: float, sees: Callable[[int, int], bool], colour: str
) -> _Block:
    """Tokens below, what comes out above, and between them who sees whom."""
    cell = max(len(word) for word in [*tokens, *outputs]) * LETTER + 20
    middles = [left + cell / 2 + (cell + GAP) * place for place in range(len(tokens))]
    right = middles[-1] + cell / 2
    lines = [
        Line(middles[place], 170, middles[at], 45 + BOX, colour, 1.8)
        for at in range(len(tokens))
        for place in range(len(tokens))
        if sees(at, place)
    ]
    boxes = [Box(middle - cell / 2, 170, cell) for middle in middles]
    boxes += [Box(middle - cell / 2, 45, cell, fill=f"{colour}30") for middle in middles]
    words = [Word(middle, 190, token) for middle, token in zip(middles, tokens)]
    words += [Word(middle, 65, output) for middle, output in zip(middles, outputs)]
    words.append(Word((left + right) / 2, 26, name, colour=colour, bold=True))
    return _Block(left, right, lines, boxes, words)


def _drawn(width: float, height: float, text: str, lines, boxes, words) -> Drawing:
    arrows = sorted({line.colour for line in lines if line.arrow})
    svg = _template().render(
        width=round(width), height=round(height), text=text, lines=lines, boxes=boxes, words=words, arrows=arrows
    )
    return Drawing("\n".join(line for line in svg.splitlines() if line.strip()), text)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
