"""The final mark of a student.

Shared by the grader, which makes it from the gradebook, and by everything that shows it or sends it back.
"""

import dataclasses
import datetime
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Mark:
    """The mark of a student, in points.

    `score` is the final one, 0 or more; None where nothing could be graded and no person has given anything.
    It is `automatic + manual + extra - penalty`, or 0 where that is less: `automatic` has the cells to which no person
    gave points, `manual` the others. `max_score` is the assignment's as it is now.

    `open`: grade ids that wait for a person, for the first time or for a second look; `open_points` are all points that
    these have, and as many of the mark are not final. `cells`: the final points of
    each graded cell, None where it waits and has none yet. In an assignment of several notebooks a grade id stands
    behind its notebook's name (`first/test_f`), as in a `Verdict`; `parts` are the marks of each notebook by its name,
    with its own grade ids. `by_hand`: the cells that a person gave points to. `comments`: a person's, by the grade
    id of the answer.

    `late_seconds` is 0.0 for what came in time, or where no time or no due date is known. `submitted_at` is aware.
    """

    student: str
    assignment: str
    score: float | None
    max_score: float
    automatic: float
    manual: float
    extra: float
    penalty: float
    open: tuple[str, ...]
    cells: Mapping[str, float | None]
    late_seconds: float
    submitted_at: datetime.datetime | None
    open_points: float = 0.0
    by_hand: frozenset[str] = frozenset()
    comments: Mapping[str, str] = dataclasses.field(default_factory=dict)
    parts: Mapping[str, "Mark"] = dataclasses.field(default_factory=dict)
