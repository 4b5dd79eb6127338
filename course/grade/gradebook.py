"""nbgrader's gradebook as a large class needs it: with the indexes that nbgrader leaves out, and in one transaction
what it commits bit by bit.

In: the URL of a database. Out: nbgrader's own `Gradebook`, for the ledger. The tables are as nbgrader makes them, so
that formgrader, `nbgrader export` and `nbgrader db upgrade` go on working with them.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import nbgrader
from nbgrader import api
from nbgrader.api import Course, Gradebook
from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

# By these a submission is looked up, and nbgrader adds up its marks: without an index each time through all of a class.
LOOKED_UP_BY = {
    "submitted_assignment": "student_id",
    "submitted_notebook": "assignment_id",
    "grade": "notebook_id",
    "comment": "notebook_id",
}


def schema_version() -> str:
    """The version of nbgrader's tables, which stands in every new gradebook."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(Path(nbgrader.__file__).parent / "alembic")).get_current_head()


def opened(db_url: str, course_id: str) -> Gradebook:
    """The gradebook at this URL, made where it is missing. Raises what SQLAlchemy does."""
    with mock.patch.object(api, "get_alembic_version", schema_version):  # nbgrader starts a program, found by its name
        gradebook = Gradebook(db_url, course_id)
    # nbgrader leaves out the course without a name, which PostgreSQL then misses for each assignment.
    gradebook.db.merge(Course(id=course_id))
    gradebook.db.commit()
    if gradebook.engine.dialect.name == "sqlite":
        event.listen(gradebook.engine, "connect", _outlive_the_power)
        gradebook.engine.dispose()  # what is connected already has not heard of it
    make_indexes(gradebook.engine)
    return gradebook


def _outlive_the_power(connection, _) -> None:
    """What is committed is on the disk. SQLite's default may lose the last transaction when the power fails, for the
    removal of its journal may not be there yet (https://sqlite.org/pragma.html#pragma_synchronous)."""
    connection.execute("PRAGMA synchronous = EXTRA")


def make_indexes(engine: Engine) -> None:
    """Make the indexes that are missing. Where the database refuses that, marks are the same and take longer.

    Each is committed by itself: to wait for a table while another one is locked could end in a deadlock. They have
    names that nbgrader would not give to its own.
    """
    found = inspect(engine).get_multi_indexes(filter_names=list(LOOKED_UP_BY))
    there = {index["name"] for indexes in found.values() for index in indexes}
    with contextlib.suppress(DBAPIError):
        for table, column in LOOKED_UP_BY.items():
            if (name := f"course_{table}_{column}") not in there:
                with engine.begin() as connection:
                    connection.execute(text(f"CREATE INDEX IF NOT EXISTS {name} ON {table} ({column})"))


@contextlib.contextmanager
def one_transaction(gradebook: Gradebook) -> Iterator[None]:
    """What nbgrader commits meanwhile is committed at the end, all of it or nothing. The gradebooks that its steps open
    and close for themselves are this one."""

    def join(other: Gradebook, *_, **__) -> None:
        vars(other).update(vars(gradebook))

    db = gradebook.db
    db.remove()
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(gradebook.engine.begin())
        stack.callback(db.configure, bind=gradebook.engine)
        stack.callback(db.remove)
        db.configure(bind=connection, join_transaction_mode="rollback_only")
        stack.enter_context(mock.patch.multiple(Gradebook, __init__=join, close=lambda _: None))
        yield
