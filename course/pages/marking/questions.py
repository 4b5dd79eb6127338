"""The questions of a unit that a person marks, as the teacher's notebooks ask them.

In: the notebooks of one unit's assignments in several languages. Out: a `Question` for each: its text, the points that
its rubric gives, and the model answer, in the language of the page if there is a notebook in it.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator

from markupsafe import Markup

from course.exercise import HEADING
from course.folder import Folder
from course.pages import markup, texts

# The lines of a question's text that say what gives how many points: a list whose items begin with a number or ½,
# a word for points, and a colon, in any language.
RUBRIC_LINE = re.compile(r"^[-*+] +(?P<points>\d+(?:[.,]\d+)?|½|\d½) +(?P<rest>[^\W\d]+: .+(?:\n {2,}\S.*)*)$", re.M)


@dataclasses.dataclass(frozen=True)
class Question:
    """`key`: unit, notebook and grade id, the same over the languages of a unit. `rubric`: its lines, as the text has
    them; `text` is without them."""

    key: tuple[str, str, str]
    title: Markup
    text: Markup
    rubric: tuple[Markup, ...]
    model: Markup
    most: float


def of(folder: Folder, assignments: Iterable[str], language: str) -> dict[tuple[str, str, str], Question]:
    """The written questions of these assignments, in the order of the notebooks, without dropped ones (0 points)."""
    settings = {name: texts.settings(folder, name) for name in assignments}
    in_order = sorted(settings, key=lambda name: settings[name].get("language") != language)
    found: dict[tuple[str, str, str], Question] = {}
    for name in in_order:
        for question in _questions(folder, name, settings[name].get("unit", name)):
            found.setdefault(question.key, question)
    return found


def _questions(folder: Folder, assignment: str, unit: str) -> Iterator[Question]:
    for name, notebook in texts.read(folder, "source", assignment).items():
        for index, cell in enumerate(notebook.cells):
            own = cell.metadata.get("nbgrader", {})
            if own.get("grade") and own.get("solution") and own.get("points"):
                heading, text = _asked(notebook.cells[:index])
                rest, rubric = split_rubric(text)
                is_code = cell.cell_type == "code"
                yield Question(
                    key=(unit, name, own["grade_id"]),
                    title=markup.inline(texts.POINTS.sub("", heading)) if heading else Markup.escape(own["grade_id"]),
                    text=markup.markdown(rest),
                    rubric=tuple(map(markup.inline, rubric)),
                    model=markup.python(cell.source) if is_code else markup.markdown(cell.source),
                    most=float(own["points"]),
                )


def _asked(above: list) -> tuple[str, str]:
    """The heading of a question, and its text: what stands between the last heading above the answer and the answer."""
    said = "\n\n".join(cell.source for cell in above if cell.cell_type == "markdown")
    headings = list(HEADING.finditer(said))
    if not headings:
        return "", next((cell.source for cell in reversed(above) if cell.cell_type == "markdown"), "")
    return headings[-1][2].strip(), said[headings[-1].end() :].strip()


def split_rubric(text: str) -> tuple[str, tuple[str, ...]]:
    """A question's text without its rubric, and the lines of the rubric.

    >>> split_rubric("Why?\\n\\n- 1 point: the reason.\\n- ½ point: an example.")
    ('Why?', ('1 point: the reason.', '½ point: an example.'))
    """
    lines = tuple(f"{line['points']} {' '.join(line['rest'].split())}" for line in RUBRIC_LINE.finditer(text))
    return (RUBRIC_LINE.sub("", text).strip(), lines) if lines else (text, ())
