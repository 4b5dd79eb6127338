"""A class, from submitted/ to marks: reads the course, asks the pool, keeps the ledger.

In: a course folder and an assignment. Out: one `Verdict` per submission, as soon as it is there. Nothing that one
submission is or does ends the class: whatever goes wrong with it becomes its verdict.
"""

import ast
import contextlib
import dataclasses
import datetime
import functools
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat import NotebookNode

from course import nearest
from course.folder import Folder, Unfit, name_problem
from course.grade import cache, cluster, fingerprints, fitness, pool, roles
from course.grade.errors import GradingError
from course.grade.job import Graded, Job, ungraded
from course.grade.sandbox.choice import choose
from course.grade.sandbox.limits import Limits
from course.grade.sandbox.warm import LANGUAGE_MODELS
from course.grade.submission.code import parse
from course.kept import load_all, save
from course.notebooks.unpacking import Handed
from course.verdict import Judged, MadeOf, Verdict, bounded

if TYPE_CHECKING:
    from course.grade.ledger import Ledger

BASIC = ("numpy", "matplotlib.pyplot")  # what a course may use without saying so in its source
HEAVY = {"torch", "transformers", "datasets", "evaluate", "accelerate", "helpers"}


@dataclasses.dataclass(frozen=True)
class Options:
    """How a class is graded. `sandbox` None means: the best that works here; `tests` "": as the notebooks say. `due`
    has the students' own due dates (aware) of the assignment."""

    students: tuple[str, ...] = ()
    jobs: int = os.cpu_count() or 1
    scheduler: str | None = None
    sandbox: str | None = None
    tests: Judged | str = ""
    limits: Limits = dataclasses.field(default_factory=Limits)
    force: bool = False
    due: Mapping[str, datetime.datetime] = dataclasses.field(default_factory=dict)


def submissions(assignment: str, course_dir: Path, wanted: tuple[str, ...] = ()) -> list[str]:
    """The students whose submissions are to be graded: all, or those that are wanted. Raises `CourseError`."""
    folder = Folder.at(course_dir)
    source = folder.path("source", assignment)
    if not source.is_dir() or assignment in ("", ".", ".."):
        hint = nearest.hint(assignment, folder.assignments())
        raise GradingError(f"There is no assignment {source}: build it, or name another.{hint}")
    handed_in = folder.students(assignment)
    for student in wanted:
        if student not in handed_in:
            hint = nearest.hint(student, handed_in)
            raise GradingError(f"There is no submission {folder.path('submitted', assignment, student)}.{hint}")
    if not handed_in:
        raise GradingError(f"Nobody has handed in {assignment}: see {folder.path('submitted', assignment, '*')}.")
    return sorted(set(wanted)) or handed_in


def grade(
    assignment: str,
    course_dir: Path,
    options: Options,
    say: Callable[[str], None] = lambda sentence: None,
    stage: Callable[[str], None] = lambda words: None,
) -> Iterator[Verdict]:
    """Grade submissions, yielding each verdict when it is there and entered. Raises `CourseError`.

    `say` hears what the teacher has to know: a test that their own solution does not pass, say. `stage` hears in a few
    words what is going on.
    """
    folder = Folder.at(course_dir)
    students = submissions(assignment, folder.root, options.students)
    options = dataclasses.replace(options, students=tuple(students), sandbox=choose(options.sandbox))
    sources = [nbformat.read(path, as_version=4) for path in folder.notebooks("source", assignment)]
    _check_languages(sources, folder.path("source", assignment))
    modules = modules_of(sources)
    with contextlib.ExitStack() as stack:
        crew = stack.enter_context(contextlib.closing(pool.Crew()))
        if not options.scheduler and (options.force or _has_new(folder, assignment, students)):
            is_outside = "outside" in {options.tests or roles.way_of(notebook) for notebook in sources}
            preparation = pool.Preparation.for_tests(is_outside, options.sandbox, options.limits, modules)
            stage("loading the libraries")
            crew.prepare(min(options.jobs, max(2, len(students))), preparation)
        stage("bringing the gradebook in step with source/")
        from course.grade.ledger import Ledger  # not before: the sandboxes load their libraries meanwhile

        ledger = stack.enter_context(Ledger(folder, options.due))  # takes some seconds as well
        templates = _templates(folder, assignment, ledger.register(assignment), modules, options)
        run = functools.partial(_graded, folder, options=options, crew=crew, say=say)
        stage("trying your own solution and the untouched notebook")
        fit = fitness.check(templates, run)
        for sentence in [s for job in templates for s in fitness.sentences(job, fit[job.notebook])]:
            say(sentence)
        templates = [dataclasses.replace(job, fitness=fit[job.notebook]) for job in templates]
        stage("grading")
        for sentence in ledger.left_over(assignment):
            say(sentence)
        made_of = fingerprints.of_source(folder, assignment, _grader(options))
        yield from _class(folder, templates, students, run, ledger, made_of)


