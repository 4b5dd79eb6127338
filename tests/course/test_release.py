"""What students get: their repository and what pip makes of it. Nothing of the teacher's is in either."""

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest

from course import ROOT, Refusal
from course.build import students, write
from course.build.publish import RECORD, publish
from course.build.read import languages_of, unit_names
from course.build.students import ReleaseError, Unit, address_of, contents, distribution, readmes

ADDRESS = "owner/name"
COLAB = f"https://colab.research.google.com/github/{ADDRESS}/blob/main/"
LINK = re.compile(r"\]\(([^)\s]+)\)")
HIDDEN = re.compile(r"^ *### BEGIN HIDDEN TESTS$(.*?)^ *### END HIDDEN TESTS$", re.S | re.M)
LONG = 25  # characters: shorter lines stand in many places


def lines(text: str, begin: str = "", longer: int = LONG) -> set[str]:
    found = (line.strip() for line in text.splitlines())
    return {line for line in found if len(line) >= longer and line.startswith(begin)}


def texts(value):
    """The texts in a value read from JSON; a list of words is one."""
    if isinstance(value, list):
        yield " ".join(map(str, value))
    elif isinstance(value, str):
        yield value


@pytest.fixture(scope="module")
def secrets() -> dict[str, set[str]]:
    """Kind → lines or texts that must not be in anything that a student gets."""
    hidden, visible, essays = set(), set(), set()
    for path in ROOT.glob("source/*/*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                visible |= lines(HIDDEN.sub("", cell.source))
                hidden |= set().union(*(lines(found[1], "assert") for found in HIDDEN.finditer(cell.source)))
            elif "nbgrader" in cell.metadata:
                essays |= lines(cell.source)
    mutants, unseen = set(), set()
    for path in ROOT.glob("course/units/*/mutants.py"):
        mutants |= lines(path.read_text(encoding="utf-8"), '("', 40)
    for path in ROOT.glob("course/units/*/unseen*.jsonl"):
        rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        unseen |= {text for row in rows for value in row.values() for text in texts(value) if len(text) >= LONG}
    return {"hidden tests": hidden - visible, "model answers": essays, "mutants": mutants, "unseen texts": unseen}


def leaks(files: dict[str, bytes], secrets: dict[str, set[str]]) -> list[tuple[str, str, str]]:
    """(file, kind, line) of what must not be there."""
    found = []
    for path, content in files.items():
        text = content.decode("utf-8", errors="replace")
        found += [(path, "marks", mark) for mark in ("BEGIN SOLUTION", "HIDDEN TESTS") if mark in text]
        if path.endswith(".ipynb"):
            text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
        own = lines(text)
        for kind, lines_of_kind in secrets.items():
            known = {line for line in lines_of_kind if line in text} if kind == "unseen texts" else own & lines_of_kind
            found += [(path, kind, line) for line in known]
    return found


@pytest.fixture(scope="module")
def released() -> dict[str, bytes]:
    """Path → content of the students' repository."""
    return contents(ADDRESS)


@pytest.fixture(scope="module")
def repository(released, tmp_path_factory) -> Path:
    """The folder that `course release` makes."""
    folder = tmp_path_factory.mktemp("released") / "students"
    publish(released, folder)
    return folder


class TestTheRepository:
    def test_it_holds_nothing_of_the_teachers(self, released, secrets):
        assert all(secrets.values())
        assert leaks(released, secrets) == []

    @pytest.mark.parametrize("path", ["README.md", "helpers/samples/new.csv", "release/ner-es/ner.ipynb"])
    def test_a_leak_would_be_seen(self, released, secrets, path):
        for kind, lines_of_kind in secrets.items():
            secret = max(lines_of_kind)
            content = released.get(path, b"")
            if path.endswith(".ipynb"):
                notebook = nbformat.reads(content.decode(), as_version=4)
                notebook.cells[-1].source += f"\n{secret}"
                planted = nbformat.writes(notebook).encode()
            else:
                planted = content + f"\n{secret}\n".encode()
            assert (path, kind, secret) in leaks({path: planted}, secrets)

    def test_it_holds_notebooks_helpers_and_what_belongs_to_them(self, released):
        own = r"README(\.\w\w)?\.md|pyproject\.toml|\.gitignore|LICEN[CS]E.*"
        assert [path for path in released if not re.fullmatch(rf"(release|helpers)/.+|{own}", path)] == []

    def test_every_unit_is_there_in_its_languages(self, released):
        wanted = {f"release/{name}-{code}/{name}.ipynb" for name in unit_names() for code in languages_of(name)}
        assert {path for path in released if path.startswith("release/")} == wanted

    def test_all_of_helpers_is_there(self, released):
        files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "helpers").rglob("*") if path.is_file()}
        assert {path for path in released if path.startswith("helpers/")} == {
            path for path in files if "__pycache__" not in path and "/." not in path
        }

    def test_an_earlier_release_knows_its_address(self, repository, tmp_path):
        assert (address_of(repository), address_of(tmp_path)) == (ADDRESS, "")

    def test_notebooks_point_to_this_repository_and_no_other(self, released):
        for path, content in released.items():
            if path.startswith("release/"):
                text = content.decode()
                assert f"transformers-course @ git+https://github.com/{ADDRESS}" in text
                assert set(re.findall(r"colab\.research\.google\.com/github/(\w+/\w+)", text)) == {ADDRESS}

    def test_the_links_of_the_readmes_lead_somewhere(self, released):
        for path in ("README.md", "README.ru.md", "README.es.md"):
            links = LINK.findall(released[path].decode())
            own = [link.removeprefix(COLAB) for link in links if link.startswith(COLAB)]
            assert len(own) == sum(len(languages_of(name)) for name in unit_names())
            others = [link for link in links if not link.startswith("https://")]
            assert [link for link in (*own, *others) if link not in released] == []

    def test_no_template_is_left_in_the_readmes(self, released):
        for path, content in released.items():
            if path.startswith("README"):
                assert not re.search(r"\{\{|\{%|None|\n\n\n", content.decode()), path

    def test_git_takes_all_of_it(self, released, repository):
        """None of its files is one that its own .gitignore names."""
        for command in (["init", "--quiet"], ["add", "--all"]):
            subprocess.run(["git", *command], cwd=repository, check=True, capture_output=True)
        added = subprocess.run(["git", "ls-files", "-z"], cwd=repository, check=True, capture_output=True, text=True)
        assert set(added.stdout.split("\0")) - {""} == {*released, RECORD}

    def test_the_distribution_is_the_students_alone(self, released):
        made = tomllib.loads(released["pyproject.toml"].decode())
        ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        assert made["project"] == ours["project"]
        assert made["tool"].keys() == {"hatch"}
        assert b"teacher" not in released["pyproject.toml"]

    @pytest.mark.parametrize(
        "address", ["name", "https://github.com/owner/name", "owner/name/", "own er/name", "o/n?x", "a/b\nc"]
    )
    def test_an_address_that_is_none_is_refused(self, address):
        with pytest.raises(ReleaseError, match="write owner/name"):
            contents(address)

    def test_a_file_with_a_hidden_test_is_not_handed_out(self):
        with pytest.raises(ReleaseError, match=r"helpers/x\.py holds a solution or a hidden test"):
            students.check({"README.md": b"", "helpers/x.py": b"    ### BEGIN HIDDEN TESTS\n"})


