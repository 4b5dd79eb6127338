"""Pieces per word, attention, the vector of a text, a search: the oracles are the plain way, row by row."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers import data, inside, models
from helpers.transformer import attention, causal_mask, embed, fertility, mean_pooling, search

SIZES = st.integers(1, 5)
WORDS = ["so", "proud", "#happy", "it's", "😭", "Привет", "café", "unbelievable"]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join), max_size=9)


@pytest.fixture(scope="module")
def tokenizer():
    return models.load_tokenizer("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def encoder(tokenizer):
    return inside.random_encoder(tokenizer)


# ---- fertility


@given(TEXTS.filter(len))
def test_fertility_is_pieces_by_words(tokenizer, texts):
    pieces = sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)
    assert fertility(texts, tokenizer) == pieces / len(" ".join(texts).split())


@pytest.mark.parametrize("texts", [[], [""], [" ", "\n"]])
def test_without_words_there_is_no_fertility(tokenizer, texts):
    with pytest.raises(ValueError, match="no word"):
        fertility(texts, tokenizer)


def test_an_english_vocabulary_cuts_russian_into_letters(tokenizer):
    assert fertility(data.load("brighter/rus", "samples")["train"]["text"], tokenizer) > 4.5


# ---- attention


def row_by_row(query, key, value, mask):
    weights = np.zeros((len(query), len(key)))
    for row, seen in enumerate(mask):
        scores = key[seen] @ query[row] / np.sqrt(query.shape[1])
        if seen.any():
            powers = np.exp(scores - scores.max())
            weights[row, seen] = powers / powers.sum()
    return weights @ value, weights


@st.composite
def cases(draw, front=()):
    n, m, d, v = (draw(SIZES), draw(st.integers(0, 5)), draw(SIZES), draw(SIZES))
    numbers = st.floats(-1e6, 1e6)
    query, key, value = (draw(arrays(float, (*front, *shape), elements=numbers)) for shape in ((n, d), (m, d), (m, v)))
    return query, key, value, draw(arrays(bool, (*front, n, m)))


@settings(deadline=None)
@given(cases())
def test_attention_is_that_of_the_plain_way(case):
    for found, wanted in zip(attention(*case), row_by_row(*case)):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-6)


@settings(deadline=None)
@given(cases(front=(2, 3)))
def test_each_text_of_a_batch_has_its_own_attention(case):
    output, weights = attention(*case)
    for place in np.ndindex(2, 3):
        alone = attention(*(part[place] for part in case))
        np.testing.assert_allclose(output[place], alone[0], rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(weights[place], alone[1], rtol=1e-9)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_row_with_nothing_to_attend_to_is_zero_in_both_precisions(kind):
    query, key, value = (np.ones((2, 3), dtype=kind) for _ in range(3))
    with np.errstate(all="raise"):
        output, weights = attention(query, key, value, np.array([[True, False], [False, False]]))
    assert weights.tolist() == [[1, 0], [0, 0]] and output.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_it_is_what_torch_computes():
    drawn = [torch.randn(2, 4, 6, 8, generator=torch.Generator().manual_seed(n)) for n in range(3)]
    wanted = torch.nn.functional.scaled_dot_product_attention(*drawn, is_causal=True)
    found = attention(*(part.numpy() for part in drawn), causal_mask(6))[0]
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)


@given(st.integers(0, 9))
def test_a_place_sees_itself_and_what_stands_before(length):
    mask = causal_mask(length)
    assert mask.shape == (length, length) and mask.dtype == bool
    assert all(mask[i, j] == (j <= i) for i in range(length) for j in range(length))


# ---- mean_pooling


@given(st.data())
def test_the_mean_is_taken_over_the_tokens_and_the_kind_stays(data):
    n, length, d = (data.draw(SIZES) for _ in range(3))
    vectors = data.draw(arrays(float, (n, length, d), elements=st.floats(-1e3, 1e3)))
    mask = data.draw(arrays(np.int64, (n, length), elements=st.integers(0, 1)))
    wanted = [row[seen == 1].mean(axis=0) if seen.any() else np.zeros(d) for row, seen in zip(vectors, mask)]
    found = mean_pooling(vectors, mask)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, np.stack(wanted), atol=1e-9)
    tensors = mean_pooling(torch.tensor(vectors), torch.tensor(mask))
    assert isinstance(tensors, torch.Tensor)
    np.testing.assert_allclose(tensors.numpy(), found, atol=1e-9)


# ---- embed


def one_by_one(texts, model, tokenizer):
    rows = []
    for text in texts:
        with torch.no_grad():
            row = model(**tokenizer(text, truncation=True, return_tensors="pt")).last_hidden_state[0].mean(dim=0)
        rows.append((row / row.norm()).numpy())
    return rows


@settings(deadline=None, max_examples=30)
@given(TEXTS, st.integers(1, 4))
def test_a_vector_does_not_depend_on_the_other_texts(tokenizer, encoder, texts, batch_size):
    found = embed(texts, encoder, tokenizer, batch_size=batch_size)
    assert found.shape == (len(texts), 8) and found.dtype == np.float32
    for row, wanted in zip(found, one_by_one(texts, encoder, tokenizer)):
        np.testing.assert_allclose(row, wanted, atol=1e-5)


def test_long_texts_are_truncated_to_what_the_model_takes(tokenizer, encoder):
    np.testing.assert_allclose(embed(["rain " * 900], encoder, tokenizer), embed(["rain " * 700], encoder, tokenizer))


def test_texts_of_like_length_share_a_batch(tokenizer):
    texts = ["rain", "rain " * 40] * 8
    needed = 8 * (3 + 42)
    model = models.with_budget(inside.random_encoder(tokenizer), calls=4, tokens=needed)
    assert len(embed(texts, model, tokenizer, batch_size=4)) == 16


def test_training_mode_and_its_dropout_are_left(tokenizer):
    noisy = inside.random_encoder(tokenizer, dropout=0.5)
    found = embed(["so proud"], noisy.train(), tokenizer)
    np.testing.assert_allclose(found, embed(["so proud"], inside.random_encoder(tokenizer), tokenizer), atol=1e-6)


def test_a_bare_string_is_an_error(tokenizer, encoder):
    with pytest.raises(TypeError, match="square brackets"):
        embed("so proud", encoder, tokenizer)


# ---- search


@given(st.lists(st.integers(0, 7), max_size=12), st.integers(1, 15))
@settings(deadline=None, max_examples=30)
def test_the_best_come_first_and_equal_ones_in_their_order(tokenizer, encoder, axes, k):
    vectors, texts = np.eye(8, dtype=np.float32)[axes].reshape(-1, 8), [str(place) for place in range(len(axes))]
    own = embed(["so proud"], encoder, tokenizer)[0]
    found = search("so proud", texts, vectors, encoder, tokenizer, k=k)
    wanted = sorted(range(len(axes)), key=lambda row: (-own[axes[row]], row))[:k]
    assert [hit["index"] for hit in found] == wanted
    assert all(hit["text"] == texts[hit["index"]] for hit in found)
    assert all(type(hit["score"]) is float and type(hit["index"]) is int for hit in found)
