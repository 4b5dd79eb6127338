"""The command `course`: parses arguments, calls the rooms, prints what a person wants to know.

Every error that a person can cause ends as one sentence on stderr and exit code 2; a check that finds
something exits with 1.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path

from course import ROOT

NO_SANDBOX = """\
WARNING: there is neither bubblewrap nor Docker on this machine. Students' code runs with your rights: it can read
your files, reach the network and change other submissions. Grade only people you trust, or install bubblewrap."""


class UsageError(Exception):
    """A mistake in what was typed; the message is the sentence that the person reads."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except _expected_errors() as error:
        print(f"course: {error}", file=sys.stderr)
        return 2


def _expected_errors() -> tuple[type[Exception], ...]:
    """The exceptions whose message is meant for people; OSError: a file that cannot be read or written."""
    from course.build.read import UnitError
    from course.build.write import CatalogueError
    from course.folder import CourseError
    from course.grade.pool import SchedulerError
    from course.grade.sandbox.limits import SandboxUnavailable
    from course.run import RunError
    from helpers.data import DataError
    from helpers.models import ModelUnavailable
    from helpers.profiles import UnknownProfile

    ours = (UsageError, UnitError, CatalogueError, CourseError, SchedulerError, SandboxUnavailable, RunError)
    return (*ours, DataError, ModelUnavailable, UnknownProfile, OSError)


def parser() -> argparse.ArgumentParser:
    """All commands with their options and an example each."""
    root = argparse.ArgumentParser(prog="course", description="Build, run and grade the course.")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run, help: str, example: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=help,
            description=help,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)
        return added

    build = command("build", _build, "Make source/ and release/ from the units' texts.", "course build ner --lang ru")
    build.add_argument("unit", nargs="*", metavar="UNIT", help="which units (all, if none is named)")
    build.add_argument("--lang", choices=("en", "ru", "es"), help="one language only")
    build.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that differ")

    messages = command("messages", _messages, "Keep the translations in step with the text.", "course messages --check")
    messages.add_argument(
        "unit", nargs="*", metavar="UNIT", help="which units, or helpers (all of them, if none is named)"
    )
    task = messages.add_mutually_exclusive_group(required=True)
    task.add_argument("--update", action="store_true", help="bring the .po files up to date; drafts are marked fuzzy")
    task.add_argument("--check", action="store_true", help="exit 1 and name what is missing, fuzzy, obsolete or wrong")

    run = command(
        "run",
        _run,
        "Run a unit's notebook from top to bottom.",
        "course run ner --lang es -p epochs 1",
    )
    run.add_argument("unit", metavar="UNIT")
    run.add_argument("--lang", choices=("en", "ru", "es"), default="en")
    run.add_argument(
        "--profile",
        default="auto",
        help="offline, full, quick, or auto: full where there is a GPU, else offline (default)",
    )
    run.add_argument(
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="set a parameter of the notebook, such as checkpoint or epochs",
    )  # fmt: skip
    run.add_argument("--out", type=Path, default=Path("runs"), help="folder for the notebook and results.json (runs/)")

    grade = command(
        "grade", _grade, "Grade the submissions of an assignment.", "course grade ner-en --json marks.jsonl"
    )
    grade.add_argument("assignment", metavar="ASSIGNMENT", help="such as ner-en: a folder of source/")
    grade.add_argument("--course-dir", type=Path, default=Path("."), help="folder with source/ and submitted/ (.)")
    grade.add_argument("--student", action="append", metavar="S", help="only this student; may be given several times")
    grade.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="workers (the cores)")
    grade.add_argument("--scheduler", metavar="ADDR", help="a Dask scheduler, such as tcp://10.0.0.5:8786")
    grade.add_argument(
        "--sandbox", choices=("bwrap", "docker", "rlimits"), help="insist on one (the best that works here)"
    )
    grade.add_argument(
        "--tests",
        choices=("outside", "inside"),
        help="where tests run: in the grader, or in the student's process, watched (as the notebook's metadata say)",
    )
    grade.add_argument("--cell-timeout", type=_positive, default=120, metavar="S", help="seconds for a cell (120)")
    grade.add_argument(
        "--timeout", type=_positive, default=600, metavar="S",
        help="seconds for the graded cells of a submission, and as many for the student's own (600)",
    )  # fmt: skip
    grade.add_argument("--memory", type=_positive, default=4096, metavar="MIB", help="MiB for a submission (4096)")
    grade.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts there, one JSON object a line")
    grade.add_argument("--force", action="store_true", help="grade again what is in the cache")

    feedback = command(
        "feedback",
        _feedback,
        "Write a page for each student: what is right, what is not yet, and the hints.",
        "course feedback ner-en --student anna",
    )
    feedback.add_argument("assignment", metavar="ASSIGNMENT")
    feedback.add_argument("--course-dir", type=Path, default=Path("."), help="folder in which was graded (.)")
    feedback.add_argument("--student", action="append", metavar="S", help="only this one; may be given several times")

    report = command(
        "report",
        _report,
        "Write a page with the marks of an assignment, and tables of them.",
        "course report ner-en --out report.html --csv marks.csv",
    )
    report.add_argument("assignment", nargs="+", metavar="ASSIGNMENT")
    report.add_argument("--course-dir", type=Path, default=Path("."), help="folder in which was graded (.)")
    report.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE")
    report.add_argument("--csv", type=Path, metavar="FILE", help="also a table for a spreadsheet")
    report.add_argument("--json", type=Path, metavar="FILE", help="also the verdicts, one JSON object a line")
    return root


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _build(options) -> int:
    from course.build import read, write

    languages = (options.lang,) if options.lang else read.LANGUAGES
    found = []
    for name in options.unit or read.unit_names():
        if options.check:
            unit = read.read_unit(name)
            found += [problem for language in languages for problem in _stale(unit, language)]
        else:
            changed = write.write(write.build_unit(name, languages), ROOT)
            print(f"{name}: {', '.join(changed) if changed else 'nothing has changed'}")
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


