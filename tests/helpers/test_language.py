"""Helpers speak the reader's language: errors, words on pictures. Outside of a notebook: English."""

import re

import pytest
from matplotlib.text import Text

from helpers import data, hub, language, metrics, models, profiles, show
from helpers.language import gettext as _

CYRILLIC = re.compile("[а-яё]{3}")


@pytest.fixture(params=["ru", "es"])
def reader(request):
    language.use(request.param)
    return request.param


@pytest.fixture
def pictures(monkeypatch):
    """The pictures that were shown."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda figure, **_: shown.append(figure))
    return shown


def words_of(figure) -> str:
    """All that stands on a picture."""
    figure.canvas.draw()
    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_without_a_notebook_it_is_english():
    assert _("There is no unit {name!r}: choose one of {known}.", name="x", known="y").startswith("There is no unit")


@pytest.mark.parametrize(("chosen", "message"), [("ru", "Урока 'nre' нет"), ("es", "No existe la unidad 'nre'")])
def test_an_error_comes_in_the_language_of_the_notebook(chosen, message):
    with pytest.raises(profiles.UnknownProfile, match=message):
        profiles.load("nre", "offline", language=chosen)


def test_from_the_profile_on_the_whole_process_speaks_it():
    profiles.load("ner", "offline", language="ru")
    with pytest.raises(data.DataError, match="Набора данных 'connl' нет"):
        data.load("connl")


def test_a_profile_without_a_language_leaves_it(reader):
    profiles.load("ner", "offline")
    with pytest.raises(ValueError, match=r"[Мм]етрики|métrica"):
        metrics.load("f3")


def test_a_language_that_the_course_does_not_have():
    with pytest.raises(language.UnknownLanguage, match=r"^There is no language 'de': choose one of en, ru, es\.$"):
        profiles.load("ner", "offline", language="de")


def test_an_error_that_has_an_error_of_the_hub_in_it(reader, monkeypatch):
    def fail(*args, **kwargs):
        raise hub.HubError(_("the disk is full"), _("free some space under {folder}", folder="/cache"))

    monkeypatch.setattr(hub, "download", fail)
    with pytest.raises(data.DataError) as caught:
        data.load("imdb", "hub")
    message = str(caught.value)
    assert "/cache" in message and "stanfordnlp/imdb" in message and "the" not in message.split()


def test_file_and_line_are_named(reader, tmp_path):
    (tmp_path / "imdb").mkdir()
    (tmp_path / "imdb" / "train.csv").write_text("text,label\nGood.,7\n")
    (tmp_path / "imdb" / "test.csv").write_text("text,label\nGood.,1\n")
    with pytest.raises(data.DataError) as caught:
        data.load("imdb", tmp_path)
    assert {"ru": "train.csv, строка 2", "es": "train.csv, línea 2"}[reader] in str(caught.value)


def test_a_block_in_a_language_ends():
    with language.speaking("ru"):
        assert CYRILLIC.search(_("epoch"))
    assert _("epoch") == "epoch"


def test_a_message_that_nobody_has_translated_stays_english(reader):
    assert language.gettext("No such message {n}.", n=1) == "No such message 1."


def test_words_on_pictures(reader, pictures):
    show.score_histogram({"in": [0.2, 0.9]}, "score", threshold=0.5)
    show.roc([0, 1, 1], {"model": [0.1, 0.8, 0.4]})
    show.precision_recall([0, 1, 1], {"model": [0.1, 0.8, 0.4]})
    show.calibration([0, 1, 1], {"model": [0.1, 0.8, 0.4]}, groups=2)
    words = [words_of(figure) for figure in pictures]
    expected = {
        "ru": ["порог 0.500", "доля ложноположительных", "полнота", "доля положительных"],
        "es": ["umbral 0.500", "tasa de falsos positivos", "exhaustividad", "proporción de positivos"],
    }[reader]
    assert [word in shown for word, shown in zip(expected, words, strict=True)] == [True] * 4
    assert not any(english in " ".join(words) for english in ("threshold", "rate", "share", "mean score"))


def test_hardware_in_words(reader):
    assert models.hardware().startswith({"ru": ("процессор", "NVIDIA"), "es": ("CPU (", "NVIDIA")}[reader])


def test_the_record_of_a_run_stays_english_for_programs(pictures, monkeypatch):
    language.use("ru")
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    show.results(profiles.load("ner", "offline"), {"f1": 0.5})
    assert not CYRILLIC.search(shown[0][show.RESULTS_MIME]["device"])
    assert _("epoch") == "эпоха"


def test_english_loads_no_catalogue(python):
    code = "import sys, helpers.data, helpers.models, helpers.profiles; print('polib' in sys.modules)"
    assert python(code).stdout == "False\n"
