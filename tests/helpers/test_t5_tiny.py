"""The small T5 of the offline runs: its files can be made again, its weights are the same each time."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from helpers import data, models, t5_tiny


def test_its_files_come_out_byte_for_byte(tmp_path):
    t5_tiny.write_files(tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_bytes() for path in t5_tiny.FOLDER.iterdir()}


def test_its_weights_are_made_once_a_process_and_are_no_file_of_the_course():
    folder = Path(models.fetch(models.OFFLINE_T5))
    assert folder == Path(models.fetch(models.OFFLINE_T5))
    assert (folder / "model.safetensors").is_file()
    assert not any(path.suffix == ".safetensors" for path in t5_tiny.FOLDER.iterdir())


def test_its_weights_are_the_same_each_time_and_disturb_no_seed():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    one, other = t5_tiny.weights(), t5_tiny.weights()
    assert torch.equal(torch.rand(3), expected)
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


def test_several_processes_share_one_where_they_are_told_to(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_MODELS", str(tmp_path))
    assert t5_tiny.weights() == t5_tiny.weights() == tmp_path / "t5-tiny"
    assert [path.name for path in tmp_path.iterdir()] == ["t5-tiny"]


def test_its_folder_goes_with_the_process(tmp_path):
    code = "import os; from helpers import models; print(models.fetch('t5-tiny')); os.fork() or exit()"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("/") and not Path(said.split()[0]).exists()


def test_a_forked_child_leaves_its_parents_folder(tmp_path):
    t5_tiny._remove(tmp_path, owner=-1)
    assert tmp_path.exists()


def test_it_is_a_whole_t5():
    model = AutoModelForSeq2SeqLM.from_pretrained(models.fetch(models.OFFLINE_T5))
    tokenizer = models.load_tokenizer(models.OFFLINE_T5)
    assert model.config.vocab_size == len(tokenizer)
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert model.config.decoder_start_token_id == model.generation_config.decoder_start_token_id == 0
    assert tokenizer.model_max_length == 128


@pytest.fixture(scope="module")
def tokenizer():
    return models.load_tokenizer(models.OFFLINE_T5)


@pytest.mark.parametrize("answer", ["yes", "no", "да", "нет", "sí"])
def test_the_answers_of_the_unit_are_one_token_and_the_end_mark(tokenizer, answer):
    assert len(tokenizer(answer)["input_ids"]) == 2


def test_it_reads_back_what_it_wrote(tokenizer):
    for text in data.load("toxic_chat", "samples")["train"]["user_input"][:200]:
        again = tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True)
        assert again.split() == text.split()


def test_it_has_every_letter_of_the_three_languages(tokenizer):
    letters = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя" + "abcdefghijklmnopqrstuvwxyzáéíóúüñ"
    for letter in letters + letters.upper() + "¿¡«»—":
        assert tokenizer.unk_token_id not in tokenizer(letter)["input_ids"], letter


def test_a_letter_that_it_has_never_seen_is_unknown(tokenizer):
    assert tokenizer.unk_token_id in tokenizer("不")["input_ids"]
