"""Students' code that turns Python, IPython or the libraries against the tests: no point is won by it."""

# ruff: noqa: E501  (students' programs)

import pytest

OTHERS = {"test_scale", "test_tally"}
ALL = OTHERS | {"test_add"}
WRONG = "def add(a, b):\n    return 0\n"

# Each is the answer `add`, which is wrong. (Numbers of the table in research/autograders.md, where it has them.)
TRICKS = {
    "2: an input transformer drops asserts": """ip = get_ipython()
ip.input_transformers_cleanup.append(lambda lines: [] if any("assert" in line for line in lines) else lines)
ip.input_transformers_post.append(lambda lines: [] if any("assert" in line for line in lines) else lines)""",
    "3: an AST transformer drops asserts": """import ast
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(Drop())""",
    "6: a forged result on the display hook": """import sys
def add(a, b):
    sys.displayhook(10.0)
    print(10.0)
    return 0""",
    "7: always equal": """class Equal:
    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = lambda self, other: True
    __bool__ = lambda self: True
    __hash__ = lambda self: 0
    __contains__ = lambda self, other: True
    __getattr__ = lambda self, name: self
    __call__ = lambda self, *a, **k: self
    __add__ = __radd__ = __sub__ = __rsub__ = __abs__ = __array__ = lambda self, *a: self
def add(a, b):
    return Equal()""",
    "7: a subclass of int": "class I(int):\n    __eq__ = lambda s, o: True\n    __hash__ = int.__hash__\ndef add(a, b):\n    return I(0)",
    "7: a subclass of float64": "class F(np.float64):\n    __eq__ = lambda s, o: np.True_\ndef add(a, b):\n    return F(0)",
    "7: a subclass of str": "class S(str):\n    __eq__ = lambda s, o: True\n    __hash__ = str.__hash__\ndef add(a, b):\n    return S('x')",
    "7: a subclass of list": "class L(list):\n    __eq__ = lambda s, o: True\ndef add(a, b):\n    return L([1])",
    "7: a subclass of dict": "class D(dict):\n    __eq__ = lambda s, o: True\ndef add(a, b):\n    return D(a=1)",
    "7: a subclass of ndarray": """class A(np.ndarray):
    __eq__ = lambda s, o: True
    __bool__ = lambda s: True
def add(a, b):
    return np.zeros(1).view(A)""",
    "7: a subclass of Tensor": """import torch
class T(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *a, **k):
        return True
def add(a, b):
    return torch.zeros(1).as_subclass(T)""",
    "7: an array of always equal objects": """class E:
    __eq__ = lambda s, o: True
def add(a, b):
    result = np.empty(1, dtype=object)
    result[0] = E()
    return result""",
    "7: always equal inside a tuple": "class E:\n    __eq__ = lambda s, o: True\ndef add(a, b):\n    return (E(),)",
    "a class instead of a function": "class add:\n    def __new__(cls, *a):\n        return object.__new__(cls)\n    __eq__ = lambda s, o: True",
    "a class that lies about its class": """class E:
    __class__ = int
    __eq__ = lambda s, o: True
    __index__ = __int__ = lambda s: 3
def add(a, b):
    return E()""",
    "__reduce__": """import os
class R:
    def __reduce__(self):
        return os.system, ("touch /tmp/owned",)
def add(a, b):
    return R()""",
    "__del__ that exits": "import os\nclass D:\n    __del__ = lambda s: os._exit(0)\nkept = [D()]\ndef add(a, b):\n    return 0",
    "a generator": "def add(a, b):\n    yield a + b",
    "an iterator without end": "import itertools\ndef add(a, b):\n    return itertools.repeat(3)",
    "a coroutine": "async def add(a, b):\n    return a + b",
    "StopIteration, which ends map and all": "def add(a, b):\n    if (a, b) in [(1, 2), (-4, 9)] or type(a) is str:\n        return a + b\n    raise StopIteration",
    "an exception group": "def add(a, b):\n    raise ExceptionGroup('x', [AssertionError()])",
    "SystemExit": "def add(a, b):\n    raise SystemExit(0)",
    "sys.exit": "import sys\ndef add(a, b):\n    sys.exit(0)",
    "KeyboardInterrupt": "def add(a, b):\n    raise KeyboardInterrupt",
    "an exception that cannot be printed": """class Bad(Exception):
    def __str__(self):
        raise SystemExit
    __repr__ = __str__
def add(a, b):
    raise Bad""",
    "an exception whose text is no text": """class Odd(str):
    __getitem__ = lambda s, i: object()
    __str__ = lambda s: s
class Bad(Exception):
    __str__ = lambda s: Odd("x")
def add(a, b):
    raise Bad""",
    "a metaclass without a name": """class Meta(type):
    __name__ = property(lambda cls: 1 / 0)
class Bad(Exception, metaclass=Meta):
    pass
def add(a, b):
    raise Bad""",
    "raising what the grader raises": """import course.grade.sandbox.process.values as v
def add(a, b):
    raise v.ValueRefused("passed")""",
    "30: set_custom_exc": "get_ipython().set_custom_exc((BaseException,), lambda *a, **k: None)\n" + WRONG,
    "30: input": "def add(a, b):\n    return input()",
    "31: a debugger": "def add(a, b):\n    import pdb; pdb.set_trace()\n    return a",
    "31: settrace": """import sys
def trace(frame, event, arg):
    for name in list(frame.f_locals):
        if name in ("result", "value", "reply"):
            frame.f_locals[name] = 3
    return trace
sys.settrace(trace)
def add(a, b):
    return 0""",
    "patched builtins": """import builtins
for name in ("all", "any", "abs", "len", "isinstance", "map", "sum", "AssertionError", "print", "sorted"):
    setattr(builtins, name, lambda *a, **k: True)
def add(a, b):
    return 0""",
    "shadowed builtins": "all = any = map = range = len = isinstance = lambda *a, **k: True\nAssertionError = Exception\n" + WRONG,
    "a name of the tests'": "is_right = lambda n: True\nsecret = ''\n" + WRONG,
    "the grader's own modules, patched": """import course.grade.sandbox.process.values as v, course.grade.sandbox.process.session as k, builtins
v.encode = k.encode = lambda *a, **k: v._Writer(None, False)
k.Session.answer = lambda self, request: b""
def add(a, b):
    return 0""",
    "23: the session's operations, replaced": """import gc
for thing in gc.get_objects():
    if type(thing).__name__ == "Session":
        thing.operations["call"] = lambda *a: True
        thing.operations["name"] = lambda name: (lambda *a: True)
def add(a, b):
    return 0""",
}  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
def test_a_wrong_answer_wins_nothing(grade, name):
    """A point for `add` would not be deserved; the other two exercises have the teacher's answers."""
    outcome = grade(add=TRICKS[name])
    assert "test_add" not in outcome.earned
    assert outcome.verdict.verdict in ("graded", "kernel_died")


