"""What of the things that come in counts, what is kept aside, and what is refused."""

import json
import os
import re
import stat
import zipfile
from datetime import UTC, datetime

import pytest

from course.exchange import archives, placing
from course.exchange.archives import SourceError
from course.exchange.collect import CollectError
from course.notebooks import unpacking
from tests.course.exchange.making import STUB, TIME, notebook, statuses, sums, zipped

FILE = "_assignsubmission_file"
LATER, EARLIER = (2026, 3, 2, 12, 0, 0), (2026, 2, 1, 12, 0, 0)
HOME = f"Anna_1{FILE}"


def mine(data: bytes, *time, name: str = "sums.ipynb"):
    """A member of Anna's."""
    return (f"{HOME}/{name}", data, *time)


class TestContent:
    @pytest.mark.parametrize("bare", [False, True])
    @pytest.mark.parametrize("assignment", ["sums-en", "sums-ru"])
    def test_the_language_is_the_notebooks(self, course, assignment, bare):
        """A unit means all its languages; without metadata the text says which."""
        rows = course.collected("sums", mine(sums("a", assignment, bare=bare)))
        assert statuses(rows) == [("Anna", assignment, "placed")]

    def test_another_language_and_another_unit(self, course):
        """Handed in under English sums, in files of that name."""
        words = sums("w", "words-en")
        rows = course.collected("sums-en", mine(sums("a", "sums-ru")), (f"Boris_2{FILE}/sums.ipynb", words))
        assert statuses(rows) == [("Anna", "sums-ru", "other"), ("Boris", "words-en", "other")]
        assert course.placed() == {"submitted/Anna/sums-ru/sums.ipynb", "submitted/Boris/words-en/words.ipynb"}
        again = course.collected("sums-en", mine(sums("a", "sums-ru")), (f"Boris_2{FILE}/sums.ipynb", words))
        assert {row.status for row in again} == {"same"}

    def test_all_texts_rewritten(self, course):
        """Nothing is left but the answer in its cell: it is known by its function."""
        content = json.loads(sums("a", bare=True))
        content["cells"] = content["cells"][2:]
        content["cells"][1]["source"] = "# my test\nsums(1)"
        both = [json.loads(sums("a"))["cells"][2], *content["cells"]]
        content["cells"] = both
        assert statuses(course.collected("sums-en", mine(json.dumps(content).encode()))) == [
            ("Anna", "sums-en", "placed")
        ]

    @pytest.mark.parametrize(
        ("members", "status", "reason"),
        [
            ([mine(b"{", name="sums.ipynb")], "empty", "cut off"),
            ([mine(b"", name="sums.ipynb")], "empty", "empty"),
            ([mine(b"x", name="essay.docx")], "empty", "no notebook"),
            ([mine(b"Rar!\x1a\x07\0", name="hw.rar")], "refused", "RAR archive"),
            ([mine(b"7z\xbc\xaf\x27\x1c", name="hw.7z")], "refused", "7z archive"),
            ([mine(b"PK\x03\x04", name="hw.zip")], "refused", "damaged"),
            ([mine(zipped(("a.txt", b"x")), name="hw.zip")], "empty", "no notebook"),
            ([("Anna_1_assignsubmission_onlinetext/onlinetext.html", b"<p>")], "empty", "no notebook"),
            ([mine(json.dumps({"cells": [{"cell_type": "code", "source": "1"}]}).encode())], "empty", "no notebook of"),
        ],
    )
    def test_no_notebook(self, course, members, status, reason):
        """Said in a sentence; nothing is placed."""
        (row,) = course.collected("sums", *members)
        assert (row.student, row.status) == ("Anna", status) and reason in row.reason
        assert not course.placed()

    def test_what_programs_leave_is_nothing(self, course):
        rows = course.collected(
            "sums",
            mine(sums("a")),
            mine(b"\0\5\x16\7", name="._sums.ipynb"),
            mine(sums("b"), LATER, name=".ipynb_checkpoints/sums-checkpoint.ipynb"),
            mine(b"x", name="desktop.ini"),
            (f"__MACOSX/{HOME}/._sums.ipynb", b"x"),
        )
        assert statuses(rows) == [("Anna", "sums-en", "placed")]
        assert {name for name in course.tree() if "Anna" in name} == {
            "submitted/Anna/sums-en/sums.ipynb",
            "submitted/Anna/sums-en/timestamp.txt",
        }

    def test_files_beside(self, course):
        """What the notebook may import or open comes along."""
        course.collected("sums", mine(sums("a"), name="hw/sums.ipynb"), mine(b"x = 1", name="hw/mine/tools.py"))
        assert course.tree()["submitted/Anna/sums-en/mine/tools.py"] == b"x = 1"

    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_archives_in_archives(self, course, depth):
        data = sums("a")
        for _ in range(depth):
            data = zipped(("hw/x.ipynb" if data[:2] != b"PK" else "hw.zip", data))
        (row,) = course.collected("sums", mine(data, name="hw.zip"))
        assert row.status == "placed" and row.entry.startswith(f"{HOME}/hw.zip/")

    @pytest.mark.parametrize(
        "inner",
        [
            zipped((f"Boris_2{FILE}/sums.ipynb", sums("b")), (f"Clara_3{FILE}/sums.ipynb", sums("c"))),
            zipped(("boris_2_9_sums.ipynb", sums("b")), ("clara_3_8_sums.ipynb", sums("c"))),
            zipped(*((f"somebody {n}/sums.ipynb", sums(str(n))) for n in range(6))),
        ],
    )
    def test_a_class_in_one_students_folder(self, course, inner):
        """Named, not guessed; the others are collected."""
        rows = course.collected("sums", mine(inner, name="all.zip"), (f"Dora_4{FILE}/sums.ipynb", sums("d")))
        assert statuses(rows)[1] == ("Dora", "sums-en", "placed")
        assert [(row.status, row.student) for row in rows if row.student == "Anna"] == [("refused", "Anna")]
        assert course.placed() == {"submitted/Dora/sums-en/sums.ipynb"}