class TestTheReadmes:
    UNITS = (
        Unit("ner", {"en": "Names", "ru": "Имена", "es": "Nombres"}, 90),
        Unit("own", {"en": "Mine"}, 5),
    )

    def test_without_an_address_the_table_leads_to_the_files(self):
        made = readmes(list(self.UNITS), "", [])
        for text in made.values():
            links = set(LINK.findall(text.decode())) - set(made)
            wanted = {f"release/ner-{code}/ner.ipynb" for code in ("en", "ru", "es")} | {"release/own-en/own.ipynb"}
            assert links == wanted
            assert b"olab:" not in text and b"git clone" not in text

    def test_a_unit_of_one_language_stands_in_every_table(self):
        for text in readmes(list(self.UNITS), ADDRESS, []).values():
            (row,) = [line for line in text.decode().splitlines() if line.startswith("| `own`")]
            assert row.split(" | ")[1] == "Mine" and row.count(" – ") == 2

    def test_every_row_has_as_many_cells_as_the_head(self):
        for text in readmes(list(self.UNITS), ADDRESS, []).values():
            rows = [line for line in text.decode().splitlines() if line.startswith("|")]
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1

    def test_a_title_stays_in_its_cell(self):
        assert students._title('   "# A | B\\n",\n') == "A \\| B"

    def test_an_english_course_has_an_english_readme(self):
        made = readmes([self.UNITS[1]], ADDRESS, [])
        assert made.keys() == {"README.md"}
        assert made["README.md"].startswith(b"# ")

    def test_the_licence_is_named_where_there_is_one(self):
        for text in readmes(list(self.UNITS), ADDRESS, ["LICENSE"]).values():
            assert b"[LICENSE](LICENSE)" in text

    def test_the_licence_is_handed_out(self, tmp_path, monkeypatch):
        monkeypatch.setattr(students, "ROOT", tmp_path)
        assert not students.has_licence()
        (tmp_path / "LICENSE.md").write_text("CC BY 4.0")
        assert students.has_licence() and dict(students._licences()) == {"LICENSE.md": b"CC BY 4.0"}


