"""Whether a notebook would show the same if it ran again."""

import hashlib

from course import ROOT


def of_run(unit: str, language: str) -> str:
    """SHA-256 of all that a run of a notebook depends on in this course."""
    notebook = ROOT / "source" / f"{unit}-{language}" / f"{unit}.ipynb"
    helpers = sorted(
        path for path in (ROOT / "helpers").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    found = hashlib.sha256()
    for path in (notebook, *helpers):
        found.update(path.read_bytes())
    return found.hexdigest()