# What breaks only its own exercise leaves the others their points.
HARMLESS = [name for name in TRICKS if not name.startswith(("23", "patched", "the grader's"))]


@pytest.mark.parametrize("name", HARMLESS)
def test_the_other_exercises_keep_their_points(grade, name):
    """The process that the trick broke, if it did, is made anew."""
    assert grade(add=TRICKS[name]).earned == OTHERS


PATCHES = {
    "8: the teacher's module": "import checks\nchecks.same = lambda *a: None",
    "8: NumPy's assertions": "import numpy.testing\nnp.testing.assert_allclose = lambda *a, **k: None",
    "8: sys.modules": "import sys, types\nsys.modules['checks'] = types.SimpleNamespace(same=lambda *a: None)",
    "the names of the imports": "import types\nyes = lambda *a, **k: None\n"
    "checks = types.SimpleNamespace(same=yes)\nnp = types.SimpleNamespace(testing=types.SimpleNamespace(assert_allclose=yes))",
    "classes with the names of the imports": "class checks:\n    same = lambda *a: None\n"
    "class np:\n    class testing:\n        assert_allclose = lambda *a, **k: None",
    "9: a module in the notebook's folder": "import sys\nopen('checks.py', 'w').write('def same(*a): pass')\n"
    "open('numpy.py', 'w').write('x = 1')\nsys.modules.pop('checks')\nimport checks",
}  # fmt: skip


def wrong_behind(patch: str) -> dict[str, str]:
    """Wrong answers `scale` and `make_tally`; their tests compare with functions that the patch replaces."""
    return {
        "scale": f"{patch}\ndef scale(values):\n    return [0, 0, 0]",
        "make_tally": f"{patch}\nclass Tally:\n    count = lambda s, w: 2\n    __len__ = lambda s: 2\n"
        "    __getitem__ = lambda s, w: 0\ndef make_tally(words):\n    return Tally()",
    }


@pytest.mark.parametrize("name", PATCHES)
def test_patched_libraries_change_no_test(grade, name):
    """What the teacher's tests import is theirs, whatever the student has made of it."""
    outcome = grade(before=(PATCHES[name],), **wrong_behind(PATCHES[name]))
    assert outcome.earned == {"test_add"}


