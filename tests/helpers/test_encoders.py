"""Encoders out of packages: found, checked, made once, shared."""

import dataclasses
import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from helpers import encoders, models

NAME = "multilingual-e5-small"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with a file, beside code that must not run, and an encoder that is made of it in an empty cache."""
    inside = tmp_path / "packages" / "a_package_with_a_model"
    inside.mkdir(parents=True)
    (inside / "__init__.py").write_text("raise AssertionError('the code of a package was run')")
    file = inside / "weights.bin"
    file.write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(inside.parent))
    for name in ("HF_HOME", "COURSE_MODELS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    change(
        monkeypatch,
        file=f"{inside.name}/{file.name}",
        sha256=hashlib.sha256(b"weights").hexdigest(),
        from_package=lambda file, folder: (folder / "made").write_bytes(file.read_bytes()),
        from_hub=lambda snapshot, folder: (folder / "made").write_text("hub"),
    )
    return file


def change(monkeypatch, **settings):
    monkeypatch.setitem(encoders.ENCODERS, NAME, dataclasses.replace(encoders.ENCODERS[NAME], **settings))


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_is_made_once_and_kept(package):
    folder = encoders.find(NAME)
    assert (folder / "made").read_bytes() == b"weights"
    package.unlink()
    (folder / "made").write_text("as before")
    assert encoders.find(NAME) == folder
    assert (folder / "made").read_text() == "as before"


def test_everybody_may_read_it(package):
    """A container's user is somebody else."""
    folder = encoders.find(NAME)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "made")] == [0o755, 0o644]


def test_without_the_package_there_is_none(package, monkeypatch):
    change(monkeypatch, file="no_such_package/weights.bin")
    assert encoders.find(NAME) is None


@pytest.mark.parametrize("name", encoders.ENCODERS)
def test_without_its_package_an_encoder_comes_from_the_hub(package, monkeypatch, tmp_path, name):
    asked = []
    elsewhere = dataclasses.replace(encoders.ENCODERS[name], file="no_such_package/weights.bin")
    monkeypatch.setitem(encoders.ENCODERS, name, elsewhere)
    monkeypatch.setattr("helpers.hub.download", lambda name, *_, **__: asked.append(name) or tmp_path)
    folder = Path(models.fetch.__wrapped__(name))
    assert asked == [elsewhere.hub]
    assert folder == tmp_path if elsewhere.from_hub is None else (folder / "made").read_text() == "hub"


def test_what_was_made_of_a_download_is_kept_too(package, tmp_path):
    (tmp_path / "abc").mkdir()
    assert encoders.adopt(NAME, tmp_path / "abc") == encoders.adopt(NAME, tmp_path / "abc")
    assert encoders.adopt(NAME, tmp_path / "abc") != encoders.find(NAME)


@pytest.mark.parametrize("spoil", [lambda file: file.write_bytes(b"weigh"), Path.unlink])
@pytest.mark.parametrize("name", encoders.ENCODERS)
def test_other_files_than_the_published_ones_are_refused(package, monkeypatch, one_sentence, spoil, name):
    sha256 = encoders.ENCODERS[NAME].sha256
    here = dataclasses.replace(encoders.ENCODERS[name], file=f"{package.parent.name}/{package.name}", sha256=sha256)
    monkeypatch.setitem(encoders.ENCODERS, name, here)
    spoil(package)
    with one_sentence(models.ModelUnavailable, str(package), "pip install --force-reinstall", here.requirement):
        models.fetch.__wrapped__(name)


def test_a_download_of_something_else_is_named(package, monkeypatch, tmp_path, one_sentence):
    def refuse(snapshot, folder):
        raise encoders.e5.NotTheModel("KeyError: 'hidden_size'")

    change(monkeypatch, from_hub=refuse)
    with one_sentence(models.ModelUnavailable, str(tmp_path), "'hidden_size'", "remove"):
        encoders.adopt(NAME, tmp_path)


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_named_and_leaves_nothing(package, monkeypatch, tmp_path, one_sentence, reason):
    def fill(file, folder):
        (folder / "half").write_text("a half")
        raise OSError(reason, os.strerror(reason))

    kept = encoders.ENCODERS[NAME].from_package
    change(monkeypatch, from_package=fill)
    with one_sentence(models.ModelUnavailable, str(tmp_path / "cache"), os.strerror(reason), "XDG_CACHE_HOME"):
        encoders.find(NAME)
    assert files(tmp_path / "cache") == ["transformers-course"]
    change(monkeypatch, from_package=kept)
    assert files(encoders.find(NAME)) == ["made"]


def test_an_interrupted_conversion_leaves_nothing(package, monkeypatch, tmp_path):
    def interrupt(file, folder):
        (folder / "half").write_text("a half")
        raise KeyboardInterrupt

    change(monkeypatch, from_package=interrupt)
    with pytest.raises(KeyboardInterrupt):
        encoders.find(NAME)
    assert files(tmp_path / "cache") == ["transformers-course"]


def test_two_at_once_get_the_same_whole_folder(package, monkeypatch, tmp_path):
    together, found = threading.Barrier(2, timeout=30), []

    def convert(file, folder):
        together.wait()  # both have seen that it is missing
        (folder / "made").write_bytes(file.read_bytes())
        together.wait()

    change(monkeypatch, from_package=convert)
    both = [threading.Thread(target=lambda: found.append(encoders.find(NAME))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert found[0] == found[1]
    assert files(found[0]) == ["made"]
    assert len(files(tmp_path / "cache")) == 3


def test_what_an_older_course_has_made_is_made_anew(package, monkeypatch):
    before = encoders.find(NAME)
    change(monkeypatch, version=99)
    assert encoders.find(NAME) != before


def test_the_folder_that_processes_share_comes_first(package, monkeypatch, tmp_path):
    """A sandbox sees it, and not the user's cache."""
    monkeypatch.setenv("COURSE_MODELS", str(tmp_path / "shared"))
    (tmp_path / "shared").mkdir()
    shared = encoders.find(NAME)
    assert shared == tmp_path / "shared" / NAME
    assert (shared / "made").read_bytes() == b"weights"
    change(monkeypatch, file="no_such_package/weights.bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nowhere"))
    assert encoders.find(NAME) == shared


def test_on_another_disk_the_shared_folder_holds_copies(package, monkeypatch, tmp_path):
    def no_link(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_link)
    monkeypatch.setenv("COURSE_MODELS", str(tmp_path))
    assert (encoders.find(NAME) / "made").read_bytes() == b"weights"


def test_models_lie_where_hugging_face_was_told_to_put_them(package, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "models"))
    assert encoders.find(NAME).is_relative_to(tmp_path / "models")
