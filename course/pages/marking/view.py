"""The marking page as HTML, in the teacher's language.

In: a site with its desk. Out: pages, and the card of one group, by which the script replaces it. The words are
`marking.toml`'s.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from course.essay import Essay
from course.pages.marking import rendering
from course.pages.marking.desk import COMMENT_LIMIT, Desk, Group
from course.pages.marking.grouping import words as words_of
from course.pages.marking.questions import Question
from course.pages.markup import TEMPLATES
from helpers import language as languages

if TYPE_CHECKING:
    from course.pages.marking.site import Site

WORDS = languages.words(Path(__file__).with_name("marking.toml"))
MOST_BUTTONS = 5  # points up to which there is a button for each half; above, one for each whole one
MOST_DIGIT = 9


class View:
    """How the page says things, in one language."""

    def __init__(self, language: str):
        self.language, self.words = language, WORDS[language]

    def index(self, site: "Site", token: str) -> str:
        return TEMPLATES.get_template("marking_index.html").render(site=site, view=self, words=self.words, token=token)

    def question(self, site: "Site", place: int, token: str) -> str:
        question = site.questions[place]
        return TEMPLATES.get_template("marking.html").render(
            site=site,
            view=self,
            words=self.words,
            token=token,
            place=place,
            question=question,
            groups=site.desk.groups.get(question.key, ()),
        )

    def card(self, site: "Site", group: Group, token: str) -> Markup:
        """A group: the answer, who gave it, its mark, and the form that changes it."""
        card = TEMPLATES.get_template("marking_card.html")
        return Markup(
            card.render(site=site, view=self, words=self.words, token=token, group=group, limit=COMMENT_LIMIT)
        )

    def number(self, value: float | None) -> str:
        """
        >>> View("es").number(1.5)
        '1,5'
        """
        decimal = languages.BY_CODE[self.language].decimal
        return "" if value is None else f"{round(value, 2) + 0.0:.10g}".replace(".", decimal)

    def left(self, desk: Desk, question: Question) -> str:
        groups = desk.groups.get(question.key, ())
        count, left = sum(len(group.essays) for group in groups), desk.left(question.key)
        said = "nothing" if not count else "left" if left else "none_left"
        return self.words[said].format(left=left, all=count)

    def size(self, group: Group) -> str:
        return self.words["many"].format(count=len(group.essays)) if len(group.essays) > 1 else self.words["one"]

    def state(self, group: Group) -> str:
        given, points = group.given, self.number(group.given.points)
        if given.points is None:
            return self.words["waits"]
        return self.words["again" if given.waits else "marked"].format(points=points, most=self.number(group.most))

    def entered(self, group: Group, left: int) -> str:
        if group.given.points is None:
            return self.words["comment_saved"]
        points = self.number(group.given.points)
        return self.words["entered"].format(points=points, count=len(group.essays), left=left)

    def choices(self, group: Group) -> list[tuple[str, str, bool]]:
        """The buttons for points: what is sent, what they say, whether it is the mark."""
        step = 0.5 if group.most <= MOST_BUTTONS else 1.0
        values = [number * step for number in range(int(min(group.most, MOST_DIGIT) / step) + 1)]
        if group.most <= MOST_DIGIT and group.most not in values:
            values.append(group.most)
        return [(f"{value:g}", self.number(value), value == group.given.points) for value in values]

    def names_button(self, site: "Site") -> str:
        return self.words["hide_names" if site.shows_names else "show_names"]

    def answer(self, essay: Essay) -> Markup:
        return rendering.answer(essay.text, is_code=essay.is_code)

    def other(self, group: Group, essay: Essay) -> Markup | None:
        """What an answer of a group has different from the group's first one; None where it is the same."""
        first = group.essays[0]
        if words_of(first.text, is_code=first.is_code) == words_of(essay.text, is_code=essay.is_code):
            return None
        return rendering.compared(first.text, essay.text)

    def languages(self, site: "Site", essays: Iterable[Essay]) -> str:
        """In which languages the notebooks of these answers are, as these call themselves; "" where they do not say."""
        codes = dict.fromkeys(site.languages.get(essay.assignment, "") for essay in essays)
        return ", ".join(languages.BY_CODE[code].name if code in languages.BY_CODE else code for code in codes if code)

    def who(self, site: "Site", essay: Essay, number: int) -> str:
        """An answer's number, or the student's name and id where names are shown."""
        if not site.shows_names:
            return self.words["answer_number"].format(number=number)
        name = site.names.get(essay.student, "")
        return f"{name} ({essay.student})" if name else essay.student
