"""From a film review to a probability, a rating and scores.

The oracles are the slow and plain way: one text at a time, no padding, no sorting. Names that begin with
`test_seed_001` keep the errors of that seed from coming back.
"""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from helpers import data, models, profiles
from helpers.reviews import (
    compute_metrics,
    encode_reviews,
    evaluate_scores,
    reading_cost,
    review_rating,
    score_reviews,
    share_of_new_pieces,
    share_of_new_words,
    tfidf_baseline,
)

WEIGHTS = {"superb": 1.0, "good": 0.5, "dull": -1.0, "film": -0.1}
WORDS = st.sampled_from([*WEIGHTS, "the", "<br />", "😀", "кино", "unputdownable", "it's", "\u200b", "\n"])
TEXTS = st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=20))

# ---- encode_reviews


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.sampled_from([4, 16, 512]))
def test_each_review_is_encoded_as_if_it_were_alone(short_tokenizer, texts, limit):
    tokenizer = short_tokenizer(limit)
    encoded = encode_reviews({"text": texts, "label": [0] * len(texts)}, tokenizer)
    alone = [tokenizer(text, truncation=True) for text in texts]
    assert encoded == {name: [row[name] for row in alone] for name in encoded}
    assert all(len(row) <= limit for row in encoded["input_ids"])


def test_encoding_has_the_tokenizers_fields_and_no_others(tokenizer):
    encoded = encode_reviews({"text": ["A film."], "label": [1]}, tokenizer)
    assert type(encoded) is dict
    assert set(encoded) == set(tokenizer.model_input_names)


def test_nothing_is_padded(tokenizer):
    encoded = encode_reviews({"text": ["A film.", "A much longer film."]}, tokenizer)
    assert [len(row) for row in encoded["input_ids"]] == [5, 7]
    assert all(all(row) for row in encoded["attention_mask"])


def test_a_truncated_review_still_ends_with_the_end_mark(short_tokenizer):
    (ids,) = encode_reviews({"text": ["word " * 100]}, short_tokenizer(16))["input_ids"]
    assert (len(ids), ids[-1]) == (16, short_tokenizer(16).sep_token_id)


def test_a_dataset_is_encoded_by_map(tokenizer):
    reviews = data.load("imdb", "samples")["validation"]
    encoded = reviews.map(encode_reviews, batched=True, fn_kwargs={"tokenizer": tokenizer})
    assert set(encoded.column_names) == {"text", "label", *tokenizer.model_input_names}
    assert len(encoded) == len(reviews)


# ---- compute_metrics


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.integers(0, 1)), min_size=1, max_size=20))
def test_accuracy_is_the_share_of_right_answers(rows):
    logits, labels = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])
    right = [int(positive > negative) == label for negative, positive, label in rows]
    assert compute_metrics((logits, labels)) == {"accuracy": pytest.approx(sum(right) / len(right))}


def test_metrics_are_a_flat_dictionary_of_floats():
    metrics = compute_metrics((np.array([[0.2, 0.1], [0.3, 0.4]]), np.array([1, 1])))
    assert metrics == {"accuracy": 0.5}
    assert type(metrics["accuracy"]) is float


# ---- review_rating


@given(st.floats(0, 1))
def test_a_rating_is_a_whole_number_from_1_to_10(p_positive):
    rating = review_rating(p_positive)
    assert type(rating) is int
    assert 1 <= rating <= 10
    assert abs(rating - 10 * p_positive) <= (0.5 if rating > 1 else 1)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_probability_never_has_a_lower_rating(one, other):
    assert review_rating(min(one, other)) <= review_rating(max(one, other))


def test_halves_are_rounded_up():
    for thousandths in range(1001):
        expected = max(1, math.floor(Fraction(thousandths, 100) + Fraction(1, 2)))
        assert review_rating(thousandths / 1000) == expected, thousandths


@pytest.mark.parametrize("p_positive", [-0.1, 1.1, -1e-9, 1.0000001, math.nan, math.inf, -math.inf, 78])
def test_what_is_no_probability_is_refused(one_sentence, p_positive):
    with one_sentence(ValueError, str(p_positive)):
        review_rating(p_positive)


@pytest.mark.parametrize("kind", [np.float32, np.float64, torch.tensor])
def test_numbers_of_numpy_and_torch_are_rated_too(kind):
    rating = review_rating(kind(0.78))
    assert (rating, type(rating)) == (8, int)


