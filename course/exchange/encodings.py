"""Which encoding a text without a label is in: UTF-8, or a code page of DOS or Windows, western or Cyrillic.

In: bytes that belong together, such as all names in an archive. Out: an encoding. A reading is good if its words look
like words: letters of one script, small ones after the first, no frames and signs of mathematics among them.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

IN_ZIPS = ("cp437", "cp850", "cp866", "cp1251", "cp1252")  # what Windows and DOS write there; of equals the first
IN_TABLES = ("cp1252", "cp1251", "cp866")  # what Excel and old exports write

WORD = re.compile(r"[^\W\d_]+|[^\w\s!-~]")
RUSSIAN = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюя")
FREQUENT = frozenset("оеаинтсрвлкмд")  # four of five letters of a Russian text
RARE = frozenset("фщэцъ")
ACCENTED = frozenset("áéíóúñüàèìòùâêîôûäöçãõåøßæ")  # of western names


def tell(texts: Iterable[bytes], candidates: Sequence[str]) -> str:
    """The encoding of texts: UTF-8 if all of them are, else the candidate in which they read best.

    >>> tell(["Анна Иванова".encode("cp866")], IN_ZIPS), tell(["José Núñez".encode("cp437")], IN_ZIPS)
    ('cp866', 'cp437')
    """
    texts = [text for text in texts if not text.isascii()]
    if all(map(_is_utf_8, texts)):
        return "utf-8"
    joined = b"\n".join(text for text in texts if not _is_utf_8(text))
    return max(candidates, key=lambda encoding: (_likeness(joined, encoding), -candidates.index(encoding)))


def read(text: bytes, encoding: str) -> str:
    """A text in the encoding that was told of all of them, or in UTF-8, if it is."""
    return unicodedata.normalize("NFC", text.decode("utf-8" if _is_utf_8(text) else encoding, "replace"))


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _likeness(text: bytes, encoding: str) -> float:
    return sum(map(_word, WORD.findall(text.decode(encoding, "replace"))))


def _word(word: str) -> float:
    """How much a word with letters beyond ASCII looks like one; a sign alone does not."""
    small = word.lower()
    foreign = [letter for letter in small if not letter.isascii()]
    if not foreign:
        return 0.0
    score = sum(_letter(letter) for letter in foreign)
    is_mixed = any(letter in RUSSIAN for letter in foreign) and len(foreign) < len(small)
    has_capital_inside = any(a.islower() and b.isupper() for a, b in pairwise(word))
    is_all_accents = len(small) > 2 and len(foreign) > len(small) / 2 and not any(x in RUSSIAN for x in foreign)
    return score - 4.0 * is_mixed - 2.0 * has_capital_inside - 4.0 * is_all_accents


def _letter(letter: str) -> float:
    if letter in RUSSIAN:
        return 1.0 + 0.3 * (letter in FREQUENT) - 0.6 * (letter in RARE)
    return 1.0 if letter in ACCENTED else -1.0 if letter.isalpha() else -3.0
