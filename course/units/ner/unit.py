# ---
# title: Named entities with BERT
# summary: >-
#   Who, where, which company: find the names in a text and say what kind of name each of them is.
# goals:
#   - turn tags of words into labels of word pieces, and back into entities of the text
#   - fine-tune BERT for token classification, with Trainer and with a loop of your own
#   - measure whole entities, not single tags, and see where the model is wrong
# minutes: 90
# training: >-
#   about a minute on a processor with two cores; with the full data on a T4 GPU (our estimates) about ten minutes in
#   English and Spanish, about an hour in Russian
# prerequisites: Python, a first idea of what a neural network and a tokenizer are
# data: >-
#   reduced version (`offline`): sentences written for this course; full version (`full`): CoNLL-2003 in English, news
#   by Reuters (for research only), WikiNEuRal in Russian, articles of Wikipedia tagged by a program (not for commerce),
#   CoNLL-2002 in Spanish, news by EFE
# ---

# %% [markdown] shared="work"

# %% tags=["parameters"]
language = "en"
data_language = ""
profile = "auto"
checkpoint = ""
epochs = 0
learning_rate = 0.0

# %% [markdown] shared="switches"

# %% [markdown]
# MiniLM is *uncased*: `Paris` and `paris` are the same word to it. E5 tells capital letters from small ones, as the two large models do. A
# capital is one of the main clues to a name; MiniLM has to do without it, and section 6 measures what that costs.

# %%
# First helpers, then the rest: it tells torch how to share the processor.
from dataclasses import replace
from functools import partial

from helpers import data, metrics, models, ner, profiles, show, training, transformer
from helpers.rules import Rules
import numpy as np
from transformers import set_seed

models.quiet()

# %%
profile = profiles.load(
    "ner",
    profile,
    language=language,
    data_language=data_language,
    checkpoint=checkpoint,
    epochs=epochs,
    learning_rate=learning_rate,
)
checkpoint = models.fetch(profile.checkpoint)
set_seed(profile.seed)
show.settings(profile)

# %% [markdown]
# ## 1. Look at the data
#
# A **named entity** is a name: of a person, a place, an organisation. Finding the names in a text is called
# *named entity recognition*, NER for short. It is a task of **token classification**: every word gets a tag,
# and the tags together say where the names are.

# %%
dataset = data.load(profile.dataset, profile.data, profile.locale)
dataset

# %% [markdown]
# The sentences come in parts. The model learns from the training data, `train`. The validation data, `validation`, tell us how good
# it is as long as something is still to be decided, such as the number of epochs (passes over the training data). The test data, `test`, are there
# **for measuring, never for deciding**: we use them once, at the very end. Here is the first sentence of the training data that
# has a name in it:

# %%
example = next(row for row in dataset["train"] if any(row["ner_tags"]))
example

# %% [markdown]
# The sentence is already divided into words: `tokens`. The numbers in `ner_tags` are tags, one a word. The
# dataset knows their names:

# %%
label_names = dataset["train"].features["ner_tags"].feature.names
label_names

# %% tags=["lesson"]
show.token_strip(
    example["tokens"],
    ner_tags=[label_names[tag] for tag in example["ner_tags"]],
)

# %% [markdown]
# This way of writing tags is called **BIO**:
#
# - `B-` begins a name: it is the tag of its first word;
# - `I-` means inside: the next words of the same name;
# - `O` means outside: no name here.
#
# After the hyphen stands the class: `PER` is a person, `ORG` an organisation, `LOC` a place, `MISC` any
# other name, such as that of a festival or the title of a book. In English data a nationality is one, too: in that language it is
# written with a capital.
#
# > 🤔 **Think first.** Two names of people stand next to each other with nothing between them. Which tags
# > tell that these are two people and not one with a long name?
#
# <details>
# <summary>Answer</summary>
#
# `B-PER`, `B-PER`. A `B-` always begins a new name, even right behind another one. One person with a long name would have
# `B-PER`, `I-PER`.
#
# </details>
#
# Look at a few more sentences. Change the numbers in the next cell to see others.

# %% tags=["lesson"]
for row in dataset["train"].select(range(10, 14)):
    show.token_strip(row["tokens"], ner_tags=[label_names[tag] for tag in row["ner_tags"]])

# %% [markdown]
# How many names of each class are there in the training data?

# %% tags=["lesson"]
tags_of_train = [[label_names[tag] for tag in row] for row in dataset["train"]["ner_tags"]]
classes = [name for tags in tags_of_train for name, _, _ in ner.entity_spans(tags)]
show.bars({name: classes.count(name) for name in ("PER", "ORG", "LOC", "MISC")})

# %% [markdown]
# ## 2. A baseline to beat
#
# Before you train a model, find out how far a very simple one gets. Ours is a dictionary: it gives every word
# the tag that this word had most often in the training data, in capitals or not, and `O` to words that it has never seen. We also
# look at an even simpler one, which says `O` every time. The library seqeval compares what they say about the validation data with
# the right tags.

# %%
seqeval = metrics.load("seqeval")

# %% tags=["lesson"]
validation_words = dataset["validation"]["tokens"]
validation_tags = [
    [label_names[tag] for tag in row] for row in dataset["validation"]["ner_tags"]
]
guesses = ner.lookup_baseline(dataset["train"][:], validation_words)
looked_up = [[label_names[tag] for tag in row] for row in guesses]
outside = [["O"] * len(words) for words in validation_words]

# %% tags=["lesson"]
baselines = {
    "O": seqeval.compute(predictions=outside, references=validation_tags),
    "dictionary": seqeval.compute(predictions=looked_up, references=validation_tags),
}
show.table(baselines)

# %% [markdown]
# Look at the first row. The model that never finds a single name still has a high accuracy, because most
# words are not names. That is why NER is measured by whole **entities**:
#
# - **precision**: of the entities that the model found, how many are right;
# - **recall**: of the entities that are there, how many it found;
# - **F1**: one number out of the two, $F_1 = \frac{2PR}{P + R}$. It is high only if both are high.
#
# An entity counts as found only if its beginning, its end and its class are all right.
#
# Measured in this way, the dictionary does not get far. Why? Count the words of which the names in the validation data consist: how many
# of them has it seen in training?

# %% tags=["lesson"]
known = {word.lower() for words in dataset["train"]["tokens"] for word in words}
words_of_names = [
    word
    for words, tags in zip(validation_words, validation_tags)
    for word, tag in zip(words, tags)
    if tag != "O"
]
old = [word for word in words_of_names if word.lower() in known]
show.bars({"seen": len(old), "new": len(words_of_names) - len(old)})

# %% [markdown]
# Two things are too much for a dictionary:
#
# - **New names.** Nearly every text has names in it that no other text had, or has an old name in a new form. A dictionary knows what it
#   has learned by heart, letter for letter, and nothing else.
# - **Ordinary words in names.** *University of Tartu* is one name, but outside of names *of* is tagged `O`. A dictionary has one tag for a
#   word, whatever stands around it. So it cuts such names to pieces, and no piece is right.
#
# Whoever wants to find new names has to look at what they are made of and at what stands around them. In the next sections you train a
# model that does so.

# %% [markdown]
# ## 3. From words to word pieces
#
# BERT does not read words. Its tokenizer cuts rare words into **pieces** (word pieces, also called subwords), so that a vocabulary of
# limited size is enough for any text. Every model has a tokenizer of its own:
#
# - that of MiniLM knows about 30,000 pieces, all in small letters; a piece that continues a word begins with `##`;
# - that of `multilingual-e5-small` knows about 147,000 pieces in this course, with capitals; a piece that begins a word begins with `▁`.
#
# Both models are small BERTs: all that is said about BERT from here on holds for them, too. The large ones write `##`, like MiniLM.