class TestAttempts:
    def test_in_one_folder(self, course):
        """As grading chooses: the newest of those in which most is answered. The others are kept, and named."""
        members = (
            mine(sums("old"), EARLIER, name="old/sums.ipynb"),
            mine(sums("new"), name="sums (1).ipynb"),
            mine(notebook("sums-en"), LATER, name="fresh/sums.ipynb"),
            mine(sums("new"), EARLIER, name="again.ipynb"),
        )
        rows = course.collected("sums", *members)
        assert [row.status for row in rows] == ["older", "older", "same", "placed"] or sorted(
            row.status for row in rows
        ) == ["older", "older", "placed", "same"]
        tree = course.tree()
        assert b"# new" in tree["submitted/Anna/sums-en/sums.ipynb"]
        kept = [data for name, data in tree.items() if "/.attempts/sums-en/Anna/" in name and name.endswith(".ipynb")]
        assert len(kept) == 2 and any(b"# old" in data for data in kept) and any(STUB.encode()[4:20] in d for d in kept)

    def test_two_candidates(self, course):
        """Of one time, both finished: the name decides, and it is said."""
        rows = course.collected("sums", mine(sums("a")), mine(sums("b"), name="other.ipynb"))
        assert statuses(rows) == [("Anna", "sums-en", "ambiguous"), ("Anna", "sums-en", "placed")]
        assert b"# a" in course.tree()["submitted/Anna/sums-en/sums.ipynb"]

    @pytest.mark.parametrize(("keep", "counts"), [("latest", b"# second"), ("first", b"# first")])
    @pytest.mark.parametrize("together", [True, False])
    def test_several_archives(self, course, keep, counts, together):
        """In whatever order they are collected, the same one counts, and none is lost."""
        first = course.put("nlp-sums-77.zip", zipped(mine(sums("first"))))
        second = course.put("nlp-sums-77 (1).zip", zipped(mine(sums("second"), LATER)))
        for sources in [(second, first)] if together else [(second,), (first,), (second,)]:
            course.collect("sums", *sources, keep=keep)
        tree = course.tree()
        assert counts in tree["submitted/Anna/sums-en/sums.ipynb"]
        everything = b"".join(data for name, data in tree.items() if name.endswith(".ipynb"))
        assert b"# first" in everything and b"# second" in everything
        assert len([name for name in tree if name.endswith(".ipynb")]) == 2

    def test_blackboard_keeps_all_attempts(self, course):
        times = ["2026-03-01-10-00-00", "2026-03-03-10-00-00", "2026-03-02-10-00-00"]
        rows = course.collected("sums", *((f"ps_anna_attempt_{t}_sums.ipynb", sums(t)) for t in times))
        assert [row.status for row in rows] == ["older", "older", "placed"]
        assert b"2026-03-03" in course.tree()["submitted/anna/sums-en/sums.ipynb"]

    def test_twice_changes_nothing(self, course):
        members = (
            mine(sums("a")),
            mine(sums("b"), EARLIER, name="b.ipynb"),
            (f"Boris_2{FILE}/sums.ipynb", sums("c", "sums-ru")),
            mine(b"x=1", name="tools.py"),
        )
        course.collected("sums", *members)
        before = {path: os.lstat(path).st_mtime_ns for path in course.root.rglob("*")}
        rows = course.collected("sums", *members)
        assert {row.status for row in rows} == {"same", "older"}
        assert {path: os.lstat(path).st_mtime_ns for path in course.root.rglob("*")} == before

    def test_what_somebody_put_there_is_kept(self, course):
        path = course.root / "submitted" / "Anna" / "sums-en" / "sums.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"by hand")
        (row,) = course.collected("sums", mine(sums("a")))
        assert row.status == "replaced"
        assert b"by hand" in [data for name, data in course.tree().items() if "/.attempts/" in name]

    def test_what_was_mended_after_collecting_stays(self, course):
        """The same archive comes again, with those who were late."""
        course.collected("sums", mine(sums("a")))
        path = course.root / "submitted" / "Anna" / "sums-en" / "sums.ipynb"
        path.write_bytes(sums("mended"))
        (row,) = course.collected("sums", mine(sums("a")))
        assert row.status == "same" and "changed" in row.reason and path.read_bytes() == sums("mended")
        (row,) = course.collected("sums", mine(sums("b"), LATER))
        assert row.status == "replaced"
        assert sums("mended") in course.tree().values()

    def test_a_trial_writes_nothing(self, course):
        table = course.put("r.csv", b"id,name\nanna,Anna\n")
        rows = course.collected(
            "sums", mine(sums("a")), mine(sums("b"), EARLIER, name="b.ipynb"), dry_run=True, table=table
        )
        assert statuses(rows) == [("anna", "sums-en", "older"), ("anna", "sums-en", "placed")]
        assert course.tree() == {} and not (course.root / "submitted").exists()

    @pytest.mark.parametrize("moment", [0, 1, 2, 3])
    def test_interrupted(self, course, monkeypatch, moment):
        """At any rename: what stands there is whole, the old or the new one; the same command goes on."""
        course.collected("sums", mine(sums("old")))
        rename, calls = placing.Path.rename, []

        def stop(path, target):
            calls.append(target)
            if len(calls) > moment:
                raise KeyboardInterrupt
            return rename(path, target)

        monkeypatch.setattr(placing.Path, "rename", stop)
        members = (mine(sums("new"), LATER), mine(sums("early"), EARLIER, name="b.ipynb"))
        if moment < 3:
            with pytest.raises(KeyboardInterrupt):
                course.collected("sums", *members)
        monkeypatch.undo()
        there = course.tree().get("submitted/Anna/sums-en/sums.ipynb")
        assert there in (sums("old"), sums("new"), None)
        course.collected("sums", *members)
        tree = course.tree()
        assert tree["submitted/Anna/sums-en/sums.ipynb"] == sums("new")
        assert {sums("old"), sums("early")} <= set(tree.values())
        assert not [name for name in tree if "unfinished" in name]

    def test_two_at_once(self, course):
        with placing.alone(placing.Folder.at(course.root)), pytest.raises(placing.PlacingError, match="Somebody else"):
            course.collected("sums", mine(sums("a")))


