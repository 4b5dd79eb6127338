"""Right answers of the unit `transformer` that are not the reference: (grade id, how it came about, source).

Those of «hint 2» are what a student writes who has the text and the second hint, and nothing else.
"""

RIGHT = [
    ("fertility", "hint 2", """\
def fertility(texts, tokenizer):
    words = sum(len(text.split()) for text in texts)
    if words == 0:
        raise ValueError("no words")
    return sum(len(tokenizer.tokenize(text)) for text in texts) / words
"""),
    ("fertility", "word by word, with the numbers of the tokens", """\
def fertility(texts, tokenizer):
    words = [word for text in texts for word in text.split()]
    if not words:
        raise ValueError
    ids = tokenizer(words, add_special_tokens=False)["input_ids"]
    return float(np.mean([len(one) for one in ids]))
"""),
    ("attention", "hint 2", """\
def attention(query, key, value, mask=None):
    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True, initial=-1e30))
    sums = powers.sum(axis=-1, keepdims=True)
    weights = powers / np.where(sums > 0, sums, 1)
    return weights @ value, weights
"""),
    ("attention", "with einsum, and zeros put in at the end", """\
def attention(query, key, value, mask=None):
    scores = np.einsum("...nd,...md->...nm", query, key) * query.shape[-1] ** -0.5
    seen = np.ones(scores.shape, dtype=bool) if mask is None else np.broadcast_to(mask, scores.shape)
    if scores.shape[-1] == 0:
        return np.zeros((*scores.shape[:-1], value.shape[-1])), scores
    low = np.where(seen, scores, -1e300)
    powers = np.where(seen, np.exp(low - low.max(axis=-1, keepdims=True)), 0)
    with np.errstate(invalid="ignore"):
        weights = powers / powers.sum(axis=-1, keepdims=True)
    weights = np.nan_to_num(weights)
    return np.einsum("...nm,...mv->...nv", weights, value), weights
"""),
    ("attention", "with softmax of scipy", """\
def attention(query, key, value, mask=None):
    from scipy.special import softmax

    scores = query @ key.swapaxes(-1, -2) / query.shape[-1] ** 0.5
    if mask is None:
        mask = np.full(scores.shape, True)
    if scores.shape[-1] > 0:
        weights = softmax(np.where(mask, scores, -1e200), axis=-1)
    else:
        weights = scores
    weights = weights * mask
    return weights @ value, weights
"""),
    ("attention", "in torch", """\
def attention(query, key, value, mask=None):
    import torch

    q, k, v = (torch.tensor(np.asarray(x), dtype=torch.float64) for x in (query, key, value))
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~torch.tensor(np.asarray(mask)), -torch.inf)
    weights = torch.nan_to_num(torch.softmax(scores, dim=-1))
    return (weights @ v).numpy(), weights.numpy()
"""),
    ("causal_mask", "hint 2", """\
def causal_mask(length):
    return np.tril(np.ones((length, length), dtype=bool))
"""),
    ("causal_mask", "places compared", """\
def causal_mask(length):
    places = np.arange(length)
    return places[None, :] <= places[:, None]
"""),
    ("mean_pooling", "hint 2", """\
def mean_pooling(vectors, attention_mask):
    mask = attention_mask[:, :, None]
    counts = mask.sum(1)
    return (vectors * mask).sum(1) / (counts + (counts == 0))
"""),
    ("mean_pooling", "a case for each kind", """\
def mean_pooling(vectors, attention_mask):
    import torch

    if isinstance(vectors, torch.Tensor):
        mask = attention_mask.unsqueeze(-1).to(vectors.dtype)
        return (vectors * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
    mask = np.expand_dims(attention_mask, -1)
    return (vectors * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)
"""),
    ("mean_pooling", "row by row", """\
def mean_pooling(vectors, attention_mask):
    rows = []
    for row, mask in zip(vectors, attention_mask):
        kept = row[mask == 1]
        rows.append(kept.mean(0) if len(kept) else row[0] * 0)
    if isinstance(vectors, np.ndarray):
        return np.stack(rows)
    import torch

    return torch.stack(rows)
"""),
    ("embed", "hint 2", """\
def embed(texts, model, tokenizer, batch_size=32):
    import torch

    if isinstance(texts, str):
        raise TypeError("a list, please")
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    if len(texts) == 0:
        return vectors
    model.eval()
    ids = tokenizer(texts, truncation=True)["input_ids"]
    order = sorted(range(len(texts)), key=lambda row: len(ids[row]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt").to(model.device)
        with torch.no_grad():
            hidden = model(**batch).last_hidden_state
        means = mean_pooling(hidden, batch["attention_mask"])
        vectors[rows] = torch.nn.functional.normalize(means).cpu().numpy()
    return vectors
"""),
    ("embed", "the longest first, tokenized twice, put back with argsort", """\
def embed(texts, model, tokenizer, batch_size=32):
    import torch

    if type(texts) is str:
        raise TypeError
    if not texts:
        return np.empty((0, model.config.hidden_size), dtype="float32")
    model.train(False)
    order = np.argsort([-len(tokenizer(text)["input_ids"]) for text in texts], kind="stable")
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), batch_size):
            some = [texts[i] for i in order[start : start + batch_size]]
            encoded = tokenizer(some, truncation=True, padding=True, return_tensors="pt")
            hidden = model(**encoded).last_hidden_state
            mask = encoded["attention_mask"][..., None]
            mean = (hidden * mask).sum(1) / mask.sum(1)
            parts.append((mean / mean.norm(dim=1, keepdim=True)).numpy())
    return np.concatenate(parts)[np.argsort(order)]
"""),
    ("search", "hint 2", """\
def search(query, texts, vectors, model, tokenizer, k=3):
    scores = vectors @ embed([query], model, tokenizer)[0]
    best = np.argsort(-scores, kind="stable")[:k]
    return [{"text": texts[row], "score": float(scores[row]), "index": int(row)} for row in best]
"""),
    ("search", "sorted in Python", """\
def search(query, texts, vectors, model, tokenizer, k=3):
    (own,) = embed([query], model, tokenizer)
    hits = []
    for index, (text, vector) in enumerate(zip(texts, vectors)):
        hits.append({"index": index, "score": float(np.dot(vector, own)), "text": text})
    return sorted(hits, key=lambda hit: -hit["score"])[:k]
"""),
    ("training", "hint 2", """\
trained = one_layer.OneLayer(symbols, length)
fit(trained, inputs, targets, profile.max_steps, profile.batch_size, profile.learning_rate)
without_positions = one_layer.OneLayer(symbols, length, positions=False)
fit(without_positions, inputs, targets, profile.max_steps, profile.batch_size, profile.learning_rate)
"""),
]  # fmt: skip
