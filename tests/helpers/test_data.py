"""The same sentences in the same shape from samples, a folder and the Hub; a sentence for everything that is wrong."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import data
from helpers.data import files
from helpers.ner import entity_spans

CLASSES = ["PER", "ORG", "LOC", "MISC"]
GOOD = "-DOCSTART- -X- O O\n\nAnna NN B-NP B-PER\nSmith NN I-NP I-PER\nleft VB O O\n\nRome NN B-NP B-LOC\n"


def write(root, **files):
    """Write files under `root`/conll2003, as text or bytes; `.` is written `_` in their names."""
    folder = root / "conll2003"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return root


def sentences(split):
    """A split as pairs of words and tags in words."""
    return [(row["tokens"], [data.CONLL_TAGS[i] for i in row["ner_tags"]]) for row in split]


def is_iob2(tags):
    """Whether every `I-X` follows a `B-X` or an `I-X`."""
    return all(not tag.startswith("I-") or before[2:] == tag[2:] for before, tag in zip(["O", *tags], tags))


@pytest.fixture(scope="module")
def samples():
    return data.load("conll2003", "samples")


# ---- samples


def test_samples_are_enough_to_learn_from(samples):
    assert samples["train"].num_rows >= 400
    assert samples["validation"].num_rows >= 100
    assert samples["test"].num_rows >= 100


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_split_of_the_samples_has_all_four_classes(samples, split):
    found = {name for _, tags in sentences(samples[split]) for name, _, _ in entity_spans(tags)}
    assert found == set(CLASSES)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_samples_are_iob2(samples, split):
    assert [words for words, tags in sentences(samples[split]) if not is_iob2(tags)] == []


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_samples_have_entities_whose_first_word_is_several_pieces(samples, split, tokenizer):
    """Without them the lesson's main step would make no difference."""
    opening = {word for words, tags in sentences(samples[split]) for word, tag in zip(words, tags) if tag[:2] == "B-"}
    assert sum(len(tokenizer.tokenize(word)) > 1 for word in opening) >= 10


def test_no_sentence_stands_in_two_splits(samples):
    train, validation, test = ({tuple(words) for words in samples[name]["tokens"]} for name in samples)
    assert not (train & validation or train & test or validation & test)


def test_ids_number_the_sentences(samples):
    assert samples["test"]["id"][:3] == ["0", "1", "2"]


# ---- a folder


def test_a_folder_gives_the_same_shape_as_the_samples(samples, tmp_path):
    folder = data.load("conll2003", write(tmp_path, train_txt=GOOD, validation_txt=GOOD, test_txt=GOOD))
    assert list(folder) == list(samples)
    assert folder["train"].features == samples["train"].features


