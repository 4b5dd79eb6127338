"""Who wrote the same is named, whatever they renamed; what the class or the course explains is not."""

import random
import re

import pytest

from course import shapes
from course.pages.similarity import Answer, groups, shared

BODY = '''def count_words(texts, stop_words, minimum):
    """Word → how often it is there."""
    counts = {}
    for text in texts:
        for word in text.lower().split():
            word = word.strip(".,;:!?()[]")
            if not word or word in stop_words:
                continue
            counts[word] = counts.get(word, 0) + 1
    kept = {}
    for word, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        if count < minimum:
            break
        kept[word] = count
    return kept'''
ESSAY = """The tokenizer cuts the text into pieces, and an embedding makes a vector of each. In every layer attention
mixes into it what matters from the others, so that in the end it speaks of the piece in its sentence. The head makes a
logit for each tag of it, and the largest one is the guess; a softmax would change the numbers and not their order."""


def other(seed: int, length: int = 14) -> str:
    """An answer that nobody else has: calls and operators in an order of its own."""
    draw = random.Random(seed)
    signs, arguments = ("+", "-", "*", "//", "%", "@", "<<"), ("c, d", "c[1:]", "-c", "*d", "c=d")
    operands = ("len(c)", "c", "(c, d)", "[c]", "not d")
    lines = [
        f"    a{n} = b.{draw.choice('pqrstuvw')}{draw.randint(1, 99)}({draw.choice(arguments)})"
        f" {draw.choice(signs)} {draw.choice(operands)}"
        for n in range(length)
    ]
    return "\n".join(["def count_words(texts, stop_words, minimum):", *lines])


def renamed(text: str) -> str:
    for name, new in (("counts", "freq"), ("kept", "result"), ("word", "w1"), ("texts", "lines"), ("minimum", "least")):
        text = re.sub(rf"\b{name}\b", new, text)
    return text.replace('"""Word → how often it is there."""', '"Mine."').replace("0) + 1", "2) + 3")


def shuffled(text: str) -> str:
    """With lines of one's own in between."""
    lines = text.split("\n")
    for place in (12, 9, 4):
        lines.insert(place, f"{lines[place][: len(lines[place]) - len(lines[place].lstrip())]}print({place})  # mine")
    return "\n".join(lines)


def found(*texts: str, given: tuple[str, ...] = (), is_code: bool = True, size: int = 12):
    """The groups of a class of `size`, in which students a, b, … wrote these texts and everybody else their own."""
    written = [*texts, *(other(seed) for seed in range(size - len(texts)))]
    answers = {chr(ord("a") + n): {"count_words": Answer(text, is_code)} for n, text in enumerate(written)}
    return answers, groups(answers, [Answer(text, is_code) for text in given])


COPIES = {
    "as it stands": BODY,
    "with other names, numbers and texts": renamed(BODY),
    "with lines of one's own": shuffled(BODY),
    "with comments and another layout": BODY.replace("    kept = {}", "\n\n    # mine\n    kept = {}  # empty"),
    "with more below": BODY + "\n\n\n" + other(99, 6).replace("count_words", "more"),
}


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("size", [4, 12, 60])
def test_a_copy_is_found(name, size):
    _, (group,) = found(BODY, COPIES[name], size=size)
    assert group.students == ("a", "b")
    assert group.pairs[0].items[0][0] == "count_words"


def test_different_answers_are_nobodys_copy():
    assert found(BODY, other(50), other(51))[1] == []


def test_what_the_course_says_is_not_shared():
    """The reference, a hint, a given cell: whoever follows it has not copied from a neighbour."""
    assert found(BODY, renamed(BODY), given=(BODY,))[1] == []
    fence = shapes.code_in(f"Try this:\n\n```python\n{BODY}\n```\n")
    assert found(BODY, renamed(BODY), given=tuple(fence))[1] == []


def test_what_half_of_the_class_wrote_is_not_shared():
    assert found(*[renamed(BODY)] * 7, size=12)[1] == []


def test_three_are_one_group_with_two_pairs():
    _, (group,) = found(BODY, renamed(BODY), shuffled(BODY), size=30)
    assert group.students == ("a", "b", "c")
    assert len(group.pairs) == 2


def test_two_groups_that_touch_in_one_pair_stay_two():
    """Else one chain would run through a whole class."""
    first, second = other(70, 20), other(71, 20)
    both = first + "\n\n\n" + second.replace("count_words", "more")
    _, groups_found = found(first, first, first, second, second, second, both, size=40)
    assert all(len(group.students) < 7 for group in groups_found)


def test_short_answers_are_alike_by_chance():
    short = "def double(x):\n    return 2 * x"
    assert found(short, short)[1] == []


def test_many_short_ones_are_not():
    """No answer alone says anything; ten of them that agree do."""
    parts = {f"q{n}": other(100 + n, 1) for n in range(12)}
    answers = {name: {q: Answer(text, True) for q, text in parts.items()} for name in ("anna", "boris")}
    for seed in range(20):
        own = {f"q{n}": Answer(other(1000 + 20 * seed + n, 1), True) for n in range(12)}
        answers[f"s{seed}"] = own
    (group,) = groups(answers, [])
    assert group.students == ("anna", "boris")


def test_written_answers_are_compared_by_words():
    changed = ESSAY.replace("the guess", "what the model says").replace("\n", " ").upper()
    _, (group,) = found(ESSAY, changed, is_code=False)
    assert group.students == ("a", "b")
    assert found(ESSAY, changed, is_code=False, given=(ESSAY,))[1] == []


@pytest.mark.parametrize(
    "source",
    [
        "",
        "%%bash\nls",
        "def (",
        "'''",
        "x = 1\r\ny = 2",
        "\x00",
        "(" * 5000,
        "é = 'ü' # ñ",
        "f'{x!r:>{y}}'",
        "\ud800",
        "\f\tx",
    ],
)
def test_whatever_is_handed_in_is_compared(source):
    """And shown: nothing of it is lost, nothing of it is markup."""
    answers, made = found(source + BODY, source + BODY)
    for group in made:
        for part in shared(group.pairs[0], answers):
            assert re.sub(r"</?mark>", "", str(part.left)) == str(part.left.__class__.escape(source + BODY))


def test_what_is_shared_is_marked():
    answers, (group,) = found(BODY + "\n    # <i>", shuffled(BODY))
    (part,) = shared(group.pairs[0], answers)
    assert "<mark>def count_words(" in part.left
    assert "&lt;i&gt;" in part.left
    assert "print(4)" not in "".join(re.findall(r"<mark>(.*?)</mark>", part.right, re.S))


def test_nobody_and_one():
    assert groups({}, []) == []
    assert groups({"anna": {"q": Answer(BODY, True)}}, []) == []
    assert groups({"anna": {}, "boris": {"q": Answer(BODY, True)}}, []) == []
