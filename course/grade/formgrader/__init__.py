"""What of the course stands in nbgrader's place, in formgrader and in nbgrader's commands.

`nbgrader_config.py` names these three, as text: where they cannot be imported, nbgrader stops with an error and does
not go on with its own.
"""

from course.grade.formgrader.commands import CourseCommand
from course.grade.formgrader.release import ReleaseFeedback
from course.grade.formgrader.text import harmless

__all__ = ["CourseCommand", "ReleaseFeedback", "harmless"]
