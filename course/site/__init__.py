"""The course as a website: notebooks with what they show when they run, guides, results; in every language, static.

In: release/, the notebooks of offline runs, docs/, the READMEs. Out: a folder of pages that need no server and, when
read, no network. Sphinx makes the pages, one build a language; `content` writes what it reads, `extension` adds what
it lacks. A section has the same id in all languages, so that another language opens at the same place.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from course import Refusal
from course.site import content
from helpers.language import LANGUAGES

HERE = Path(__file__).parent
MARK = ".nojekyll"  # tells GitHub Pages to leave the pages as they are, and us that a folder is a site


class SiteError(Refusal):
    """A site that cannot be made or must not be put there."""


def check(out: Path) -> None:
    """Raise `SiteError` where Sphinx is missing, or where the folder `out` holds something else than a site."""
    missing = [name for name in ("sphinx", "myst_nb", "furo") if importlib.util.find_spec(name) is None]
    if missing:
        raise SiteError(f"The site needs {', '.join(missing)}: pip install './course[site]'.")
    if out.exists() and not (out / MARK).is_file() and (out.is_file() or any(out.iterdir())):
        raise SiteError(f"{out} holds something else than an earlier site: name a new folder.")


def build(
    out: Path,
    executed: content.Executed,
    *,
    solutions: bool = False,
    repository: str = "",
    track: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> None:
    """Write the site into the folder `out`, in place of an earlier one.

    `executed` gives the notebook of a run by unit and language; `solutions` shows answers, too; `repository` is the
    students' one on GitHub, `owner/name`, where Colab finds the exercises; `track` goes through the languages and may
    show how far it is. Raises `SiteError`.
    """
    check(out)
    with TemporaryDirectory() as folder:
        made = Path(folder, "site")
        for language in track(LANGUAGES):
            source = Path(folder, language)
            content.write(source, language, executed, solutions=solutions, repository=repository)
            made.mkdir(exist_ok=True)
            _sphinx(source, language).rename(made / language)
        (made / "index.html").write_text(content.start_page(), encoding="utf-8")
        (made / MARK).touch()
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(made, out)


def _sphinx(source: Path, language: str) -> Path:
    """The pages of one language, made in a process of its own: what Sphinx says is in one language there."""
    out = source / "_build" / "html"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-c", str(HERE)]
    command += ["-D", f"language={language}", "-d", str(out.with_name("doctrees")), str(source), str(out)]
    environment = os.environ | {"COURSE_SITE": str(source)}  # conf.py reads what it says of the site there
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise SiteError(f"The pages in {language} could not be made:\n{done.stderr.strip()[-2000:]}")
    for leftover in (".buildinfo", "objects.inv"):
        (out / leftover).unlink(missing_ok=True)
    return out
