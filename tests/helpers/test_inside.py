"""What is shown of the inside of a model is what the model computes."""

import numpy as np
import pytest
import torch

from helpers import inside, models
from helpers.transformer import attention

TEXT = "The cat drank the milk because it was thirsty."


@pytest.fixture(scope="module")
def tokenizer():
    return models.load_tokenizer("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def model():
    return inside.load_encoder("all-MiniLM-L6-v2")


def test_attention_has_a_table_a_head_and_rows_that_add_up_to_one(model, tokenizer):
    seen = inside.attention_of(TEXT, model, tokenizer)
    assert seen.weights.shape == (6, 12, len(seen.tokens), len(seen.tokens))
    np.testing.assert_allclose(seen.weights.sum(axis=-1), 1, atol=1e-5)
    assert seen.tokens[0] == "[CLS]" and seen.tokens[-1] == "[SEP]"


@pytest.mark.parametrize(("layer", "head"), [(0, 0), (3, 7), (5, 11)])
def test_the_attention_of_the_unit_is_that_of_the_model(model, tokenizer, layer, head):
    _, weights = attention(*inside.head_of(TEXT, model, tokenizer, layer, head))
    np.testing.assert_allclose(weights, inside.attention_of(TEXT, model, tokenizer).head(layer, head), atol=1e-5)


def test_heads_are_found_by_where_they_look():
    tokens, weights = list("abcde"), np.full((2, 2, 5, 5), 0.2)
    weights[0, 1] = np.roll(np.eye(5), -1, axis=1)  # each looks one to the left
    weights[1, 0] = np.eye(5)[[0] * 5]
    seen = inside.Attention(tokens, weights)
    assert seen.looking(-1) == (0, 1)
    assert seen.resting() == (1, 0)


def test_a_word_has_one_vector_before_the_layers_and_another_after_them(model, tokenizer):
    one, other = (
        inside.word_by_layers(text, "bank", model, tokenizer)
        for text in ("We sat on the bank of the river.", "We sat in the bank for a loan.")
    )
    assert one.shape == (7, 384)
    alike = [inside.cosines(np.stack(pair))[0][1] for pair in zip(one, other)]
    assert alike[0] == pytest.approx(1, abs=1e-5) and alike[-1] < 0.95


def test_a_word_of_several_pieces_is_found_by_its_letters(model, tokenizer):
    vectors = inside.word_by_layers("Read Dostoevsky again.", "dostoevsky", model, tokenizer)
    table = inside.table_vectors(["Dostoevsky"], model, tokenizer)
    assert vectors.shape == (7, 384) and table.shape == (1, 384)


def test_a_word_that_is_not_there_is_named(model, tokenizer):
    with pytest.raises(ValueError, match="'bank' does not stand in the text"):
        inside.word_by_layers("A river.", "bank", model, tokenizer)


def test_neighbours_leave_the_word_itself_out(model, tokenizer):
    found = inside.neighbours("monday", model, tokenizer, count=5)
    assert len(found) == 5 and "monday" not in found and {"tuesday", "sunday"} <= set(found)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_without_positions_the_order_of_words_is_lost(model, tokenizer):
    blind = inside.without_positions(model)
    pair = [
        inside.word_by_layers(text, text, blind, tokenizer)[-1] for text in ("a dog bites a man", "a man bites a dog")
    ]
    assert inside.cosines(np.stack(pair))[0][1] == pytest.approx(1, abs=1e-4)
    assert model.embeddings.position_embeddings.weight.abs().sum() > 0  # the model itself is as it was


def test_every_number_is_counted_once(model):
    counts = inside.numbers_by_part(model)
    assert sum(counts.values()) == sum(parameter.numel() for parameter in model.parameters())
    assert counts["word_embeddings"] == 30522 * 384
    assert counts["feed_forward"] == pytest.approx(2 * counts["attention"], rel=0.01)


def test_a_random_encoder_leaves_the_random_numbers_of_others_alone(tokenizer):
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    one, other = (inside.random_encoder(tokenizer, seed=seed) for seed in (3, 3))
    assert torch.equal(torch.rand(3), wanted)
    assert torch.equal(one.embeddings.word_embeddings.weight, other.embeddings.word_embeddings.weight)


def test_padding_that_is_not_masked_changes_a_text(tokenizer):
    model = inside.random_encoder(tokenizer)
    batch = tokenizer(["rain", "rain rain rain rain"], padding=True, return_tensors="pt")
    with torch.no_grad():
        masked, bare = model(**batch)[0][0, :3], model(input_ids=batch["input_ids"])[0][0, :3]
    assert (masked - bare).abs().max() > 0.05


def test_only_what_is_on_this_machine_is_at_hand():
    assert inside.at_hand("all-MiniLM-L6-v2") == ["all-MiniLM-L6-v2"]


def test_on_a_map_words_that_are_used_alike_lie_together(model, tokenizer):
    points = inside.word_map(["monday", "friday", "red", "blue"], model, tokenizer)
    between = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert between[0, 1] < between[0, 2] and between[2, 3] < between[1, 3]
