"""The word in the gap, by counting and by a small model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import data, masked_words
from helpers.language import BY_CODE

READ = ["turn the light on", "turn the light off", "turn the music off", "play the music"]


@given(st.lists(st.sampled_from(["turn", "the", "light", "don't", "свет", "año"]), min_size=3, max_size=9))
def test_a_gap_takes_one_word_out(words):
    ((text, word),) = masked_words.gaps([" ".join(words)])
    assert masked_words.words_of(text.replace(masked_words.GAP, word)) == words


def test_counting_asks_both_neighbours_first_then_the_left_one_then_all():
    counts = masked_words.Counts(READ)
    assert counts.guess("turn the [MASK] off", 2) == {"light": 1, "music": 1}
    assert list(counts.guess("hide the [MASK] now", 2)) == ["light", "music"]
    assert list(counts.guess("hide [MASK] now", 1)) == ["the"]
    assert counts.frequent("whatever", 1) == {"the": 4}


def test_the_share_of_gaps_that_are_found():
    counts = masked_words.Counts(READ)
    assert masked_words.found_among(counts.frequent, [("turn [MASK] light on", "the"), ("[MASK] it", "hide")], 1) == 0.5


@pytest.mark.parametrize("language", list(BY_CODE))
def test_the_small_model_learns_from_the_samples(language):
    requests = data.load("massive", "samples", BY_CODE[language].locale)
    read = list(requests["train"]["text"])
    gaps = masked_words.gaps(list(requests["test"]["text"]))
    model = masked_words.SmallModel(read)
    before = masked_words.found_among(model.guess, gaps)
    losses = model.train(steps=120, share=0.3)
    assert sum(losses[-10:]) < 0.85 * sum(losses[:10])
    assert masked_words.found_among(model.guess, gaps) > before + 0.05


def test_it_never_guesses_what_is_no_word_and_gives_probabilities():
    model = masked_words.SmallModel([*READ, *READ])
    found = model.guess("turn the [MASK] off", 3)
    assert not set(found) & set(masked_words.SPECIAL)
    assert 0 < sum(found.values()) <= 1 + 1e-6


@pytest.mark.parametrize("text", ["turn the [MASK] off " + "the " * 30, "the " * 30 + "[MASK] off", "[MASK]"])
def test_of_a_long_text_the_part_with_the_gap_is_read(text):
    assert masked_words.SmallModel([*READ, *READ]).guess(text, 1)


@pytest.mark.parametrize("guesser", [masked_words.Counts, masked_words.SmallModel])
def test_without_a_gap_there_is_nothing_to_guess(guesser):
    with pytest.raises(ValueError, match="write \\[MASK\\]"):
        guesser([*READ, *READ]).guess("turn the light off")
