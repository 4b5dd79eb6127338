"""The command `course` as a person types it: help, checks, and one sentence for every mistake."""

import errno
import re

import polib
import pytest

from course.cli import main
from course.folder import Folder
from course.kept import save
from course.verdict import Verdict

COMMANDS = ["build", "messages", "run", "grade", "feedback", "report"]


@pytest.fixture
def course(capsys):
    """A function: arguments → (exit code, stdout, stderr)."""

    def call(*arguments) -> tuple[int, str, str]:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # argparse leaves this way
            code = stopped.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def mistake(course):
    """A function: arguments → the sentence that the person reads, which must be all but for argparse's usage."""

    def call(*arguments) -> str:
        code, _, error = course(*arguments)
        assert code not in (0, None)
        assert "Traceback" not in error
        sentence = re.sub(r"\Ausage: .*\n( .*\n)*", "", error)
        assert re.fullmatch(r"course[a-z ]*: .+\n", sentence), error
        return sentence

    return call


class TestHelp:
    def test_the_commands_are_listed(self, course):
        code, text, _ = course("--help")
        assert code == 0
        assert all(re.search(rf"^ +{command}\b", text, re.M) for command in COMMANDS)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_shows_an_example(self, course, command):
        code, text, _ = course(command, "--help")
        assert code == 0
        assert re.search(rf"^example:\n  course {command}\b", text, re.M)


class TestMistakes:
    def test_no_command(self, mistake):
        assert "COMMAND" in mistake()

    def test_a_command_that_does_not_exist(self, mistake):
        assert "'bulid'" in mistake("bulid")

    @pytest.mark.parametrize("arguments", [("build",), ("build", "--check"), ("messages", "--check")])
    def test_a_unit_that_does_not_exist(self, mistake, arguments):
        assert "There is no unit 'nre': choose one of" in mistake(arguments[0], "nre", *arguments[1:])

    def test_a_notebook_that_does_not_exist(self, mistake):
        assert "There is no notebook source/nre-en/nre.ipynb" in mistake("run", "nre")

    @pytest.mark.parametrize("command", ["build", "run"])
    def test_a_language_that_does_not_exist(self, mistake, command):
        assert "'fr'" in mistake(command, "ner", "--lang", "fr")

    def test_a_profile_that_does_not_exist(self, mistake):
        assert "choose one of offline, quick, full or auto" in mistake("run", "ner", "--profile", "fast")

    def test_a_parameter_that_does_not_exist(self, mistake, tmp_path):
        arguments = ("--profile", "offline", "-p", "epoch", "1", "--out", tmp_path)
        assert "no parameter 'epoch'" in mistake("run", "ner", *arguments)

    def test_messages_must_be_told_what_to_do(self, mistake):
        assert "--update --check" in mistake("messages")

    def test_messages_cannot_do_both(self, mistake):
        assert "not allowed with" in mistake("messages", "--update", "--check")

    def test_a_course_folder_that_does_not_exist(self, mistake, tmp_path):
        assert "--course-dir" in mistake("report", "ner-en", "--course-dir", tmp_path / "no")

    def test_an_assignment_that_does_not_exist(self, course, tmp_path):
        """The last line says so; a warning about the sandbox may stand above it."""
        code, _, error = course("grade", "nre-en", "--course-dir", tmp_path)
        assert code == 2
        assert re.fullmatch(r"course: .*nre-en.*", error.splitlines()[-1])
        assert "Traceback" not in error

    def test_an_assignment_that_was_not_graded(self, mistake, tmp_path):
        (tmp_path / "source" / "ner-en").mkdir(parents=True)
        assert "run `course grade` first" in mistake("report", "ner-en", "--course-dir", tmp_path)
        assert "Did you mean ner-en?" in mistake("report", "ner-en", "nre-en", "--course-dir", tmp_path)

    def test_a_report_into_a_folder_that_cannot_be(self, mistake, tmp_path):
        save(Verdict("anna", "ner-en", "graded", "", (), 1.0, 2.0, 3.0, ()), Folder.at(tmp_path), "anna")
        (tmp_path / "file").write_text("x")
        arguments = ("--course-dir", tmp_path, "--out", tmp_path / "file" / "report.html")
        assert str(tmp_path / "file") in mistake("report", "ner-en", *arguments)

    def test_a_catalogue_with_a_typing_mistake_in_its_syntax(self, mistake, course_copy):
        (course_copy / "course" / "units" / "ner" / "ru.po").write_text('msgid "One"\n<<<<<<< HEAD\n', encoding="utf-8")
        assert "ru.po" in mistake("messages", "--check")

    def test_a_unit_with_a_mistake(self, mistake, course_copy):
        edit(course_copy, "# minutes: 90\n", "")
        assert "ner: the front matter must hold" in mistake("build", "--check")


class TestReport:
    def test_the_page_is_written_and_found(self, course, tmp_path):
        save(Verdict("anna", "ner-en", "graded", "", (), 1.0, 2.0, 3.0, ()), Folder.at(tmp_path), "anna")
        code, text, _ = course("report", "ner-en", "--course-dir", tmp_path, "--out", tmp_path / "report.html")
        assert (code, text) == (0, f"The report is in {tmp_path / 'report.html'}\n")
        assert (tmp_path / "report.html").is_file()


def edit(root, old: str, new: str) -> None:
    """Change one place in the copied text of the unit."""
    path = root / "course" / "units" / "ner" / "unit.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


