"""`course site`: the course as a website."""

from pathlib import Path

from course.commands import progress_bar

HELP = "Make the website: all notebooks with what they show when they run, guides, results; needs no server."
EXAMPLE = "course site --out site"


def arguments(parser) -> None:
    parser.add_argument("--out", type=Path, default=Path("site"), metavar="DIR", help="a new folder, or a site (site/)")
    parser.add_argument("--solutions", action="store_true", help="show our answers to the exercises, too")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/site"), metavar="DIR",
        help="where the notebooks that have run lie; they run anew when they or helpers have changed (runs/site/)",
    )  # fmt: skip


def run(options) -> int:
    import nbformat

    from course import site
    from course.build import write
    from course.build.read import in_order, languages_of, unit_names
    from course.run import run_unit

    site.check(options.out)
    names = [(unit, language) for unit in in_order(unit_names()) for language in languages_of(unit)]
    with progress_bar() as progress:
        for unit, language in progress.track(names, description="notebooks"):
            _run(unit, language, options.runs, run_unit)
        site.build(
            options.out,
            lambda unit, language: nbformat.read(_home(options.runs, unit, language) / f"{unit}.ipynb", as_version=4),
            solutions=options.solutions,
            repository=write.repository(),
            track=lambda languages: progress.track(languages, description="pages"),
        )
    print(f"Open {options.out / 'index.html'}")
    return 0


def _home(runs: Path, unit: str, language: str) -> Path:
    return runs / f"{unit}-{language}"


def _run(unit: str, language: str, runs: Path, run_unit) -> None:
    """Run a notebook, unless it is the one that ran last."""
    from course.site.fingerprint import of_run

    mark, now = _home(runs, unit, language) / "ran", of_run(unit, language)
    if mark.is_file() and mark.read_text(encoding="utf-8") == now:
        return
    mark.unlink(missing_ok=True)
    run_unit(unit, language, profile="offline", parameters={}, out=runs)
    mark.write_text(now, encoding="utf-8")
