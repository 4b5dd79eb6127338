"""One submission: bytes in, verdict and graded notebook out.

A pure job: it reads no file of the course and writes none, so it can run in any process on any machine. What is
not pure, the warm parent in the sandbox, is made once per worker process and kept.
"""

import dataclasses
import time

import nbformat
from nbformat import NotebookNode

from course.grade import own_work, skeleton
from course.grade.referee import Referee, assigned_names, teacher_imports
from course.grade.sandbox import CellRun, Forged, Limits, Stopped, Student, Warm
from course.verdict import NO_ANSWER, CellScore, Verdict, bounded

REPAIRS_SHOWN = 10
OUTPUT_LIMIT = 16 << 20  # characters of all outputs of a notebook: a class's notebooks must fit on the teacher's disk


@dataclasses.dataclass(frozen=True)
class Job:
    """A submission and what it is graded against, all as bytes.

    `submitted` is None where the student's folder holds no notebook. `files` are the teacher's data files,
    laid beside the notebook. From `seed` the hidden tests draw their inputs.
    """

    student: str
    assignment: str
    notebook: str
    source: bytes
    release: bytes
    submitted: bytes | None
    files: tuple[tuple[str, bytes], ...] = ()
    limits: Limits = dataclasses.field(default_factory=Limits)
    sandbox: str = "bwrap"
    seed: str = ""


@dataclasses.dataclass(frozen=True)
class Graded:
    """The end of a job: the verdict, and the executed notebook (None where there is none to show)."""

    verdict: Verdict
    notebook: bytes | None


def grade(job: Job, warm: Warm) -> Graded:
    """Grade one submission. Whatever is submitted, this returns a verdict."""
    started = time.monotonic()
    source, release = (nbformat.reads(data.decode(), as_version=4) for data in (job.source, job.release))
    try:
        if job.submitted is None:
            raise skeleton.WrongNotebook("The submission holds no notebook of this assignment.")
        submitted = skeleton.read_notebook(job.submitted)
        built = skeleton.build(source, release, submitted)
    except skeleton.Unreadable as error:
        return ungraded(job, "unreadable", str(error), started)
    except skeleton.WrongNotebook as error:
        return ungraded(job, "wrong_notebook", str(error), started)
    set_parameters(built.notebook)
    run = _Run(job, warm, source, release, built)
    run.all_cells()
    verdict = Verdict(
        student=job.student,
        assignment=job.assignment,
        verdict=run.outcome,
        cause=bounded(" ".join([run.cause, *built.repairs[:REPAIRS_SHOWN], *run.copied.values()]).strip()),
        flags=run.flags(),
        score=sum(cell.score or 0.0 for cell in run.scores),
        max_score=sum(cell.max_score for cell in run.scores),
        seconds=round(time.monotonic() - started, 2),
        cells=tuple(run.scores),
        sandbox=job.sandbox,
    )
    return Graded(verdict, nbformat.writes(run.notebook).encode("utf-8", "replace"))


def ungraded(job: Job, outcome: str, cause: str, started: float | None = None) -> Graded:
    """The end of a submission that was not run; `started` (monotonic) is when work on it began, if any did."""
    cells = nbformat.reads(job.source.decode(), as_version=4).cells
    points = sum(cell.metadata.nbgrader.points for cell in cells if is_graded(cell))
    seconds = round(time.monotonic() - started, 2) if started else 0.0
    verdict = Verdict(job.student, job.assignment, outcome, bounded(cause), (), None, points, seconds, (), job.sandbox)
    return Graded(verdict, None)


def set_parameters(notebook: NotebookNode) -> None:
    """Give the cell with the tag `parameters` the values that the course wants for grading: a short training, say."""
    values = notebook.metadata.get("course", {}).get("grading", {})
    for cell in notebook.cells:
        if values and "parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join([cell.source, *(f"{name} = {value!r}" for name, value in values.items())])


def is_graded(cell: NotebookNode) -> bool:
    """Whether a cell has points: a test, a written answer, or a task (which has no place for an answer of its own)."""
    settings = cell.metadata.get("nbgrader", {})
    return bool(settings.get("grade") or settings.get("task"))


def is_test(cell: NotebookNode) -> bool:
    """Whether a cell is graded by running it."""
    settings = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(settings.get("grade")) and not settings.get("solution")


def is_run(cell: NotebookNode) -> bool:
    """Whether the student's process runs a cell: code that is no test, and no picture or excursus of the teacher's.

    The tag `lesson` counts on the teacher's cells only: a skeleton has no tags of the student's.
    """
    return cell.cell_type == "code" and not is_test(cell) and "lesson" not in cell.metadata.get("tags", [])