class TestBuild:
    def test_the_committed_notebooks_are_what_the_text_makes(self, course):
        """This is what CI asks. If it fails: run `course build`."""
        assert course("build", "--check") == (0, "", "")

    def test_a_word_that_was_changed_is_found(self, course, course_copy):
        """The English notebooks are named, and the catalogues that have to follow."""
        edit(course_copy, "## 1. Look at the data", "## 1. Look at all the data")
        code, _, error = course("build", "--check")
        assert code == 1
        assert [line.split(" is not ")[0] for line in error.splitlines()] == [
            "source/ner-en/ner.ipynb",
            "release/ner-en/ner.ipynb",
            "course/units/ner/ru.po",
            "course/units/ner/es.po",
        ]

    def test_a_word_of_code_that_was_changed_is_found_in_every_language(self, course, course_copy):
        edit(course_copy, "epochs = 0", "epochs = 1")
        code, _, error = course("build", "--check")
        assert code == 1
        assert len(error.splitlines()) == 6

    def test_a_hidden_test_that_was_changed_is_found_in_source_only(self, course, course_copy):
        edit(course_copy, 'other = ["O", "B-X", "I-X"]', 'other = ["O", "B-Y", "I-Y"]')
        code, _, error = course("build", "--check", "--lang", "en")
        assert code == 1
        assert error.startswith("source/ner-en/ner.ipynb is not what the text makes: run `course build`")
        assert len(error.splitlines()) == 1

    def test_a_built_notebook_that_was_edited_is_found(self, course, course_copy):
        path = course_copy / "release" / "ner-es" / "ner.ipynb"
        path.write_text(path.read_text(encoding="utf-8").replace("Entidades", "Entes"), encoding="utf-8")
        code, _, error = course("build", "--check")
        assert (code, error.split(" is not ")[0]) == (1, "release/ner-es/ner.ipynb")

    def test_a_built_notebook_that_is_missing_is_found(self, course, course_copy):
        (course_copy / "source" / "ner-ru" / "ner.ipynb").unlink()
        code, _, error = course("build", "--check", "--lang", "ru")
        assert (code, error.split(" is not ")[0]) == (1, "source/ner-ru/ner.ipynb")

    def test_a_check_writes_nothing(self, course, course_copy):
        (course_copy / "source" / "ner-en" / "ner.ipynb").unlink()
        course("build", "--check", "--lang", "en")
        assert not (course_copy / "source" / "ner-en" / "ner.ipynb").exists()

    def test_building_writes_what_differs_and_says_so(self, course, course_copy):
        (course_copy / "source" / "ner-en" / "ner.ipynb").unlink()
        assert course("build", "ner", "--lang", "en") == (0, "ner: source/ner-en/ner.ipynb\n", "")
        assert course("build", "ner", "--lang", "en") == (0, "ner: nothing has changed\n", "")

    def test_an_unfinished_translation_is_not_built(self, mistake, course_copy):
        edit(course_copy, "## 1. Look at the data", "## 1. Look at all the data")
        assert "ru.po is not ready" in mistake("build", "ner", "--lang", "ru")


class TestMessages:
    def test_the_committed_catalogues_are_finished(self, course):
        assert course("messages", "--check") == (0, "", "")

    def test_a_word_that_was_changed_makes_every_catalogue_unfinished(self, course, course_copy):
        edit(course_copy, "## 1. Look at the data", "## 1. Look at all the data")
        code, _, error = course("messages", "--check")
        assert code == 1
        assert error.splitlines() == [
            "course/units/ner/ru.po: missing: Look at all the data",
            "course/units/ner/ru.po: obsolete: Look at the data",
            "course/units/ner/es.po: missing: Look at all the data",
            "course/units/ner/es.po: obsolete: Look at the data",
        ]

    def test_an_update_turns_it_into_a_draft(self, course, course_copy):
        edit(course_copy, "## 1. Look at the data", "## 1. Look at all the data")
        code, text, _ = course("messages", "--update")
        assert code == 0
        assert re.findall(r"^(\w\w).po of ner: \d+ messages, 1 to translate$", text, re.M) == ["ru", "es"]
        entry = polib.pofile(str(course_copy / "course/units/ner/ru.po")).find("Look at all the data")
        assert (entry.fuzzy, entry.previous_msgid) == (True, "Look at the data")

    def test_a_draft_is_not_finished(self, course, course_copy):
        edit(course_copy, "## 1. Look at the data", "## 1. Look at all the data")
        course("messages", "--update")
        code, _, error = course("messages", "--check")
        assert (code, error.splitlines()[0]) == (1, "course/units/ner/ru.po: fuzzy: Look at all the data")

    def test_an_update_that_finds_nothing_changes_no_byte(self, course, course_copy):
        paths = sorted((course_copy / "course" / "units" / "ner").glob("*.po"))
        before = [path.read_bytes() for path in paths]
        assert course("messages", "--update")[0] == 0
        assert [path.read_bytes() for path in paths] == before


def test_a_full_disk_is_said_with_what_to_do(mistake, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "gradebook.db"))

    monkeypatch.setattr("course.folder.Folder.at", full)
    said = mistake("grade", "ner-en", "--course-dir", tmp_path)
    assert f"no room left for {tmp_path / 'gradebook.db'}: make some and run the command again" in said
