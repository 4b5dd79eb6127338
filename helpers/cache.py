"""What programs of this user have made and can make again: where it lies, and how it comes there.

In: the name of a folder and a function that fills it. Out: the folder, made once, whole or not at all.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def folder() -> Path:
    """Where it lies: `transformers-course` in the user's cache."""
    local = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_CACHE_HOME")
    return Path(local or Path.home() / ".cache") / "transformers-course"


def make_once(folder: Path, write: Callable[[Path], None]) -> Path:
    """Return `folder`, which `write` fills if it is not there yet; everybody may read it.

    It is written under another name and renamed, so whoever finds it finds it whole. Of several processes at once the
    first one wins, and the others take what it has made. Raises `OSError`, and whatever `write` raises.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write(unfinished)
        unfinished.chmod(0o755)
        for file in unfinished.iterdir():
            file.chmod(0o644)
        os.replace(unfinished, folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder
