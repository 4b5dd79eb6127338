"""Which students wrote the same: pairs of answers that share more than the class and the course's own texts explain.

In: answers by student, and what everybody was given. Out: groups of students with the answers that they share, and
where. Code is compared by its shape (names, numbers, texts, comments, layout aside) in runs of tokens, as Moss does
(Schleimer, Wilkerson and Aiken 2003, "Winnowing"); a written answer in runs of words. A run that the course's own
texts hold says nothing; one that many students have says little. It is a hint where to look, never a proof.
"""

import dataclasses
import itertools
import math
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from markupsafe import Markup, escape

from course.shapes import placed_lines

# Measured on two or more independent right answers to each of the 28 exercises, the reference's runs left out: they
# have at most 18 runs and a quarter of the shorter answer in common; renamed copies have all of it.
RUN = 8  # tokens of code in a row
WORDS = 5  # words of a text in a row
LEAST = 24  # runs that two students must share in an answer
LEAST_IN_ALL = 48  # in all answers together, where none alone is enough
BITS = 30  # that these must weigh: a run of half the class has none, one of two among twenty 2.6
ALIKE = 0.75  # share of the shorter answer, rare runs counting for more
CLOSE = 2 / 3  # of all pairs between two groups: from here on they are one
MAX_COMPARED = 20_000  # characters of one answer
WORD = re.compile(r"\w+")
LITERALS = {tokenize.STRING: '"', tokenize.NUMBER: "0"}
Token = tuple[str, int, int]  # as the shape has it; where it begins and ends in the text


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a student wrote in one place."""

    source: str
    is_code: bool


@dataclasses.dataclass(frozen=True)
class Shared:
    """An answer that two students share: how much of the shorter one, and both texts with that part marked."""

    item: str
    share: float
    left: Markup
    right: Markup


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two students: `share` of the shorter one's answers, `strength` in bits, `items` alike with each one's share."""

    one: str
    other: str
    share: float
    strength: float
    items: tuple[tuple[str, float], ...]


@dataclasses.dataclass(frozen=True)
class Group:
    """Students who are connected by pairs; `pairs` are the strongest that hold it together, one fewer than students."""

    students: tuple[str, ...]
    pairs: tuple[Pair, ...]


def groups(answers: Mapping[str, Mapping[str, Answer]], given: Iterable[Answer]) -> list[Group]:
    """The groups of students who share answers, the strongest first.

    `answers`: student → item (a grade id) → answer. `given`: what the course itself says and solves.
    """
    known = {run for answer in given for run in runs(answer)}
    return _connected(_pairs(answers, known))


def shared(pair: Pair, answers: Mapping[str, Mapping[str, Answer]]) -> Iterator[Shared]:
    """What the two have in common, side by side."""
    for item, share in pair.items:
        left, right = answers[pair.one][item], answers[pair.other][item]
        tokens = shape(left), shape(right)
        both = set(_hashes(tokens[0], _length(left))) & set(_hashes(tokens[1], _length(right)))
        yield Shared(item, share, *(marked(one, own, both) for one, own in zip((left, right), tokens)))


def runs(answer: Answer) -> list[int]:
    """The hashes of an answer's runs."""
    return _hashes(shape(answer), _length(answer))


def _length(answer: Answer) -> int:
    return RUN if answer.is_code else WORDS


def _hashes(tokens: list[Token], length: int) -> list[int]:
    words = [word for word, _, _ in tokens]
    return [hash(tuple(words[start : start + length])) for start in range(len(words) - length + 1)]


