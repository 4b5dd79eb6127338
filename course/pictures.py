"""Is it a picture that a browser can stand?

Shared by the grader, which keeps what a notebook showed, and the pages that show it again. In: anybody's base64 text.
Out: yes or no, from the head of the picture; nothing is unpacked.
"""

import base64
import binascii
import struct

PIXELS = 16_000_000  # of one picture: a browser needs four bytes for each, however well they are packed
SIDE = 20_000  # pixels


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
