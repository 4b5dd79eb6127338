"""Is it ready to hand in? What a student reads of a notebook of theirs, in a file, in Jupyter and in Colab."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from helpers import check
from helpers.check import __main__ as command
from helpers.check import cells, fresh, reading, report, saying
from helpers.check.reading import fingerprint, of_content

STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
ADD = "def add(a, b):\n    return a + b"
DOUBLE = "def double(n):\n    return add(n, n)"
TEST_ADD = 'assert add(1, 2) == 3, "Add both numbers."'
RULES = """\
from helpers.rules import Rules

rules = Rules({"small": 2, "large": 1})
with rules("small"):
    assert double(1) == 2, "Twice one is two."
with rules("large"):
    assert double(10**9) == 2 * 10**9, "Large numbers, too."
rules.score()"""
IMPORTS = "from helpers import profiles\n\nlimit = 3"


def code(source, name="", graded=None, tags=()):
    metadata = {"nbgrader": graded} if graded else {}
    metadata |= {"tags": list(tags)} if tags else {}
    return {
        "cell_type": "code", "id": name, "metadata": metadata, "source": source, "outputs": [], "execution_count": None,
    }  # fmt: skip


def text(source, name="", graded=None):
    return {"cell_type": "markdown", "id": name, "metadata": {"nbgrader": graded} if graded else {}, "source": source}


def answer(name, source):
    return code(source, name, {"grade_id": name, "solution": True, "grade": False})


def trial(name, source, points=3.0):
    return code(source, f"test_{name}", {"grade_id": f"test_{name}", "grade": True, "points": points})


def essay(source):
    return text(source, "essay_why", {"grade_id": "essay_why", "grade": True, "solution": True, "points": 2.0})


def released():
    """The cells of a small unit as a student gets them."""
    return [
        text("# A small unit", "small-00"),
        code('language = "en"', "small-01", tags=["parameters"]),
        code(IMPORTS, "small-02"),
        code("shown = 2", "small-03", tags=["lesson"]),
        text("## Exercise 1: add", "small-04"),
        answer("add", f"def add(a, b):\n    {STUB.replace(chr(10), chr(10) + '    ')}"),
        trial("add", TEST_ADD, 2.0),
        text("## Exercise 2: double", "small-05"),
        answer("double", STUB),
        trial("double", RULES),
        text("## Question 1", "small-06"),
        essay("YOUR ANSWER HERE"),
        code("from helpers import check\n\ncheck.this_notebook()", "small-07", tags=["lesson"]),
    ]


RELEASED = {
    cell["id"]: fingerprint(cell["source"]) for cell in released() if cell["metadata"] or cell["cell_type"] == "code"
}


def content(changes=(), added=(), language="en", keep=lambda cell: True):
    """A notebook as a file holds it: answers right but for `changes`; `added` are (position, cell)."""
    sources = {"add": ADD, "double": DOUBLE, "essay_why": "Because.", **dict(changes)}
    made = [cell | {"source": sources.get(cell["id"], cell["source"])} for cell in released() if keep(cell)]
    for position, cell in added:
        made.insert(position, cell)
    course = {"unit": "small", "language": language, "cells": RELEASED}
    return {"cells": made, "metadata": {"course": course}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def found(tmp_path):
    """A function: the notebook's content → its report."""

    def examine(*args, **kwargs):
        return report.examine(of_content(content(*args, **kwargs), "small.ipynb", tmp_path), with_bar=False)

    return examine


@pytest.fixture
def states(tmp_path):
    """A function: the notebook's content → what is there of each answer, without running it."""

    def look(*args, **kwargs):
        return {a.grade_id: a.state for a in cells.answers(of_content(content(*args, **kwargs), "x", tmp_path))}

    return look


@pytest.fixture
def remarks(tmp_path):
    """A function: the notebook's content → what is said of it besides the answers."""

    def look(*args, **kwargs):
        notebook = of_content(content(*args, **kwargs), "x", tmp_path)
        return [(remark.kind, remark.subject) for remark in cells.remarks(notebook)]

    return look


ALL_WRITTEN = {"add": "written", "double": "written", "essay_why": "written"}