# %%
tokenizer = ner.load_tokenizer(profile.checkpoint)
sentence = "Rabinovich is winding up his term as ambassador ."
words = sentence.split()
rabinovich = {"tokens": words, "ner_tags": [1] + [0] * (len(words) - 1)}
encoded = tokenizer(rabinovich["tokens"], is_split_into_words=True)
encoded.tokens()

# %% [markdown]
# There was one tag for every word. Now there are more tokens than words: rare words, the name first of all, have become several pieces, and
# two **special tokens** have been added, one in front (`[CLS]` or `<s>`) and one at the end (`[SEP]` or `</s>`). The tags have
# to follow. The tokenizer remembers which word each token comes from; for the special tokens it says `None`:

# %%
encoded.word_ids()

# %% [markdown]
# > 🤔 **Think first.** The tag of the first word is `B-PER`, number 1. If it has three pieces, which labels should they get?
#
# <details>
# <summary>Answer</summary>
#
# `B-PER`, `I-PER`, `I-PER`: the numbers 1, 2, 2. The first piece begins the name, the others lie inside it. With `B-PER` three times
# one person would become three.
#
# </details>

# %% [markdown]
# ### Exercise 1: `preprocess_ner_dataset` (5 points)
#
# ●●○ · about 15 minutes · this is the step in which most NER programs go wrong
#
# Write `preprocess_ner_dataset(example, tokenizer)`. The `example` is a dictionary with `tokens` and `ner_tags`. The result is a
# dictionary with the numbers of the tokens and a label for every token. For `rabinovich` from the cell above, with the tags
# `[1, 0, 0, …, 0]`, it is, if the name has three pieces:
#
# | field | value |
# | --- | --- |
# | `input_ids` | the numbers of the tokens, the special ones in front and at the end |
# | `token_type_ids` | `[0, 0, 0, 0, 0, …, 0, 0]` |
# | `attention_mask` | `[1, 1, 1, 1, 1, …, 1, 1]` |
# | `labels` | `[-100, 1, 2, 2, 0, …, 0, -100]` |
#
# The rules:
#
# 1. **Four fields.** The dictionary holds exactly four lists of one length: `input_ids`, `token_type_ids` and `attention_mask` as the
#    tokenizer gives them, and `labels`.
# 2. **Special tokens.** They get the label $-100$. PyTorch leaves positions with this label out of the loss, so the
#    model is not trained on them.
# 3. **Pieces.** The first piece of a word gets the tag of the word. The later pieces of a word with the tag `B-X` get `I-X`, because the
#    name has begun already; all other tags are simply repeated. In this dataset every `B-X` has an odd number, and `I-X` has
#    the next one: a word of three pieces with the tag 1 gets 1, 2, 2, with the tag 2 it gets 2, 2, 2.
# 4. **Long sentences.** A sentence that is too long for the model is truncated to `tokenizer.model_max_length` tokens, and its labels
#    with it.
# 5. **Empty words.** Some words yield no piece at all, for example an invisible character. The tags of the other words must not
#    move because of that: three words with the tags `[5, 0, 1]`, of which only the second yields no piece, get the labels
#    `[-100, 5, 1, -100]`, if the others are one piece each.
#
# <details>
# <summary>Hint 1</summary>
#
# Call the tokenizer with `is_split_into_words=True` and `truncation=True`. Then walk through `word_ids()` and
# decide for every position which label it gets. You need to know the word of the position before.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Begin with `encoded = tokenizer(example["tokens"], is_split_into_words=True, truncation=True)` and `tags = example["ner_tags"]`. There are
# three cases for `word` in `encoded.word_ids()`: it is `None` (label $-100$); it is not the same as the previous one (label
# `tags[word]`); it is the same (label `tags[word] + tags[word] % 2`, which is one more if the tag is odd). At the end return
# `{**encoded, "labels": labels}`.
#
# </details>

# %% answer="preprocess_ner_dataset"
from helpers.ner import preprocess_ner_dataset

# %% test="preprocess_ner_dataset" points=5
rules = Rules(
    {"four fields": 1, "special tokens": 1, "pieces": 1, "long sentences": 1, "empty words": 1}
)
fields = {"input_ids", "token_type_ids", "attention_mask", "labels"}
with rules("four fields"):
    encoded = preprocess_ner_dataset(rabinovich, tokenizer)
    assert set(encoded) == fields, (
        "Return exactly four fields: input_ids, token_type_ids, attention_mask and labels."
    )
    assert len(encoded["labels"]) == len(encoded["input_ids"]), "Every token needs one label."
with rules("special tokens"):
    labels = preprocess_ner_dataset(rabinovich, tokenizer)["labels"]
    assert labels[0] == labels[-1] == -100, "Special tokens get -100."
with rules("pieces"):
    labels = preprocess_ner_dataset(rabinovich, tokenizer)["labels"]
    pieces = tokenizer(rabinovich["tokens"], is_split_into_words=True).word_ids().count(0)
    assert labels[1 : pieces + 1] == [1] + [2] * (pieces - 1), (
        "The first piece of the name gets 1, its other pieces 2."
    )
    assert set(labels[pieces + 1 : -1]) == {0}, "The pieces of all other words get 0."
### BEGIN HIDDEN TESTS
import os
import random

own_tokenizer = ner.load_tokenizer(profile.checkpoint)
limit = own_tokenizer.model_max_length
draw = random.Random(os.environ.get("CLASS_SEED", ""))
samples = data.load(profile.dataset, "samples", profile.locale)
rows = draw.sample(list(samples["train"]), 10)


def labels_of(words, tags):
    encoded = preprocess_ner_dataset({"tokens": words, "ner_tags": tags}, tokenizer)
    own = own_tokenizer(words, is_split_into_words=True, truncation=True)
    assert encoded["input_ids"] == own["input_ids"], (
        "The input_ids must be those of the tokenizer, truncated where there are too many."
    )
    return encoded["labels"]


def expected_labels(words, tags):
    """Of the pieces; without special tokens."""
    labels = []
    for word, tag in zip(words, tags):
        pieces = own_tokenizer.tokenize(word)
        labels += [tag, *[tag + tag % 2] * (len(pieces) - 1)] if pieces else []
    return labels


with rules("four fields"):
    for row in rows:
        encoded = preprocess_ner_dataset(row, tokenizer)
        own = own_tokenizer(row["tokens"], is_split_into_words=True, truncation=True)
        assert set(encoded) == fields, (
            "Return exactly four fields: input_ids, token_type_ids, attention_mask and labels."
        )
        assert all(encoded[name] == own[name] for name in own), (
            "Leave input_ids, token_type_ids and attention_mask as the tokenizer gives them."
        )
        assert len(encoded["labels"]) == len(own["input_ids"]), "Every token needs one label."

with rules("special tokens"):
    # Words of one piece: nothing but the special tokens can be wrong.
    for word, tag in [("Paris", 5), ("Anna", 1), ("Oslo", 6), ("left", 0), ("red", 7)]:
        assert labels_of([word], [tag]) == [-100, tag, -100], "Special tokens get -100."

with rules("pieces"):
    for words, tags in [
        (["Kristjánsdóttir", "Oyelaran", "met", "Szczepaniak"], [1, 2, 0, 1]),
        (["Zwickauer", "Maschinenfabrik", "of", "Zwickau"], [3, 4, 0, 5]),
        (["Harvestmoonfest", "in", "Antananarivo", "Madagascar"], [7, 0, 5, 5]),
        *[(row["tokens"], row["ner_tags"]) for row in rows],
    ]:
        assert labels_of(words, tags)[1:-1] == expected_labels(words, tags), (
            "For the later pieces of a word B-X becomes I-X; O and I-X are simply repeated."
        )

with rules("long sentences"):
    encoded = preprocess_ner_dataset(
        {"tokens": ["Paris", "left"] * 400, "ner_tags": [5, 0] * 400}, tokenizer
    )
    assert len(encoded["input_ids"]) == limit, "Long sentences must be truncated."
    labels = labels_of(["Paris", "left"] * 400, [5, 0] * 400)
    assert labels[1:-1] == ([5, 0] * 400)[: limit - 2], "Truncate the labels with the tokens."

