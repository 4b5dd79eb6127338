"""No program of ours uses what the libraries have dropped: neither the code nor what the notebooks show to be typed."""

import ast
import itertools
import re

import pytest

from course import ROOT
from course.build.read import languages_of, unit_names
from tests.course.shown import programs

GONE = {  # name → since when, and what there is in its place
    "evaluation_strategy": "transformers 5: eval_strategy",
    "group_by_length": "transformers 5: train_sampling_strategy",
    "fp16": "rounds large values of T5 to infinity: bf16",
    "warmup_ratio": "transformers 5: warmup_steps, below 1 a share",
    "no_cuda": "transformers 5: use_cpu",
    "per_gpu_train_batch_size": "transformers 5: per_device_train_batch_size",
    "push_to_hub_token": "transformers 5: hub_token",
    "use_auth_token": "transformers 5, datasets 3: token",
    "as_target_tokenizer": "transformers 5: text_target",
    "prepare_seq2seq_batch": "transformers 5: text_target",
    "encode_plus": "transformers 5: the tokenizer, called",
    "batch_encode_plus": "transformers 5: the tokenizer, called",
    "load_metric": "datasets 3: evaluate.load",
    "trust_remote_code": "datasets 4; runs somebody's program",
    "Repository": "huggingface_hub 1: upload_folder",
    "cached_download": "huggingface_hub 1: hf_hub_download",
}
GONE_FROM = {("transformers", "AdamW"): "transformers 5: torch.optim.AdamW"}


def gone(source):
    """Names in a program that the libraries dropped, or that fail on a student's machine."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a sketch, with "…" in it
        yield from set(re.findall(r"\w+", source)) & GONE.keys()
        return
    for node in ast.walk(tree):
        names = {getattr(node, field, None) for field in ("id", "attr", "arg")}
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {alias.name for alias in node.names}
            module = getattr(node, "module", None)
            yield from (f"{module}.{name}" for name in names if (module, name) in GONE_FROM)
        yield from names & GONE.keys()
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", None))
            keywords = {keyword.arg for keyword in node.keywords}
            if called == "is_bf16_supported" and not (node.args or keywords):
                yield "is_bf16_supported() without argument"  # counts emulation
            if str(called).endswith("Trainer") and "tokenizer" in keywords:
                yield "Trainer(tokenizer=)"


@pytest.mark.parametrize(
    "line",
    [
        "TrainingArguments(evaluation_strategy='epoch')",
        "from datasets import load_metric",
        "from transformers import AdamW",
        "Repository('here')",
        "load_dataset('x', trust_remote_code=True)",
        "torch.cuda.is_bf16_supported()",
        "Trainer(model, tokenizer=tokenizer)",
        "TrainingArguments(evaluation_strategy='epoch', …)",
    ],
)
def test_the_check_finds_what_is_gone(line):
    assert list(gone(line)) != []


def test_it_lets_pass_what_there_is():
    assert list(gone("from torch.optim import AdamW\nTrainer(model, processing_class=tokenizer, bf16=True)")) == []


@pytest.mark.parametrize("folder", ["helpers", "course"])
def test_no_file_uses_what_is_gone(folder):
    found = {str(path): sorted(gone(path.read_text("utf-8"))) for path in (ROOT / folder).rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("unit", unit_names())
def test_no_notebook_shows_what_is_gone(unit):
    shown = itertools.chain(*(programs(unit, language) for language in languages_of(unit)))
    assert [names for names in map(sorted, map(gone, shown)) if names] == []