def test_words_and_tags_are_those_of_the_file(tmp_path):
    folder = data.load("conll2003", write(tmp_path, train_txt=GOOD, validation_txt=GOOD))
    assert sentences(folder["train"]) == [
        (["Anna", "Smith", "left"], ["B-PER", "I-PER", "O"]),
        (["Rome"], ["B-LOC"]),
    ]


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train.txt", "valid.txt", "test.txt"),
        ("train.txt", "dev.txt", "test.txt"),
        ("eng.train", "eng.testa", "eng.testb"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_files_may_have_their_usual_names_and_be_packed(tmp_path, train, validation, test, packed):
    ending, pack = ("_gz", gzip.compress) if packed else ("", bytes)
    write(tmp_path, **{f"{name}{ending}": pack(GOOD.encode()) for name in (train, validation, test)})
    assert {name: len(split) for name, split in data.load("conll2003", tmp_path).items()} == {
        "train": 2,
        "validation": 2,
        "test": 2,
    }


def test_the_test_split_may_be_missing(tmp_path):
    """CoNLL's test file is not always at hand."""
    write(tmp_path, train_txt=GOOD, validation_txt=GOOD)
    assert list(data.load("conll2003", tmp_path)) == ["train", "validation"]


@pytest.mark.parametrize("source", [None, "real"])
def test_real_data_come_from_course_data_where_it_is_set(tmp_path, monkeypatch, source):
    monkeypatch.setenv("COURSE_DATA", str(write(tmp_path, train_txt=GOOD, validation_txt=GOOD)))
    assert data.load("conll2003", source)["train"].num_rows == 2


def test_iob1_becomes_iob2(tmp_path):
    old = "Anna I-PER\nSmith I-PER\nBob B-PER\nRome I-LOC\nleft O\n"
    folder = data.load("conll2003", write(tmp_path, train_txt=old, validation_txt=old))
    assert sentences(folder["train"])[0][1] == ["B-PER", "I-PER", "B-PER", "B-LOC", "O"]


def test_lines_may_end_as_on_windows(tmp_path):
    """Notepad ends lines with CRLF and begins a file with a byte order mark."""
    write(tmp_path, train_txt="\ufeff" + GOOD.replace("\n", "\r\n"), validation_txt=GOOD)
    folder = data.load("conll2003", tmp_path)
    assert sentences(folder["train"]) == sentences(folder["validation"])


TAGS = st.lists(st.sampled_from(data.CONLL_TAGS))


@given(TAGS)
def test_to_iob2_gives_iob2_of_the_same_entities(tags):
    converted = files.to_iob2(tags)
    assert is_iob2(converted)
    assert entity_spans(converted) == entity_spans(tags)


@given(TAGS)
def test_to_iob2_changes_nothing_the_second_time(tags):
    assert files.to_iob2(files.to_iob2(tags)) == files.to_iob2(tags)


def test_real_conll_is_read_whole():
    root = os.environ.get("COURSE_DATA") or Path(data.__file__).resolve().parents[3] / "shared" / "data"
    if not (Path(root) / "conll2003").is_dir():
        pytest.skip(f"no CoNLL in {root}: let COURSE_DATA point at real data")
    dataset = data.load("conll2003", root)
    assert (dataset["train"].num_rows, dataset["validation"].num_rows) == (14041, 3250)
    assert all(is_iob2(tags) for _, tags in sentences(dataset["validation"]))


# ---- what is wrong with a folder


def test_unknown_dataset(one_sentence):
    with one_sentence(data.DataError, "'conll2004'", "conll2003"):
        data.load("conll2004", "samples")


def test_missing_folder(tmp_path, one_sentence):
    with one_sentence(data.DataError, str(tmp_path / "conll2003"), "COURSE_DATA", "profile='offline'"):
        data.load("conll2003", tmp_path)


@pytest.mark.parametrize("missing", ["train", "validation"])
def test_missing_split(tmp_path, one_sentence, missing):
    write(tmp_path, **dict.fromkeys({"train_txt", "validation_txt"} - {f"{missing}_txt"}, GOOD))
    with one_sentence(data.DataError, f"no file for {missing}", str(tmp_path), f"{missing}.txt.gz"):
        data.load("conll2003", tmp_path)


PACKED = gzip.compress(GOOD.encode() * 100)
BROKEN = {
    "a column is missing": ("train.txt", GOOD.replace("left VB O O", "left VB O"), "line 5", "3 columns instead of 4"),
    "a column too many": ("train.txt", GOOD.replace("left VB", "left it VB"), "line 5", "5 columns instead of 4"),
    "words without tags": ("train.txt", "Anna\nleft\n", "line 1", "1 columns instead of 2"),
    "an unknown tag": ("train.txt", GOOD.replace("B-LOC", "B-GPE"), "line 7", "'B-GPE'", "B-LOC"),
    "a tag in small letters": ("train.txt", GOOD.replace("B-LOC", "b-loc"), "line 7", "'b-loc'"),
    "no sentence": ("train.txt", "-DOCSTART- -X- O O\n\n", "no rows for the train split"),
    "nothing at all": ("train.txt", "", "no rows for the train split"),
    "another encoding": ("train.txt", "Muñoz B-PER\n".encode("latin-1"), "UTF-8"),
    "another width": ("train.txt", GOOD.encode("utf-16"), "UTF-8"),
    "not gzip": ("train.txt.gz", GOOD, "gzip"),
    "an empty gzip file": ("train.txt.gz", b"", "no rows for the train split"),
    "a gzip file cut off": ("train.txt.gz", PACKED[:-9], "cannot be read"),
    "a gzip file with a changed byte": ("train.txt.gz", PACKED[:20] + b"\xff\xff" + PACKED[22:], "cannot be read"),
}


@pytest.mark.parametrize(("name", "content", "words"), [(n, c, w) for n, c, *w in BROKEN.values()], ids=BROKEN)
def test_a_broken_file_is_named(tmp_path, one_sentence, name, content, words):
    write(tmp_path, validation_txt=GOOD, **{name: content})
    with one_sentence(data.DataError, str(tmp_path / "conll2003" / name), *words):
        data.load("conll2003", tmp_path)