class TestAnswers:
    def test_all_are_written(self, states):
        assert states() == ALL_WRITTEN

    def test_the_released_notebook_is_empty(self, states):
        untouched = {cell["id"]: cell["source"] for cell in released()}
        assert states(untouched) == dict.fromkeys(ALL_WRITTEN, "empty")

    @pytest.mark.parametrize(
        "source",
        ["", "\n \n", "# later", "raise NotImplementedError()", "def double(n):\n    raise NotImplementedError()"],
    )
    def test_what_says_nothing_is_empty(self, states, source):
        assert states({"double": source})["double"] == "empty"

    @pytest.mark.parametrize("source", ["", "  \n", "YOUR  ANSWER HERE\n"])
    def test_a_question_without_an_answer_is_empty(self, states, source):
        assert states({"essay_why": source})["essay_why"] == "empty"

    @pytest.mark.parametrize("name", ["add", "essay_why"])
    def test_a_deleted_cell_is_missing(self, states, name):
        assert states(keep=lambda cell: cell["id"] != name) == {**ALL_WRITTEN, name: "missing"}

    @pytest.mark.parametrize("source", ["def add(a, b)\n    return a + b", "return 1", 'add = "'])
    def test_what_is_no_python_is_broken(self, states, source):
        assert states({"add": source})["add"] == "broken"

    @pytest.mark.parametrize(
        "source", ["%time x = 1\n" + ADD, "!ls\n" + ADD, "import asyncio\nawait asyncio.sleep(0)\n" + ADD]
    )
    def test_magics_are_python_here(self, states, source):
        assert states({"add": source}) == ALL_WRITTEN

    def test_a_copied_cell_is_doubled(self, states):
        assert states(added=[(5, answer("add", "def add(a, b):\n    return b"))])["add"] == "doubled"

    def test_an_empty_copy_is_no_second_version(self, states):
        assert states(added=[(5, answer("add", STUB))]) == ALL_WRITTEN

    def test_a_second_definition_above_the_tests_is_doubled(self, states):
        assert states(added=[(6, code("def add(a, b):\n    return 7", "own"))])["add"] == "doubled"

    def test_an_experiment_below_the_tests_is_none(self, states):
        assert states(added=[(7, code("def add(a, b):\n    return 7", "own"))]) == ALL_WRITTEN

    def test_an_answer_in_a_cell_of_ones_own_is_found(self, states):
        assert states({"add": STUB}, added=[(5, code(ADD, "own"))]) == ALL_WRITTEN

    def test_colab_keeps_ids_in_metadata_and_sources_as_lines(self, tmp_path):
        colab = content()
        for cell in colab["cells"]:
            cell["metadata"]["id"] = cell.pop("id")
            cell["source"] = cell["source"].splitlines(keepends=True)
        notebook = of_content(colab, "x", tmp_path)
        assert {a.grade_id: a.state for a in cells.answers(notebook)} == ALL_WRITTEN
        assert cells.remarks(notebook) == []


class TestRemarks:
    def test_there_are_none_on_what_was_given_out(self, remarks):
        assert remarks() == []

    def test_a_changed_cell_is_named_by_its_first_line(self, remarks):
        assert remarks({"small-02": IMPORTS.replace("3", "4")}) == [("changed", "from helpers import profiles")]

    def test_a_comment_or_a_space_is_no_change(self, remarks):
        assert remarks({"small-02": "# why three?\n" + IMPORTS.replace(" = ", "=")}) == []

    def test_parameters_are_there_to_be_changed(self, remarks):
        assert remarks({"small-01": 'language = "es"'}) == []

    def test_changed_tests_are_named(self, remarks):
        assert remarks({"test_add": "assert True"}) == [("changed_test", "add")]

    def test_missing_cells_are_counted(self, remarks):
        assert remarks(keep=lambda cell: cell["id"] not in ("small-02", "test_add")) == [("put_back", "2")]

    def test_a_name_that_only_an_excursus_makes(self, remarks):
        assert remarks({"double": "def double(n):\n    return shown * n"}) == [("excursus_name", "shown")]

    @pytest.mark.parametrize(
        "source",
        [
            "shown = 2\n\n\ndef double(n):\n    return shown * n",
            "def double(shown):\n    return 2 * shown",
            "def double(n):\n    return n + sum(shown for shown in [n])",
        ],
    )
    def test_a_name_of_ones_own_is_none(self, remarks, source):
        assert remarks({"double": source}) == []


