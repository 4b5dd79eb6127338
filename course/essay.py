"""A written answer and what a person gave for it.

Shared by the grader's gradebook, which holds them, and the page on which they are marked.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Given:
    """What the gradebook has from a person: `points` (None: none yet), a comment ("": none), and whether the answer
    waits for a person, for the first time or for a second look."""

    points: float | None = None
    comment: str = ""
    waits: bool = True


@dataclasses.dataclass(frozen=True)
class Essay:
    """An answer that a person marks. `key` is the gradebook's own for it; `text` is Markdown, or Python where
    `is_code`, "" where the graded notebook is gone; `most` are the points that it can get."""

    key: str
    student: str
    assignment: str
    notebook: str
    grade_id: str
    text: str
    most: float
    given: Given
    is_code: bool = False