class TestTimes:
    def test_with_zone(self, course):
        """UTC where the archive says it; else the clock of this machine."""
        info = zipfile.ZipInfo(f"{HOME}/sums.ipynb", TIME)
        moment = datetime(2026, 3, 1, 3, 4, 5, tzinfo=UTC)
        info.extra = b"UT\x05\x00\x01" + int(moment.timestamp()).to_bytes(4, "little")
        (row,) = course.collected("sums", (info, sums("a")))
        assert row.submitted_at == "2026-03-01T03:04:05+00:00"
        assert course.tree()["submitted/Anna/sums-en/timestamp.txt"] == b"2026-03-01 03:04:05.000000 UTC\n"
        (row,) = course.collected("sums", (f"Boris_2{FILE}/sums.ipynb", sums("b")))
        assert datetime.fromisoformat(row.submitted_at) == datetime(*TIME).astimezone()

    def test_late(self, course):
        """For the class, and for one who has more time."""
        due = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
        (course.root / "roster.csv").write_text("id,name,due:sums-en\nb,Boris,2026-04-01T00:00:00+00:00\na,Anna,\n")
        rows = course.collected(
            "sums", mine(sums("a")), (f"Boris_2{FILE}/sums.ipynb", sums("b")), due=lambda assignment: due
        )
        assert {row.student: row.late for row in rows} == {"a": True, "b": False}


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, TIME)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


