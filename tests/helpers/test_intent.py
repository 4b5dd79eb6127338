"""From requests to intents: numbers, scores, thresholds, and an assistant's replies.

The oracles here are the slow and plain way: pairs of requests are counted one by one, thresholds are tried. Names that
begin with `test_seed_000` keep the errors of that seed from coming back.
"""

import copy
import itertools
import json
import math
import multiprocessing
import warnings

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from helpers import data, encoders, intent, language, models, profiles
from helpers.data import DataError
from helpers.intent import (
    compute_metrics,
    encode_utterances,
    is_out_of_scope,
    label_maps,
    load_labelled,
    out_of_scope_threshold,
    predict_intent,
    predict_intents,
    put_aside,
    reply,
)

# ---- label_maps


@given(st.lists(st.text(), unique=True))
def test_the_two_maps_lead_there_and_back(names):
    label2id, id2label = label_maps(names)
    assert list(id2label.values()) == list(label2id) == names
    assert [label2id[name] for name in names] == list(id2label) == list(range(len(names)))


@given(st.lists(st.text(max_size=2), min_size=2))
def test_a_name_that_stands_twice_is_refused(names):
    assume(len(set(names)) < len(names))
    with pytest.raises(ValueError):
        label_maps(names)


# ---- encode_utterances

REQUESTS = ["", " ", "😀", "don't", "привет", "a. m.", "play", "x" * 150, "play some jazz " * 9, "\u200b", "\ufffd"]
BATCHES = st.lists(st.one_of(st.sampled_from(REQUESTS), st.text(max_size=20)), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(BATCHES)
def test_every_request_is_encoded_as_if_it_were_alone(short_tokenizer, texts):
    short = short_tokenizer(16)
    encoded = encode_utterances({"text": texts, "label": [0] * len(texts)}, short)
    assert set(encoded) == set(short.model_input_names)
    for field in encoded:
        assert encoded[field] == [short(text, truncation=True)[field] for text in texts]


def test_a_long_request_is_cut_and_keeps_its_end_mark(tokenizer):
    (ids,) = encode_utterances({"text": ["play some jazz " * 500]}, tokenizer)["input_ids"]
    assert (len(ids), ids[-1]) == (tokenizer.model_max_length, tokenizer.sep_token_id)


def test_seed_000_nothing_is_padded(tokenizer):
    """There padding was fixed when the data were mapped, a thousand requests at a time."""
    encoded = encode_utterances({"text": ["hello", "play some jazz please"]}, tokenizer)
    assert [len(ids) for ids in encoded["input_ids"]] == [3, 6]
    assert {type(values) for values in encoded.values()} == {list}


# ---- compute_metrics


def one_vs_one(labels, probabilities):
    """ROC AUC pair by pair: over all pairs of classes, the share of pairs of requests in the right order."""
    areas = []
    for one, other in itertools.combinations(sorted(set(labels)), 2):
        for right, wrong in [(one, other), (other, one)]:
            share = probabilities[:, right] / probabilities[:, sorted(set(labels))].sum(axis=1)
            pairs = itertools.product(share[labels == right], share[labels == wrong])
            areas.append(np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs]))
    return np.mean(areas)


CASES = st.tuples(st.integers(2, 6), st.integers(2, 25), st.integers(0, 2**32 - 1))


def drawn(case):
    """Logits `[n, k]`, and labels of only some of the k classes, two at least."""
    k, n, seed = case
    rng = np.random.default_rng(seed)
    classes = rng.choice(k, rng.integers(2, k + 1), replace=False)
    labels = np.concatenate([classes[:2], rng.choice(classes, n - 2)])
    return rng.normal(size=(n, k)) * 3, labels


