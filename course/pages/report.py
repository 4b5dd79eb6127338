"""What a teacher wants to know of a class: one page, complete in itself, for twenty students or four hundred.

In: what grading has kept, the final marks, the roster. Out: HTML that loads nothing from elsewhere, in the teacher's
language: how the marks are spread, what each exercise and rule says about the class, who wrote the same, what needs a
look, and a line for every student. Its one script sorts and filters; without it the page is as complete.
"""

import base64
import dataclasses
import datetime
import hashlib
from collections.abc import Iterator
from pathlib import Path

from markupsafe import Markup

from course.folder import Folder, replace_file
from course.pages import figures, similarity, statistics, written
from course.pages.markup import TEMPLATES
from course.pages.similarity import Group, Shared
from course.pages.standing import Row, Unit
from course.pages.statistics import Result, Spread
from course.pages.texts import Item, Texts, texts_of
from course.pages.voice import Voice
from course.verdict import CellScore

GROUPS_SHOWN = 25  # groups of alike answers
PAIRS_SHOWN = 60  # pairs side by side, on the whole page
MESSAGES_SHOWN = 5  # of an exercise or rule
COLUMNS = {
    "open": lambda row: row.open,
    "automatic": lambda row: row.automatic != row.score,
    "manual": lambda row: row.manual,
    "extra": lambda row: row.extra,
    "penalty": lambda row: row.penalty,
    "late": lambda row: row.late_seconds > 0,
    "due": lambda row: row.due,
    "state": lambda row: True,
    "flags": lambda row: row.flags,
    "language": lambda row: row.language,
}
SHORT = {"passed": "p", "partial": "q", "failed": "f", "left_out": "l", "waiting": "w"}  # classes of many cells


@dataclasses.dataclass(frozen=True)
class Notice:
    """Something that needs a look: a sentence, and whom it is about, each with what there is to say."""

    said: str
    people: tuple[tuple[Row, Markup | str], ...]


@dataclasses.dataclass(frozen=True)
class Alike:
    """A group of students with alike answers, and of its pairs what they share."""

    group: Group
    pairs: tuple[tuple[similarity.Pair, tuple[Shared, ...]], ...]


@dataclasses.dataclass(frozen=True)
class Section:
    """All that the page says about one unit. `spread` is that of all marks, `final` that of those with nothing open."""

    anchor: str
    unit: Unit
    texts: Texts
    items: tuple[Item, ...]
    spread: Spread | None
    final: Spread | None
    histogram: figures.Histogram | None
    results: tuple[Result, ...]
    notices: tuple[Notice, ...]
    alike: tuple[Alike, ...]
    more_alike: int

    @property
    def by_id(self) -> dict[str, Item]:
        """The graded cells by their grade ids."""
        return {item.grade_id: item for item in self.items}

    @property
    def columns(self) -> list[str]:
        """The columns of the table of students, but for those in which nobody has anything."""
        rows = self.unit.rows
        return [name for name, value in COLUMNS.items() if any(map(value, rows))]


def write(folder: Folder, units: list[Unit], roster: dict[str, str], language: str, target: Path) -> None:
    """Write the page for these units; `roster`: id → name, empty where there is none."""
    replace_file(target, page(folder, units, roster, language, datetime.datetime.now()).encode())


def page(folder: Folder, units: list[Unit], roster: dict[str, str], language: str, made: datetime.datetime) -> str:
    """The page as HTML."""
    voice = Voice(language, {row.student: row.name for unit in units for row in unit.rows if row.name})
    room = PAIRS_SHOWN
    sections = []
    for number, unit in enumerate(units, 1):
        section = _section(f"unit-{number}", folder, unit, roster, voice, room)
        room -= sum(bool(shared) for alike in section.alike for _, shared in alike.pairs)
        sections.append(section)
    style, script = (TEMPLATES.loader.get_source(TEMPLATES, f"report.{kind}")[0] for kind in ("css", "js"))
    return TEMPLATES.get_template("report.html").render(
        voice=voice,
        words=voice.words,
        sections=sections,
        everybody=_everybody(units) if len(units) > 1 else {},
        made=made.strftime("%Y-%m-%d %H:%M"),
        figures=figures,
        short=SHORT,
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}",
        shown=MESSAGES_SHOWN,
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _everybody(units: list[Unit]) -> dict[str, list[Row]]:
    """Student → a row for each unit."""
    found: dict[str, list[Row]] = {}
    for unit in units:
        for row in unit.rows:
            found.setdefault(row.student, []).append(row)
    return dict(sorted(found.items(), key=lambda one: (one[1][0].label.casefold(), one[0])))


