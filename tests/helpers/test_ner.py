"""From words and tags to named entities: alignment, scores, spans.

The oracles here are the slow and plain way: words are tokenized one by one, texts in one piece. Names that begin with
`test_seed_002` keep the errors of that seed from coming back.
"""

import unicodedata
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities

from helpers import models
from helpers.data import CONLL_TAGS
from helpers.ner import (
    build_model,
    calculate_metrics,
    do_ner,
    entity_spans,
    find_entities,
    load_tokenizer,
    lookup_baseline,
    preprocess_ner_dataset,
    recall_of_words,
    tags_of_words,
)

FIELDS = {"input_ids", "token_type_ids", "attention_mask", "labels"}
RABINOVICH = {
    "tokens": ["Rabinovich", "is", "winding", "up", "his", "term", "as", "ambassador", "."],
    "ner_tags": [1, 0, 0, 0, 0, 0, 0, 0, 0],
}

# ---- preprocess_ner_dataset

ODD_WORDS = ["", " ", "\u200b", "\u00ad", "\u0301", "e\u0301", "Zoe\u0308", "कु", "한국", "İzmir", "Рабинович", "Ёж"]
ODD_WORDS += ["😀", "👩‍👩‍👧", "☀\ufe0f", "can't", "U.S.", "New York", "x" * 150, "Rabinovich" * 9, "\ufffd", "\u202e"]
WORDS = st.one_of(st.sampled_from(ODD_WORDS), st.text(max_size=6), st.from_regex("[A-Za-z]{1,12}", fullmatch=True))
EXAMPLES = st.lists(st.tuples(WORDS, st.integers(0, 8)), max_size=25).map(
    lambda pairs: {"tokens": [word for word, _ in pairs], "ner_tags": [tag for _, tag in pairs]}
)


def labels_word_by_word(example, tokenizer):
    """The labels that the contract asks for, from every word tokenized on its own."""
    labels = []
    for word, tag in zip(example["tokens"], example["ner_tags"]):
        pieces = len(tokenizer([word], is_split_into_words=True, add_special_tokens=False)["input_ids"])
        later = tag + 1 if CONLL_TAGS[tag].startswith("B-") else tag
        labels += [tag, *[later] * (pieces - 1)][:pieces]
    return [-100, *labels[: tokenizer.model_max_length - 2], -100]


@settings(deadline=None, max_examples=100)
@given(EXAMPLES)
def test_each_piece_gets_the_tag_of_its_word(tokenizer, example):
    assert preprocess_ner_dataset(example, tokenizer)["labels"] == labels_word_by_word(example, tokenizer)


@settings(deadline=None, max_examples=60)
@given(EXAMPLES)
def test_each_piece_gets_the_tag_of_its_word_with_capitals_and_accents_too(real_tokenizer, example):
    cased = real_tokenizer("bert-base-cased")
    assert preprocess_ner_dataset(example, cased)["labels"] == labels_word_by_word(example, cased)


@settings(deadline=None, max_examples=60)
@given(EXAMPLES)
def test_truncation_keeps_labels_aligned(short_tokenizer, example):
    short = short_tokenizer(12)
    encoded = preprocess_ner_dataset(example, short)
    assert len(encoded["input_ids"]) <= 12
    assert encoded["labels"] == labels_word_by_word(example, short)


@settings(deadline=None, max_examples=60)
@given(EXAMPLES)
def test_special_tokens_and_only_they_are_ignored(tokenizer, example):
    encoded = preprocess_ner_dataset(example, tokenizer)
    special = tokenizer.get_special_tokens_mask(encoded["input_ids"], already_has_special_tokens=True)
    unknown = [i for i in encoded["input_ids"] if i == tokenizer.unk_token_id]  # special, too, but a word's piece
    assert encoded["labels"].count(-100) == sum(special) - len(unknown) == 2
    assert encoded["labels"][0] == encoded["labels"][-1] == -100


