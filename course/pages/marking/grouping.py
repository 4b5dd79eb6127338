"""Which answers say the same, so that one mark does for all of them.

In: texts. Out: groups of them. Two texts are in a group if they are equal but for case, punctuation, spaces and
Markdown's marks, or have the same words but for a few typing mistakes. A word more or less, another number, another
word that somebody else writes as well: that may turn the meaning, and a person shall look.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from rapidfuzz.distance import OSA

# Likeness of letters alone decides nothing here: of the course's fifteen model answers, one that lacks a word, which
# may be "not", still has a ratio of 98.7 to 99.9, one with a mistake in each twelfth word 98.6 to 99.1. So it is words
# that are compared, and their letters.
MOST_MISTAKES = 5  # one in so many words, and one in a shorter text
SHORTEST = 4  # letters of a word in which a wrong letter is taken for a typing mistake: shorter ones are other words
PIECE = re.compile(r"\s+|\w+|[^\w\s]")
WORD = re.compile(r"-(?=\d)|[!<>]=|[^\W_]+|[^\w\s]")
HYPHEN = re.compile(r"-(?!\d)")
LINE_START = re.compile(r"(?m)^\s*(?:>\s*)*(?:[-*+]|\d+[.)]|>)\s")  # of lists and quotations
# What says nothing in prose. Signs that carry meaning in formulas (+ < > = % and so on) stay.
SILENT = frozenset("\"'`’‘“”«»„*#~.,;:!?¡¿()[]{}…–—|\\")


def words(text: str, *, is_code: bool = False) -> tuple[str, ...]:
    """What counts in a text; of code, everything but the space at the ends of lines.

    >>> words("**Shorter**,  of course!")
    ('shorter', 'of', 'course')
    """
    if is_code:
        return tuple(line.rstrip() for line in text.strip().split("\n"))
    plain = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    plain = "".join(character for character in plain if unicodedata.category(character) != "Cf")
    plain = HYPHEN.sub(" ", LINE_START.sub(" ", plain))
    return tuple(word for word in WORD.findall(plain) if word not in SILENT)


def groups(texts: Sequence[str], *, is_code: bool = False) -> list[list[int]]:
    """Indices of the texts that say the same, the biggest group first, the commonest text of a group first in it.

    A group's texts are all alike to its first one: there are no chains in which the ends differ.
    """
    same: dict[tuple[str, ...], list[int]] = {}
    for index, text in enumerate(texts):
        same.setdefault(words(text, is_code=is_code), []).append(index)
    if is_code:
        return _biggest_first(same.values())
    spread = Counter(word for key in same for word in set(key))
    found: dict[tuple[str, ...], list[int]] = {}
    for key in sorted(same, key=lambda key: (-len(same[key]), sum(spread[word] == 1 for word in key), key)):
        leader = next((leader for leader in found if is_misspelt(key, leader, spread)), key)
        found.setdefault(leader, []).extend(same[key])
    return _biggest_first(found.values())


def _biggest_first(found: Iterable[list[int]]) -> list[list[int]]:
    return sorted(found, key=len, reverse=True)


def is_misspelt(one: Sequence[str], other: Sequence[str], spread: Counter) -> bool:
    """Whether two texts, as words, differ in typing mistakes only. `spread`: in how many texts a word stands; of two
    words that both stand in several, neither is a mistake.

    >>> is_misspelt(["the", "encoder"], ["the", "encodr"], Counter())
    True
    >>> is_misspelt(["the", "encoder"], ["the", "decoder"], Counter())
    False
    """
    if len(one) != len(other):
        return False
    mistakes = 0
    for left, right in zip(one, other):
        if left != right:
            mistakes += 1
            if min(spread[left], spread[right]) > 1 or not _is_mistake(left, right):
                return False
    return mistakes <= max(1, len(one) // MOST_MISTAKES)


def _is_mistake(left: str, right: str) -> bool:
    """One letter wrong, missing, doubled or swapped. The first letter is right: with another one, or one before it
    («atypical»), it is another word."""
    return (
        left.isalpha()
        and right.isalpha()
        and min(len(left), len(right)) >= SHORTEST
        and left[0] == right[0]
        and OSA.distance(left, right, score_cutoff=1) <= 1
    )


def differences(text: str, other: str) -> Iterator[tuple[str, str]]:
    """The second text in pieces: ("same" | "less" | "more", what it says); what only the first one has is "less".

    >>> list(differences("a big dog", "a small dog"))
    [('same', 'a '), ('less', 'big'), ('more', 'small'), ('same', ' dog')]
    """
    old, new = PIECE.findall(text), PIECE.findall(other)
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield "same", "".join(new[c:d])
            continue
        if b > a:
            yield "less", "".join(old[a:b])
        if d > c:
            yield "more", "".join(new[c:d])