with rules("empty words"):
    words, tags = ["\u200b", "Paris", "", "saw", "\u200b", "Anna"], [0, 5, 0, 0, 7, 1]
    assert labels_of(words, tags)[1:-1] == [5, 0, 1], (
        "A word without pieces must not move the tags of the other words."
    )
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# If no rule has a ✗, your function works. Now apply it to the whole dataset. `map` calls it for every
# sentence; the old columns are no longer needed.

# %%
tokenized = dataset.map(
    preprocess_ner_dataset,
    fn_kwargs={"tokenizer": tokenizer},
    remove_columns=dataset["train"].column_names,
)
row = next(row for row in tokenized["train"] if max(row["labels"]) > 0)
show.token_strip(
    tokenizer.convert_ids_to_tokens(row["input_ids"]),
    labels=[label_names[i] if i != -100 else "-100" for i in row["labels"]],
)

# %% [markdown]
# How long are the sentences now, counted in tokens? The model reads at most 512. Those of the reduced version are far below that.

# %% tags=["lesson"]
show.histogram([len(ids) for ids in tokenized["train"]["input_ids"]], "len(input_ids)")

# %% [markdown]
# ### Whose language does the tokenizer know?
#
# How long a sentence gets depends on the tokenizer. The number of pieces for each word is called its **fertility**. A tokenizer has learned its
# pieces from texts, and in the language of these texts its fertility is low. Compare yours with that of MiniLM, which knows English (if yours
# is that of MiniLM, there is only one column):

# %% tags=["lesson"]
mine = ["disproportionately", "Kraków", "Щёлково"]
readers = {profile.checkpoint: tokenizer}
readers["all-MiniLM-L6-v2"] = ner.load_tokenizer("all-MiniLM-L6-v2")
cut = {
    name: [" ".join(reader.tokenize(word)) for word in mine] for name, reader in readers.items()
}
show.examples(tokens=mine, **cut)

# %% [markdown]
# And on average, in sentences of three languages:

# %% tags=["lesson"]
fertility = {}
for code in ["en", "ru", "es"]:
    other = profiles.load("ner", "offline", data_language=code)
    some = data.load(other.dataset, other.data, other.locale)["train"][:200]["tokens"]
    texts = [" ".join(words) for words in some]
    fertility[code] = {
        name: transformer.fertility(texts, reader) for name, reader in readers.items()
    }
show.table(fertility)

# %% [markdown]
# MiniLM cuts Russian nearly into letters. In this way a sentence gets long, the 512 tokens are soon full, and a single piece says next to
# nothing. It also takes everything away that stands above a letter: *Kraków* becomes *krakow*.
#
# Pieces can also join what a dictionary keeps apart. Here are some words, the tag that our dictionary gives them, and their pieces:

# %% tags=["lesson"]
mine = "Iceland Icelandic Icelanders"
usual = ner.lookup_baseline(dataset["train"][:], [mine.split()])[0]
show.examples(
    tokens=mine.split(),
    dictionary=[label_names[tag] for tag in usual],
    pieces=[" ".join(tokenizer.tokenize(word)) for word in mine.split()],
)

# %% [markdown]
# In the reduced version the dictionary knows *Iceland*, and to it *Icelanders* is another word of which it has never heard. The model reads *Iceland* in
# it, and an ending. What it learns about a piece helps with all words that have this piece.

# %% [markdown]
# ## 4. The model
#
# BERT turns every token into a vector that depends on the whole sentence. For token classification one layer
# is added on top: a **classification head**, a linear layer that makes one number per tag out of each vector.
# These numbers are called **logits**; the tag with the highest logit is the prediction.
#
# The body of the model has been trained on a lot of text. The head is new: its weights are random numbers, and it knows
# nothing yet. That is why we are going to train.
#
# ### Exercise 2: `build_model` (3 points)
#
# ●○○ · about 5 minutes · a model that knows its tags by name can be used by others
#
# Write `build_model(checkpoint, label_names)`. It loads a model for token classification from `checkpoint`, the folder with the saved
# weights, and tells its configuration the names of the tags. The rules:
#
# 1. **One logit per tag.** For every token the model gives as many logits as there are names in `label_names`.
# 2. **Names of the tags.** `config.id2label` leads from the number of a tag to its name, and `config.label2id` from the name back to
#    the number, both for the names in `label_names`.
# 3. **Pretrained body.** The body of the model has the weights of `checkpoint`; only the head is new.
#
# For the names `["O", "B-PER", "I-PER"]` the configuration holds:
#
# | field | value |
# | --- | --- |
# | `config.num_labels` | `3` |
# | `config.id2label` | `{0: "O", 1: "B-PER", 2: "I-PER"}` |
# | `config.label2id` | `{"O": 0, "B-PER": 1, "I-PER": 2}` |
#
# <details>
# <summary>Hint 1</summary>
#
# The class is called `AutoModelForTokenClassification`; import it from `transformers`. Its method `from_pretrained` takes
# the checkpoint and also `num_labels`, `id2label` and `label2id`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# First `from transformers import AutoModelForTokenClassification`. Then `id2label = dict(enumerate(label_names))`, and turn it round:
# `label2id = {name: number for number, name in id2label.items()}`. Return
# `AutoModelForTokenClassification.from_pretrained(checkpoint, num_labels=len(label_names), id2label=id2label, label2id=label2id)`.
#
# </details>

# %% answer="build_model"
from helpers.ner import build_model

# %% test="build_model" points=3
rules = Rules({"one logit per tag": 1, "names of the tags": 1, "pretrained body": 1})
with rules("one logit per tag"):
    config = build_model(checkpoint, ["O", "B-PER", "I-PER"]).config
    assert config.num_labels == 3, "The model must have one output per tag."
with rules("names of the tags"):
    config = build_model(checkpoint, ["O", "B-PER", "I-PER"]).config
    assert config.id2label == {0: "O", 1: "B-PER", 2: "I-PER"}, (
        "config.id2label must lead from the number of a tag to its name."
    )
    assert config.label2id == {"O": 0, "B-PER": 1, "I-PER": 2}, (
        "config.label2id must lead from the name of a tag to its number."
    )
### BEGIN HIDDEN TESTS
import torch

from course import unseen

names = ["O", "B-DRUG", "I-DRUG", "B-DOSE", "I-DOSE"]
with rules("one logit per tag"):
    other = build_model(checkpoint, names)
    assert other.config.num_labels == 5, "The number of tags must come from label_names."
    ids = models.load_tokenizer(profile.checkpoint)("Oslo", return_tensors="pt")["input_ids"]
    logits = other(input_ids=ids).logits
    assert tuple(logits.shape) == (1, ids.shape[1], 5), (
        "The model must give one logit per token and tag."
    )

with rules("names of the tags"):
    config = build_model(checkpoint, names).config
    assert config.id2label == dict(enumerate(names)), "The names must come from label_names."
    assert config.label2id == {name: i for i, name in enumerate(names)}, (
        "config.label2id must lead from the name of a tag to its number."
    )

with rules("pretrained body"):
    small = build_model(checkpoint, data.CONLL_TAGS[:3])
    # A head of another size is the first rule's business.
    like = ner.build_model(checkpoint, data.CONLL_TAGS[: small.config.num_labels])
    assert unseen.has_body_of(small, like), (
        "The weights of the model's body must be those of the checkpoint."
    )
other = small = like = None  # models are large
### END HIDDEN TESTS
rules.score()

# %%
model = build_model(checkpoint, label_names)
model.classifier

# %% [markdown]
# ### Question 1: from a token to its tag (2 points)
#
# Explain in five to eight sentences of your own how the model gets from a token to its tag. Say what goes in,
# what the layers of BERT do with the vectors, what the head computes and which shape its output has, and
# how a tag comes out in the end. Why can the same word get different tags in different sentences?
#
# - 1 point: the way from the token to its tag has no gap: what goes in, what the layers do, what the head computes and in which shape, how the tag comes out.
# - 1 point: why the same word can get different tags, with the part of the model that brings it about.