@settings(deadline=None, max_examples=60)
@given(EXAMPLES)
def test_the_tokenizers_fields_stay_as_they_are(tokenizer, example):
    encoded = preprocess_ner_dataset(example, tokenizer)
    assert type(encoded) is dict and set(encoded) == FIELDS
    assert {len(values) for values in encoded.values()} == {len(encoded["input_ids"])}
    plain = tokenizer(example["tokens"], is_split_into_words=True, truncation=True)
    assert {name: encoded[name] for name in plain} == dict(plain)


def test_the_example_of_the_unit(real_tokenizer):
    encoded = preprocess_ner_dataset(RABINOVICH, real_tokenizer("bert-base-cased"))
    assert encoded == {
        "input_ids": [101, 16890, 25473, 11690, 1110, 14042, 1146, 1117, 1858, 1112, 9088, 119, 102],
        "token_type_ids": [0] * 13,
        "attention_mask": [1] * 13,
        "labels": [-100, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, -100],
    }


def test_the_example_has_the_same_labels_without_capitals(real_tokenizer):
    encoded = preprocess_ner_dataset(RABINOVICH, real_tokenizer("bert-base-uncased"))
    assert encoded["labels"] == [-100, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, -100]


def test_a_long_sentence_is_cut_at_the_real_limit(real_tokenizer):
    long = {"tokens": ["Rabinovich", "left"] * 400, "ner_tags": [1, 0] * 400}
    labels = preprocess_ner_dataset(long, real_tokenizer("bert-base-cased"))["labels"]
    assert labels == [-100, *([1, 2, 2, 0] * 200)[:510], -100]


def test_words_without_pieces_shift_nothing(tokenizer):
    tagged = {"tokens": ["\u200b", "Rome", "", "saw", "\u200b", "Anna"], "ner_tags": [0, 5, 0, 0, 7, 1]}
    assert preprocess_ner_dataset(tagged, tokenizer)["labels"] == [-100, 5, 0, 1, -100]


def test_the_example_that_comes_in_is_left_alone(tokenizer):
    given_example = {"tokens": ["Rabinovich"], "ner_tags": [1]}
    preprocess_ner_dataset(given_example, tokenizer)
    assert given_example == {"tokens": ["Rabinovich"], "ner_tags": [1]}


# ---- build_model


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A folder with a very small BERT that has no classifier yet."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny-bert")
    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=50, **size)).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("names", [CONLL_TAGS, ["O", "B-DRUG", "I-DRUG"]])
def test_the_config_knows_the_labels_by_name(checkpoint, names):
    config = build_model(checkpoint, names).config
    assert config.num_labels == len(names)
    assert config.id2label == dict(enumerate(names))
    assert config.label2id == {name: index for index, name in enumerate(names)}


def test_every_token_gets_a_logit_per_label(checkpoint):
    logits = build_model(checkpoint, CONLL_TAGS)(input_ids=torch.tensor([[1, 2, 3, 4]])).logits
    assert logits.shape == (1, 4, 9)


def test_a_models_names_survive_saving(checkpoint, tmp_path):
    from transformers import AutoConfig

    build_model(checkpoint, CONLL_TAGS).save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).id2label == dict(enumerate(CONLL_TAGS))


# ---- calculate_metrics


def logits_of(rows):
    """Logits whose argmax are the given rows of tag ids."""
    return np.eye(len(CONLL_TAGS))[np.array(rows)]


def ids(*tags):
    return [CONLL_TAGS.index(tag) for tag in tags]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_scores_are_seqevals(sentences, length, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(sentences, length, 9))
    labels = rng.integers(0, 9, (sentences, length))
    labels[rng.random((sentences, length)) < 0.3] = -100
    labels[:, 0] = 0  # no sentence without a word
    predicted, references = [], []
    for row in range(sentences):
        kept = [column for column in range(length) if labels[row, column] != -100]
        predicted.append([CONLL_TAGS[logits[row, column].argmax()] for column in kept])
        references.append([CONLL_TAGS[labels[row, column]] for column in kept])
    assert calculate_metrics((logits, labels), CONLL_TAGS) == pytest.approx(
        {
            "precision": precision_score(references, predicted, zero_division=0),
            "recall": recall_score(references, predicted, zero_division=0),
            "f1": f1_score(references, predicted, zero_division=0),
            "accuracy": accuracy_score(references, predicted),
        }
    )