TAKEN_APART = {
    "4: run_code": "async def nothing(*a, **k):\n    return False\ntype(get_ipython()).run_code = nothing",
    "4: run_cell": "get_ipython().run_cell = None",
    "run_cell that says yes": "import types\nget_ipython().run_cell = lambda *a, **k: types.SimpleNamespace(success=True)",
    "the outputs": "get_ipython().outputs = None",
    "the names": "get_ipython().user_ns = None",
    "the streams": "import sys\nsys.stdout = sys.stderr = None",
    "closed streams": "import os\nos.close(1); os.close(2)",
    "signals": "import signal\nfor s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):\n    signal.signal(s, signal.SIG_IGN)",
    "an endless recursion": "def f():\n    f()\nf()",
    "the recursion limit": "import sys\nsys.setrecursionlimit(30)",
    "no garbage collection, no modules": "import gc, sys\ngc.disable()\nfor name in list(sys.modules):\n    if name != 'course.grade.sandbox.process.session':\n        sys.modules.pop(name)",
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN_APART)
def test_an_interpreter_taken_apart_is_still_a_verdict(grade, name):
    """The answers are right, but for `add`; the test of that one must fail whatever is left of the process."""
    outcome = grade(before=(TAKEN_APART[name],), add=WRONG)
    assert "test_add" not in outcome.earned
    assert outcome.verdict.verdict in ("graded", "kernel_died", "timed_out")


def test_nothing_of_the_tests_is_in_the_process(grade):
    """Neither their text nor what they expect: in no object, no frame, no memory that can be written."""
    spy = """import gc, sys
planted = ["".join(reversed("em yb detnalp"))]  # the search finds this
found = set()
def look(value):
    if isinstance(value, (str, bytes)):
        found.update(word for word in ("c9f3-yranac", "em yb detnalp") if word in str(value)[::-1])
def add(a, b):
    for thing in gc.get_objects():
        if isinstance(thing, dict):
            for pair in list(thing.items()):
                look(pair[0]), look(pair[1])
        elif isinstance(thing, (list, tuple, set)):
            for value in list(thing):
                look(value)
        elif type(thing).__name__ == "code":
            for value in thing.co_consts:
                look(value)
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            look(value)
        frame = frame.f_back
    print("FOUND", sorted(found))
    return a + b"""
    outcome = grade(add=spy, limits={"cell_seconds": 60})
    assert "test_add" in outcome.earned
    assert {line for line in outcome.printed.splitlines() if "FOUND" in line} == {"FOUND ['em yb detnalp']"}


def test_5_an_event_sees_no_test(grade):
    """Events of IPython fire for the notebook's own cells only."""
    spy = """def spy(info):
    if "assert" in info.raw_cell or "HIDDEN" in info.raw_cell:
        print("LEAK", info.raw_cell)
get_ipython().events.register("pre_run_cell", spy)"""
    outcome = grade(before=(spy,))
    assert outcome.earned == ALL
    assert "LEAK" not in outcome.printed


def test_28_a_callers_frame_holds_no_expected_value(grade):
    """What a function's callers know is what it was called with."""
    spy = """import sys
def add(a, b):
    frame, names = sys._getframe(1), set()
    while frame:
        names |= set(frame.f_locals)
        frame = frame.f_back
    print("FRAMES", sorted(names & {"secret", "is_right", "tally", "expected", "source", "points"}))
    return a + b"""
    outcome = grade(add=spy)
    assert "test_add" in outcome.earned
    printed = [line for line in outcome.printed.splitlines() if line.startswith("FRAMES")]
    assert printed and set(printed) == {"FRAMES []"}


def test_22_nothing_says_that_this_is_a_grader(grade):
    """Code that behaves only when it is graded has nothing to go by in its environment."""
    outcome = grade(before=("import os\nprint('ENV', [name for name in os.environ if 'GRADE' in name.upper()])",))
    assert "ENV []" in outcome.printed


def test_a_name_error_of_the_tests_names_no_hidden_helper(grade):
    """A function that is not there costs its points, and the sentence says which."""
    outcome = grade(add="x = 1")
    assert outcome.earned == OTHERS
    assert outcome.message["test_add"] == "NameError: name 'add' is not defined"


@pytest.mark.parametrize("length", ["-1", "2 ** 70", "1.5", "'x'", "10 ** 5000"])
def test_a_length_that_lies(grade, length):
    """`len(tally) == 2` must not come true by anything but a 2."""
    lies = f"class Tally:\n    count = lambda s, w: 2\n    __len__ = lambda s: {length}\ndef make_tally(words):\n    return Tally()"
    outcome = grade(make_tally=lies)
    assert outcome.earned == ALL - {"test_tally"}


def test_a_handle_that_changes_its_mind(grade):
    """Attributes that answer differently each time get what each answer is worth, and no more."""
    moody = """class Tally:
    def __getattribute__(self, name):
        raise AttributeError(name)
    def __getitem__(self, key):
        return self
    __eq__ = lambda s, o: True
    __len__ = lambda s: 2
def make_tally(words):
    return Tally()"""
    outcome = grade(make_tally=moody)
    assert outcome.earned == ALL - {"test_tally"}