# %% [markdown] essay="token_to_tag" points=2
# The tokenizer turns the text into numbers of pieces. An embedding layer turns each number into a vector and
# adds a vector for the position. In every layer of BERT, self-attention mixes into the vector of a token
# what matters from all the other tokens, so after the last layer the vector describes the token in
# its context. The head, a linear layer, makes one logit per tag from each vector: the output has the shape
# (batch, length, tags). The tag with the highest logit is the prediction; softmax would make
# probabilities of the logits but would not change their order. The same word gets different tags because its
# vector depends on the sentence around it.

# %% [markdown]
# ## 5. Metrics
#
# While it trains, the model is evaluated after every epoch. `Trainer` then calls a function of ours with two arrays:
#
# - `logits` of the shape $[n, l, k]$: $n$ sentences, $l$ positions, $k$ tags;
# - `labels` of the shape $[n, l]$. Short sentences have been padded to the length $l$; there the label is $-100$.
#
# seqeval counts. It wants lists of tags, such as `[["B-PER", "O"], ["O"]]`, without special tokens
# and padding:

# %% tags=["lesson"]
seqeval.compute(
    predictions=[["B-PER", "I-PER", "O", "O"]],
    references=[["B-PER", "I-PER", "O", "B-LOC"]],
)

# %% [markdown]
# > 🤔 **Think first.** One entity was predicted, two are there. Which number is the precision, which one the recall?
# > What changes if you swap `predictions` and `references`? Try it.
#
# <details>
# <summary>Answer</summary>
#
# The precision is 1, because the one predicted entity is right. The recall is 0.5, because one of two was found. If you swap
# `predictions` and `references`, precision and recall swap, too, and F1 stays the same.
#
# </details>
#
# Nobody notices, since F1 stays the same: this very mistake stood in a well-known public course for years. So look twice.

# %% [markdown]
# ### Exercise 3: `calculate_metrics` (5 points)
#
# ●●○ · about 15 minutes · a wrong metric is worse than none
#
# Write `calculate_metrics(eval_predictions, label_names)`. `eval_predictions` is the pair `(logits, labels)`. Choose the best tag for every
# position, translate the numbers into names, and let seqeval count. For the example above the result is:
#
# | field | value |
# | --- | --- |
# | `precision` | `1.0` |
# | `recall` | `0.5` |
# | `f1` | `0.6667` (rounded) |
# | `accuracy` | `0.75` |
#
# The rules:
#
# 1. **Four numbers.** Return a dictionary with exactly four fields, `precision`, `recall`, `f1` and `accuracy`, each an ordinary `float` of
#    Python and not a NumPy number. If every tag is right, all four are 1; if the model finds nothing, precision, recall and F1 are 0.
# 2. **Whole entities.** F1 counts entities, not tokens, as seqeval does: where `B-PER I-PER` is right, `B-PER O` has found nothing.
# 3. **Precision and recall.** Precision divides by the number of entities that were predicted, recall by the number of those that are
#    there.
# 4. **Padding.** The label $-100$ is not the number of a tag: leave these positions out, of the labels and of the predictions, whatever
#    the model says there. Leave out only them: a position with the label `O` counts.
#
# <details>
# <summary>Hint 1</summary>
#
# `np.argmax(logits, axis=-1)` gives the number of the best tag. For one sentence, `labels[i] != -100` is a mask that keeps the
# real tokens. Use the same mask for labels and predictions.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# With `best = np.argmax(logits, axis=-1)`, build two lists of lists. For every sentence `i`, `kept = labels[i] != -100`; then
# `[label_names[number] for number in best[i][kept]]` goes into `predictions` and
# `[label_names[number] for number in labels[i][kept]]` into `references`. Call
# `scores = seqeval.compute(predictions=predictions, references=references)` and return a dictionary with
# `"precision": float(scores["overall_precision"])` and, in the same way, `overall_recall`, `overall_f1` and `overall_accuracy`.
#
# </details>

# %% answer="calculate_metrics"
from helpers.ner import calculate_metrics

# %% test="calculate_metrics" points=5
rules = Rules({"four numbers": 1, "whole entities": 1, "precision and recall": 2, "padding": 1})
names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
labels, logits = np.array([[1, 2, 0, 3]]), np.eye(5)[[[1, 2, 0, 0]]]
with rules("four numbers"):
    four = {"precision", "recall", "f1", "accuracy"}
    scores = calculate_metrics((logits, labels), names)
    assert set(scores) == four, "Return exactly these: precision, recall, f1 and accuracy."
    assert set(map(type, scores.values())) == {float}, "Turn every number into a Python float."
with rules("whole entities"):
    f1 = calculate_metrics((logits, labels), names)["f1"]
    assert abs(f1 - 2 / 3) < 1e-3, "F1 counts whole entities."
with rules("precision and recall"):
    scores = calculate_metrics((logits, labels), names)
    found = scores["precision"], scores["recall"]
    assert found == (1.0, 0.5), "One of two was found: are predictions and references swapped?"
with rules("padding"):
    padded = np.eye(5)[[[3, 1, 2, 0, 0, 3]]], np.array([[-100, 1, 2, 0, 3, -100]])
    accuracy = calculate_metrics(padded, names)["accuracy"]
    assert accuracy == 0.75, "Leave out the positions labelled -100."
### BEGIN HIDDEN TESTS
import os
import random


def is_near(score, expected):
    return abs(score - expected) < 1e-3  # also for who rounds as the table does


def drawn():
    """Six sentences as (labels, logits): entities found, left out, half found, and of a wrong class."""
    right = [([0, 0], [0, 0]), ([1, 2], [1, 2]), ([3, 0], [3, 0])]
    wrong = [([3, 4], [0, 0]), ([1, 2], [1, 0]), ([1, 0], [3, 0])]
    draw = random.Random(os.environ.get("CLASS_SEED", ""))
    pairs = np.array(draw.choices(right + wrong, k=54)).reshape(6, 9, 2, 2)
    return pairs[:, :, 0].reshape(6, 18), np.eye(5)[pairs[:, :, 1].reshape(6, 18)]


with rules("four numbers"):
    right = calculate_metrics((np.eye(5)[[[0, 1, 2, 3]]] - 5, np.array([[0, 1, 2, 3]])), names)
    assert all(type(score) is float for score in right.values()), (
        "Turn every number into a Python float."
    )
    assert set(right.values()) == {1.0}, "If every tag is right, all four are 1."
    other = ["O", "B-X", "I-X"]
    missed = calculate_metrics((np.eye(3)[[[0, 0]]], np.array([[1, 2]])), other)
    assert missed["precision"] == missed["recall"] == missed["f1"] == 0.0, (
        "If nothing is found, precision, recall and F1 are 0."
    )

with rules("whole entities"):
    # Of the person only the first word is found.
    half = calculate_metrics((np.eye(5)[[[1, 0, 0, 3]]], np.array([[1, 2, 0, 3]])), names)
    assert is_near(half["f1"], 1 / 2), "F1 counts whole entities."
    labels, logits = drawn()
    expected = ner.calculate_metrics((logits, labels), names)
    assert is_near(calculate_metrics((logits, labels), names)["f1"], expected["f1"]), (
        "F1 counts whole entities."
    )

with rules("precision and recall"):
    # Three predicted, one of them right; two are there.
    scores = calculate_metrics(
        (np.eye(5)[[[1, 2, 0, 1, 1]]], np.array([[1, 2, 0, 3, 4]])), names
    )
    assert is_near(scores["precision"], 1 / 3), "Precision divides by the predicted entities."
    assert is_near(scores["recall"], 1 / 2), "Recall divides by the entities that are there."
    labels, logits = drawn()
    expected = ner.calculate_metrics((logits, labels), names)
    scores = calculate_metrics((logits, labels), names)
    assert is_near(scores["precision"], expected["precision"]), (
        "Precision divides by the predicted entities."
    )
    assert is_near(scores["recall"], expected["recall"]), (
        "Recall divides by the entities that are there."
    )

