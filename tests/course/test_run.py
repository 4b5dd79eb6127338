"""A notebook run from top to bottom by papermill: what is recorded, and what a person reads when it cannot run."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course import run
from course.run import RunError, collect_results, run_unit
from helpers.language import UnknownLanguage
from helpers.profiles import UnknownProfile
from helpers.show import RESULTS_MIME

PARAMETERS = 'profile = "auto"\ncheckpoint = ""\nepochs = 0\nlearning_rate = 0.0'
REPORT = f"""
import os

from IPython.display import display

record = {{
    "unit": "ner",
    "metrics": {{"f1": 0.5}},
    "device": "CPU",
    "data": os.environ["COURSE_DATA"],
    "seen": [profile, checkpoint, epochs, learning_rate],
}}
display({{"text/plain": "f1: 0.5", {RESULTS_MIME!r}: record}}, raw=True)
"""


def write_notebook(root: Path, *sources: str) -> Path:
    """A notebook `ner` in English below `root`: a title, the parameters, then these cells."""
    cells = [new_markdown_cell("# Title", id="ner-00"), new_code_cell(PARAMETERS, id="ner-01")]
    cells[1].metadata["tags"] = ["parameters"]
    cells += [new_code_cell(source, id=f"ner-{number:02d}") for number, source in enumerate(sources, start=2)]
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path = root / "source" / "ner-en" / "ner.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty folder that `run` takes for the course's."""
    monkeypatch.setattr(run, "ROOT", tmp_path)
    return tmp_path


def start(root: Path, profile="offline", **parameters: str) -> run.Outcome:
    return run_unit("ner", "en", profile=profile, parameters=parameters, out=root / "runs")


def refused(root: Path, **arguments) -> str:
    """The sentence of a run that did not succeed."""
    with pytest.raises(RunError) as caught:
        start(root, **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestARunThatSucceeds:
    """One real run, looked at from several sides."""

    @pytest.fixture(scope="module")
    @staticmethod
    def finished(tmp_path_factory):
        root = tmp_path_factory.mktemp("course")
        write_notebook(root, REPORT)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run, "ROOT", root)
            patch.chdir(root)
            patch.setenv("COURSE_DATA", "my data")
            outcome = start(root, epochs="2", learning_rate="1e-3", checkpoint="1")
        return outcome, json.loads((outcome.folder / "results.json").read_text(encoding="utf-8"))

    def test_notebook_and_results_lie_together(self, finished):
        outcome, _ = finished
        assert sorted(path.name for path in outcome.folder.iterdir()) == ["ner.ipynb", "results.json"]
        assert outcome.folder.name == "ner-en"

    def test_the_outcome_has_what_the_notebook_reported(self, finished):
        outcome, _ = finished
        assert (outcome.metrics, outcome.device) == ({"f1": 0.5}, "CPU")

    def test_results_hold_the_record(self, finished):
        _, results = finished
        assert (results["unit"], results["metrics"], results["device"]) == ("ner", {"f1": 0.5}, "CPU")

    def test_results_hold_language_seconds_and_parameters(self, finished):
        outcome, results = finished
        assert results["language"] == "en"
        assert results["seconds"] == round(outcome.seconds, 1)
        assert results["parameters"] == {
            "epochs": 2,
            "learning_rate": 0.001,
            "checkpoint": "1",
            "profile": "offline",
        }

    def test_parameters_reach_the_notebook_as_numbers_and_text(self, finished):
        _, results = finished
        assert results["seen"] == ["offline", "1", 2, 0.001]

    def test_a_relative_data_folder_is_found_by_the_kernel_though_it_runs_elsewhere(self, finished):
        outcome, results = finished
        assert results["data"] == str(outcome.folder.parents[1] / "my data")

    def test_the_executed_notebook_keeps_ids_and_outputs(self, finished):
        outcome, _ = finished
        cells = nbformat.read(outcome.folder / "ner.ipynb", as_version=4).cells
        assert [cell.id for cell in cells if cell.id.startswith("ner-")] == ["ner-00", "ner-01", "ner-02"]
        assert cells[-1].outputs


