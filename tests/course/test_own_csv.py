"""The program for a table of one's own, which `emotion` shows, runs without the course and learns."""

import re
import subprocess
import sys

import pytest

from course.build.read import languages_of
from helpers import models
from tests.course.shown import programs

CHECKPOINT = '"distilbert-base-multilingual-cased"'


def program_of(language: str) -> str:
    """The program as the released notebook shows it."""
    (program,) = (program for program in programs("emotion", language) if "my.csv" in program)
    return program


@pytest.fixture
def table(tmp_path):
    """A small table in the folder where the program is run; its name is the one that stands in the program."""
    lines = ["text,label"]
    for number in range(40):
        lines.append(f'"Rain, clouds and a storm again, day {number}.",weather')
        lines.append(f'"Soup, bread and cheese again, day {number}.",food')
    (tmp_path / "my.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_it_trains_saves_and_predicts_with_the_libraries_alone(table):
    """Run as it stands, but for the checkpoint: in a folder of its own, without a network."""
    program = program_of("en")
    assert program.count(CHECKPOINT) == 1
    program = program.replace(CHECKPOINT, repr(models.fetch(models.OFFLINE_ENCODER)))
    (table / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "program.py"], cwd=table, capture_output=True, text=True, env=outside(table)
    )
    assert done.returncode == 0, done.stderr
    scores = [float(found) for found in re.findall(r"'eval_f1': '?([\d.]+)", done.stdout)]
    assert len(scores) == 3 and scores[-1] > 0.9
    assert re.search(r"\[\{'label': '(weather|food)', 'score': 0\.\d+\}\]", done.stdout)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {f.name for f in (table / "my-model").iterdir()}


def outside(folder) -> dict[str, str]:
    """An environment without a network, and with a cache of its own."""
    return {"HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE", "PATH": ""}


@pytest.mark.parametrize("language", languages_of("emotion"))
def test_it_is_short_and_names_nothing_of_the_course(language):
    program = program_of(language)
    assert program == program_of("en")
    assert len(program.splitlines()) <= 25
    assert "helpers" not in program and "course" not in program