with rules("padding"):
    labels = np.array([[-100, 1, 2, 0, 0, -100, -100], [-100, 0, -100, 3, 4, 0, -100]])
    best = [[3, 1, 2, 0, 0, 3, 3], [1, 0, 1, 3, 4, 0, 3]]
    scores = calculate_metrics((np.eye(5)[best], labels), names)
    assert set(scores.values()) == {1.0}, "Leave out the positions labelled -100."
    labels = np.array([[-100, 0, 1, 2, 0, -100], [-100, 0, 0, 3, 4, -100]])
    best = [[0, 3, 1, 2, 0, 0], [0, 0, 0, 3, 4, 0]]
    scores = calculate_metrics((np.eye(5)[best], labels), names)
    assert is_near(scores["accuracy"], 7 / 8), "Leave out only the positions labelled -100."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# ## 6. Training
#
# Sentences of a batch must have one length. A **data collator** pads them: `input_ids` with the padding token, `labels` with
# $-100$. It does so batch by batch, only up to the longest sentence of the batch. That saves a lot of work.

# %%
from transformers import DataCollatorForTokenClassification

data_collator = DataCollatorForTokenClassification(tokenizer)
batch = data_collator([tokenized["train"][i] for i in range(3)])
batch["labels"]

# %% [markdown]
# ### Exercise 4: train the model (5 points)
#
# ●○○ · about 10 minutes, plus the training
#
# Everything is ready; put it together. `training.make_trainer` builds a `Trainer` with the settings of the course: number of epochs, learning rate
# (how large a step is), an evaluation after every epoch. In the reduced version (`offline`) it also freezes the lower layers: their weights are not trained,
# which makes every step cheaper. Create a fresh model, make a trainer that is called `trainer`, and train it.
#
# `training.make_trainer` takes `profile`, the model and the tokenizer, and then by name:
#
# | argument | what it is |
# | --- | --- |
# | `train_dataset` | the tokenized training data |
# | `eval_dataset` | the tokenized validation data |
# | `data_collator` | the collator from above |
# | `compute_metrics` | a function of one argument, the pair `(logits, labels)` |
#
# The rules:
#
# 1. **Learned.** The model has learned to find names. The test in the notebook shows its F1 on the validation data after every epoch, and
#    `profile.floor`: the last F1 must be at least the floor. When you hand in, your code trains once more, for a few steps only and
#    with a lower floor; then it is the weights of `trainer.model` that must reach the floor, on sentences that nobody in this
#    course has seen.
# 2. **All the data.** It has learned from all the training data and not from a part of them.
#
# <details>
# <summary>Hint 1</summary>
#
# Your `calculate_metrics` takes two arguments, `Trainer` gives it only one. With `partial(calculate_metrics, label_names=label_names)` you fix the
# second one in advance.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# First `model = build_model(checkpoint, label_names)`. Then `trainer = training.make_trainer(profile, model, tokenizer, …)`, and in the
# place of the dots `train_dataset=tokenized["train"]`, `eval_dataset=tokenized["validation"]`, `data_collator=data_collator` and
# `compute_metrics=partial(calculate_metrics, label_names=label_names)`. Last, `trainer.train()`.
#
# </details>

# %% answer="training"
### BEGIN SOLUTION
model = build_model(checkpoint, label_names)
trainer = training.make_trainer(
    profile,
    model,
    tokenizer,
    train_dataset=tokenized["train"],
    eval_dataset=tokenized["validation"],
    data_collator=data_collator,
    compute_metrics=partial(calculate_metrics, label_names=label_names),
)
trainer.train()
### END SOLUTION

# %% test="training" points=5
rules = Rules({"learned": 4, "all the data": 1})
with rules("learned"):
    assert trainer.state.global_step > 0, "The trainer has not trained: call trainer.train()."
    reached = [log["eval_f1"] for log in trainer.state.log_history if "eval_f1" in log]
    print(reached, profile.floor)
    assert all(f1 >= profile.floor for f1 in reached[-1:]), (
        "The last F1 is below profile.floor."
    )
with rules("all the data"):
    assert len(trainer.train_dataset) == len(dataset["train"]), (
        "Train on all the training data."
    )
### BEGIN HIDDEN TESTS
import functools

import torch

from course import unseen
from helpers import batches


@functools.cache
def f1_on_unseen():
    own_tokenizer = ner.load_tokenizer(profile.checkpoint)
    judged = unseen.with_weights_of(trainer.model, ner.build_model(checkpoint, data.CONLL_TAGS))
    encoded = []
    for row in unseen.rows("ner", profile.data_language):
        tags = [data.CONLL_TAGS.index(tag) for tag in row["ner_tags"]]
        example = {"tokens": row["tokens"], "ner_tags": tags}
        encoded.append(ner.preprocess_ner_dataset(example, own_tokenizer))
    inputs = [row["input_ids"] for row in encoded]
    known = batches.answered(
        inputs, lambda **batch: judged(**batch).logits, judged, own_tokenizer
    )
    guesses, references = [], []
    for row in encoded:
        best = known(torch.tensor([row["input_ids"]])).logits[0].argmax(dim=-1).tolist()
        kept = [(i, tag) for i, tag in zip(best, row["labels"]) if tag != -100]
        guesses.append([data.CONLL_TAGS[i] for i, _ in kept])
        references.append([data.CONLL_TAGS[tag] for _, tag in kept])
    scores = metrics.load("seqeval").compute(predictions=guesses, references=references)
    return scores["overall_f1"]


with rules("learned"):
    assert f1_on_unseen() >= profile.floor, (
        "F1 on sentences that nobody has seen is below the floor of the profile."
    )
with rules("all the data"):
    assert f1_on_unseen() >= profile.floor, "The model has not learned from the data."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# How did it go, epoch by epoch?

# %% tags=["lesson"]
show.history(trainer)

# %% [markdown]
# <details>
# <summary>The same without the course</summary>
#
# `training.make_trainer` hides nothing that you could not write yourself. This is the full version in English with the library alone; `preprocess_ner_dataset` and
# `calculate_metrics` are your functions. The names of data and model for other languages stand in the table at the beginning.
#
# ```python
# from functools import partial
# from datasets import load_dataset
# from transformers import AutoModelForTokenClassification, AutoTokenizer
# from transformers import DataCollatorForTokenClassification, Trainer, TrainingArguments, set_seed
#
# set_seed(13)
# sentences = load_dataset("lhoestq/conll2003")
# names = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]
# tokenizer = AutoTokenizer.from_pretrained("bert-base-cased")
# tokenized = sentences.map(preprocess_ner_dataset, fn_kwargs={"tokenizer": tokenizer})
# model = AutoModelForTokenClassification.from_pretrained(
#     "bert-base-cased", num_labels=len(names), id2label=dict(enumerate(names))
# )
# arguments = TrainingArguments(
#     output_dir="ner-model",
#     num_train_epochs=3,
#     per_device_train_batch_size=8,
#     learning_rate=2e-5,
#     weight_decay=0.01,
#     train_sampling_strategy="group_by_length",
#     eval_strategy="epoch",
#     report_to="none",
#     seed=13,
# )
# trainer = Trainer(
#     model=model,
#     args=arguments,
#     train_dataset=tokenized["train"],
#     eval_dataset=tokenized["validation"],
#     data_collator=DataCollatorForTokenClassification(tokenizer),
#     compute_metrics=partial(calculate_metrics, label_names=names),
# )
# trainer.train()
# ```
#
# | line | what it means |
# | --- | --- |
# | `names` | the tags in the order of their numbers; in these data the numbers come without names |
# | `num_train_epochs=3` | all sentences are read three times |
# | `per_device_train_batch_size=8` | each step looks at 8 sentences, on each GPU |
# | `learning_rate=2e-5` | small steps: the weights are good already; it falls in a straight line to 0 |
# | `weight_decay=0.01` | AdamW also pulls the weights a little towards 0, against overfitting |
# | `train_sampling_strategy="group_by_length"` | sentences of similar length share a batch: less padding |
# | `eval_strategy="epoch"` | the validation data are asked after each epoch |
#
# For the reduced version the course freezes the lowest layers as well, and the learning rate rises for the first tenth of the steps before it falls. All of that stands in
# `helpers/training.py`, and all numbers in `helpers/profiles.toml`.
#
# </details>
#
# ### Better than the dictionary?

