"""Graders that the cases are run with.

A runner is a module with two functions of a Python that has the grader: `run(cases, python)` yields a `Finding` for
each case as soon as it is there, and may raise `Unavailable`; `version(python)` is the name for the table.
"""

RUNNERS = {  # name on the command line → module:function
    "course": "course:run",
    "course-inside": "course:inside",
    "nbgrader": "nbgrader:run",
    "otter": "otter:run",
}


class Unavailable(Exception):
    """The grader cannot be run on this machine; the message says why."""
