"""IPython without a front end: runs cells as Jupyter does, and test cells past whatever was done to it.

In: the source of a cell. Out: whether it ended without an error, and its outputs other than stdout and stderr, as
nbformat has them.
"""

import ast
import base64
import builtins
import contextlib
import linecache
import numbers
import sys
import traceback

from course.grade.sandbox.process.nothing import NOTHING

DISPLAY_LIMIT = 1 << 20  # bytes that one cell may show, in pictures mostly
ENTRY_SIZE = 100  # counted for each thing that is shown, however small
MESSAGE_LIMIT = 2000  # characters of an exception's message
FRAMES = 20  # of a traceback
FILES = ("<cell ", "<test ")  # how the files of cells are called that this process compiles
TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
IS_COROUTINE = 0x80  # inspect.CO_COROUTINE

# Names that a student's code may bind anew; a test cell is run by these.
_compile, _exec, _eval, _isinstance = compile, exec, eval, isinstance


def make_shell():
    """The one shell of this process; `shell.outputs` is what the current cell has shown."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    screen = _Screen()

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, *, transient=None, update=False, **_):
            screen.show("display_data", data, (transient or {}).get("display_id"))

        def clear_output(self, wait=False):
            pass

    class Hook(DisplayHook):
        def __call__(self, result=None):
            if result is not None and not self.quiet():
                data, _ = self.compute_format_data(result)
                self.update_user_ns(result)
                self.fill_exec_result(result)
                screen.show("execute_result", data)

    class Shell(InteractiveShell):
        def _showtraceback(self, etype, evalue, stb):
            screen.fail(etype, evalue, stb)

        def enable_gui(self, gui=None):
            pass  # there is none

        def _tee(self, channel):
            return contextlib.nullcontext()  # IPython 9 would keep all that is printed: 300 MiB a second

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    # The richer modes look through all modules for each frame: with torch loaded, endless recursion took 75 s to show.
    config.InteractiveShell.xmode = "Plain"
    shell = Shell.instance(config=config, display_pub_class=Publisher, displayhook_class=Hook)
    shell.outputs = screen.outputs
    builtins.input = _refusing(builtins.input)
    with contextlib.suppress(Exception):
        shell.enable_matplotlib("inline")
    return shell


def _refusing(ask):
    """`input` as it is where nobody can answer; a test may put something else in the place of `sys.stdin`."""
    from IPython.core.error import StdinNotImplementedError

    def input(prompt="", /):
        if getattr(sys.stdin, "name", None) == 0:
            raise StdinNotImplementedError("Nobody is there to answer.")
        return ask(prompt)

    return input


class _Screen:
    """What a cell shows, up to a limit."""

    def __init__(self):
        self.outputs: list[dict] = []
        self.by_id: dict[str, dict] = {}  # those that can still be changed
        self.total = 0

    def show(self, kind: str, data: dict, display_id: str | None = None) -> None:
        if not self.outputs:  # a new cell
            self.by_id.clear()
            self.total = 0
        data = {mime: _as_text(value) for mime, value in data.items() if isinstance(value, (str, bytes))}
        earlier = self.by_id.get(display_id)
        more = ENTRY_SIZE + sum(map(len, data.values())) - (earlier["size"] if earlier else 0)
        if self.total + more > DISPLAY_LIMIT:
            return
        self.total += more
        if earlier:
            earlier.update(data=data, size=earlier["size"] + more)
            return
        entry = {"output_type": kind, "data": data, "metadata": {}, "size": more}
        self.outputs.append(entry)
        if display_id:
            self.by_id[display_id] = entry

    def fail(self, etype, evalue, stb) -> None:
        text = [str(line) for line in stb][-40:]
        name = getattr(etype, "__name__", str(etype))
        self.outputs.append({"output_type": "error", "ename": name, "evalue": message(evalue), "traceback": text})


def _as_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else base64.b64encode(value).decode("ascii")


def run_cell(shell, source: str, name: str) -> dict:
    """Run a cell as Jupyter would."""
    shell.outputs.clear()
    shell.compile.get_code_name = lambda *_: name  # in tracebacks: which cell, and nothing of this machine
    result = _in_a_loop(shell, source)
    flush()
    return {"ok": bool(result.success), "outputs": list(shell.outputs)}


def _in_a_loop(shell, source: str):
    """Run a cell while a loop runs, as in Jupyter: `asyncio.create_task` needs one."""
    from IPython.core.async_helpers import get_asyncio_loop

    async def run():
        return shell.run_cell(source, store_history=True)

    try:
        has_await = shell.should_run_async(source, transformed_cell=shell.transform_cell(source))
    except Exception:  # what is no Python is said by `run_cell`
        has_await = False
    if has_await:  # IPython itself runs the loop
        return shell.run_cell(source, store_history=True)
    return get_asyncio_loop().run_until_complete(run())


def run_test(shell, source: str, name: str, transient: list[str], planted: str | None) -> dict:
    """Run a test cell among the student's names, past IPython's hooks, and forget what it should leave no trace of.

    `source` is plain Python already. Returns `ok`, `number` (what the last line stands for, if that is a number),
    `text` (how it is shown), `error` (see `described`) and the outputs. `transient` names get back what they meant
    before. In a planted failure, `planted` is the name of the value that equals nothing.
    """
    shell.outputs.clear()
    names = shell.user_ns
    before = {key: names[key] for key in transient if key in names}
    if planted:
        names[planted] = NOTHING
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # for `inspect`
    found = {"ok": True, "number": None, "text": "", "error": None}
    try:
        value = _execute(shell, source, name)
        if _isinstance(value, numbers.Real) and not _isinstance(value, bool):
            found["number"] = float(value)
        elif value is not None:
            found["text"] = str(shell.display_formatter.format(value)[0].get("text/plain", ""))[:MESSAGE_LIMIT]
        for output in shell.outputs:  # what a magic, such as %%capture, has shown instead of raising it
            if output["output_type"] == "error":
                found |= {"ok": False, "error": (output["ename"], [], output["evalue"], "", [])}
    except BaseException as error:
        found |= {"ok": False, "error": described(error)}
        traceback.clear_frames(error.__traceback__)
    finally:
        linecache.cache.pop(name, None)
        for key in transient:
            names.pop(key, None)
        names.update(before)
        sys.last_type = sys.last_value = sys.last_traceback = sys.last_exc = None
    flush()
    return found | {"outputs": list(shell.outputs)}


def _execute(shell, source: str, name: str):
    """Run the cell; returns the value of its last line if that is an expression."""
    tree = _compile(source, name, "exec", ast.PyCF_ONLY_AST | TOP_LEVEL_AWAIT)
    last = ast.Expression(tree.body.pop().value) if tree.body and type(tree.body[-1]) is ast.Expr else None
    _run(shell, _compile(tree, name, "exec", TOP_LEVEL_AWAIT))
    return _run(shell, _compile(last, name, "eval", TOP_LEVEL_AWAIT)) if last else None


def _run(shell, code):
    if not code.co_flags & IS_COROUTINE:
        return _eval(code, shell.user_ns)
    from IPython.core.async_helpers import get_asyncio_loop

    return get_asyncio_loop().run_until_complete(_eval(code, shell.user_ns))  # where tasks of earlier cells are


def flush() -> None:
    """Send what was printed on its way."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def described(error: BaseException) -> tuple[str, list[str], str, str, list[tuple[str, int]]]:
    """An exception as plain data: its type, the names of its built-in classes, its message, its traceback, and the
    lines of cells that it came through, as name of the cell and number of the line."""
    names = [kind.__name__ for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind]
    try:
        trace = "".join(traceback.format_exception(error)[-FRAMES:])[-8000:]
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
        places = [(frame.filename, frame.lineno) for frame in frames if frame.filename.startswith(FILES)]
    except BaseException:
        trace, places = "", []
    return type(error).__name__[:200], names, message(error), trace, places


def message(error: BaseException) -> str:
    """What an exception says, whatever its class makes of that."""
    try:
        return "".join(str(error)[:MESSAGE_LIMIT])  # not a class derived from str
    except BaseException:
        return "(the error cannot be printed)"
