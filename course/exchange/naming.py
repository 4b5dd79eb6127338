"""Names of people: as keys, by which two spellings of one name are one, and as ids, which are names of folders.

In: a name as a platform or a file writes it, anything. Out: a key, or an id that every system takes as the name of one
folder, short, unique even where small and capital letters are one.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable

from course.folder import STUDENT_LIMIT, name_problem
from course.verdict import printable

MAX_ID = 100  # bytes: nbgrader puts ids into paths, a path in Windows has 260 characters
FORBIDDEN = re.compile(r'[<>:"/\\|?*+{}\[\]]')  # in Windows, in nbgrader's exchange, or in a pattern of names
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+")


def key(name: str) -> str:
    """The name for comparison: without accents, capitals, order and punctuation.

    >>> key("Núñez, José") == key("jose nunez") == "jose nunez"
    True
    """
    return " ".join(sorted(_words(name)))


def keys(name: str) -> frozenset[str]:
    """The key, and the name as Canvas writes it: family name first or last, without spaces."""
    words = _words(name)
    turned = {"".join(words[index:] + words[:index]) for index in range(len(words))}
    return frozenset({key(name), *turned} - {""})


def _words(name: str) -> list[str]:
    plain = "".join(x for x in unicodedata.normalize("NFKD", name) if not unicodedata.combining(x))
    return WORD.findall(plain.casefold())


def safe(name: str) -> str:
    """The name as an id: what no folder may be called is replaced, what is too long ends in a digest of the whole.

    >>> safe("Anna <b>: Ivanova. "), safe("../con"), safe("")
    ('Anna _b__ Ivanova', '_con', '_')
    """
    text = printable(unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode()))
    text = " ".join(FORBIDDEN.sub("_", text).split()).strip(". ").lstrip("~-")
    if RESERVED.fullmatch(text) or not text:
        text = f"_{text}"
    if len(text.encode()) > MAX_ID or len(text) > STUDENT_LIMIT:
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        text = f"{text.encode()[: MAX_ID - 9].decode('utf-8', 'ignore').rstrip(' .')}-{digest}"
    return text


def problem(identity: str) -> str | None:
    """Why an id in a roster cannot be the name of a folder."""
    if not identity:
        return "the id is missing."
    if identity[0] == "." or FORBIDDEN.search(identity) or printable(identity) != identity:
        return f"{printable(identity)!r} cannot be an id: it would be no name of a folder."
    return name_problem(identity)


def unused(identity: str, taken: set[str], distinction: str = "") -> str:
    """The id, or one made of it that nobody has: with what tells the person from the other, else with a number."""
    used = {other.casefold() for other in taken}
    if identity.casefold() not in used:
        return identity
    if distinction and (other := safe(f"{identity}-{distinction}")).casefold() not in used:
        return other
    number = 2
    while safe(f"{identity}-{number}").casefold() in used:
        number += 1
    return safe(f"{identity}-{number}")


COPY = re.compile(
    r"""^(?:copy\ of|copia\ de|another\ copy\ of|otra\ copia\ de|(?:ещё\ одна\ |еще\ одна\ )?копия(?:\ блокнота)?)\s+
    |\s*-?\s*(?:copy|copia|копия)\s*\d*$ | -copy\d+$ | \s*\(\d+\)$""",
    re.IGNORECASE | re.VERBOSE,
)
QUOTES = "\"'«»“”„ "
ENDINGS = re.compile(r"(?:\.ipynb|\.txt|\.json|\.zip|\.py)+$", re.IGNORECASE)


def stem(file: str) -> str:
    """A file's name without endings and what Drive, Colab, browsers and systems write around it for a copy.

    >>> [stem(name) for name in ('Копия блокнота "ner.ipynb"', "Copia de ner (2).ipynb", "ner - Copy.ipynb.txt")]
    ['ner', 'ner', 'ner']
    """
    name = file
    while (bare := COPY.sub("", ENDINGS.sub("", name).strip(QUOTES)).strip(QUOTES)) != name and bare:
        name = bare
    return name


def whose(file: str, assignments: frozenset[str], is_known: Callable[[str], bool]) -> str:
    """Whose a file is that lies in no folder of a person's, by its name; "" where that does not say it.

    Google Classroom writes `Anna Ivanova - ner.ipynb`; any other name counts only if it is on the roster.

    >>> whose("Anna Ivanova - ner.ipynb", frozenset({"ner"}), lambda name: False)
    'Anna Ivanova'
    >>> whose("ner_final.ipynb", frozenset({"ner"}), lambda name: False)
    ''
    """
    name = stem(file)
    if is_known(name):
        return name
    for assignment in sorted(assignments, key=len, reverse=True):
        before, found, after = name.partition(assignment)
        if not found:
            continue
        if after == "" and before.endswith(" - "):
            return before.removesuffix(" - ").strip()
        rest = f"{before} {after}".strip(" -_.")
        return rest if rest and is_known(rest) else ""
    head, dash, tail = name.partition(" - ")
    return head.strip() if dash and tail and is_known(head) else ""