@settings(deadline=None, max_examples=20)
@given(CASES)
def test_scores_are_scikit_learns(case):
    logits, labels = drawn(case)
    predictions = logits.argmax(axis=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = compute_metrics((logits, labels))
    assert scores == pytest.approx(
        {
            "accuracy": sklearn.metrics.accuracy_score(labels, predictions),
            "precision": sklearn.metrics.precision_score(labels, predictions, average="macro", zero_division=0),
            "recall": sklearn.metrics.recall_score(labels, predictions, average="macro", zero_division=0),
            "roc_auc": one_vs_one(labels, softmax(logits, axis=-1)),
        }
    )


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_with_all_classes_present_roc_auc_is_scikit_learns_own(seed):
    rng = np.random.default_rng(seed)
    labels, logits = np.arange(40) % 5, rng.normal(size=(40, 5))
    expected = sklearn.metrics.roc_auc_score(labels, softmax(logits, axis=-1), multi_class="ovo", average="macro")
    assert compute_metrics((logits, labels))["roc_auc"] == pytest.approx(expected)


def test_two_classes_give_the_binary_area():
    rng = np.random.default_rng(0)
    labels, logits = np.arange(30) % 2, rng.normal(size=(30, 2))
    expected = sklearn.metrics.roc_auc_score(labels, logits[:, 1] - logits[:, 0])
    assert compute_metrics((logits, labels))["roc_auc"] == pytest.approx(expected)


@pytest.mark.parametrize("labels", [[3, 3, 3], [0]])
def test_with_one_class_there_is_nothing_to_rank(labels):
    scores = compute_metrics((np.ones((len(labels), 4)), np.array(labels)))
    assert math.isnan(scores["roc_auc"]) and not math.isnan(scores["accuracy"])


def test_absent_classes_that_take_all_the_probability_are_no_error():
    logits = np.array([[0.0, 0, 5000], [0, 9, 5000], [9, 0, 0]], dtype=np.float32)
    assert 0 <= compute_metrics((logits, np.array([0, 1, 0])))["roc_auc"] <= 1


def test_a_training_that_has_gone_wrong_is_no_error():
    """Logits are nan then; Trainer must come to its end and show the loss."""
    scores = compute_metrics((np.full((3, 3), np.nan), np.array([0, 1, 2])))
    assert math.isnan(scores["roc_auc"])


def test_a_class_that_is_never_predicted_counts_as_zero(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = compute_metrics((np.array([[1.0, 0], [1, 0]]), np.array([0, 1])))
    assert (scores["precision"], scores["recall"]) == (0.25, 0.5)
    assert capfd.readouterr().err == ""


def test_seed_000_scores_are_a_flat_dictionary_of_floats():
    """There each score was a dictionary of its own, which Trainer's table cannot show."""
    scores = compute_metrics((np.eye(3, dtype=np.float32), np.arange(3)))
    assert scores == {"accuracy": 1.0, "precision": 1.0, "recall": 1.0, "roc_auc": 1.0}
    assert {type(score) for score in scores.values()} == {float}


def test_what_trainer_passes_is_a_pair():
    from transformers import EvalPrediction

    prediction = EvalPrediction(predictions=np.eye(3), label_ids=np.arange(3))
    assert compute_metrics(prediction)["accuracy"] == 1.0


# ---- predict_intent

TASKS = ["alarm_set", "play_music", "weather_query", "general_greet"]
VOTES = {"wake": "alarm_set", "song": "play_music", "rain": "weather_query", "hello": "general_greet"}


@pytest.fixture(scope="module")
def model(tokenizer):
    return models.keyword_classifier(VOTES, tokenizer, TASKS)


@pytest.mark.parametrize(("word", "label"), VOTES.items())
def test_a_request_gets_the_most_probable_intent(model, tokenizer, word, label):
    found = predict_intent(f"{word} please", model, tokenizer)
    with torch.no_grad():
        probabilities = model(**tokenizer(f"{word} please", return_tensors="pt")).logits.softmax(dim=-1)
    assert found == {"label": label, "score": pytest.approx(probabilities.max().item())}
    assert (type(found["label"]), type(found["score"])) == (str, float)


@pytest.mark.parametrize("text", ["", " ", "😀", "wake " * 2000])
def test_any_text_gets_an_intent(model, tokenizer, text):
    assert predict_intent(text, model, tokenizer)["label"] in TASKS


def test_a_list_gets_what_each_text_gets(model, tokenizer):
    texts = ["song please", "", "wake me up when it is seven", "song please", "rain"]
    found = predict_intents(texts, model, tokenizer)
    assert [guess["label"] for guess in found] == [predict_intent(text, model, tokenizer)["label"] for text in texts]
    scores = [predict_intent(text, model, tokenizer)["score"] for text in texts]
    assert [guess["score"] for guess in found] == pytest.approx(scores)
    assert predict_intents([], model, tokenizer) == []


def test_names_come_from_the_models_config(model, tokenizer):
    renamed = copy.deepcopy(model)
    renamed.config.id2label = dict(enumerate("abcd"))
    assert predict_intent("song", renamed, tokenizer)["label"] == "b"


def test_dropout_is_switched_off(tokenizer):
    noisy = models.keyword_classifier(VOTES, tokenizer, TASKS, dropout=0.9).train()
    assert len({predict_intent("wake up song", noisy, tokenizer)["score"] for _ in range(5)}) == 1
    assert not noisy.training


def test_no_gradients_are_computed(tokenizer):
    watched, enabled = models.keyword_classifier(VOTES, tokenizer, TASKS), []
    watched.register_forward_hook(lambda *_: enabled.append(torch.is_grad_enabled()))
    predict_intent("wake", watched, tokenizer)
    assert enabled == [False] and torch.is_grad_enabled()


# ---- out_of_scope_threshold and is_out_of_scope

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(SCORES, st.floats(0, 1, exclude_min=True))
@example([i / 100 for i in range(100)], 0.55)  # 0.55 * 100 is more than 55
def test_the_threshold_is_the_highest_that_keeps_enough(scores, keep):
    threshold = out_of_scope_threshold(scores, keep)

    def kept(at):
        return sum(score >= at for score in scores) / len(scores)

    assert kept(threshold) >= keep
    assert kept(math.nextafter(threshold, 2)) < keep
    assert type(threshold) is float


def test_the_threshold_keeps_95_percent_unless_asked_otherwise():
    assert out_of_scope_threshold(np.arange(100) / 100) == 0.05


@pytest.mark.parametrize(
    ("scores", "keep"), [([], 0.5), ([0.5], 0), ([0.5], 1.1), ([0.5], -0.5), ([0.5], float("nan"))]
)
def test_a_threshold_needs_scores_and_a_share(scores, keep, one_sentence):
    with one_sentence(ValueError):
        out_of_scope_threshold(scores, keep)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_highest_probability_decides(n, k, seed):
    rng = np.random.default_rng(seed)
    rows, threshold = rng.dirichlet(np.ones(k), size=n), rng.random()
    answers = is_out_of_scope(rows, threshold)
    assert answers.dtype == bool and answers.shape == (n,)
    assert [is_out_of_scope(row, threshold) for row in rows] == answers.tolist()
    assert answers.tolist() == [max(row) < threshold for row in rows.tolist()]


def test_a_row_gives_a_bool_and_the_threshold_itself_is_in_scope():
    assert is_out_of_scope([0.5, 0.5], 0.5) is False
    assert is_out_of_scope(torch.tensor([0.6, 0.4]), 0.7) is True


# ---- the baseline, and encoders as they come


def test_the_baseline_counts_words():
    train = {"text": ["wake me up", "wake him up", "a song", "that song"], "label": [3, 3, 7, 7]}
    assert intent.tfidf_baseline(train, ["wake her", "song please"]) == [3, 7]


def test_parts_of_words_know_a_new_form():
    """To words, будильника and песней are as good as any letters."""
    train = {"text": ["будильник", "будильники", "песня", "песни"], "label": [3, 3, 7, 7]}
    new_forms = ["песней", "будильника"]
    assert intent.tfidf_baseline(train, new_forms, letters=(2, 5)) == [7, 3]
    assert len(set(intent.tfidf_baseline(train, new_forms))) == 1


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_encoder_of_the_run_comes_first_and_each_once(language):
    profile = profiles.load("ner", "offline", data_language=language)
    at_hand = intent.encoders_at_hand(profile)
    assert at_hand[0] == profile.checkpoint and sorted(at_hand) == sorted(encoders.ENCODERS)


def test_an_encoder_that_is_missing_is_named_and_left_out(monkeypatch, capsys):
    monkeypatch.setattr(encoders, "find", lambda name: None)
    profile = profiles.load("ner", "offline", data_language="en")
    assert intent.encoders_at_hand(profile) == ["all-MiniLM-L6-v2"]
    assert "multilingual-e5-small" in capsys.readouterr().out


def test_with_real_data_the_hub_has_what_is_missing(monkeypatch):
    monkeypatch.setattr(encoders, "find", lambda name: None)
    assert len(intent.encoders_at_hand(profiles.load("ner", "full", data_language="en"))) == 1 + len(encoders.ENCODERS)


def test_the_model_knows_its_intents_by_name(tmp_path):
    from transformers import BertConfig, BertModel

    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=50, **size)).save_pretrained(tmp_path)
    config = intent.build_model(str(tmp_path), *label_maps(TASKS)).config
    assert (config.num_labels, config.id2label[1], config.label2id["play_music"]) == (4, "play_music", 1)


