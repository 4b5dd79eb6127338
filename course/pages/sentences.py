"""What the grader says about a submission, in the language of its page.

In: an English sentence of the grader's, as verdicts have it. Out: the same in the reader's language, a student's or a
teacher's; anything else, such as an assert's own message or what Python says, stays as it is.
"""

import re
from pathlib import Path
from typing import Literal

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
    "cell_killed": r"A cell ended processes in which tests were to be run\.",
    "answer_killed": r"An answer ended processes in which other tests were to be run\.",
    "exhausted": r"This machine ran out of memory with the notebook, .*",
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
    "lent": rf"Graded with the course's own {_B}, because the one handed in is missing or wrong: {_B}\.",
    "copied": rf"Flagged `copied`: {_B}\.",
    "plants": rf"Planted failures pass {_B}\.",
    # Why there is nothing to grade.
    "no_notebook": rf"The submission holds no notebook {_B}\.ipynb\.",
    "nothing_of_it": r"Nothing in this notebook belongs to the assignment: .*",
    "another_assignment": r"Most answers in this notebook belong to another assignment\.",
    "folder_linked": r"The submission's folder is a symbolic link: .*",
    "notebook_linked": r"The notebook is a symbolic link: .*",
    "cannot_be_read": rf"The submission cannot be read: {_B}\.",
    "name_no_text": rf"The name of the folder {_B} is no text: .*",
    "name_too_long": rf"The name of the folder {_B} is too long: .*",
    "other_json": r"The file is JSON, but not a notebook\.",
    "no_cells": r"The notebook has no cells?\b.*",
    "many_cells": r"The notebook has more than (\d+) cells\.",
    "large_file": r"The file is larger than (\d+) MiB: .*",
    "empty_file": r"The file is empty\.",
    "many_values": r"The file holds too many values: .*",
    "nested_deep": r"The file is nested too deep to be a notebook\.",
    "web_page": r"The file is a web page, not a notebook\.",
    "cut_off": r"The file is not a notebook: it is not JSON, or it is cut off\.",
    "foreign_archive": rf"{_B} is an? (\S+) archive: it has to be handed in as a zip\.",
    "nested_archives": r"More than (\d+) archives are packed into each other\.",
    "large_archive": r"The archive is larger than (\d+) MiB\.",
    "many_files": r"The archive holds more than (\d+) files\.",
    "damaged_archive": r"The archive is damaged\.",
    "empty_archive": r"The archive holds no notebook\.",
    "locked_archive": r"The archive is protected by a password\.",
    "odd_archive": r"The archive is packed in an unusual way: .*",
    "large_in_archive": r"The notebook in the archive is larger than (\d+) MiB\.",
    "stuck": r"The grader itself got stuck with this submission\.",
    "failed_twice": rf"The grader failed twice with this submission \({_B}\): .*",
}
# The grader's words between names, in these sentences.
LISTS = {"kept", "put_back", "tests_missing", "without_ids", "lent", "copied"}
PHRASES = {
    "more": r"\band (\d+) more\b",
    "code": r"^code without names$",
    "all": r"\ball answers together\b",
    "taken": r"\btaken from helpers\b",
    "text": r"\bthe text of the reference, but for names and order\b",
    "comment": r"\bhas a comment of the reference's in it\b",
}
# These speak to the teacher, so an English student, too, gets the table's words.
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


def translated(message: str, language: str, reader: Literal["student", "teacher"] = "student") -> str:
    """A sentence of the grader's in the language of the page; any other message as it is.

    >>> translated("A cell did not end within 4 s.", "es")
    'Una celda no terminó en 4 s.'
    """
    found = _translated(message, language, reader)
    if found is None:  # of several notebooks each sentence stands behind the notebook's name
        name, colon, rest = message.partition(": ")
        found = _translated(rest, language, reader) if colon and name.isidentifier() else None
        return message if found is None else f"{name}: {found}"
    return found


def _translated(message: str, language: str, reader: str) -> str | None:
    """The sentence, None for what is none of the grader's."""
    words = WORDS.get(language, WORDS["en"])
    for name, pattern in SENTENCES.items():
        if match := re.fullmatch(pattern, message):
            for_them = words["teacher"].get(name) if reader == "teacher" else None
            if language == "en" and not for_them and name not in FOR_TEACHERS:
                return message
            parts = [_phrases(part, words["phrases"]) if name in LISTS else part for part in match.groups()]
            return (for_them or words[name]).format(*parts)
    return None


def _phrases(part: str, words: dict) -> str:
    for name, pattern in PHRASES.items():
        part = re.sub(pattern, words[name].replace("{0}", r"\1"), part)
    return part
