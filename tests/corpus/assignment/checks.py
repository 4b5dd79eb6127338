"""What the tests of the notebook use: a module of the teacher's that lies beside it."""


def same(result, expected):
    """Raise AssertionError if the result is not what was expected."""
    assert result == expected, f"It is {result!r}."