def test_huggingface_course_641_precision_and_recall_are_not_swapped():
    """Two entities predicted, one of them right, none missed. F1 is the same either way and hides the error."""
    labels = [ids("B-PER", "O", "O")]
    predictions = logits_of([ids("B-PER", "O", "B-LOC")])
    scores = calculate_metrics((predictions, np.array(labels)), CONLL_TAGS)
    assert (scores["precision"], scores["recall"]) == (0.5, 1.0)


def test_scores_are_a_flat_dictionary_of_floats():
    """Trainer writes them to JSON and into its table, which takes no NumPy numbers and no dictionaries."""
    labels = np.array([ids("B-PER", "O")])
    scores = calculate_metrics((logits_of(labels), labels), CONLL_TAGS)
    assert list(scores) == ["precision", "recall", "f1", "accuracy"]
    assert {type(value) for value in scores.values()} == {float}


def test_whole_entities_count():
    labels = np.array([ids("B-PER", "I-PER", "O", "O")])
    scores = calculate_metrics((logits_of([ids("B-PER", "O", "O", "O")]), labels), CONLL_TAGS)
    assert (scores["f1"], scores["accuracy"]) == (0.0, 0.75)


def test_what_is_predicted_for_padding_does_not_matter():
    labels = np.array([[-100, *ids("B-PER"), -100, -100]])
    predictions = logits_of([ids("B-LOC", "B-PER", "I-PER", "B-LOC")])
    assert calculate_metrics((predictions, labels), CONLL_TAGS)["f1"] == 1.0


def test_a_model_that_finds_nothing_gets_zeros_and_no_warning(capfd):
    labels = np.array([ids("B-PER", "O")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = calculate_metrics((logits_of([ids("O", "O")]), labels), CONLL_TAGS)
        nothing = calculate_metrics((logits_of([ids("O", "O")]), np.array([ids("O", "O")])), CONLL_TAGS)
    assert scores == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "accuracy": 0.5}
    assert nothing == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "accuracy": 1.0}
    assert capfd.readouterr().err == ""


# ---- do_ner

NAMES = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
TAGS_OF = {
    "Rabinovich": ["B-PER", "I-PER"],  # ra ##bino ##vich
    "Anna": ["B-PER"],
    "Smith": ["I-PER"],
    "Rome": ["B-LOC"],
    "East": ["I-LOC"],
    "Unilever": ["B-ORG", "O"],  # later pieces that disagree
    "Corp": ["I-ORG"],
    "Петр": ["B-PER", "I-PER"],
    "한": ["B-LOC", "O"],  # one letter, three pieces
    "क": ["B-LOC"],
    "♥": ["B-ORG"],
    "&": ["I-ORG"],
}
FRAGMENTS = [
    *TAGS_OF,
    "Rabinovich Smith",
    "Rome Rome",
    "Rome and East",
    "Zoe\u0308",
    "Rome\u0301",
    "कु",
    "한국",
    "♥\ufe0f",
    "Annaх",
    "saw",
    "and",
]
FRAGMENTS += [" ", " ", " ", "  ", "\n", "\t", "\u00a0", "\u200b", "\u0301", ".", ",", "-", "'", "😀", "👩‍👩‍👧", "🎉"]
TEXTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)), max_size=40).map("".join)


def tagger(tokenizer, tags_of=TAGS_OF, names=NAMES, **options):
    return models.lookup_tagger(tags_of, tokenizer, names, **options)


def found(text, tokenizer, tags_of=TAGS_OF):
    """The entities of a text as `(class, text)`."""
    entities = do_ner(text, tagger(tokenizer, tags_of), tokenizer)["entities"]
    return [(entity["class"], entity["text"]) for entity in entities]


