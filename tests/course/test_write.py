"""source/ and release/: the same bytes every time, the same code in every language, nothing hidden in release/."""

import dataclasses
import re
import shutil
from pathlib import Path

import nbformat
import polib
import pytest
from nbformat import NotebookNode
from nbgrader.nbgraderformat.v3 import MetadataValidatorV3

from course import ROOT
from course.build import catalog
from course.build.catalog import load, path_of, table_of
from course.build.expand import same_code
from course.build.read import LANGUAGES, languages_of, read_unit, unit_names
from course.build.write import (
    Built,
    CatalogueError,
    build_language,
    check_parity,
    differences,
    dumps,
    release,
    write,
)
from helpers.check.reading import fingerprint

HIDDEN = re.compile(r"^ *### BEGIN (SOLUTION|HIDDEN TESTS)$.*?^ *### END \1$", re.S | re.M)
UNITS_AND_LANGUAGES = [(name, language) for name in unit_names() for language in languages_of(name)]
everywhere = pytest.mark.parametrize(("name", "language"), UNITS_AND_LANGUAGES)


def parsed(text: str) -> NotebookNode:
    return nbformat.reads(text, as_version=4)


def lines_of(text: str) -> set[str]:
    return {line.strip() for line in text.split("\n") if line.strip()}


def hidden_lines(cell) -> set[str]:
    """What must not reach a student: lines between marks, an essay's model answer."""
    if cell.cell_type == "markdown":
        return lines_of(cell.source) if "nbgrader" in cell.metadata else set()
    return {line for found in HIDDEN.finditer(cell.source) for line in lines_of(found.group())}


def visible_lines(cell) -> set[str]:
    if cell.cell_type == "markdown":
        return set() if "nbgrader" in cell.metadata else lines_of(cell.source)
    return lines_of(HIDDEN.sub("", cell.source))


def leaks(source: NotebookNode, released: NotebookNode) -> set[str]:
    """Hidden lines that can be read in the released notebook, though they stand nowhere in the visible text."""
    hidden = set().union(*map(hidden_lines, source.cells)) - set().union(*map(visible_lines, source.cells))
    return hidden & lines_of("\n".join(cell.source for cell in released.cells))


def by_id(notebook: NotebookNode) -> dict[str, NotebookNode]:
    return {cell.id: cell for cell in notebook.cells}


class TestDeterminism:
    @everywhere
    def test_building_twice_changes_no_byte(self, built, name, language):
        again = build_language(read_unit(name), language)
        assert again == built[name, language]

    @everywhere
    def test_the_committed_files_are_what_the_text_makes(self, built, name, language):
        assert differences([built[name, language]], ROOT) == []

    @pytest.mark.parametrize("name", unit_names())
    def test_the_cells_have_the_same_ids_in_every_language(self, built, name):
        ids = {tuple(cell.id for cell in parsed(built[name, language].source).cells) for language in languages_of(name)}
        assert len(ids) == 1

    @everywhere
    def test_a_release_has_the_ids_of_its_source(self, built, name, language):
        made = built[name, language]
        assert by_id(parsed(made.release)).keys() == by_id(parsed(made.source)).keys()


class TestSource:
    @everywhere
    def test_the_file_is_a_valid_notebook(self, built, name, language):
        nbformat.validate(parsed(built[name, language].source))

    @everywhere
    def test_nbgrader_accepts_it(self, built, name, language):
        notebook = parsed(built[name, language].source)
        MetadataValidatorV3().validate_nb(notebook)
        for cell in notebook.cells:
            MetadataValidatorV3().validate_cell(cell)

    @everywhere
    def test_every_answer_has_a_solution_between_the_marks(self, built, name, language):
        for cell in parsed(built[name, language].source).cells:
            graded = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and graded.get("solution"):
                assert HIDDEN.search(cell.source).group(1) == "SOLUTION"

    @everywhere
    def test_every_test_hides_something(self, built, name, language):
        for cell in parsed(built[name, language].source).cells:
            if cell.metadata.get("nbgrader", {}).get("locked"):
                assert HIDDEN.search(cell.source).group(1) == "HIDDEN TESTS"