# %% tags=["lesson"]
trained = trainer.evaluate()
trained = {name: trained[f"eval_{name}"] for name in ("precision", "recall", "f1", "accuracy")}
show.table(
    {name: {key[8:]: value for key, value in row.items()} for name, row in baselines.items()}
    | {"transformer": trained}
)

# %% [markdown]
# One remark on fairness: the dictionary is counted on words, the model on word pieces. For entities that makes
# little difference, because a name is right or wrong as a whole.
#
# And names that it has never seen? Here are all words of the names in the validation data, those that are in the training data (`seen`) and
# those that are not (`new`): what share of them gets the right class, such as `LOC`?

# %% tags=["lesson"]
output = trainer.predict(tokenized["validation"])
predicted = output.predictions.argmax(axis=-1)
guessed = ner.tags_of_words(validation_words, predicted, tokenizer, label_names)
show.table(
    {
        "dictionary": ner.recall_of_words(validation_words, validation_tags, looked_up, known),
        "transformer": ner.recall_of_words(validation_words, validation_tags, guessed, known),
    }
)

# %% [markdown]
# The dictionary finds none of the new words; it cannot. The model finds most of them: by the words around them, by their pieces and, if it reads
# capitals, by these. Of the words that both have seen it gets more right, too, because the same word means different things in different sentences.
#
# ### What is a capital worth?
#
# Many names are words with a capital. Here is a sentence twice, as it is written and in small letters, and what the tokenizers make of it:

# %% tags=["lesson"]
sentence = "Will May meet Rose in Nice in May?"
spelled = [sentence, sentence.lower()]
show.examples(
    text=spelled,
    **{
        name: [" ".join(reader.tokenize(text)) for text in spelled]
        for name, reader in readers.items()
    },
)

# %% [markdown]
# To MiniLM the two are one sentence, so whatever it answers to one it answers to the other. E5 can tell them apart, and that can be measured: we trained it on the English
# sentences of the reduced version, once as they are and once with every word in small letters, in the training data and in the validation data, with two seeds each:
#
# | E5, English | F1, seed 13 | F1, seed 14 |
# | --- | --- | --- |
# | as written | 0.889 | 0.892 |
# | in small letters | 0.751 | 0.791 |
#
# That is the price of *uncased*, in sentences that somebody has edited. In chats, where many write without capitals, a cased model loses what it relies on: then an
# uncased one can be the better choice.
#
# ### Where is it wrong?
#
# In the **confusion matrix** each row is a right tag and each column a predicted one; the numbers count tokens. What lies on the
# diagonal is right. Which tags does the model mix up most often, and can you imagine why?

# %% tags=["lesson"]
kept = output.label_ids != -100
show.confusion(
    [label_names[i] for i in output.label_ids[kept]],
    [label_names[i] for i in predicted[kept]],
    label_names,
)

# %% [markdown]
# And these are the sentences with the most errors. A dashed frame marks a prediction that differs from the label. Is it
# always the model that is wrong?

# %% tags=["lesson"]
errors = ((predicted != output.label_ids) & kept).sum(axis=1)
for i in np.argsort(-errors, kind="stable")[:4]:
    row = tokenized["validation"][int(i)]
    inner = slice(1, len(row["input_ids"]) - 1)
    show.token_strip(
        tokenizer.convert_ids_to_tokens(row["input_ids"])[inner],
        labels=[label_names[tag] for tag in row["labels"][inner]],
        predictions=[label_names[tag] for tag in predicted[i][inner]],
    )

# %% [markdown]
# ## 7. The same by hand
#
# What does `Trainer` do inside? You can write the loop yourself in a few lines. The library Accelerate takes care of the devices: the
# same code runs on a processor, on a GPU, and on several of them.
#
# First, preparation. `training.prepare` makes the optimizer, the learning-rate schedule and the batches, and calls `accelerator.prepare`,
# which moves the model and the batches to the device and divides the batches among the processes. To save time we take
# only a slice of the training data here, and we leave it in its order, to compare with `Trainer` later.

# %% tags=["lesson"]
part = tokenized["train"].select(range(profile.loop_examples))
set_seed(profile.seed)
accelerator, hand_model, optimizer, scheduler, train_loader, eval_loader = training.prepare(
    replace(profile, epochs=1),
    build_model(checkpoint, label_names),
    train_dataset=part,
    eval_dataset=tokenized["validation"],
    data_collator=data_collator,
    shuffle=False,
)
len(train_loader), len(eval_loader)

# %% [markdown]
# What has it made? The **optimizer** is AdamW, and it keeps the weights in groups. For each group the cell shows the learning rate, the weight decay and the number of tensors:
# matrices are pulled a little towards zero, biases and the scales of LayerNorm are not. Frozen layers are in no group.

# %% tags=["lesson"]
[
    (group["initial_lr"], group["weight_decay"], len(group["params"]))
    for group in optimizer.param_groups
]

# %% [markdown]
# The **schedule** (*scheduler*) says which share of the learning rate counts at which step. In the reduced version it rises at first (*warm-up*): the head is still random, and large steps would
# ruin the layers below it. Then it falls in a straight line to zero, so that the weights come to rest. The numbers on the left are steps:

# %% tags=["lesson"]
share_at = scheduler.lr_lambdas[0]
steps = np.linspace(0, len(train_loader), 5, dtype=int)
show.bars({str(step): round(share_at(step), 2) for step in steps}, "learning rate")

# %% [markdown]
# One epoch: for every batch a forward pass, the loss, the backward pass, a step of the optimizer, a step of the learning-rate
# schedule. Gradients are clipped, so that a single strange batch can't ruin the weights.

# %% reference="train_epoch"
from helpers.training import train_epoch

# %% tags=["lesson"]
loss_by_hand = train_epoch(accelerator, hand_model, optimizer, scheduler, train_loader)
loss_by_hand

# %% [markdown]
# Does `Trainer` do the same? We start it on the same slice, in the same order, with the same seed (from which the random numbers are drawn), and compare the mean loss.

# %% tags=["lesson"]
set_seed(profile.seed)
twin = training.make_trainer(
    replace(profile, epochs=1),
    build_model(checkpoint, label_names),
    tokenizer,
    train_dataset=part,
    data_collator=data_collator,
    shuffle=False,
)
twin.train()
loss_of_trainer = twin.state.log_history[0]["loss"]
loss_of_trainer

# %% [markdown]
# For the evaluation there is one trap. If there are several processes, each of them has padded its batch to its own longest sentence,
# and tensors of different widths cannot be put together. `pad_across_processes` makes them equally wide, and
# `gather_for_metrics` collects them and drops the examples that were doubled to fill the last batch.

# %% reference="evaluate_epoch"
from helpers.training import evaluate_epoch

# %% [markdown]
# `nested_concat` joins the batches; they, too, have different widths. Now we evaluate the model that you trained in exercise 4, once by hand and once with `Trainer`:

# %% tags=["lesson"]
model_to_check = accelerator.prepare(trainer.model)
compute_metrics = partial(calculate_metrics, label_names=label_names)
by_hand = evaluate_epoch(accelerator, model_to_check, eval_loader, compute_metrics)
show.table(
    {
        "Trainer": trained | {"loss": loss_of_trainer},
        "Accelerate": by_hand | {"loss": loss_by_hand},
    }
)

