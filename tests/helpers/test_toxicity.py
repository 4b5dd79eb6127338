"""A classifier that answers in text: from requests to answers, and what the answers mean.

Models with known answers are made by hand (`models.answering_t5`), so nothing is trained here. Names that begin with
`test_seed_002` keep the errors of that seed from coming back.
"""

import dataclasses
import inspect
import warnings

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from transformers import DataCollatorForSeq2Seq

from helpers import data, language, models, profiles, toxicity, training
from helpers.toxicity import are_toxic, build_model, compute_metric, is_toxic, oversample, preprocess_dataset

ABEXOL = {"user_input": "Do you know drug which name is abexol ?", "toxicity": 0}
TEXTS = st.one_of(st.text(max_size=60), st.sampled_from(["", " ", "</s>", "a\n\nb", "😀", "Дай ответ", "water " * 700]))
ANSWERS = ["yes", "no", "yes, very", "this is a kind text", "this is a rude text"]


@pytest.fixture(scope="module")
def tokenizer():
    return models.load_tokenizer(models.OFFLINE_T5)


@pytest.fixture(scope="module")
def t5(real_tokenizer):
    """T5's own tokenizer."""
    return real_tokenizer("t5")


# ---- preprocess_dataset


def test_the_example_of_the_unit(t5):
    assert preprocess_dataset(ABEXOL, t5) == {
        "input_ids": [12068, 10, 531, 25, 214, 2672, 84, 564, 19, 703, 994, 32, 40, 3, 58, 1],
        "attention_mask": [1] * 16,
        "labels": [150, 1],
    }


def test_the_toxic_class_has_the_other_answer(t5):
    assert preprocess_dataset({"user_input": "hm", "toxicity": 1}, t5)["labels"] == [4273, 1]


def test_the_real_tokenizer_keeps_the_end_mark_of_a_long_text(t5):
    encoded = preprocess_dataset({"user_input": "water " * 3000, "toxicity": 0}, t5)
    assert (len(encoded["input_ids"]), encoded["input_ids"][-1]) == (512, 1)


@settings(deadline=None, max_examples=80)
@given(TEXTS, st.integers(0, 1), st.sampled_from(["toxic: ", "ToxicChat: ", ""]), st.integers(4, 40))
def test_text_and_answer_are_tokenized_and_only_the_text_is_truncated(tokenizer, text, label, prefix, limit):
    answers = {0: "all is well", 1: "this text hurts somebody"}
    example = {"user_input": text, "toxicity": label}
    encoded = preprocess_dataset(example, tokenizer, prefix=prefix, id2label=answers, max_length=limit)
    whole = tokenizer(prefix + text)["input_ids"]
    cut = whole if len(whole) <= limit else [*whole[: limit - 1], tokenizer.eos_token_id]
    assert type(encoded) is dict
    assert encoded == {
        "input_ids": cut,
        "attention_mask": [1] * len(cut),
        "labels": tokenizer(answers[label])["input_ids"],
    }
    assert example == {"user_input": text, "toxicity": label}


def test_the_signature_is_that_of_the_unit():
    parameters = inspect.signature(preprocess_dataset).parameters
    assert list(parameters) == ["example", "tokenizer", "prefix", "id2label", "max_length"]
    assert parameters["id2label"].default == {0: "no", 1: "yes"}
    assert list(inspect.signature(is_toxic).parameters) == ["text", "labels2bool", "model", "tokenizer", "prefix"]


# ---- compute_metric