class TestRelease:
    @everywhere
    def test_the_file_is_a_valid_notebook(self, built, name, language):
        nbformat.validate(parsed(built[name, language].release))

    @everywhere
    def test_no_mark_is_left(self, built, name, language):
        assert not re.search("BEGIN SOLUTION|END SOLUTION|HIDDEN TESTS", built[name, language].release)

    @everywhere
    def test_no_hidden_line_is_left(self, built, name, language):
        made = built[name, language]
        assert leaks(parsed(made.source), parsed(made.release)) == set()

    @everywhere
    def test_no_cell_shows_a_hidden_line_of_its_own(self, built, name, language):
        """Stricter for the cell itself: a line that is hidden here may well be visible in another cell."""
        made = built[name, language]
        released = by_id(parsed(made.release))
        for cell in parsed(made.source).cells:
            hidden = hidden_lines(cell) - visible_lines(cell)
            assert hidden.isdisjoint(lines_of(released[cell.id].source))

    @everywhere
    def test_the_students_check_knows_what_each_cell_looked_like(self, built, name, language):
        notebook = parsed(built[name, language].release)
        known = [cell for cell in notebook.cells if cell.cell_type == "code" or "nbgrader" in cell.metadata]
        assert notebook.metadata.course.cells == {cell.id: fingerprint(cell.source) for cell in known}

    def test_a_leak_would_be_seen(self, built):
        made = built["ner", "en"]
        source, released = parsed(made.source), parsed(made.release)
        hidden = "own_tokenizer = ner.load_tokenizer(profile.checkpoint)"
        released.cells[-1].source += f"\n{hidden}"
        assert leaks(source, released) == {hidden}

    @everywhere
    def test_what_is_not_graded_is_the_same_as_in_source(self, built, name, language):
        made = built[name, language]
        released = by_id(parsed(made.release))
        for cell in parsed(made.source).cells:
            if "nbgrader" not in cell.metadata:
                assert released[cell.id] == cell

    @everywhere
    def test_an_answer_says_where_to_write_in_the_readers_language(self, built, name, language):
        code, _ = stubs(language)
        for cell in parsed(built[name, language].release).cells:
            if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
                assert [line.strip() for line in cell.source.split("\n")[-2:]] == [
                    f"# {code}",
                    "raise NotImplementedError()",
                ]

    @everywhere
    def test_an_essay_is_a_stub_in_the_readers_language(self, built, name, language):
        _, text = stubs(language)
        essays = [cell for cell in parsed(built[name, language].release).cells if cell.id.startswith("essay_")]
        assert [cell.source for cell in essays] == [text] * len(essays)
        assert essays

    def test_the_stubs_differ_from_language_to_language(self):
        assert len({stubs(language) for language in LANGUAGES}) == len(LANGUAGES)

    @everywhere
    def test_graded_cells_cannot_be_deleted_and_tests_not_edited(self, built, name, language):
        for cell in parsed(built[name, language].release).cells:
            graded = cell.metadata.get("nbgrader")
            if graded:
                assert cell.metadata.deletable is False
                assert cell.metadata.get("editable", True) is not graded.locked


def stubs(language: str) -> tuple[str, str]:
    """What stands in released answers and essays."""
    table = {} if language == "en" else table_of(load(path_of(catalog.BUILDER, language)))
    return table.get("YOUR CODE HERE", "YOUR CODE HERE"), table.get("YOUR ANSWER HERE", "YOUR ANSWER HERE")


@pytest.mark.parametrize("kind", ["source", "release"])
class TestBoth:
    @everywhere
    def test_nothing_of_a_run_is_kept(self, built, name, language, kind):
        for cell in parsed(getattr(built[name, language], kind)).cells:
            if cell.cell_type == "code":
                assert (cell.outputs, cell.execution_count) == ([], None)

    @everywhere
    def test_the_metadata_is_for_colab_and_without_widgets(self, built, name, language, kind):
        """State of progress bars breaks the notebook on GitHub."""
        metadata = parsed(getattr(built[name, language], kind)).metadata
        assert "widgets" not in metadata
        assert metadata.accelerator == "GPU"
        assert metadata.colab == {"gpuType": "T4", "name": f"{name}.ipynb", "provenance": [], "toc_visible": True}
        assert metadata.kernelspec == {"display_name": "Python 3", "language": "python", "name": "python3"}

    @everywhere
    def test_no_account_no_drive_no_upgrade(self, built, name, language, kind):
        code = "\n".join(c.source for c in parsed(getattr(built[name, language], kind)).cells if c.cell_type == "code")
        assert not re.search(r"notebook_login|google\.colab import drive|drive\.mount|--upgrade|huggingface-cli", code)

    @everywhere
    def test_the_text_ends_with_a_line_break(self, built, name, language, kind):
        assert getattr(built[name, language], kind).endswith("}\n")


