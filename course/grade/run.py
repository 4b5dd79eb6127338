"""A notebook on its way from the first cell to the last, over restarts of the student's process.

In: the notebook to run, and a warm sandbox. Out: scores, outputs, and how it ended. Tests that are judged inside run
where they stand. Those that are judged outside are asked at the very end, of forks taken where they stand: when a
hidden test calls for the first time, all outputs have been collected, so that nothing of its inputs can get into them.
"""

import contextlib
import dataclasses

import nbformat
from nbformat import NotebookNode

from course.grade import roles
from course.grade.judge import inside
from course.grade.judge.given import Given
from course.grade.judge.hints import Words
from course.grade.judge.outside import Referee
from course.grade.judge.plants import Plant, plants_of
from course.grade.judge.result import Result
from course.grade.sandbox.limits import Forged, Patience, Stopped, TimedOut, Unforkable
from course.grade.sandbox.student import Line, Student
from course.grade.sandbox.warm import Warm
from course.grade.submission.cells import Slot, slots_of
from course.grade.submission.code import IMPORTS, bound, parse, read_names
from course.grade.submission.needed import needed_parts
from course.notebooks.files import Choice
from course.verdict import NO_ANSWER, CellScore

OUTPUT_LIMIT = 16 << 20  # characters of all outputs of a notebook: a class's notebooks must fit on the teacher's disk
KILLED = "A cell ended processes in which tests were to be run."
BROKEN = "The teacher's own solution does not pass this test ({reason}): a person has to look at it."


