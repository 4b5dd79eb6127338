"""A course folder: nbgrader's own settings hold, and reading whatever was handed in ends in a sentence."""

import os

import pytest

from course.folder import CourseError, Folder, name_problem, own_folder, replace_file


def write(path, data=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


class TestConfig:
    def test_without_one_all_is_as_nbgrader_has_it(self, tmp_path):
        folder = Folder.at(tmp_path)
        assert folder.path("submitted", "hw", "ana") == tmp_path / "submitted" / "ana" / "hw"
        assert folder.path("source", "hw") == tmp_path / "source" / "hw"
        assert folder.home("autograded") == tmp_path / "autograded"

    def test_its_directories_and_its_structure_hold(self, tmp_path):
        write(
            tmp_path / "nbgrader_config.py",
            b"c = get_config()\nc.CourseDirectory.source_directory = 'master'\n"
            b"c.CourseDirectory.submitted_directory = 'in/2026'\n"
            b"c.CourseDirectory.directory_structure = '{nbgrader_step}/{assignment_id}/{student_id}'\n",
        )
        folder = Folder.at(tmp_path)
        assert folder.path("submitted", "hw", "ana") == tmp_path / "in" / "2026" / "hw" / "ana"
        write(folder.path("submitted", "hw", "ana") / "hw.ipynb")
        write(folder.path("submitted", "other", "bob") / "hw.ipynb")
        write(folder.path("source", "hw") / "hw.ipynb")
        assert folder.students("hw") == ["ana"]
        assert folder.assignments() == ["hw"]
        assert [name for name, _, _ in folder.handed_in("hw", "ana")] == ["hw.ipynb"]
        assert folder.notebooks("source", "hw") == [tmp_path / "master" / "hw" / "hw.ipynb"]

    @pytest.mark.parametrize("config", [b"c = (", b"1 / 0", b"import no_such_module"])
    def test_one_that_cannot_be_read_is_one_sentence(self, tmp_path, config):
        write(tmp_path / "nbgrader_config.py", config)
        with pytest.raises(CourseError, match="cannot be read"):
            Folder.at(tmp_path)


class TestHandedIn:
    @pytest.fixture
    def submitted(self, tmp_path):
        folder = tmp_path / "submitted" / "ana" / "hw"
        folder.mkdir(parents=True)
        return folder

    def names(self, tmp_path):
        return [name for name, _, _ in Folder.at(tmp_path).handed_in("hw", "ana")]

    def test_files_in_folders_in_folders(self, tmp_path, submitted):
        for name in ("hw.ipynb", "a/b/c/hw.ipynb", "__MACOSX/hw.ipynb", ".ipynb_checkpoints/hw.ipynb"):
            write(submitted / name)
        assert self.names(tmp_path) == ["a/b/c/hw.ipynb", "hw.ipynb"]

    def test_there_is_an_end_to_depth_and_number(self, tmp_path, submitted):
        write(submitted.joinpath(*["d"] * 40, "hw.ipynb"))
        for number in range(700):
            write(submitted / f"{number}.txt")
        assert 0 < len(self.names(tmp_path)) <= 500

    def test_a_file_that_is_too_large_is_left_out(self, tmp_path, submitted):
        write(submitted / "hw.ipynb")
        with (submitted / "video.mp4").open("wb") as file:
            file.truncate(1 << 34)
        assert self.names(tmp_path) == ["hw.ipynb"]

    @pytest.mark.parametrize("kind", ["pipe", "socket"])
    def test_what_is_no_file_is_left_out(self, tmp_path, submitted, kind):
        import socket

        write(submitted / "hw.ipynb")
        if kind == "pipe":
            os.mkfifo(submitted / "x.ipynb")
        else:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(os.path.relpath(submitted / "x.ipynb"))
        assert self.names(tmp_path) == ["hw.ipynb"]

    def test_a_name_that_is_no_text(self, tmp_path, submitted):
        with open(os.fsencode(submitted) + b"/\xff.ipynb", "wb") as file:
            file.write(b"x")
        (name,) = self.names(tmp_path)
        assert name.encode()

    def test_a_folder_that_is_a_file(self, tmp_path, submitted):
        submitted.rmdir()
        write(submitted)
        assert Folder.at(tmp_path).students("hw") == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("ana", None),
        ("Ольга Петрова", None),
        ("a" * 128, None),
        ("a" * 129, "too long"),
        ("я" * 128, "too long"),
        (os.fsdecode(b"\xff"), "no text"),
    ],
)
def test_a_name_fits_a_gradebook_and_a_file(name, problem):
    found = name_problem(name)
    assert problem in found if problem else found is None
    assert found is None or found.isprintable()


class TestDataFiles:
    def test_folders_in_folders_but_no_notebooks_and_nothing_hidden(self, tmp_path):
        for name in ("hw.ipynb", "data/a.csv", "data/b/c.txt", ".git/config", "_build/x", "checks.py"):
            write(tmp_path / "source" / "hw" / name)
        names = [name for name, _ in Folder.at(tmp_path).data_files("hw")]
        assert names == ["checks.py", "data/a.csv", "data/b/c.txt"]

    def test_more_than_the_limit_is_one_sentence(self, tmp_path):
        with write(tmp_path / "source" / "hw" / "big.bin").open("wb") as file:
            file.truncate(257 << 20)
        with pytest.raises(CourseError, match="larger than 256 MiB together"):
            Folder.at(tmp_path).data_files("hw")


class TestWriting:
    def test_a_file_is_replaced_at_once_and_nothing_is_left_beside_it(self, tmp_path):
        path = tmp_path / "a" / "verdict.json"
        replace_file(path, b"one")
        replace_file(path, b"two")
        assert path.read_bytes() == b"two"
        assert os.listdir(path.parent) == ["verdict.json"]

    def test_what_cannot_be_written_leaves_the_old_one(self, tmp_path):
        path = tmp_path / "verdict.json"
        replace_file(path, b"one")
        with pytest.raises(TypeError):
            replace_file(path, "no bytes")
        assert path.read_bytes() == b"one"
        assert os.listdir(tmp_path) == ["verdict.json"]

    def test_a_link_in_the_way_is_removed_and_not_followed(self, tmp_path):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (tmp_path / "autograded").mkdir()
        (tmp_path / "autograded" / "ana").symlink_to(elsewhere)
        own_folder(tmp_path / "autograded" / "ana" / "hw", tmp_path / "autograded")
        assert not (tmp_path / "autograded" / "ana").exists()
        assert elsewhere.is_dir()