class TestLanguage:
    @pytest.mark.parametrize("kind", ["source", "release"])
    @everywhere
    def test_a_notebook_that_has_the_parameter_knows_its_language(self, built, name, language, kind):
        notebook = parsed(getattr(built[name, language], kind))
        (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
        assert set(re.findall(r"^language = (.*)$", cell.source, re.M)) <= {f'"{language}"'}


class TestParity:
    @pytest.mark.parametrize("kind", ["source", "release"])
    @pytest.mark.parametrize(
        ("name", "language"), [(name, language) for name, language in UNITS_AND_LANGUAGES if language != "en"]
    )
    def test_the_code_is_the_same_in_every_language(self, built, name, language, kind):
        english = parsed(getattr(built[name, "en"], kind)).cells
        other = parsed(getattr(built[name, language], kind)).cells
        assert [cell.cell_type for cell in other] == [cell.cell_type for cell in english]
        for one, two in zip(english, other, strict=True):
            assert one.cell_type == "markdown" or same_code(one, two)

    def test_code_that_differs_is_refused_and_named(self, small_unit):
        unit = small_unit("# %%\nx = 1\ny = 2")
        other = [dict(cell) for cell in unit.cells]
        other = [NotebookNode(cell | {"source": cell["source"].replace("2", "3")}) for cell in other]
        with pytest.raises(
            CatalogueError, match=r"^small-ru: the code of the cell that begins with 'x = 1' differs\.$"
        ):
            check_parity(unit, other, "ru")

    def test_a_translation_cannot_set_the_language(self, small_unit):
        """Only the builder does, after this check."""
        unit = small_unit('# %% tags=["parameters"]\nlanguage = "en"\nx = 1')
        other = [NotebookNode(cell | {"source": 'language = "ru"\nx = 2'}) for cell in map(dict, unit.cells)]
        with pytest.raises(CatalogueError):
            check_parity(unit, other, "ru")

    def test_a_translation_cannot_smuggle_code_in(self, course_copy):
        """A comment's translation with a line break would be a line of code."""
        set_translation(course_copy, "ru", "First helpers", "Сначала helpers.\nprofile = None")
        with pytest.raises(CatalogueError, match="line break differs"):
            build_language(read_unit("ner"), "ru")

    def test_if_it_could_the_build_would_stop(self, course_copy, monkeypatch):
        """A second gate, for the day on which the checks of the catalogue have a hole."""
        set_translation(course_copy, "ru", "First helpers", "Сначала helpers.\nprofile = None")
        monkeypatch.setattr(catalog, "problems", lambda *arguments: [])
        with pytest.raises(CatalogueError, match=r"^ner-ru: the code of the cell that begins with .* differs\.$"):
            build_language(read_unit("ner"), "ru")


def set_translation(
    root: Path, language: str, beginning: str, translation: str, *, name: str = "ner", **fields
) -> None:
    """Change one entry of a copied catalogue, that of the message with this beginning."""
    path = root / catalog.label(name, language)
    catalogue = polib.pofile(str(path))
    (entry,) = (entry for entry in catalogue if entry.msgid.startswith(beginning))
    entry.msgstr = translation
    for name, value in fields.items():
        setattr(entry, name, value)
    catalogue.save()


class TestCatalogueGate:
    """A translation that is not ready stops the build of its language, in one sentence."""

    @pytest.mark.parametrize(
        ("translation", "fields", "problem"),
        [
            ("", {}, "untranslated"),
            ("Посмотри на данные", {"flags": ["fuzzy"]}, "fuzzy"),
            ("Посмотри на `данные`", {}, "inline code differs"),
        ],
    )
    def test_it_is_not_built(self, course_copy, translation, fields, problem):
        set_translation(course_copy, "ru", "Look at the data", translation, **fields)
        with pytest.raises(CatalogueError, match=problem) as caught:
            build_language(read_unit("ner"), "ru")
        assert str(caught.value).startswith("course/units/ner/ru.po is not ready (1 entries;")

    def test_the_text_that_all_units_share_stops_each_of_them(self, course_copy, monkeypatch):
        shutil.copytree(catalog.COURSE / "locale", course_copy / "course" / "locale")
        monkeypatch.setattr(catalog, "COURSE", course_copy / "course")
        set_translation(course_copy, "ru", "How to work with this notebook", "", name=catalog.BUILDER)
        with pytest.raises(CatalogueError, match=r"^course/locale/ru\.po is not ready \(1 entries; .*untranslated"):
            build_language(read_unit("ner"), "ru")

    def test_the_other_languages_are(self, course_copy):
        set_translation(course_copy, "ru", "Look at the data", "")
        assert build_language(read_unit("ner"), "es").path == Path("ner-es/ner.ipynb")


@pytest.fixture
def notebook():
    """A small file that is not yet written."""
    return Built(Path("small-en/small.ipynb"), "source\n", "release: año\n")


class TestWrite:
    def test_both_files_are_written(self, notebook, tmp_path):
        assert write([notebook], tmp_path) == ["source/small-en/small.ipynb", "release/small-en/small.ipynb"]
        assert (tmp_path / "source" / notebook.path).read_bytes() == b"source\n"
        assert (tmp_path / "release" / notebook.path).read_bytes() == "release: año\n".encode()

    def test_what_has_not_changed_is_not_written_again(self, notebook, tmp_path):
        write([notebook], tmp_path)
        (tmp_path / "source" / notebook.path).chmod(0o444)
        assert write([dataclasses.replace(notebook, release="new\n")], tmp_path) == ["release/small-en/small.ipynb"]

    def test_a_missing_file_is_named(self, notebook, tmp_path):
        write([notebook], tmp_path)
        (tmp_path / "source" / notebook.path).unlink()
        assert differences([notebook], tmp_path) == ["source/small-en/small.ipynb"]

    @pytest.mark.parametrize("edited", [b"release: ano\n", b"release: a\xf1o\n", "release: año\r\n".encode(), b""])
    def test_a_file_edited_by_hand_is_named(self, notebook, tmp_path, edited):
        """Also where it is no longer UTF-8, or only its line ends have changed."""
        write([notebook], tmp_path)
        (tmp_path / "release" / notebook.path).write_bytes(edited)
        assert differences([notebook], tmp_path) == ["release/small-en/small.ipynb"]

    def test_after_writing_nothing_differs(self, notebook, tmp_path):
        write([notebook], tmp_path)
        assert differences([notebook], tmp_path) == []


class TestReleaseOfSmallUnits:
    """What nbgrader does with a solution and with hidden tests."""

    @pytest.fixture
    def released(self, small_unit):
        from course.build import header
        from course.build.expand import TEXTS, expand

        def made(*cells):
            unit = small_unit(*cells)
            words = {text: text for text in TEXTS}
            notebook = expand(unit, [*header.parts(unit), *unit.cells], "en", repository="", words=words)
            return by_id(parsed(release("small", dumps(notebook), "YOUR CODE", "YOUR ANSWER")))

        return made

    def test_a_solution_becomes_the_stub_with_its_indentation(self, released):
        cells = released('# %% answer="build_model"\nfrom helpers.ner import build_model')
        assert cells["build_model"].source == (
            "def build_model(checkpoint, label_names):\n    # YOUR CODE\n    raise NotImplementedError()"
        )

    def test_hidden_tests_are_cut_out(self, released):
        test = 'assert x\n### BEGIN HIDDEN TESTS\nassert x == 2, "secret"\n### END HIDDEN TESTS'
        assert released(f'# %% test="add" points=3\n{test}')["test_add"].source == "assert x"

    def test_an_essay_becomes_the_stub(self, released):
        assert released('# %% [markdown] essay="why" points=2\n# Because.')["essay_why"].source == "YOUR ANSWER"