def _check_languages(sources: list[NotebookNode], source: Path) -> None:
    if not sources:
        raise GradingError(f"There is no notebook in {source}.")
    for notebook in sources:
        kernel = notebook.metadata.get("kernelspec", {})
        language = notebook.metadata.get("language_info", {}).get("name") or kernel.get("language") or "python"
        if language.lower() not in ("python", "ipython", "python3") or kernel.get("name") in ("ir", "julia"):
            raise GradingError(f"The notebooks in {source} are not in Python but in {language}: only Python is graded.")


def modules_of(sources: list[NotebookNode]) -> tuple[str, ...]:
    """What a sandbox loads before the first submission: what the teacher's notebooks import.

    A course on language models gets all of their libraries; another one does not wait for them.
    """
    found = set(BASIC)
    for notebook in sources:
        trees = [tree for cell in notebook.cells if cell.cell_type == "code" and (tree := parse(cell.source))]
        for node in (node for tree in trees for node in _imports(tree)):
            found |= node
    if any(name.partition(".")[0] in HEAVY for name in found):
        found |= set(LANGUAGE_MODELS)
    return tuple(sorted(found))


def _imports(tree: ast.Module) -> Iterator[set[str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}


def _has_new(folder: Folder, assignment: str, students: list[str]) -> bool:
    """Whether somebody has no verdict yet, so that there is something to run."""
    return not set(students) <= {verdict.student for verdict in load_all(folder.root, assignment)}


def _templates(
    folder: Folder, assignment: str, registered: dict[str, tuple[bytes, bytes]], modules: tuple[str, ...], options
) -> list[Job]:
    """A job for each notebook, still without what somebody handed in. `registered`: source and release by name."""
    if not registered:
        raise GradingError(f"There is no notebook in {folder.path('source', assignment)}.")
    files, seed = folder.data_files(assignment), _class_seed(folder)
    jobs = []
    for name in sorted(registered):
        source, release = registered[name]
        built = folder.path("release", assignment) / f"{name}.ipynb"
        jobs.append(
            Job(
                student="",
                assignment=assignment,
                notebook=name,
                source=source,
                release=built.read_bytes() if built.is_file() else release,
                handed=(),
                files=files,
                limits=options.limits,
                sandbox=options.sandbox,
                modules=modules,
                seed=seed,
                tests=options.tests,
            )
        )
    return jobs


def _class_seed(folder: Folder) -> str:
    """What the hidden tests of this class draw their inputs from: a secret of its own, made once.

    The next class gets other inputs, so that answers which leaked from this one are worth nothing.
    """
    path = folder.home("autograded") / ".seed"
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError), path.open("x", encoding="ascii") as file:
        file.write(secrets.token_hex(16))
    return path.read_text(encoding="ascii")


def _grader(options: Options) -> str:
    """A digest of the grader that these options make."""
    settings = repr((options.limits, options.sandbox, options.tests))
    return hashlib.sha256(cache.grader_version() + settings.encode()).hexdigest()[:16]


def _class(
    folder: Folder, templates: list[Job], students: list[str], run, ledger: "Ledger", made_of: MadeOf
) -> Iterator[Verdict]:
    """The verdicts of all students; each is entered when all of its notebooks are done. `made_of` is what all of them
    are made of, but for the submission."""
    parts: dict[str, dict[str, Graded]] = {student: {} for student in students}
    handed_in = {}
    jobs = []
    for student in students:
        handed_in[student], unfit = _files(folder, templates[0].assignment, student)
        jobs += _jobs_of(templates, student, handed_in[student], unfit, parts)
    prints = {s: fingerprints.of_files((file.path, file.data) for file in handed_in.pop(s)) for s in students}

    def entered(student: str) -> Verdict:
        of_student = dataclasses.replace(made_of, submission=prints[student])
        return _entered(folder, ledger, parts.pop(student), of_student)

    for student in [student for student in students if len(parts[student]) == len(templates)]:
        yield entered(student)
    with contextlib.closing(run(jobs)) as done:
        for job, graded in done:
            parts[job.student][job.notebook] = _for(job, graded)
            if len(parts[job.student]) == len(templates):
                yield entered(job.student)