class TestRun:
    def test_right_answers_are_ready(self, found):
        right = found()
        assert right.is_ready and right.to_mend == 0
        assert [tried.tests for _, tried in right.answers] == ["passed", "passed", "none"]
        assert "Ready to hand in." in saying.text(right)

    def test_the_released_notebook_is_not(self, found):
        empty = found({cell["id"]: cell["source"] for cell in released()})
        assert (empty.is_ready, empty.to_mend, empty.stops) == (False, 3, ())
        assert saying.text(empty).count("nothing is written yet.") == 3

    def test_failed_tests_say_why(self, found):
        wrong = found({"add": "def add(a, b):\n    return a - b"})
        tried = {answer.grade_id: tried for answer, tried in wrong.answers}
        assert (tried["add"].tests, tried["add"].lines) == ("failed", ("Add both numbers.",))
        assert tried["double"].lines == ("✗ small: Twice one is two.", "✗ large: Large numbers, too.")

    def test_a_rule_group_costs_its_points(self, found):
        half = found({"double": "def double(n):\n    return min(2 * n, 10)"})
        tried = half.answers[1][1]
        assert (tried.tests, tried.points, tried.most) == ("partly", 2.0, 3.0)
        assert "some of the tests that you see do not pass:\n      ✗ large: Large numbers, too." in saying.text(half)

    def test_a_rule_that_is_tested_only_after_handing_in_is_no_failure(self, found):
        later = found({"test_double": RULES.replace('"large": 1', '"large": 0.5, "odd": 0.5')})
        tried = later.answers[1][1]
        assert (tried.tests, tried.points, tried.most) == ("passed", 2.5, 3.0)

    def test_an_assert_without_a_message_shows_its_line(self, found):
        wrong = found(
            {"add": "def add(a, b):\n    return 0", "test_add": "assert add(0, 0) == 0\nassert add(1, 2) == 3"}
        )
        assert wrong.answers[0][1].lines == ("assert add(1, 2) == 3",)

    def test_what_only_the_old_process_knew_is_missed(self, found):
        """The cell that made `factor` was deleted: in the student's own process everything works."""
        stale = found({"double": "factor\n" + DOUBLE})
        (stop,) = stale.stops
        assert (stop.first_line, stop.kind, stop.section) == ("factor", "NameError", "Exercise 2: double")
        assert "Exercise 2: double · the cell that begins with `factor`: NameError: name 'factor'" in saying.text(stale)

    def test_below_an_empty_exercise_failures_are_only_counted(self, found):
        waiting = found({"add": STUB}, added=[(12, code("double(3)", "own")), (3, code("1 / 0", "own2"))])
        assert (waiting.waiting, [stop.first_line for stop in waiting.stops]) == (1, ["1 / 0"])

    def test_a_process_that_dies_is_said(self, found):
        dead = found(added=[(9, code("import os, signal\n\nos.kill(os.getpid(), signal.SIGKILL)", "own"))])
        assert [stop.kind for stop in dead.stops] == ["died"]
        assert [tried.tests for _, tried in dead.answers] == ["passed", "not_reached", "none"]
        assert "here the process died" in saying.text(dead)

    def test_the_installation_and_the_check_itself_are_left_out(self, tmp_path):
        install = code('import sys\n\n%pip install -q "transformers-course @ git+https://example.org/x"\n1 / 0', "own")
        results = {
            result.index: result for result in fresh.run(of_content(content(added=[(1, install)]), "x", tmp_path))
        }
        assert 1 not in results
        assert (results[13].kind, results[13].said) == ("", "")

    def test_it_runs_beside_the_notebook_and_leaves_the_file_alone(self, found, tmp_path):
        (tmp_path / "words.txt").write_text("one two")
        found(added=[(1, code("from pathlib import Path\n\nassert Path('words.txt').read_text() == 'one two'", "own"))])
        assert [path.name for path in tmp_path.iterdir()] == ["words.txt"]

    def test_ending_it_ends_the_process(self, tmp_path):
        """A student interrupts the check in a cell that takes for ever."""
        says_who = code("import os\n\nopen('pid', 'w').write(str(os.getpid()))", "own")
        endless = code("import time\n\ntime.sleep(600)", "own2")
        run = fresh.run(of_content(content(added=[(2, says_who), (3, endless)]), "x", tmp_path))
        assert [next(run).index, next(run).index] == [1, 2]
        run.close()
        assert not Path("/proc", (tmp_path / "pid").read_text()).exists()