def shape(answer: Answer) -> list[Token]:
    """The tokens of an answer; of what is no Python, its words."""
    text = answer.source[:MAX_COMPARED]
    if answer.is_code and (lines := placed_lines(text)):
        starts = list(itertools.accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
        return [
            (LITERALS.get(token.type, word), starts[token.start[0] - 1] + token.start[1], _end(starts, token))
            for line in lines
            for word, token in line
        ]
    return [(match[0].casefold(), match.start(), match.end()) for match in WORD.finditer(text)]


def _end(starts: list[int], token: tokenize.TokenInfo) -> int:
    return starts[token.end[0] - 1] + token.end[1]


def marked(answer: Answer, tokens: list[Token], both: set[int]) -> Markup:
    """An answer with the runs that are in `both` marked; `tokens` is its shape."""
    length = _length(answer)
    found = _hashes(tokens, length)
    held = {place + step for place, run in enumerate(found) if run in both for step in range(length)}
    parts, done = [], 0
    for is_held, places in itertools.groupby(range(len(tokens)), key=held.__contains__):
        if is_held:
            group = [tokens[place] for place in places]
            begin, end = group[0][1], group[-1][2]
            parts += [escape(answer.source[done:begin]), Markup("<mark>{}</mark>").format(answer.source[begin:end])]
            done = end
    return Markup("").join([*parts, escape(answer.source[done:])])


def _pairs(answers: Mapping[str, Mapping[str, Answer]], known: set[int]) -> list[Pair]:
    """All pairs that share enough, the strongest first."""
    import numpy as np

    students = sorted(answers)
    items = sorted({item for own in answers.values() for item in own})
    if not items:
        return []
    found = [_compared([answers[student].get(item) for student in students], known) for item in items]
    count, weight, least = (sum(parts) for parts in zip(*found))
    shares = [_share(weight, least) for _, weight, least in found]
    alike = [(number >= LEAST) & (bits >= BITS) & (share >= ALIKE) for (number, bits, _), share in zip(found, shares)]
    overall = _share(weight, least)
    together = (count >= LEAST_IN_ALL) & (weight >= BITS) & (overall >= ALIKE)
    likely = np.triu(together | np.logical_or.reduce(alike), k=1)
    pairs = []
    for left, right in np.argwhere(likely).tolist():
        own = [number for number in range(len(items)) if alike[number][left, right]]
        own = own or [number for number in range(len(items)) if shares[number][left, right] >= ALIKE]
        pairs.append(
            Pair(
                students[left],
                students[right],
                share=float(overall[left, right]),
                strength=float(weight[left, right]),
                items=tuple((items[number], float(shares[number][left, right])) for number in own),
            )
        )
    return sorted(pairs, key=_order)


def _share(weight, least):
    """What share of the shorter answer two students have in common."""
    import numpy as np

    return np.divide(weight, least, out=np.zeros_like(weight), where=least > 0)


def _compared(written: list[Answer | None], known: set[int]):
    """One item of all students: three arrays of shape (students, students).

    How many runs two of them share; what these weigh, in bits; and what all runs of the shorter answer weigh.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    own = [sorted(set(runs(answer)) - known) if answer else [] for answer in written]
    holders = Counter(run for each in own for run in each)
    size = sum(answer is not None for answer in written)
    columns = {run: number for number, run in enumerate(holders)}
    weights = np.array([bits(count, size) for count in holders.values()])
    places = [(row, columns[run]) for row, each in enumerate(own) for run in each]
    rows, cols = np.array(places, dtype=int).reshape(-1, 2).T
    telling = weights[cols] > 0
    rows, cols = rows[telling], cols[telling]
    shape = len(written), len(columns)
    held = csr_matrix((np.ones(len(rows)), (rows, cols)), shape=shape)
    weighed = csr_matrix((weights[cols], (rows, cols)), shape=shape)
    whole = np.asarray(weighed.sum(axis=1)).ravel()
    return (held @ held.T).toarray(), (weighed @ held.T).toarray(), np.minimum.outer(whole, whole)


def bits(holders: int, size: int) -> float:
    """What a run says that two of a class share, where so many have it: nothing where it is about half of them.

    >>> [round(bits(n, 400), 1) for n in (2, 40, 200)], round(bits(2, 3), 1)
    ([6.7, 2.3, 0.0], 0.8)
    """
    return max(0.0, math.log2((size + 4) / max(2, holders)) - 1)


def _connected(pairs: list[Pair]) -> list[Group]:
    """Groups of students, each with the strongest pairs that hold it together.

    Two groups become one only where most of their students are alike: else one chain would run through a class.
    """
    alike = {frozenset((pair.one, pair.other)) for pair in pairs}
    found: dict[str, _Growing] = {}
    alone = []
    for pair in pairs:
        one, other = (found.setdefault(name, _Growing({name}, [])) for name in (pair.one, pair.other))
        if one is other:
            continue
        between = sum(frozenset((left, right)) in alike for left in one.students for right in other.students)
        if between >= CLOSE * len(one.students) * len(other.students):
            one.students |= other.students
            one.pairs += [*other.pairs, pair]
            found |= dict.fromkeys(other.students, one)
        else:
            alone.append(_Growing({pair.one, pair.other}, [pair]))
    grown = {id(group): group for group in [*found.values(), *alone] if group.pairs}.values()
    made = [Group(tuple(sorted(group.students)), tuple(sorted(group.pairs, key=_order))) for group in grown]
    return sorted(made, key=lambda group: _order(group.pairs[0]))


def _order(pair: Pair) -> tuple:
    return -pair.strength, pair.one, pair.other


@dataclasses.dataclass
class _Growing:
    """A group in the making."""

    students: set[str]
    pairs: list[Pair]