def words_of(text, tokenizer):
    """Words as `(start, end, tag of the first piece)`: the tokenizer's, with the accents that it dropped."""
    pieces = {}
    for word, tags in TAGS_OF.items():
        known = tokenizer(word, add_special_tokens=False)["input_ids"]
        pieces |= dict(zip(known, tags + tags[-1:] * len(known)))
    # One window as long as it takes.
    encoded = tokenizer(text, return_offsets_mapping=True, truncation=False, verbose=False)
    words = {}
    for word, (start, end), piece in zip(encoded.word_ids(), encoded["offset_mapping"], encoded["input_ids"]):
        if word is not None:
            first_start, _, tag = words.get(word, (start, end, pieces.get(piece, "O")))
            words[word] = (first_start, end, tag)
    starts = {start for start, _, _ in words.values()}
    extended = []
    for start, end, tag in words.values():
        while end < len(text) and unicodedata.category(text[end]) == "Mn" and end not in starts:
            end += 1
        extended.append((start, end, tag))
    return extended


def check(text, tokenizer):
    """Everything that the contract says about any text."""
    result = do_ner(text, tagger(tokenizer), tokenizer)
    entities = result["entities"]
    assert result["text"] == text
    assert [text[e["start"] : e["end"]] for e in entities] == [e["text"] for e in entities]
    words = words_of(text, tokenizer)
    spans = [(name, words[first][0], words[last][1]) for name, first, last in get_entities([tag for *_, tag in words])]
    assert [(e["class"], e["start"], e["end"]) for e in entities] == spans
    borders = [place for e in entities for place in (e["start"], e["end"])]
    assert borders == sorted(borders) and all(e["text"] for e in entities)


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_any_text_gives_the_entities_of_its_words(tokenizer, text):
    check(text, tokenizer)


@settings(deadline=None, max_examples=100)
@given(TEXTS, st.sampled_from([8, 16, 32]))
@example("한국 한국 한국 한국 한국 한국 한국 한국", 16)
def test_windows_change_nothing(short_tokenizer, text, limit):
    """The lookup table knows no context, so a text read in windows has the entities of the text read at once."""
    check(text, short_tokenizer(limit))


@settings(deadline=None, max_examples=60)
@given(TEXTS)
@example(",\u0301Anna")
def test_a_tokenizer_that_keeps_accents_gives_the_same(real_tokenizer, text):
    check(text, real_tokenizer("bert-base-cased"))


def test_an_accent_after_a_comma_is_in_one_entity_only(real_tokenizer):
    """BERT's cased tokenizer begins a word with that accent, so it cannot belong to the comma as well."""
    cased = real_tokenizer("bert-base-cased")
    tags_of = {",": ["B-ORG"], "\u0301": ["B-LOC"]}
    assert found("Rome,\u0301", cased, tags_of) == [("ORG", ","), ("LOC", "\u0301")]


@pytest.mark.parametrize(
    ("text", "name"),
    [("Rome\u0301 is old", "Rome\u0301"), ("कु is old", "कु"), ("♥\ufe0f is old", "♥\ufe0f")],
    ids=["accent", "vowel sign", "emoji variant"],
)
def test_a_mark_that_the_tokenizer_drops_stays_with_its_letter(tokenizer, text, name):
    assert [entity for _, entity in found(text, tokenizer)] == [name]


def test_a_word_takes_the_tag_of_its_first_piece(tokenizer):
    assert found("Rabinovich left", tokenizer, {"Rabinovich": ["B-PER", "O", "B-LOC"]}) == [("PER", "Rabinovich")]
    assert found("Rabinovich left", tokenizer, {"Rabinovich": ["O", "B-PER", "I-PER"]}) == []


def test_a_letter_that_is_several_pieces_takes_the_tag_of_the_first(tokenizer):
    """A Hangul syllable becomes two or three pieces with one and the same offset."""
    assert len(tokenizer.tokenize("한")) == 3
    assert found("in 한 today", tokenizer, {"한": ["B-LOC", "O"]}) == [("LOC", "한")]