def device(name: str) -> zipfile.ZipInfo:
    info = link(name)
    info.external_attr = (stat.S_IFCHR | 0o666) << 16
    return info


def locked(data: bytes, name: str) -> bytes:
    """The zip with the flag of a password on one member."""
    changed, place = bytearray(data), 0
    for mark, flag, size in ((b"PK\3\4", 6, 30), (b"PK\1\2", 8, 46)):
        place = data.index(mark)
        while data[place + size : place + size + len(name)] != name.encode():
            place = data.index(mark, place + 1)
        changed[place + flag] |= 1
    return bytes(changed)


class TestHostile:
    OTHER = (f"Boris_2{FILE}/sums.ipynb", sums("b"))

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("/tmp/x/sums.ipynb", "absolute"),
            ("C:/x/sums.ipynb", "absolute"),
            ("..\\..\\sums.ipynb", "leads out"),
            (f"{HOME}/../../sums.ipynb", "leads out"),
            (link(f"{HOME}/sums.ipynb"), "symbolic link"),
            (device(f"{HOME}/sums.ipynb"), "device"),
            ("/".join(["a"] * 30) + "/sums.ipynb", "too long"),
        ],
    )
    def test_refused_and_the_rest_collected(self, course, name, reason):
        rows = course.collected("sums", (name, b"/etc/passwd"), self.OTHER)
        refused = [row for row in rows if row.status == "refused"]
        assert len(refused) == 1 and reason in refused[0].reason
        assert course.placed() == {"submitted/Boris/sums-en/sums.ipynb"}

    def test_password(self, course):
        data = locked(zipped(mine(sums("a")), self.OTHER), f"{HOME}/sums.ipynb")
        rows = course.collect("sums", course.put("x.zip", data))
        assert sorted((row.status, row.entry[:5]) for row in rows) == [("placed", "Boris"), ("refused", "Anna_")]

    def test_bombs(self, course, monkeypatch):
        """What is larger than a notebook, or all that may be unpacked, is not read."""
        monkeypatch.setattr(archives, "MAX_NOTEBOOK", 1 << 20)
        monkeypatch.setattr(unpacking, "MAX_FILE", 1 << 20)
        bomb = b" " * (2 << 20)
        rows = course.collected("sums", mine(bomb), (f"Clara_3{FILE}/a.zip", zipped(("a.ipynb", bomb))), self.OTHER)
        assert statuses(rows)[1:] == [("Boris", "sums-en", "placed"), ("Clara", "", "refused")]
        assert "larger than 1 MiB" in rows[0].reason

    def test_a_bomb_that_lies_about_its_size(self, course):
        data = bytearray(zipped(mine(b" " * (2 << 20)), self.OTHER))
        for mark, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
            place = data.index(mark) + at
            data[place : place + 4] = (10).to_bytes(4, "little")
        rows = course.collect("sums", course.put("x.zip", bytes(data)))
        assert {(row.status, row.student) for row in rows} == {("refused", "Anna"), ("placed", "Boris")}

    def test_all_that_may_be_unpacked(self, course, monkeypatch):
        monkeypatch.setattr(archives, "MAX_UNPACKED", 3 * len(sums("a")) // 2)
        rows = course.collected("sums", mine(sums("a")), self.OTHER)
        assert sorted(row.status for row in rows) == ["placed", "refused"]

    def test_a_folder_with_links_and_pipes(self, course):
        home = course.put("all/anna/sums.ipynb", sums("a")).parent.parent
        (home / "boris").symlink_to("/etc")
        (home / "anna" / "passwd.ipynb").symlink_to("/etc/passwd")
        os.mkfifo(home / "anna" / "pipe.ipynb")
        rows = course.collect("sums", home)
        assert sorted(row.status for row in rows) == ["placed", "refused", "refused", "refused"]
        assert course.placed() == {"submitted/anna/sums-en/sums.ipynb"}

    def test_a_link_in_submitted(self, course, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (course.root / "submitted").mkdir()
        (course.root / "submitted" / "Anna").symlink_to(tmp_path / "elsewhere")
        rows = course.collected("sums", mine(sums("a")), self.OTHER)
        assert [(row.student, row.status) for row in rows] == [("Anna", "refused"), ("Boris", "placed")]
        assert not list((tmp_path / "elsewhere").iterdir())

    @pytest.mark.parametrize("names", [("data", "data/x"), ("y" * 250, "ok"), ("__pycache__/x", "a/b/c/d/e/f/g/h")])
    def test_files_beside_that_cannot_be_written(self, course, names):
        """The notebook is placed, and the second time it is the same."""
        members = (mine(sums("a")), *(mine(b"x", name=name) for name in names))
        assert "placed" in {row.status for row in course.collected("sums", *members)}
        assert "same" in {row.status for row in course.collected("sums", *members)}

    @pytest.mark.parametrize("name", ["\x1b[31mred\x07", "a\nb", "<b>x</b>", "{student_id}", "*", "{", "\u202etxt"])
    def test_names_that_act(self, course, name):
        rows = course.collected("sums", (f"{name}_1{FILE}/sums.ipynb", sums("a")))
        (placed,) = course.placed()
        assert placed.count("/") == 3 and placed.isprintable()
        assert [row.status for row in rows] == ["placed"]


class TestSources:
    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (b"Rar!\x1a\x07\0", "RAR archive: unpack it"),
            (b"7z\xbc\xaf\x27\x1c", "7z archive"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"hello", "no zip archive"),
            (zipped(("a/b.ipynb", b"x"))[:40], "download it again"),
        ],
    )
    def test_what_cannot_be_opened(self, course, data, why):
        """Alone it is an error; beside others a line."""
        path = course.put("x.zip", data)
        with pytest.raises(SourceError, match=why):
            course.collect("sums", path)
        rows = course.collect("sums", path, course.put("y.zip", zipped(mine(sums("a")))))
        assert [row.status for row in rows] == ["refused", "placed"]

    def test_what_is_not_there(self, course):
        with pytest.raises(SourceError, match=r"no archive or folder .*nowhere\.zip"):
            course.collect("sums", course.root / "nowhere.zip")
        with pytest.raises(CollectError, match="Did you mean sums"):
            course.collect("smus", course.root)

    def test_too_many_files(self, course, monkeypatch):
        monkeypatch.setattr(archives, "MAX_ENTRIES", 3)
        with pytest.raises(SourceError, match="no class's archive"):
            course.collected("sums", *(mine(b"x", name=str(n)) for n in range(4)))


