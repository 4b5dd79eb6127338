"""`nbgrader export`, in step: what a late submission loses is counted from the marks as they are when it is exported.

nbgrader itself leaves a penalty as it was when the submission was graded, whatever persons have marked since.
Registered in `nbgrader_config.py`.
"""

from pathlib import Path

from nbgrader.plugins import CsvExportPlugin

from course.folder import Folder
from course.grade import lateness
from course.grade.ledger import Ledger


class InStep(CsvExportPlugin):
    """nbgrader's own table, of a gradebook whose penalties have been brought in step."""

    def export(self, gradebook) -> None:
        """Write the table to `to`."""
        names = self.assignment or [assignment.name for assignment in gradebook.assignments]
        gradebook.db.rollback()  # or SQLite would wait for the reader that this is
        with Ledger(Folder.at(Path(self.parent.coursedir.root))) as ledger:
            for name in names:
                lateness.settle(ledger, name)
        super().export(gradebook)
