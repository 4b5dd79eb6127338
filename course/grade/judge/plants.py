"""Planted failures: versions of a test that must fail.

In: the source of a test cell, and the names that are the student's. Out: a list of plants, in the order of the cell,
and the source with one of them in it, or with all of them, each tried on its own statement. A process in which a
planted failure passes has been tampered with. Three kinds, each in a statement of the test: a false assertion before
it; a value that equals nothing in place of all that comes from the student's code, which is not called; the same in
place of all that such values are compared with, which only an object that equals everything can pass.

A test may take another way with a right answer than with the teacher's (`f(4) == 2 or f(4) == -2`, an `if` that brings
an answer into the form of the teacher's), and not come by. So a value counts only where a comparison decided: `held`.
"""

import ast
import copy
import dataclasses
import random
from collections.abc import Iterator, Sequence
from typing import Literal

from course.grade.submission.code import read_names

MAX_PLANTS = 24  # of one test that are tried on the teacher's solution

LINKS = (ast.Attribute, ast.Subscript, ast.Call)
BINDS = (ast.Assign, ast.For, ast.AsyncFor, ast.comprehension, ast.NamedExpr, ast.withitem)
NEGATIVE = (ast.NotEq, ast.NotIn, ast.IsNot)
SHOWS = {"print", "display"}  # what returns nothing and says nothing of a value
EXPECTS = {"raises", "warns", "assertRaises", "assertRaisesRegex", "assertWarns", "assertLogs"}  # in a `with`

# In a test, {name}(value, …) is the value, and {name}_ says of each whether it held.
RECORDER = """
{name}_ = []
def {name}(value, is_call=False, is_negative=False):
    if not is_call or value is None or getattr(value, "dtype", type(value)) == bool:
        truth = value is None or value
        for _ in range(3):
            try:
                {name}_.append(bool(truth) != is_negative)
                break
            except ValueError:
                truth = truth.all()
    return value
"""

Kind = Literal["assertion", "value", "other side"]


@dataclasses.dataclass(frozen=True)
class Plant:
    """A planted failure: which kind, and the number of the statement for it. `is_local`: its own statement fails."""

    kind: Kind
    place: int
    is_local: bool = False


