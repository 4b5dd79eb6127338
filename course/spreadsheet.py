"""What a spreadsheet would take for a formula in a table that somebody else filled."""

import re

FORMULA = re.compile(r"((?:^|[;,|\t\r\n])\s*)([=+\-@＝＋－＠])")


def safe(value):
    """The value for a spreadsheet, which would calculate what begins like a formula.

    Not only the value as a whole: where semicolons or tabs part cells, a part of it is a cell, too.

    >>> safe("=1+1"), safe("a;=1+1"), safe("anna"), safe(-1.5)
    ("'=1+1", "a;'=1+1", 'anna', -1.5)
    """
    return FORMULA.sub(r"\1'\2", value) if isinstance(value, str) else value