# %% [markdown]
# The two agree. A complete training alternates the two functions: for each epoch first `train_epoch`, then `evaluate_epoch`.
#
# Finally, save the model. With several processes Accelerate has wrapped it, so it is unwrapped first.

# %% tags=["lesson"]
import tempfile
from pathlib import Path

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
accelerator.wait_for_everyone()
accelerator.unwrap_model(model_to_check).save_pretrained(folder, save_function=accelerator.save)
tokenizer.save_pretrained(folder)
sorted(path.name for path in folder.iterdir())

# %% [markdown]
# ## 8. From tags to entities
#
# A user does not want tags. A user has a text and wants to know which names stand where. If the model tags the first word of the following
# sentence as `B-PER` and the last two as `B-LOC` and `I-LOC`, this is the answer:

# %%
sentence = "Rabinovich flew to Tel Aviv."
person, _, _, city = sentence[:-1].split(maxsplit=3)
starts = {"PER": sentence.index(person), "LOC": sentence.index(city)}
ends = {"PER": starts["PER"] + len(person), "LOC": starts["LOC"] + len(city)}
entities = [
    {
        "class": name,
        "text": sentence[starts[name] : ends[name]],
        "start": starts[name],
        "end": ends[name],
    }
    for name in starts
]
{"text": sentence, "entities": entities}

# %% [markdown]
# So the last step leads back from the tokens to the text. The tokenizer helps again: with `return_offsets_mapping=True` it says for
# every token from where to where it reaches in the original text.

# %%
encoded = tokenizer(sentence, return_offsets_mapping=True)
[
    (sentence[start:end], word)
    for (start, end), word in zip(encoded["offset_mapping"], encoded.word_ids())
]

# %% [markdown]
# The number beside a piece is that of its word: pieces of one word have the same, and a punctuation mark is a word of its own, as in the data.
# (`ner.load_tokenizer` sees to that.)
#
# What about a text that is longer than the model's limit? The tokenizer can cut it into **windows** that overlap. Here are ten
# words in windows of at most eight tokens (`max_length`, the two special tokens included), of which two are repeated in the next
# window (`stride`):

# %%
sentence = "one two three four five six seven eight nine ten"
windows = tokenizer(
    sentence,
    truncation=True,
    max_length=8,
    stride=2,
    return_overflowing_tokens=True,
    return_offsets_mapping=True,
)
[windows.tokens(i) for i in range(len(windows["input_ids"]))]

# %% [markdown]
# `word_ids(i)` numbers the words through the whole text, in the second window, too: a word that stands in two windows has the same number in
# both. The offsets count from the beginning of the text as well.

# %%
[windows.word_ids(i) for i in range(len(windows["input_ids"]))]

# %%
windows["offset_mapping"]

# %% [markdown]
# ### Exercise 5: `do_ner` (5 points)
#
# ●●● · about 30 minutes · the function that turns your model into a tool
#
# Write `do_ner(text, model, tokenizer)`. It returns a dictionary with the text and a list of its entities, in the order in which
# they appear. An entity is a dictionary with four fields:
#
# | field | value |
# | --- | --- |
# | `class` | the class, such as `"PER"` |
# | `text` | the entity as it stands in the text |
# | `start` | the place of its first character in the text |
# | `end` | the place behind its last character |
#
# For the sentence in the first cell of this section, with the tags that are given there, the result is what that cell shows.
#
# The rules:
#
# 1. **Offsets.** `text[entity["start"]:entity["end"]] == entity["text"]`, always: with emoji, in every alphabet, with several spaces. They
#    count the characters of the text as it came in, and this text is returned as it is.
# 2. **Words.** A word takes the tag of its first piece, whatever the model says about the others. So no entity ends inside a
#    word. Words are what `word_ids()` counts.
# 3. **Joining.** `B-X` always opens an entity. `I-X` continues an open entity of the class `X`; if nothing is open, or an entity of
#    another class, then it opens a new one. `O` closes the open entity. So `B-PER`, `B-PER`, `O`, `I-PER` are three entities.
# 4. **Long texts.** A text longer than the limit of the model is read completely, in overlapping windows; no entity may get lost
#    or be found twice. The limit is the smaller one of `tokenizer.model_max_length` and `model.config.max_position_embeddings`.
# 5. **Empty text.** A text that is empty or consists of spaces has no entities: the list is empty.
# 6. **Model.** The names of the tags come from `model.config.id2label`. The model is put into evaluation mode
#    (`model.eval()`), and no gradients are computed.
#
# <details>
# <summary>Hint 1</summary>
#
# Let the tokenizer cut the text into windows, with `return_overflowing_tokens=True`. Go in two steps: first collect for every word where it starts, where it ends
# and which tag it has; then walk through the words and join them to entities. A window may begin or end in the middle of a
# word, so take a word that lies in two windows from the one in which it is further away from the edge.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# After `import torch`, `model.eval()` and `limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)` make
# `windows = tokenizer(text, truncation=True, max_length=limit, stride=limit // 4, return_overflowing_tokens=True, return_offsets_mapping=True)`.
#
# For window `i` let `ids = windows["input_ids"][i]` and, inside of `with torch.no_grad():`,
# `logits = model(input_ids=torch.tensor([ids], device=model.device)).logits[0]`. Then
# `tags = [model.config.id2label[number] for number in logits.argmax(dim=-1).tolist()]`. Walk through `windows.word_ids(i)` and
# `windows["offset_mapping"][i]` and fill a dictionary `found`: for the first piece of a word (not `None`) store
# `[context, start, end, tag]` with `context = min(position, len(ids) - 1 - position)`; for its later pieces only move `end`. Put
# a word of `found` into the dictionary `words` of the whole text if it is not there yet or if its `context` is larger than there.
#
# Last, walk through `words` with `prefix, _, name = tag.partition("-")`. Remember the class of the open entity, `None` after an `O`:
# with `prefix == "I"` and the same class the end of the last entity moves, with any other tag but `O` a new one begins.
#
# </details>

# %% answer="do_ner"
from helpers.ner import do_ner

# %% [markdown]
# How can the function be tested if every training gives a slightly different model? With a model that we write ourselves: `models.lookup_tagger`
# is a real BERT without layers that gives every word piece exactly the tag that we choose.

# %% test="do_ner" points=5
tagger = partial(models.lookup_tagger, tokenizer=tokenizer, label_names=label_names)
sentence = "Rabinovich flew to Tel Aviv."
person, _, _, *city = sentence[:-1].split()
simple = tagger({person: ["B-PER", "I-PER"], city[0]: ["B-LOC"], city[1]: ["I-LOC"]})
rules = Rules(
    {"offsets": 1, "words": 1, "joining": 1, "long texts": 1, "empty text": 0.5, "model": 0.5}
)
with rules("offsets"):
    found = do_ner(sentence, simple, tokenizer)["entities"]
    wrong = [e for e in found if sentence[e["start"] : e["end"]] != e["text"]]
    assert not wrong, "text[start:end] must be the text of the entity."
with rules("words"):
    named = {e["class"]: e["text"] for e in do_ner(sentence, simple, tokenizer)["entities"]}
    assert person in named.get("PER", ""), "The name of the person must be one entity, PER."
with rules("joining"):
    named = {e["class"]: e["text"] for e in do_ner(sentence, simple, tokenizer)["entities"]}
    # Where its last word ends is a question of the rule above.
    begin = " ".join(city)[: len(city[0]) + 2]
    assert begin in named.get("LOC", ""), "The city must be one entity of class LOC."
with rules("empty text"):
    assert do_ner("", simple, tokenizer)["entities"] == [], "An empty text has no entities."
### BEGIN HIDDEN TESTS
import os
import random
import re

