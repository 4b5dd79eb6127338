"""Tests of other people's courses, judged where they stand: the marks are those of nbgrader, and tampering is seen.

Each idiom is a course of one exercise: the teacher's own solution gets all points, the untouched release none, a right
answer all and a wrong one nothing, without a word about tampering.
"""

# ruff: noqa: E501  (students' programs)

import dataclasses
import functools
import re
from typing import ClassVar

import nbformat
import pytest

from course.grade import fitness, job
from course.grade.job import Fitness, Graded, Job
from course.grade.sandbox.limits import Limits
from course.notebooks.unpacking import Handed

LIMITS = Limits(cell_seconds=20, total_seconds=120)
MODULES = ("matplotlib.pyplot", "numpy", "pandas")
IMPORTS = "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt"
SOLUTION = "### BEGIN SOLUTION\n{}\n### END SOLUTION"


@dataclasses.dataclass(frozen=True)
class Idiom:
    """An answer that passes a test, one that does not, and what the teacher gives beside them."""

    right: str
    wrong: str
    test: str
    given: str = IMPORTS
    files: tuple[tuple[str, bytes], ...] = ()


def code(source: str, grade_id: str = "", **settings) -> nbformat.NotebookNode:
    """A code cell; with a grade id, one of nbgrader's."""
    defaults = {"schema_version": 3, "grade": False, "solution": False, "locked": True, "task": False}
    metadata = {"nbgrader": defaults | {"grade_id": grade_id} | settings} if grade_id else {}
    return nbformat.v4.new_code_cell(source, id=grade_id.replace("_", "-") or "given", metadata=metadata)


def written(*cells: nbformat.NotebookNode) -> bytes:
    """A notebook with these cells, as a file."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.writes(nbformat.v4.new_notebook(cells=list(cells), metadata={"kernelspec": kernel})).encode()


def released(source: str) -> str:
    """What nbgrader makes of a cell for students."""
    source = re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", "raise NotImplementedError()", source, flags=re.DOTALL)
    return re.sub(r"\n*### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", "", source, flags=re.DOTALL)


def notebook(given: str, answer: str, test: str) -> tuple[nbformat.NotebookNode, ...]:
    """The cells of a course of one exercise."""
    return code(given), code(answer, "answer", solution=True, locked=False), code(test, "test", grade=True, points=4)


def job_of(idiom: Idiom, answer: str | bytes = "", before: str = "", after: str = "") -> Job:
    """An answer to an idiom (bytes: a whole notebook), with cells of the student's own before and after it."""
    source = written(*notebook(idiom.given, SOLUTION.format(idiom.right), idiom.test))
    release = written(*notebook(idiom.given, released(SOLUTION), released(idiom.test)))
    if not isinstance(answer, bytes):
        given, cell, test = notebook(idiom.given, answer, released(idiom.test))
        own = [nbformat.v4.new_code_cell(cell) for cell in (before, after)]
        answer = written(given, own[0], cell, own[1], test)
    handed = (Handed("hw.ipynb", 0.0, answer),)
    return Job("s", "hw", "hw", source, release, handed, idiom.files, LIMITS, modules=MODULES, seed="1")


@pytest.fixture(scope="module")
def run(warm):
    """A function: a job → what comes of it, in the one warm parent."""
    return lambda todo: job.grade(todo, warm(todo.sandbox, todo.limits, todo.modules))


@pytest.fixture(scope="module")
def known(run):
    """A function: an idiom → what is known about its test, as before a class."""

    @functools.cache
    def known(idiom: Idiom) -> Fitness:
        todo = job_of(idiom)
        return fitness.check([todo], lambda jobs: ((each, run(each)) for each in jobs))[todo.notebook]

    return known


@pytest.fixture
def graded(run, known):
    """A function: an idiom, an answer, own cells → verdict and graded notebook."""

    def graded(idiom: Idiom, answer: str | bytes = "", before: str = "", after: str = "") -> Graded:
        return run(dataclasses.replace(job_of(idiom, answer, before, after), fitness=known(idiom)))

    return graded


@pytest.fixture
def grade(graded):
    """The same; the verdict alone."""
    return lambda *submission: graded(*submission).verdict


