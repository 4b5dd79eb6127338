"""The small T5 of the offline runs: how its files were made, and its weights.

No pretrained T5 ships with the course. `samples/t5-tiny` holds the config and a tokenizer whose vocabulary was learned
from the training rows of the unit's samples, in all languages that it has data in, and from the answers; the weights
are random numbers from a fixed seed, made when they are needed. After a change of the samples:
`python -m helpers.t5_tiny`.
"""

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path

from helpers import cache, data, language, profiles, toxicity

FOLDER = data.SAMPLES / "t5-tiny"
SEED = 13
ANSWERS_COUNT = 50  # each answer stands so often among the texts that it becomes one token
EMBEDDINGS = 0.1  # the standard deviation of the first word vectors
LETTERS = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯÁÉÍÓÚÜÑ"  # readers write them, wherever the samples have none
PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"  # ids 0, 1 and 2, as T5 has them

TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "pad_token": PAD,
    "eos_token": END,
    "unk_token": UNKNOWN,
    "model_max_length": 128,  # T5 has 512; attention over the few long texts would take most of the time
}
CONFIG = {
    "architectures": ["T5ForConditionalGeneration"],
    "model_type": "t5",
    "d_model": 64,
    "d_kv": 16,
    "d_ff": 128,
    "num_layers": 1,
    "num_decoder_layers": 1,
    "num_heads": 4,
    "dropout_rate": 0.3,
    "feed_forward_proj": "relu",
    "tie_word_embeddings": False,
    "vocab_size": 3500,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
}
GENERATION_CONFIG = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}


def write_files(folder: Path) -> None:
    """Write config and tokenizer, byte for byte the same each time.

    The tokenizer is byte-pair encoding: learning it needs whole numbers only. Unigram, which T5 itself
    has, comes out a little different each time.
    """
    _train_tokenizer(_texts()).save(str(folder / "tokenizer.json"))
    for name, content in {
        "tokenizer_config.json": TOKENIZER_CONFIG,
        "config.json": CONFIG,
        "generation_config.json": GENERATION_CONFIG,
    }.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _texts() -> list[str]:
    chosen = [profiles.load("toxicity", "offline", data_language=code) for code in language.LANGUAGES]
    locale_of = {profile.dataset: profile.locale for profile in chosen}  # a language without data has English ones
    loaded = [data.load(dataset, "samples", locale) for dataset, locale in locale_of.items()]
    texts = [text for dataset in loaded for text in dataset["train"]["user_input"]]
    answers = [answer for answers in toxicity.ANSWERS.values() for answer in answers.values()]
    return texts + ANSWERS_COUNT * [f"toxic: {answer}" for answer in answers]


def _train_tokenizer(texts: list[str]):
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.NFKC()
    metaspace = {"replacement": "▁", "prepend_scheme": "always"}
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(**metaspace)]
    )
    tokenizer.decoder = decoders.Metaspace(**metaspace)
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=CONFIG["vocab_size"],
            special_tokens=[PAD, END, UNKNOWN],
            initial_alphabet=list(LETTERS + LETTERS.lower() + "¿¡«»—"),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", pair=f"$A {END} $B {END}", special_tokens=[(END, 1)]
    )
    return tokenizer


def weights() -> Path:
    """Return a folder with the committed files and weights from the seed.

    Where `$COURSE_MODELS` is a folder that several processes share, it lies there, made by the first that may write;
    else it is a new one, which is removed when the process ends.
    """
    shared = Path(os.environ["COURSE_MODELS"], FOLDER.name) if os.environ.get("COURSE_MODELS") else None
    if shared and (shared.is_dir() or os.access(shared.parent, os.W_OK)):
        return cache.make_once(shared, _write_weights)
    folder = Path(tempfile.mkdtemp(prefix="course-t5-tiny-"))
    atexit.register(_remove, folder, os.getpid())
    _write_weights(folder)
    return folder


def _write_weights(folder: Path) -> None:
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        model = T5ForConditionalGeneration(T5Config.from_pretrained(FOLDER))
        # T5's own are as wide as 1, and a few hundred steps would hardly move them.
        model.shared.weight.mul_(EMBEDDINGS)
        model.save_pretrained(folder)
    for file in FOLDER.iterdir():
        shutil.copyfile(file, folder / file.name)


def _remove(folder: Path, owner: int) -> None:
    """A forked child inherits the exit handlers, but the folder is its parent's."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write_files(FOLDER)