def build(kind: str, folder: Path, out: Path) -> Path:
    """What hatchling makes of a folder, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(out / kind)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = (out / kind).iterdir()
    return made


def unpacked(path: Path) -> dict[str, bytes]:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(path) as archive:
        files = [member for member in archive if member.isfile()]
        return {member.name.partition("/")[2]: archive.extractfile(member).read() for member in files}


def rooms(files: dict[str, bytes]) -> set[str]:
    return {path.partition("/")[0] for path in files}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The students' wheel, as `pip wheel .` makes it in this folder."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(out), str(ROOT)], check=True, capture_output=True)
    (made,) = out.iterdir()
    return made


class TestTheDistributions:
    def test_the_students_wheel_holds_helpers_alone(self, wheel, secrets):
        files = unpacked(wheel)
        metadata = {room for room in rooms(files) if room.endswith(".dist-info")}
        assert rooms(files) - metadata == {"helpers"} and len(metadata) == 1
        assert leaks(files, secrets) == []

    def test_so_does_their_source_archive(self, tmp_path, secrets):
        files = unpacked(build("sdist", ROOT, tmp_path))
        assert rooms(files) <= {"helpers", "PKG-INFO", "pyproject.toml", ".gitignore"}
        assert leaks(files, secrets) == []

    def test_what_is_installed_from_the_repository_is_the_same(self, wheel, repository, tmp_path):
        made = unpacked(build("wheel", repository, tmp_path))
        ours = unpacked(wheel)
        assert {path: content for path, content in made.items() if path.startswith("helpers/")} == {
            path: content for path, content in ours.items() if path.startswith("helpers/")
        }

    def test_a_student_who_installed_it_can_check_a_notebook(self, wheel, repository, tmp_path):
        folder = tmp_path / "site-packages"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        notebook = repository / "release" / "ner-ru" / "ner.ipynb"
        script = """\
import importlib.util, sys
from pathlib import Path
import helpers
from helpers.check import reading
print(helpers.__file__, reading.from_file(Path(sys.argv[1])).language, importlib.util.find_spec("course"))"""
        ours = {str(ROOT), ""}
        others = [path for path in sys.path if path not in ours and Path(path).name != "tests"]
        done = subprocess.run(
            [sys.executable, "-S", "-c", script, str(notebook)],
            cwd=tmp_path, capture_output=True, text=True,
            env={"PYTHONPATH": ":".join([str(folder), *others])},
        )  # fmt: skip
        assert not done.stderr
        assert done.stdout.split() == [str(folder / "helpers" / "__init__.py"), "ru", "None"]

    def test_the_teachers_wheel_holds_all_that_course_needs(self, tmp_path):
        files = unpacked(build("wheel", ROOT / "course", tmp_path))
        parts = [path.relative_to(ROOT) for path in (ROOT / "course").rglob("*") if path.is_file()]
        wanted = {
            path.as_posix() for path in parts if not any(part[0] == "." or part == "__pycache__" for part in path.parts)
        } - {"course/pyproject.toml", "course/README.ru.md", "course/README.es.md"}
        assert {path for path in files if ".dist-info/" not in path} == wanted
        assert b"course = course.cli:main" in next(files[path] for path in files if path.endswith("entry_points.txt"))

    def test_the_teachers_metadata_name_the_students_distribution(self):
        teachers = tomllib.loads((ROOT / "course" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert ours["name"] in teachers["dependencies"]
        assert "scripts" not in ours and "course" in teachers["scripts"]


def test_a_course_without_its_repository_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "ROOT", tmp_path)
    with pytest.raises(Refusal, match=f"copy of the course's repository, and {tmp_path} is none: clone it"):
        write.repository()


def test_the_part_for_students_ends_where_the_teachers_settings_begin():
    kept = distribution((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "ruff" not in kept and "pytest" not in kept and kept.startswith("[build-system]")
