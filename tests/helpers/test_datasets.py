"""The classification datasets: the same rows from samples and folders, and a sentence for every broken file."""

import csv
import gzip
import io
import json
import os
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import data
from helpers.data import files, readers, splits
from helpers.data.features import EMOTIONS, INTENTS, STANCES

SINGLE = [
    "tweet_eval/emotion",
    "tweet_eval/stance_climate",
    "toxic_chat",
    "imdb",
    "brighter/esp",
    "textdetox/es",
    "kinopoisk",
    "muchocine",
]
WITH_LOCALE = ["massive", "out_of_scope"]


def json_lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def csv_text(rows):
    lines = io.StringIO()
    writer = csv.DictWriter(lines, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return lines.getvalue()


def utterance(number, partition, intent="alarm_set", **changes):
    return {"id": str(number), "partition": partition, "intent": intent, "utt": f"request {number}"} | changes


MASSIVE = [utterance(1, "train"), utterance(2, "dev"), utterance(3, "test", "qa_maths"), utterance(4, "dev")]
TWEETS = [{"text": "so angry", "label": 0}, {"text": "so glad", "label": 1}]
CHATS = [
    {
        "conv_id": str(i),
        "user_input": f"question {i}",
        "model_output": "the answer gives it away",
        "human_annotation": str(i % 4 > 0),
        "toxicity": str(int(i % 10 == 1)),
        "jailbreaking": "0",
        "openai_moderation": "[]",
    }
    for i in range(200)
]
REVIEWS = [{"text": f"film {i}", "label": str(i % 2)} for i in range(100)]
CLINC = {
    "oos_val": [["how tall is he", "oos"]],
    "oos_test": [["a", "oos"], ["b", "oos"]],
    "train": [["hi", "greeting"]],
}
BRIGHTER = [
    {"text": "qué rabia", "anger": 1},
    {"text": "qué bien", "joy": 1},
    {"text": "qué rabia y qué pena", "anger": 1, "sadness": 1},
    {"text": "qué asco", "disgust": 1},
    {"text": "vale"},
]
BRIGHTER = [{"id": str(i), **dict.fromkeys(readers.ALL_EMOTIONS, 0), **row} for i, row in enumerate(BRIGHTER)]
DETOX = [{"text": f"texto {i}", "toxic": str(i % 2)} for i in range(60)]
KINOPOISK = [{"text": f"фильм {i}", "label": i % 3, "label_text": "?"} for i in range(9)]
MUCHOCINE = [{"review_body": f"película {i}", "star_rating": i % 5 + 1} for i in range(100)]
FOLDER = {
    "massive/en-US.jsonl": json_lines(MASSIVE),
    "clinc_oos/data_full.json": json.dumps(CLINC),
    **{f"tweet_eval/{task}/{split}.jsonl": json_lines(TWEETS)
       for task in ("emotion", "stance_climate") for split in ("train", "validation", "test")},
    "toxic_chat/train.csv": csv_text(CHATS),
    **{f"brighter/esp-{split}.csv": csv_text(BRIGHTER) for split in ("train", "dev", "test")},
    "textdetox/es/train.csv": csv_text(DETOX),
    **{f"kinopoisk/{split}.jsonl": json_lines(KINOPOISK) for split in ("train", "validation", "test")},
    "muchocine/train.jsonl": json_lines(MUCHOCINE),
    "imdb/train.csv": csv_text(REVIEWS),
    "imdb/test.csv": csv_text([{"text": "film 3", "label": "1"}, {"text": "another film", "label": "0"}]),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Write the small folder with changes: other files, other content, None for a file that is missing."""

    def write(**changes):
        for name, content in (FOLDER | changes).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is not None:
                path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return tmp_path

    return write


def texts(dataset, split):
    rows = dataset[split]
    if "tokens" in rows.features:
        return [" ".join(words) for words in rows["tokens"]]
    return list(rows[next(name for name in rows.features if name in ("text", "user_input"))])


# ---- every dataset


@pytest.mark.parametrize("name", [*WITH_LOCALE, *SINGLE])
def test_every_dataset_has_its_splits(folder, name):
    expected = ["validation", "test"] if name == "out_of_scope" else ["train", "validation", "test"]
    assert list(data.load(name, folder())) == expected


@pytest.mark.parametrize("name", [*WITH_LOCALE, *SINGLE])
def test_packed_files_give_the_same(folder, tmp_path, name):
    plain = data.load(name, folder()).data
    for file in FOLDER:
        (tmp_path / f"{file}.gz").write_bytes(gzip.compress((tmp_path / file).read_bytes()))
        (tmp_path / file).unlink()
    packed = data.load(name, tmp_path).data
    assert {split: table.table for split, table in packed.items()} == {s: table.table for s, table in plain.items()}


@pytest.mark.parametrize("locale", ["en", "de-DE", ""])
def test_an_unknown_locale_is_refused(folder, one_sentence, locale):
    with one_sentence(data.DataError, repr(locale), "en-US", "ru-RU", "es-ES"):
        data.load("massive", folder(), locale)


# ---- massive


def test_massive_has_text_and_intent(folder):
    dataset = data.load("massive", folder())
    assert dataset["test"][0] == {"id": "3", "text": "request 3", "label": INTENTS.index("qa_maths")}
    assert dataset["test"].features["label"].names == INTENTS


def test_the_intents_stand_in_the_hubs_order():
    assert len(INTENTS) == len(set(INTENTS)) == 60
    assert [INTENTS[i] for i in (0, 48, 59)] == ["datetime_query", "alarm_set", "lists_query"]


def test_published_test_rows_are_taken(folder):
    dataset = data.load("massive", folder())
    assert (dataset["validation"]["id"][:], dataset["test"]["id"][:]) == (["2", "4"], ["3"])


def test_without_test_rows_every_second_of_dev_becomes_one(folder):
    rows = [utterance(0, "train"), *(utterance(i, "dev") for i in range(1, 6))]
    dataset = data.load("massive", folder(**{"massive/es-ES.jsonl": json_lines(rows)}), "es-ES")
    assert (dataset["validation"]["id"][:], dataset["test"]["id"][:]) == (["1", "3", "5"], ["2", "4"])


def test_each_locale_has_its_own_file(folder):
    rows = [utterance(0, "train", utt="разбуди меня"), utterance(1, "dev"), utterance(2, "dev")]
    root = folder(**{"massive/ru-RU.jsonl": json_lines(rows)})
    assert texts(data.load("massive", root, "ru-RU"), "train") == ["разбуди меня"]
    assert texts(data.load("massive", root), "train") == ["request 1"]


# ---- out_of_scope


def test_out_of_scope_takes_clincs_requests_without_intent(folder):
    dataset = data.load("out_of_scope", folder())
    assert (texts(dataset, "validation"), texts(dataset, "test")) == (["how tall is he"], ["a", "b"])
    assert list(dataset["test"].features) == ["text"]


OWN = json_lines(
    [{"text": "qwrty", "split": "validation", "kind": "noise"}, {"text": "ёж", "split": "test", "kind": "x"}]
)


@pytest.mark.parametrize("source", ["samples", "hub", "folder"])
@pytest.mark.parametrize("locale", ["ru-RU", "es-ES"])
def test_in_the_other_languages_the_samples_serve_in_every_source(folder, monkeypatch, locale, source):
    root = folder(**{f"out_of_scope/{locale}.jsonl": OWN})
    monkeypatch.setattr(data, "SAMPLES", root)
    monkeypatch.setattr(readers, "SAMPLES", root)
    dataset = data.load("out_of_scope", root / "real" if source == "folder" else source, locale)
    assert (texts(dataset, "validation"), texts(dataset, "test")) == (["qwrty"], ["ёж"])
    assert list(dataset["test"].features) == ["text"]


def test_where_the_samples_lack_a_language_english_serves_and_that_is_said(folder, monkeypatch, capsys):
    samples = folder(**{"out_of_scope/en-US.jsonl": OWN})
    monkeypatch.setattr(data, "SAMPLES", samples)
    monkeypatch.setattr(readers, "SAMPLES", samples)
    assert texts(data.load("massive", "samples", "es-ES"), "train") == ["request 1"]
    assert texts(data.load("out_of_scope", "samples", "es-ES"), "validation") == ["qwrty"]
    assert capsys.readouterr().out.splitlines() == [
        f"The course has no samples of {name} for es-ES yet: English ones are taken."
        for name in ("massive", "out_of_scope")
    ]


# ---- tweet_eval and imdb


@pytest.mark.parametrize(("task", "names"), [("emotion", EMOTIONS), ("stance_climate", STANCES)])
def test_tweets_have_text_and_class(folder, task, names):
    rows = data.load(f"tweet_eval/{task}", folder())["validation"]
    assert list(rows) == TWEETS
    assert rows.features["label"].names == names


def test_reviews_have_text_and_polarity(folder):
    text = 'He said "go",\n<br />then, quietly, left.'
    test = data.load("imdb", folder(**{"imdb/test.csv": csv_text([{"text": text, "label": "1"}])}))["test"]
    assert list(test) == [{"text": text, "label": 1}]
    assert test.features["label"].names == ["neg", "pos"]


# ---- the datasets of the other languages


def test_posts_with_exactly_one_of_four_emotions_are_taken(folder):
    test = data.load("brighter/esp", folder())["test"]
    assert list(test) == [{"text": "qué rabia", "label": 0}, {"text": "qué bien", "label": 2}]
    assert test.features["label"].names == ["anger", "fear", "joy", "sadness"]


def test_neutral_reviews_are_left_out(folder):
    test = data.load("kinopoisk", folder())["test"]
    assert [(row["text"][-1], row["label"]) for row in test] == [
        ("0", 0),
        ("2", 1),
        ("3", 0),
        ("5", 1),
        ("6", 0),
        ("8", 1),
    ]


def test_reviews_of_three_stars_are_left_out(folder):
    dataset = data.load("muchocine", folder())
    rows = {row["text"]: row["label"] for split in dataset.values() for row in split}
    assert rows == {f"película {i}": int(i % 5 > 2) for i in range(100) if i % 5 != 2}
    assert {split: len(part) for split, part in dataset.items()} == {"train": 56, "validation": 8, "test": 16}


def test_toxic_texts_have_the_columns_of_toxic_chat(folder):
    dataset = data.load("textdetox/es", folder())
    assert dataset["train"].features == data.load("toxic_chat", folder())["train"].features
    assert {row["user_input"]: row["toxicity"] for split in dataset.values() for row in split} == {
        f"texto {i}": i % 2 for i in range(60)
    }


# ---- toxic_chat


def test_only_rows_annotated_by_people_are_taken(folder):
    dataset = data.load("toxic_chat", folder())
    assert sum(len(rows) for rows in dataset.values()) == 150
    assert not {row["user_input"] for row in CHATS if row["human_annotation"] == "False"} & {
        text for split in dataset for text in texts(dataset, split)
    }


def test_columns_that_give_the_label_away_are_not_there(folder):
    dataset = data.load("toxic_chat", folder())
    assert {name: feature.dtype for name, feature in dataset["train"].features.items()} == {
        "user_input": "string",
        "toxicity": "int64",
    }


def test_a_test_file_is_taken_whole_and_its_texts_leave_train(folder):
    test = csv_text([row for row in CHATS if row["conv_id"] in ("1", "2", "3")])
    dataset = data.load("toxic_chat", folder(**{"toxic_chat/test.csv": test}))
    assert texts(dataset, "test") == ["question 1", "question 2", "question 3"]
    assert len(dataset["train"]) + len(dataset["validation"]) == 147


# ---- splits that were not published

SHARES = {"validation": 0.1, "test": 0.2}


def published(pairs, **others):
    make = lambda rows: Dataset.from_dict({"text": [t for t, _ in rows], "label": [k for _, k in rows]})  # noqa: E731
    return DatasetDict({split: make(rows) for split, rows in {"train": pairs, **others}.items()})


def complete(dataset):
    return splits.complete(dataset, SHARES, text="text", label="label")


def test_every_class_gives_its_share():
    pairs = [(f"text {i}", int(i % 10 == 0)) for i in range(1000)]
    parts = complete(published(pairs))
    assert {split: (len(rows), sum(rows["label"])) for split, rows in parts.items()} == {
        "train": (700, 70),
        "validation": (100, 10),
        "test": (200, 20),
    }


def test_the_splits_do_not_depend_on_the_order_of_the_rows():
    pairs = [(f"text {i}", i % 3) for i in range(100)]
    forwards, backwards = complete(published(pairs)), complete(published(pairs[::-1]))
    assert {s: set(texts(forwards, s)) for s in forwards} == {s: set(texts(backwards, s)) for s in backwards}


def test_the_validation_rows_are_the_same_with_and_without_a_published_test():
    pairs = [(f"text {i}", i % 2) for i in range(100)]
    with_test = complete(published(pairs, test=[("another", 0)]))
    assert texts(with_test, "validation") == texts(complete(published(pairs)), "validation")


def test_the_splits_are_the_same_on_every_machine():
    parts = complete(published([(f"text {i}", 0) for i in range(20)]))
    assert texts(parts, "validation") == ["text 12", "text 19"]
    assert texts(parts, "test") == ["text 6", "text 13", "text 14", "text 17"]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), st.integers(0, 2)), min_size=60, max_size=90),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), max_size=3),
)
def test_no_text_stands_in_two_splits(pairs, test):
    """Texts stand twice in ToxicChat and IMDB, some of them with two labels, some in both files."""
    everywhere = [(f"{i}", i % 3) for i in range(30)]  # so that no split is empty
    parts = complete(published(pairs + everywhere, **({"test": test} if test else {})))
    found = [set(texts(parts, split)) for split in parts]
    assert len(set().union(*found)) == sum(map(len, found))
    assert set().union(*found) == {text for text, _ in pairs + everywhere + test}


def test_too_few_rows_to_cut_from(folder, one_sentence):
    with one_sentence(data.DataError, "3 training rows", "validation"):
        data.load("imdb", folder(**{"imdb/train.csv": csv_text(REVIEWS[:3])}))


# ---- what is wrong with a folder

GOOD = json_lines(TWEETS)
BROKEN = {
    "bad JSON": ("tweet_eval/emotion/train.jsonl", GOOD + '{"text": "x", ', "line 3", "JSON"),
    "no object": ("tweet_eval/emotion/train.jsonl", GOOD + '["x", 1]\n', "line 3", "JSON object"),
    "a column is missing": ("tweet_eval/emotion/train.jsonl", '{"text": "x"}', "line 1", "'label'", "text"),
    "an unknown number": ("tweet_eval/emotion/test.jsonl", '\n{"text": "x", "label": 4}', "line 2", "4", "anger, joy"),
    "a label that is true": ("tweet_eval/emotion/test.jsonl", '{"text": "x", "label": true}', "True", "anger, joy"),
    "a text that is a number": ("tweet_eval/emotion/test.jsonl", '{"text": 3, "label": 0}', "line 1", "3 is no text"),
    "an empty file": ("tweet_eval/emotion/validation.jsonl", "", "no rows", "validation"),
    "another encoding": ("tweet_eval/emotion/train.jsonl", GOOD.encode("utf-16"), "UTF-8"),
    "not gzip": ("tweet_eval/emotion/train.jsonl.gz", GOOD, "gzip"),
    "a gzip file cut off": ("imdb/train.csv.gz", gzip.compress(csv_text(REVIEWS).encode())[:-20], "cannot be read"),
    "an unknown partition": ("massive/en-US.jsonl", json_lines([utterance(1, "valid")]), "line 1", "'valid'", "dev"),
    "an unknown intent": ("massive/en-US.jsonl", json_lines([utterance(1, "dev", "sing")]), "'sing'", "qa_maths"),
    "no dev rows": ("massive/en-US.jsonl", json_lines(MASSIVE[:1]), "no rows", "validation"),
    "no test rows, one dev row": ("massive/en-US.jsonl", json_lines(MASSIVE[:2]), "no rows", "test"),
    "a CSV without a column": ("imdb/train.csv", "text,class\nx,1\n", "line 1", "'label'", "class"),
    "a CSV with a short row": ("imdb/train.csv", 'text,label\n"a\nb",1\nc\n', "line 4", "1 columns instead of 2"),
    "a CSV with an open quote": ("imdb/train.csv", 'text,label\na,1\n"b,1\n', "line 3", "CSV"),
    "a CSV with another class": ("imdb/train.csv", "text,label\na,good\n", "line 2", "'good'", "neg, pos"),
    "a CSV of nothing": ("imdb/train.csv", "", "line 1", "'text'"),
    "a CSV of its header": ("imdb/test.csv", "text,label\n", "no rows", "test"),
    "an annotation that is neither": ("toxic_chat/train.csv", csv_text([CHATS[1] | {"human_annotation": "maybe"}]),
                                      "line 2", "'maybe'", "True, False"),
    "no annotated row": ("toxic_chat/train.csv", csv_text([CHATS[0]]), "no rows", "train"),
    "half an emotion": ("brighter/esp-dev.csv", csv_text([BRIGHTER[0] | {"joy": 0.5}]), "line 2", "'0.5'"),
    "a sixth star": ("muchocine/train.jsonl", json_lines([{"review_body": "x", "star_rating": 6}]), "line 1", "'6'"),
    "toxic perhaps": ("textdetox/es/train.csv", "text,toxic\nx,perhaps\n", "line 2", "'perhaps'", "0, 1"),
    "CLINC without requests": ("clinc_oos/data_full.json", json.dumps(CLINC | {"oos_val": []}), "no rows"),
    "CLINC without a list": ("clinc_oos/data_full.json", '{"oos_val": [["a", "oos"]]}', "oos_test"),
    "CLINC as a list": ("clinc_oos/data_full.json", "[]", "oos_val"),
    "CLINC cut off": ("clinc_oos/data_full.json", '{"oos_val": [', "line 1", "JSON"),
    "CLINC with a number": ("clinc_oos/data_full.json", '{"oos_val": [[1, "oos"]]}', "oos_val", "1 is no text"),
}  # fmt: skip
DATASET_OF = {name.split("/")[0]: name for name in data.DATASETS if "tweet" not in name} | {
    "clinc_oos": "out_of_scope",
    "brighter": "brighter/esp",
    "textdetox": "textdetox/es",
}


@pytest.mark.parametrize(("file", "content", "words"), [(f, c, w) for f, c, *w in BROKEN.values()], ids=BROKEN)
def test_a_broken_file_is_named(folder, one_sentence, file, content, words):
    root = folder(**{file.removesuffix(".gz"): None, file: content})
    with one_sentence(data.DataError, str(root / file), *words):
        data.load(DATASET_OF.get(file.split("/")[0], "tweet_eval/emotion"), root)


@pytest.mark.parametrize("file", [name for name in FOLDER if "stance" not in name])
def test_a_missing_file_is_named(folder, one_sentence, file):
    root = folder(**{file: None})
    with one_sentence(data.DataError, str(root / Path(file).parent), Path(file).name, ".gz"):
        data.load(DATASET_OF.get(file.split("/")[0], "tweet_eval/emotion"), root)


@pytest.mark.parametrize("name", [*WITH_LOCALE, *SINGLE])
def test_a_missing_folder_is_named(tmp_path, one_sentence, name):
    missing = {"out_of_scope": "clinc_oos", "brighter/esp": "brighter"}.get(name, name)
    with one_sentence(data.DataError, str(tmp_path / missing), "COURSE_DATA", "profile='offline'"):
        data.load(name, tmp_path)


# ---- parquet


@pytest.mark.parametrize(("label", "named"), [(1, "pos"), (-1, -1), (None, None)])
def test_classes_of_a_parquet_file_are_named(tmp_path, label, named):
    """-1 stands for a missing class; as an index into the names it would be the last one."""
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    Dataset.from_dict({"text": ["x"], "label": [label]}, features=features).to_parquet(tmp_path / "x.parquet")
    ((place, record),) = files.read_parquet(tmp_path / "x.parquet", ["label", "text"])
    assert place == f"{tmp_path / 'x.parquet'}, row 1"
    assert record == {"label": named, "text": "x"}


def test_a_column_that_a_parquet_file_lacks_is_named(tmp_path, one_sentence):
    Dataset.from_dict({"text": ["x"]}).to_parquet(tmp_path / "x.parquet")
    with one_sentence(data.DataError, str(tmp_path / "x.parquet"), "'label'", "text"):
        list(files.read_parquet(tmp_path / "x.parquet", ["text", "label"]))


# ---- the samples

SAMPLES = [
    (name, locale)
    for name, entry in data.DATASETS.items()
    for locale in (data.LOCALES if entry.samples else entry.locales)
]


@pytest.mark.parametrize(("name", "locale"), SAMPLES)
def test_samples_are_of_every_class(name, locale):
    dataset = data.load(name, "samples", locale)
    for rows in dataset.values():
        classes = {"label": getattr(rows.features.get("label"), "num_classes", 0), "toxicity": 2}
        for column in classes.keys() & rows.features.keys():
            assert set(rows[column]) == set(range(classes[column]))


@pytest.mark.parametrize(("name", "locale"), SAMPLES)
def test_no_sample_stands_in_two_splits(name, locale):
    dataset = data.load(name, "samples", locale)
    found = [{text.casefold() for text in texts(dataset, split)} for split in dataset]
    assert len(set().union(*found)) == sum(map(len, found))


@pytest.mark.parametrize(("name", "locale"), SAMPLES)
def test_samples_are_texts(name, locale):
    dataset = data.load(name, "samples", locale)
    assert [text for split in dataset for text in texts(dataset, split) if not text.strip()] == []


# ---- real data

ROWS = {
    ("massive", "en-US"): (11514, 2033, 2974),
    ("massive", "ru-RU"): (11514, 1017, 1016),
    ("massive", "es-ES"): (11514, 1017, 1016),
    ("out_of_scope", "en-US"): (0, 100, 1000),
    ("tweet_eval/emotion", "en-US"): (3257, 374, 1421),
    ("tweet_eval/stance_climate", "en-US"): (355, 40, 169),
    ("toxic_chat", "en-US"): (1961, 280, 560),
    ("imdb", "en-US"): (4498, 499, 2000),
    ("brighter/rus", "ru-RU"): (1457, 111, 513),
    ("brighter/esp", "es-ES"): (883, 81, 723),
    ("wikineural/ru", "ru-RU"): (10000, 1540, 0),
    ("conll2002/es", "es-ES"): (8323, 1915, 0),
}


@pytest.mark.parametrize(("name", "locale"), ROWS)
def test_real_data_are_read_whole(name, locale):
    root = Path(os.environ.get("COURSE_DATA") or Path(data.__file__).resolve().parents[3] / "shared" / "data")
    folder = {"out_of_scope": "clinc_oos", "brighter/rus": "brighter", "brighter/esp": "brighter"}.get(name, name)
    if not (root / folder).is_dir():
        pytest.skip(f"no {name} in {root}: let COURSE_DATA point at real data")
    dataset = data.load(name, root, locale)
    assert (
        tuple(len(dataset[split]) if split in dataset else 0 for split in ("train", "validation", "test"))
        == (ROWS[name, locale])
    )
