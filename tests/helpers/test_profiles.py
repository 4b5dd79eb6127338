"""One table of numbers: which settings a notebook gets."""

import tomllib

import pytest

from helpers import profiles
from helpers.data import DATASETS
from helpers.language import LANGUAGES, UnknownLanguage

TABLE = tomllib.loads(profiles.TABLE.read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    """Another test may have run a notebook's cells in this process."""
    monkeypatch.setattr(profiles, "_chosen", None)


@pytest.mark.parametrize("name", TABLE["profiles"])
@pytest.mark.parametrize("unit", TABLE["units"])
def test_every_unit_has_every_profile(unit, name):
    profile = profiles.load(unit, name)
    assert (profile.unit, profile.name) == (unit, name)
    assert profile.epochs > 0 and profile.batch_size > 0 and 0 < profile.floor < 1


def test_offline_needs_no_network():
    profile = profiles.load("ner", "offline")
    assert (profile.data, profile.checkpoint) == ("samples", "all-MiniLM-L6-v2")


def test_full_takes_real_data_and_the_units_checkpoint():
    profile = profiles.load("ner", "full")
    assert (profile.data, profile.checkpoint) == ("real", "bert-base-cased")


@pytest.mark.parametrize(("gpu", "name"), [(True, "full"), (False, "offline")])
def test_auto_is_full_only_with_a_gpu(monkeypatch, gpu, name):
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    assert profiles.load("ner", "auto") == profiles.load("ner") == profiles.load("ner", name)


@pytest.mark.parametrize("gpu", [True, False])
def test_auto_is_what_a_notebook_has_chosen(monkeypatch, gpu):
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    profiles.choose(profiles.load("emotion", "quick", language="ru"))
    assert profiles.load("stance") == profiles.load("stance", "quick", language="ru")
    assert profiles.load("stance", "full").name == "full"
    assert profiles.load("stance", language="es").data_language == "es"


@pytest.mark.parametrize("name", TABLE["profiles"])
@pytest.mark.parametrize("unit", TABLE["units"])
def test_every_unit_has_data_in_every_language(unit, name):
    for language in LANGUAGES:
        profile = profiles.load(unit, name, language=language)
        assert profile.data_language == language
        assert profile.locale in DATASETS[profile.dataset].locales or DATASETS[profile.dataset].samples


def test_the_data_can_be_in_another_language_than_the_notebook():
    english = profiles.load("emotion", "offline")
    assert profiles.load("emotion", "offline", language="ru", data_language="en") == english
    assert english.dataset == "tweet_eval/emotion"


def test_where_there_are_no_data_in_a_language_they_are_english(monkeypatch):
    monkeypatch.setitem(profiles._table()["units"]["emotion"], "datasets", {"en": "tweet_eval/emotion"})
    assert profiles.load("emotion", "offline", language="ru") == profiles.load("emotion", "offline")


def test_a_language_that_does_not_exist(one_sentence):
    with one_sentence(UnknownLanguage, "'de'", "ru"):
        profiles.load("ner", "offline", data_language="de")


def test_a_setting_can_be_overridden():
    profile = profiles.load("ner", "offline", epochs=7, learning_rate=5e-5, data="hub")
    assert (profile.epochs, profile.learning_rate, profile.data) == (7, 5e-5, "hub")


@pytest.mark.parametrize("empty", [None, "", 0])
def test_an_empty_override_means_as_the_table_says(empty):
    """Papermill's parameters cell holds a value for each of them, so it cannot leave one out."""
    assert profiles.load("ner", "full", checkpoint=empty, epochs=empty) == profiles.load("ner", "full")


def test_another_checkpoint_brings_its_own_recipe():
    recipe = TABLE["units"]["ner"]["full"]["recipes"]["all-MiniLM-L6-v2"]
    profile = profiles.load("ner", "full", checkpoint="all-MiniLM-L6-v2")
    assert {name: getattr(profile, name) for name in recipe} == recipe
    assert (profile.data, profile.checkpoint) == ("real", "all-MiniLM-L6-v2")


def test_an_override_wins_over_a_recipe():
    assert profiles.load("ner", "full", checkpoint="all-MiniLM-L6-v2", learning_rate=1e-4).learning_rate == 1e-4


def test_a_checkpoint_without_recipe_keeps_the_tables_numbers():
    known, other = profiles.load("ner", "full"), profiles.load("ner", "full", checkpoint="bert-large-cased")
    assert (other.checkpoint, other.epochs, other.floor) == ("bert-large-cased", known.epochs, known.floor)


def test_readers_of_another_language_get_a_model_that_reads_it():
    settings = TABLE["units"]["intent"]["full"]["not_english"]
    for language in LANGUAGES[1:]:
        assert profiles.load("intent", "full", language=language).checkpoint == settings["checkpoint"]
    assert profiles.load("intent", "full") == profiles.load("intent", "full", language="en")


def test_a_checkpoint_that_is_named_wins_over_the_languages():
    recipe = TABLE["units"]["intent"]["full"]["recipes"]["all-MiniLM-L6-v2"]
    profile = profiles.load("intent", "full", language="ru", checkpoint="all-MiniLM-L6-v2")
    assert {name: getattr(profile, name) for name in ["checkpoint", *recipe]} == {
        "checkpoint": "all-MiniLM-L6-v2",
        **recipe,
    }


def test_loading_twice_gives_the_same():
    """The table is read once and shared, so no call may change it."""
    first = profiles.load("ner", "full", checkpoint="all-MiniLM-L6-v2")
    assert profiles.load("ner", "full", checkpoint="all-MiniLM-L6-v2") == first


def test_a_profile_cannot_be_changed_by_accident():
    with pytest.raises(AttributeError):
        profiles.load("ner", "offline").epochs = 1


def test_unknown_profile(one_sentence):
    with one_sentence(profiles.UnknownProfile, "'fast'", "offline", "full", "auto"):
        profiles.load("ner", "fast")


def test_unknown_unit(one_sentence):
    with one_sentence(profiles.UnknownProfile, "'parsing'", "ner"):
        profiles.load("parsing", "offline")


def test_unknown_setting(one_sentence):
    with one_sentence(profiles.UnknownProfile, "'epoch'", "epochs"):
        profiles.load("ner", "offline", epoch=3)


def test_the_checkpoints_are_those_of_all_profiles():
    """Of every unit and language."""
    units = ("emotion", "intent", "ner", "reviews", "toxicity", "transformer")
    names = {profiles.load(unit, name).checkpoint for unit in units for name in ("quick", "offline", "full")}
    russian = {profiles.load("intent", "full", language="ru").checkpoint}
    assert profiles.checkpoints() >= names | russian
    assert all(type(name) is str for name in profiles.checkpoints())