class TestCommand:
    @pytest.fixture
    def run(self, tmp_path, capsys, monkeypatch):
        """A function: a notebook and options → exit code and what is printed. In place of a run, all cells do well."""
        well = [fresh.Result(index) for index in range(20)]
        monkeypatch.setattr(fresh, "run", lambda notebook: (result for result in well))

        def call(made, *options):
            path = tmp_path / "small.ipynb"
            path.write_text(made if isinstance(made, str) else json.dumps(made), encoding="utf-8")
            status = command.main([str(path), *options])
            return status, *capsys.readouterr()

        return call

    def test_0_is_ready(self, run):
        status, out, err = run(content())
        assert (status, err) == (0, "")
        assert "small.ipynb, as it was saved at" in out
        assert "Exercise 1: add: the tests that you see pass." in out
        assert out.rstrip().endswith(
            "More tests run after you have handed in: they check the same rules on other examples."
        )

    def test_1_is_not(self, run):
        status, out, _ = run(content({"add": ""}))
        assert status == 1 and "Not ready yet. To mend:" in out

    def test_json(self, run):
        status, out, _ = run(content({"essay_why": ""}), "--json")
        findings = json.loads(out)
        assert (status, findings["ready"], findings["to_mend"], findings["unit"]) == (1, False, 1, "small")
        assert [a["state"] for a in findings["answers"]] == ["written", "written", "empty"]

    @pytest.mark.parametrize(
        ("language", "sentences"),
        [
            (
                "ru",
                ["пока ничего не написано.", "открытые тесты пройдены.", "Сдавать пока рано. Осталось исправить: 1."],
            ),
            ("es", ["aún no has escrito nada.", "pasa las pruebas visibles.", "Aún no está listo. Por arreglar: 1."]),
        ],
    )
    def test_in_the_language_of_the_notebook(self, run, language, sentences):
        _, out, _ = run(content({"essay_why": ""}, language=language))
        assert [sentence for sentence in sentences if sentence not in out] == []

    @pytest.mark.parametrize(
        ("made", "problem"),
        [
            ("", "cannot be read as a notebook"),
            ("{", "cannot be read as a notebook"),
            ("[1]", "cannot be read as a notebook"),
            ('{"cells": 3}', "cannot be read as a notebook"),
            ({"cells": [code("x = 1")], "metadata": {}}, "is no notebook of this course"),
        ],
    )
    def test_2_is_no_notebook_of_the_course_in_one_sentence(self, run, made, problem):
        status, out, err = run(made)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert problem in err

    def test_a_file_that_is_not_there(self, capsys):
        assert command.main(["nowhere.ipynb"]) == 2
        assert capsys.readouterr().err == "There is no file nowhere.ipynb.\n"

    def test_odd_content_is_no_reason_to_fall_over(self, run):
        odd = content()
        odd["cells"] += [3, {}, {"cell_type": "code", "metadata": [], "source": None}]
        odd["cells"][2]["metadata"] = {"tags": "lesson", "nbgrader": 7}
        assert run(odd)[0] in (0, 1)

    def test_help_has_an_example(self, capsys):
        with pytest.raises(SystemExit):
            command.main(["--help"])
        assert "python -m helpers.check ner.ipynb" in capsys.readouterr().out

    def test_it_needs_nothing_of_the_teachers(self, tmp_path):
        (tmp_path / "small.ipynb").write_text(json.dumps(content()))
        program = (
            "import sys\n"
            "sys.modules |= dict.fromkeys(['course', 'nbgrader', 'rich', 'papermill', 'torch', 'transformers'])\n"
            "from helpers.check.__main__ import main\n"
            "sys.exit(main(['small.ipynb']))\n"
        )
        root = str(Path(check.__file__).parents[2])
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": root})
        assert done.returncode == 0