def test_seed_001_all_halves_are_rounded_alike():
    """There `round(score, 1)` made 2, 3, 5, 7 and 8 of these, as the binary fraction happened to lie."""
    halves = [0.25, 0.35, 0.45, 0.65, 0.85]
    assert [int(10 * round(p, 1)) for p in halves] == [2, 3, 5, 7, 8]
    assert [review_rating(p) for p in halves] == [3, 4, 5, 7, 9]


# ---- score_reviews


def alone(texts, model, tokenizer):
    """P(positive) of every text on its own: no batch, no padding."""
    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    scores = []
    for text in texts:
        with torch.no_grad():
            encoded = tokenizer(text, truncation=True, max_length=limit, return_tensors="pt")
            scores.append(model(**encoded).logits.softmax(-1)[0, 1].item())
    return np.array(scores)


@settings(deadline=None, max_examples=40)
@given(st.lists(TEXTS, max_size=70))
def test_every_text_gets_its_own_score_in_order(short_tokenizer, texts):
    tokenizer = short_tokenizer(32)
    critic = models.lookup_critic(WEIGHTS, tokenizer)
    scores = score_reviews(texts, critic, tokenizer)
    assert scores.shape == (len(texts),)
    assert scores.dtype.kind == "f"
    np.testing.assert_allclose(scores, alone(texts, critic, tokenizer), atol=1e-5)


def test_no_texts_give_an_empty_array(tokenizer):
    scores = score_reviews([], models.lookup_critic(WEIGHTS, tokenizer), tokenizer)
    assert (scores.shape, scores.dtype.kind) == ((0,), "f")


def test_a_column_of_a_dataset_is_scored_too(tokenizer):
    texts = data.load("imdb", "samples")["validation"]["text"]
    assert score_reviews(texts, models.lookup_critic(WEIGHTS, tokenizer), tokenizer).shape == (len(texts),)


def test_the_score_speaks_for_column_1(tokenizer):
    scores = score_reviews(["superb", "dull", "word"], models.lookup_critic(WEIGHTS, tokenizer), tokenizer)
    assert scores[0] > 0.7 > 0.5 > 0.3 > scores[1]
    assert scores[2] == pytest.approx(0.5)


def test_the_models_own_limit_counts_too(short_tokenizer, tokenizer):
    """A tokenizer that records no limit does not make the model fail."""
    critic = models.lookup_critic(WEIGHTS, short_tokenizer(16))
    assert score_reviews(["superb " * 100], critic, tokenizer) > 0.7


def test_a_batch_holds_texts_of_like_length(tokenizer):
    """Padding is work for nothing: sorted, this list needs no more than one token of it a text."""
    critic, sizes = models.lookup_critic(WEIGHTS, tokenizer), []
    critic.register_forward_pre_hook(lambda _, __, inputs: sizes.append(inputs["input_ids"].shape), with_kwargs=True)
    score_reviews(["word " * (1 + i % 2 * 99) for i in range(64)], critic, tokenizer)
    assert [columns for _, columns in sizes] == [3, 102]
    assert sum(rows for rows, _ in sizes) == 64


def test_dropout_is_switched_off(tokenizer):
    critic = models.lookup_critic(WEIGHTS, tokenizer, dropout=0.9).train()
    assert score_reviews(["superb"] * 40, critic, tokenizer) == pytest.approx(
        alone(["superb"], critic.eval(), tokenizer)[0]
    )


def test_no_gradients_are_computed(tokenizer):
    critic, enabled = models.lookup_critic(WEIGHTS, tokenizer), []
    critic.register_forward_hook(lambda *_: enabled.append(torch.is_grad_enabled()))
    score_reviews(["superb"], critic, tokenizer)
    assert enabled == [False]
    assert torch.is_grad_enabled()


def test_seed_001_long_reviews_are_not_lost(tokenizer):
    """There every review beyond 512 tokens raised an exception that was swallowed: 3,513 of 25,000 had no score."""
    texts = ["superb " * 600, "dull", "dull " * 2000, "superb"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score_reviews(texts, models.lookup_critic(WEIGHTS, tokenizer), tokenizer)
    assert (scores > 0.5).tolist() == [True, False, False, True]


def test_seed_001_errors_are_not_swallowed(tokenizer):
    with pytest.raises((TypeError, ValueError)):
        score_reviews(["superb", None, "dull"], models.lookup_critic(WEIGHTS, tokenizer), tokenizer)


# ---- evaluate_scores


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0])), max_size=30))
def test_scores_are_scikit_learns(pairs):
    labels = np.array([0, 1] + [label for label, _ in pairs])
    scores = np.array([0.4, 0.6] + [score for _, score in pairs])
    assert evaluate_scores(labels, scores) == pytest.approx(
        {
            "roc_auc": roc_auc_score(labels, scores),
            "average_precision": average_precision_score(labels, scores),
            "f1": f1_score(labels, [int(score >= 0.5) for score in scores]),
        }
    )


