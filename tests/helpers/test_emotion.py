"""What a tweet feels and where it stands: encoding, scores, predictions, the whole recipe.

The oracles are the plain way: texts one by one, F1 by its definition. Names that begin with `test_seed_004` keep the
errors of that seed from coming back.
"""

import warnings

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import data, emotion, models, profiles
from helpers.emotion import compute_metrics, encode_tweets, predict_emotions, train_stance
from helpers.language import LANGUAGES

EMOTIONS = ["anger", "joy", "optimism", "sadness"]
WORDS = ["so", "HAPPY", "#proud", "@user", "it's", "😭"]
WORDS += ["👩‍👩‍👧", "Привет", "café", "한국", "!!!", "x" * 150, "\u200b", "\n"]
TEXTS = st.lists(
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), max_size=40).map(" ".join), min_size=1, max_size=6
)

# ---- encode_tweets


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.integers(3, 70))
def test_each_tweet_is_encoded_as_if_it_were_alone(tokenizer, texts, limit):
    encoded = encode_tweets({"text": texts}, tokenizer, max_length=limit)
    for number, text in enumerate(texts):
        ids = tokenizer(text, verbose=False)["input_ids"]
        expected = ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]
        assert encoded["input_ids"][number] == expected
        assert encoded["attention_mask"][number] == [1] * len(expected)


def test_the_fields_are_the_tokenizers(tokenizer):
    encoded = encode_tweets({"text": ["so glad"], "label": [1]}, tokenizer)
    assert set(encoded) == {"input_ids", "token_type_ids", "attention_mask"}


def test_the_example_of_the_unit(tokenizer):
    encoded = encode_tweets({"text": ["A long trip to Mordor", "Home!"]}, tokenizer)
    assert encoded["input_ids"] == [[101, 1037, 2146, 4440, 2000, 22822, 7983, 102], [101, 2188, 999, 102]]


def test_seed_004_short_tweets_are_not_padded_to_60(tokenizer):
    lengths = [len(ids) for ids in encode_tweets({"text": ["so glad", "so " * 100]}, tokenizer)["input_ids"]]
    assert lengths == [4, 60]


# ---- compute_metrics


def logits_of(predictions, classes):
    return np.eye(classes)[np.array(predictions, dtype=int)]


def f1_by_definition(labels, predictions, classes):
    """2r / (p + l) of every class: right predictions, predictions, labels."""
    scores = []
    for one in range(classes):
        right = sum(a == b == one for a, b in zip(labels, predictions))
        both = list(labels).count(one) + list(predictions).count(one)
        scores.append(2 * right / both if both else 0.0)
    return sum(scores) / classes


ANSWERS = st.integers(2, 6).flatmap(
    lambda k: st.tuples(st.just(k), st.lists(st.tuples(*[st.integers(0, k - 1)] * 2), min_size=1, max_size=30))
)


@settings(deadline=None)
@given(ANSWERS)
def test_scores_are_those_of_the_definition(answers):
    classes, pairs = answers
    labels, predictions = zip(*pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = compute_metrics((logits_of(predictions, classes), np.array(labels)))
    assert list(scores) == ["accuracy", "f1"] and {type(value) for value in scores.values()} == {float}
    assert scores["accuracy"] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))
    assert scores["f1"] == pytest.approx(f1_by_definition(labels, predictions, classes))


def test_a_class_that_does_not_occur_counts_zero():
    scores = compute_metrics((logits_of([0, 0, 0, 1, 1], 4), np.array([0, 0, 1, 1, 2])))
    assert scores == {"accuracy": 0.6, "f1": pytest.approx(0.325)}


def test_majority_flatters_accuracy_and_not_f1():
    scores = compute_metrics((logits_of([0] * 10, 4), np.array([0] * 9 + [3])))
    assert scores == {"accuracy": 0.9, "f1": pytest.approx(2 * 9 / 19 / 4)}


# ---- predict_emotions

VOTES = {"angry": "anger", "party": "joy", "soon": "optimism", "miss": "sadness"}