class TestThisNotebook:
    """`check.this_notebook()`, called by a person: where is the notebook?"""

    @pytest.fixture(autouse=True)
    def nowhere(self, monkeypatch):
        """No front end but the one that a test makes up."""
        monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
        monkeypatch.delenv(reading.RUNNING, raising=False)

    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "small.ipynb"
        path.write_text(json.dumps(content(language="es")), encoding="utf-8")
        return path

    def test_jupyterlab_says_it_in_the_environment(self, file, monkeypatch):
        monkeypatch.setenv("JPY_SESSION_NAME", str(file))
        assert reading.this_one().name == "small.ipynb"

    def test_else_the_path_is_asked_for(self, file, monkeypatch):
        monkeypatch.setattr("builtins.input", lambda question: f" {file} ")
        assert reading.this_one().name == "small.ipynb"

    def test_a_stale_name_in_the_environment_is_not_believed(self, file, monkeypatch):
        monkeypatch.setenv("JPY_SESSION_NAME", str(file.with_name("renamed.ipynb")))
        monkeypatch.setattr("builtins.input", lambda question: str(file))
        assert reading.this_one().name == "small.ipynb"

    def test_colab_is_asked_for_it(self, monkeypatch):
        asked = []

        def blocking_request(name, request, timeout_sec):
            asked.append(name)
            return {"ipynb": content(language="ru") | {"metadata": {"colab": {"name": "ner.ipynb"}}}}

        colab = types.ModuleType("google.colab")
        colab._message = types.SimpleNamespace(blocking_request=blocking_request)
        monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
        monkeypatch.setitem(sys.modules, "google.colab", colab)
        notebook = reading.this_one()
        assert (asked, notebook.name, notebook.saved) == (["get_ipynb"], "ner.ipynb", "")

    def test_a_mistake_is_one_sentence(self, monkeypatch, capsys):
        monkeypatch.setattr("builtins.input", lambda question: "nowhere.ipynb")
        check.this_notebook()
        assert capsys.readouterr().out == "There is no file nowhere.ipynb.\n"

    def test_run_by_a_program_it_does_nothing(self, file, monkeypatch, capsys):
        monkeypatch.setenv("JPY_SESSION_NAME", str(file))
        monkeypatch.setenv(reading.RUNNING, "1")
        check.this_notebook()
        assert capsys.readouterr().out == ""

    def test_an_interrupted_check_says_so(self, file, monkeypatch, capsys):
        def interrupt(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setenv("JPY_SESSION_NAME", str(file))
        monkeypatch.setattr(report, "examine", interrupt)
        check.this_notebook()
        assert capsys.readouterr().out.endswith("Interrumpido.\n")

    def test_without_its_metadata_a_notebook_still_says_its_language(self, tmp_path):
        bare = content(language="es", changes={"small-01": 'language = "ru"'}) | {"metadata": {}}
        assert of_content(bare, "x", tmp_path).language == "ru"

    def test_the_file_itself(self, file, capsys):
        check.notebook(file)
        assert "Listo para entregar." in capsys.readouterr().out

    def test_in_a_kernel_whose_front_end_answers(self, file):
        """A real kernel: an event loop runs already where the cell runs."""
        from jupyter_client.manager import start_new_kernel

        root = str(Path(check.__file__).parents[2])
        environment = {**os.environ, "JPY_SESSION_NAME": str(file), "PYTHONPATH": root}
        manager, client = start_new_kernel(env=environment)
        printed = []

        def collect(message):
            printed.append(message["content"].get("text", ""))

        def run(is_person):
            printed.clear()
            source = "from helpers import check\ncheck.this_notebook()"
            reply = client.execute_interactive(source, allow_stdin=is_person, output_hook=collect, timeout=60)
            assert reply["content"]["status"] == "ok"
            return "".join(printed)

        try:
            assert run(is_person=False) == "", "papermill, nbgrader and nbclient run it so"
            assert "Listo para entregar." in run(is_person=True)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
