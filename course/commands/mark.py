"""`course mark`: written answers, equal ones at once, on a page in the browser."""

import contextlib
import sys
import webbrowser
from pathlib import Path

from course.commands import UsageError, assignment, assignments
from course.commands import names as names_of
from helpers.language import LANGUAGES

HELP = "Mark written answers on a page in the browser: equal ones at once, without names, by the keyboard."
EXAMPLE = "course mark ner"


def arguments(parser) -> None:
    parser.add_argument(
        "assignment", nargs="+", type=assignment, metavar="ASSIGNMENT",
        help="such as ner-en, or a unit in all its languages, such as ner",
    )  # fmt: skip
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder in which was graded (.)")
    parser.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0], help="language of the page (en)")
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="port of the page on this machine (any free one)"
    )
    parser.add_argument("--no-browser", action="store_true", help="only say where the page is")


def run(options) -> int:
    from course.folder import Folder
    from course.grade import essays
    from course.grade.ledger import Ledger
    from course.pages import texts
    from course.pages.marking import questions
    from course.pages.marking.desk import Desk
    from course.pages.marking.site import Site, server

    folder = Folder.at(options.course_dir)
    names = assignments(folder, options.assignment)
    if not Ledger(folder).exists():
        raise UsageError(f"Nothing of {', '.join(names)} has been graded: run `course grade` first.")
    settings = {name: texts.settings(folder, name) for name in names}
    units = {name: found.get("unit", name) for name, found in settings.items()}
    languages = {name: found.get("language", "") for name, found in settings.items()}
    asked = questions.of(folder, names, options.lang)
    if not asked:
        raise UsageError(f"There are no written questions in {', '.join(names)}.")

    def key_of(essay):
        return units[essay.assignment], essay.notebook, essay.grade_id

    def load():
        with Ledger(folder) as ledger:
            return [essay for name in names for essay in essays.of(ledger, name) if key_of(essay) in asked]

    def enter(changes):
        with Ledger(folder) as ledger:
            return essays.enter(ledger, changes)

    desk = Desk(load, enter, key_of)
    listening, address = server(Site(desk, asked, names_of(folder), options.lang, languages), options.port)
    print(f"{_left(desk)} Mark them here, and end with Ctrl+C: {address}", flush=True)
    if not options.no_browser and not webbrowser.open(address):
        print("No browser could be opened: open this address in one yourself.", file=sys.stderr)
    with listening, contextlib.suppress(KeyboardInterrupt):
        listening.serve_forever()
    print(f"\n{_left(desk)}")
    return 0


def _left(desk) -> str:
    answers = [essay for groups in desk.groups.values() for group in groups for essay in group.essays]
    return f"{sum(essay.given.waits for essay in answers)} of {len(answers)} written answers wait for a mark."
