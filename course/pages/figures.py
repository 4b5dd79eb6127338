"""Pictures of marks as SVG in the page: where the shapes stand, and what the picture says in words.

In: counts. Out: the numbers that a template draws; colours are the style sheet's, so that they follow light and dark.
"""

import dataclasses

from course.pages.statistics import STATES, Result, Spread

WIDTH, HEIGHT, FLOOR = 600, 180, 150  # of the histogram, in its own units; where the axis lies
BAR = 200  # width of a bar of states


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle with what is written at it; `kind` is its class in the style sheet."""

    x: float
    y: float
    width: float
    height: float
    label: str = ""
    kind: str = ""


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Boxes, the ticks below them (place, text) and the places of the mean and the median, which are those of the final
    marks as soon as there are some."""

    boxes: tuple[Box, ...]
    ticks: tuple[tuple[float, str], ...]
    mean: float
    median: float


def histogram(found: Spread, final: Spread | None, most: float, number) -> Histogram:
    """How many students lie in each tenth of the points: below those whose mark is `final`, above them the others.
    `number` writes a number for the reader."""
    step, unit = WIDTH / len(found.bins), (FLOOR - 24) / max(found.bins)
    boxes = []
    for place, (count, of_final) in enumerate(zip(found.bins, final.bins if final else [0] * len(found.bins))):
        left, width, top = place * step + 2, step - 4, FLOOR - unit * count
        if of_final:
            boxes.append(Box(left, FLOOR - unit * of_final, width, unit * of_final, kind="column"))
        if count > of_final:
            boxes.append(Box(left, top, width, unit * (count - of_final), kind="column waiting"))
        boxes.append(Box(left, top, width, 0.0, str(count) if count else ""))
    ticks = [(place * step, number(most * place / len(found.bins))) for place in range(len(found.bins) + 1)]
    scale, of = WIDTH / most if most else 0.0, final or found
    return Histogram(tuple(boxes), tuple(ticks), _within(of.mean * scale), _within(of.median * scale))


def _within(place: float) -> float:
    return min(WIDTH - 1.0, max(1.0, place))


def states(result: Result) -> tuple[Box, ...]:
    """One bar: how many students passed, got a part, failed, left it out, wait."""
    total, boxes, start = sum(result.counts.values()), [], 0.0
    for state in STATES:
        width = BAR * result.counts[state] / total if total else 0.0
        if width:
            boxes.append(Box(round(start, 2), 0, round(width, 2), 14, kind=state))
        start += width
    return tuple(boxes)
