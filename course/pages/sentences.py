"""What the grader says about a submission, in the language of its page.

In: an English sentence of the grader's, as verdicts have it. Out: the same for the student in their language; anything
else, such as an assert's own message or what Python says, stays as it is.
"""

import re
from pathlib import Path

from helpers import language as languages

_A, _B = r"(`[^`]*`)", r"(.*)"

# Name of a sentence in the table → its pattern, as the grader says it.
SENTENCES = {
    "no_answer": r"No answer\.",
    "could_not_work": r"The test could not work with the result \((\w+)\)\.",
    "condition": r"A condition of this test is not met\.",
    "stops_at": rf"The test stops at: {_B}",
    "error_at": rf"(\w+): (.*) \(line (\d+) of your code: {_B}\)",
    "raised_at": rf"(\w+) in line (\d+) of your code: {_B}",
    "cell_time": r"A cell did not end within (\S+) s\b.*",
    "test_time": r"A test did not end within (\S+) s\.",
    "notebook_time": r"The notebook did not end within (\S+) s\b.*",
    "own_cells_time": r"The cells that the student added took more than (\S+) s together\b.*",
    "not_run": r"Tests that could not be run any more: (\d+)\.",
    "memory": r"The notebook used more than (\S+) MiB of memory\.",
    "processes": r"The notebook started more than (\S+) (processes|threads)\.",
    "files": r"The notebook had more than (\S+) files and connections open\.",
    "died": r"The notebook's process .*",
    "model": r"The model is not of the kind that this exercise trains\.",
    "tampering": r"This notebook changes how tests run: .*",
    "teacher_looks": (
        r"(?:The test's last value is NaN|The test is not plain Python|`\w+` could not be computed by the grader"
        r"|The teacher's own solution does not pass this test|The test passed, but whether it can be trusted)\b.*"
    ),
    "cannot_be_given": (
        r"(?:The (?:value|array|number|bytes|message)|An? (?:value|array|object|tensor|container|dictionary's key|time"
        r"|named tuple)|Dictionaries and sets|There are bytes)\b.*"
    ),
    "kept": rf"Added to cells of the teacher's and kept: {_B}\.",
    "put_back": rf"Changed in cells of the teacher's and put back: {_B}\.",
    "given_changed": r"Cells of the teacher's that had been changed; the teacher's version stands: (\d+)\.",
    "given_missing": r"Cells of the teacher's that were missing and have been put back: (\d+)\.",
    "given_moved": r"Cells of the teacher's that stood in another place and were moved back: (\d+)\.",
    "given_doubled": r"Cells of the teacher's that were there several times; the copies were left out: (\d+)\.",
    "tests_changed": rf"The tests {_A} had been changed; the teacher's were run\.",
    "tests_missing": rf"Tests were missing and have been put back: {_B}\.",
    "answer_missing": rf"The (?:answer|essay) {_A} is missing; the released cell stands in its place\.",
    "answer_shared": rf"The (?:answer|essay) {_A} stood in one cell with {_A}; its own cell is empty\.",
    "answer_doubled": rf"The (?:answer|essay) {_A} was there (\d+) times; the last one before its tests counts\.",
    "answer_elsewhere": rf"The (?:answer|essay) {_A} was found in another cell\.",
    "answer_moved": rf"The (?:answer|essay) {_A} stood in another place and was moved back\.",
    "answer_retyped": rf"The (?:answer|essay) {_A} had become a (?:code|text) cell and was turned back\.",
    "without_ids": rf"Cells without their grade id were recognised by what they contain: {_B}\.",
    "newest": rf"Of (\d+) notebooks of this assignment the newest finished one was graded: {_B}\.",
    "module_names": rf"Files with names of Python's own modules were left out: {_B}\.",
    "empty_cells": r"Some cells held no text and were left out\.",
    "long_cells": r"Some cells were too long and were left out\.",
    "characters": r"Characters that no notebook may hold were taken out\.",
    "encoding": r"The file was not in UTF-8; some letters could not be read\.",
    "more_repairs": r"There were (\d+) more repairs\.",
}
# These speak to the teacher, so an English reader, too, gets the table's words.
FOR_TEACHERS = {
    "own_cells_time",
    "teacher_looks",
    "kept",
    "put_back",
    "given_changed",
    "given_missing",
    "given_moved",
    "given_doubled",
    "tests_changed",
    "answer_missing",
}
WORDS = languages.words(Path(__file__).with_suffix(".toml"))


def translated(message: str, language: str) -> str:
    """A sentence of the grader's in the language of the page; any other message as it is.

    >>> translated("A cell did not end within 4 s.", "es")
    'Una celda no terminó en 4 s.'
    """
    for name, pattern in SENTENCES.items():
        if (language != "en" or name in FOR_TEACHERS) and (match := re.fullmatch(pattern, message)):
            return WORDS.get(language, WORDS["en"])[name].format(*match.groups())
    return message
