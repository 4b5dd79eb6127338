"""What a tokenizer's vocabulary makes of words."""


def fertility(texts, tokenizer) -> float:
    """Pieces per word, special tokens not counted; a word is what stands between white space.

    A vocabulary that was made from texts in another language cuts words finer: the texts get longer, and their pieces
    say less.
    """
    words = sum(len(text.split()) for text in texts)
    return sum(len(tokenizer.tokenize(text)) for text in texts) / words
