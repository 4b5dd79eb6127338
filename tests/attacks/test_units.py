"""A class in a unit of this course: honest notebooks in odd shapes get everything, and marks without work nothing."""

# ruff: noqa: E501  (students' programs)

import copy
import json
import shutil
import subprocess
import sys

import nbformat
import pytest

from course import ROOT
from course.demo import fill, reference_answers

ALL = 23.0  # automatic points of `ner`
RIGHT = reference_answers("ner")
FUNCTIONS = [name for name in RIGHT if name != "training"]
METRICS = """def calculate_metrics(eval_predictions, label_names):
    logits, labels = eval_predictions
    chosen, true = np.argmax(logits, axis=-1), np.asarray(labels)
    scores = seqeval.compute(
        predictions=[[label_names[i] for i, t in zip(r, row) if t != -100] for r, row in zip(chosen, true)],
        references=[[label_names[t] for t in row if t != -100] for row in true],
    )
    return {key: float(scores[f"overall_{key}"]) for key in ("precision", "recall", "f1", "accuracy")}"""
OTHER_TYPES = """
from collections import OrderedDict
_plain = do_ner


def do_ner(text, model, tokenizer):
    found = _plain(text, model, tokenizer)
    entities = [
        OrderedDict((key, np.str_(value) if isinstance(value, str) else np.int64(value)) for key, value in entity.items())
        for entity in found["entities"]
    ]
    return OrderedDict(text=np.str_(found["text"]), entities=entities)"""
IMPORTS = "# First helpers"  # how the notebook's own import cell begins
OWN_TOKENIZER = """from types import SimpleNamespace
course, profile = profile, SimpleNamespace(name=profile.name, checkpoint="{folder}")"""
FOR_OWN_TOKENIZER = """def preprocess_ner_dataset(example, tokenizer):
    tags = [tag for word, tag in zip(example["tokens"], example["ner_tags"]) if word.strip()][:510]
    size = len(tags) + 2
    return {"input_ids": [2] + [1] * len(tags) + [3], "token_type_ids": [0] * size, "attention_mask": [1] * size, "labels": [-100, *tags, -100]}"""
FAKE = """from types import SimpleNamespace as S
known = {{tuple(row["input_ids"]): row["labels"] for row in tokenized["validation"]}}
class Trainer:
    state = S(global_step=1)
    train_dataset = dataset["train"]
    model = {model}
    def predict(self, rows):
        rows = [known[tuple(row["input_ids"])] for row in rows]
        logits = np.zeros((len(rows), max(map(len, rows)), 9), "f4")
        for i, row in enumerate(rows):
            for j, label in enumerate(row):
                logits[i, j, max(label, 0)] = 1
        return S(predictions=logits)
trainer = Trainer()"""
TAKEN = {
    "a star": "from helpers.ner import *",
    "its names": "{name} = vars(ner)['{name}']",
    "its file": "text = open(ner.__file__).read()\nexec(text, globals())",
    "its source": "import inspect\nexec(inspect.getsource(ner), globals())",
    "its loader": "import importlib\nmodule = importlib.reload(importlib.import_module('helpers.ner'))\n{name} = module.{name}",
    "its spec": "code = ner.__spec__.loader.get_code('helpers.ner')\nexec(code, globals())",
    "the garbage": "import gc\n{name} = next(o for o in gc.get_objects() if getattr(o, '__name__', '') == '{name}' and getattr(o, '__module__', '') == 'helpers.ner')",
    "another copy": "import glob, sys\nplaces = [*sys.path, *('/*' * depth for depth in range(5))]\nfor path in (p for place in places for p in glob.glob(place + '/helpers/ner.py')):\n    exec(open(path).read(), globals())\n{name} = globals()['{name}']",
    "an alias": "from helpers import ner as n\nsolve = n.{name}\n{name} = solve",
}


