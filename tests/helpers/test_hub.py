"""Real downloads, from a Hub on loopback: every dataset, models, and all that can go wrong on the way.

Each run is a fresh interpreter, because huggingface_hub reads HF_ENDPOINT and HF_HOME when it is imported.
"""

import copy
import io
import json
import shutil
from pathlib import Path

import pyarrow
import pytest
from datasets import ClassLabel, Features, List, Value
from pyarrow import parquet

from helpers import data
from helpers.data.features import BASIC_EMOTIONS, CONLL_TAGS, EMOTIONS, INTENTS, STANCES
from helpers.data.readers import ALL_EMOTIONS

CLOSED_PORT = "http://127.0.0.1:9"


def table(columns, **features):
    """A parquet file as `push_to_hub` writes it: the features stand in its metadata."""
    schema = Features(features).arrow_schema
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns, schema=schema), file)
    return file.getvalue()


def classified(rows, names, prefix="tweet:"):
    numbers = [i % len(names) for i in range(rows)]
    columns = {"text": [f"{prefix} {names[number]} {i}" for i, number in enumerate(numbers)], "label": numbers}
    return table(columns, text=Value("string"), label=ClassLabel(names=names))


def conll(rows):
    tags = ClassLabel(names=CONLL_TAGS)
    columns = {
        "id": [str(i) for i in range(rows)],
        "tokens": [["Anna", "left"]] * rows,
        "pos_tags": [[21, 37]] * rows,
        "ner_tags": [[1, 0]] * rows,
    }
    return table(
        columns,
        id=Value("string"),
        tokens=List(Value("string")),
        pos_tags=List(Value("int64")),
        ner_tags=List(tags),
    )


def massive(rows, locale):
    numbers = [i % 60 for i in range(rows)]
    columns = {
        "id": [str(i) for i in range(rows)],
        "locale": [locale] * rows,
        "intent": numbers,
        "utt": [f"{locale} {i}" for i in range(rows)],
    }
    return table(
        columns,
        id=Value("string"),
        locale=Value("string"),
        intent=ClassLabel(names=INTENTS),
        utt=Value("string"),
    )


