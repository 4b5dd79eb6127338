"""Pages on their way back through nbgrader's exchange: `nbgrader release_feedback`, formgrader's envelope.

In: the pages in feedback/. Out: copies in the exchange, by the names under which `nbgrader fetch_feedback` looks for
them. Only pages that `course feedback` wrote go out, for nbgrader's own show hidden tests.
"""

import datetime
from pathlib import Path

from nbgrader.exchange.default import ExchangeReleaseFeedback
from nbgrader.utils import notebook_hash, parse_utc

from course import Refusal
from course.folder import Folder, Unfit, replace_file
from course.grade.formgrader.wanted import folder_of, students

OURS = b'<meta name="generator" content="course feedback">'
HEAD = 1000  # bytes at the beginning of a page, which are never a student's
SECRET = "submission_secret.txt"  # `nbgrader submit` puts it beside the notebook; by it the student finds the page
SECRET_LIMIT = 1000  # bytes; nbgrader's have 128


class ReleaseFeedback(ExchangeReleaseFeedback):
    """nbgrader's step for its own exchange, with a look at each page before it goes out."""

    def copy_files(self) -> None:
        """Copy the pages. Raises `ExchangeError` where one is not the course's own, before any goes out."""
        try:
            folder = folder_of(self.coursedir)
        except Refusal as refusal:
            self.fail(str(refusal))
        assignment = self.coursedir.assignment_id
        wanted = students(self.coursedir, folder.students(assignment))
        pages = {student: _pages(folder, assignment, student) for student in wanted}
        if foreign := [str(path) for found in pages.values() for path in found if not _is_ours(path)]:
            self.fail(
                f"These pages may show hidden tests, for `course feedback` did not write them: {', '.join(foreign)}. "
                f"Nothing was released: run `course feedback {assignment}`, or delete them."
            )
        if not any(pages.values()):
            self.fail(f"There are no pages of {assignment}: run `course feedback {assignment}` first.")
        for student, found in pages.items():
            if found:
                self._release(folder, assignment, student, found)

    def _release(self, folder: Folder, assignment: str, student: str, pages: list[Path]) -> None:
        """Copy a student's pages, if they are about what lies in submitted/ and the student can fetch them."""
        files = _handed_in(folder, assignment, student)
        secret = files.get(SECRET, b"")
        if not 0 < len(secret) <= SECRET_LIMIT:
            self.log.warning("%s: not handed in through nbgrader's exchange, so not released there.", student)
            return
        graded = folder.path("autograded", assignment, student) / "timestamp.txt"
        if _time(files.get("timestamp.txt")) != _time(graded.read_bytes() if graded.is_file() else None):
            self.log.warning("%s: handed in anew since this was graded, so not released: grade first.", student)
            return
        for page in pages:
            name = notebook_hash(secret=secret.decode("utf-8", "replace"), notebook_id=page.stem)
            replace_file(Path(self.dest_path, f"{name}.html"), page.read_bytes())
            self.log.info("%s: %s released.", student, page.name)


def _pages(folder: Folder, assignment: str, student: str) -> list[Path]:
    pages = folder.path("feedback", assignment, student).glob("*.html")
    return sorted(page for page in pages if page.is_file() and not page.is_symlink())


def _is_ours(page: Path) -> bool:
    with page.open("rb") as file:
        return OURS in file.read(HEAD)


def _handed_in(folder: Folder, assignment: str, student: str) -> dict[str, bytes]:
    try:
        return {path: content for path, _, content in folder.handed_in(assignment, student)}
    except Unfit:
        return {}


def _time(text: bytes | None) -> datetime.datetime | None:
    """What a timestamp.txt says, which may be anything."""
    try:
        return parse_utc((text or b"").decode().strip())
    except (ValueError, OverflowError, TypeError, AttributeError):
        return None
