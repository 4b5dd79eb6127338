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
    """Boxes, the ticks below them (place, text) and the places of the mean and the median."""

    boxes: tuple[Box, ...]
    ticks: tuple[tuple[float, str], ...]
    mean: float
    median: float


def histogram(found: Spread, most: float, number) -> Histogram:
    """How many students lie in each tenth of the points. `number` writes a number for the reader."""
    step, top = WIDTH / len(found.bins), max(found.bins)
    boxes = []
    for place, count in enumerate(found.bins):
        height = (FLOOR - 24) * count / top
        boxes.append(Box(place * step + 2, FLOOR - height, step - 4, height, str(count) if count else ""))
    ticks = [(place * step, number(most * place / len(found.bins))) for place in range(len(found.bins) + 1)]
    scale = WIDTH / most if most else 0.0
    return Histogram(tuple(boxes), tuple(ticks), _within(found.mean * scale), _within(found.median * scale))


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
