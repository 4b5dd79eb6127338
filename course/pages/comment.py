"""The few lines that stand beside a grade on a learning platform.

In: the final mark, the language of the assignment, the names of the student's pages. Out: HTML that the platform shows
as it is: the points, what was taken off or added, a person's comments, and where the rest is.
"""

from collections.abc import Sequence
from pathlib import Path

from course.mark import Mark
from course.pages.feedback import WORDS as FEEDBACK
from course.pages.feedback import number_said, points_said
from course.pages.markup import TEMPLATES
from helpers import language as languages

WORDS = languages.words(Path(__file__).with_suffix(".toml"))


def comment(mark: Mark, language: str, files: Sequence[str]) -> str:
    """The comment on a mark that has a score, on one line."""
    language = language if language in WORDS else "en"
    words, own = FEEDBACK[language], WORDS[language]

    lines = [f"{points_said(mark.score, mark.max_score, mark.open_points, language)}."]
    lines += [words["extra"].format(points=number_said(mark.extra, language))] if mark.extra else []
    lines += [words["late"].format(points=number_said(mark.penalty, language))] if mark.penalty else []
    lines += [words["teacher"].format(comment=text) for text in mark.comments.values()]
    lines += [own["page"].format(file=file) for file in files]
    return TEMPLATES.get_template("comment.html").render(lines=lines).strip()
