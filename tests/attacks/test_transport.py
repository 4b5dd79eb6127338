"""Students' code that speaks on the grader's own line, or sends what is made to hurt the one who reads it."""

# ruff: noqa: E501  (students' programs)

import pytest

OTHERS = {"test_scale", "test_tally"}
ALL = OTHERS | {"test_add"}

# The socket to the grader, as a student's code can find it, and a message in its own form.
LINE = """import os, stat, struct
def alive(number):
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False
from IPython.core.async_helpers import get_asyncio_loop
loop = get_asyncio_loop()
def find():  # a fork has a line of its own; the loop has two sockets
    loops = {loop._ssock.fileno(), loop._csock.fileno()}
    return next(number for number in range(3, 64) if alive(number) and number not in loops)
line = find()
def number():  # of the request that is being answered
    import sys
    caller = sys._getframe()
    while "request" not in caller.f_locals or "number" not in caller.f_locals:
        caller = caller.f_back
    return caller.f_locals["number"]
def frame(value, shift=0):
    from course.grade.sandbox.process.values import encode
    data = value if type(value) is bytes else encode(value)
    return struct.pack(">QQ", len(data), number() + shift) + data
"""

FORGED = {
    "a reply before the real one": "os.write(line, frame(('value', 7)))",
    "a hundred replies": "os.write(line, frame(('value', 7)) * 100)",
    "replies to earlier requests": "os.write(line, frame(('value', 7), -1) * 100)",
    "replies to later requests": "os.write(line, frame(('value', 7), 0) + frame(('value', 3), 1) + frame(('value', 3), 2))",
    "a reply that is no tuple": "os.write(line, frame([1, 2]))",
    "a reply of a kind that is not known": "os.write(line, frame(('passed', 10.0)))",
    "an error of the wrong form": "os.write(line, frame(('error', 1, 2, 3, 4)))",
    "an error without names": "os.write(line, frame(('error', 'E', [], 'x' * 10_000, '')))",
    "a refusal of the wrong form": "os.write(line, frame(('refused', None, None, None, None)))",
    "half a frame": "os.write(line, frame(('value', 7))[:20])",
    "a huge length": "os.write(line, struct.pack('>QQ', 2**63, number()))",
    "a length of 0": "os.write(line, struct.pack('>QQ', 0, number()))",
    "bytes that mean nothing": "os.write(line, frame(b'\\xff' * 8))",
    "a value and bytes after it": "os.write(line, frame(b'\\x00\\x00'))",
    "a pickle": "import pickle\n    data = pickle.dumps(print)\n"
    "    os.write(line, frame(bytes([15]) + struct.pack('>Q', len(data)) + data))",
    "a closed line": "os.close(line)",
    "a line shut down": "import socket\n    socket.socket(fileno=os.dup(line)).shutdown(socket.SHUT_RDWR)",
    "reading the grader's requests": "print(len(os.read(line, 1 << 16)))",
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_wins_nothing_and_costs_nobody_else(grade, name):
    """The forgery is sent when the function is called; its own exercise is lost, no other."""
    forging = f"{LINE}\ndef add(a, b):\n    line = find()\n    {FORGED[name]}\n    return 0"
    outcome = grade(add=forging, limits={"cell_seconds": 2})
    assert outcome.earned == OTHERS


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_in_a_cell_is_a_verdict(grade, name):
    """The forgery is sent while an ordinary cell runs, at the end of the notebook's first answer."""
    forging = f"{LINE}\ndef add(a, b):\n    return 0\nif True:\n    {FORGED[name]}\n"
    outcome = grade(add=forging, limits={"cell_seconds": 2})
    assert "test_add" not in outcome.earned
    assert outcome.verdict.verdict in ("graded", "kernel_died", "timed_out")


def test_a_reply_of_the_wrong_form_is_called_tampering(grade):
    """Our side of the line never sends such a thing, so somebody else has."""
    outcome = grade(add=f"{LINE}\ndef add(a, b):\n    os.write(find(), frame([1, 2]))\n    return 0")
    assert outcome.verdict.verdict == "kernel_died"
    assert outcome.verdict.flags == ("tampering",)


def test_an_honest_crash_is_not_called_tampering(grade):
    """Nor is a value that may not go over."""
    outcome = grade(add="def add(a, b):\n    return 'x' * 10**8", scale="import os\ndef scale(values):\n    os.abort()")
    assert outcome.verdict.flags == ()
    assert outcome.verdict.verdict == "kernel_died"
    assert outcome.earned == {"test_tally"}


FORGED_CELLS = {
    "no dictionary": "[1]",
    "no outputs": "{'ok': True}",
    "outputs that are none": "{'ok': True, 'outputs': [1, None, {}, {'output_type': 'x'}, {'output_type': 'display_data'}]}",
    "data of other types": "{'ok': True, 'outputs': [{'output_type': 'display_data', 'data': {'text/plain': {1: b'x'}, 2: 3}}]}",
    "an error of other types": "{'ok': True, 'outputs': [{'output_type': 'error', 'ename': 5, 'evalue': None, 'traceback': 7}]}",
    "an array as output": "{'ok': True, 'outputs': [{'output_type': 'display_data', 'data': {'text/plain': np.zeros(3)}}]}",
    "half an emoji": "{'ok': True, 'outputs': [{'output_type': 'display_data', 'data': {'text/plain': chr(0xd800)}}]}",
    "forty megabytes": "{'ok': True, 'outputs': [{'output_type': 'display_data', 'data': {'text/plain': 'x' * 40_000_000}}]}",
    "a million errors": "{'ok': True, 'outputs': [{'output_type': 'error', 'ename': 'E'}] * 100_000}",
    "a stream that says it is stderr": "{'ok': True, 'outputs': [{'output_type': 'stream', 'name': 'stdout', 'text': 'x'}]}",
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED_CELLS)
def test_a_forged_result_of_a_cell_does_no_harm(grade, name):
    """The notebook that is kept stays small and valid; the answers stay what they are."""
    cell = f"{LINE}\nimport socket\nimport numpy as np\nline = socket.socket(fileno=os.dup(line))\n"
    cell += f"line.sendall(frame(('value', {FORGED_CELLS[name]})))"
    outcome = grade(before=(cell,), limits={"cell_seconds": 10})
    assert len(outcome.notebook) < 10_000_000
    assert outcome.page


VALUES = {
    "a list that contains itself": "r = []; r.append(r)",
    "a dictionary that contains itself": "r = {}; r[1] = r",
    "a list a thousand levels deep": "r = []\n    for _ in range(1000): r = [r]",
    "a list a hundred thousand levels deep": "r = []\n    for _ in range(100_000): r = [r]",
    "a hundred megabytes of text": "r = 'x' * 100_000_000",
    "a hundred megabytes of array": "r = np.zeros(100_000_000, dtype='i1')",
    "five million items": "r = [0] * 5_000_000",
    "one list a million times": "r = [[[0] * 1000] * 1000] * 100",
    "keys with equal hashes": "r = {k * (2**61 - 1): 0 for k in range(1, 3000)}; r = [r] * 20",
    "a set with equal hashes": "r = [{k * (2**61 - 1) for k in range(1, 3000)}] * 20",
    "a number of a million digits": "r = 1 << 3_000_000",
    "NaN": "r = float('nan')",
    "an infinite number": "r = float('inf')",
    "lone surrogates": "r = chr(0xdc80) * 10",
    "an empty array that broadcasts": "r = np.empty((0, 1))",
    "an array of eight dimensions": "r = np.zeros((1,) * 8)",
    "an array of objects": "r = np.array([object()])",
    "a sparse tensor": "import torch; r = torch.zeros(2).to_sparse()",
    "a tensor without memory": "import torch; r = torch.zeros(2, device='meta')",
    "a file": "r = open('/dev/null')",
    "a module": "r = np",
    "the function itself": "r = add",
    "an endless iterator": "import itertools; r = itertools.count()",
    "a class with a type name of a megabyte": "r = type('я' * 1_000_000, (), {})()",
    "a class named with half an emoji": "r = type(chr(0xd800), (), {})()",
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_a_value_made_to_hurt_wins_nothing(grade, name):
    """It is refused with a sentence, or compared and found wrong; the process goes on."""
    outcome = grade(add=f"def add(a, b):\n    {VALUES[name]}\n    return r")
    assert outcome.earned == OTHERS
    assert outcome.message["test_add"]
    assert "tampering" not in outcome.verdict.flags


def test_a_drip_of_bytes_ends_at_the_limit(grade):
    """A reply that comes byte by byte, for ever, is a cell that takes too long."""
    drip = f"{LINE}\nimport time\ndef add(a, b):\n    line = find()\n    os.write(line, struct.pack('>QQ', 10**6, number()))\n    while True:\n        os.write(line, b'x')\n        time.sleep(0.01)"
    outcome = grade(add=drip, limits={"cell_seconds": 1})
    assert outcome.earned == OTHERS
    assert outcome.verdict.verdict == "timed_out"


def test_a_thread_that_talks_all_the_time(grade):
    """Old replies without end: they are thrown away, for as long as the limit allows."""
    talker = f"""{LINE}
import threading
def talk():
    while True:
        os.write(find(), struct.pack(">QQ", 1, 1) + bytes(1))
def add(a, b):
    threading.Thread(target=talk, daemon=True).start()
    return 0"""
    outcome = grade(add=talker, limits={"cell_seconds": 2, "total_seconds": 20})
    assert "test_add" not in outcome.earned


def test_messages_are_one_short_line_without_control_characters(grade):
    """They are printed on teachers' terminals and stand in their tables."""
    loud = "def add(a, b):\n    raise ValueError('\\x1b[2J\\x07\\u202e=cmd|x\\n' + 'x' * 1_000_000 + chr(0xd800))"
    message = grade(add=loud).message["test_add"]
    assert len(message) <= 300
    assert message.isprintable()