def padded(tokenizer, answers, width, padding, start=()):
    rows = [[*start, *tokenizer(answer)["input_ids"]] for answer in answers]
    return np.array([row + [padding] * (width - len(row)) for row in rows])


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(st.sampled_from(ANSWERS), st.sampled_from(ANSWERS)), min_size=1, max_size=20),
    st.tuples(st.integers(12, 16), st.integers(11, 16)),
    st.tuples(st.sampled_from([0, -100]), st.sampled_from([0, -100])),
    st.sampled_from(ANSWERS),
)
def test_scores_are_those_of_whole_answers(tokenizer, pairs, widths, paddings, toxic):
    predicted, right = map(list, zip(*pairs))
    preds = padded(tokenizer, predicted, widths[0], paddings[0], start=[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = compute_metric((preds, padded(tokenizer, right, widths[1], paddings[1])), tokenizer, toxic=toxic)
    precision, recall, f1, _ = precision_recall_fscore_support(
        [answer == toxic for answer in right],
        [answer == toxic for answer in predicted],
        average="binary",
        zero_division=0,
    )
    expected = {"accuracy": accuracy_score(right, predicted), "precision": precision, "recall": recall, "f1": f1}
    assert scores == pytest.approx(expected)
    assert {type(score) for score in scores.values()} == {float}


def test_the_example_of_the_unit_scores_a_half(t5, tokenizer):
    example = np.array([[0, 150, 1], [0, 120, 1]]), np.array([[150, 1], [150, 1]])
    assert compute_metric(example, t5)["accuracy"] == compute_metric(example, tokenizer)["accuracy"] == 0.5


def test_seed_002_answers_that_begin_alike_are_not_the_same(t5):
    """The seed compared the first token only."""
    kind, rude = ANSWERS[3:]
    assert t5(kind)["input_ids"][0] == t5(rude)["input_ids"][0]
    pair = padded(t5, [kind], 9, 0, start=[0]), padded(t5, [rude], 8, -100)
    assert compute_metric(pair, t5, toxic=rude) == {"accuracy": 0.0, "precision": 0.0, "recall": 0.0, "f1": 0.0}


# ---- build_model


def test_the_model_answers_briefly_and_greedily():
    model = build_model(models.fetch(models.OFFLINE_T5))
    settings = model.generation_config
    assert model.config.is_encoder_decoder
    assert (settings.max_new_tokens, settings.num_beams, settings.do_sample) == (8, 1, False)


def test_its_settings_survive_saving(tmp_path):
    from transformers import GenerationConfig

    build_model(models.fetch(models.OFFLINE_T5)).save_pretrained(tmp_path)
    assert GenerationConfig.from_pretrained(tmp_path).max_new_tokens == 8


# ---- answers and vocabularies


def test_the_answers_of_a_language_come_back_and_differ_from_the_first_piece_on(tokenizer):
    assert set(toxicity.ANSWERS) == set(language.LANGUAGES)
    for answers in toxicity.ANSWERS.values():
        shown = toxicity.round_trip(answers.values(), tokenizer)
        assert shown["decoded"] == list(answers.values())
        assert len({pieces.split()[0] for pieces in shown["tokens"]}) == 2


def test_the_table_of_the_unit_is_what_t5_makes_of_the_answers(t5):
    shown = toxicity.round_trip(["yes", "no", "да", "нет", "sí", "¿Sí?", "оскорбление"], t5)
    assert shown["tokens"][:6] == ["▁yes", "▁no", "▁ да", "▁ не т", "▁ s <unk>", "▁ <unk> S <unk> ?"]
    assert shown["decoded"] == ["yes", "no", "да", "нет", "s", "S?", "оскорление"]
    letters = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
    assert sum(t5.unk_token_id in t5(letter)["input_ids"] for letter in letters) == 19
    assert all(t5.unk_token_id in t5(letter)["input_ids"] for letter in letters.upper() + "íúñ¿¡")
    assert not any(t5.unk_token_id in t5(letter)["input_ids"] for letter in "áéó")


def test_the_share_of_words_that_t5_cannot_read(t5):
    unknown = {}
    for code in language.LANGUAGES:
        profile = profiles.load("toxicity", "offline", data_language=code)
        texts = data.load(profile.dataset, "samples", profile.locale)["test"]["user_input"]
        unknown[code] = toxicity.fertility(texts, {"t5": t5})["t5"]["unknown"]
    assert unknown == pytest.approx({"en": 0.001, "ru": 0.71, "es": 0.06}, abs=0.005)


def test_fertility_counts_pieces_and_words_that_hold_an_unknown_one(tokenizer):
    counted = toxicity.fertility(["water the", "garden"], {"tiny": tokenizer})
    assert counted == {"tiny": {"fertility": 1.0, "unknown": 0.0}}
    assert toxicity.fertility(["不 garden"], {"tiny": tokenizer})["tiny"]["unknown"] == 0.5


# ---- is_toxic

YES_NO = {"yes": True, "no": False}
THEIRS = {"positive": True, "negative": False}


@pytest.mark.parametrize("own", [True, False], ids=["t5-tiny", "t5"])
@pytest.mark.parametrize(
    ("answers", "meaning", "prefix"),
    [
        (("yes", "no"), YES_NO, "toxic: "),
        (("positive", "negative"), THEIRS, "ToxicChat: "),
        (("this hurts somebody", "all is well"), {"this hurts somebody": True, "all is well": False}, ""),
    ],
)
def test_one_function_serves_models_with_other_prefixes_and_answers(
    own, answers, meaning, prefix, tokenizer, real_tokenizer
):
    tokens = tokenizer if own else real_tokenizer("t5")
    model = models.answering_t5({"garbage": answers[0]}, tokens, default=answers[1])
    assert is_toxic("what a garbage bot", meaning, model, tokens, prefix) is True
    assert is_toxic("what a lovely bot", meaning, model, tokens, prefix) is False


def test_seed_002_the_prefix_reaches_the_model(tokenizer):
    """The seed misspelt its parameter."""
    model = models.answering_t5({"coffee": "yes"}, tokenizer, default="no")
    assert is_toxic("hello", YES_NO, model, tokenizer, prefix="coffee: ") is True
    assert is_toxic("hello", YES_NO, model, tokenizer, prefix="toxic: ") is False


@pytest.mark.parametrize("meaning", [THEIRS, {"Yes": True}, {"yes!": True}, {}])
def test_another_answer_is_an_error_that_names_it(tokenizer, meaning):
    model = models.answering_t5({}, tokenizer, default="yes")
    with pytest.raises(ValueError, match="'yes'"):
        is_toxic("hello", meaning, model, tokenizer, "toxic: ")


@settings(deadline=None, max_examples=25)
@given(text=TEXTS)
def test_any_text_has_an_answer(tokenizer, text):
    model = models.answering_t5({"garbage": "yes"}, tokenizer, default="no")
    assert is_toxic(text, YES_NO, model, tokenizer, "toxic: ") is False


def test_a_long_text_is_truncated(tokenizer):
    model = models.answering_t5({"garbage": "yes"}, tokenizer, default="no")
    assert is_toxic("garbage " + "water " * 700, YES_NO, model, tokenizer, "toxic: ") is True
    assert is_toxic("water " * 700 + "garbage", YES_NO, model, tokenizer, "toxic: ") is False


def test_a_model_in_training_mode_answers_as_ever(tokenizer):
    model = models.answering_t5({"garbage": "yes"}, tokenizer, default="no", dropout=0.9).train()
    assert is_toxic("garbage " * 20, YES_NO, model, tokenizer, "toxic: ") is True
    assert not model.training


def test_generation_is_greedy_and_short_whatever_the_model_says(tokenizer):
    model = models.answering_t5({"garbage": "yes"}, tokenizer, default="no", endless=True)
    model.generation_config.update(do_sample=True, temperature=9.0, max_new_tokens=100)
    with pytest.raises(ValueError, match=r"answered '(yes ?){16}'"):
        is_toxic("garbage", YES_NO, model, tokenizer, "toxic: ")


# ---- are_toxic


@settings(deadline=None, max_examples=10)
@given(st.lists(st.one_of(TEXTS, st.sampled_from(["garbage", "garbage " + "water " * 700])), max_size=8))
def test_many_texts_have_the_answer_of_each(tokenizer, texts):
    model = models.answering_t5({"garbage": "yes"}, tokenizer, default="no", dropout=0.9).train()
    model.generation_config.update(do_sample=True, temperature=9.0)
    many = are_toxic(texts, YES_NO, model, tokenizer, "toxic: ")
    assert many == [is_toxic(text, YES_NO, model, tokenizer, "toxic: ") for text in texts]


def test_an_answer_does_not_depend_on_longer_ones_beside_it(tokenizer):
    meaning = {"this hurts somebody": True, "no": False}
    model = models.answering_t5({"garbage": "this hurts somebody"}, tokenizer, default="no")
    texts, found = ["garbage", "hello", "hello " * 50, "garbage " * 3], []
    counts = toxicity.passes(model, lambda: found.extend(are_toxic(texts, meaning, model, tokenizer, "toxic: ")))
    assert found == [True, False, False, True]
    assert counts["encoder"] == 1


def test_the_first_text_with_another_answer_is_the_error(tokenizer):
    model = models.answering_t5({"garbage": "maybe", "coffee": "never"}, tokenizer, default="no")
    with pytest.raises(ValueError, match="'never'"):
        are_toxic(["hello", "coffee " * 9, "garbage"], YES_NO, model, tokenizer, "toxic: ")


# ---- the model with known answers


@pytest.mark.parametrize("own", [True, False], ids=["t5-tiny", "t5"])
@pytest.mark.parametrize("answer", ["yes", "this text hurts somebody", "so, so bad!"])
def test_a_word_calls_for_its_answer_wherever_it_stands(own, answer, tokenizer, real_tokenizer):
    tokens = tokenizer if own else real_tokenizer("t5")
    if len(set(tokens(answer)["input_ids"])) < len(tokens(answer)["input_ids"]):
        with pytest.raises(ValueError, match="stands twice"):
            models.answering_t5({"river": answer}, tokens, default="no")
        return
    model = models.answering_t5({"river": answer, "garden": "maybe"}, tokens, default="no")
    for text, expected in {
        "river": answer,
        "water " * 400 + "river " + "water " * 100: answer,
        "the garden": "maybe",
        "water " * 500: "no",
    }.items():
        written = model.generate(**tokens(text, return_tensors="pt"), max_new_tokens=20)
        assert tokens.decode(written[0], skip_special_tokens=True) == expected


def test_dropout_spoils_its_answers_in_training_mode(tokenizer):
    model = models.answering_t5({"river": "yes"}, tokenizer, default="no", dropout=0.9).train()
    torch.manual_seed(0)
    encoded = tokenizer("river", return_tensors="pt")
    written = {tokenizer.decode(model.generate(**encoded, max_new_tokens=3)[0]) for _ in range(8)}
    assert written != {"<pad> yes</s>"}


# ---- training


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A very short training: what the trainer is, and what it predicts."""
    tokenizer = models.load_tokenizer(models.OFFLINE_T5)
    rows = data.load("toxic_chat", "samples")["train"].select(range(24))
    rows = rows.map(preprocess_dataset, fn_kwargs={"tokenizer": tokenizer}, remove_columns=rows.column_names)
    profile = dataclasses.replace(profiles.load("toxicity", "quick"), max_steps=2, batch_size=8)
    model = build_model(models.fetch(models.OFFLINE_T5))
    trainer = training.make_trainer(
        profile,
        model,
        tokenizer,
        train_dataset=rows,
        eval_dataset=rows,
        data_collator=DataCollatorForSeq2Seq(tokenizer, model=model),
        compute_metrics=lambda pair: compute_metric(pair, tokenizer),
    )
    trainer.train()
    return trainer


def test_a_model_that_writes_is_evaluated_by_what_it_writes(trained):
    from transformers import Seq2SeqTrainer

    assert isinstance(trained, Seq2SeqTrainer)
    output = trained.predict(trained.train_dataset)
    assert output.predictions.dtype.kind == "i" and (output.predictions[:, 0] == 0).all()
    assert {"test_accuracy", "test_f1", "test_loss"} <= output.metrics.keys()


def test_seed_002_never_in_fp16(trained):
    """It fails without a GPU, and T5 overflows with it."""
    assert not trained.args.fp16


def test_predictions_come_in_the_order_of_the_data(trained, tokenizer):
    rows = Dataset.from_list(
        [{"input_ids": tokenizer("water " * n)["input_ids"], "labels": [n + 3, 1]} for n in (40, 2, 30, 5)]
    )
    assert trained.predict(rows).label_ids[:, 0].tolist() == [43, 5, 33, 8]


def test_training_runs_the_decoder_once_and_writing_once_a_token(tokenizer):
    model = models.answering_t5({}, tokenizer, default="this text hurts somebody")
    request, answer = (tokenizer(text, return_tensors="pt") for text in ("hello", "this text hurts somebody"))
    assert toxicity.passes(model, lambda: model(**request, labels=answer["input_ids"])) == {"encoder": 1, "decoder": 1}
    written = answer["input_ids"].shape[1]
    assert toxicity.passes(model, lambda: model.generate(**request)) == {"encoder": 1, "decoder": written}


# ---- rare classes


@given(st.lists(st.integers(0, 1), max_size=60))
def test_oversampling_repeats_toxic_rows_only_and_loses_none(labels):
    chosen = oversample(labels)
    assert chosen == sorted(chosen) and set(chosen) == set(range(len(labels)))
    zeros, ones = labels.count(0), labels.count(1)
    times = {chosen.count(i) for i, label in enumerate(labels) if label}
    assert len(chosen) == zeros + sum(times) * ones
    if ones and zeros >= ones:
        assert abs(sum(times) * ones - zeros) <= ones / 2


def test_the_comparison_is_fair_in_steps():
    profile = dataclasses.replace(profiles.load("toxicity", "offline"), epochs=3, batch_size=10, max_steps=0)
    other = toxicity.same_steps(profile, 100, 60)
    assert (other.max_steps, other.epochs) == (30, 5)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
def test_at_the_share_that_texts_have_the_scores_are_theirs(pairs):
    labels, guesses = map(list, zip(*[*pairs, (0, 0), (1, 0)]))
    measured = toxicity.scores(labels, guesses)
    worked_out = toxicity.at_share(labels, guesses, sum(labels) / len(labels))
    assert worked_out == pytest.approx({name: measured[name] for name in worked_out})


def test_the_rarer_the_class_the_lower_the_precision():
    labels, guesses = [1, 1, 0, 0], [1, 1, 1, 0]
    found = [toxicity.at_share(labels, guesses, share) for share in (0.5, 0.1, 0.01)]
    assert [round(scores["precision"], 3) for scores in found] == [0.667, 0.182, 0.02]
    assert {scores["recall"] for scores in found} == {1.0}


def test_the_baselines_numbers_are_those_of_the_metric(tokenizer):
    labels, guesses = [1, 1, 0, 0, 1], [1, 0, 0, 1, 1]
    words = {0: "no", 1: "yes"}
    preds = padded(tokenizer, [words[i] for i in guesses], 4, 0, start=[0])
    right = padded(tokenizer, [words[i] for i in labels], 3, -100)
    assert toxicity.scores(labels, guesses) == compute_metric((preds, right), tokenizer)


@pytest.mark.parametrize(("code", "low", "high"), [("en", 0.7, 0.9), ("ru", 0.6, 0.8), ("es", 0.6, 0.8)])
def test_tfidf_is_a_baseline_worth_beating(code, low, high):
    profile = profiles.load("toxicity", "offline", data_language=code)
    chats = data.load(profile.dataset, profile.data, profile.locale)
    guesses = toxicity.tfidf_baseline(chats["train"][:], chats["test"]["user_input"])
    assert low < toxicity.scores(chats["test"]["toxicity"], guesses)["f1"] < high


def test_an_encoder_that_has_read_is_a_baseline_too():
    """It knows words that it has seen in no labelled text, and reads no more of a text than it is told."""
    insults = ["You are an idiot.", "Shut up, you fool.", "What a moron you are.", "You stupid liar."]
    questions = ["How do I bake bread?", "What is the capital of Peru?", "Explain tides to me.", "Name three rivers."]
    train = {"user_input": insults + questions, "toxicity": [1] * 4 + [0] * 4}
    texts = ["You are a complete imbecile.", "How do I cook rice?", "How do I cook rice? " * 3 + "You imbecile! " * 20]
    guesses = toxicity.pretrained_baseline(train, texts, "all-MiniLM-L6-v2", most=60)
    assert guesses.tolist() == [1, 0, 0]


# ---- the classifier by the dataset's authors


def test_it_is_fetched_for_a_full_run_on_english_only(monkeypatch):
    monkeypatch.setattr(models, "fetch", lambda name: pytest.fail(f"asked for {name}"))
    assert toxicity.published_classifier(profiles.load("toxicity", "offline")) is None
    assert toxicity.published_classifier(profiles.load("toxicity", "full", data_language="es")) is None


def test_without_the_hub_there_is_none(monkeypatch):
    def unavailable(name):
        raise models.ModelUnavailable(name)

    monkeypatch.setattr(models, "fetch", unavailable)
    assert toxicity.published_classifier(profiles.load("toxicity", "full")) is None
    assert toxicity.compare_with_published(None, None, []) is None


def test_both_models_are_scored_on_the_same_requests(tokenizer):
    model = models.answering_t5({"garbage": "positive"}, tokenizer, default="negative")
    requests = Dataset.from_list([{"user_input": "garbage bot", "toxicity": 1}, {"user_input": "hello", "toxicity": 0}])
    published = toxicity.Published(model, tokenizer)
    compared = toxicity.compare_with_published(published, requests, ["no", "no", "yes"])
    assert [row["f1"] for row in compared.values()] == [0.0, 1.0]
