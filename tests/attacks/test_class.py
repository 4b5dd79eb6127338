"""A whole class through the command: honest, mangled and hostile submissions, side by side on the same workers."""

import json
import subprocess
import sys

import nbformat

from course import ROOT

# What compare.py leaves out, because stock nbgrader would take the machine along: name → an answer to `add`.
BOMBS = {
    "loops": "def add(a, b):\n    while True:\n        pass",
    "grows": "def add(a, b):\n    kept = []\n    while True:\n        kept.append(bytearray(50 << 20))",
    "forks": "import os\ndef add(a, b):\n    while True:\n        os.fork()",
    "dies": "import os\ndef add(a, b):\n    os._exit(0)",
    "kills": "import os, signal\ndef add(a, b):\n    os.kill(-1, signal.SIGKILL)",
    "prints": "def add(a, b):\n    while True:\n        print('x' * 1000)",
    "fills": "def add(a, b):\n    file = open('/tmp/full', 'wb')\n    while True:\n        file.write(bytes(1 << 20))",
}
FILES = {"nothing": None, "empty": b"", "binary": bytes(range(256)) * 99, "deep": b"[" * 100_000, "list": b"[]"}


def test_sixty_mixed_submissions_end_with_sixty_verdicts(compare, needed, tmp_path):
    """And exit 0: nobody stops the class, gets more than they deserve, or costs somebody else anything."""
    needed("bwrap")
    course = compare.load("conftest")
    single = list(compare.cases(course))
    honest = [case for case in single if case[0].startswith("honest")]
    others = [case for case in single if case not in honest]
    chosen = [*honest[:20], *others[:: len(others) // 27][:27]]
    for name, answer in BOMBS.items():
        notebook = course.submission(course.honest_answers() | {"add": answer})
        chosen.append((f"bomb {name}", 20, nbformat.writes(notebook).encode()))
    chosen += [(f"file {name}", 0, data) for name, data in FILES.items()]
    chosen.append(("honest again", 30, nbformat.writes(course.submission(course.honest_answers())).encode()))
    assert len(chosen) == 60
    compare.write_course(course, tmp_path)
    deserved = {}
    for number, (name, points, data) in enumerate(chosen):
        folder = tmp_path / "submitted" / f"{number:02}" / "a"
        folder.mkdir(parents=True)
        if data is not None:
            (folder / "n.ipynb").write_bytes(data)
        deserved[f"{number:02}"] = (name, points)

    lines = tmp_path / "verdicts.jsonl"
    command = [sys.executable, "-m", "course.cli", "grade", "a", "--course-dir", tmp_path, "--sandbox", "bwrap"]
    limits = ["--cell-timeout", "10", "--timeout", "60", "--memory", "1024", "--json", lines]
    done = subprocess.run([*command, *limits], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    verdicts = {line["student"]: line for line in map(json.loads, lines.read_text().splitlines())}
    assert verdicts.keys() == deserved.keys()
    for student, (name, points) in deserved.items():
        verdict = verdicts[student]
        score = verdict["score"] or 0
        assert score == points if name.startswith("honest") else score <= points, (name, verdict)
    outcomes = {name: verdicts[student]["verdict"] for student, (name, _) in deserved.items()}
    assert outcomes["bomb loops"] == "timed_out"
    # A MemoryError of Python's may come first, or on a busy machine the end of the time.
    assert outcomes["bomb grows"] in ("out_of_memory", "graded", "timed_out")
    assert outcomes["bomb dies"] == "kernel_died"
    assert {outcomes[f"file {name}"] for name in ("empty", "binary", "deep")} == {"unreadable"}
    assert {outcomes[f"file {name}"] for name in ("nothing", "list")} <= {"unreadable", "wrong_notebook"}