class TestARunThatStops:
    def test_the_cell_is_named_with_its_error_and_nothing_else_is_printed(self, root, capfd):
        write_notebook(root, "x = 1", "x / 0", "x = 2")
        message = refused(root)
        assert capfd.readouterr() == ("", "")
        assert message.startswith("The notebook stopped in cell ner-03: ZeroDivisionError: division by zero")
        assert str(root / "runs" / "ner-en" / "ner.ipynb") in message

    def test_a_long_error_is_cut(self, root):
        write_notebook(root, 'raise ValueError("word\\n" * 10_000)')
        assert len(refused(root).replace(str(root), "")) < 450

    def test_a_kernel_that_dies_is_said(self, root):
        write_notebook(root, "import os\nos._exit(1)")
        assert "died" in refused(root)

    def test_a_notebook_that_reports_nothing_is_told_how(self, root):
        write_notebook(root, "x = 1")
        assert refused(root).endswith("reported no results: its last cell must call show.results.")

    def test_a_notebook_that_trains_nothing_needs_to_report_nothing(self, root):
        path = write_notebook(root, "print(1)")
        path.write_text(path.read_text(encoding="utf-8").replace("profile = ", "colour = "), encoding="utf-8")
        assert start(root, profile="auto").metrics == {}
        assert refused(root, profile="quick").startswith("The notebook has no parameter 'profile'")


class TestARunThatCannotStart:
    """Said at once, before a kernel starts."""

    @pytest.fixture(autouse=True)
    def no_kernel(self, monkeypatch):
        monkeypatch.setattr(run, "_execute", lambda *arguments: pytest.fail("a kernel would have started"))

    def test_a_missing_notebook_can_be_built(self, root):
        expected = "There is no notebook source/ner-en/ner.ipynb: run `course build`."
        assert refused(root) == expected

    def test_an_unknown_parameter_gets_the_list_of_parameters(self, root):
        write_notebook(root)
        assert refused(root, epoch="1") == (
            "The notebook has no parameter 'epoch': it has checkpoint, epochs, learning_rate, profile."
        )

    @pytest.mark.parametrize(
        ("name", "value", "wanted"),
        [
            ("epochs", "abc", "a whole number"),
            ("epochs", "1.5", "a whole number"),
            ("epochs", "-1", "a whole number"),
            ("learning_rate", "fast", "a number"),
            ("learning_rate", "nan", "a number"),
            ("learning_rate", "inf", "a number"),
        ],
    )
    def test_a_value_that_a_parameter_cannot_take_is_named(self, root, name, value, wanted):
        write_notebook(root)
        expected = f"The parameter {name} must be {wanted}, 0 or more; this is {value!r}."
        assert refused(root, **{name: value}) == expected

    def test_an_unknown_profile_gets_the_list_of_profiles(self, root):
        write_notebook(root)
        with pytest.raises(UnknownProfile, match="no profile 'ofline': choose one of offline, quick, full or auto"):
            start(root, profile="ofline")

    @pytest.mark.parametrize("name", ["language", "data_language"])
    def test_an_unknown_language_gets_the_list_of_languages(self, root, name):
        path = write_notebook(root)
        path.write_text(path.read_text().replace("epochs = 0", f"epochs = 0\\n{name} = ''"))
        with pytest.raises(UnknownLanguage, match="no language 'xx': choose one of en, ru, es"):
            start(root, **{name: "xx"})

    def test_nothing_is_written(self, root):
        write_notebook(root)
        refused(root, epoch="1")
        assert not (root / "runs").exists()


class TestCollectResults:
    def displayed(self, *records):
        outputs = [new_output("display_data", {"text/plain": "x", RESULTS_MIME: record}) for record in records]
        return new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell("x", outputs=outputs)])

    def test_the_record_comes_back(self):
        assert collect_results(self.displayed({"metrics": {"f1": 0.5}})) == {"metrics": {"f1": 0.5}}

    def test_the_last_cell_counts(self):
        notebook = self.displayed({"metrics": {"f1": 0.1}})
        notebook.cells += self.displayed({"metrics": {"f1": 0.9}}).cells
        assert collect_results(notebook)["metrics"] == {"f1": 0.9}

    @pytest.mark.parametrize(
        "output", [new_output("stream", text="f1: 0.5"), new_output("execute_result", {"text/plain": "0.5"})]
    )
    def test_other_outputs_are_no_results(self, output):
        with pytest.raises(RunError, match=re.escape("its last cell must call show.results.")):
            collect_results(new_notebook(cells=[new_code_cell("x", outputs=[output])]))