IDIOMS = {
    "a main guard": Idiom(
        "def f(x):\n    return x + 1",
        "def f(x):\n    return x",
        'def check():\n    assert f(1) == 2\n\nif __name__ == "__main__":\n    check()',
    ),
    "an argument that must not change": Idiom(
        "def top(items):\n    return max(items)",
        "def top(items):\n    items.sort()\n    return items[-1]",
        "marks = [3, 1, 2]\nassert top(marks) == 3\nassert marks == [3, 1, 2]",
    ),
    "an argument changed in place": Idiom(
        "def order(items):\n    items.sort()",
        "def order(items):\n    return sorted(items)",
        "items = [3, 1, 2]\norder(items)\nassert items == [1, 2, 3]",
    ),
    "an array changed in place": Idiom(
        "def double(a):\n    a *= 2",
        "def double(a):\n    a = a * 2",
        "a = np.arange(3)\ndouble(a)\nnp.testing.assert_array_equal(a, [0, 2, 4])",
    ),
    "a callback": Idiom(
        "def visit(call, items):\n    for item in items:\n        call(item)",
        "def visit(call, items):\n    pass",
        "seen = []\nvisit(seen.append, [1, 2])\nassert seen == [1, 2]",
    ),
    "a mock": Idiom(
        "def save(writer, value):\n    writer.write(value)",
        "def save(writer, value):\n    writer.write(None)",
        "from unittest.mock import Mock\nwriter = Mock()\nsave(writer, 3)\nwriter.write.assert_called_once_with(3)",
    ),
    "a library replaced": Idiom(
        "def solve(a, b):\n    return np.linalg.inv(a) @ b",
        "def solve(a, b):\n    return np.linalg.solve(a, b)",
        "A, b = np.array([[4.0, 1], [1, 3]]), np.array([1.0, 2])\nexpected = np.linalg.solve(A, b)\nnp.linalg.solve = None\nassert np.allclose(solve(A, b), expected)",
    ),
    "an environment variable": Idiom(
        "import os\ndef home():\n    return os.environ['COURSE_HOME']",
        "def home():\n    return '/home'",
        "import os\nos.environ['COURSE_HOME'] = '/tmp/x'\nassert home() == '/tmp/x'",
    ),
    "nbgrader's own variable": Idiom(
        "def f():\n    return 1",
        "def f():\n    return 2",
        "import os\nassert os.environ['NBGRADER_EXECUTION'] == 'autograde'\nassert f() == 1",
    ),
    "pytest.raises": Idiom(
        "def root(x):\n    if x < 0:\n        raise ValueError(x)\n    return x ** 0.5",
        "def root(x):\n    return abs(x) ** 0.5",
        "import pytest\nwith pytest.raises(ValueError, match='-1'):\n    root(-1)",
    ),
    "sys.exit": Idiom(
        "def f(x):\n    return x",
        "def f(x):\n    raise ValueError",
        "import sys\nif f(1) != 1:\n    sys.exit(1)",
    ),
    "unittest": Idiom(
        "def f(x):\n    return 2 * x",
        "def f(x):\n    return x",
        "import unittest\nclass Check(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(2), 4)\nresult = unittest.main(argv=[''], exit=False).result\nassert result.wasSuccessful()",
    ),
    "doctests": Idiom(
        'def f(x):\n    """\n    >>> f(1)\n    2\n    """\n    return x + 1',
        'def f(x):\n    """\n    >>> f(1)\n    2\n    """\n    return x',
        "import doctest\nresult = doctest.testmod()\nassert result.attempted and not result.failed",
    ),
    "a column compared": Idiom(
        'def table():\n    return pd.DataFrame({"a": [1, 2]})',
        'def table():\n    return pd.DataFrame({"a": [1, 1]})',
        'df = table()\nassert (df["a"] > 1).sum() == 1\nassert len(df[df["a"] == 2]) == 1',
    ),
    "pandas' own comparison": Idiom(
        'counts = pd.Series(["a", "b", "a"]).value_counts()',
        'counts = pd.Series(["a", "b"]).value_counts()',
        'pd.testing.assert_series_equal(counts.sort_index(), pd.Series({"a": 2, "b": 1}), check_names=False)',
    ),
    "a type": Idiom(
        'def table():\n    return pd.DataFrame({"a": [1]})',
        'def table():\n    return [{"a": 1}]',
        "assert isinstance(table(), pd.DataFrame) and type(table()) is pd.DataFrame",
    ),
    "a name that exists": Idiom("y = 81", "z = 81", 'assert "y" in dir() and "y" in globals() and "y" in locals()'),
    "a class with operators": Idiom(
        "class V:\n    def __init__(self, x):\n        self.x = x\n    def __add__(self, other):\n        return V(self.x + other.x)\n    def __eq__(self, other):\n        return self.x == other.x",
        "class V:\n    def __init__(self, x):\n        self.x = x\n    def __add__(self, other):\n        return V(self.x - other.x)\n    def __eq__(self, other):\n        return self.x == other.x",
        "assert V(1) + V(2) == V(3)",
    ),
    "a class to inherit from": Idiom(
        "class Shape:\n    def describe(self):\n        return f'{self.name} {self.area()}'",
        "class Shape:\n    def describe(self):\n        return self.name",
        "class Square(Shape):\n    name = 'square'\n    def area(self):\n        return 4\nassert Square().describe() == 'square 4'\nassert isinstance(Square(), Shape)",
    ),
    "an exception of the answer's": Idiom(
        "class Empty(Exception):\n    pass\ndef pop():\n    raise Empty",
        "class Empty(Exception):\n    pass\ndef pop():\n    return None",
        "try:\n    pop()\n    assert False\nexcept Empty:\n    pass",
    ),
    "an exception of a library's": Idiom(
        "def solve(a):\n    return np.linalg.inv(a)",
        "def solve(a):\n    return np.linalg.pinv(a)",
        "try:\n    solve(np.zeros((2, 2)))\nexcept np.linalg.LinAlgError:\n    pass\nelse:\n    raise AssertionError('No inverse.')",
    ),
    "axes": Idiom(
        'def label(ax):\n    ax.set_xlabel("x")',
        'def label(ax):\n    ax.set_ylabel("x")',
        'fig, ax = plt.subplots()\nlabel(ax)\nassert ax.get_xlabel() == "x"',
    ),
    "a figure of the answer's": Idiom(
        "fig, ax = plt.subplots()\nax.plot([1, 2], [3, 4])\nax.set_title('Growth')",
        "fig, ax = plt.subplots()\nax.set_title('Growth')",
        "assert ax.get_title() == 'Growth'\nnp.testing.assert_array_equal(ax.lines[0].get_ydata(), [3, 4])",
    ),
    "a file that the answer writes": Idiom(
        'with open("result.txt", "w") as file:\n    file.write("42")',
        "result = 42",
        'assert open("result.txt").read() == "42"',
        files=(("result.txt", b"41"),),
    ),
    "a file that the test makes": Idiom(
        "def count(path):\n    return len(open(path).readlines())",
        "def count(path):\n    return 0",
        "import tempfile, os\nwith tempfile.TemporaryDirectory() as folder:\n    path = os.path.join(folder, 'x')\n    with open(path, 'w') as file:\n        file.write('a\\nb\\n')\n    assert count(path) == 2",
    ),
    "the teacher's data": Idiom(
        'total = pd.read_csv("data/marks.csv")["mark"].sum()',
        "total = 0",
        "assert total == 9",
        files=(("data/marks.csv", b"name,mark\nx,4\ny,5\n"),),
    ),
    "the teacher's module": Idiom(
        "import checks\nlimit = checks.LIMIT + 1",
        "limit = 7",
        "import checks\nchecks.same(limit, 8)",
        files=(("checks.py", b"LIMIT = 7\ndef same(a, b):\n    assert a == b, 'No.'\n"),),
    ),
    "a generator": Idiom(
        "def total(items):\n    return sum(items)",
        "def total(items):\n    return sum(items[1:])",
        "assert total(x for x in [1, 2]) == 3",
    ),
    "a generator of the answer's": Idiom(
        "def count():\n    n = 0\n    while True:\n        yield n\n        n += 1",
        "def count():\n    return range(10)",
        "from itertools import islice\nimport types\nassert isinstance(count(), types.GeneratorType)\nassert list(islice(count(), 3)) == [0, 1, 2]",
    ),
    "a signature": Idiom(
        'def f(a, b=2):\n    "Doc."\n    return a',
        "def f(a):\n    return a",
        'import inspect\nassert list(inspect.signature(f).parameters) == ["a", "b"]\nassert f.__name__ == "f" and f.__doc__',
    ),
    "the source of the answer": Idiom(
        "def total(n):\n    return n * (n + 1) // 2",
        "def total(n):\n    s = 0\n    for i in range(n + 1):\n        s += i\n    return s",
        "import inspect, ast\ntree = ast.parse(inspect.getsource(total))\nassert not any(isinstance(node, (ast.For, ast.While)) for node in ast.walk(tree))\nassert total(4) == 10",
    ),
    "a global that the test sets": Idiom(
        "def over(x):\n    return x > LIMIT",
        "LIMIT = 5\ndef over(x):\n    return x > 5",
        "LIMIT = 10\nassert over(11) and not over(7)",
    ),
    "a name that the test deletes": Idiom(
        "def sq(n):\n    return n * n\ndef total(n):\n    return sum(sq(i) for i in range(n))",
        "def sq(n):\n    return n * n\ndef total(n):\n    return sum(i * i for i in range(n))",
        'keep = sq\ndel sq\ntry:\n    total(3)\nexcept NameError:\n    pass\nelse:\n    raise AssertionError("total does not use sq")\nfinally:\n    sq = keep',
    ),
    "a seed that the test sets": Idiom(
        "import random\ndef roll():\n    return [random.randint(1, 6), int(np.random.randint(6))]",
        "import random\ndef roll():\n    random.seed()\n    return [random.randint(1, 10**9), int(np.random.randint(6))]",
        "import random\nrandom.seed(3); np.random.seed(3)\nexpected = [random.randint(1, 6), int(np.random.randint(6))]\nrandom.seed(3); np.random.seed(3)\nassert roll() == expected",
    ),
    "what is printed": Idiom(
        'def hello(name):\n    print("hello", name)',
        'def hello(name):\n    return f"hello {name}"',
        'import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    hello("you")\nassert out.getvalue() == "hello you\\n"',
    ),
    "capture_output": Idiom(
        'def hello(name):\n    print("hello", name)',
        'def hello(name):\n    return f"hello {name}"',
        'from IPython.utils.capture import capture_output\nwith capture_output() as out:\n    hello("you")\nassert out.stdout == "hello you\\n"',
    ),
    "print patched": Idiom(
        'def hello():\n    print("hello")',
        "def hello():\n    pass",
        'from unittest.mock import patch\nwith patch("builtins.print") as printed:\n    hello()\nprinted.assert_called_with("hello")',
    ),
    "input patched": Idiom(
        'def ask():\n    return int(input("n? ")) + 1',
        'def ask():\n    return int(input("n? "))',
        'from unittest.mock import patch\nwith patch("builtins.input", return_value="4"):\n    assert ask() == 5',
    ),
    "stdin replaced": Idiom(
        "import sys\ndef read():\n    return sys.stdin.readline().strip()",
        "def read():\n    return ''",
        "import io, sys\nkeep, sys.stdin = sys.stdin, io.StringIO('abc\\n')\ntry:\n    assert read() == 'abc'\nfinally:\n    sys.stdin = keep",
    ),
    "a complex number": Idiom(
        "def roots():\n    return 1 + 2j, 1 - 2j",
        "def roots():\n    return 1, 2",
        "a, b = roots()\nassert a * b == 5",
    ),
    "await": Idiom(
        "async def f():\n    return 3",
        "async def f():\n    return 4",
        "assert await f() == 3",
    ),
    "asyncio.run in a thread": Idiom(
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 3",
        "async def f():\n    return 4",
        "import asyncio, concurrent.futures\nwith concurrent.futures.ThreadPoolExecutor() as pool:\n    assert pool.submit(asyncio.run, f()).result() == 3",
    ),
    "a magic": Idiom(
        "x = 3",
        "x = 4",
        "%precision 3\nassert x == 3",
    ),
    "a shell command": Idiom("x = 'abc'", "x = 'b'", "out = !echo {x}\nassert out[0] == 'abc'"),
    "the shell's namespace": Idiom("y = 3", "z = 3", "assert get_ipython().user_ns['y'] == 3"),
    "a hash of the answer": Idiom(
        "x = 42",
        "x = 43",
        "from hashlib import sha256\nassert sha256(str(x).encode()).hexdigest()[:8] == '73475cb4'",
    ),
    "warnings": Idiom(
        "import warnings\ndef old():\n    warnings.warn('Use new.', DeprecationWarning)",
        "def old():\n    pass",
        "import warnings\nwith warnings.catch_warnings(record=True) as seen:\n    warnings.simplefilter('always')\n    old()\nassert len(seen) == 1 and seen[0].category is DeprecationWarning",
    ),
    "a decorator": Idiom(
        "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(*a):\n        f(*a)\n        return f(*a)\n    return g",
        "def twice(f):\n    return f",
        "calls = []\n@twice\ndef f(x):\n    calls.append(x)\n    return x\nassert f(1) == 1 and calls == [1, 1] and f.__name__ == 'f'",
    ),
    "a context manager": Idiom(
        "class Open:\n    def __enter__(self):\n        self.state = 'in'\n        return self\n    def __exit__(self, *exc):\n        self.state = 'out'\n        return True",
        "class Open:\n    def __enter__(self):\n        self.state = 'in'\n        return self\n    def __exit__(self, *exc):\n        self.state = 'out'",
        "with Open() as o:\n    assert o.state == 'in'\n    raise KeyError\nassert o.state == 'out'",
    ),
    "a recursion": Idiom(
        "def depth(n):\n    return 0 if n == 0 else 1 + depth(n - 1)",
        "def depth(n):\n    return n - 1",
        "assert depth(500) == 500",
    ),
    "a count of calls": Idiom(
        "def fib(n, memo={}):\n    if n < 2:\n        return n\n    if n not in memo:\n        memo[n] = fib(n - 1) + fib(n - 2)\n    return memo[n]",
        "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 3)",
        "assert [fib(n) for n in range(8)] == [0, 1, 1, 2, 3, 5, 8, 13]",
    ),
    "a front end for pictures": Idiom(
        "%matplotlib inline\nx = 3",
        "%matplotlib inline\nx = 4",
        "%matplotlib inline\nget_ipython().run_line_magic('matplotlib', 'inline')\nassert x == 3 and after == 1",
        "%matplotlib inline\n%config InlineBackend.figure_format = 'svg'\nafter = 1",
    ),
    "what is printed is captured": Idiom("def f(x):\n    return x + 1", "def f(x):\n    return x", "%%capture\nassert f(1) == 2"),
    "captured, and looked at": Idiom(
        "def f(x):\n    print(x)",
        "def f(x):\n    print(-x)",
        "from IPython.utils.capture import capture_output\nwith capture_output() as seen:\n    f(3)\nassert seen.stdout == '3\\n'",
    ),
    "a traceback that is only shown": Idiom(
        "def f(x):\n    return x + 1",
        "def f(x):\n    return x",
        "try:\n    assert f(1) == 2\nexcept AssertionError:\n    get_ipython().showtraceback()",
    ),
    "a cell in a cell": Idiom(
        "def f(x):\n    return x + 1",
        "def f(x):\n    return x",
        "assert get_ipython().run_cell('f(1)').result == 2",
    ),
    "a time": Idiom("def f(x):\n    return x + 1", "def f(x):\n    return x", "%time assert f(1) == 2"),
    "a task that goes on": Idiom(
        "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 3\ntask = asyncio.ensure_future(f())",
        "import asyncio\nasync def f():\n    return 4\ntask = asyncio.ensure_future(f())",
        "assert await task == 3",
    ),
    "nobody to ask": Idiom(
        "def f():\n    try:\n        return input()\n    except Exception as error:\n        return type(error).__name__",
        "def f():\n    return input()",
        "assert f() == 'StdinNotImplementedError'",
    ),
    "a task made in a cell": Idiom(
        "import asyncio\nasync def f():\n    return 3\ntask = asyncio.create_task(f())",
        "import asyncio\nasync def f():\n    return 4\ntask = asyncio.create_task(f())",
        "assert await task == 3",
    ),
    "partial credit": Idiom(
        "def f(x):\n    return x * x",
        "def f(x):\n    raise ValueError",
        "score = 0\nfor x in range(4):\n    try:\n        score += f(x) == x * x\n    except ValueError:\n        pass\nscore",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", IDIOMS)
def test_marks_are_those_of_nbgrader(known, grade, name):
    """Of the teacher's own solution and the untouched release, of a right answer and a wrong one."""
    idiom = IDIOMS[name]
    assert (known(idiom).broken, known(idiom).free) == ((), ())
    for answer, score in ((idiom.right, 4), (idiom.wrong, 0)):
        verdict = grade(idiom, answer)
        assert (verdict.score, verdict.verdict, verdict.flags) == (score, "graded", ()), verdict.cells
        assert [cell.judged for cell in verdict.cells] == ["inside"]


PLAIN = Idiom(
    "def f(x):\n    return x + 1",
    "def f(x):\n    return x",
    'assert f(1) == 2, "One more."\n### BEGIN HIDDEN TESTS\nhidden_input = 4129\nassert f(hidden_input) == 4130\n### END HIDDEN TESTS',
)
ARRAY = Idiom(
    "def scale(a):\n    return np.asarray(a) / np.max(a)",
    "def scale(a):\n    return np.asarray(a)",
    "np.testing.assert_allclose(scale([1, 2, 4]), [0.25, 0.5, 1])\nassert isinstance(scale([1]), np.ndarray)",
)
WRONG = "def f(x):\n    return 0"
TAMPERING = {
    "asserts are taken out of the syntax tree": "import ast\nclass Out(ast.NodeTransformer):\n    def visit_Assert(self, node):\n        return ast.Pass()\nget_ipython().ast_transformers.append(Out())",
    "asserts are taken out of the text": "get_ipython().input_transformers_post.append(lambda lines: [line.replace('assert ', 'assert True or ') for line in lines])",
    "comparisons are replaced in the syntax tree": "import ast\nclass Out(ast.NodeTransformer):\n    def visit_Compare(self, node):\n        return ast.copy_location(ast.Constant(True), node)\nget_ipython().ast_transformers.append(Out())",
    "the compiler": "import builtins\nkeep = builtins.compile\nbuiltins.compile = lambda source, *a, **k: keep('pass' if 'assert' in str(source) else source, *a, **k)",
    "exec": "import builtins\nbuiltins.exec = lambda *a, **k: None",
    "the way cells are run": "shell = get_ipython()\nasync def run_code(*a, **k):\n    return False\ntype(shell).run_code = run_code\nshell.run_code = run_code\ntype(shell).run_cell_async = run_code",
    "an answer that equals everything": "class Any(int):\n    __eq__ = lambda s, o: True\n    __ne__ = lambda s, o: False\n    __hash__ = int.__hash__\nf = lambda x: Any()",
    "an answer that is whatever it is compared with": "class Any:\n    def __getattr__(self, name):\n        return lambda *a, **k: self\n    __eq__ = __le__ = __ge__ = lambda s, o: True\n    __sub__ = __rsub__ = lambda s, o: 0\nf = lambda x: Any()",
    "a trace that jumps": "import sys\ndef trace(frame, event, arg):\n    if 'hidden_input' in frame.f_code.co_names or 'f' in frame.f_code.co_names:\n        def local(frame, event, arg):\n            if event == 'line':\n                try:\n                    frame.f_lineno = max(line for _, _, line in frame.f_code.co_lines() if line)\n                except ValueError:\n                    pass\n            return local\n        return local\nsys.settrace(trace)",
}  # fmt: skip
EVERYTHING = "class E:\n    __eq__ = lambda s, o: True\n    __ne__ = lambda s, o: False\n    __hash__ = object.__hash__\nf = lambda *a: E()"
COMPARED = (
    "assert 2 == f(1)",
    "assert [f(x) for x in range(3)] == [1, 2, 3]",
    "score = 0\nfor x in range(4):\n    score += f(x) == x + 1\nscore",
    "errors = [x for x in range(3) if f(x) != x + 1]\nassert not errors",
    "import unittest\nclass Check(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(1), 2)\nassert unittest.main(argv=[''], exit=False).result.wasSuccessful()",
    "def check(g):\n    assert g(1) == 2\ncheck(f)",
)
ARRAYS = {
    "numpy's comparisons": "np.testing.assert_allclose = lambda *a, **k: None",
    "numpy's own": "def nothing(*a, **k): pass\nnp.testing.assert_allclose.__code__ = nothing.__code__",
    "numpy's basis": "np._core.numeric.array_equal = np.array_equal = lambda *a, **k: True\nnp.testing._private.utils.assert_array_compare = lambda *a, **k: None",
    "Python's own": "import builtins\nbuiltins.all = lambda *a: True\nnp.testing.assert_allclose = lambda *a, **k: None",
}  # fmt: skip


class TestTampering:
    """A process in which a planted failure passes has been tampered with: no points, a flag, a sentence."""

    @pytest.mark.parametrize("name", TAMPERING)
    def test_it_earns_nothing(self, grade, name):
        verdict = grade(PLAIN, WRONG + "\n" + TAMPERING[name])
        assert verdict.score == 0, verdict.cells

    @pytest.mark.parametrize("name", TAMPERING)
    def test_in_a_cell_before_and_one_after(self, grade, name):
        assert grade(PLAIN, WRONG, TAMPERING[name]).score == 0
        assert grade(PLAIN, WRONG, "", TAMPERING[name]).score == 0

    @pytest.mark.parametrize("name", ARRAYS)
    def test_a_library_is_replaced(self, grade, name):
        verdict = grade(ARRAY, ARRAY.wrong + "\n" + ARRAYS[name])
        assert (verdict.score, verdict.flags) == (0, ("tampering",)), verdict.cells

    @pytest.mark.parametrize("test", COMPARED)
    def test_an_object_that_equals_everything(self, grade, test):
        """Wherever it is compared."""
        assert grade(dataclasses.replace(PLAIN, test=test), EVERYTHING).score == 0

    def test_a_context_that_expects_nothing(self, grade):
        idiom = Idiom(
            "def f():\n    raise ValueError", "f = None", "import pytest\nwith pytest.raises(ValueError):\n    f()"
        )
        patched = (
            "import contextlib, pytest\npytest.raises = lambda *a, **k: contextlib.nullcontext()\ndef f():\n    pass"
        )
        assert grade(idiom, patched).flags == ("tampering",)

    def test_the_teacher_is_told_and_the_student_knows(self, grade):
        verdict = grade(PLAIN, WRONG + "\n" + TAMPERING["an answer that equals everything"])
        assert verdict.flags == ("tampering",)
        assert verdict.cause.startswith("Planted failures pass test.")
        (cell,) = verdict.cells
        assert "tampering" in verdict.flags and cell.message.startswith("This notebook changes how tests run")


HONEST = {
    "a seed": ("import random\nrandom.seed(1)\nnp.random.seed(1)", PLAIN.right),
    "numpy's state": ("np.seterr(all='ignore')\nnp.set_printoptions(precision=2)\npd.set_option('display.width', 9)", PLAIN.right),
    "warnings": ("import warnings\nwarnings.filterwarnings('ignore')\nwarnings.simplefilter('error')", PLAIN.right),
    "a recursion limit": ("import sys\nsys.setrecursionlimit(20_000)", PLAIN.right),
    "magics": ("%matplotlib inline\n%config InlineBackend.figure_format = 'svg'\n%load_ext autoreload\n%autoreload 2", PLAIN.right),
    "a trace of one's own": ("import sys\nsys.settrace(lambda *a: None)", PLAIN.right),
    "everything is caught": ("", "def f(x):\n    try:\n        return x + 1\n    except BaseException:\n        return None"),
    "a number of another type": ("", "def f(x):\n    return np.int64(x) + 1"),
    "a class with equality": ("", "class N(int):\n    def __eq__(self, other):\n        return int(self) == int(other)\n    __hash__ = int.__hash__\ndef f(x):\n    return N(x + 1)"),
    "tests of one's own": ("def check(f):\n    assert f(1) == 2\n    assert f(3) == 4", PLAIN.right + "\ncheck(f)"),
    "a cache": ("", "import functools\n@functools.lru_cache\ndef f(x):\n    return x + 1"),
    "a thread": ("", "import threading\ndef f(x):\n    out = []\n    thread = threading.Thread(target=lambda: out.append(x + 1))\n    thread.start()\n    thread.join()\n    return out[0]"),
    "a pool of threads that stays": ("from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\nlist(pool.map(abs, range(9)))", PLAIN.right),
    "a process": ("", "import subprocess, sys\ndef f(x):\n    return int(subprocess.run([sys.executable, '-c', f'print({x} + 1)'], capture_output=True).stdout)"),
    "a count of calls": ("", "calls = 0\ndef f(x):\n    global calls\n    calls += 1\n    return x + 1"),
    "chance": ("import random", "def f(x):\n    return x + 1 if random.random() < 2 else random.random()"),
    "printing": ("", "def f(x):\n    print('x is', x)\n    return x + 1"),
    "a figure left open": ("plt.plot([1, 2])", PLAIN.right),
    "a display hook": ("from IPython.display import display, HTML\ndisplay(HTML('<b>x</b>'))", PLAIN.right),
    "a print of one's own": ("def print(*a, **k):\n    pass", PLAIN.right),
    "garbage collection off": ("import gc\ngc.disable()", PLAIN.right),
    "a file left open": ("log = open('log.txt', 'w')", "def f(x):\n    log.write(str(x))\n    return x + 1"),
    "a slow one": ("import time", "def f(x):\n    time.sleep(0.5)\n    return x + 1"),
}  # fmt: skip


class TestHonest:
    """What students do in good faith is no tampering."""

    @pytest.mark.parametrize("name", HONEST)
    def test_it_keeps_its_points_and_its_name(self, grade, name):
        before, answer = HONEST[name]
        verdict = grade(PLAIN, answer, before)
        assert (verdict.score, verdict.flags, verdict.verdict) == (4, (), "graded"), verdict.cells


WAYS = {  # an idiom, another answer, and what it gets
    "a check that was lost": (
        Idiom("def f(x):\n    return 2 * x", "f = None", "score = 0\nif f(1) == 2:\n    score += 1\nif f(5) == 10:\n    score += 3\nscore"),
        "def f(x):\n    return 2 * x if x < 3 else 0",
        1,
    ),
    "a share of the checks": (
        Idiom("def f(x):\n    return 2 * x", "f = None", "checks = [f(1) == 2, f(5) == 10]\n4 * sum(checks) / len(checks)"),
        "def f(x):\n    return 2 * x if x < 3 else 0",
        2,
    ),
    "checks that are caught": (
        Idiom("def f(x):\n    return 2 * x", "f = None", "score = 0\nfor x in (1, 5):\n    try:\n        assert f(x) == 2 * x\n        score += 2\n    except AssertionError:\n        pass\nscore"),
        "def f(x):\n    return 2 * x if x < 3 else 0",
        2,
    ),
    "another root": (Idiom("def f(x):\n    return x ** 0.5", "f = None", "assert f(4) == 2 or f(4) == -2"), "def f(x):\n    return -(x ** 0.5)", 4),
    "nothing, or zero": (Idiom("def f():\n    return 0", "f = None", "r = f()\nassert r is None or r == 0"), "def f():\n    pass", 4),
    "another kind": (
        Idiom("def f():\n    return [1, 2]", "f = None", "r = f()\nif isinstance(r, list):\n    assert r == [1, 2]\nelse:\n    assert np.array_equal(r, [1, 2])"),
        "def f():\n    return np.array([1, 2])",
        4,
    ),
    "an attribute or a method": (
        Idiom("class Square:\n    def area(self):\n        return 4", "f = None", "s = Square()\narea = s.area() if callable(s.area) else s.area\nassert area == 4"),
        "class Square:\n    area = 4",
        4,
    ),
    "an exception": (
        Idiom("def f(text):\n    return text.upper()", "f = None", "try:\n    out = f('a')\n    assert out == 'A'\nexcept ValueError as error:\n    assert str(error) == 'no'"),
        "def f(text):\n    raise ValueError('no')",
        4,
    ),
    "a bonus": (
        Idiom("def f(x):\n    return x\ndef extra(x):\n    return 3", "f = None", "assert f(1) == 1\nif 'extra' in globals():\n    assert extra(1) == 3"),
        "def f(x):\n    return x",
        4,
    ),
    "a form that is brought about": (
        Idiom("def f():\n    return np.array([1, 2]), 0", "f = None", "r = f()\nif len(r) == 2 and isinstance(r[0], np.ndarray):\n    r = r[0]\nassert list(r) == [1, 2]"),
        "def f():\n    return [1, 2]",
        4,
    ),
    "a text that is stripped": (
        Idiom("def f():\n    return '12 cm'", "f = None", "value = f()\nif isinstance(value, str) and value.endswith(' cm'):\n    value = value[:-3]\nassert value == '12'"),
        "def f():\n    return '12'",
        4,
    ),
    "a nested list": (
        Idiom("def f():\n    return [[[1]]]", "f = None", "r = f()\nwhile isinstance(r, list) and isinstance(r[0], list):\n    r = r[0]\nassert r == [1]"),
        "def f():\n    return [1]",
        4,
    ),
    "all of a part": (
        Idiom("def f(x):\n    return 2 * x", "f = None", "correct = sum(f(x) == 2 * x for x in (1, 5, 7, 9))\n4 if correct == 4 else 2 if correct >= 1 else 1"),
        "def f(x):\n    return 2 * x if x < 3 else 0",
        2,
    ),
    "one for trying": (
        Idiom("def f(x):\n    return x * x", "f = None", "score = 1\nif f(2) == 4 and f(-2) == 4:\n    score += 3\nscore"),
        "def f(x):\n    return x * abs(x)",
        1,
    ),
    "all or some": (
        Idiom("def f(x):\n    return 2 * x", "f = None", "try:\n    assert f(1) == 2\n    assert f(5) == 10\n    pts = 4\nexcept AssertionError:\n    pts = 1\npts"),
        "def f(x):\n    return 2 * x if x < 3 else 0",
        1,
    ),
    "a draw": (
        Idiom("def f(x):\n    return abs(x)", "f = None", "import random\nx = random.choice([-2, 3])\nif x < 0:\n    assert f(x) == -x\nelse:\n    assert f(x) == x"),
        "def f(x):\n    return x if x > 0 else -x",
        4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_another_answer_than_the_teachers_is_not_called_tampering(grade, name):
    """It may never come by a planted failure; a check that it has lost anyway is no proof either."""
    idiom, answer, score = WAYS[name]
    for _ in range(3):  # planted failures are drawn
        verdict = grade(idiom, answer)
        assert (verdict.score, verdict.flags) == (score, ()), verdict.cells


class TestHidden:
    """Nothing of a hidden test is seen by the cells of the student's that come after it."""

    SPIES: ClassVar = {
        "its names": "print(globals().get('hidden_input'), 'hidden_input' in dir())",
        "the history": "print(In, Out, get_ipython().history_manager.input_hist_raw)",
        "the last exception": "import sys, traceback\nprint(getattr(sys, 'last_value', None), getattr(sys, 'last_exc', None))\nprint(get_ipython().user_ns.get('_i'), get_ipython().user_ns.get('_ii'))",
        "the cache of lines": "import linecache\nprint(linecache.cache)",
        "all objects": "import gc\ndef spy():\n    pass\nprint([o for o in gc.get_objects() if type(o) is str and '41' '29' in o])\nprint([o.co_consts for o in gc.get_objects() if type(o) is type(spy.__code__) and int('41' '29') in o.co_consts])",
        "all files": "import os\nfor root, _, files in os.walk('.'):\n    for name in files:\n        text = open(os.path.join(root, name), errors='replace').read()\n        print(root, name, '41' '29' in text)",
        "what f was asked": "print(seen)",
    }  # fmt: skip

    @pytest.mark.parametrize("name", SPIES)
    def test_a_later_cell_prints_nothing_of_it(self, graded, name):
        answer = "seen = []\ndef f(x):\n    seen.append(x)\n    return x + 1"
        given, cell, test = notebook(PLAIN.given, answer, released(PLAIN.test))
        spy = nbformat.v4.new_code_cell(self.SPIES[name])
        done = graded(PLAIN, written(given, cell, test, spy))
        assert done.verdict.score == 4
        cells = nbformat.reads(done.notebook.decode(), as_version=4).cells
        (found,) = (each for each in cells if each.source == spy.source)
        assert found.outputs
        if name != "what f was asked":  # an answer that keeps its inputs has them: a fresh seed makes them worthless
            assert "4129" not in nbformat.writes(nbformat.v4.new_notebook(cells=[found]))

    def test_a_name_that_is_missing_in_a_hidden_test_is_not_named(self, grade):
        test = "assert value\n### BEGIN HIDDEN TESTS\nassert half_of_value == 1.5\n### END HIDDEN TESTS"
        idiom = Idiom("value = 3\nhalf_of_value = 1.5", "value = 0", test)
        (cell,) = grade(idiom, "value = 3").cells
        assert cell.score == 0 and "half" not in cell.message

    def test_a_message_is_said_and_one_that_shows_something_hidden_is_not(self, grade):
        said = Idiom("f = abs", "f = min", 'assert f(-1) == 1, f"f(-1) is {f(-1)}."\n')
        (cell,) = grade(said, "f = lambda x: x").cells
        assert cell.message == "f(-1) is -1."
        hidden = "number = 4129\nassert f(-number) == number, f'Not {number}.'"
        quiet = Idiom(
            "f = abs", "f = min", f"assert f(-1) == 1\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"
        )
        (cell,) = grade(quiet, "f = lambda x: 1").cells
        assert cell.score == 0 and "4129" not in cell.message


class TestWatching:
    """What it costs is nobody's."""

    LOGS: ClassVar = {
        "a path": "from pathlib import Path\nPATH = Path('log.txt').resolve()\ndef log(text):\n    with PATH.open('a') as file:\n        file.write(text + '\\n')\n    return len(PATH.read_text().splitlines())",
        "a handle": "out = open('log.txt', 'a+')\ndef log(text):\n    out.write(text + '\\n')\n    out.flush()\n    return len(open('log.txt').read().splitlines())",
        "a place in a file": "import tempfile\nout = tempfile.NamedTemporaryFile('w+')\ndef log(text):\n    out.write(text + '\\n')\n    out.flush()\n    return open(out.name).read().count('\\n')",
        "a logger": "import logging\nlogging.getLogger('x').addHandler(logging.FileHandler('x.log'))\ndef log(text):\n    logging.getLogger('x').error(text)\n    return len(open('x.log').read().splitlines())",
        "a file made anew": "from pathlib import Path\nPATH = Path('log.txt').resolve()\ndef log(text):\n    lines = PATH.read_text().splitlines() if PATH.exists() else []\n    PATH.unlink(missing_ok=True)\n    PATH.write_text('\\n'.join([*lines, text]))\n    return len(lines) + 1",
        "a database": "import sqlite3\nbase = sqlite3.connect('s.db')\nbase.execute('create table logs (text)')\ndef log(text):\n    base.execute('insert into logs values (?)', (text,))\n    base.commit()\n    return len(list(base.execute('select * from logs')))",
    }  # fmt: skip

    @pytest.mark.parametrize("name", LOGS)
    def test_later_tests_see_nothing_of_it(self, run, name):
        """Files that forks share with the process are as they were."""
        teachers = Idiom(self.LOGS["a path"], "log = None", "assert log('a') == 1")
        second = code("assert log('b') == 2", "test_2", grade=True, points=4)
        source = written(*notebook(teachers.given, SOLUTION.format(teachers.right), teachers.test), second)
        release = written(*notebook(teachers.given, released(SOLUTION), teachers.test), second)
        todo = dataclasses.replace(job_of(teachers), source=source, release=release)
        fit = fitness.check([todo], lambda jobs: ((each, run(each)) for each in jobs))[todo.notebook]
        assert fit.broken == () and all(plants for _, plants in fit.plants)
        answered = written(*notebook(teachers.given, self.LOGS[name], teachers.test), second)
        handed = (Handed("hw.ipynb", 0.0, answered),)
        verdict = run(dataclasses.replace(todo, handed=handed, fitness=fit)).verdict
        assert (verdict.score, verdict.flags) == (8, ()), verdict.cells

    MANY = "import threading, time\ntry:\n    for _ in range(2_000):\n        threading.Thread(target=time.sleep, args=(100,), daemon=True).start()\nexcept RuntimeError as error:\n    print(error)"

    def test_its_time_is_not_the_students(self, run, known):
        """Three tests of a second, of four seconds in all."""
        slow = Idiom("import time\ndef f():\n    time.sleep(1)\n    return 1", "f = None", "assert f() == 1")
        fit = known(slow)
        cells = notebook(slow.given, slow.right, slow.test)
        more = [code(slow.test, f"test_{n}", grade=True, points=4) for n in range(2)]
        source = written(*notebook(slow.given, SOLUTION.format(slow.right), slow.test), *more)
        plants = tuple((name, plants) for name in ("test", "test_0", "test_1") for _, plants in fit.plants)
        todo = dataclasses.replace(
            job_of(slow),
            source=source,
            release=source,
            handed=(Handed("hw.ipynb", 0.0, written(*cells, *more)),),
            limits=dataclasses.replace(LIMITS, total_seconds=4),
            fitness=dataclasses.replace(fit, plants=plants),
        )
        verdict = run(todo).verdict
        assert (verdict.score, verdict.verdict) == (12, "graded"), verdict.cells

    def test_a_process_that_cannot_be_forked_goes_to_a_person(self, grade):
        verdict = grade(PLAIN, PLAIN.right, self.MANY)
        (cell,) = verdict.cells
        assert (cell.score, cell.judged) in ((None, "person"), (4, "inside")), verdict

    def test_a_test_that_nobody_can_watch_is_said(self, known):
        pool = "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\nlist(pool.map(abs, range(9)))"
        idiom = Idiom("def f(x):\n    return sum(pool.map(abs, range(x)))", "f = None", "assert f(3) == 3", pool)
        assert known(idiom).unwatched == ("test",)


class TestUnfit:
    """A test that the teacher's own solution does not pass costs no student anything: a person marks it."""

    def test_a_broken_test(self, known, grade):
        idiom = Idiom("def f(x):\n    return x", "f = None", "assert f(1) == 2, 'Two.'")
        assert known(idiom).broken == (("test", "Two"),)
        verdict = grade(idiom, "def f(x):\n    return x")
        (cell,) = verdict.cells
        assert (cell.score, cell.judged) == (None, "person")
        assert verdict.score == 0

    def test_a_test_that_everybody_passes(self, known):
        assert known(Idiom("x = 1", "x = 2", "assert True")).free == ("test",)
        guarded = Idiom("x = 1", "x = 2", "try:\n    assert x == 1\nexcept NameError:\n    pass")
        assert known(guarded).free == ("test",)
