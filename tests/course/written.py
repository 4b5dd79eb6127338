"""Classes with written answers, as grading enters them; answers that try to be more than text on a page."""

import nbformat

from course.folder import Folder
from course.grade import essays
from course.grade.job import Graded
from course.grade.ledger import Ledger
from course.verdict import NO_ANSWER, CellScore, Verdict

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "# Huge\n\n[here](javascript:document.title='owned') ![picture](http://127.0.0.1:9/x.png)",
    "| a | |\n|-|-|\n| 1 | 2 |",
    "$\\text{<script>document.title='owned'</script>}$ $\\text{<b id='injected'>b</b>}$",
    "</div></article><form action='http://127.0.0.1:9/'><input name=points></form>",
    "$" + "{" * 900 + "x" + "}" * 900 + "$ and " + "long" * 900,
    "\u202ereversed\u0000",
)


def hand_in(course, answers: dict[str, str | None], *, late: str | None = None) -> None:
    """Enter a class as grading does: everybody passes the tests; None leaves the written answer as it was."""
    folder = Folder.at(course.root)
    with Ledger(folder) as ledger:
        registered = ledger.register("sums")
        for student, text in answers.items():
            notebook = course.notebook(essay="YOUR ANSWER HERE" if text is None else text)
            path = course.submit(student, notebook)
            if late:
                path.with_name("timestamp.txt").write_text(late)
            empty = CellScore("essay", 0.0, 2.0, "failed", NO_ANSWER, "person")
            essay = empty if text is None else CellScore("essay", None, 2.0, "manual", "", "person")
            cells = (
                CellScore("test_add", 3.0, 3.0, "passed", "", "outside"),
                CellScore("test_evens", 4.0, 4.0, "passed", "", "outside"),
                essay,
            )
            verdict = Verdict(student, "sums", "graded", "", (), 7.0, 9.0, 1.0, cells, "bwrap")
            ledger.record(verdict, {"sums": Graded(verdict, nbformat.writes(notebook).encode())})
    assert registered


def by_student(course) -> dict[str, essays.Essay]:
    with Ledger(Folder.at(course.root)) as ledger:
        return {essay.student: essay for essay in essays.of(ledger, "sums")}


def comment_of(course, student: str) -> str | None:
    with course.gradebook() as gradebook:
        return gradebook.find_comment("essay", "sums", "sums", student).manual_comment