class Run:
    """One submission that is run; the result stands in its attributes."""

    def __init__(
        self,
        job,
        warm: Warm,
        source: NotebookNode,
        release: NotebookNode,
        choice: Choice,
        given: Given | None,
        seed: str,
        lent: dict[int, str] | None = None,
        only: frozenset[int] | None = None,
    ):
        """`lent`: index of a cell → the teacher's code to be run after it. Tests not in `only` are not judged."""
        self.job, self.warm, self.choice, self.given, self.seed = job, warm, choice, given, seed
        self.source, self.release = source, release
        self.lent, self.only = lent or {}, only
        self.notebook = choice.submission.notebook
        self.own = choice.submission.own
        self.slots = slots_of(source, release)
        self.parts = needed_parts(self.notebook, roles.is_excursus, roles.is_test)
        self.words = _words(self.notebook, self.own, self.slots, release)
        self.referee = Referee(given, job.limits.cell_seconds, seed) if given else None
        self.budget = {"graded": job.limits.total_seconds, "own": job.limits.total_seconds}
        self.student: Student | None = None
        self.branches: dict[int, Line] = {}
        self.looks_for_kills = False  # after each cell: some cell has ended forks that wait for their tests
        self.settled: set[int] = set()  # the processes that there were before the first test was asked
        self.blamed: set[int] = set()  # cells that ended the process: not run again
        self.room = OUTPUT_LIMIT
        self.outcome, self.cause = "graded", ""
        self.found: dict[int, CellScore] = {}
        self.tampering = False
        self.for_the_teacher: list[str] = []
        self.effective: dict[str, tuple[Plant, ...]] = {}

    def again(self, choice: Choice, lent: dict[int, str], only: frozenset[int]) -> "Run":
        """Another run of the same submission, with a copy of its notebook."""
        return Run(self.job, self.warm, self.source, self.release, choice, self.given, self.seed, lent, only)

    @property
    def scores(self) -> list[CellScore]:
        """The graded cells, in the order of the notebook."""
        return [self.found[index] for index in sorted(self.found)]

    def notes(self) -> tuple[str, ...]:
        """What happened, as sentences for the teacher and the student."""
        unasked = sum(cell.message == self._no_time() for cell in self.found.values())
        lost = [f"Tests that could not be run any more: {unasked}."] if unasked else []
        return tuple(filter(None, [self.cause, *lost]))

    def all_cells(self) -> None:
        """Run every cell; what ends the student's process costs the cell that did it, and the rest goes on."""
        try:
            self._start(0)
            for index, cell in enumerate(self.notebook.cells):
                if roles.is_test(cell):
                    self._reach_test(index, cell)
                elif roles.is_graded(cell):
                    self._run(index, cell)
                    self.found[index] = self._by_hand(cell)
                else:
                    self._run(index, cell)
                self._lend(index)
            if self.referee:
                self._ask_outside()
        finally:
            if self.student:
                self.student.close()

    # --- The student's process -----------------------------------------------------------------------------------

    def _start(self, upto: int) -> None:
        """Start a process and bring it to where cell `upto` begins, if that can still change a mark."""
        while True:
            self._close()
            # Tests that are judged outside have their forks in the process that has gone.
            is_needed = any(map(roles.is_test, self.notebook.cells[0 if self.referee else upto :]))
            if self.budget["graded"] <= 0 or not is_needed:
                return
            try:
                self._begin()
                for index in range(upto):
                    self._replay(index)
                return
            except _Died as death:
                self.blamed.add(death.index)

    def _close(self) -> None:
        if self.student:
            self.student.close()
        self.student, self.branches = None, {}

    def _begin(self) -> None:
        """A new process, with all files beside the notebook; the teacher's win."""
        files = dict(self.choice.beside) | dict(self.job.files)
        self.student = self.warm.student(-(-sum(map(len, files.values())) >> 20))
        for name, data in files.items():
            self.student.put(name, data)
        if not self.referee:
            self.student.ask("set", "NBGRADER_EXECUTION", "autograde")

    def _replay(self, index: int) -> None:
        cell = self.notebook.cells[index]
        if index in self.blamed or self.budget[self._kind(index)] <= 0:
            return
        try:
            if roles.is_test(cell) and self.referee:
                if self._is_judged(index) and index not in self.found:
                    self.branches[index] = self._branch()
            elif roles.is_test(cell):
                inside.run(self.student, cell.source, _test_name(cell), frozenset(), self._patience("graded"))
            elif text := self._text(index, cell):
                self._timed(index, text)
            self._lend(index)
        except Stopped as stopped:
            if not stopped.alive:
                raise _Died(index) from None

    def _lend(self, index: int) -> None:
        """Run what the teacher lends after this cell; where it does not work, nothing is lent."""
        if self.student and index in self.lent:
            started = self.student.clock()
            with contextlib.suppress(Stopped):
                self.student.run(self.lent[index], f"<lent {index}>", self._patience("graded"))
            self.budget["graded"] -= self.student.clock() - started

    def _is_judged(self, index: int) -> bool:
        return self.only is None or index in self.only

    def _text(self, index: int, cell: NotebookNode) -> str:
        """What of a cell is run: of an excursus only what others need."""
        return self.parts.get(index, cell.source) if cell.cell_type == "code" else ""

    def _kind(self, index: int) -> str:
        return "own" if self.notebook.cells[index].id in self.own else "graded"

    def _patience(self, kind: str) -> Patience:
        """How long a cell may take, and what is said if it takes longer."""
        limits, left = self.job.limits, max(self.budget[kind], 0.0)
        if left >= limits.cell_seconds:
            return Patience.for_a_cell(limits)
        return Patience(left, self._no_time().rstrip(".") if kind == "graded" else self._no_own_time())

    def _no_time(self) -> str:
        return f"The notebook did not end within {self.job.limits.total_seconds:g} s."

    def _no_own_time(self) -> str:
        return f"The cells that the student added took more than {self.job.limits.total_seconds:g} s together"

    def _timed(self, index: int, text: str):
        """Run a cell on its budget."""
        kind = self._kind(index)
        started = self.student.clock()
        name = f"<excursus {index}>" if index in self.parts else f"<cell {index}>"
        try:
            result = self.student.run(text, name, self._patience(kind))
        finally:
            self.budget[kind] -= self.student.clock() - started
        if self.looks_for_kills and not self._all_branches_answer():
            raise Stopped(KILLED)
        return result

    def _run(self, index: int, cell: NotebookNode) -> None:
        text = self._text(index, cell)
        if not text or not self.student:
            return
        kind = self._kind(index)
        if self.budget[kind] <= 0:
            self._note(TimedOut(self._no_time() if kind == "graded" else f"{self._no_own_time()}."))
            return
        try:
            outputs = [nbformat.from_dict(output) for output in self._timed(index, text).outputs]
            cell.outputs = self._within_limit(outputs)
            if kind == "own" and any(output.get("ename") == "MemoryError" for output in outputs):
                self.warm.watch.look_for_room(self.job.limits)
        except Stopped as stopped:
            cell.outputs = [_error(stopped)]
            self._note(stopped)
            if not stopped.alive:
                self.blamed.add(index)
                self._start(index + 1)

    def _within_limit(self, outputs: list[NotebookNode]) -> list[NotebookNode]:
        for text in map(str, outputs):
            self.room -= len(text) + 12 * text.count("\\n")  # nbformat writes each line on its own
        return outputs if self.room > 0 else []

    def _note(self, stopped: Stopped) -> None:
        self.tampering = self.tampering or isinstance(stopped, Forged)
        if self.outcome == "graded":
            self.outcome, self.cause = stopped.verdict, str(stopped)

    # --- Tests ---------------------------------------------------------------------------------------------------

    def _reach_test(self, index: int, cell: NotebookNode) -> None:
        broken = dict(self.job.fitness.broken).get(roles.settings_of(cell).grade_id)
        if not self.referee:
            self._inside(index, cell, broken)
        elif self.student and self._is_judged(index):
            try:
                self.branches[index] = self._branch()
            except Stopped as stopped:
                self._note(stopped)
                self._start(index + 1)

    def _branch(self) -> Line:
        """A fork for a test that is judged at the end; where there can be none, the process itself is asked."""
        try:
            return self.student.branch()
        except Unforkable:
            return self.student

    def _ask_outside(self) -> None:
        """Judge all tests, each by its fork. Between them, what the teacher's own cells bind is the grader's."""
        position = 0
        if not self._all_branches_answer():
            self._note(Stopped(KILLED))
            self.looks_for_kills = True
            self._start(len(self.notebook.cells))
        self._settle()
        for index, cell in enumerate(self.notebook.cells):
            if cell.id in self.own:
                continue
            if roles.is_test(cell):
                if self._is_judged(index):
                    self._outside(index, cell)
            else:
                self.referee.pass_by(position)
            position += 1

    def _outside(self, index: int, cell: NotebookNode) -> None:
        settings = roles.settings_of(cell)
        broken = dict(self.job.fitness.broken).get(settings.grade_id)
        branch = self._branch_for(index)
        words = self._words(settings.grade_id)
        result = self.referee.grade(branch, cell.source, settings.points, settings.grade_id, words)
        if branch is None and result.stopped and self.budget["graded"] <= 0:
            result = dataclasses.replace(result, message=self._no_time())
        if self.student:
            outputs = [nbformat.from_dict(output) for output in self.student.take_printed()]
            cell.outputs = self._within_limit(outputs)
        if branch and branch is not self.student:
            branch.close()
        if result.stopped:
            self._note(result.stopped)
        if self.student:
            self.student.prune(self.settled)  # what an answer has started would take time and processes from the next
        self._enter(index, cell, result, broken)

    def _branch_for(self, index: int) -> Line | None:
        """The fork that waits for a test; if an answer before it has ended that, one of another run of the notebook."""
        branch = self.branches.get(index)
        if branch and not branch.answers():
            self._note(Stopped("An answer ended processes in which other tests were to be run."))
            self._start(len(self.notebook.cells))
            self._settle()
        return self.branches.pop(index, None)

    def _all_branches_answer(self) -> bool:
        return all(branch.answers() for branch in self.branches.values())

    def _settle(self) -> None:
        self.settled = set(self.warm.processes()) if self.student else set()

    def _inside(self, index: int, cell: NotebookNode, broken: str | None) -> None:
        settings = roles.settings_of(cell)
        slot = self._slot(settings.grade_id)
        if not self.student or self.budget["graded"] <= 0:
            message = self._no_time() if self.budget["graded"] <= 0 else "The notebook's process has ended."
            self._enter(index, cell, Result(0.0, "failed", message, "inside"), broken)
            return
        how = {"theirs": self._theirs(), "transient": self._transient(slot), "patience": self._patience("graded")}
        plants = dict(self.job.fitness.plants).get(settings.grade_id, ())
        words, asked = self._words(settings.grade_id), (self.student, cell.source, settings.points, settings.grade_id)
        if self.job.is_solution:
            plants = plants_of(inside.as_python(cell.source), how["theirs"])
            *said, self.effective[settings.grade_id] = inside.rehearse(*asked, words, plants=plants, **how)
        else:
            said = inside.grade(*asked, words, plants=plants, **how)
        result, outputs, seconds = said
        self.budget["graded"] -= seconds
        cell.outputs = self._within_limit([nbformat.from_dict(output) for output in outputs])
        if result.tampered:
            self.tampering = True
            self.for_the_teacher.append(f"Planted failures pass {settings.grade_id}.")
        self._enter(index, cell, result, broken)
        if result.stopped:
            self._note(result.stopped)
            if not result.stopped.alive:
                self.blamed.add(index)
                self._start(index + 1)

    def _enter(self, index: int, cell: NotebookNode, result: Result, broken: str | None) -> None:
        """Enter what a test said; where the teacher's own solution does not pass it, that says nothing."""
        settings = roles.settings_of(cell)
        if broken:
            result = Result(None, "manual", BROKEN.format(reason=broken), "person")
        if result.printed:
            cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=result.printed))
        if result.status in ("failed", "manual"):
            cell.outputs.append(_failure(result.message))
        elif result.status == "partial":
            data = {"text/plain": f"{result.score:g}"}
            cell.outputs.append(nbformat.v4.new_output("execute_result", data, execution_count=None))
        self.found[index] = CellScore(
            settings.grade_id,
            result.score,
            roles.points_of(cell),
            result.status,
            result.message,
            result.judged,
            result.groups,
        )

    def _by_hand(self, cell: NotebookNode) -> CellScore:
        """A written answer and a task wait for a person; an untouched answer is worth nothing, as nbgrader has it, and
        a question without points waits for nobody."""
        settings, points = roles.settings_of(cell), roles.points_of(cell)
        if not points:
            return CellScore(settings.grade_id, 0.0, 0.0, "passed", judged="person")
        if settings.get("task") or settings.grade_id in self.choice.submission.answered:
            return CellScore(settings.grade_id, None, points, "manual", judged="person")
        return CellScore(settings.grade_id, 0.0, points, "failed", NO_ANSWER, "person")

    def _slot(self, grade_id: str) -> Slot:
        return next(slot for slot in self.slots if slot.grade_id == grade_id)

    def _words(self, grade_id: str) -> Words:
        """What may be said of a test; from the teacher, whose solution it is, nothing is hidden."""
        slot = self._slot(grade_id)
        return dataclasses.replace(self.words, released=slot.source if self.job.is_solution else slot.released)

    def _theirs(self) -> frozenset[str]:
        """The names that answers bind, other than by an import: a library is nobody's answer."""
        texts = [text for slot in self.slots if slot.role == "answer" for text in (slot.source, slot.released)]
        nodes = [node for text in texts if (tree := parse(text)) for node in tree.body]
        return frozenset().union(*(bound(node) for node in nodes if not isinstance(node, IMPORTS)))

    def _transient(self, slot: Slot) -> frozenset[str]:
        """What only the hidden part of a test binds, and no later cell of the teacher's reads."""
        hidden, visible = (
            bound(tree) if (tree := parse(text)) else frozenset() for text in (slot.source, slot.released)
        )
        later = [parse(other.source) for other in self.slots if other.index > slot.index and other.is_code]
        return hidden - visible - frozenset().union(*(read_names(tree) for tree in later if tree))


class _Died(Exception):
    """A cell that has run before ended the process when it was run again."""

    def __init__(self, index: int):
        super().__init__(index)
        self.index = index


def _words(notebook: NotebookNode, own: frozenset[str], slots: list[Slot], release: NotebookNode) -> Words:
    """What may be said to this student: the text of their cells and of what was released."""
    by_id = {slot.cell_id or slot.name: slot for slot in slots}
    students = [
        cell.source for cell in notebook.cells if cell.id in own or getattr(by_id.get(cell.id), "is_students", False)
    ]
    theirs = "\n".join([*students, *(cell.source for cell in release.cells if cell.cell_type == "code")])
    return Words.of(tuple(cell.source for cell in notebook.cells), theirs, "")


def _test_name(cell: NotebookNode) -> str:
    return f"<test {roles.settings_of(cell).grade_id}>"


def _error(error: BaseException) -> NotebookNode:
    name = type(error).__name__
    return nbformat.v4.new_output("error", ename=name, evalue=str(error), traceback=[f"{name}: {error}"])


def _failure(message: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename="TestFailed", evalue=message, traceback=[f"Test failed: {message}"])
