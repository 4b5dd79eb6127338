"""How a notebook is opened: nothing leads nowhere, with a repository and without one."""

import ast
import dataclasses
import re

import nbformat
import pytest

from course import ROOT
from course.build import write
from course.build.read import languages_of, read_unit, unit_names

COLAB = "https://colab.research.google.com/github/owner/name/blob/main/"
LINK = re.compile(r"\]\(([^)]*)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def prose(notebook) -> str:
    """All that a person reads, without the code in it: `norms[0](x)` is no link."""
    return CODE.sub("", "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown"))


def code(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def build():
    """A function: repository → (unit, language) → the released notebook."""

    def built(address):
        return {
            (name, language): nbformat.reads(made.release, as_version=4)
            for name in unit_names()
            for language, made in zip(languages_of(name), write.build_unit(name, address=address), strict=True)
        }

    return built


@pytest.fixture(scope="module")
def published(build):
    return build("owner/name")


@pytest.fixture(scope="module")
def local(build):
    return build("")


class TestWithARepository:
    def test_no_link_is_dead(self, published):
        """In Colab a notebook stands alone: only absolute links lead anywhere, and those of the course to its files."""
        for which, notebook in published.items():
            links = LINK.findall(prose(notebook))
            assert [link for link in links if not re.match("https?://|#|data:", link)] == [], which
            own = [link.removeprefix(COLAB) for link in links if link.startswith(COLAB)]
            assert [path for path in own if not (ROOT / path).is_file()] == [], which
            assert "owner/name" not in re.sub(re.escape(COLAB), "", " ".join(links))

    def test_the_badge_opens_this_notebook(self, published):
        for (name, language), notebook in published.items():
            line = notebook.cells[0].source.split("\n")[2]
            badge = re.match(r"\[!\[[^]]+\]\([^)]*badge[^)]*\)\]\(([^)]*)\)", line)
            assert badge[1] == f"{COLAB}release/{name}-{language}/{name}.ipynb"

    def test_the_other_languages_are_one_click_away(self, published):
        line = published["ner", "ru"].cells[0].source.split("\n")[2]
        english, spanish = (f"{COLAB}release/ner-{language}/ner.ipynb" for language in ("en", "es"))
        assert line.endswith(f" · [English]({english}) · Русский · [Español]({spanish})")

    def test_the_install_cell_does_nothing_outside_colab(self, published):
        for notebook in published.values():
            lines = code(notebook)[0].split("\n")
            assert lines[2] == 'if "google.colab" in sys.modules:'
            assert [line for line in lines[3:] if not line.startswith("    ")] == []

    def test_it_installs_the_course_and_a_peft_that_transformers_can_be_imported_with(self, published):
        command = '    %pip install -q "transformers-course @ git+https://github.com/owner/name" "peft>=0.18"'
        assert {code(notebook)[0].split("\n")[3] for notebook in published.values()} == {command}

    @pytest.mark.parametrize("word", ["notebook_login", "drive", "--upgrade", " -U", "torch", "numpy", "==", "!pip"])
    def test_it_leaves_colab_as_it_is(self, published, word):
        """No account, no Drive, and Colab's own torch and NumPy stay, or the runtime must be restarted."""
        assert word not in code(published["ner", "en"])[0]

    @pytest.mark.parametrize(
        ("language", "menu"),
        [
            ("en", "*Runtime → Change runtime type → T4 GPU*"),
            ("ru", "*Среда выполнения → Сменить среду выполнения → T4 GPU*"),
            ("es", "*Entorno de ejecución → Cambiar tipo de entorno de ejecución → T4 GPU*"),
        ],
    )
    def test_it_is_said_where_the_gpu_is_switched_on(self, published, language, menu):
        for name in unit_names():
            before_install = published[name, language].cells[1]
            assert before_install.cell_type == "markdown" and menu in before_install.source

    def test_what_happens_without_a_gpu_and_with_red_lines_is_said(self, published):
        text = published["intent", "en"].cells[1].source
        assert "You can ignore lines in red" in text
        assert "downloaded from the Hugging Face Hub" in text

    def test_a_unit_links_to_no_language_that_it_does_not_have(self):
        for languages, names in [(("en",), []), (("en", "es"), ["Español"])]:
            unit = dataclasses.replace(read_unit("ner"), languages=languages)
            notebook = nbformat.reads(write.build_language(unit, "en", "owner/name").release, as_version=4)
            line = notebook.cells[0].source.split("\n")[2]
            assert re.findall(r" · \[([^]]+)\]", line) == names
            assert line.endswith(")")


class TestWithoutARepository:
    def test_nothing_is_promised(self, local):
        for which, notebook in local.items():
            links = LINK.findall(prose(notebook))
            assert [link for link in links if "colab" in link or not re.match("https?://|#|data:", link)] == [], which
            assert not any("%pip" in source or "google.colab" in source for source in code(notebook)), which

    def test_it_is_said_how_the_notebook_is_opened(self, local):
        for (name, language), notebook in local.items():
            text = notebook.cells[1].source
            path = f"release/{name}-{language}/{name}.ipynb"
            assert f"`jupyter lab {path}`" in text and (ROOT / path).is_file()
            assert '`pip install ".[offline]" jupyterlab`' in text

    def test_its_code_is_plain_python(self, local):
        for notebook in local.values():
            assert all(ast.parse(source) for source in code(notebook) if source)


@pytest.mark.parametrize("setting", ['repository = ""', ""])
def test_a_course_has_no_address_until_one_is_set(tmp_path, monkeypatch, setting):
    (tmp_path / "pyproject.toml").write_text(f"[tool.course]\n{setting}\n")
    monkeypatch.setattr(write, "ROOT", tmp_path)
    assert write.repository() == ""