def _stale(unit, language: str) -> list[str]:
    """One sentence for each file of a language that must be built again, or for the catalogue that prevents it."""
    from course.build import write

    try:
        changed = write.differences([write.build_language(unit, language)], ROOT)
    except write.CatalogueError as error:
        return [str(error)]
    return [f"{path} is not what the text makes: run `course build` and commit the result." for path in changed]


def _messages(options) -> int:
    from course.build import catalog, helpers_messages, read

    found = []
    for name in options.unit or [*read.unit_names(), helpers_messages.NAME]:
        ids = catalog.messages_of(name)
        for language in read.LANGUAGES[1:]:
            path = catalog.path_of(name, language)
            catalogue = catalog.load(path)
            if options.update:
                catalogue = catalog.update(ids, catalogue, language)
                catalogue.save(str(path))
                left = len(catalogue.untranslated_entries()) + len(catalogue.fuzzy_entries())
                print(f"{path.name} of {name}: {len(ids)} messages, {left} to translate")
            else:
                found += [f"{name}/{language}.po: {problem}" for problem in catalog.problems(ids, catalogue, language)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


def _run(options) -> int:
    from course import run

    outcome = run.run_unit(
        options.unit, options.lang, profile=options.profile, parameters=dict(options.parameters), out=options.out
    )
    for name, value in outcome.metrics.items():
        print(f"{name:>12}  {value:.4f}")
    print(f"{options.unit}-{options.lang}: {outcome.seconds:.0f} s on {outcome.device}; see {outcome.folder}")
    return 0


def _grade(options) -> int:
    from course import report
    from course.grade import engine
    from course.grade.sandbox.choice import choose
    from course.grade.sandbox.limits import Limits

    limits = Limits(options.cell_timeout, options.timeout, options.memory)
    settings = engine.Options(
        students=tuple(options.student or ()),
        jobs=options.jobs,
        scheduler=options.scheduler,
        sandbox=choose(options.sandbox),
        tests=options.tests or "",
        limits=limits,
        force=options.force,
    )
    if settings.sandbox == "rlimits":
        print(NO_SANDBOX, file=sys.stderr)
    total = len(engine.submissions(options.assignment, options.course_dir, settings.students))
    try:
        graded = engine.grade(options.assignment, options.course_dir, settings, say=_say)
        with contextlib.closing(graded) as verdicts:
            done = _with_progress(verdicts, total, options.assignment)
    except KeyboardInterrupt:
        print("\nThe marks so far are kept: the same command goes on where it stopped.", file=sys.stderr)
        raise
    done.sort(key=lambda verdict: verdict.student)
    _print_table(done)
    if options.json:
        report.write_json(done, options.json)
    return 0


def _say(sentence: str) -> None:
    """Tell the teacher what they have to know first."""
    from course.verdict import printable

    print(f"NOTE: {printable(sentence)}", file=sys.stderr)


def _with_progress(verdicts, total: int, title: str) -> list:
    """Collect the verdicts; on a terminal with a bar and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        return list(progress.track(verdicts, total=total, description=title))


def _print_table(verdicts) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from course.verdict import printable

    table = Table("student", "verdict", "score", "seconds", "cause")
    for verdict in verdicts:
        score = "–" if verdict.score is None else f"{verdict.score:g} / {verdict.max_score:g}"
        cells = (verdict.student, verdict.verdict, score, f"{verdict.seconds:.1f}", verdict.cause)
        # Names and causes come from students: neither rich's markup nor a terminal's control codes take effect.
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console().print(table)


def _feedback(options) -> int:
    from course.pages import feedback

    graded = _graded([options.assignment], options.course_dir)
    for student in options.student or ():
        if student not in {verdict.student for verdict in graded}:
            raise UsageError(f"Nothing of {student} has been graded in {options.assignment}: run `course grade` first.")
    pages = feedback.write_pages(options.assignment, options.course_dir, tuple(options.student or ()))
    print(f"{len(pages)} pages are in {options.course_dir.resolve() / 'feedback'}")
    return 0


def _report(options) -> int:
    from course import report

    verdicts = _graded(options.assignment, options.course_dir)
    report.write_report(verdicts, options.out)
    if options.csv:
        report.write_csv(verdicts, options.csv)
    if options.json:
        report.write_json(verdicts, options.json)
    print(f"The report is in {options.out.resolve()}")
    return 0


def _graded(assignments: list[str], course_dir: Path) -> list:
    from course import kept

    verdicts = [verdict for name in assignments for verdict in kept.load_all(course_dir, name)]
    if not verdicts:
        raise UsageError(f"Nothing of {', '.join(assignments)} has been graded: run `course grade` first.")
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
