"""What happens to a value that may not go over."""


class ValueRefused(BaseException):
    """A value that may not go over; the message can be shown to a student.

    No `Exception`: a test's `except Exception` must not take it for an error of the student's function.
    """
