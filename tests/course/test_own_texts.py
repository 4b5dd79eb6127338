"""The lines with which students search their own texts, outside of the course, run as they stand in the notebook."""

import ast
from pathlib import Path

import numpy as np

from course.build.read import languages_of
from helpers import models
from helpers.transformer import embed, mean_pooling, search
from tests.course.shown import programs

CHECKPOINT = "all-MiniLM-L6-v2"
NOTES = ["the music is far too loud", "buy milk and eggs", "the train leaves at nine"]


def lines_of(language):
    """The code of the fold, in the notebook of a language."""
    (lines,) = (program for program in programs("transformer", language) if "from_pretrained" in program)
    return lines


def test_the_lines_are_the_same_in_all_languages():
    assert len({lines_of(language) for language in languages_of("transformer")}) == 1


def test_the_lines_find_what_the_course_finds(tmp_path, monkeypatch, capsys):
    """The name on the Hub gives way to the folder of the same checkpoint: there is no network here."""
    code = lines_of("en").replace(f"sentence-transformers/{CHECKPOINT}", str(models.fetch(CHECKPOINT)))
    Path(tmp_path, "notes.txt").write_text("\n".join(NOTES), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {"mean_pooling": mean_pooling, "embed": embed, "search": search}
    exec(code, names)
    printed = [ast.literal_eval(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(printed), printed[0]["text"]] == [len(NOTES), NOTES[0]]
    own = embed(NOTES, names["model"], models.load_tokenizer(CHECKPOINT))
    np.testing.assert_allclose(names["vectors"], own, atol=1e-6)
