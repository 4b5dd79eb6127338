"""The doctor: what is wrong is one line and one remedy, and only what stops grading fails."""

import json
import subprocess
import sys

import pytest

from course import doctor
from course.cli import main
from course.doctor import examine
from course.grade.sandbox import bubblewrap


@pytest.fixture
def found(sums, monkeypatch):
    """A function: the name of a check → its finding in the small course; the Hub is not asked."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    def found(name: str) -> doctor.Finding:
        monkeypatch.setattr(doctor, "CHECKS", {name: doctor.CHECKS[name]})
        (finding,) = examine(sums.root)
        return finding

    return found


def test_every_check_ends_in_a_line_and_a_remedy(sums, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    sums.submit("anna")
    target = tmp_path / "findings.jsonl"
    code = main(["doctor", "--course-dir", str(sums.root), "--json", str(target)])
    findings = [json.loads(line) for line in target.read_text().splitlines()]
    assert [finding["name"] for finding in findings] == list(doctor.CHECKS)
    assert all(bool(finding["remedy"]) == (finding["status"] != "ok") for finding in findings)
    assert not any("cannot be checked" in finding["found"] for finding in findings)
    assert code == any(finding["status"] == "fails" for finding in findings)
    assert capsys.readouterr().out.count("\n") >= len(findings)


def test_without_a_sandbox_grading_would_fail(sums, monkeypatch, capsys):
    monkeypatch.setattr(bubblewrap, "_programs", list)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setattr(doctor, "CHECKS", {"sandbox": doctor.CHECKS["sandbox"]})
    assert main(["doctor", "--course-dir", str(sums.root)]) == 1
    said = capsys.readouterr().out
    assert "apt-get install bubblewrap" in said and "Grading would fail: see sandbox." in said


def test_a_check_that_breaks_hides_no_other(sums, monkeypatch):
    def broken(_):
        raise RuntimeError("no such thing")

    monkeypatch.setattr(doctor, "CHECKS", {"first": broken, "Python": doctor.CHECKS["Python"]})
    first, second = examine(sums.root)
    assert "no such thing" in first.found and second.status == "ok"


def test_a_damaged_gradebook_is_found(found, sums):
    assert found("gradebook").status == "ok"
    (sums.root / "gradebook.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert found("gradebook").status == "fails"


def test_looking_makes_no_gradebook(found, sums):
    (sums.root / "gradebook.db").unlink()
    assert (found("gradebook").status, (sums.root / "gradebook.db").exists()) == ("ok", False)


def test_a_database_that_does_not_answer_is_found(found, sums):
    config = 'c = get_config()\nc.CourseDirectory.db_url = "postgresql://a:secret@127.0.0.1:9/course"\n'
    (sums.root / "nbgrader_config.py").write_text(config)
    finding = found("gradebook")
    assert finding.status == "fails" and "secret" not in finding.found


def test_a_folder_without_assignments_cannot_be_graded(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", {"assignments": doctor.CHECKS["assignments"]})
    (finding,) = examine(tmp_path)
    assert finding.status == "fails" and "course build" in finding.remedy


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("https://github.com/school/students.git", "fails"),
        ("git@github.com:School/Students.git", "fails"),
        ("https://github.com/school/students-private", "ok"),
    ],
)
def test_students_who_install_from_the_teachers_repository_reach_its_tests(
    found, monkeypatch, tmp_path, address, status
):
    (tmp_path / "teacher").mkdir()
    (tmp_path / "teacher" / "pyproject.toml").write_text('[tool.course]\nrepository = "school/students"\n')
    subprocess.run(["git", "init", "-q", tmp_path / "teacher"], check=True)
    subprocess.run(["git", "-C", tmp_path / "teacher", "remote", "add", "origin", address], check=True)
    monkeypatch.setattr(doctor, "ROOT", tmp_path / "teacher")
    monkeypatch.setattr(doctor, "_is_open", lambda path: False)
    finding = found("hidden tests")
    assert finding.status == status
    assert ("course release" in finding.remedy) == (status == "fails")


def test_a_source_that_everybody_may_read_is_named(found, sums, monkeypatch):
    monkeypatch.setattr(doctor, "_is_open", lambda path: path.name == "source")
    monkeypatch.setattr(doctor.pwd, "getpwall", lambda: [type("User", (), {"pw_name": "anna", "pw_uid": 1234})])
    finding = found("hidden tests")
    assert finding.status == "weak" and finding.remedy == f"chmod o-rwx {sums.root / 'source'}"


def test_help_has_an_example():
    done = subprocess.run([sys.executable, "-m", "course.cli", "doctor", "--help"], capture_output=True, text=True)
    assert "course doctor" in done.stdout