own_tokenizer = ner.load_tokenizer(profile.checkpoint)
own_tagger = partial(models.lookup_tagger, label_names=data.CONLL_TAGS)
named = {
    "Rabinovich": ["B-PER", "I-PER"],
    "Tel": ["B-LOC"],
    "Aviv": ["I-LOC"],
    "Oslo": ["B-LOC"],
}
own_simple = own_tagger(named, own_tokenizer)
colours = own_tagger(
    {"red": ["I-ORG"], "blue": ["B-ORG"], "green": ["I-LOC"], "grey": ["B-LOC"]}, own_tokenizer
)


def found(text, model):
    """Each entity as its class and the words that it touches, wherever exactly it begins and ends."""
    words = [(match.start(), match.end(), match.group()) for match in re.finditer(r"\S+", text)]
    return [
        (
            entity["class"],
            " ".join(
                w for start, end, w in words if start < entity["end"] and entity["start"] < end
            ),
        )
        for entity in do_ner(text, model, own_tokenizer)["entities"]
    ]


with rules("offsets"):
    text = "😀😀 Иван met  friends 👩‍👩‍👧 in Tel\nAviv 🎉 and  in Oslo"
    places = [(text.index("Tel"), "Tel\nAviv"), (text.index("Oslo"), "Oslo")]
    result = do_ner(text, own_simple, own_tokenizer)
    assert result["text"] == text, "The text must come back unchanged."
    for entity in result["entities"]:
        assert set(entity) == {"class", "text", "start", "end"}, "An entity has four fields."
        assert text[entity["start"] : entity["end"]] == entity["text"], (
            "text[start:end] must be the text of the entity."
        )
    assert result["entities"] == [
        {"class": "LOC", "text": name, "start": start, "end": start + len(name)}
        for start, name in places
    ], "Offsets must refer to the original text."

with rules("words"):
    # The first piece decides, even if the others disagree.
    torn = own_tagger({"Rabinovich": ["B-PER", "O", "B-LOC"]}, own_tokenizer)
    persons = do_ner("Then Rabinovich left", torn, own_tokenizer)["entities"]
    assert [person["class"] for person in persons] == ["PER"], (
        "A word takes the tag of its first piece."
    )
    assert persons[0]["start"] <= 5 and persons[0]["end"] >= 15, "No entity ends inside a word."
    late = own_tagger({"Rabinovich": ["O", "B-PER", "I-PER"]}, own_tokenizer)
    assert do_ner("Then Rabinovich left", late, own_tokenizer)["entities"] == [], (
        "A word takes the tag of its first piece."
    )

with rules("joining"):
    assert found("red", colours) == [("ORG", "red")], "I-X with nothing open opens an entity."
    for text, expected in [
        ("red green", [("ORG", "red"), ("LOC", "green")]),
        ("grey green red", [("LOC", "grey green"), ("ORG", "red")]),
    ]:
        assert found(text, colours) == expected, "Another class opens an entity."
    assert found("blue blue red", colours) == [("ORG", "blue"), ("ORG", "blue red")], (
        "B-X always opens an entity."
    )
    assert found("blue and red", colours) == [("ORG", "blue"), ("ORG", "red")], (
        "O closes an entity."
    )
    draw = random.Random(os.environ.get("CLASS_SEED", ""))
    text = " ".join(draw.choices(["red", "blue", "green", "grey", "and"], k=60))
    expected = [
        (entity["class"], entity["text"])
        for entity in ner.do_ner(text, colours, own_tokenizer)["entities"]
    ]
    assert found(text, colours) == expected, (
        "Join the words by B, I and O alone, as the rule says."
    )

with rules("long texts"):
    # Names everywhere, also where windows meet. The second model's own limit is lower than the tokenizer's.
    short_sighted = own_tagger(named, ner.load_tokenizer(profile.checkpoint, max_length=64))
    line = "Rabinovich and others walked from Tel Aviv to the sea . "
    for model, times in [(own_simple, 150), (short_sighted, 20)]:
        assert (
            found(line * times, model) == [("PER", "Rabinovich"), ("LOC", "Tel Aviv")] * times
        ), "Long texts must be read completely, without doubles."

with rules("empty text"):
    assert len(found("From Tel Aviv to Oslo", own_simple)) > 0, (
        "Names in a text that is not empty must still be found."
    )
    assert found(" \n\t ", own_simple) == [], "A text of spaces has no entities."

with rules("model"):
    # Dropout changes the answers of a model in training mode.
    noisy = own_tagger({"Oslo": ["B-LOC"]}, own_tokenizer, dropout=0.9).train()
    assert found("Oslo and " * 30, noisy) == [("LOC", "Oslo")] * 30, (
        "Put the model into evaluation mode."
    )
    renamed = own_tagger({"Oslo": ["B-LOC"]}, own_tokenizer)
    renamed.config.id2label = {
        i: {"B-LOC": "B-GPE"}.get(name, name) for i, name in enumerate(data.CONLL_TAGS)
    }
    assert found("Oslo", renamed) == [("GPE", "Oslo")], (
        "The names of the tags come from the model."
    )
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# Now your own texts, in the language of your data! Change the sentences and find one in which the model is wrong. Begin with your own city: is it found in every one of these
# sentences? What if the city shares its name with a person or a club?

# %% tags=["lesson"]
mine = [
    "Maria Kowalska left the Harbour Museum in Lisbon to work for a Danish film company.",
    "Lisbon beat Porto, and nobody in the city slept.",
    "The people of Lisbon still talk about it.",
    "Washington scored twice before Jordan met Chelsea in the Amazon Cup.",
]
for text in mine:
    show.entities(do_ner(text, trainer.model, tokenizer))

# %% [markdown]
# ## 9. The last measurement
#
# Everything has been decided: the model, the number of epochs, the learning rate. Only now come the test data, which are there **for measuring, never
# for deciding**. Whoever changes something because of this number and measures again has made validation data of them. (If
# your own folder of data has no test part, the table has only one row.)

# %% tags=["lesson"]
measured = {"validation": trained}
if "test" in tokenized:
    scores = trainer.evaluate(tokenized["test"], metric_key_prefix="test")
    measured["test"] = {name: scores[f"test_{name}"] for name in trained}
show.table(measured)

# %% [markdown]
# ## What you can do now
#
# - You turn tags of words into labels of word pieces and know why special tokens get $-100$.
# - You fine-tune a model for token classification and know what its head computes.
# - You measure entities by precision, recall and F1 and know why accuracy says so little here.
# - You can write the training loop yourself.
# - You have a function that finds names in any text, and know why a dictionary cannot do it.
#
# Five questions to check yourself. Answer first, then look.
#
# <details>
# <summary>1. Why do later pieces of a <code>B-X</code> word get <code>I-X</code> and not <code>B-X</code> again?</summary>
#
# Because <code>B-X</code> begins a new entity: one name would turn into several, and none of them would be a name.
#
# </details>
#
# <details>
# <summary>2. A model finds half of all names, and everything that it finds is right. What are its precision and its recall?</summary>
#
# Precision 1, recall 0.5.
#
# </details>
#
# <details>
# <summary>3. Why are sentences padded batch by batch and not all to the same length?</summary>
#
# Padding costs as much computing time as real tokens. In a batch of short sentences there is little of it.
#
# </details>
#
# <details>
# <summary>4. The model predicts <code>O</code>, <code>I-LOC</code>, <code>I-LOC</code>. How many entities is that?</summary>
#
# One: the first <code>I-LOC</code> opens it, the second continues it.
#
# </details>
#
# <details>
# <summary>5. Why must windows over a long text overlap?</summary>
#
# A name could be cut in two at the border, and the words at the edge would lack the context on one side.
#
# </details>
#
# **What comes next?** In `toxicity` a model answers in words instead of tags.

# %% [markdown] shared="hand_in"

# %% tags=["lesson"]
show.results(
    profile,
    trained
    | {"f1_by_hand": by_hand["f1"]}
    | {f"test_{name}": value for name, value in measured.get("test", {}).items()},
    baseline={"f1": baselines["dictionary"]["overall_f1"]},
)
