"""A folder of files that is kept up to date: others' files stay, nothing is lost, nothing is half."""

import subprocess
from pathlib import Path

import pytest

from course.build import publish as publishing
from course.build import students
from course.build.publish import RECORD, UNFINISHED, PublishError, publish
from course.cli import main

FIRST = {
    "README.md": b"one",
    "release/ner-en/ner.ipynb": b"{}",
    "release/old-en/old.ipynb": b"{}",
    "helpers/a.py": b"a",
}
SECOND = {"README.md": b"two", "release/ner-en/ner.ipynb": b"{}", "helpers/b/c.py": b"c", "helpers/a.py": b"a"}


def files_in(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, but for the record."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != RECORD]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def everything(folder: Path) -> dict[Path, tuple]:
    return {path: (path.lstat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in folder.rglob("*")}


@pytest.fixture
def target(tmp_path) -> Path:
    """The folder after the first release."""
    publish(FIRST, tmp_path / "students")
    return tmp_path / "students"


class TestAnUpdate:
    def test_a_new_folder_is_made(self, tmp_path):
        changes = publish(FIRST, tmp_path / "a" / "b")
        assert files_in(tmp_path / "a" / "b") == FIRST
        assert (changes.written, changes.removed) == (sorted(FIRST), [])

    def test_what_is_gone_is_removed_with_its_folder(self, target):
        changes = publish(SECOND, target)
        assert files_in(target) == SECOND
        assert changes.written == ["README.md", "helpers/b/c.py"]
        assert changes.removed == ["release/old-en/old.ipynb"]
        assert not (target / "release" / "old-en").exists()

    def test_twice_changes_nothing(self, target):
        before = everything(target)
        changes = publish(FIRST, target)
        assert not changes.written and not changes.removed
        assert everything(target) == before

    def test_other_peoples_files_stay(self, target):
        others = {
            ".git/config": b"git",
            "syllabus.md": b"mine",
            "release/old-en/notes.md": b"mine",
            "helpers/x.py": b"",
        }
        for path, content in others.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(content)
        publish(SECOND, target)
        assert files_in(target) == SECOND | others

    def test_a_lost_file_is_put_back(self, target):
        (target / "README.md").unlink()
        assert publish(FIRST, target).written == ["README.md"]
        assert files_in(target) == FIRST

    def test_the_record_can_be_checked_by_sha256sum(self, target):
        command = ["sha256sum", "--check", "--strict", RECORD]
        assert subprocess.run(command, cwd=target, capture_output=True).returncode == 0


class TestWhatIsRefused:
    """Each in a sentence, and nothing is changed."""

    def refused(self, files, target: Path, match: str) -> None:
        before = everything(target.parent)
        with pytest.raises(PublishError, match=match) as error:
            publish(files, target)
        assert "\n" not in str(error.value)
        assert everything(target.parent) == before

    @pytest.mark.parametrize("name", ["thesis.docx", ".bashrc", "README.md", "course"])
    def test_a_folder_that_is_somebodys(self, tmp_path, name):
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / name).write_text("mine")
        self.refused(FIRST, tmp_path / "home", f"is not empty .{name}. and no earlier release")

    def test_a_file(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        self.refused(FIRST, tmp_path / "file", "is no folder")

    def test_the_clone_of_an_empty_repository_is_not(self, tmp_path):
        (tmp_path / "clone" / ".git").mkdir(parents=True)
        publish(FIRST, tmp_path / "clone")
        assert files_in(tmp_path / "clone") == FIRST

    @pytest.mark.parametrize("files", [FIRST, SECOND])
    @pytest.mark.parametrize("path", ["README.md", "release/old-en/old.ipynb", "helpers/a.py"])
    def test_a_file_that_was_changed_by_hand(self, target, files, path):
        (target / path).write_bytes(b"an evening's work")
        self.refused(files, target, f"{path} in .* was changed")

    def test_a_file_of_others_where_a_new_one_would_go(self, target):
        (target / "helpers" / "b").mkdir()
        (target / "helpers" / "b" / "c.py").write_text("mine")
        self.refused(SECOND, target, r"helpers/b/c\.py in .* would be overwritten")

    def test_a_folder_where_a_file_would_go(self, target):
        (target / "LICENSE").mkdir()
        self.refused(FIRST | {"LICENSE": b"free"}, target, "LICENSE in .* would be overwritten")

    def test_a_file_where_a_folder_would_go(self, target):
        (target / "docs").write_text("mine")
        self.refused(FIRST | {"docs/a.md": b""}, target, r"The way to .*docs/a\.md is a link or a file")

    @pytest.mark.parametrize("place", ["release", "release/old-en", "README.md"])
    def test_a_link_that_leads_out_of_the_folder(self, target, tmp_path, place):
        (target / place).rename(tmp_path / "elsewhere")
        (target / place).symlink_to(tmp_path / "elsewhere")
        self.refused(SECOND, target, "The way to .* is a link or a file")

    @pytest.mark.parametrize(
        "path", ["../elsewhere", "/etc/passwd", ".git/config", "a/../../b", "a//b", "helpers/./a.py"]
    )
    def test_a_record_that_names_what_is_not_ours(self, target, path):
        with (target / RECORD).open("a") as record:
            record.write(f"{'0' * 64}  {path}\n")
        self.refused(SECOND, target, "is damaged")

    @pytest.mark.parametrize("content", [b"<<<<<<< HEAD\n", b"\xff\xfe", b"README.md\n"])
    def test_a_record_that_cannot_be_read(self, target, content):
        (target / RECORD).write_bytes(content)
        self.refused(SECOND, target, "is damaged")


class Stopped(BaseException):
    """Ctrl-C, or the end of the process, as far as a test can have it."""


@pytest.fixture
def stop_at(monkeypatch):
    """A function: the number of the step (a file written, moved or removed) at which the next call stops."""

    def stop(number: int, error=Stopped) -> None:
        steps = iter(range(number + 1))

        def counted(function):
            def call(*arguments, **keywords):
                if next(steps, None) is None:
                    raise error()
                return function(*arguments, **keywords)

            return call

        monkeypatch.undo()
        monkeypatch.setattr(publishing, "replace_file", counted(publishing.replace_file))
        monkeypatch.setattr(publishing, "_move", counted(publishing._move))
        monkeypatch.setattr(publishing, "_remove", counted(publishing._remove))

    return stop


STEPS = 2 + 1 + 2 + 1 + 1  # staged, the record of both, moved, removed, the record


class TestInterrupted:
    @pytest.mark.parametrize("step", range(STEPS))
    @pytest.mark.parametrize("then", [FIRST, SECOND, FIRST | {"new.md": b"3"}])
    def test_every_file_is_whole_and_the_next_call_goes_on(self, target, stop_at, monkeypatch, step, then):
        stop_at(step - 1)
        with pytest.raises(Stopped):
            publish(SECOND, target)
        found = files_in(target)
        assert all(content in (FIRST.get(path), SECOND.get(path)) for path, content in found.items())
        assert FIRST.keys() & SECOND.keys() <= found.keys() <= FIRST.keys() | SECOND.keys()
        monkeypatch.undo()
        publish(then, target)
        assert files_in(target) == then

    def test_so_many_steps_it_takes(self, target, stop_at):
        stop_at(STEPS - 1)
        publish(SECOND, target)

    @pytest.mark.parametrize("step", range(3))
    def test_a_full_disk_changes_nothing(self, target, stop_at, step):
        before = files_in(target), (target / RECORD).read_bytes()
        stop_at(step - 1, OSError)
        with pytest.raises(OSError):
            publish(SECOND, target)
        assert (files_in(target), (target / RECORD).read_bytes()) == before

    def test_nor_does_it_leave_a_folder_that_was_not_there(self, tmp_path, stop_at):
        stop_at(1, OSError)
        with pytest.raises(OSError):
            publish(FIRST, tmp_path / "students")
        assert not (tmp_path / "students").exists()

    def test_what_a_killed_process_leaves_is_cleared_away(self, tmp_path):
        (tmp_path / "students" / UNFINISHED / "release").mkdir(parents=True)
        publish(FIRST, tmp_path / "students")
        assert files_in(tmp_path / "students") == FIRST


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        """In place of the real files, some that say for which repository they are."""
        monkeypatch.setattr(students, "contents", lambda repository, track: FIRST | {"address": repository.encode()})

    def test_it_says_what_it_did(self, tmp_path, capsys):
        command = ["release", str(tmp_path / "students"), "--repository", "owner/name"]
        assert main(command) == 0
        assert f"{tmp_path / 'students'}: 5 files written" in capsys.readouterr().out
        assert (tmp_path / "students" / "address").read_text() == "owner/name"
        assert main(command) == 0
        assert "nothing has changed" in capsys.readouterr().out

    def test_by_default_the_repository_is_that_of_pyproject(self, tmp_path, monkeypatch):
        monkeypatch.setattr("course.build.write.repository", lambda: "class/of-2026")
        assert main(["release", str(tmp_path / "students")]) == 0
        assert (tmp_path / "students" / "address").read_text() == "class/of-2026"

    @pytest.mark.parametrize(("address", "said"), [("", True), ("owner/name", False)])
    def test_it_says_where_no_badge_leads_anywhere(self, tmp_path, capsys, address, said):
        assert main(["release", str(tmp_path / "students"), "--repository", address]) == 0
        assert ("no badge for Colab" in capsys.readouterr().err) == said

    def test_it_says_that_there_is_no_licence(self, tmp_path, capsys, monkeypatch):
        for licensed in (False, True):
            monkeypatch.setattr(students, "has_licence", lambda licensed=licensed: licensed)
            main(["release", str(tmp_path / "students"), "--repository", "owner/name"])
            assert ("no LICENSE" in capsys.readouterr().err) == (not licensed)

    def test_a_refusal_is_a_sentence_and_exit_code_2_and_comes_at_once(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(
            students, "contents", lambda *_: pytest.fail("All was built before the folder was looked at.")
        )
        (tmp_path / "mine.txt").write_text("mine")
        assert main(["release", str(tmp_path), "--repository", "owner/name"]) == 2
        assert capsys.readouterr().err.startswith(f"course: {tmp_path} is not empty")
