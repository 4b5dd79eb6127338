"""The students' repository: which files are in it, and what they say.

In: the units' texts, `helpers`, the repository's name on GitHub. Out: path → content of each file: the notebooks as
they are released, `helpers`, a README in each language, what pip and git need. Nothing else of the course gets in, and
no file with a solution's or a hidden test's marks. `publish` writes them to a folder.
"""

import dataclasses
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import jinja2

import helpers
from course import ROOT, Refusal
from course.build.opening import BADGE, notebook_url
from course.build.read import PAIRS, read_unit, unit_names
from course.build.write import build_unit
from helpers.language import BY_CODE

ORDER = ("transformer", "emotion", "reviews", "intent", "ner", "toxicity")  # in which the units are best taken
TEMPLATES = Path(__file__).with_name("templates")
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[\w.-]+", re.ASCII)
ADDRESS = re.compile(rf"colab\.research\.google\.com/github/({REPOSITORY.pattern})/blob/", re.ASCII)
LICENCES = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*")
MARKS = [mark.removeprefix("### ").encode() for pair in PAIRS for mark in pair]
GITIGNORE = """\
__pycache__/
.ipynb_checkpoints/
.venv/
*.egg-info/
reviews-model/
"""


class ReleaseError(Refusal):
    """A students' repository that cannot be made."""


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit in the READMEs' table: `titles` by language, `minutes` for a newcomer."""

    name: str
    titles: dict[str, str]
    minutes: int


def contents(repository: str, track: Callable[[list[str]], Iterable[str]] = iter) -> dict[str, bytes]:
    """Path → content of every file of the students' repository `owner/name`, "" if it has no address yet.

    `track` goes through the units' names and may show how far it is. Raises `ReleaseError`, `UnitError`,
    `CatalogueError`.
    """
    if repository and not REPOSITORY.fullmatch(repository):
        raise ReleaseError(
            f"{repository!r} names no repository on GitHub: write owner/name, such as anna/transformers-course."
        )
    units, files = [], {}
    for name in track(in_order(unit_names())):
        built = build_unit(name, address=repository)
        files |= {f"release/{made.path.as_posix()}": made.release.encode() for made in built}
        titles = {made.path.parent.name.removeprefix(f"{name}-"): _title(made.release) for made in built}
        units.append(Unit(name, titles, read_unit(name).minutes))
    files |= dict(_helpers()) | dict(_licences())
    files |= readmes(units, repository, [path for path in files if "/" not in path])
    files["pyproject.toml"] = distribution((ROOT / "pyproject.toml").read_text(encoding="utf-8")).encode()
    files[".gitignore"] = GITIGNORE.encode()
    check(files)
    return files


def in_order(names: list[str]) -> list[str]:
    """Units in the order in which they are best taken; those that it does not name come last."""
    return [name for name in ORDER if name in names] + [name for name in names if name not in ORDER]


def address_of(folder: Path) -> str:
    """The repository that an earlier release in a folder was made for; "" if it had none, or there is none."""
    readme = folder / "README.md"
    found = ADDRESS.search(readme.read_text(encoding="utf-8")) if readme.is_file() else None
    return found[1] if found else ""


def readmes(units: list[Unit], repository: str, licences: list[str]) -> dict[str, bytes]:
    """A README for each language that has a template, README.md the English one."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    published = {code: of for code, of in BY_CODE.items() if any(code in unit.titles for unit in units)}
    names = {
        code: "README.md" if code == "en" else f"README.{code}.md"
        for code in published
        if (TEMPLATES / f"README.{code}.md").is_file()
    }
    made = {}
    for code, name in names.items():
        others = [f"[{published[other].name}]({names[other]})" for other in names if other != code]
        made[name] = environment.get_template(f"README.{code}.md").render(
            others=" · ".join(others),
            units=units,
            languages=published,
            link=lambda unit, of, alt: _link(unit, of, repository, alt),
            repository=repository,
            folder=repository.partition("/")[2],
            licences=licences,
        )
    return {name: text.encode() for name, text in made.items()}


def distribution(pyproject: str) -> str:
    """The part of our pyproject.toml that makes the students' distribution, which stands above [tool.course].

    >>> distribution('# Of the teacher.\\n[project]\\nname = "a"\\n\\n[tool.course]\\nrepository = ""\\n')
    '[project]\\nname = "a"\\n'
    """
    kept = pyproject.partition("\n[tool.course]")[0].rstrip() + "\n"
    tomllib.loads(kept)
    return re.sub(r"\A(#.*\n)+", "", kept)


def check(files: dict[str, bytes]) -> None:
    """Raise `ReleaseError` where a file holds the marks of a solution or of a hidden test."""
    found = sorted(path for path, content in files.items() if any(mark in content for mark in MARKS))
    if found:
        raise ReleaseError(f"{found[0]} holds a solution or a hidden test between its marks: nothing was written.")


def has_licence() -> bool:
    """Whether the course says what others may do with it."""
    return any(_licences())


def _title(notebook: str) -> str:
    """The heading of a notebook, from the text of its file, as a cell of a table."""
    return re.search(r'"# (.+?)(?:\\n)?"', notebook).group(1).replace("|", "\\|")


def _link(unit: Unit, language: str, repository: str, alt: str) -> str:
    """How the notebook of a unit is opened: a badge for Colab, or its file while there is no address."""
    if language not in unit.titles:
        return "–"
    if repository:
        return f"[![{alt}]({BADGE})]({notebook_url(repository, unit.name, language)})"
    return f"[{unit.name}.ipynb](release/{unit.name}-{language}/{unit.name}.ipynb)"


def _helpers() -> Iterator[tuple[str, bytes]]:
    folder = Path(helpers.__file__).parent
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder.parent).parts
        if path.is_file() and not any(part[0] == "." or part == "__pycache__" for part in parts):
            yield "/".join(parts), path.read_bytes()


def _licences() -> Iterator[tuple[str, bytes]]:
    for pattern in LICENCES:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file():
                yield path.name, path.read_bytes()