@pytest.mark.parametrize("text", ["", " ", " \n\t\u00a0 ", "\u200b"])
def test_a_blank_text_has_no_entities(tokenizer, text):
    assert do_ner(text, tagger(tokenizer), tokenizer) == {"text": text, "entities": []}


RULES = {"red": ["I-ORG"], "blue": ["B-ORG"], "green": ["I-LOC"], "grey": ["B-LOC"]}


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("red", [("ORG", "red")]),
        ("red green", [("ORG", "red"), ("LOC", "green")]),
        ("blue red", [("ORG", "blue red")]),
        ("blue blue", [("ORG", "blue"), ("ORG", "blue")]),
        ("blue blue red", [("ORG", "blue"), ("ORG", "blue red")]),
        ("blue and red", [("ORG", "blue"), ("ORG", "red")]),
        ("grey green red", [("LOC", "grey green"), ("ORG", "red")]),
    ],
)
def test_rules_of_b_i_and_o(tokenizer, text, entities):
    assert found(text, tokenizer, RULES) == entities


def test_an_entity_of_several_words_keeps_the_text_between_them(tokenizer):
    assert found("met Anna \n Smith.", tokenizer) == [("PER", "Anna \n Smith")]


def test_offsets_count_characters_of_the_original(tokenizer):
    text = "😀😀 Иван met  Rabinovich 👩‍👩‍👧 in\nRome 🎉"
    person, city = text.index("Rabinovich"), text.index("Rome")
    assert do_ner(text, tagger(tokenizer), tokenizer)["entities"] == [
        {"class": "PER", "text": "Rabinovich", "start": person, "end": person + 10},
        {"class": "LOC", "text": "Rome", "start": city, "end": city + 4},
    ]


def test_classes_come_from_the_models_config(tokenizer):
    model = tagger(tokenizer, {"aspirin": ["B-DRUG"]}, ["B-DRUG", "I-DRUG", "O"])
    assert do_ner("take aspirin", model, tokenizer)["entities"][0]["class"] == "DRUG"


@pytest.mark.parametrize("limit", [16, 32, 512])
def test_a_text_of_thousands_of_words_is_covered_whole(short_tokenizer, limit):
    """The lines have nine and ten words, so windows begin and end at every place of a name."""
    lines = [
        "Rabinovich and the others came from Rome by sea . ",
        "Long ago Anna Smith of Unilever had met them there . ",
    ]
    text = "".join(lines) * 160
    names = [("PER", "Rabinovich"), ("LOC", "Rome"), ("PER", "Anna Smith"), ("ORG", "Unilever")]
    assert len(text.split()) > 3000
    assert found(text, short_tokenizer(limit)) == names * 160


@pytest.mark.parametrize("before", range(16))
def test_a_name_may_lie_across_the_border_of_two_windows(short_tokenizer, before):
    text = "and " * before + "Rabinovich Smith" + " and" * 16
    assert found(text, short_tokenizer(16)) == [("PER", "Rabinovich Smith")]


class Shortsighted(torch.nn.Module):
    """Tags every token `B-LOC` that has at least three tokens on either side."""

    config = SimpleNamespace(id2label={0: "O", 1: "B-LOC"}, max_position_embeddings=16)
    device = "cpu"

    def forward(self, input_ids):
        places = torch.arange(input_ids.shape[1])
        tags = torch.minimum(places, places.flip(0)) >= 3
        return SimpleNamespace(logits=torch.nn.functional.one_hot(tags.long(), 2)[None].float())