def test_the_command(course, capsys):
    """The table, the counts, and a line of JSON for each row."""
    from course.cli import main

    path = course.put("nlp-sums-77.zip", zipped(mine(sums("a")), ("../x.ipynb", b"")))
    table = course.put("r.csv", "Имя;Фамилия\nBoris;Kim\n".encode("cp1251"))
    out = course.root / "out.jsonl"
    command = ["collect", "sums", str(path), "--course-dir", str(course.root), "--roster", str(table)]
    assert main([*command, "--json", str(out)]) == 0
    text = capsys.readouterr().out
    assert "1 refused, 1 not on the roster, 1 not handed in" in text
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    fields = "source entry student name assignment status reason target submitted_at late"
    assert all(list(line) == fields.split() for line in lines)
    assert {line["status"] for line in lines} == {"unknown", "refused", "missing"}
    assert main(["collect", "nothing", str(path), "--course-dir", str(course.root)]) == 2
    assert "There is no assignment or unit nothing" in capsys.readouterr().err


class TestSaid:
    """What the command prints: on a terminal of eighty columns, and no more than is of use."""

    @pytest.fixture
    def said(self, course, capsys):
        from course.cli import main

        def run(name: str, *members: tuple, options=()) -> str:
            path = course.put("nlp-sums-77.zip", zipped(*members))
            assert main(["collect", name, str(path), "--course-dir", str(course.root), *options]) == 0
            return capsys.readouterr().out

        return run

    def test_it_fits_and_says_why_only_where_something_is_odd(self, course, said):
        (course.root / "roster.csv").write_text(
            "id,name\nanna.petrova.1234@students.example.org,Anna\nboris@x.org,Boris\n" + "x" * 100 + ",Long Name\n"
        )
        homework = "My homework, third and really last version (final) (2).ipynb"
        text = said(
            "sums",
            mine(sums("a"), name=homework),
            (f"Boris_2{FILE}/words.ipynb", sums("b")),
            (f"Clara the Great of the Seven Hills and Beyond_3{FILE}/{homework}", b"{"),
        )
        assert max(map(len, text.splitlines())) <= 80
        assert re.search(r"placed: 2\n  Anna +\n? +anna\.petrova\.1234@students\.example\.org", text)
        assert homework not in text.partition("no notebook")[0], "its name says nothing, as usual"
        assert "words.ipynb — By its content it is sums-en, whatever its name says." in text
        assert "not handed in: 1\n  Long Name" in text and "Nothing of sums came" not in text

    @pytest.mark.parametrize("trial", [False, True])
    def test_notebooks_of_another_unit_are_no_silent_matter(self, said, trial):
        """The archive of one unit, collected as another's."""
        members = [(f"Student {n}_{n}{FILE}/words.ipynb", sums(f"w{n}", "words-en")) for n in range(3)]
        placed = "Would be placed" if trial else "Placed"
        sentence = f"{placed} under words-en, not sums, because that is what the notebooks are: 3."
        for _ in range(2):
            assert sentence in said("sums", mine(sums("a")), *members, options=["--dry-run"] * trial)
        assert "Placed under" not in said("words", *members)

    def test_nothing_that_a_terminal_obeys_gets_through(self, said):
        text = said("sums", (f"\x1b[31m[red]x_1{FILE}/sums.ipynb", b"\x1b"))
        assert "\x1b" not in text and "[red]x" in text.replace("_red_", "[red]")


def test_what_is_collected_is_what_is_graded(course):
    """Grading finds the one notebook, and nobody else."""
    from course.folder import Folder

    course.collected("sums", mine(sums("a")), mine(sums("b"), EARLIER, name="x.ipynb"))
    folder = Folder.at(course.root)
    assert folder.students("sums-en") == ["Anna"]
    assert sorted(name for name, _, _ in folder.handed_in("sums-en", "Anna")) == ["sums.ipynb", "timestamp.txt"]
    assert folder.handed_in("sums-en", "Anna")[0][2] == sums("a")