@pytest.fixture
def voter(tokenizer):
    return models.keyword_classifier(VOTES, tokenizer, EMOTIONS)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.sampled_from(list(VOTES)), st.integers(0, 12)), max_size=80))
def test_any_number_of_texts_in_their_order(tokenizer, tweets):
    model = models.keyword_classifier(VOTES, tokenizer, EMOTIONS)
    texts = [word + " and so on" * length for word, length in tweets]
    assert predict_emotions(texts, model, tokenizer) == [VOTES[word] for word, _ in tweets]


def test_no_texts_no_names(tokenizer, voter):
    assert predict_emotions([], voter, tokenizer) == []


def test_a_bare_string_is_refused(tokenizer, voter, one_sentence):
    with one_sentence(TypeError, "list"):
        predict_emotions("What a party", voter, tokenizer)


def test_texts_go_through_in_batches_without_gradients(tokenizer, voter):
    sizes = []
    voter.register_forward_hook(lambda *_: sizes.append(torch.is_grad_enabled()))
    predict_emotions(["party"] * 70, voter, tokenizer)
    assert sizes == [False] * 3
    assert torch.is_grad_enabled()


def test_texts_of_like_length_share_a_batch(tokenizer, voter):
    sizes = []
    voter.register_forward_pre_hook(lambda _, __, inputs: sizes.append(inputs["input_ids"].shape), with_kwargs=True)
    predict_emotions(["party", "party " * 40] * 32, voter, tokenizer)
    assert sizes == [(32, 3), (32, 42)]


def test_dropout_is_switched_off(tokenizer):
    model = models.keyword_classifier(VOTES, tokenizer, EMOTIONS, dropout=0.9).train()
    assert predict_emotions(["party", "miss"] * 20, model, tokenizer) == ["joy", "sadness"] * 20


def test_names_come_from_the_model(tokenizer):
    model = models.keyword_classifier({"party": "favor"}, tokenizer, ["none", "favor"])
    assert predict_emotions(["a party", "a"], model, tokenizer) == ["favor", "none"]


def test_texts_are_truncated_as_in_training(tokenizer, voter):
    texts = ["so " * 57 + "miss party party", "party " + "so " * 700]
    assert predict_emotions(texts, voter, tokenizer) == ["sadness", "joy"]


# ---- train_stance


