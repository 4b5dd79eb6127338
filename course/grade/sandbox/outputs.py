"""What a cell showed, checked: the student's process may send anything.

In: outputs as the process sent them. Out: text, and pictures of a reasonable size, as nbformat has them; nothing that
a browser would run.
"""

import base64
import binascii
import dataclasses
import struct

SHOWN = ("text/plain", "image/png", "image/jpeg")  # what a graded notebook keeps
DISPLAY_LIMIT = 4 << 20  # characters of pictures and errors that one cell may show
PIXELS = 16_000_000  # of one picture: a browser needs four bytes for each, however well they are packed
SIDE = 20_000  # pixels
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


def is_picture(mime: str, data: str) -> bool:
    """Whether base64 text is a picture of its type whose size a browser can stand; only its head is read."""
    try:
        picture = base64.b64decode("".join(data.split()), validate=True)
        width, height = {"image/png": _png_size, "image/jpeg": _jpeg_size}[mime](picture)
    except (binascii.Error, ValueError, KeyError, struct.error, IndexError):
        return False
    return 0 < width <= SIDE and 0 < height <= SIDE and width * height <= PIXELS


def _png_size(picture: bytes) -> tuple[int, int]:
    if not picture.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        raise ValueError("no PNG")
    return struct.unpack(">II", picture[16:24])


def _jpeg_size(picture: bytes) -> tuple[int, int]:
    """From the first frame header; the segments before it are skipped."""
    if not picture.startswith(b"\xff\xd8"):
        raise ValueError("no JPEG")
    position = 2
    while True:
        marker, kind, length = struct.unpack(">BBH", picture[position : position + 4])
        if marker != 0xFF or length < 2:
            raise ValueError("no JPEG")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", picture[position + 5 : position + 9])
            return width, height
        position += 2 + length