def test_a_word_takes_its_tag_from_the_window_that_shows_more_around_it(tokenizer):
    text = " ".join("abcdefghij" * 5)
    entities = do_ner(text, Shortsighted(), tokenizer)["entities"]
    assert [entity["start"] // 2 for entity in entities] == list(range(2, 48))


def test_the_models_own_limit_counts_too(short_tokenizer, tokenizer):
    """A tokenizer that records no limit does not make the model fail."""
    model = tagger(short_tokenizer(16))
    assert len(do_ner("Rome " * 100, model, tokenizer)["entities"]) == 100


def test_dropout_is_switched_off(tokenizer):
    model = tagger(tokenizer, dropout=0.9).train()
    assert len(do_ner("Rabinovich and " * 30, model, tokenizer)["entities"]) == 30
    assert not model.training


def test_no_gradients_are_computed(tokenizer):
    model, enabled = tagger(tokenizer), []
    model.register_forward_hook(lambda *_: enabled.append(torch.is_grad_enabled()))
    do_ner("Rabinovich", model, tokenizer)
    assert enabled == [False]


def test_gradients_are_on_again_afterwards(tokenizer):
    do_ner("Rabinovich", tagger(tokenizer), tokenizer)
    assert torch.is_grad_enabled()


def test_seed_002_an_i_tag_with_nothing_open_opens_an_entity(tokenizer):
    """There `start_pos` was not yet defined and the call failed."""
    assert found("Smith left", tokenizer) == [("PER", "Smith")]


def test_seed_002_an_entity_of_two_pieces_has_its_whole_text(tokenizer):
    """There the text of such an entity was a tuple, and its end that of the first piece."""
    assert tokenizer.tokenize("Nestle") == ["nest", "##le"]
    assert found("from Nestle .", tokenizer, {"Nestle": ["B-ORG", "I-ORG"]}) == [("ORG", "Nestle")]


def test_seed_002_the_keys_are_start_and_end(tokenizer):
    """There the example said `end` and the condition `stop`."""
    result = do_ner("to Rome", tagger(tokenizer), tokenizer)
    assert result == {"text": "to Rome", "entities": [{"class": "LOC", "text": "Rome", "start": 3, "end": 7}]}


# ---- find_entities


@settings(deadline=None, max_examples=25)
@given(st.lists(TEXTS, max_size=8), st.sampled_from([16, 512]))
@example(["", "Rome " * 40, " ", "Rabinovich"], 16)
def test_many_texts_have_the_entities_of_each(short_tokenizer, texts, limit):
    model, tokenizer = tagger(short_tokenizer(limit)), short_tokenizer(limit)
    assert find_entities(texts, model, tokenizer) == [do_ner(text, model, tokenizer) for text in texts]


def test_windows_of_all_texts_share_batches(short_tokenizer):
    model, calls = tagger(short_tokenizer(16), dropout=0.9).train(), []
    model.register_forward_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    found = find_entities(["Rome " * 100, "Anna Smith", "Rome " * 90], model, short_tokenizer(16))
    assert [len(each["entities"]) for each in found] == [100, 1, 90]
    assert calls == [False]


# ---- entity_spans and lookup_baseline


@given(st.lists(st.sampled_from(CONLL_TAGS)))
def test_spans_are_seqevals(tags):
    """It gives the last tag of an entity, `entity_spans` the one after it."""
    assert entity_spans(tags) == [(name, first, last + 1) for name, first, last in get_entities(tags)]


@given(st.lists(st.sampled_from(CONLL_TAGS)))
def test_spans_cover_exactly_the_tags_that_are_not_o(tags):
    covered = [place for _, first, last in entity_spans(tags) for place in range(first, last)]
    assert covered == [place for place, tag in enumerate(tags) if tag != "O"]


@given(st.lists(st.sampled_from(CONLL_TAGS)))
def test_spans_are_of_one_class_and_split_at_every_b(tags):
    for name, first, last in entity_spans(tags):
        assert {tag[2:] for tag in tags[first:last]} == {name}
        assert all(tag.startswith("I-") for tag in tags[first + 1 : last])


def test_spans_of_nothing():
    assert entity_spans([]) == entity_spans(["O", "O"]) == []


TRAIN = {"tokens": [["Rome", "saw", "Anna"], ["rome", "ROME"]], "ner_tags": [[5, 0, 1], [5, 0]]}


def test_the_baseline_gives_each_word_its_usual_tag():
    assert lookup_baseline(TRAIN, [["anna", "saw", "ROME"], []]) == [[1, 0, 5], []]


def test_the_baseline_knows_no_new_names():
    assert lookup_baseline(TRAIN, [["Petra", "saw", "Rome"]]) == [[0, 0, 5]]


# ---- load_tokenizer


def test_words_end_at_punctuation_whatever_the_tokenizer():
    """In training CoNLL's words say it; in a text of one's own an entity would keep the full stop."""
    text = "Анна (ФК «Заря») в Туле."
    tokenizer = load_tokenizer("multilingual-e5-small")
    encoded = tokenizer(text, return_offsets_mapping=True)
    spans = {}
    for word, (start, end) in zip(encoded.word_ids(), encoded["offset_mapping"]):
        if word is not None:
            spans[word] = (spans.get(word, (start,))[0], end)
    words = [text[start:end] for start, end in spans.values()]
    assert words == ["Анна", "(", "ФК", "«", "Заря", "»", ")", "в", "Туле", "."]
    assert encoded["input_ids"] == tokenizer(words, is_split_into_words=True)["input_ids"]
    assert set(preprocess_ner_dataset({"tokens": words, "ner_tags": [0] * len(words)}, tokenizer)) == FIELDS


def test_other_tokenizers_of_the_model_stay_as_they_are():
    before = models.load_tokenizer("multilingual-e5-small")("Тула.")["input_ids"]
    load_tokenizer("multilingual-e5-small")
    assert models.load_tokenizer("multilingual-e5-small")("Тула.")["input_ids"] == before


def test_a_limit_holds_for_one_tokenizer_only():
    assert load_tokenizer("multilingual-e5-small", 16).model_max_length == 16
    assert load_tokenizer("multilingual-e5-small").model_max_length == 512


def test_berts_tokenizer_has_these_words_already():
    ours, theirs = load_tokenizer("all-MiniLM-L6-v2", 64), models.load_tokenizer("all-MiniLM-L6-v2", 64)
    assert ours.backend_tokenizer.to_str() == theirs.backend_tokenizer.to_str()
    assert ours.model_max_length == 64


# ---- words of entities


def test_a_word_has_the_tag_of_its_first_piece(tokenizer):
    """Words without a piece and the special tokens are passed over."""
    sentences = [["Rabinovich", "\u200b", "left"], ["Rome"]]
    predictions = np.array([[*ids("O", "B-PER", "O", "B-LOC", "I-PER", "O")], [*ids("O", "B-LOC", "O", "O", "O", "O")]])
    assert tags_of_words(sentences, predictions, tokenizer, CONLL_TAGS) == [["B-PER", "O", "I-PER"], ["B-LOC"]]


def test_words_beyond_the_limit_are_outside(short_tokenizer):
    predictions = np.full((1, 8), CONLL_TAGS.index("B-LOC"))
    tags = tags_of_words([["Rome"] * 10], predictions, short_tokenizer(8), CONLL_TAGS)
    assert tags == [["B-LOC"] * 6 + ["O"] * 4]


def test_labels_are_read_as_predictions_are(tokenizer):
    """What `preprocess_ner_dataset` makes of tags gives these tags again."""
    tags = [CONLL_TAGS[tag] for tag in RABINOVICH["ner_tags"]]
    labels = preprocess_ner_dataset(RABINOVICH, tokenizer)["labels"]
    assert tags_of_words([RABINOVICH["tokens"]], [labels], tokenizer, CONLL_TAGS) == [tags]


def test_recall_is_counted_by_class_for_seen_and_new_words():
    words = [["Rome", "saw", "Anna", "Smith"], ["Petra"]]
    right = [["B-LOC", "O", "B-PER", "I-PER"], ["B-PER"]]
    guess = [["B-LOC", "B-LOC", "I-PER", "O"], ["B-LOC"]]
    assert recall_of_words(words, right, guess, {"rome", "saw", "anna"}) == {"seen": 1.0, "new": 0.0}
    assert recall_of_words(words, right, guess, {"rome", "smith"}) == {"seen": 0.5, "new": 0.5}


def test_recall_of_no_words_is_nan():
    assert np.isnan(recall_of_words([["Rome"]], [["B-LOC"]], [["O"]], set())["seen"])
