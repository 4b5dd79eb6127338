"""Honest submissions, however they are written: they get everything."""

# ruff: noqa: E501  (students' programs)

import pytest

ALL = {"test_add", "test_scale", "test_tally"}

ANSWERS = {
    "as the teacher wrote them": {},
    "a warning, a log, a progress bar on stderr": {
        "add": """def add(a, b):
    import logging, warnings, sys
    from tqdm import tqdm
    warnings.warn("slow")
    logging.warning("adding")
    print("adding", file=sys.stderr)
    for _ in tqdm(range(3)):
        pass
    return a + b"""
    },
    "prints": {"add": "def add(a, b):\n    print('adding', a, b)\n    return a + b\nprint(add(1, 2))\nadd(3, 4)"},
    "a NumPy scalar": {"add": "def add(a, b):\n    return a + b if type(a) is str else np.float64(a + b)"},
    "an integer of NumPy": {"add": "def add(a, b):\n    return a + b if type(a) is str else np.int64(a) + np.int64(b)"},
    "a 0-dimensional tensor": {
        "add": "import torch\ndef add(a, b):\n    return a + b if type(a) is str else torch.tensor(a) + torch.tensor(b)"
    },
    "a tensor where an array would do": {
        "scale": "import torch\ndef scale(values):\n    t = torch.as_tensor(np.asarray(values))\n    return t / t.max()"
    },
    "an array of another byte order": {
        "scale": "def scale(values):\n    return (np.asarray(values) / max(values)).astype('>f8')"
    },
    "a Counter": {
        "make_tally": """from collections import Counter
class Tally(Counter):
    def count(self, word):
        return self[word]
def make_tally(words):
    return Tally(words)"""
    },
    "a class with properties and __getattr__": {
        "make_tally": """class Tally:
    def __init__(self, words):
        self.words = words
    def __getattr__(self, name):
        if name == "count":
            return self.words.count
        raise AttributeError(name)
    def __getitem__(self, word):
        return self.words.count(word)
    def __len__(self):
        return len(set(self.words))
def make_tally(words):
    return Tally(words)"""
    },
    "threads": {
        "add": """from concurrent.futures import ThreadPoolExecutor
def add(a, b):
    with ThreadPoolExecutor(8) as pool:
        return pool.submit(lambda: a + b).result()"""
    },
    "a pool of processes": {
        "add": """import multiprocessing
def plus(pair):
    return pair[0] + pair[1]
with multiprocessing.Pool(2) as pool:
    print(pool.map(plus, [(1, 2), (3, 4)]))
def add(a, b):
    return plus((a, b))"""
    },
    "shared memory": {
        "scale": """from multiprocessing.shared_memory import SharedMemory
def scale(values):
    block = SharedMemory(create=True, size=8 * len(values))
    shared = np.ndarray(len(values), dtype="f8", buffer=block.buf)
    shared[:] = values
    result = shared / shared.max()
    del shared
    block.close()
    block.unlink()
    return result"""
    },
    "temporary files and the home folder": {
        "add": """import pathlib, tempfile
def add(a, b):
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("x")
    (pathlib.Path.home() / "notes.txt").write_text("x")
    return a + b"""
    },
    "a child process": {
        "add": """import subprocess, sys
def add(a, b):
    print(subprocess.run(["echo", "hello"], capture_output=True, text=True).stdout)
    return a + b"""
    },
    "an exception of its own that it catches": {
        "add": "class Odd(Exception):\n    pass\ndef add(a, b):\n    try:\n        raise Odd\n    except Odd:\n        return a + b"
    },
    "a callback in C": {
        "add": """import ctypes
TYPE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
def add(a, b):
    return a + b if type(a) is str else TYPE(lambda n: n + b)(a)"""
    },
    "a cell that fails beside a right answer": {"add": "def add(a, b):\n    return a + b\nadd(1)"},
    "training with torch": {
        "scale": """import torch
layer = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    layer(torch.ones(4, 2)).sum().backward()
    optimizer.step()
def scale(values):
    values = np.asarray(values)
    return values / values.max()"""
    },
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_honest_answer_gets_everything(grade, name):
    """The other exercises have the teacher's answers."""
    outcome = grade(**ANSWERS[name])
    assert outcome.earned == ALL, outcome.message
    assert outcome.verdict.verdict == "graded"
    assert "tampering" not in outcome.verdict.flags


CELLS = {
    "a cell of its own that an answer needs": ("def helper(a, b):\n    return a + b", "def add(a, b):\n    return helper(a, b)"),
    "magics and a shell": ("%matplotlib inline\n%time 1 + 1\n!ls\nfiles = !ls\nprint(files)", None),
    "a cell magic": ("%%time\nx = 1", None),
    "a plot": ("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", None),
    "top-level await": ("import asyncio\nawait asyncio.sleep(0)\nasync def f():\n    return 1\nprint(await f())", None),
    "a table": ("import pandas\npandas.DataFrame({'a': [1, 2]})", None),
    "a display of its own": ("from IPython.display import HTML, JSON, display\ndisplay(HTML('<b>x</b>'), JSON({'a': [1]}))", None),
    "random numbers with a seed": ("import random\nrandom.seed(1)\nprint(random.random())", None),
    "a name like a library's": ("np_ = 1\ncheck = 2\nsecret = 3", None),
    "a name like one of the tests'": ("secret = 3\ndef is_right(n):\n    return 'mine'\ntally = 7", None),
    "a thread that goes on": ("import threading, time\nthreading.Thread(target=lambda: time.sleep(60), daemon=True).start()", None),
    "a child process that goes on": ("import subprocess\nsubprocess.Popen(['sleep', '60'])", None),
}  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_an_honest_cell_costs_nothing(grade, name):
    """A cell of the student's own before everything else."""
    cell, add = CELLS[name]
    outcome = grade(before=(cell,), **({"add": add} if add else {}))
    assert outcome.earned == ALL, outcome.message
    assert outcome.verdict.verdict == "graded"
    assert "tampering" not in outcome.verdict.flags


def test_a_progress_display_does_not_use_up_what_a_cell_may_show(grade):
    """Trainers redraw their table with each step; what comes after it is still shown."""
    cell = """from IPython.display import display, update_display
display("x" * 5000, display_id="table")
for _ in range(1000):
    update_display("x" * 5000, display_id="table")
display("the end")"""
    outcome = grade(before=(cell,))
    assert outcome.earned == ALL
    assert "the end" in outcome.notebook.decode()


def test_files_of_the_teachers_lie_beside_the_notebook(grade):
    """A module can be imported, as in Jupyter."""
    answer = "import checks\ndef add(a, b):\n    checks.same(open('checks.py').read()[:3], 'def')\n    return a + b"
    assert grade(add=answer).earned == ALL


def test_slow_code_within_the_limit_gets_everything(grade):
    """A cell and a test that need half a second of a limit of ten."""
    slow = "import time\ndef add(a, b):\n    time.sleep(0.02)\n    return a + b\ntime.sleep(0.5)"
    outcome = grade(add=slow, limits={"cell_seconds": 10})
    assert (outcome.verdict.verdict, outcome.earned) == ("graded", ALL)


def test_a_failed_answer_costs_only_its_own_points(grade):
    """What the student reads is their own error, or the assert's message."""
    outcome = grade(add="def add(a, b):\n    return a - b", scale="def scale(values):\n    return undefined")
    assert outcome.earned == {"test_tally"}
    assert outcome.message["test_add"] == "1 + 2 is 3."
    said = "NameError: name 'undefined' is not defined (line 2 of your code: return undefined)"
    assert outcome.message["test_scale"] == said


def test_an_essay_waits_for_the_teacher(grade):
    """And one that was not written does not."""
    written = grade(essay="I think so.").verdict.cells[-1]
    empty = grade().verdict.cells[-1]
    assert (written.status, written.score) == ("manual", None)
    assert (empty.status, empty.score) == ("failed", 0.0)