@pytest.fixture(scope="module")
def trained():
    """A small dataset of four classes, one of which never occurs, and what the recipe makes of it."""
    words = {0: "rain storm cloud", 1: "bread soup cheese", 3: "guitar song piano"}
    names = ["rain", "food", "never", "music"]

    def split(count):
        rows = [{"text": f"the {words[label].split()[i % 3]}", "label": label} for i in range(count) for label in words]
        features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
        return Dataset.from_list(rows, features=features)

    dataset = DatasetDict(train=split(16), validation=split(2), test=split(5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiles, "_chosen", profiles.load("emotion", "quick"))
        models.quiet()
        return dataset, *train_stance(dataset, "all-MiniLM-L6-v2")


def test_the_classes_come_from_the_data(trained):
    """Seed 004 counted the classes that occur, so a class without a tweet was lost."""
    _, trainer, _ = trained
    assert trainer.model.config.id2label == {0: "rain", 1: "food", 2: "never", 3: "music"}
    assert trainer.model.config.label2id == {"rain": 0, "food": 1, "never": 2, "music": 3}


def test_the_scores_are_those_on_the_test_split(trained, tokenizer):
    dataset, trainer, scores = trained
    assert set(scores) == {"accuracy", "f1"}
    found = predict_emotions(list(dataset["test"]["text"]), trainer.model, tokenizer)
    names = dataset["test"].features["label"].names
    right = [names[i] for i in dataset["test"]["label"]]
    assert scores["accuracy"] == pytest.approx(np.mean([a == b for a, b in zip(found, right)]))


def test_it_has_learned(trained):
    _, trainer, scores = trained
    assert trainer.state.global_step > 0
    assert scores["accuracy"] > 0.6


def test_the_settings_are_those_of_the_chosen_profile(trained):
    _, trainer, _ = trained
    quick = profiles.load("stance", "quick")
    assert (trainer.args.learning_rate, trainer.args.train_batch_size) == (quick.learning_rate, quick.batch_size)


# ---- the rest of the lesson


def test_nothing_is_stored(trained):
    """A checkpoint of the multilingual encoder fills the disk of the grader's sandbox."""
    _, trainer, _ = trained
    assert trainer.args.save_strategy == "no"


def test_baselines_know_the_majority_and_words():
    train = {"text": ["so glad"] * 8 + ["so sad"] * 4 + ["rage"], "label": [1] * 8 + [3] * 4 + [0]}
    guesses = emotion.baseline_predictions(train, ["glad to see you", "sad sad", "?"])
    assert list(guesses["majority"]) == [1, 1, 1]
    assert list(guesses["TF-IDF"][:2]) == [1, 3]


def test_padding_is_counted_in_all_three_ways(tokenizer, voter):
    """Lengths 4 and 12 by turns: to 20, to 12 in mixed batches, not at all in sorted ones."""
    texts = ["so so", "so so so so so so so so so so"] * 4
    costs = emotion.padding_cost(texts, voter, tokenizer, max_length=20, batch_size=4, repeats=1)
    assert {name: cost["padding"] for name, cost in costs.items()} == {
        "max_length": pytest.approx(0.6),
        "longest": pytest.approx(1 / 3),
        "sorted": pytest.approx(0.0),
    }
    assert all(cost["seconds"] > 0 for cost in costs.values())


def test_worst_errors_are_wrong_and_the_surest_first():
    logits = [[3.0, 0.0], [0.0, 1.0], [0.0, 5.0], [9.0, 0.0]]
    errors = emotion.worst_errors(logits, [1, 0, 0, 0], count=5)
    assert [row for row, _ in errors] == [2, 0, 1]
    assert errors[0][1] == pytest.approx(1 / (1 + np.exp(-5)))
    assert emotion.worst_errors(logits, [0, 1, 1, 0]) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_class_of_the_data_has_a_meaning_in_every_language(language):
    dataset = profiles.load("emotion", "offline", data_language=language).dataset
    names = data.load(dataset, "samples")["train"].features["label"].names
    meant = emotion.with_meaning(names, language)
    assert all(found.startswith(name) for found, name in zip(meant, names))
    assert language == "en" or all(found.endswith(")") for found in meant)


def test_a_name_that_is_its_own_meaning_or_has_none_stands_alone():
    assert emotion.with_meaning(["joy"], "en") == ["joy"]
    assert emotion.with_meaning(["joy", "boredom"], "ru") == ["joy (радость)", "boredom"]


def test_what_an_uncased_vocabulary_does_not_see(tokenizer):
    seen = emotion.normalized(["Мой ёж", "AÑO"], {"small": tokenizer})
    assert seen == {"small": ["мои еж", "ano"]}


def test_probabilities_belong_to_the_classes_that_are_predicted(tokenizer, voter):
    texts = ["a party", "miss you so much", "?"]
    sure = np.array(emotion.probabilities(texts, voter.train(), tokenizer))
    assert sure.sum(axis=1) == pytest.approx(1)
    assert [EMOTIONS[i] for i in sure.argmax(axis=1)] == predict_emotions(texts, voter, tokenizer)


SAMPLES = [("tweet_eval/emotion", "en-US"), ("brighter/rus", "ru-RU"), ("brighter/esp", "es-ES")]
SAMPLES += [("tweet_eval/stance_climate", locale) for locale in ("en-US", "ru-RU", "es-ES")]


@pytest.mark.parametrize(("name", "locale"), SAMPLES)
def test_the_samples_have_every_class_in_every_split_and_no_text_twice(name, locale):
    dataset = data.load(name, "samples", locale)
    names = dataset["train"].features["label"].names
    assert {tuple(sorted(set(split["label"]))) for split in dataset.values()} == {tuple(range(len(names)))}
    texts = [text for split in dataset.values() for text in split["text"]]
    assert len(texts) == len(set(texts))