def plants_of(source: str, theirs: frozenset[str]) -> list[Plant]:
    """All planted failures of a test; of many, some evenly over the cell. `theirs` are the student's names."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    students = _students(tree, theirs)
    assertions = [Plant("assertion", place) for place in range(len(tree.body) + 1)]
    values = [Plant("value", place) for place, node in enumerate(tree.body) if _values(node, students)]
    others = [Plant("other side", place) for place, node in enumerate(tree.body) if _other_sides(node, students)]
    return [plant for group in (assertions, values, others) for plant in _some(group)]


def _some(plants: list[Plant]) -> list[Plant]:
    most = MAX_PLANTS // 3
    return [plants[number * len(plants) // most] for number in range(most)] if len(plants) > most else plants


def planted(source: str, plant: Plant, theirs: frozenset[str], name: str) -> str:
    """The source with a planted failure in it; `name` stands there for the value that equals nothing."""
    tree = ast.parse(source)
    after = plant.place if plant.kind == "assertion" else plant.place + 1
    tree.body[plant.place : after] = [_failing(tree, plant, _students(tree, theirs), name)]
    return _written(tree.body)


def planted_at_once(source: str, plants: Sequence[Plant], theirs: frozenset[str], name: str) -> str:
    """The source with many planted failures in it, each in a copy of its statement, tried just before that runs.

    Its last line is a number whose bits say which of `plants` passed their statement. No plant disturbs another one,
    but what a statement changes it changes several times.
    """
    tree = ast.parse(source)
    students = _students(tree, theirs)
    passed = f"{name}_"
    body = ast.parse(f"{passed} = 0").body
    for place in range(len(tree.body) + 1):
        for number, plant in enumerate(plants):
            if plant.place == place:
                body.append(_tried(_failing(tree, plant, students, name), ast.parse(f"{passed} |= {1 << number}").body))
        body += [_tried(statement, [ast.Pass()]) for statement in tree.body[place : place + 1]]
    return _written(body + ast.parse(passed).body)


def held(source: str, plant: Plant, theirs: frozenset[str], name: str) -> str:
    """The source as it is, looked on: its last line is 1 if a comparison held in the statement of the plant, else 0.

    That is one of a value of the student's, with `==` or `<`, say, or in a call that returns True or nothing; of those
    that an `and` joins, all. Where none did, a right answer need not meet the planted failure.
    """
    tree = ast.parse(source)
    seen = _Look(_students(tree, theirs), name).visit(tree.body[plant.place])
    tree.body[plant.place : plant.place + 1] = seen if isinstance(seen, list) else [seen]
    return _written([*ast.parse(RECORDER.format(name=name)).body, *tree.body, *ast.parse(f"any({name}_) + 0").body])


def _written(body: list[ast.stmt]) -> str:
    return ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))


def _tried(statement: ast.stmt, then: list[ast.stmt]) -> ast.Try:
    handler = ast.ExceptHandler(ast.Name("BaseException", ast.Load()), None, [ast.Pass()])
    return ast.Try([statement], [handler], then, [])


def _failing(tree: ast.Module, plant: Plant, students: frozenset[str], name: str) -> ast.stmt:
    """The statement that stands in the place of another one, or before it."""
    if plant.kind == "assertion":
        return _false_assertion(tree)
    statement, is_value = copy.deepcopy(tree.body[plant.place]), plant.kind == "value"
    found = (_values if is_value else _other_sides)(statement, students)
    return _Replace({id(node) for node in found}, name, is_like=not is_value).visit(statement)


def _false_assertion(tree: ast.Module) -> ast.stmt:
    """One that looks like any other: nothing tells it from the teacher's but that it is false."""
    asserts = [node for node in tree.body if isinstance(node, ast.Assert)]
    draw = random.SystemRandom()
    message = draw.choice([None, *(node.msg for node in asserts if isinstance(node.msg, ast.Constant))])
    one, other = draw.sample(range(100), 2)
    test = draw.choice(
        [
            ast.Compare(ast.Constant(one), [ast.Eq()], [ast.Constant(other)]),
            ast.Compare(ast.Constant(max(one, other)), [ast.Lt()], [ast.Constant(min(one, other))]),
            ast.Compare(ast.Constant(one), [ast.In()], [ast.List([ast.Constant(other)], ast.Load())]),
            ast.Call(ast.Name("bool", ast.Load()), [ast.Constant(0)], []),
        ]
    )
    return ast.Assert(test, message)