def _section(anchor: str, folder: Folder, unit: Unit, roster: dict[str, str], voice: Voice, room: int) -> Section:
    texts = texts_of(folder, unit.name, list(unit.assignments), voice.language)
    items = _items(unit, texts)
    spread = statistics.spread(unit.counted)
    final = statistics.spread(row for row in unit.counted if not row.open)
    answers = written.answers(folder, unit, texts.ids)
    groups = similarity.groups(answers, texts.given)
    return Section(
        anchor=anchor,
        unit=unit,
        texts=texts,
        items=items,
        spread=spread,
        final=final,
        histogram=figures.histogram(spread, final, unit.most, voice.number) if spread else None,
        results=tuple(statistics.results(unit.counted, items, texts.said)),
        notices=tuple(_notices(unit, roster, {item.grade_id: item for item in items}, voice)),
        alike=tuple(_side_by_side(groups[:GROUPS_SHOWN], answers, room)),
        more_alike=max(0, len(groups) - GROUPS_SHOWN),
    )


def _items(unit: Unit, texts: Texts) -> tuple[Item, ...]:
    """The graded cells: those of the notebook, and those that only verdicts know."""
    known = {item.grade_id for item in texts.items}
    others: dict[str, CellScore] = {}
    for row in unit.counted:
        for cell in row.verdict.cells:
            if cell.grade_id not in known:
                others.setdefault(cell.grade_id, cell)
    more = [
        Item(cell.grade_id, Markup.escape(cell.grade_id), str(number), cell.max_score)
        for number, cell in enumerate(others.values(), len(known) + 1)
    ]
    return (*texts.items, *more)


def _side_by_side(groups: list[Group], answers: dict, room: int) -> Iterator[Alike]:
    for group in groups:
        pairs = []
        for pair in group.pairs:
            pairs.append((pair, tuple(similarity.shared(pair, answers)) if room > 0 else ()))
            room -= 1
        yield Alike(group, tuple(pairs))


def _notices(unit: Unit, roster: dict[str, str], items: dict[str, Item], voice: Voice) -> Iterator[Notice]:
    """What needs a look, what hinders most first."""
    words, rows = voice.words, unit.rows
    found = [(words["stale"], [(row, voice.reasons(row.stale)) for row in rows if row.stale])]
    for state in ("unreadable", "wrong_notebook", "timed_out", "out_of_memory", "kernel_died"):
        found.append((words["states"][state], [(row, voice.cause(row)) for row in rows if row.state == state]))
    for state in ("waiting", "missing"):
        found.append((words["states"][state], [(row, voice.more_time(row)) for row in rows if row.state == state]))
    found.append((words["waits"], [(row, voice.named(row.open, items)) for row in rows if row.open]))
    flags = dict.fromkeys([*words["flagged"], *(flag for row in rows for flag in row.flags)])
    for flag in flags:
        said = words["flagged"].get(flag, flag)
        found.append((said, [(row, voice.cause(row, flag)) for row in rows if flag in row.flags]))
    found.append((words["late"], [(row, voice.late(row)) for row in rows if row.late_seconds > 0]))
    found.append((words["extended"], [(row, voice.due(row)) for row in rows if row.due]))
    found.append((words["changed"], [(row, said) for row in rows if (said := voice.change(row, items))]))
    found.append((words["also"], [(row, voice.also(row)) for row in rows if row.also]))
    if roster:
        found.append((words["not_on_roster"], [(row, "") for row in rows if row.student not in roster]))
    unsafe = [(row, "") for row in rows if row.verdict and row.verdict.sandbox == "rlimits"]
    found.append((words["unsafe"], unsafe))
    return (Notice(said[:1].upper() + said[1:], tuple(people)) for said, people in found if people)
