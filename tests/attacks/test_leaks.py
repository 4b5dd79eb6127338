"""Hidden inputs do not get out: neither what an answer records of them, nor what it raises."""

# ruff: noqa: E501  (students' programs)

import pytest

# What hidden tests of this course ask and no visible one does: see `HIDDEN` in conftest.py.
HIDDEN_INPUTS = ("-4", "'ab'", "ab", "[2.0, 5.0]")
RECORD = "seen = []\ndef add(a, b):\n    seen.append((a, b))\n    return a + b"

LATER = {
    "a later cell prints them": "print('seen', seen)",
    "a later cell raises them": "raise ValueError(str(seen))",
    "a later cell displays them": "from IPython.display import display\ndisplay(seen)\nseen",
    "a later cell writes a file": "open('seen.txt', 'w').write(str(seen))\nprint(open('seen.txt').read())",
    "at the end of the process": "import atexit\natexit.register(lambda: print('seen', seen))",
    "a thread prints them": "import threading, time\ndef watch():\n    while True:\n        time.sleep(0.05)\n        print('seen', seen, flush=True)\nthreading.Thread(target=watch, daemon=True).start()",
}  # fmt: skip


@pytest.mark.parametrize("name", LATER)
def test_what_an_answer_records_no_cell_shows(grade, name):
    """Outside tests ask forks, after all cells have run: there is nobody left to print."""
    outcome = grade(add=RECORD, after=(LATER[name],))
    assert "test_add" in outcome.earned
    assert not any(f"{text}," in outcome.page for text in HIDDEN_INPUTS)
    assert "-4" not in outcome.printed


def test_what_an_answer_leaves_in_files_no_other_test_reads(grade):
    """Forks share the submission's folder; what one writes is not shown anywhere."""
    add = "def add(a, b):\n    open('seen.txt', 'a').write(f'{a!r} {b!r}\\n')\n    return a + b"
    scale = "import os\ndef scale(values):\n    raise ValueError(open('seen.txt').read())"
    outcome = grade(add=add, scale=scale)
    assert "-4" not in outcome.page.replace("exercise-4", "")


PRINTS = {
    "print": "print('asked', a, b)",
    "stderr": "import sys\n    print('asked', a, b, file=sys.stderr)",
    "warn": "import warnings\n    warnings.warn(f'asked {a} {b}')",
    "display": "from IPython.display import display\n    display(f'asked {a} {b}')",
    "log": "import logging\n    logging.warning('asked %s %s', a, b)",
    "descriptor": "import os\n    os.write(1, f'asked {a} {b}'.encode())\n    os.write(2, f'asked {a} {b}'.encode())",
}


@pytest.mark.parametrize("name", PRINTS)
def test_what_an_answer_prints_in_a_test_is_not_shown(grade, name):
    """Its output is the grader's."""
    outcome = grade(add=f"def add(a, b):\n    {PRINTS[name]}\n    return a + b")
    assert "test_add" in outcome.earned
    assert "asked -4" not in outcome.page and "asked ab" not in outcome.page


RAISES = {
    "its message": "raise ValueError(f'asked {a} {b}')",
    "a class made of it": "raise type(f'Asked_{a}_{b}'.replace('-', 'm'), (Exception,), {})()",
    "its arguments": "raise KeyError((a, b))",
    "an assertion": "assert False, f'asked {a} {b}'",
    "a chain": "try:\n            raise ValueError(f'asked {a}')\n        except ValueError as error:\n            raise RuntimeError(f'asked {b}') from error",
    "notes": "error = ValueError('x')\n        error.add_note(f'asked {a} {b}')\n        raise error",
    "Python's own": "int(f'asked {a} {b}')",
    "a name": "raise NameError(f\"name 'asked_{a}_{b}' is not defined\")",
    "an attribute": "getattr(a, f'asked_{a}_{b}'.replace('-', 'm'))",
    "a lookup": "{}[f'asked {a} {b}']",
    "a group": "raise ExceptionGroup(f'asked {a}', [ValueError(f'asked {b}')])",
    "a line number": "exec(compile('\\n' * abs(a) * 1000 + 'raise ValueError', '<cell 3>', 'exec'))",
    "a syntax error": "compile(f'asked {a} {b}', f'asked {a}', 'exec')",
    "an exit": "raise SystemExit(f'asked {a} {b}')",
    "unicode": "'ä'.encode('ascii') if False else b'asked \\xff'.decode('utf-8')",
}


@pytest.mark.parametrize("name", RAISES)
def test_what_an_answer_raises_shows_no_argument(grade, name):
    """Only its type, if Python has it, and where in the student's code it was raised."""
    add = f"def add(a, b):\n    if a == -4 or a == 'ab':\n        {RAISES[name]}\n    return a + b"
    outcome = grade(add=add)
    assert "test_add" not in outcome.earned
    said = outcome.message["test_add"]
    assert said and not any(text in said for text in ("-4", "m4", "asked a", "asked_a", "4000", "'ab'"))
    assert "asked -4" not in outcome.page and "Asked_m4" not in outcome.page
