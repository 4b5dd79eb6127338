"""`course grade`: submissions get their marks."""

import contextlib
import dataclasses
import functools
import os
import sys
from pathlib import Path

from course import nearest
from course.commands import UsageError, assignment, assignments, positive, progress_bar, student

HELP = "Grade the submissions of an assignment."
EXAMPLE = "course grade ner --json reports/ner.jsonl"
NO_SANDBOX = """\
WARNING: without a sandbox, as you asked for. Students' code runs with your rights: it can read your files, reach the
network and change other submissions. Grade only people you trust."""


def arguments(parser) -> None:
    parser.add_argument(
        "assignment",
        nargs="+",
        type=assignment,
        metavar="ASSIGNMENT",
        help="such as ner-en, or ner for all its languages",
    )
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder with source/ and submitted/ (.)")
    parser.add_argument("--student", action="append", metavar="S", help="only this student; may be given several times")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, metavar="N", help="workers (the cores)")
    parser.add_argument("--scheduler", metavar="ADDR", help="a Dask scheduler, such as tcp://10.0.0.5:8786")
    parser.add_argument(
        "--sandbox",
        choices=("bwrap", "docker", "rlimits"),
        help="insist on one (bubblewrap, else Docker; rlimits: none)",
    )
    parser.add_argument(
        "--tests",
        choices=("outside", "inside"),
        help="where tests run: in the grader, or in the student's process, watched (as the notebook's metadata say)",
    )
    parser.add_argument("--cell-timeout", type=positive, default=120, metavar="S", help="seconds for a cell (120)")
    parser.add_argument(
        "--timeout", type=positive, default=600, metavar="S",
        help="seconds for the graded cells of a submission, and as many for the student's own (600)",
    )  # fmt: skip
    parser.add_argument("--memory", type=positive, default=4096, metavar="MIB", help="MiB for a submission (4096)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts there, one JSON object a line")
    parser.add_argument("--force", action="store_true", help="grade again what is in the cache")


def run(options) -> int:
    from course.exchange import roster
    from course.folder import Folder
    from course.grade import engine
    from course.grade.sandbox.choice import choose
    from course.grade.sandbox.limits import Limits

    folder = Folder.at(options.course_dir)
    people = roster.load(folder)
    settings = engine.Options(
        students=tuple(student(folder, one) for one in options.student or ()),
        jobs=options.jobs,
        scheduler=options.scheduler,
        sandbox=choose(options.sandbox),
        tests=options.tests or "",
        limits=Limits(options.cell_timeout, options.timeout, options.memory),
        force=options.force,
    )
    if settings.sandbox == "rlimits":
        print(NO_SANDBOX, file=sys.stderr)
    done, waiting = [], 0
    try:
        for name, students in [part for each in options.assignment for part in _parts(folder, each, settings.students)]:
            of_this = dataclasses.replace(settings, students=students, due=people.due(name))
            grade = functools.partial(engine.grade, name, folder.root, of_this, say=_say)
            verdicts = _with_progress(grade, len(engine.submissions(name, folder.root, students)), name)
            verdicts.sort(key=lambda verdict: verdict.student)
            _print_table(verdicts)
            done += verdicts
            waiting += _open_answers(folder, name)
    except KeyboardInterrupt:
        print("\nThe marks so far are kept: the same command goes on where it stopped.", file=sys.stderr)
        raise
    finally:
        if options.json and done:
            from course.pages import tables

            tables.write_json(done, options.json)
    if waiting:
        print(f"Answers that wait for a person: {waiting}. Mark them: course mark {' '.join(options.assignment)}")
    return 0


def _parts(folder, name: str, students: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """The assignments that are meant, with the students who are; of a unit, those languages in which they handed in.

    Raises `CourseError`, `UsageError`.
    """
    from course.grade import engine

    names = assignments(folder, [name])
    if names != [name]:
        there = {each: folder.students(each) for each in names}
        if not any(there.values()):
            raise UsageError(f"Nobody has handed in {', '.join(names)}: see {folder.home('submitted')}.")
        for one in students:
            if not any(one in found for found in there.values()):
                hint = nearest.hint(one, set().union(*there.values()))
                raise UsageError(f"There is no submission of {one} to {name}.{hint}")
        names = [each for each in names if (set(there[each]) & set(students) if students else there[each])]
        return [(each, tuple(one for one in students if one in there[each])) for each in names]
    engine.submissions(name, folder.root, students)
    return [(name, students)]


def _open_answers(folder, name: str) -> int:
    """How many answers of an assignment wait for a person."""
    from course.grade import marks

    return sum(len(mark.open) for mark in marks.of(folder.root, name).values())


def _say(sentence: str) -> None:
    """Tell the teacher what they have to know first."""
    from course.verdict import printable

    print(f"NOTE: {printable(sentence)}", file=sys.stderr)


def _with_progress(grade, total: int, title: str) -> list:
    """Collect the verdicts and say what is going on; on a terminal with a bar and the time left."""
    with progress_bar() as progress:
        task = progress.add_task(title, total=total)

        def stage(words: str) -> None:
            progress.update(task, description=f"{title}: {words}")
            if progress.disable:
                print(f"{title}: {words} …", file=sys.stderr)

        with contextlib.closing(grade(stage=stage)) as verdicts:
            return list(progress.track(verdicts, task_id=task))


def _print_table(verdicts) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from course.verdict import printable

    table = Table("student", "verdict", "automatic", "seconds", "cause")
    for verdict in verdicts:
        score = "–" if verdict.score is None else f"{verdict.score:g} / {verdict.max_score:g}"
        cells = (verdict.student, verdict.verdict, score, f"{verdict.seconds:.1f}", verdict.cause)
        # Names and causes come from students: neither rich's markup nor a terminal's control codes take effect.
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console().print(table)