def _files(folder: Folder, assignment: str, student: str) -> tuple[tuple[Handed, ...], Unfit | None]:
    """What a student handed in, or why that cannot be looked at."""
    try:
        return tuple(Handed(*file) for file in folder.handed_in(assignment, student)), None
    except Unfit as error:
        return (), error


def _jobs_of(
    templates: list[Job], student: str, files: tuple[Handed, ...], unfit: Unfit | None, parts: dict
) -> Iterator[Job]:
    """The jobs of a student's notebooks. What cannot be run has its end already: that goes to `parts`."""
    names = {job.notebook for job in templates}
    for job in templates:
        job = dataclasses.replace(job, student=student)
        others = names - {job.notebook}
        handed = tuple(file for file in files if not _is_other(file, others))
        notebooks = [file for file in handed if file.suffix in (".ipynb", ".zip")]
        if unfit or not notebooks:
            outcome = unfit.outcome if unfit else "wrong_notebook"
            cause = str(unfit) if unfit else f"The submission holds no notebook {job.notebook}.ipynb."
            parts[student][job.notebook] = ungraded(job, outcome, cause)
        else:
            yield dataclasses.replace(job, handed=handed)


def _is_other(file: Handed, names: set[str]) -> bool:
    return file.suffix == ".ipynb" and Path(file.path).stem in names


def _for(job: Job, graded: Graded) -> Graded:
    """A known end of the same notebook, which may have been handed in by somebody else."""
    verdict = dataclasses.replace(graded.verdict, student=job.student, assignment=job.assignment)
    return dataclasses.replace(graded, verdict=verdict)


def _entered(folder: Folder, ledger: "Ledger", parts: dict[str, Graded], made_of: MadeOf) -> Verdict:
    """The verdict of a submission, in the gradebook and in the folder of verdicts."""
    verdict = dataclasses.replace(_sum(parts), made_of=made_of)
    student = verdict.student
    if name_problem(student):  # no gradebook takes such a name
        verdict = dataclasses.replace(verdict, student=bounded(student))
        save(verdict, folder, student)
        return verdict
    return ledger.record(verdict, parts)


def _graded(
    folder: Folder, jobs: list[Job], *, options: Options, crew: pool.Crew, say: Callable[[str], None]
) -> Iterator[tuple[Job, Graded]]:
    """What is known comes first; for the rest the pool is asked."""
    todo = []
    for job in jobs:
        known = None if options.force and job.student else cache.load(folder, job)
        if known:
            yield job, known
        else:
            todo.append(job)
    if not todo:
        return
    done = (
        cluster.dask(todo, options.scheduler, say) if options.scheduler else pool.local(todo, options.jobs, crew, say)
    )
    with contextlib.closing(done):
        for job, graded in done:
            cache.keep(folder, job, graded)
            yield job, graded


def _sum(parts: dict[str, Graded]) -> Verdict:
    """The verdict of a submission; of several notebooks it has all cells, each behind the name of its notebook."""
    verdicts = {name: parts[name].verdict for name in sorted(parts)}
    first, *others = verdicts.values()
    if not others:
        return first
    scores = [verdict.score for verdict in verdicts.values() if verdict.score is not None]
    return dataclasses.replace(
        first,
        verdict=next((verdict.verdict for verdict in verdicts.values() if verdict.verdict != "graded"), "graded"),
        cause=bounded(" ".join(f"{name}: {verdict.cause}" for name, verdict in verdicts.items() if verdict.cause)),
        flags=tuple(sorted({flag for verdict in verdicts.values() for flag in verdict.flags})),
        score=sum(scores) if scores else None,
        max_score=sum(verdict.max_score for verdict in verdicts.values()),
        seconds=round(sum(verdict.seconds for verdict in verdicts.values()), 2),
        notes=tuple(f"{name}: {note}" for name, verdict in verdicts.items() for note in verdict.notes),
        cells=tuple(
            dataclasses.replace(cell, grade_id=f"{name}/{cell.grade_id}")
            for name, verdict in verdicts.items()
            for cell in verdict.cells
        ),
    )
