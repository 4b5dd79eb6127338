"""What `helpers` say, as gettext messages: `_("There is no dataset {name!r}.", name=name)`.

In: the modules of `helpers`. Out: their messages in the order of files and lines.
"""

import ast
from pathlib import Path

import helpers
from course.build.read import UnitError

ROOT = Path(helpers.__file__).parent
NAME = "helpers"  # beside the units' names in `course messages`


def messages(root: Path = ROOT) -> list[str]:
    """Every message once. Raises `UnitError` for one that is put together before it is translated."""
    found = [message for path in sorted(root.rglob("*.py")) for message in _of_module(path)]
    return list(dict.fromkeys(found))


def path_of(language: str) -> Path:
    """The catalogue of helpers in one language: it ships with them."""
    return ROOT / "locale" / f"{language}.po"


def _of_module(path: Path) -> list[str]:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if _translates(node)]
    for call in calls:
        if not (isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)):
            raise UnitError(f"{path.name}, line {call.lineno}: a message is one string, its values are keywords.")
    return [call.args[0].value for call in sorted(calls, key=lambda call: call.lineno)]


def _translates(node: ast.AST) -> bool:
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and bool(node.args)
    return is_call and node.func.id in ("_", "gettext")
