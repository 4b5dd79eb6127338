"""What a cell showed, checked: the student's process may send anything.

In: outputs as the process sent them. Out: text, and pictures of a reasonable size, as nbformat has them; nothing that
a browser would run.
"""

import dataclasses

from course.pictures import is_picture

SHOWN = ("text/plain", "image/png", "image/jpeg")  # what a graded notebook keeps
DISPLAY_LIMIT = 4 << 20  # characters of pictures and errors that one cell may show
ENTRY = 1000  # counted for each output, however small


@dataclasses.dataclass(frozen=True)
class CellRun:
    """What running a cell brought: outputs as nbformat has them, and whether it ended without an error."""

    ok: bool
    outputs: tuple[dict, ...]


def checked(outputs: list) -> list[dict]:
    """Of what a cell showed, what may be kept."""
    kept, room = [], DISPLAY_LIMIT
    for output in outputs:
        if type(output) is not dict:
            continue
        kind, data = output.get("output_type"), output.get("data")
        if kind in ("display_data", "execute_result") and type(data) is dict:
            data = {mime: text(data[mime]) for mime in SHOWN if type(data.get(mime)) is str}
            data = {mime: data[mime] for mime in data if mime == "text/plain" or is_picture(mime, data[mime])}
            entry = {"output_type": kind, "data": data, "metadata": {}}
            entry |= {"execution_count": None} if kind == "execute_result" else {}
            room -= ENTRY + sum(map(len, data.values()))
        elif kind == "error":
            name, message = (text(output.get(key))[:2000] for key in ("ename", "evalue"))
            trace = output.get("traceback")
            trace = [text(line)[:2000] for line in trace[:60]] if type(trace) is list else []
            entry = {"output_type": "error", "ename": name, "evalue": message, "traceback": trace}
            room -= ENTRY + sum(map(len, (name, message, *trace)))
        else:
            continue
        if room < 0:
            break
        kept.append(entry)
    return kept


def text(value) -> str:
    """The value if it is text."""
    return value if type(value) is str else ""