def submissions(course_dir) -> dict[str, tuple[dict, dict, tuple[str, ...]]]:
    """Student → answers, what is added to cells that begin with a text, cells at the end."""
    torch_needed = RIGHT["do_ner"].replace("    import torch\n", "").replace("    import unicodedata\n", "")
    assert "torch." in torch_needed and "import torch" not in torch_needed
    trap = OWN_TOKENIZER.format(folder=course_dir / "submitted" / "trap" / "ner-en" / "tok")
    honest = {
        "imports in the import cell": ({"do_ner": torch_needed}, {IMPORTS: "import torch\nimport unicodedata"}, ()),
        "a name of a lesson": ({"calculate_metrics": METRICS}, {}, ()),
        "an experiment at the end": ({}, {}, ("def build_model(checkpoint):\n    return None", "trainer = None")),
        "values of other types": ({"do_ner": RIGHT["do_ner"] + OTHER_TYPES}, {}, ()),
        "profile means something else at the end": ({}, {}, ("profile = 3",)),
        "profile leads elsewhere": ({"do_ner": f"{RIGHT['do_ner']}\n{trap}"}, {}, ()),
    }  # fmt: skip
    undeserved = {
        "trap": ({"preprocess_ner_dataset": f"{trap}\n{FOR_OWN_TOKENIZER}"}, {}, ()),
        "fake, no model": ({"training": FAKE.format(model="None")}, {}, ()),
        "fake, fresh model": ({"training": FAKE.format(model="build_model(checkpoint, label_names)")}, {}, ()),
        "zero logits": ({"build_model": RIGHT["build_model"] + "\n_build = build_model\n\n\ndef build_model(checkpoint, label_names):\n    import torch\n    model = _build(checkpoint, label_names)\n    for weight in model.parameters():\n        torch.nn.init.zeros_(weight)\n    return model"}, {}, ()),
    }  # fmt: skip
    for name, cell in TAKEN.items():
        undeserved[f"taken by {name}"] = ({f: cell.format(name=f) for f in FUNCTIONS}, {}, ())
    for student, (answers, *_) in undeserved.items():
        if not student.startswith("fake"):  # what they lose, they lose before any training
            answers["training"] = "raise NotImplementedError()"
    return honest | undeserved


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory, needed):
    """Student → the line of `course grade`."""
    needed("bwrap")
    folder = tmp_path_factory.mktemp("units")
    for step in ("source", "release"):
        shutil.copytree(ROOT / step / "ner-en", folder / step / "ner-en")
    released = nbformat.read(ROOT / "release" / "ner-en" / "ner.ipynb", as_version=4)
    for student, (answers, added, after) in submissions(folder).items():
        notebook = fill(copy.deepcopy(released), RIGHT | answers)
        for start, text in added.items():
            (cell,) = (cell for cell in notebook.cells if cell.source.startswith(start))
            cell.source += f"\n{text}"
        notebook.cells += [nbformat.v4.new_code_cell(source) for source in after]
        home = folder / "submitted" / student / "ner-en"
        home.mkdir(parents=True)
        nbformat.write(notebook, home / "ner.ipynb")
    write_tokenizer(folder / "submitted" / "trap" / "ner-en" / "tok")
    lines = folder / "out.jsonl"
    command = [sys.executable, "-m", "course.cli", "grade", "ner-en", "--course-dir", folder, "--sandbox", "bwrap"]
    done = subprocess.run([*command, "--json", lines], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "NOTE" not in done.stderr
    return {line["student"]: line for line in map(json.loads, lines.read_text().splitlines())}


def write_tokenizer(folder) -> None:
    """A tokenizer with one piece for each word."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[PAD]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512).save_pretrained(folder)


@pytest.mark.parametrize(
    "student",
    [
        "imports in the import cell",
        "a name of a lesson",
        "an experiment at the end",
        "values of other types",
        "profile means something else at the end",
        "profile leads elsewhere",
    ],
)
def test_an_honest_notebook_gets_everything(verdicts, student):
    """Whatever was added to given cells, read from lessons, or tried afterwards."""
    assert (verdicts[student]["verdict"], verdicts[student]["score"]) == ("graded", ALL), verdicts[student]


def test_what_was_kept_is_said(verdicts):
    """The page and the report have it from here."""
    assert "kept" in verdicts["imports in the import cell"]["cause"]


def lost(verdict: dict) -> set[str]:
    """The tests that gave nothing."""
    return {cell["grade_id"] for cell in verdict["cells"] if cell["score"] == 0 and "test_" in cell["grade_id"]}


@pytest.mark.parametrize(
    ("student", "grade_id"),
    [
        ("trap", "test_preprocess_ner_dataset"),
        ("fake, no model", "test_training"),
        ("fake, fresh model", "test_training"),
    ],
)
def test_what_was_not_done_is_worth_nothing(verdicts, student, grade_id):
    """The referee has a profile, a model and labelled texts of its own."""
    assert verdicts[student]["verdict"] == "graded"
    assert grade_id in lost(verdicts[student]), verdicts[student]


def test_a_model_without_the_weights_of_the_checkpoint_is_not_worth_their_points(verdicts):
    """Its configuration is right, which has points of its own."""
    (built,) = (cell for cell in verdicts["zero logits"]["cells"] if cell["grade_id"] == "test_build_model")
    assert [group["name"] for group in built["groups"] if group["score"] == 0] == ["pretrained body"]


@pytest.mark.parametrize("name", TAKEN)
def test_the_reference_is_not_there_to_be_taken(verdicts, name):
    """In the sandbox the graded functions are missing from `helpers`; what names them is flagged as well."""
    verdict = verdicts[f"taken by {name}"]
    assert lost(verdict) >= {f"test_{function}" for function in FUNCTIONS}, verdict