def clinc(rows, without_intent):
    names = ["translate", "oos", "greeting"]
    numbers = [1] * without_intent + [0, 2] * ((rows - without_intent) // 2)
    columns = {"text": [f"{names[number]} {i}" for i, number in enumerate(numbers)], "intent": numbers}
    return table(columns, text=Value("string"), intent=ClassLabel(names=names))


def chats(rows, split):
    header = "conv_id,user_input,model_output,human_annotation,toxicity,jailbreaking,openai_moderation\n"
    lines = (f'{i},"{split}, question {i}",the answer,{i % 2 == 0},{int(i % 20 == 0)},0,[]\n' for i in range(rows))
    return (header + "".join(lines)).encode()


def entities_by_number(rows):
    """Tags as numbers without names: WikiNEuRal's are published so."""
    columns = {"tokens": [["Анна", "ушла"]] * rows, "ner_tags": [[1, 0]] * rows, "lang": ["ru"] * rows}
    return table(columns, tokens=List(Value("string")), ner_tags=List(Value("int64")), lang=Value("string"))


def emotions(rows):
    chosen = [[name] if i % 3 else ["anger", "joy"] for i, name in zip(range(rows), BASIC_EMOTIONS * rows)]
    columns = {"text": [f"{'+'.join(names)} {i}" for i, names in enumerate(chosen)]}
    columns |= {emotion: [int(emotion in names) for names in chosen] for emotion in ALL_EMOTIONS}
    return table(columns, text=Value("string"), **{emotion: Value("int64") for emotion in ALL_EMOTIONS})


def toxic(rows):
    columns = {"text": [f"texto {i}" for i in range(rows)], "toxic": [i % 2 for i in range(rows)]}
    return table(columns, text=Value("string"), toxic=Value("int64"))


def kinopoisk(rows):
    names = ["Bad", "Neutral", "Good"]
    lines = ({"id": i, "text": f"фильм {i}", "label": i % 3, "label_text": names[i % 3]} for i in range(rows))
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def muchocine(rows):
    columns = {"review_body": [f"película {i}" for i in range(rows)], "star_rating": [i % 5 for i in range(rows)]}
    return table(columns, review_body=Value("string"), star_rating=ClassLabel(names=["1", "2", "3", "4", "5"]))


def shards(folder, sizes, build):
    return {f"{folder}/{split}-00000-of-00001.parquet": build(rows) for split, rows in sizes.items()}


STANCE = {"train": 355, "validation": 40, "test": 169}


def fill(hub):
    """Serve every dataset of the course in its published size, and beside it what must not be downloaded."""
    hub.commit(
        "datasets",
        "lhoestq/conll2003",
        shards("data", {"train": 14041, "validation": 3250, "test": 3453}, conll),
    )
    hub.commit("datasets", "AmazonScience/massive", {"massive.py": b"the script of old"})
    hub.commit(
        "datasets",
        "AmazonScience/massive",
        {
            f"{locale}/{split}/0000.parquet": massive(rows, locale)
            for locale in data.LOCALES
            for split, rows in {"train": 11514, "validation": 2033, "test": 2974}.items()
        },
        revision="refs/convert/parquet",
    )
    hub.commit(
        "datasets",
        "clinc/clinc_oos",
        {
            "plus/train-00000-of-00001.parquet": clinc(15250, 250),
            "plus/validation-00000-of-00001.parquet": clinc(3100, 100),
            "plus/test-00000-of-00001.parquet": clinc(5500, 1000),
            "small/test-00000-of-00001.parquet": clinc(5500, 1000),
        },
    )
    hub.commit(
        "datasets",
        "cardiffnlp/tweet_eval",
        {
            **shards(
                "emotion",
                {"train": 3257, "validation": 374, "test": 1421},
                lambda rows: classified(rows, EMOTIONS),
            ),
            **shards("stance_climate", STANCE, lambda rows: classified(rows, STANCES)),
            **shards("hate", STANCE, lambda rows: classified(rows, ["no", "yes"])),
        },
    )
    hub.commit(
        "datasets",
        "lmsys/toxic-chat",
        {
            "data/0124/toxic-chat_annotation_train.csv": chats(5082, "train"),
            "data/0124/toxic-chat_annotation_test.csv": chats(5083, "test"),
            "data/1123/toxic-chat_annotation_test.csv": chats(5083, "test"),
        },
    )
    hub.commit(
        "datasets",
        "stanfordnlp/imdb",
        {
            "plain_text/train-00000-of-00001.parquet": classified(25000, ["neg", "pos"], "train"),
            "plain_text/test-00000-of-00001.parquet": classified(25000, ["neg", "pos"], "test"),
            "plain_text/unsupervised-00000-of-00001.parquet": classified(50, ["neg", "pos"]),
        },
    )
    sizes = {"train": 92320, "val": 11540, "test": 11580}
    hub.commit(
        "datasets",
        "Babelscape/wikineural",
        {f"default/{split}_ru/0000.parquet": entities_by_number(rows) for split, rows in sizes.items()},
        revision="refs/convert/parquet",
    )
    sizes = {"train": 8324, "validation": 1916, "test": 1518}  # a row more than the sentences: the empty last one
    hub.commit(
        "datasets",
        "eriktks/conll2002",
        {f"es/{split}/0000.parquet": conll(rows) for split, rows in sizes.items()},
        revision="refs/convert/parquet",
    )
    brighter = {"rus": {"train": 2679, "dev": 199, "test": 1000}, "esp": {"train": 1996, "dev": 184, "test": 1695}}
    languages = [shards(language, sizes, emotions) for language, sizes in brighter.items()]
    hub.commit("datasets", "brighter-dataset/BRIGHTER-emotion-categories", languages[0] | languages[1])
    hub.commit(
        "datasets",
        "textdetox/multilingual_toxicity_dataset",
        {f"data/{language}-00000-of-00001.parquet": toxic(5000) for language in ("ru", "es", "en")},
    )
    hub.commit(
        "datasets",
        "ai-forever/kinopoisk-sentiment-classification",
        {
            f"{split}.jsonl": kinopoisk(rows)
            for split, rows in {"train": 10500, "validation": 1500, "test": 1500}.items()
        },
    )
    hub.commit(
        "datasets",
        "us-lsi/muchocine",
        {"default/train/0000.parquet": muchocine(3872)},
        revision="refs/convert/parquet",
    )
    hub.commit(
        "models",
        "distilbert/distilbert-base-uncased",
        {"config.json": b"{}", "model.safetensors": b"\0" * 500_000, "tf_model.h5": b"\0", "README.md": b""},
    )
    hub.moved["distilbert-base-uncased"] = "distilbert/distilbert-base-uncased"


@pytest.fixture(scope="module")
def full_hub(hub):
    fill(hub)
    return hub


LOAD = """
import json
from helpers import data
for name, locale in {wanted!r}:
    try:
        loaded = data.load(name, {source!r}, locale)
        print(json.dumps({{split: [len(rows), str(rows.features), rows[0]] for split, rows in loaded.items()}}))
    except data.DataError as error:
        print(json.dumps(str(error)))
"""
# For tests in which a library waits before it tries again: how long is its own affair.
IMPATIENT = "import time; time.sleep = lambda seconds: None\n"


@pytest.fixture
def load(python, full_hub, tmp_path):
    """Load datasets of the Hub in a fresh interpreter; returns what `LOAD` prints for each."""

    def run(*wanted, source="hub", before="", **environment):
        settings = {"HF_ENDPOINT": full_hub.url, "HF_HOME": str(tmp_path), **environment}
        printed = python(before + LOAD.format(wanted=wanted, source=source), **settings).stdout
        return [json.loads(line) for line in printed.splitlines()]

    served = copy.deepcopy(full_hub.repositories)
    yield run
    full_hub.repositories = served
    full_hub.heal()


def is_one_sentence(message, *words):
    """Whether this is one sentence with these words."""
    assert message.endswith(".") and "\n" not in message and ". " not in message, message
    assert [word for word in words if word not in message] == [], message
    return True


# ---- every dataset

WANTED = [(name, entry.locales[0]) for name, entry in data.DATASETS.items()] + [("massive", "ru-RU")]
ROWS = {
    "conll2003": {"train": 14041, "validation": 3250, "test": 3453},
    "massive": {"train": 11514, "validation": 2033, "test": 2974},
    "out_of_scope": {"validation": 100, "test": 1000},
    "tweet_eval/emotion": {"train": 3257, "validation": 374, "test": 1421},
    "tweet_eval/stance_climate": STANCE,
    "toxic_chat": {"train": 2286, "validation": 255, "test": 2542},
    "imdb": {"train": 22500, "validation": 2500, "test": 25000},
    "wikineural/ru": {"train": 92320, "validation": 11540, "test": 11580},
    "conll2002/es": {"train": 8324, "validation": 1916, "test": 1518},
    "brighter/rus": {"train": 1786, "validation": 132, "test": 666},
    "brighter/esp": {"train": 1330, "validation": 122, "test": 1130},
    "textdetox/ru": {"train": 3500, "validation": 500, "test": 1000},
    "textdetox/es": {"train": 3500, "validation": 500, "test": 1000},
    "kinopoisk": {"train": 7000, "validation": 1000, "test": 1000},
    "muchocine": {"train": 2168, "validation": 310, "test": 620},
}
FIRST = {
    ("conll2003", "en-US"): {"id": "0", "tokens": ["Anna", "left"], "ner_tags": [1, 0]},
    ("massive", "en-US"): {"id": "0", "text": "en-US 0", "label": 0},
    ("massive", "ru-RU"): {"id": "0", "text": "ru-RU 0", "label": 0},
    ("out_of_scope", "en-US"): {"text": "oos 0"},
    ("tweet_eval/emotion", "en-US"): {"text": "tweet: anger 0", "label": 0},
    ("tweet_eval/stance_climate", "en-US"): {"text": "tweet: none 0", "label": 0},
    ("toxic_chat", "en-US"): {"user_input": "test, question 0", "toxicity": 1},
    ("imdb", "en-US"): {"text": "test neg 0", "label": 0},
    ("wikineural/ru", "ru-RU"): {"id": "0", "tokens": ["Анна", "ушла"], "ner_tags": [1, 0]},
    ("conll2002/es", "es-ES"): {"id": "0", "tokens": ["Anna", "left"], "ner_tags": [1, 0]},
    ("brighter/rus", "ru-RU"): {"text": "fear 1", "label": 1},
    ("brighter/esp", "es-ES"): {"text": "fear 1", "label": 1},
    ("textdetox/ru", "ru-RU"): {"user_input": "texto 1", "toxicity": 1},
    ("textdetox/es", "es-ES"): {"user_input": "texto 1", "toxicity": 1},
    ("kinopoisk", "ru-RU"): {"text": "фильм 0", "label": 0},
    ("muchocine", "es-ES"): {"text": "película 1", "label": 0},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The cache in which `loaded` has put everything."""
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture
def filled_home(loaded, home, tmp_path):
    """A copy of that cache, to be changed."""
    shutil.copytree(home, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def loaded(python, full_hub, home):
    """Everything in WANTED, from the Hub."""
    printed = python(LOAD.format(wanted=WANTED, source="hub"), HF_ENDPOINT=full_hub.url, HF_HOME=home).stdout
    return dict(zip(WANTED, map(json.loads, printed.splitlines()), strict=True))


@pytest.mark.parametrize(("name", "locale"), WANTED)
def test_every_dataset_has_its_features_and_rows(loaded, name, locale):
    found = loaded[name, locale]
    assert {split: rows for split, (rows, _, _) in found.items()} == ROWS[name]
    assert {features for _, features, _ in found.values()} == {str(data.DATASETS[name].features())}
    assert found["test"][2] == FIRST[name, locale]


@pytest.mark.parametrize("other", ["es-ES", "massive.py", "small", "plus/train", "hate", "1123", "unsupervised"])
def test_nothing_else_is_downloaded(loaded, full_hub, other):
    assert full_hub.asked("/resolve/.*train") != []
    assert full_hub.asked(f"/resolve/.*{other}") == []


def test_what_was_loaded_once_loads_offline(load, loaded, home):
    assert dict(zip(WANTED, load(*WANTED, HF_HOME=home, HF_HUB_OFFLINE="1"))) == loaded


def test_what_was_loaded_once_loads_while_the_hub_is_down(load, loaded, home):
    assert load(("massive", "ru-RU"), HF_HOME=home, HF_ENDPOINT=CLOSED_PORT) == [loaded["massive", "ru-RU"]]


def test_another_language_is_not_passed_off_as_the_one_asked_for(load, loaded, home):
    (message,) = load(("massive", "es-ES"), HF_HOME=home, HF_HUB_OFFLINE="1")
    assert is_one_sentence(message, "AmazonScience/massive", "HF_HUB_OFFLINE")


def test_real_data_come_from_the_hub_without_course_data(load):
    (found,) = load(("tweet_eval/stance_climate", "en-US"), source="real", COURSE_DATA="")
    assert found["test"][0] == STANCE["test"]


# ---- copies that change

TWEETS = ("tweet_eval/stance_climate", "en-US")


def republish(hub, sizes=STANCE, names=STANCES, prefix="tweet:"):
    """Make a new commit of the stance dataset."""
    files = shards("stance_climate", sizes, lambda rows: classified(rows, names, prefix))
    hub.commit("datasets", "cardiffnlp/tweet_eval", files)


def test_a_copy_that_has_lost_rows_is_noticed(load, full_hub):
    republish(full_hub, {**STANCE, "validation": 39})
    (message,) = load(TWEETS)
    assert is_one_sentence(message, "cardiffnlp/tweet_eval has changed", "'validation': 39", "'validation': 40")


def test_a_copy_with_other_files_is_noticed(load, full_hub):
    full_hub.commit("datasets", "cardiffnlp/tweet_eval", {"data.parquet": classified(5, STANCES)})
    (message,) = load(TWEETS)
    assert is_one_sentence(message, "cardiffnlp/tweet_eval has changed", "'train': 0", "'train': 355")


def test_a_copy_with_another_class_is_noticed(load, full_hub):
    republish(full_hub, names=["none", "against", "for"])
    (message,) = load(TWEETS)
    assert is_one_sentence(
        message, "stance_climate/train-00000-of-00001.parquet, row 3", "'for'", "none, against, favor"
    )


def test_classes_in_another_order_keep_their_names(load, full_hub):
    republish(full_hub, names=["favor", "none", "against"])
    (found,) = load(TWEETS)
    assert found["test"][2]["label"] == STANCES.index("favor")


def test_a_new_commit_is_not_answered_from_the_cache(load, full_hub, filled_home):
    republish(full_hub, prefix="second edition:")
    (found,) = load(TWEETS, HF_HOME=str(filled_home))
    assert found["test"][2]["text"] == "second edition: none 0"


def test_a_damaged_file_in_the_cache_is_named_and_can_be_replaced(load, filled_home):
    (file,) = filled_home.rglob("stance_climate/test-*.parquet")
    damaged = file.resolve()
    damaged.write_bytes(damaged.read_bytes()[:100])
    (message,) = load(TWEETS, HF_HOME=str(filled_home))
    assert is_one_sentence(message, str(damaged), "delete it")
    damaged.unlink()
    (found,) = load(TWEETS, HF_HOME=str(filled_home))
    assert found["test"][0] == STANCE["test"]


# ---- models

FETCH = """
from helpers import models
try:
    print(models.fetch({!r}))
except models.ModelUnavailable as error:
    print(error)
"""


SIZES = {"config.json": 2, "model.safetensors": 500_000}


def sizes(folder):
    return {path.name: path.stat().st_size for path in Path(folder).iterdir()}


@pytest.fixture
def fetch(python, full_hub, tmp_path):
    """Fetch a model in a fresh interpreter; returns the folder or the sentence."""

    def run(name, before="", **environment):
        settings = {"HF_ENDPOINT": full_hub.url, "HF_HOME": str(tmp_path), **environment}
        return python(before + FETCH.format(name), **settings).stdout.rstrip("\n")

    served = copy.deepcopy(full_hub.repositories)
    yield run
    full_hub.repositories = served
    full_hub.heal()


def test_a_model_comes_by_its_old_name_and_stays(fetch):
    folder = Path(fetch("distilbert-base-uncased"))
    assert sizes(folder) == SIZES
    assert fetch("distilbert-base-uncased", HF_HUB_OFFLINE="1") == str(folder)
    assert fetch("distilbert-base-uncased", HF_ENDPOINT=CLOSED_PORT) == str(folder)


# ---- a Hub with troubles: datasets and models come the same way, and a model's test starts faster

MODEL = "distilbert/distilbert-base-uncased"
PASSING = {
    "500 at the first question": ("GET /api/models/.*/revision/main", 500),
    "429 at the first question": ("GET /api/models/.*/revision/main", 429),
    "500 at the list of files": ("/tree/", 500),
    "503 at a file's size": ("HEAD .*safetensors", 503),
    "500 at a file": ("GET /storage/", 500),
    "429 at a file": ("GET /storage/", 429),
    "a file cut off": ("GET /storage/", "cut"),
    "a file cut off with a reset": ("GET /storage/", "reset"),
}


@pytest.mark.parametrize(("where", "how"), PASSING.values(), ids=PASSING)
def test_a_trouble_that_passes_is_not_noticed(fetch, full_hub, where, how):
    full_hub.fail(where, how)
    assert sizes(fetch(MODEL, before=IMPATIENT)) == SIZES
    assert full_hub.heal() == []


LASTING = {
    "no such repository": ("revision", 401, "answered 401", "name"),
    "down": (".", 503, "answered 503", "wait a minute"),
    "too many requests": (".", 429, "answered 429", "wait a minute"),
    "no answer": ("/api/models", "hang", "cannot be reached", "internet"),
    "every file cut off": ("/storage/", "cut", "cannot be reached", "internet"),
    "files that are gone": ("HEAD", 404, "answered 404"),
    "files that fail": ("HEAD", 500, "answered 500", "wait a minute"),
    "the login page of a network": (".", "portal", "login page", "log in"),
    "a login page for files": ("HEAD", "portal", "login page", "log in"),
}


@pytest.mark.parametrize(("where", "how", "words"), [(w, h, words) for w, h, *words in LASTING.values()], ids=LASTING)
def test_a_trouble_that_lasts_is_said_in_one_sentence(fetch, full_hub, where, how, words):
    full_hub.fail(where, how, times=100)
    message = fetch(MODEL, before=IMPATIENT + "import helpers.hub; helpers.hub.FIRST_ANSWER = 0.2\n")
    assert is_one_sentence(message, repr(MODEL), *words, "profile='offline'", "pip install")


NO_PATIENCE = """
import time
def sleep(seconds):
    raise AssertionError(f"waits {seconds} s")
time.sleep = sleep
"""


def test_nobody_at_home_is_said_at_once(fetch):
    """The libraries by themselves would try for 23 seconds."""
    message = fetch(MODEL, before=NO_PATIENCE, HF_ENDPOINT=CLOSED_PORT)
    assert is_one_sentence(message, repr(MODEL), "cannot be reached", "internet", "profile='offline'")


def test_a_model_that_needs_an_account(fetch, full_hub):
    full_hub.repositories[f"models/{MODEL}"].gated = True
    assert is_one_sentence(fetch(MODEL), repr(MODEL), "answered 401", "HF_TOKEN")


FULL_DISK = """
import errno, pathlib
class Full:
    def __init__(self, file): self.file = file
    def __getattr__(self, name): return getattr(self.file, name)
    def __enter__(self): return self
    def __exit__(self, *_): self.file.close()
    def write(self, content): raise OSError(errno.ENOSPC, "No space left on device")
path_open = pathlib.Path.open
def open_on_full_disk(path, *arguments, **options):
    file = path_open(path, *arguments, **options)
    return Full(file) if path.name.endswith(".incomplete") else file
pathlib.Path.open = open_on_full_disk
"""


def test_a_full_disk(fetch, tmp_path):
    message = fetch(MODEL, before=FULL_DISK)
    assert is_one_sentence(message, repr(MODEL), "disk is full", "free some space", str(tmp_path))


def test_a_cache_that_cannot_be_written(fetch, tmp_path):
    (tmp_path / "hub").write_text("a file where a folder should be")
    assert is_one_sentence(fetch(MODEL), repr(MODEL), str(tmp_path / "hub"))


@pytest.mark.parametrize(
    ("where", "how", "words"),
    [("revision", 401, ["answered 401"]), ("/storage/", "cut", ["cannot be reached"])],
)
def test_a_dataset_says_the_same(load, full_hub, where, how, words):
    full_hub.fail(where, how, times=100)
    (message,) = load(TWEETS, before=IMPATIENT)
    assert is_one_sentence(message, "cardiffnlp/tweet_eval", *words, "COURSE_DATA", "profile='offline'")


def test_a_revision_that_is_gone(load, full_hub):
    full_hub.repositories["datasets/AmazonScience/massive"].names.pop("refs/convert/parquet")
    (message,) = load(("massive", "en-US"))
    assert is_one_sentence(message, "AmazonScience/massive", "answered 404", "profile='offline'")