class _Run:
    """A notebook on its way from the first cell to the last, over restarts of the student's process."""

    def __init__(self, job: Job, warm: Warm, source: NotebookNode, release: NotebookNode, built: skeleton.Skeleton):
        self.job = job
        self.warm = warm
        self.built = built
        self.notebook = built.notebook
        self.referee = Referee(teacher_imports(source, release), job.files, job.limits.cell_seconds, job.seed)
        self.assigned = {_place(cell): assigned_names(cell.source) for cell in source.cells if is_run(cell)}
        self.room = OUTPUT_LIMIT
        self.deadline = time.monotonic() + job.limits.total_seconds
        self.blamed: set[int] = set()  # cells that ended the process: not run again
        self.outcome, self.cause = "graded", ""
        self.scores: list[CellScore] = []
        self.tampering = False
        self.copied = _copied(source, built.notebook)
        self.student: Student | None = None

    def flags(self) -> tuple[str, ...]:
        found = {"recovered": self.built.recovered, "copied": bool(self.copied), "tampering": self.tampering}
        return tuple(name for name, is_set in found.items() if is_set)

    def all_cells(self) -> None:
        """Run every cell; what ends the student's process costs the cell that did it, and the rest goes on."""
        try:
            self._start(0)
            for index, cell in enumerate(self.notebook.cells):
                if is_test(cell):
                    self._test(index, cell)
                elif is_graded(cell):
                    self.scores.append(self._by_hand(cell))
                elif is_run(cell):
                    self._run(index, cell)
        finally:
            self.referee.close()
            if self.student:
                self.student.close()

    def _start(self, upto: int) -> None:
        """Start a process and bring it to where cell `upto` begins, if that can still change a mark."""
        while True:
            if self.student:
                self.student.close()
            self.student = self.referee.student = None
            if time.monotonic() > self.deadline or not any(map(is_test, self.notebook.cells[upto:])):
                return
            self.student = self.warm.student(self.deadline)
            for name, data in self.job.files:
                self.student.ask("put", name, data)
            for index in range(upto):
                cell = self.notebook.cells[index]
                if is_run(cell) and index not in self.blamed:
                    try:
                        self.student.run(cell.source)
                    except Stopped:
                        self.blamed.add(index)
                        break
            else:
                self.referee.student = self.student
                return

    def _run(self, index: int, cell: NotebookNode) -> None:
        if not self.student:
            return
        try:
            cell.outputs = self._within_limit(_as_outputs(self.student.run(cell.source)))
        except Stopped as stopped:
            cell.outputs = [_error(stopped)]
            self._note(stopped)
            if not stopped.alive:
                self.blamed.add(index)
                self._start(index + 1)
        self.referee.forget(self.assigned.get(_place(cell), set()))

    def _within_limit(self, outputs: list[NotebookNode]) -> list[NotebookNode]:
        for text in map(str, outputs):
            self.room -= len(text) + 12 * text.count("\\n")  # nbformat writes each line on its own
        return outputs if self.room > 0 else []

    def _test(self, index: int, cell: NotebookNode) -> None:
        settings = cell.metadata.nbgrader
        result = self.referee.grade(cell.source, settings.points, settings.grade_id)
        if self.student:
            cell.outputs = self._within_limit([nbformat.from_dict(output) for output in self.student.take_printed()])
        if result.printed:
            cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=result.printed))
        if result.status in ("failed", "manual"):
            cell.outputs.append(_failure(result.message))
        elif result.status == "partial":
            data = {"text/plain": f"{result.score:g}"}
            cell.outputs.append(nbformat.v4.new_output("execute_result", data, execution_count=None))
        self.scores.append(CellScore(settings.grade_id, result.score, settings.points, result.status, result.message))
        if result.stopped:
            self._note(result.stopped)
            if not result.stopped.alive:
                self._start(index + 1)

    def _note(self, stopped: Stopped) -> None:
        self.tampering = self.tampering or isinstance(stopped, Forged)
        if self.outcome == "graded":
            self.outcome, self.cause = stopped.verdict, str(stopped)

    def _by_hand(self, cell: NotebookNode) -> CellScore:
        """A written answer and a task wait for a person; an untouched answer is worth nothing, as nbgrader has it."""
        settings = cell.metadata.nbgrader
        if settings.get("task") or settings.grade_id in self.built.answered:
            return CellScore(settings.grade_id, None, settings.points, "manual")
        return CellScore(settings.grade_id, 0.0, settings.points, "failed", NO_ANSWER)


def _copied(source: NotebookNode, notebook: NotebookNode) -> dict[str, str]:
    """Grade id → in which way the answer is the reference's."""
    references = {}
    for cell in source.cells:
        settings = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and settings.get("solution") and not settings.get("grade"):
            references[settings.grade_id] = cell.source
    found = {}
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in references and (sentence := own_work.copied(cell.source, references[grade_id], grade_id)):
            found[grade_id] = sentence
    return found


def _place(cell: NotebookNode) -> str:
    """What tells the teacher's cells from each other and from the student's: a grade id, else the source."""
    return cell.metadata.get("nbgrader", {}).get("grade_id") or cell.source


def _as_outputs(run: CellRun) -> list[NotebookNode]:
    return [nbformat.from_dict(output) for output in run.outputs]


def _error(error: BaseException) -> NotebookNode:
    name = type(error).__name__
    return nbformat.v4.new_output("error", ename=name, evalue=str(error), traceback=[f"{name}: {error}"])


def _failure(message: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename="TestFailed", evalue=message, traceback=[f"Test failed: {message}"])
