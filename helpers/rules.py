"""Rule groups: a test cell that says which rules an answer keeps, and gives points for each.

In: named groups with their points, and blocks of asserts. Out: the value of the test cell, a number of points in which
a person reads, in Jupyter and Colab, a table of the rules. nbgrader reads the number: partial credit.
"""

import contextlib
import html
import traceback
from collections.abc import Iterator

MARKS = {"passed": "✓", "failed": "✗", "later": "…"}
COLOURS = {"passed": "#0072B2", "failed": "#D55E00", "later": "#767676"}


class Rules:
    """The rule groups of one test, by name, with the points of each.

    A block of asserts belongs to a group; a group may have several. It is passed if none of its blocks raises.

    >>> rules = Rules({"sum": 2, "empty list": 1})
    >>> with rules("sum"):
    ...     assert sum([1, 2]) == 3, "Add all numbers."
    >>> with rules("empty list"):
    ...     assert max([]) == 0, "An empty list is 0."  # doctest: +ELLIPSIS
    ✗ empty list: ValueError: max()...
    >>> rules.score()
    2.0
    """

    def __init__(self, points: dict[str, float]):
        self.points = points
        self.tried: set[str] = set()
        self.errors: dict[str, BaseException] = {}  # the first of each group

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """A block of the group `name`: what it raises costs the group's points and nothing else."""
        if name not in self.points:
            raise KeyError(f"There is no rule group {name!r}.")
        self.tried.add(name)
        try:
            yield
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # SystemExit, a panic of Rust's: the group fails, the others are tried
            if name not in self.errors:
                self.errors[name] = error
                print(_report(name, error))

    def score(self) -> "Score":
        """The points of the groups that were tried and passed."""
        return Score(self)


class Score(float):
    """Points: a number for programs, a table of the rules for a person."""

    def __new__(cls, rules: Rules):
        """The sum of what was passed."""
        score = super().__new__(cls, sum(rules.points[name] for name in rules.tried - rules.errors.keys()))
        score.rules = rules
        return score

    def _repr_html_(self) -> str:
        rows = (self._row(name, points) for name, points in self.rules.points.items())
        return f"<table>{''.join(rows)}</table>"

    def _row(self, name: str, points: float) -> str:
        error = self.rules.errors.get(name)
        status = "failed" if error else "passed" if name in self.rules.tried else "later"
        mark = f'<td style="color: {COLOURS[status]}">{MARKS[status]}</td>'
        said = html.escape(saying(error)) if error else ""
        cells = "".join(f'<td style="text-align: left">{text}</td>' for text in (html.escape(name), said))
        return f"<tr>{mark}{cells}<td>{points:g}</td></tr>"


def saying(error: BaseException) -> str:
    """What a failed group says in one line: an assert its message, any other error its type as well."""
    if isinstance(error, AssertionError):
        return str(error)
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _report(name: str, error: BaseException) -> str:
    """The line of a failed group; below it, for an error that is no failed assert, where it was raised."""
    line = f"{MARKS['failed']} {name}: {saying(error)}"
    frames = [] if isinstance(error, AssertionError) else traceback.extract_tb(error.__traceback__)[2:]
    return "\n".join([line, *(frame.rstrip() for frame in traceback.format_list(frames))])