# ---- legibility


@pytest.fixture(scope="module", params=data.LOCALES)
def locale(request):
    return request.param


@pytest.fixture(scope="module")
def legibility(locale):
    return intent.learn_legibility(data.load("massive", "samples", locale)["train"]["text"])


def test_real_requests_are_intelligible(locale, legibility):
    dataset = data.load("massive", "samples", locale)
    refused = [text for text in dataset["test"]["text"] if legibility.is_unintelligible(text)]
    assert len(refused) <= 0.08 * len(dataset["test"])


@pytest.mark.parametrize("text", ["", "  ", "42 ?!", "😀", "qqwx zzkj vvbq", "ъъщ йщы ъэъ", "a b", "\u200b"])
def test_noise_is_unintelligible(legibility, text):
    assert legibility.is_unintelligible(text)


def test_a_word_that_is_repeated_says_nothing_new(legibility):
    assert legibility.letters("alarm " * 9) == legibility.letters("alarm")


def test_capitals_make_no_difference(legibility, locale):
    text = data.load("massive", "samples", locale)["test"][0]["text"]
    assert legibility.letters(text.upper()) == legibility.letters(text)


def test_at_least_the_share_passes():
    texts = ["play music", "stop", "play some music", "play loud music"]
    assert sum(not intent.learn_legibility(texts, 0.75).is_unintelligible(text) for text in texts) == 3


