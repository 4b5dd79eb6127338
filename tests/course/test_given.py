"""Given cells as teachers write them: outside, a test finds what it finds in the notebook.

What is right says the notebook itself, run from top to bottom: no test of it fails.
"""

import re

import pytest

from course.grade.judge.given import Given
from course.grade.judge.hints import Words
from course.grade.judge.outside import Referee
from tests.course.test_outside import POINTS, InProcess, cell, notebook

# A given cell, the answer, maybe another given cell, and the test.
IDIOMS = """
rows = []
# answer
def f(n):
    return n
# given
for i in range(3):
    rows.append(f(i))
# test
assert rows == [0, 1, 2]

# ----
words = 'b a c'.split()
words.sort()
# answer
def f(x):
    return x[0]
# test
assert f(words) == 'a'

# ----
import collections
counts = collections.Counter()
for w in 'aab':
    counts[w] += 1
# answer
def f(c):
    return c['a']
# test
assert f(counts) == 2 and counts['b'] == 1

# ----
import collections
d = collections.defaultdict(list)
for w in ['ab', 'ac', 'b']:
    d[w[0]].append(w)
# answer
def f(d):
    return len(d['a'])
# test
assert f(d) == 2 and dict(d) == {'a': ['ab', 'ac'], 'b': ['b']}

# ----
class P:
    def __init__(self, n):
        self.n = n
points = [P(i) for i in range(3)]
for p in points:
    p.n += 1
# answer
def f(n):
    return n * 2
# test
assert [f(p.n) for p in points] == [2, 4, 6]

# ----
grid = [[0] * 3 for _ in range(3)]
for i in range(3):
    grid[i][i] = 1
# answer
def f(g):
    return sum(map(sum, g))
# test
assert f(grid) == 3

# ----
import numpy as np
x = np.zeros(3)
x[1] = 2
x += 1
# answer
def f(a):
    return a.sum()
# test
assert f(x) == 5 and x[1] == 3

# ----
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=3)
rng.shuffle(x)
# answer
def f(a):
    return float(a[0])
# test
assert f(x) == x[0]

# ----
cache = {}
def remember(k, v):
    cache[k] = v
    return v
remember('a', 1)
# answer
def f(c):
    return c.get('a')
# test
assert f(cache) == 1

# ----
config = {'a': {'b': 1}}
config['a']['b'] = 2
config.update(c=3)
# answer
def f(c):
    return c['a']['b'] + c['c']
# test
assert f(config) == 5

# ----
total = 0
for i in range(4):
    total += i
# answer
def f(n):
    return n + 1
# test
assert f(total) == 7

# ----
text = ' A '
text = text.strip()
text = text.lower()
# answer
def f(t):
    return t + t
# test
assert f(text) == 'aa'

# ----
import os
os.environ['LEVEL'] = '3'
# answer
def f():
    import os
    return 3
# test
import os
assert f() == int(os.environ['LEVEL'])

# ----
import sys
sys.setrecursionlimit(5000)
limit = sys.getrecursionlimit()
# answer
def f(n):
    return n
# test
assert f(limit) == 5000

# ----
try:
    import ujson as js
except ImportError:
    import json as js
# answer
def f(s):
    return [1]
# test
assert js.loads('[1]') == f('x')

# ----
if True:
    size = 3
else:
    size = 4
# answer
def f(n):
    return n
# test
assert f(size) == 3

# ----
with open('w.txt', 'w') as file:
    file.write('one two')
lines = open('w.txt').read().split()
# answer
def f(x):
    return len(x)
# test
assert f(lines) == 2

# ----
from dataclasses import dataclass, field
@dataclass
class Bag:
    items: list = field(default_factory=list)
bag = Bag()
bag.items.append(3)
# answer
def f(x):
    return x[0]
# test
assert f(bag.items) == 3

# ----
stack = [1, 2, 3]
top = stack.pop()
# answer
def f(x):
    return len(x)
# test
assert f(stack) == 2 and top == 3

# ----
queue = [3, 1]
while len(queue) < 4:
    queue.insert(0, 9)
# answer
def f(q):
    return q[0]
# test
assert f(queue) == 9 and len(queue) == 4

# ----
names = ['b', 'a']
del names[0]
# answer
def f(x):
    return x[0]
# test
assert f(names) == 'a'

# ----
a = b = []
a.append(1)
# answer
def f(x):
    return len(x)
# test
assert f(b) == 1

# ----
x = [1]
y = x
y.append(2)
# answer
def f(x):
    return len(x)
# test
assert f(x) == 2

# ----
matrix = {}
def build():
    for i in range(2):
        for j in range(2):
            matrix[i, j] = i + j
build()
# answer
def f(m):
    return m[1, 1]
# test
assert f(matrix) == 2

# ----
import functools
log = []
def traced(fn):
    @functools.wraps(fn)
    def inner(*a):
        log.append(a)
        return fn(*a)
    return inner
@traced
def g(x):
    return x
g(1)
# answer
def f(l):
    return len(l)
# test
assert f(log) == 1

# ----
results = {}
# answer
def f(n):
    return n * n
# given
results['two'] = f(2)
results['three'] = f(3)
# test
assert results == {'two': 4, 'three': 9}

# ----
results = {}
# answer
def f(n):
    return n * n
# given
def run(names):
    for name in names:
        results[name] = f(len(name))
run(['a', 'bb'])
# test
assert results == {'a': 1, 'bb': 4}

# ----
import types
ns = types.SimpleNamespace()
# answer
def f(n):
    return n
# given
ns.value = f(3)
# test
assert ns.value == 3

# ----
items = [3, 1, 2]
# answer
def sort(x):
    x.sort()
# given
sort(items)
# test
assert items == [1, 2, 3]

# ----
items = [3, 1, 2]
# answer
def sort(x):
    x.sort()
# test
y = [2, 1]
sort(y)
assert y == [1, 2]

# ----
items = []
# answer
items.append(4)
items.append(5)
# test
assert items == [4, 5]

# ----
d = dict(a=1)
# answer
d['b'] = 2
# test
assert d == {'a': 1, 'b': 2}

# ----
import numpy as np
w = np.zeros(2)
# answer
w[0] = 1
# test
assert w[0] == 1 and w[1] == 0

# ----
class M:
    pass
m = M()
# answer
m.size = 3
# test
assert m.size == 3

# ----
count = 0
# answer
count += 2
# test
assert count == 2

# ----
seen = set()
# answer
def visit(n):
    seen.add(n)
    return n
# given
visit(3)
# test
assert seen == {3}

# ----
x = 5
# answer
def f():
    return x
# given
x = 6
# test
assert f() == 6

# ----
from random import Random
r = Random(3)
picked = [r.random() for _ in range(2)]
r.shuffle(picked)
# answer
def f(p):
    return p[0]
# test
assert f(picked) == picked[0]

# ----
import torch
torch.manual_seed(0)
t = torch.zeros(3)
t.fill_(2)
layer = torch.nn.Linear(2, 1)
torch.nn.init.zeros_(layer.weight)
# answer
def f(t):
    return float(t.sum())
# test
assert f(t) == 6 and float(layer.weight.sum()) == 0

# ----
import torch
layer = torch.nn.Linear(2, 1)
with torch.no_grad():
    layer.weight.zero_()
# answer
def f(n):
    return n
# test
assert f(float(layer.weight.sum())) == 0

# ----
import torch
layer = torch.nn.Linear(2, 1)
for p in layer.parameters():
    p.requires_grad = False
# answer
def f(n):
    return n
# test
assert f(sum(p.requires_grad for p in layer.parameters())) == 0

# ----
import pandas as pd
t = pd.DataFrame({'a': [1, 2]})
t['b'] = t['a'] * 2
t.loc[0, 'b'] = 9
# answer
def f(x):
    return int(x)
# test
assert f(t['b'][0]) == 9

# ----
class Box:
    items = []
    @classmethod
    def put(cls, x):
        cls.items.append(x)
Box.put(1)
# answer
def f(n):
    return n
# test
assert Box.items == [f(1)]

# ----
log = []
class Logger:
    def note(self, x):
        log.append(x)
logger = Logger()
logger.note(1)
# answer
def f(n):
    return n
# test
assert log == [f(1)]

# ----
def gen():
    yield from range(3)
numbers = gen()
first = next(numbers)
rest = list(numbers)
# answer
def f(x):
    return len(x)
# test
assert f(rest) == 2 and first == 0

# ----
it = iter([1, 2, 3])
next(it)
# answer
def f(n):
    return n
# test
assert f(next(it)) == 2

# ----
fns = []
for k in range(3):
    fns.append(lambda x, k=k: x + k)
# answer
def f(g):
    return g(1)
# test
assert [g(1) for g in fns] == [1, 2, 3]

# ----
from collections import deque
window = deque(maxlen=2)
for i in range(4):
    window.append(i)
# answer
def f(x):
    return sum(x)
# test
assert f(list(window)) == 5

# ----
import numpy as np
x = np.arange(6)
np.random.seed(0)
np.random.shuffle(x)
# answer
def f(a):
    return int(a[0])
# test
assert f(x) == 5

# ----
import random
random.seed(4)
rows = random.sample(range(100), 3)
# answer
def f(r):
    return r[0]
# test
assert f(rows) == 30

# ----
import json
with open('a.json', 'w') as out:
    json.dump([1], out)
with open('a.json') as src:
    data = json.load(src)
# answer
def f(d):
    return d
# test
assert f(data) == [1]

# ----
from pathlib import Path
Path('b.txt').write_text('hi')
text = Path('b.txt').read_text()
# answer
def f(t):
    return t
# test
assert f(text) == 'hi'

# ----
import os
os.makedirs('d', exist_ok=True)
here = os.listdir('d')
# answer
def f(t):
    return t
# test
assert f(here) == []

# ----
import sqlite3
db = sqlite3.connect(':memory:')
db.execute('create table t (a)')
db.executemany('insert into t values (?)', [(1,), (2,)])
rows = db.execute('select a from t').fetchall()
# answer
def f(r):
    return len(r)
# test
assert f(rows) == 2

# ----
import re
pattern = re.compile('a+')
hits = []
text = 'aab a'
while (m := pattern.search(text)):
    hits.append(m.group())
    text = text[m.end():]
# answer
def f(h):
    return len(h)
# test
assert f(hits) == 2

# ----
try:
    value = int('x')
except ValueError:
    value = -1
# answer
def f(v):
    return v
# test
assert f(value) == -1

# ----
a, b = [], {}
a.append(1); b['x'] = a
# answer
def f(d):
    return d['x'][0]
# test
assert f(b) == 1

# ----
pairs = list(zip('ab', [1, 2]))
index = {}
for k, v in pairs: index.setdefault(k, []).append(v)
# answer
def f(d):
    return d['a']
# test
assert f(index) == [1]

# ----
tree = {'left': None}
node = tree
for _ in range(2):
    node['left'] = {'left': None}
    node = node['left']
# answer
def f(t):
    return 0 if t is None else 1 + f(t['left'])
# test
assert f(tree) == 3

# ----
tree = {'left': None}
node = tree
node['left'] = {'left': None}
# answer
def f(t):
    return 0 if t is None else 1 + f(t['left'])
# test
assert f(tree) == 2

# ----
scores = {}
# answer
def f(n):
    return n
# given
scores |= {'a': f(1)}
# test
assert scores == {'a': 1}

# ----
scores = {}
# answer
def f(n):
    return n
# given
[scores.update({k: f(k)}) for k in (1, 2)]
# test
assert scores == {1: 1, 2: 2}

# ----
scores = {}
# answer
def f(n):
    return n
# given
scores.update((k, f(k)) for k in (1, 2))
# test
assert scores == {1: 1, 2: 2}

# ----
rows = []
add = rows.append
add(1)
# answer
def f(n):
    return n
# test
assert rows == [f(1)]

# ----
rows = []
tmp = rows
# answer
def f(n):
    return n
# given
tmp.append(f(1))
# test
assert rows == [1]

# ----
rows = [0]
# answer
def f(x):
    x.append(1)
    return x
# given
out = f(rows)
# test
assert rows == [0, 1] and out == [0, 1]

# ----
import pandas as pd
t = pd.DataFrame({'a': [3, 1]})
t.sort_values('a', inplace=True)
t.drop(columns=[], inplace=True)
# answer
def f(x):
    return int(x)
# test
assert f(t['a'].iloc[0]) == 1

# ----
import pandas as pd
t = pd.DataFrame({'a': [3, 1]})
# answer
def f(x):
    return x * 2
# given
t['b'] = t['a'].apply(f)
# test
assert list(t['b']) == [6, 2]

# ----
import torch
x = torch.zeros(2)
x[0] = 1
x.add_(1)
x *= 2
# answer
def f(t):
    return t.tolist()
# test
assert f(x) == [4, 2]

# ----
import torch
torch.manual_seed(0)
x = torch.rand(1)
# answer
def f(v):
    return v
# test
assert abs(f(float(x)) - 0.4963) < 1e-3

# ----
def outer():
    n = 0
    def inner():
        nonlocal n
        n += 1
        return n
    return inner
counter = outer()
counter()
# answer
def f(v):
    return v
# test
assert f(counter()) == 2

# ----
import functools
@functools.lru_cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
ten = fib(10)
# answer
def f(v):
    return v
# test
assert f(ten) == 55 == fib(10)

# ----
globals()['x'] = 3
# answer
def f(v):
    return v
# test
assert f(x) == 3

# ----
exec('x = 3')
# answer
def f(v):
    return v
# test
assert f(x) == 3

# ----
for name in ('x', 'y'):
    globals()[name] = len(name)
# answer
def f(v):
    return v
# test
assert f(x) == 1 == y
"""


@pytest.mark.parametrize("idiom", re.split(r"\n# -+\n", IDIOMS.strip()))
def test_the_grader_finds_what_the_notebook_has(idiom, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(idiom, {"__name__": "notebook"})
    before, answer, *more, test = re.split(r"\n# (?:answer|given|test)\n", idiom)
    solution = cell(f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION", "f", solution=True)
    released = cell("raise NotImplementedError()", "f", solution=True)
    rest = [*map(cell, more), cell(test, "test_f", grade=True)]
    source, release = (notebook(cell(before), each, *rest) for each in (solution, released))
    student = InProcess("\n".join([before, answer, *more]))
    referee = Referee(Given(source, release, ()), cell_seconds=60)
    for position in range(2 + len(more)):
        referee.pass_by(position)
    result = referee.grade(student, test, POINTS, "test_f", Words.of((), "", ""))
    assert (result.score, result.message) == (POINTS, "")
