"""How fine a vocabulary cuts words."""

import pytest

from helpers import data, models
from helpers.vocabulary import fertility


@pytest.fixture(scope="module")
def tokenizer():
    return models.load_tokenizer(models.OFFLINE_ENCODER)


def test_fertility_is_pieces_for_each_word(tokenizer):
    assert fertility(["a trip", "to Mordor"], tokenizer) == 5 / 4


def test_an_english_vocabulary_cuts_russian_into_letters(tokenizer):
    assert fertility(data.load("brighter/rus", "samples")["train"]["text"], tokenizer) > 4.5