# ---- reply

SENTENCES = language.words(intent.WORDS_OF_REPLIES)


@pytest.fixture
def ask(model, tokenizer, tmp_path):
    """A function: request → reply of an assistant with a threshold that needs a word it knows."""
    legibility = intent.learn_legibility(data.load("massive", "samples")["train"]["text"])

    def answer(request, language="en", threshold=0.3, shelf=tmp_path / "aside.jsonl"):
        options = {"threshold": threshold, "legibility": legibility, "language": language, "shelf": shelf}
        return reply(request, model, tokenizer, **options)

    return answer


def set_aside(tmp_path):
    path = tmp_path / "aside.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


@pytest.mark.parametrize("language", SENTENCES)
def test_a_request_in_scope_is_done(ask, language, tmp_path):
    found = ask("song please", language)
    assert (found["kind"], found["label"]) == ("intent", "play_music")
    assert found["text"] == SENTENCES[language]["doing"]["play_music"]
    assert set_aside(tmp_path) == []


def test_an_intent_that_people_have_added_is_done_by_its_name(tokenizer):
    newer = models.keyword_classifier({"song": "sing_along"}, tokenizer, ["alarm_set", "sing_along"])
    legibility = intent.learn_legibility(["a song please"])
    assert reply("song", newer, tokenizer, threshold=0.1, legibility=legibility)["text"] == "On it: sing_along."


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("request_", ["", "  \n", "qqwx zzkj vvbq", "the of it"])
def test_what_nobody_understands_is_to_be_repeated(ask, language, request_, tmp_path):
    found = ask(request_, language)
    assert (found["kind"], found["label"]) == ("unintelligible", None)
    assert found["text"] == SENTENCES[language]["unintelligible"]
    assert set_aside(tmp_path) == []


@pytest.mark.parametrize("language", SENTENCES)
def test_talk_gets_an_offer(ask, language, tmp_path):
    found = ask("hello hello rain", language)
    assert (found["kind"], found["label"]) == ("no_intent", "general_greet")
    assert SENTENCES[language]["offers"]["weather"] in found["text"]
    assert set_aside(tmp_path) == []


@pytest.mark.parametrize("language", SENTENCES)
def test_an_unknown_intent_is_put_aside(ask, language, tmp_path):
    request = "transfer two hundred dollars, переведи деньги"
    found = ask(request, language)
    assert (found["kind"], found["label"]) == ("unknown", None)
    assert found["text"] == SENTENCES[language]["unknown"]
    (record,) = set_aside(tmp_path)
    assert (record["text"], record["label"], record["language"]) == (request, None, language)
    assert record["guess"] in TASKS and record["score"] < 0.3


def test_without_a_shelf_nothing_is_written(ask, tmp_path):
    assert ask("transfer two hundred dollars", shelf=None)["kind"] == "unknown"
    assert list(tmp_path.iterdir()) == []


def test_a_clear_request_in_few_letters_is_done(ask):
    """Only what the model does not recognise is measured by its letters."""
    assert ask("song")["kind"] == "intent"


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60), st.sampled_from(sorted(SENTENCES)))
def test_every_text_gets_a_reply(model, tokenizer, text, language):
    legibility = intent.learn_legibility(["play some music", "wake me up"])
    found = reply(text, model, tokenizer, threshold=0.3, legibility=legibility, language=language)
    assert set(found) == {"kind", "label", "score", "text"}
    assert found["kind"] in {"intent", "unintelligible", "no_intent", "unknown"}
    assert found["text"] and 0 <= found["score"] <= 1


