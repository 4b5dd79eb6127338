"""What the tests of `helpers` share: tokenizers, a fresh interpreter, the check of a sentence, and a closed network."""

import contextlib
import copy
import functools
import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import helpers
from helpers import language, models

ROOT = Path(helpers.__file__).resolve().parents[1]


@pytest.fixture(scope="module", autouse=True)
def closed_network():
    """A test that reaches for the network fails loudly, on every machine."""

    def refuse(_, address):
        raise AssertionError(f"a test tried to connect to {address}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.fixture(autouse=True)
def english():
    """Whatever language a test makes helpers speak, the next one begins in English."""
    with language.speaking("en"):
        yield


@pytest.fixture(scope="session")
def tokenizer():
    """The offline encoder's tokenizer, as the notebooks load it; it lowers letters and drops accents."""
    return models.load_tokenizer(models.OFFLINE_ENCODER)


@pytest.fixture(scope="session")
def short_tokenizer(tokenizer):
    """Build a copy of the tokenizer for a model that takes only so many tokens."""

    @functools.cache
    def build(limit):
        short = copy.deepcopy(tokenizer)
        short.model_max_length = limit
        return short

    return build


@pytest.fixture(scope="session")
def real_tokenizer():
    """Load one of BERT's own tokenizers from $COURSE_TOKENIZERS or ../shared/tokenizers."""
    from transformers import AutoTokenizer

    @functools.cache
    def build(name):
        folder = Path(os.environ.get("COURSE_TOKENIZERS") or ROOT.parent / "shared" / "tokenizers") / name
        if not folder.is_dir():
            pytest.skip(f"no folder {folder}: let COURSE_TOKENIZERS point at the tokenizers")
        return AutoTokenizer.from_pretrained(folder, model_max_length=512)

    return build


@pytest.fixture
def one_sentence():
    """Check that a block raises exactly this error, and that its message is one sentence with these words."""

    @contextlib.contextmanager
    def check(kind, *words):
        with pytest.raises(kind) as caught:
            yield
        message = str(caught.value)
        assert type(caught.value) is kind
        assert caught.value.__cause__ is None
        assert message.endswith(".") and "\n" not in message and ". " not in message
        assert [word for word in words if word not in message] == [], message

    return check


@pytest.fixture(scope="module")
def hub():
    """A Hub of this module's own; HF_ENDPOINT=hub.url leads a fresh interpreter to it."""
    spec = importlib.util.spec_from_file_location("course_hub", Path(__file__).with_name("hub.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.running() as hub:
        yield hub


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """Run code in a fresh interpreter with its own empty cache of the Hub; environment variables as keywords."""
    home = tmp_path_factory.mktemp("hub")

    def run(code, **environment):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "OMP_"))}
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**inherited, "HF_HOME": str(home), **environment},
            capture_output=True,
            text=True,
            check=True,
        )

    return run
