"""What was found, in the reader's language, or as data for a program.

In: a `Report`. Out: text of one line a finding, or a dictionary that JSON can hold.
"""

import dataclasses

from helpers.check.cells import Answer, Remark
from helpers.check.fresh import DIED
from helpers.check.reading import Notebook
from helpers.check.report import WRONG, Report, Stop, Tried
from helpers.language import gettext as _

GOOD, BAD, NEUTRAL = "✓", "✗", "·"
MOST_LINES = 8  # of one answer's tests


def heading(notebook: Notebook) -> str:
    """What is being checked, said before the run, which takes a while."""
    if notebook.saved:
        checked = _("{name}, as it was saved at {time}.", name=notebook.name, time=notebook.saved)
    else:
        checked = _("{name}, as it stands in the browser.", name=notebook.name)
    return "\n".join(
        [checked, _("Now it runs from top to bottom in a fresh process. That takes as long as training does.")]
    )


def text(report: Report) -> str:
    """All findings, then whether the notebook is ready."""
    exercises = [(answer, tried) for answer, tried in report.answers if not answer.is_essay]
    essays = [(answer, tried) for answer, tried in report.answers if answer.is_essay]
    parts = [
        (_("Exercises"), [line for pair in exercises for line in _answer(*pair)]),
        (_("Written questions"), [line for pair in essays for line in _answer(*pair)]),
        (_("From top to bottom in a fresh process"), _run(report)),
        (_("What the grader does"), [f"{NEUTRAL} {_remark(remark)}" for remark in report.remarks]),
    ]
    blocks = ["\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in parts if lines]
    return "\n\n".join([*blocks, _end(report)])


def data(report: Report) -> dict:
    """The report for a program; sentences in the notebook's language."""
    return {
        "notebook": report.notebook.name,
        "unit": report.notebook.unit,
        "language": report.notebook.language,
        "ready": report.is_ready,
        "to_mend": report.to_mend,
        "seconds": round(report.seconds, 1),
        "answers": [dataclasses.asdict(answer) | dataclasses.asdict(tried) for answer, tried in report.answers],
        "stops": [dataclasses.asdict(stop) for stop in report.stops],
        "waiting": report.waiting,
        "remarks": [dataclasses.asdict(remark) | {"sentence": _remark(remark)} for remark in report.remarks],
    }


def stopped() -> str:
    """The person has interrupted the check."""
    return _("Stopped.")


def _answer(answer: Answer, tried: Tried) -> list[str]:
    is_good = answer.state == "written" and tried.tests not in WRONG
    title = answer.section or f"`{answer.grade_id}`"
    if answer.state != "written":
        return [f"{BAD} {title}: {_state(answer)}"]
    lines = [f"    {line}" for line in tried.lines[:MOST_LINES]]
    return [f"{GOOD if is_good else BAD} {title}: {_tests(tried)}", *lines]


def _state(answer: Answer) -> str:
    if answer.state == "broken":
        return _("this is no Python, line {line}: {error}", line=answer.line, error=answer.error)
    if answer.state == "doubled":
        return _(
            "there are {count} versions, and the last one above the tests counts: delete the others.",
            count=answer.count,
        )
    return {
        "empty": _("nothing is written yet."),
        "missing": _("it is missing: its cell was deleted, or has lost its mark."),
    }[answer.state]


def _tests(tried: Tried) -> str:
    return {
        "partly": _("some of the tests that you see do not pass:"),
        "passed": _("the tests that you see pass."),
        "failed": _("the tests that you see do not pass:"),
        "not_reached": _("its tests were not reached."),
        "not_there": _("written; its tests are not in the notebook."),
        "none": _("written; a person will read it."),
    }[tried.tests]


def _run(report: Report) -> list[str]:
    lines = [f"{BAD} {_stop(stop)}" for stop in report.stops]
    if report.waiting:
        waiting = _("Cells that fail below the first exercise that is not written yet: {count}.", count=report.waiting)
        lines.append(f"{NEUTRAL} {waiting}")
    seconds = f"{report.seconds:.0f}"
    return lines or [f"{GOOD} {_('No cell fails; it took {seconds} s.', seconds=seconds)}"]


def _stop(stop: Stop) -> str:
    place = _place(stop.section, stop.first_line)
    if stop.kind == DIED:
        return _("{place}: here the process died, probably for want of memory.", place=place)
    return f"{place}: {stop.kind}: {stop.error}".removesuffix(": ")


def _place(section: str, first_line: str) -> str:
    cell = _("the cell that begins with `{line}`", line=first_line)
    return f"{section} · {cell}" if section else cell


def _remark(remark: Remark) -> str:
    subject = remark.subject
    if remark.kind == "changed":
        return _(
            "{place}: it has been changed, and the grader runs the original. "
            "Imports and new names that you added are kept.",
            place=_place(remark.section, subject),
        )
    if remark.kind == "changed_test":
        return _("The tests of `{name}` have been changed: the grader runs the original ones.", name=subject)
    if remark.kind == "put_back":
        return _("Cells of the course that are missing here, and that the grader puts back: {count}.", count=subject)
    return _(
        "`{name}` is made only in a cell that is not graded. The grader looks for what makes it, but to be sure define "
        "it in a cell of your own.",
        name=subject,
    )


def _end(report: Report) -> str:
    verdict = _("Ready to hand in.") if report.is_ready else _("Not ready yet. To mend: {count}.", count=report.to_mend)
    more = _("More tests run after you have handed in: they check the same rules on other examples.")
    return f"{verdict}\n{more}"
