"""What keeps a class from being graded, as one sentence for the teacher."""

import contextlib

from course.folder import CourseError
from course.verdict import bounded


class GradingError(CourseError):
    """A class that cannot be graded at all; the message says what is missing."""


@contextlib.contextmanager
def database_errors():
    """What a database refuses becomes a `GradingError`."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ImportError as error:
        raise GradingError(
            f"The gradebook cannot be used: its `db_url` needs a Python package that is not there "
            f"({bounded(str(error))}); for PostgreSQL run `pip install 'psycopg[binary]'`."
        ) from None
    except SQLAlchemyError as error:
        raise GradingError(f"The gradebook cannot be used: {bounded(str(getattr(error, 'orig', error)))}") from None