def test_scores_are_a_dictionary_of_floats_from_lists_too():
    scores = evaluate_scores([0, 1, 1], [0.1, 0.9, 0.4])
    assert list(scores) == ["roc_auc", "average_precision", "f1"]
    assert {type(value) for value in scores.values()} == {float}
    assert scores == {"roc_auc": 1.0, "average_precision": 1.0, "f1": pytest.approx(2 / 3)}


def test_a_score_of_one_half_counts_as_positive():
    assert evaluate_scores([0, 1], [0.1, 0.5])["f1"] == 1.0


def test_roc_auc_and_average_precision_look_at_the_order_only():
    labels, scores = [0, 1, 0, 1], np.array([0.1, 0.3, 0.2, 0.25])
    one, other = evaluate_scores(labels, scores), evaluate_scores(labels, scores * 3)
    assert (one["roc_auc"], one["average_precision"]) == (other["roc_auc"], other["average_precision"])
    assert one["f1"] == 0.0 != other["f1"]


def test_a_model_that_finds_nothing_positive_gets_zero_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert evaluate_scores([0, 1], [0.1, 0.2])["f1"] == 0.0


def test_seed_001_the_scores_of_f1_need_no_rounding_first():
    """There probabilities went into `f1_score`, which takes classes."""
    assert evaluate_scores([0, 1, 0], [0.2, 0.8, 0.3])["f1"] == 1.0


# ---- tfidf_baseline


def test_the_baseline_knows_words():
    train = {"text": ["superb film", "superb", "dull film", "dull"], "label": [1, 1, 0, 0]}
    good, bad = tfidf_baseline(train, ["superb", "dull"])
    assert good > 0.5 > bad


def test_the_baseline_knows_no_order():
    train = {"text": ["not dull", "superb", "dull", "not superb"], "label": [1, 1, 0, 0]}
    one, other = tfidf_baseline(train, ["not a dull film", "a dull film not"])
    assert one == pytest.approx(other)


# ---- what a vocabulary knows


def test_a_form_of_a_word_is_new_and_its_pieces_are_not(tokenizer):
    known, read = ["unwatchable", "a film"], ["unwatched film", "watchable"]
    assert share_of_new_words(known, read) == pytest.approx(2 / 3)
    assert share_of_new_pieces(known, read, tokenizer) < 2 / 3


def test_reading_costs_what_the_tokenizer_makes_of_the_words(short_tokenizer):
    cost = reading_cost(["film film", "film film film film film film"], short_tokenizer(5))
    assert cost == {"tokens_per_100_words": 100.0, "words_before_limit": 3.0, "share_read": pytest.approx(0.75)}


def in_language(code):
    profile = profiles.load("reviews", "offline", data_language=code)
    return data.load(profile.dataset, "samples", profile.locale)


@pytest.mark.parametrize(("code", "one_in"), [("en", 9), ("ru", 3), ("es", 7)])
def test_the_lesson_says_how_many_words_are_new_in_each_language(code, one_in):
    rows, multilingual = in_language(code), models.load_tokenizer("multilingual-e5-small")
    known, read = rows["train"]["text"][:240], rows["test"]["text"][:100]
    assert round(1 / share_of_new_words(known, read)) == one_in
    assert 1 / share_of_new_pieces(known, read, multilingual) == pytest.approx(16, abs=1)


@pytest.mark.parametrize(
    ("code", "english", "multilingual"), [("en", 130, 140), ("ru", 4 * 130, 200), ("es", 190, 150)]
)
def test_the_lesson_says_what_100_words_cost_in_each_language(code, english, multilingual):
    texts = in_language(code)["train"]["text"]
    costs = [reading_cost(texts, models.load_tokenizer(name)) for name in ("all-MiniLM-L6-v2", "multilingual-e5-small")]
    assert [cost["tokens_per_100_words"] for cost in costs] == pytest.approx([english, multilingual], rel=0.03)