def test_the_table_has_the_same_words_in_every_language():
    scenarios = {name.partition("_")[0] for name in data.load("massive", "samples")["train"].features["label"].names}
    for words in SENTENCES.values():
        tables = {"offers", "intents", "doing"}
        assert words.keys() == {"intent", "unintelligible", "no_intent", "unknown", "examples"} | tables
        assert words["offers"].keys() == scenarios
        assert words["intents"].keys() == set(data.INTENTS)
        assert words["doing"].keys() == set(data.INTENTS) - intent.CHAT
        assert len(set(words["intents"].values())) == len(data.INTENTS)  # no two intents look alike in a table
        assert len(words["examples"]) == 4


def test_an_intent_is_said_in_the_readers_language():
    said = [intent.in_words("alarm_set", language) for language in ("en", "ru", "es")]
    assert said == ["set an alarm", "поставить будильник", "poner una alarma"]
    assert intent.in_words("sing_along", "ru") == "sing_along"


def test_examples_come_in_the_locales_language():
    assert {locale: len(intent.examples(locale)) for locale in data.LOCALES} == dict.fromkeys(data.LOCALES, 4)


# ---- the shelf


def test_a_request_comes_back_with_its_label(tmp_path):
    shelf = tmp_path / "aside.jsonl"
    odd = ["переведи пять тысяч брату", 'a "quoted"\nrequest', "😀\u2028 line\u0085 marks", "¿cuánto?"]
    for text in [*odd, "not labelled"]:
        put_aside(shelf, text, language="ru", guess="alarm_set", score=0.2)
    lines = shelf.read_bytes().decode("utf-8").split("\n")
    labelled = [line.replace('"label": null', '"label": "transfer"') for line in lines[:3]]
    labelled.append(lines[3].replace('"label": null', '"label": "alarm_set"'))
    shelf.write_bytes("\n".join([*labelled, *lines[4:]]).encode())

    dataset = load_labelled(shelf, TASKS)
    assert dataset["text"][:] == odd
    assert dataset.features["label"].names == [*TASKS, "transfer"]
    assert dataset["label"][:] == [4, 4, 4, 0]


def test_labelled_requests_fit_to_the_training_data(tmp_path):
    from datasets import concatenate_datasets

    shelf = tmp_path / "aside.jsonl"
    shelf.write_text('{"text": "pay my rent", "label": "transfer"}\n{"text": "wake me", "label": "alarm_set"}\n')
    train = data.load("massive", "samples")["train"]
    names = train.features["label"].names
    labelled = load_labelled(shelf, names)
    more = concatenate_datasets([train.cast(labelled.features), labelled])
    assert len(more) == len(train) + 2
    assert [more.features["label"].int2str(row["label"]) for row in more.select([0, len(train), len(train) + 1])] == [
        names[train[0]["label"]],
        "transfer",
        "alarm_set",
    ]


def test_a_shelf_on_which_nothing_is_labelled_gives_no_rows(tmp_path):
    put_aside(tmp_path / "aside.jsonl", "pay my rent", language="en", guess="alarm_set", score=0.2)
    dataset = load_labelled(tmp_path / "aside.jsonl", TASKS)
    assert (len(dataset), dataset.column_names) == (0, ["id", "text", "label"])


@pytest.mark.parametrize("line", ["{", '{"text": "a"}', '{"text": "a", "label": 5}', '{"text": 1, "label": "b"}'])
def test_a_damaged_line_is_named(tmp_path, line):
    shelf = tmp_path / "aside.jsonl"
    shelf.write_text('{"text": "a", "label": "b"}\n' + line + "\n")
    with pytest.raises(DataError, match="line 2"):
        load_labelled(shelf, TASKS)


def test_a_half_of_a_letter_is_no_error(tmp_path):
    """A lone surrogate comes out of broken keyboards, and UTF-8 does not know it."""
    put_aside(tmp_path / "aside.jsonl", "caf\ud83d", language="en", guess="alarm_set", score=0.2)
    assert set_aside(tmp_path)[0]["text"] == "caf?"


def write_many(shelf, writer):
    for number in range(60):
        put_aside(shelf, f"{writer} {number} отложи это " * 40, language="ru", guess="alarm_set", score=0.1)


def test_assistants_that_write_at_the_same_time_do_not_mix_their_lines(tmp_path):
    shelf = tmp_path / "aside.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(shelf, name)) for name in "абвг"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = {" ".join(record["text"].split()[:2]) for record in set_aside(tmp_path)}
    assert found == {f"{name} {number}" for name in "абвг" for number in range(60)}


def test_requests_are_found_by_their_scenario():
    split = data.load("massive", "samples")["test"]
    names = split.features["label"].names
    places, scenarios = intent.by_scenario(split, ["alarm", "iot"])
    assert set(scenarios) == {"alarm", "iot"} and len(places) == len(scenarios)
    assert all(names[split[place]["label"]].startswith(f"{name}_") for place, name in zip(places, scenarios))
