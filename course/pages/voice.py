"""How the teacher's report says things: numbers, times, states and reasons in the language of the page.

In: rows, results. Out: text and `Markup` for the template. The words are `report.toml`'s.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from markupsafe import Markup

from course.pages import markup
from course.pages.figures import Histogram
from course.pages.sentences import translated
from course.pages.standing import Row, Unit
from course.pages.statistics import Result, Spread, fails_alike, state_of
from course.pages.texts import Item, Texts
from course.verdict import CellScore, printable
from helpers import language as languages

NOTE_BEGINS = 12  # characters by which a note is found in a cause that was cut
BREAKS = re.compile(r"(?<=\w)(?=[@.]\w)")  # of an address
SENTENCE_ENDS = re.compile(r"(?<=\.) (?=[A-Z])")
WORDS = languages.words(Path(__file__).with_name("report.toml"))


class Voice:
    """How the page says things, in one language. `names`: id → name of the students that have one."""

    def __init__(self, language: str, names: Mapping[str, str] = MappingProxyType({})):
        self.language = language if language in WORDS else "en"
        self.words = WORDS[self.language]
        self.names = names
        self._shared = Counter(names.values())

    def number(self, value: float | None) -> str:
        if value is None:
            return "–"
        return f"{round(value, 2) + 0.0:.10g}".replace(".", languages.BY_CODE[self.language].decimal)

    def correlation(self, value: float | None) -> str:
        said = "–" if value is None else f"{value:.2f}".replace(".", languages.BY_CODE[self.language].decimal)
        return said.replace("-", "\N{MINUS SIGN}")

    def percent(self, share: float | None) -> str:
        space = "" if self.language == "en" else "\N{NO-BREAK SPACE}"
        return "–" if share is None else f"{100 * share:.0f}{space}%"

    def duration(self, seconds: float) -> str:
        """Days, hours and minutes; below a minute seconds."""
        days, hours, minutes, second = self.words["duration"]
        parts = [(int(seconds // 86400), days), (int(seconds % 86400 // 3600), hours)]
        parts.append((int(seconds % 3600 // 60), minutes))
        said = [f"{count} {unit}" for count, unit in parts if count]
        return " ".join(said[:2]) or f"{seconds:.0f} {second}"

    def who(self, student: str) -> str:
        """A student's name, with the id where several have that name; without a name the id.

        Text that changes nothing around it: no control codes, no other direction.
        """
        name = self.names.get(student)
        return printable(f"{name} ({student})" if name and self._shared[name] > 1 else name or student)

    def full(self, student: str) -> Markup:
        """A student's name and id; an address may be broken before its @ and its dots."""
        name, identity = printable(self.names.get(student, "")), Markup.escape(printable(student))
        identity = Markup(BREAKS.sub("<wbr>", identity))
        return Markup("{} <small>{}</small>").format(name, identity) if name else identity

    def people(self, students: Iterable[str]) -> str:
        return ", ".join(sorted(map(self.who, students), key=str.casefold))

    def due(self, row: Row) -> str:
        """Until when a student has more time than the class, as the clock of this machine has it."""
        return row.due.astimezone().strftime("%Y-%m-%d %H:%M") if row.due else ""

    def more_time(self, row: Row) -> str:
        return self.words["due_until"].format(date=self.due(row)) if row.due else ""

    def late(self, row: Row) -> str:
        return self.duration(row.late_seconds) if row.late_seconds > 0 else ""

    def state(self, row: Row) -> str:
        return self.words["states"]["stale" if row.stale else row.state]

    def result(self, row: Row, item: Item) -> str:
        """What became of an exercise, "" where nothing did."""
        cells = {cell.grade_id: cell for cell in row.verdict.cells} if row.verdict else {}
        cell = cells.get(item.grade_id)
        return state_of(cell, row.points.get(item.grade_id)) if cell else ""

    def kinds(self, row: Row) -> str:
        """By which of the filters a row is found."""
        kinds = {
            "open": bool(row.open),
            "late": row.late_seconds > 0,
            "flag": bool(row.flags),
            "not": row.state not in ("graded", "missing"),
            "missing": row.state == "missing",
            "stale": bool(row.stale),
        }
        return " ".join(kind for kind, is_set in kinds.items() if is_set)

    def flags(self, row: Row) -> str:
        return ", ".join(self.words["flagged"].get(flag, flag) for flag in row.flags)

    def named(self, grade_ids: tuple[str, ...], items: dict[str, Item]) -> Markup:
        titles = [items[name].title if name in items else Markup.escape(name) for name in grade_ids]
        return Markup("; ").join(titles)

    def reasons(self, reasons: tuple[str, ...]) -> str:
        words = self.words["reasons"]
        return ", ".join(words.get(reason, reason) for reason in reasons) or words["same"]

    def change(self, row: Row, items: dict[str, Item]) -> Markup | str:
        """«20 → 18 (tests changed: Exercise 1)»; "" where the mark is the same."""
        before = row.verdict.before if row.verdict else None
        old = before and (before.score if before.mark is None else before.mark)
        if before is None or old == row.score:
            return ""
        reasons = Markup.escape(self.reasons(before.reasons))
        if before.tests:
            reasons += Markup(": ") + self.named(before.tests, items)
        said = Markup.escape(self.words["changed_one"])
        return said.format(before=self.number(old), after=self.number(row.score), reasons=reasons)

    def also(self, row: Row) -> str:
        return self.words["also_one"].format(assignment=row.assignment, also=", ".join(row.also))

    def said(self, message: str) -> Markup:
        return markup.sentence(message)

    def cause(self, row: Row, flag: str = "") -> Markup:
        """What happened to a notebook; of a flag, what led to it.

        What is for the teacher alone stands in the verdict's cause, before the notes, of which it has the beginning.
        """
        own, notes = row.verdict.cause, row.verdict.notes
        starts = [place for note in notes if (place := own.find(note[:NOTE_BEGINS])) >= 0]
        own = own[: min(starts, default=len(own))].strip()
        own = " ".join(map(self._grader, SENTENCE_ENDS.split(own)))
        said = " ".join(map(self._grader, notes))
        if flag:
            return self.said(said if flag == "recovered" or not own else own)
        return self.said(f"{own} {said}".strip())

    def _grader(self, sentence: str) -> str:
        return translated(sentence, self.language, "teacher")

    def notes(self, row: Row, items: Mapping[str, Item], texts: Texts) -> list[Markup]:
        """What there is to say about a student's notebook: what happened to it, and what each exercise lacks."""
        if row.verdict is None:
            return []
        notes = [cause] if (cause := self.cause(row)) else []
        for cell in row.verdict.cells:
            if cell.status in ("failed", "partial"):
                title = items[cell.grade_id].title if cell.grade_id in items else Markup.escape(cell.grade_id)
                notes += [Markup("{}: {}").format(title, self.said(lack)) for lack in self._lacks(cell, texts) if lack]
        return notes

    def _lacks(self, cell: CellScore, texts: Texts) -> list[str]:
        if not cell.groups or fails_alike(cell):
            message = cell.groups[0].message if cell.groups else cell.message
            return [self._grader(texts.here(message))]
        return [
            f"{texts.here(group.name)}: {self._grader(texts.here(group.message))}"
            for group in cell.groups
            if group.score < group.max_score
        ]

    def bar(self, result: Result) -> str:
        return self.words["bar"].format(**result.counts)

    def histogram(self, found: Spread, final: Spread | None, drawn: Histogram) -> str:
        """The picture in words."""
        ticks = [text for _, text in drawn.ticks]
        bins = [
            self.words["bin"].format(low=low, high=high, count=count)
            for low, high, count in zip(ticks, ticks[1:], found.bins)
            if count
        ]
        mean, median = self.number((final or found).mean), self.number((final or found).median)
        said = self.words["histogram"].format(bins="; ".join(bins), mean=mean, median=median)
        return f"{said} {self.words['still_open'].format(count=found.open)}" if found.open else said

    def about_grading(self, unit: Unit) -> Iterator[str]:
        """Time, sandboxes, ways of judging: a sentence each."""
        verdicts = [row.verdict for row in unit.counted]
        slowest = max(verdicts, key=lambda verdict: verdict.seconds)
        seconds = sorted(verdict.seconds for verdict in verdicts)
        yield self.words["time"].format(
            total=self.duration(sum(seconds)),
            median=self.duration(seconds[len(seconds) // 2]),
            longest=self.duration(slowest.seconds),
            student=self.who(slowest.student),
        )
        kinds = sorted({self.words["boxes"].get(box, box) for box in {verdict.sandbox for verdict in verdicts} if box})
        if kinds:
            yield self.words["sandboxes"].format(kinds=", ".join(kinds))
        judged = Counter(cell.judged for verdict in verdicts for cell in verdict.cells if cell.judged)
        if judged:
            ways = "; ".join(f"{said}: {judged[way]}" for way, said in self.words["ways"].items() if judged[way])
            yield self.words["judged"].format(ways=ways)
