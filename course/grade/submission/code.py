"""Python, read without running it: what a cell defines, binds, reads and means.

In: the source of a cell, which may be anything. Out: its syntax tree, and names. Nothing here takes long or ends in an
error, whatever a student has written: what cannot be read is None, or empty.
"""

import ast
import functools
import re
import warnings
from collections.abc import Iterable, Iterator

MAX_PARSED = 400_000  # characters of code that are parsed in one notebook: ten times a long one
MAX_PARSED_CELL = 20_000  # of one cell: Python's parser needs quadratic time for an f-string (300,000: 20 seconds)
KNOWN = 512  # cells whose tree is kept: most stand in the next submission as well
KNOWN_NODES = 16 * KNOWN  # whose names are kept

DEFINITION = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)[ \t]*[(:]", re.MULTILINE)
MAGIC = re.compile(r"^([ \t]*)(?:[%!?].*|[\w.]+\?{1,2}[ \t]*|([\w.][\w., \t]*=)[ \t]*[%!].*)$", re.MULTILINE)
FOREIGN_CELL = re.compile(r"\s*%%(?!time|timeit|capture|prun)\w")  # %%bash, %%writefile, …: not Python
SPACE = re.compile(r"\s+")
DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)  # what stands in them runs when they are called
SIMPLE = (ast.Assign, ast.AnnAssign, *IMPORTS, *DEFINES)  # what binds its names for certain
BLOCKS = (ast.With, ast.AsyncWith, ast.For, ast.AsyncFor, ast.While, ast.If, ast.Try, ast.TryStar, ast.ExceptHandler)
BLOCKS += (ast.match_case,)
# Methods of Python's containers that change them, and functions that change what they are given.
METHODS = frozenset({"add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop"})
METHODS |= {"popitem", "remove", "reverse", "setdefault", "sort", "update"}
IN_PLACE = frozenset({"shuffle", "heapify", "heappop", "heappush", "insort", "insort_left", "insort_right"})
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@functools.lru_cache(KNOWN)
def parse(source: str) -> ast.Module | None:
    """The syntax tree, which nobody may change. None for what is no Python, or too long to parse.

    Magics and shell commands count as `pass`; what one is assigned to, `files = !ls`, is bound by IPython alone.
    """
    if len(source) > MAX_PARSED_CELL or FOREIGN_CELL.match(source):
        return None
    for text in (source, MAGIC.sub(_plain, source)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _plain(magic: re.Match) -> str:
    indent, target = magic.groups()
    return f"{indent}{target} get_ipython()" if target else f"{indent}pass"


def definitions(tree: ast.Module | None) -> dict[str, ast.stmt]:
    """The functions and classes that a cell defines at its top level, by name."""
    return {node.name: node for node in tree.body if isinstance(node, DEFINES)} if tree else {}


@functools.lru_cache(KNOWN_NODES)
def bound(node: ast.AST) -> frozenset[str]:
    """The names that a cell or a statement leaves behind."""
    names, queue = set(), [node]
    for inner in queue:  # grows on the way: no recursion, whatever the student nests
        names |= _bound_by(inner)
        if isinstance(inner, ast.ExceptHandler):  # `except … as error` unbinds the name again
            queue.extend(inner.body)
        elif isinstance(inner, COMPREHENSIONS):  # its own names end with it, those of `:=` do not
            queue.extend(part.target for part in ast.walk(inner) if isinstance(part, ast.NamedExpr))
        elif not isinstance(inner, (ast.Lambda, *DEFINES)):
            queue.extend(ast.iter_child_nodes(inner))
    return frozenset(names)


def _bound_by(node: ast.AST) -> set[str]:
    """The names that a node itself binds."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        case ast.Name(id=name, ctx=ast.Store()):
            return {name}
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return {name}
    return set()


def read_names(node: ast.AST) -> frozenset[str]:
    """The names that a cell or a statement takes from elsewhere, also those that its functions take when called.

    What a block has bound is its own further down in it.

    >>> sorted(read_names(ast.parse("def f(a, b=c): return [a + d + e for e in a]")))
    ['c', 'd']
    >>> sorted(read_names(ast.parse("with open(a) as b:\\n    c = b.read()\\n    c + d")))
    ['a', 'd', 'open']
    """
    return _taken(node, at_once=False)


def taken_by(tree: ast.Module) -> frozenset[str]:
    """The names that a cell takes from elsewhere: what it binds itself first is its own.

    >>> sorted(taken_by(ast.parse("a = b\\nc = a + d")))
    ['b', 'd']
    """
    names, own = set(), set()
    for node in tree.body:
        names |= read_names(node) - own
        own |= bound(node) if isinstance(node, SIMPLE) else set()
    return frozenset(names)


def read_now(node: ast.AST) -> frozenset[str]:
    """The names that it takes when it is run: not those in the bodies of functions that it defines.

    >>> sorted(read_now(ast.parse("def f(a, b=c): return [a + d + e for e in a]")))
    ['c']
    """
    return _taken(node, at_once=True)


class _Before:
    """What the statements before a place in a block have bound, and in the blocks around it.

    `names`: name → number of the first statement that binds it, for the whole block. There are as many blocks around
    it as Python lets people indent.
    """

    def __init__(self, names: dict[str, int], place: int, around: "_Before | None"):
        self.names, self.place, self.around = names, place, around

    def __contains__(self, name: str) -> bool:
        scope = self
        while scope and scope.names.get(name, scope.place) >= scope.place:
            scope = scope.around
        return scope is not None


@functools.lru_cache(KNOWN_NODES)
def _taken(node: ast.AST, *, at_once: bool) -> frozenset[str]:
    names: set[str] = set()
    nothing = _Before({}, 0, None)
    queue: list[tuple[ast.AST, frozenset[str], _Before]] = [(node, frozenset(), nothing)]
    for inner, local, before in queue:  # grows on the way: no recursion, whatever the student nests
        name = _read(inner)
        if name and name not in local and name not in before:
            names.add(name)
        children = list(ast.iter_child_nodes(inner))
        if isinstance(inner, LATER):
            outside = [
                *getattr(inner, "decorator_list", []),
                *inner.args.defaults,
                *filter(None, inner.args.kw_defaults),
            ]
            queue.extend((child, local, before) for child in outside)
            body = inner.body if isinstance(inner.body, list) else [inner.body]
            children = [] if at_once else body
            before = nothing  # when it is called, the names of the block may mean something else
        elif isinstance(inner, BLOCKS):
            guard = [inner.guard] if isinstance(inner, ast.match_case) and inner.guard else []
            blocks = [guard + inner.body, getattr(inner, "orelse", []), getattr(inner, "finalbody", [])]
            in_blocks = set().union(*blocks)
            children = [child for child in children if child not in in_blocks]
            for entered, block in zip((_entered(inner), (), ()), blocks, strict=True):
                queue.extend((child, local, there) for child, there in _in_order(block, entered, before))
        local |= _locals(inner)
        queue.extend((child, local, before) for child in children)
    return frozenset(names)


def _read(node: ast.AST) -> str:
    """The name that a node itself reads, "" for none."""
    match node:
        case ast.Name(id=name, ctx=ast.Load() | ast.Del()) | ast.AugAssign(target=ast.Name(id=name)):
            return name
    return ""


def _in_order(block: list[ast.stmt], entered: Iterable[str], around: _Before) -> Iterator[tuple[ast.stmt, _Before]]:
    """The statements of a block, each with what was bound before it."""
    first = dict.fromkeys(entered, 0)
    for number, statement in enumerate(block, 1):
        yield statement, _Before(first, number, around) if first else around
        for name in bound(statement) if isinstance(statement, SIMPLE) else ():
            first.setdefault(name, number)


def _entered(node: ast.AST) -> frozenset[str]:
    """The names that are bound when the body of a block is entered."""
    match node:
        case ast.With() | ast.AsyncWith():
            return frozenset().union(*(bound(item) for item in node.items))
        case ast.For() | ast.AsyncFor():
            return bound(node.target)
        case ast.match_case():
            return bound(node.pattern)
        case ast.ExceptHandler() if node.name:
            return frozenset({node.name})
    return frozenset()


def _locals(node: ast.AST) -> frozenset[str]:
    """The names that mean something of their own in a function or a comprehension."""
    if isinstance(node, LATER):
        body = node.body if isinstance(node.body, list) else []
        inner = [part for statement in body for part in ast.walk(statement)]
        shared = {name for part in inner if isinstance(part, (ast.Global, ast.Nonlocal)) for name in part.names}
        return parameters(node).union(*map(bound, body)) - shared
    if isinstance(node, COMPREHENSIONS):
        return frozenset().union(*(bound(generator.target) for generator in node.generators))
    return frozenset()


def changed(statement: ast.stmt) -> frozenset[str]:
    """The names whose objects a statement may change without binding them: `x[0] = 1`, `x.y = 1`, `x.append(1)`."""
    names = set()
    for inner in ast.walk(statement):
        if isinstance(inner, (ast.Attribute, ast.Subscript)) and isinstance(inner.ctx, (ast.Store, ast.Del)):
            names.add(root(inner))
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            names.add(root(inner.func))
    return frozenset(names - {""})


def filled(node: ast.AST, in_place: frozenset[str] = IN_PLACE) -> frozenset[str]:
    """The names of containers that a statement changes when it is run; of a function, when it is called.

    `in_place` are the functions that change what they are given; of one that does, its parameter is among the names.

    >>> sorted(filled(ast.parse("for a in b:\\n    c[a] = 1\\n    d.append(e())\\nshuffle(f)")))
    ['c', 'd', 'f']
    """
    names = set()
    for inner in _at_once(node):
        match inner:
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                names.add(root(inner))
            case ast.Call(func=ast.Attribute(value=its, attr=name)) if name in METHODS:
                names.add(root(its))
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in in_place:
                given = [*inner.args, *(keyword.value for keyword in inner.keywords)]
                names |= {argument.id for argument in given if isinstance(argument, ast.Name)}
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        shared = {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
        return frozenset((names - _locals(node) | names & parameters(node) | shared) - {""})
    return frozenset(names - {""})


def asked(node: ast.stmt) -> frozenset[str]:
    """The names of objects of which a statement that binds nothing asks more than a value: they may change by that.

    >>> sorted(asked(ast.parse("a.eval()\\nif b:\\n    c.d = e.f()\\nprint(g.h())")))
    ['a', 'c']
    """
    names = set()
    for inner in () if bound(node) else _at_once(node):
        match inner:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                names.add(root(inner))
            case ast.Expr(value=ast.Call(func=ast.Attribute() as method)):
                names.add(root(method))
    return frozenset(names - {""})


def assigned(node: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """The names of objects whose attributes get a value when a statement is run, each with what gives it.

    >>> [name for name, _ in assigned(ast.parse("for a in b:\\n    c.d.e = a\\n    f = g.h = c.i()"))]
    ['c', 'g']
    """
    for inner in _at_once(node):
        match inner:
            case ast.Assign(targets=targets):
                yield from ((root(target), inner) for target in targets if isinstance(target, ast.Attribute))
            case ast.AugAssign(target=ast.Attribute() as target) | ast.AnnAssign(target=ast.Attribute() as target):
                yield root(target), inner


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> frozenset[str]:
    """The names of what a function is given."""
    given = node.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return frozenset(argument.arg for argument in arguments)


def _at_once(node: ast.AST) -> Iterator[ast.AST]:
    """All that runs when a statement does; of a function, when it is called."""
    queue = list(node.body if isinstance(node, DEFINES) else [node])
    for inner in queue:  # grows on the way: no recursion, whatever the student nests
        yield inner
        queue.extend(() if isinstance(inner, LATER) else ast.iter_child_nodes(inner))


def root(node: ast.expr) -> str:
    """The name that an attribute or an item begins with, "" for none: `x` of `x[0].y`."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def meaning(tree: ast.AST | None) -> str:
    """The tree as text, without comments and the messages of asserts; "" if it is nested too deep."""
    if tree is None:
        return ""
    messages = [(node, node.msg) for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    try:
        for node, _ in messages:
            node.msg = None
        return ast.dump(tree)
    except RecursionError:
        return ""
    finally:
        for node, message in messages:
            node.msg = message


def statements(source: str) -> Iterator[tuple[ast.stmt, str]]:
    """The statements at the top level of a cell, each with its text as it was written, magics included."""
    tree = parse(source)
    lines = source.split("\n")
    for node in tree.body if tree else ():
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        text = "\n".join(lines[first - 1 : node.end_lineno])
        shares_a_line = ";" in text  # with another statement, maybe
        yield node, _unparsed(node, text) if shares_a_line else text


def _unparsed(node: ast.stmt, text: str) -> str:
    try:
        return ast.unparse(node)
    except RecursionError:
        return text


def key(source: str) -> str:
    """The text without white space: what is the same but for it, is the same."""
    return SPACE.sub("", source)


def is_remark(source: str) -> bool:
    """Whether a cell holds comments and nothing else."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return bool(lines) and all(line.startswith("#") for line in lines)
