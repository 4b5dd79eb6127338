"""Reference functions of the unit `transformer`: pieces, attention, the vector of a text, a search by meaning.

A graded function imports what it needs inside its body: the course builder copies it, whole, into the
notebook's solution. What a real model does inside is shown by `helpers.inside`, a transformer of one layer by
`helpers.one_layer`, masked words by `helpers.masked_words`.
"""


def fertility(texts, tokenizer):
    """Pieces per word: how many tokens the tokenizer needs for a word of these texts, on average, as a float.

    Words are what stands between white space; special tokens are not counted. No words at all: `ValueError`.
    """
    words = sum(len(text.split()) for text in texts)
    if words == 0:
        raise ValueError("There is no word in these texts.")
    return sum(len(tokenizer.tokenize(text)) for text in texts) / words


def attention(query, key, value, mask=None):
    """Scaled dot-product attention: Vaswani et al., «Attention is all you need», 2017, section 3.2.1.

    `query [..., n, d]`, `key [..., m, d]`, `value [..., m, v]`, `mask [..., n, m]` of bool, where False is not
    attended to. Returns `(output [..., n, v], weights [..., n, m])`. The rows of `weights` add up to 1; a row with
    nothing to attend to, also because m is 0, is zero, and so is its output.

    >>> import numpy as np
    >>> output, weights = attention(np.zeros((1, 2)), np.ones((2, 2)), np.array([[2.0], [4.0]]))
    >>> output.tolist(), weights.tolist()
    ([[3.0]], [[0.5, 0.5]])
    """
    import numpy as np

    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    highest = scores.max(axis=-1, keepdims=True, initial=-1e30)
    powers = np.exp(scores - highest)
    sums = powers.sum(axis=-1, keepdims=True)
    weights = powers / np.where(sums > 0, sums, 1)
    return weights @ value, weights


def causal_mask(length):
    """Who sees whom in a decoder: bool `[length, length]`, place i sees the places 0 to i.

    >>> causal_mask(2).tolist()
    [[True, False], [True, True]]
    """
    import numpy as np

    return np.tril(np.ones((length, length), dtype=bool))


def mean_pooling(vectors, attention_mask):
    """The mean of the vectors of a text's tokens: `[n, l, d]` and `[n, l]` of 0 and 1 → `[n, d]`.

    NumPy arrays or torch tensors, the same kind back. Padding does not count; a row without tokens is zero.
    """
    mask = attention_mask[:, :, None]
    counts = mask.sum(1)
    return (vectors * mask).sum(1) / (counts + (counts == 0))


def embed(texts, model, tokenizer, batch_size=32):
    """A vector for every text, in the order of the texts: float32 `[n, d]`, rows of length one.

    `texts` is a list of str; a bare string would be read letter by letter, so it is a `TypeError`. The vector is the
    mean over the tokens. Batches hold texts of like length, so there is little padding; texts are cut off at the
    limit of the tokenizer.
    """
    import numpy as np
    import torch

    if isinstance(texts, str):
        raise TypeError("embed takes a list of texts: put the string in square brackets.")
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    if len(texts) == 0:
        return vectors
    model.eval()
    ids = tokenizer(list(texts), truncation=True)["input_ids"]
    order = sorted(range(len(texts)), key=lambda row: len(ids[row]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt").to(model.device)
        with torch.no_grad():
            hidden = model(**batch).last_hidden_state
        means = mean_pooling(hidden, batch["attention_mask"])
        vectors[rows] = torch.nn.functional.normalize(means).cpu().numpy()
    return vectors


def search(query, texts, vectors, model, tokenizer, k=3):
    """The k texts that are most like the query, best first: `[{"text", "score", "index"}, …]`.

    `vectors [n, d]` are those of the n texts, as `embed` makes them; `score` is the dot product. Equal scores come in
    the order of the texts; where there are fewer than k texts, all of them.
    """
    import numpy as np

    scores = vectors @ embed([query], model, tokenizer)[0]
    best = np.argsort(-scores, kind="stable")[:k]
    return [{"text": texts[row], "score": float(scores[row]), "index": int(row)} for row in best]
