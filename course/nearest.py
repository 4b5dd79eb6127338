"""What somebody may have meant who typed a name that is not there."""

import difflib
from collections.abc import Iterable


def hint(name: str, known: Iterable[str]) -> str:
    """A sentence with the nearest of the known names, with a space before it; "" if none is near.

    >>> hint("nre-en", ["ner-en", "intent-en"])
    ' Did you mean ner-en?'
    >>> hint("marks", ["ner-en", "intent-en"])
    ''
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""