def _students(tree: ast.Module, theirs: frozenset[str]) -> frozenset[str]:
    """The student's names, and the test's own variables and parameters that hold values of theirs."""
    students = set(theirs)
    functions = {node.name: node.args.args for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in [*_walk(tree)] * 2:  # a function is called below its definition
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = zip(functions.get(node.func.id, ()), node.args)
            students |= {parameter.arg for parameter, value in given if read_names(value) & students}
        elif isinstance(node, BINDS):
            value, *targets = _binding(node)
            if read_names(value) & students:
                students |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return frozenset(students)


def _binding(node: ast.AST) -> list[ast.expr]:
    """What an assignment, a loop or a `with` takes the values of its names from, and where these stand."""
    if isinstance(node, ast.withitem):
        return [node.context_expr, *filter(None, [node.optional_vars])]
    if isinstance(node, (ast.Assign, ast.NamedExpr)):
        return [node.value, *(node.targets if isinstance(node, ast.Assign) else [node.target])]
    return [node.iter, node.target]


def _values(statement: ast.stmt, students: frozenset[str]) -> list[ast.expr]:
    """The expressions whose value is the student's: their variables, and what comes of calling or asking them, as a
    whole: `f(1)`, `table["a"].sum()`."""
    found, inner = [], set()
    for node in _walk(statement):
        if isinstance(node, (*LINKS, ast.Name)) and isinstance(getattr(node, "ctx", None), (ast.Load, type(None))):
            if id(node) not in inner and _root(node) in students:
                found.append(node)
            if isinstance(node, LINKS):
                inner.add(id(node.func if isinstance(node, ast.Call) else node.value))
    return found


def _other_sides(statement: ast.stmt, students: frozenset[str]) -> list[ast.expr]:
    """What values of the student's are compared with, by operators or in calls such as `assert_equal(f(1), 2)`."""
    sides = [side for node in _comparisons(statement, students) for side in _sides(node)]
    return [side for side in sides if not read_names(side) & students]


def _comparisons(statement: ast.AST, students: frozenset[str]) -> list[ast.expr]:
    """The comparisons of a value of the student's with something, and calls that are given one."""
    return [node for node in _walk(statement) if _is_comparison(node, students)]


def _is_comparison(node: ast.AST, students: frozenset[str]) -> bool:
    is_theirs = isinstance(node, ast.Call) and _root(node.func) in students | SHOWS
    return not is_theirs and any(read_names(side) & students for side in _sides(node))


def _sides(node: ast.AST) -> list[ast.expr]:
    """What a comparison compares, or a call is given."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    return node.args if isinstance(node, ast.Call) else []


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes in the order of the cell."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(list(ast.iter_child_nodes(node)))


def _root(node: ast.expr) -> str:
    """The name that an expression starts from."""
    while isinstance(node, LINKS):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


class _Replace(ast.NodeTransformer):
    """Puts the value that equals nothing in the place of expressions, or that value in their form."""

    def __init__(self, expressions: set[int], name: str, is_like: bool):
        self.expressions, self.name, self.is_like = expressions, name, is_like

    def visit(self, node):
        if id(node) not in self.expressions:
            return super().visit(node)
        nothing = ast.Name(self.name, ast.Load())
        return ast.Call(ast.Attribute(nothing, "__like__", ast.Load()), [node], []) if self.is_like else nothing


class _Look(ast.NodeTransformer):
    """Has the truth of comparisons recorded where it decides.

    In an `or`, that of each side that was asked; in an `and`, that of the whole.
    """

    def __init__(self, students: frozenset[str], name: str):
        self.students, self.name = students, name

    def _recorded(self, node: ast.expr, **how: bool) -> ast.expr:
        keywords = [ast.keyword(f"is_{word}", ast.Constant(True)) for word, is_so in how.items() if is_so]
        return ast.Call(ast.Name(self.name, ast.Load()), [node], keywords)

    def visit_BoolOp(self, node):
        if isinstance(node.op, ast.Or):
            return self.generic_visit(node)
        return self._recorded(node) if _comparisons(node, self.students) else node

    def visit_UnaryOp(self, node):
        if not isinstance(node.op, ast.Not):
            return self.generic_visit(node)
        is_negative = isinstance(node.operand, ast.Compare) and isinstance(node.operand.ops[0], NEGATIVE)
        return self._recorded(node) if is_negative and _is_comparison(node.operand, self.students) else node

    def visit_IfExp(self, node):
        node.body, node.orelse = self.visit(node.body), self.visit(node.orelse)
        return node

    def visit_Compare(self, node):
        is_negative = isinstance(node.ops[0], NEGATIVE)
        return self._recorded(node, negative=is_negative) if _is_comparison(node, self.students) else node

    def visit_Call(self, node):
        parts = (part for inner in [*node.args, node.func] for part in _comparisons(inner, self.students))
        if any(isinstance(part, ast.Compare) for part in parts) or not _is_comparison(node, self.students):
            return self.generic_visit(node)
        return self._recorded(node, call=True)

    def visit_With(self, node):
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        names = {getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls}
        node = self.generic_visit(node)
        return [node, ast.Expr(self._recorded(ast.Constant(True)))] if names & EXPECTS else node
