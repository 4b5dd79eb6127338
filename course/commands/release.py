"""`course release`: the students' repository."""

import sys
from pathlib import Path

from course.commands import progress_bar

HELP = "Make the students' repository, or bring it up to date: notebooks and helpers, no solution, no hidden test."
EXAMPLE = "course release ../students --repository anna/transformers-course"
NO_ADDRESS = """\
NOTE: The repository has no name yet, so the notebooks have no badge for Colab: name it with --repository owner/name,
or in pyproject.toml ([tool.course] repository)."""
NO_LICENCE = """\
NOTE: The course has no LICENSE, so nobody is told what they may do with the notebooks: put one into the course's
folder, and it is handed out with them."""


def arguments(parser) -> None:
    parser.add_argument("dir", type=Path, metavar="DIR", help="a new folder, an empty clone, or an earlier release")
    parser.add_argument(
        "--repository",
        metavar="OWNER/NAME",
        help="on GitHub: badges and install cells point there (what pyproject.toml says under [tool.course])",
    )


def run(options) -> int:
    from course.build import students, write
    from course.build.publish import earlier, publish

    earlier(options.dir)  # what is refused is refused before everything is built
    repository = write.repository() if options.repository is None else options.repository
    if options.repository is None and not repository:
        repository = students.address_of(options.dir)
    files = _with_progress(students, repository)
    changes = publish(files, options.dir)
    done = [f"{len(paths)} files {verb}" for verb, paths in vars(changes).items() if paths]
    print(f"{options.dir}: {', '.join(done) or 'nothing has changed'}")
    for note, holds in ((NO_ADDRESS, not repository), (NO_LICENCE, not students.has_licence())):
        if holds:
            print(note, file=sys.stderr)
    return 0


def _with_progress(students, repository: str) -> dict[str, bytes]:
    """The files; on a terminal with a bar and the time left."""
    with progress_bar() as progress:
        return students.contents(repository, lambda names: progress.track(names, description="units"))
