# ---
# title: Named entities with BERT
# summary: >-
#   Who, where, which company: find the names in a text and say what kind of name each of them is.
# goals:
#   - turn tags of words into labels of word pieces, and back into entities of the text
#   - fine-tune BERT for token classification, with Trainer and with a loop of your own
#   - measure whole entities, not single tags, and see where the model is wrong
# minutes: 90
# training: under a minute on a processor with two cores; about ten minutes on a T4 GPU with the full data
# prerequisites: Python, a first idea of what a neural network and a tokenizer are
# data: >-
#   offline: sentences written for this course; full: CoNLL-2003, news by Reuters (for research only)
# ---

# %% [markdown]
# ## How to work with this notebook
#
# Run the cells from top to bottom: click a cell and press Shift + Enter. Between the explanations there are
# **five exercises** and **one written question**; all of them give points. An exercise is a cell that says
# `raise NotImplementedError()`: replace that line with your own code. Right below stands a cell with tests. It
# answers with a table of the rules of the exercise: ✓ you keep the rule, ✗ not yet, and the message says what to
# look at, … the rule is tested after you hand in. A small test has no table: if it prints nothing, you are done.
#
# You answer the written question in the cell below it: double-click that cell, write, press Shift + Enter.
#
# When you hand in, more tests run than you can see here. They check the same rules on other examples, so
# follow the text of the exercise and not only the example.
#
# > 💡 **Stuck?** Every exercise has two hints. The first one gives a direction, the second one nearly the code.
#
# You need no account and no token. If a warning about `HF_TOKEN` appears, you can ignore it.

# %% tags=["parameters"]
language = "en"
profile = "auto"
checkpoint = ""
epochs = 0
learning_rate = 0.0

# %% [markdown]
# The cell above holds the switches of the run. With `profile = "auto"` the notebook takes the full dataset and
# `bert-base-cased` if there is a GPU, and otherwise a small dataset and a small model that come with the course. Leave
# the rest as it is: where a value is empty or zero, the course has chosen one.

# %%
# First helpers, then the rest: it tells torch how to share the processor.
from dataclasses import replace
from functools import partial

from helpers import data, metrics, models, ner, profiles, show, training
from helpers.rules import Rules
import numpy as np
from transformers import set_seed

models.quiet()

# %%
profile = profiles.load(
    "ner",
    profile,
    language=language,
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
dataset = data.load("conll2003", profile.data)
dataset

# %%
example = dataset["train"][0]
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
# other name, such as a nationality, a festival or the title of a book.
#
# > 🤔 **Think first.** Two names of people stand next to each other with nothing between them. Which tags
# > tell that these are two people and not one with a long name?
#
# Look at a few more sentences and check your answer. Change the numbers in the cell to see others.

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
# look at an even simpler one, which says `O` every time.

# %% tags=["lesson"]
validation_words = dataset["validation"]["tokens"]
validation_tags = [
    [label_names[tag] for tag in row] for row in dataset["validation"]["ner_tags"]
]
guesses = ner.lookup_baseline(dataset["train"][:], validation_words)
looked_up = [[label_names[tag] for tag in row] for row in guesses]
outside = [["O"] * len(words) for words in validation_words]

# %% tags=["lesson"]
seqeval = metrics.load("seqeval")
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

# %% [markdown]
# ## 3. From words to word pieces
#
# BERT does not read words. Its tokenizer cuts rare words into **pieces**, so that a vocabulary of about thirty
# thousand pieces is enough for any text. A piece that continues a word begins with `##`.

# %%
tokenizer = models.load_tokenizer(profile.checkpoint)
words = ["Rabinovich", "is", "winding", "up", "his", "term", "as", "ambassador", "."]
encoded = tokenizer(words, is_split_into_words=True)
encoded.tokens()

# %% [markdown]
# There were nine words and nine tags. Now there are more tokens than that: `Rabinovich` has become three pieces, and
# two **special tokens** have been added, `[CLS]` in front and `[SEP]` at the end. The tags have to follow. The tokenizer remembers which word each token
# comes from; for the special tokens it says `None`:

# %%
encoded.word_ids()

# %% [markdown]
# The rules that we want:
#
# 1. A special token gets the label $-100$. PyTorch leaves positions with this label out of the loss, so the model is
#    not trained on them.
# 2. The first piece of a word gets the tag of the word.
# 3. The later pieces of a word with the tag `B-X` get `I-X`: the name has begun already. All other tags are
#    simply repeated.
#
# > 🤔 **Think first.** The tag of `Rabinovich` is `B-PER`, number 1. Which labels will its three pieces get?
#
# ### Exercise 1: `preprocess_ner_dataset` (5 points)
#
# ●●○ · about 15 minutes · this is the step in which most NER programs go wrong
#
# Write `preprocess_ner_dataset(example, tokenizer)`. The `example` is a dictionary with `tokens` and `ner_tags`. Return
# a dictionary with exactly four lists of one length: `input_ids`, `token_type_ids` and `attention_mask` as the tokenizer
# gives them, and `labels` by the three rules. For the sentence above with the tags `[1, 0, 0, 0, 0, 0, 0, 0, 0]` the result is:
#
# | field | value |
# | --- | --- |
# | `input_ids` | the numbers of the tokens, first `[CLS]`, last `[SEP]` |
# | `token_type_ids` | `[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]` |
# | `attention_mask` | `[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]` |
# | `labels` | `[-100, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, -100]` |
#
# In this dataset every `B-X` has an odd number, and `I-X` has the next one. A sentence that is too
# long for the model must be truncated, and then the labels are truncated with it. Some words yield no piece
# at all, for example an invisible character; the tags of the other words must not move because of that.
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
# There are three cases for `word` in `encoded.word_ids()`: it is `None` (label $-100$); it is not the same as the
# previous one (label `tags[word]`, where `tags = example["ner_tags"]`); it is the same (label `tags[word]`, and one more if that is odd). At the end
# return `{**encoded, "labels": labels}`.
#
# </details>

# %% answer="preprocess_ner_dataset"
from helpers.ner import preprocess_ner_dataset

# %% test="preprocess_ner_dataset" points=5
rabinovich = {
    "tokens": ["Rabinovich", "is", "winding", "up", "his", "term", "as", "ambassador", "."],
    "ner_tags": [1, 0, 0, 0, 0, 0, 0, 0, 0],
}
encoded = preprocess_ner_dataset(rabinovich, tokenizer)
fields = {"input_ids", "token_type_ids", "attention_mask", "labels"}
assert set(encoded) == fields, "Return exactly the four fields of the table."
assert len(encoded["labels"]) == len(encoded["input_ids"]), "Every token needs one label."
assert encoded["labels"][0] == encoded["labels"][-1] == -100, "Special tokens get -100."
assert encoded["labels"] == [-100, 1, 2, 2] + 8 * [0] + [-100], (
    "Look at the labels of the pieces."
)
### BEGIN HIDDEN TESTS
import os
import random

own_tokenizer = models.load_tokenizer(profile.checkpoint)
draw = random.Random(os.environ.get("CLASS_SEED", ""))


def expected_labels(words, tags):
    labels = []
    for word, tag in zip(words, tags):
        pieces = own_tokenizer.tokenize(word)
        labels += [tag, *[tag + tag % 2] * (len(pieces) - 1)] if pieces else []
    return [-100, *labels[: own_tokenizer.model_max_length - 2], -100]


for words, tags in [
    (["Kristjánsdóttir", "Oyelaran", "met", "Szczepaniak"], [1, 2, 0, 1]),
    (["Zwickauer", "Maschinenfabrik", "of", "Zwickau"], [3, 4, 0, 5]),
    (["Harvestmoonfest", "in", "Antananarivo", "Madagascar"], [7, 0, 5, 5]),
    (["Paris"], [5]),
]:
    encoded = preprocess_ner_dataset({"tokens": words, "ner_tags": tags}, tokenizer)
    assert encoded["labels"] == expected_labels(words, tags), (
        "Labels do not follow the three rules."
    )
    assert set(encoded) == fields, "Return exactly the four fields of the table."

for row in draw.sample(list(data.load("conll2003", "samples")["train"]), 10):
    encoded = preprocess_ner_dataset(row, tokenizer)
    assert dict(encoded) == ner.preprocess_ner_dataset(row, own_tokenizer), (
        "Labels do not follow the three rules."
    )

words, tags = ["\u200b", "Rabinovich", "", "saw", "\u200b", "Amsterdam"], [0, 1, 0, 0, 7, 5]
encoded = preprocess_ner_dataset({"tokens": words, "ner_tags": tags}, tokenizer)
assert encoded["labels"] == expected_labels(words, tags), (
    "A word without pieces moves the other tags."
)

words, tags = ["Rabinovich", "left"] * 400, [1, 0] * 400
encoded = preprocess_ner_dataset({"tokens": words, "ner_tags": tags}, tokenizer)
assert len(encoded["input_ids"]) == own_tokenizer.model_max_length, (
    "Long sentences must be truncated."
)
assert encoded["labels"] == expected_labels(words, tags), "Truncate the labels with the tokens."
### END HIDDEN TESTS

# %% [markdown]
# If the tests are silent, your function works. Now apply it to the whole dataset. `map` calls it for every
# sentence; the old columns are no longer needed.

# %%
tokenized = dataset.map(
    preprocess_ner_dataset,
    fn_kwargs={"tokenizer": tokenizer},
    remove_columns=dataset["train"].column_names,
)
row = tokenized["train"][0]
show.token_strip(
    tokenizer.convert_ids_to_tokens(row["input_ids"]),
    labels=[label_names[i] if i != -100 else "-100" for i in row["labels"]],
)

# %% [markdown]
# How long are the sentences now, counted in tokens? The model reads at most 512. Ours are far below that.

# %% tags=["lesson"]
show.histogram([len(ids) for ids in tokenized["train"]["input_ids"]], "len(input_ids)")

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
# Write `build_model(checkpoint, label_names)`. It loads a model for token classification from `checkpoint` and tells its configuration the names
# of the tags. For `["O", "B-PER", "I-PER"]` the configuration must hold:
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
# the checkpoint and also the three fields of the table.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `id2label` is `dict(enumerate(label_names))`. Turn it round for `label2id`. Pass both, together with
# `num_labels=len(label_names)`, and return the model.
#
# </details>

# %% answer="build_model"
from helpers.ner import build_model

# %% test="build_model" points=3
small = build_model(checkpoint, ["O", "B-PER", "I-PER"])
assert small.config.num_labels == 3, "The model must have one output per tag."
assert small.config.id2label == {0: "O", 1: "B-PER", 2: "I-PER"}, "Tell the config the names."
assert small.config.label2id == {"O": 0, "B-PER": 1, "I-PER": 2}, "The way back is missing."
### BEGIN HIDDEN TESTS
import torch

names = ["O", "B-DRUG", "I-DRUG", "B-DOSE", "I-DOSE"]
other = build_model(checkpoint, names)
assert other.config.num_labels == 5, "The number of tags must come from label_names."
assert other.config.id2label == dict(enumerate(names)), "The names must come from label_names."
assert other.config.label2id == {name: i for i, name in enumerate(names)}, (
    "The way back is wrong."
)
from course import unseen

logits = other(input_ids=torch.tensor([[101, 2003, 2028, 102]])).logits
assert tuple(logits.shape) == (1, 4, 5), "The model must give one logit per token and tag."
assert unseen.has_body_of(other, ner.build_model(checkpoint, names)), (
    "The weights of the model's body must be those of the checkpoint."
)
### END HIDDEN TESTS

# %%
model = build_model(checkpoint, label_names)
model.classifier

# %% [markdown]
# ### Question 1: from a token to its tag (2 points)
#
# Explain in five to eight sentences of your own how the model gets from a token to its tag. Say what goes in,
# what the layers of BERT do with the vectors, what the head computes and which shape its output has, and
# how a tag comes out in the end. Why can the same word get different tags in different sentences?

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
# Our library for the metric is seqeval. It wants lists of tags, such as `[["B-PER", "O"], ["O"]]`, without special tokens
# and padding:

# %% tags=["lesson"]
metrics.load("seqeval").compute(
    predictions=[["B-PER", "I-PER", "O", "O"]],
    references=[["B-PER", "I-PER", "O", "B-LOC"]],
)

# %% [markdown]
# > 🤔 **Think first.** One entity was predicted, two are there. Which number is the precision, which one the recall?
# > What changes if you swap `predictions` and `references`? Try it.
#
# If you swap them, precision and recall swap, too, and F1 stays the same. Nobody notices: this very mistake stood in
# a well-known public course for years. So look twice.
#
# ### Exercise 3: `calculate_metrics` (5 points)
#
# ●●○ · about 15 minutes · a wrong metric is worse than none
#
# Write `calculate_metrics(eval_predictions, label_names)`. `eval_predictions` is the pair `(logits, labels)`. Choose the best tag for every
# position, leave out all positions with the label $-100$, translate the numbers into names, and let seqeval count.
# Return a dictionary with four numbers of the type `float`; for the example above it is:
#
# | field | value |
# | --- | --- |
# | `precision` | `1.0` |
# | `recall` | `0.5` |
# | `f1` | `0.6667` (rounded) |
# | `accuracy` | `0.75` |
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
# Build two lists of lists, `predictions` and `references`, with `label_names[number]` for every kept position. Call
# `metrics.load("seqeval").compute(predictions=predictions, references=references)` and rename the keys: `overall_precision` becomes `precision`,
# and so on.
#
# </details>

# %% answer="calculate_metrics"
from helpers.ner import calculate_metrics

# %% test="calculate_metrics" points=5
names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
labels = np.array([[-100, 1, 2, 0, 3, -100]])
logits = np.eye(5)[[[0, 1, 2, 0, 0, 3]]]
scores = calculate_metrics((logits, labels), names)
assert set(scores) == {"precision", "recall", "f1", "accuracy"}, (
    "Return the four fields of the table."
)
assert scores["precision"] == 1.0, "The one entity that was predicted is right."
assert scores["recall"] == 0.5, "One of the two entities was found."
assert abs(scores["f1"] - 2 / 3) < 1e-6, "F1 is wrong."
assert scores["accuracy"] == 0.75, "Three of the four real tokens are right."
### BEGIN HIDDEN TESTS
assert all(type(score) is float for score in scores.values()), (
    "The numbers must be of the type float."
)

# Four predicted, one of them right; two entities exist.
labels = np.array([[-100, 1, 2, 0, 0, -100, -100], [-100, 0, 3, 4, 0, 0, -100]])
best = [[3, 1, 2, 0, 1, 3, 3], [1, 0, 3, 0, 0, 3, 1]]
scores = calculate_metrics((np.eye(5)[best], labels), names)
assert abs(scores["precision"] - 1 / 4) < 1e-6, "Precision divides by the predicted entities."
assert abs(scores["recall"] - 1 / 2) < 1e-6, "Recall divides by the entities that are there."
assert abs(scores["f1"] - 1 / 3) < 1e-6, "F1 is wrong."
assert abs(scores["accuracy"] - 6 / 9) < 1e-6, (
    "Leave out the positions labelled -100, and only them."
)

import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
drawn = np.random.default_rng(draw.getrandbits(64))
labels = drawn.integers(0, 5, (6, 9))
logits = np.eye(5)[np.where(drawn.random(labels.shape) < 0.7, labels, 0)]
labels[drawn.random(labels.shape) < 0.2] = -100
scores = calculate_metrics((logits, labels), names)
assert all(
    abs(scores[name] - score) < 1e-9
    for name, score in ner.calculate_metrics((logits, labels), names).items()
), "Count predictions and labels as the table does."

other = ["O", "B-X", "I-X"]
scores = calculate_metrics((np.eye(3)[[[0, 0, 0]]] - 5, np.array([[0, 1, 2]])), other)
assert scores["precision"] == scores["recall"] == scores["f1"] == 0.0, (
    "Nothing predicted means zero."
)
### END HIDDEN TESTS

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
# Everything is ready; put it together. `training.make_trainer` builds a `Trainer` with the settings of the course: number of epochs, learning rate,
# an evaluation after every epoch. In the small run without a GPU it also freezes the lower layers, which makes every step
# cheaper. Create a fresh model, make a trainer that is called `trainer`, and train it.
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
# The test asks whether the model has learned. It takes the weights of `trainer.model` and lets them tag sentences that
# nobody in this course has seen: their F1 must reach at least `profile.floor`.
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
# First `model = build_model(checkpoint, label_names)`. Then `trainer = training.make_trainer(profile, model, tokenizer, …)` with
# `tokenized["train"]`, `tokenized["validation"]` and the other two arguments of the table. Last, `trainer.train()`.
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
assert trainer.state.global_step > 0, "The trainer has not trained: call trainer.train()."
assert len(trainer.train_dataset) == len(dataset["train"]), "Train on all the training data."
### BEGIN HIDDEN TESTS
import torch

from course import unseen

own_tokenizer = models.load_tokenizer(profile.checkpoint)
judged = unseen.with_weights_of(trainer.model, ner.build_model(checkpoint, data.CONLL_TAGS))
guesses, references = [], []
for row in unseen.rows("ner"):
    tags = [data.CONLL_TAGS.index(tag) for tag in row["ner_tags"]]
    encoded = ner.preprocess_ner_dataset(
        {"tokens": row["tokens"], "ner_tags": tags}, own_tokenizer
    )
    with torch.no_grad():
        best = judged(input_ids=torch.tensor([encoded["input_ids"]])).logits[0].argmax(dim=-1)
    kept = [(i, tag) for i, tag in zip(best.tolist(), encoded["labels"]) if tag != -100]
    guesses.append([data.CONLL_TAGS[i] for i, _ in kept])
    references.append([data.CONLL_TAGS[tag] for _, tag in kept])
scores = metrics.load("seqeval").compute(predictions=guesses, references=references)
assert scores["overall_f1"] >= profile.floor, (
    "F1 on sentences that nobody has seen is below the floor of the profile."
)
### END HIDDEN TESTS

# %% [markdown]
# How did it go, epoch by epoch?

# %% tags=["lesson"]
show.history(trainer)

# %% [markdown]
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
# ### Where is it wrong?
#
# In the **confusion matrix** each row is a right tag and each column a predicted one; the numbers count tokens. What lies on the
# diagonal is right. Which tags does the model mix up most often, and can you imagine why?

# %% tags=["lesson"]
output = trainer.predict(tokenized["validation"])
kept = output.label_ids != -100
predicted = output.predictions.argmax(axis=-1)
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
# First, preparation. `accelerator.prepare` moves the model and the batches to the device and divides the batches among the processes. To
# save time we take only a slice of the training data here, and we leave it in its order, to compare with `Trainer` later.

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
# One epoch: for every batch a forward pass, the loss, the backward pass, a step of the optimizer, a step of the learning-rate
# schedule. Gradients are clipped, so that a single strange batch can't ruin the weights.

# %% reference="train_epoch" tags=["lesson"]
from helpers.training import train_epoch

# %% tags=["lesson"]
loss_by_hand = train_epoch(accelerator, hand_model, optimizer, scheduler, train_loader)
loss_by_hand

# %% [markdown]
# Does `Trainer` do the same? We start it on the same slice, in the same order, with the same seed, and compare the mean loss.

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

# %% reference="evaluate_epoch" tags=["lesson"]
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
# Finally, save the model. Accelerate has wrapped it, so it is unwrapped first.

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
# A user does not want tags. A user has a text and wants to know which names stand where. So the last step leads back from the
# tokens to the text. The tokenizer helps again: with `return_offsets_mapping=True` it says for every token from where to where it
# reaches in the original text.

# %%
text = "Rabinovich flew to Tel Aviv."
encoded = tokenizer(text, return_offsets_mapping=True)
[
    (text[start:end], word)
    for (start, end), word in zip(encoded["offset_mapping"], encoded.word_ids())
]

# %% [markdown]
# ### Exercise 5: `do_ner` (5 points)
#
# ●●● · about 30 minutes · the function that turns your model into a tool
#
# Write `do_ner(text, model, tokenizer)`. It returns a dictionary with the text and a list of its entities, in the order in which
# they appear. If the model tags `Rabinovich` as `B-PER` and `Tel Aviv` as `B-LOC`, `I-LOC`, then the result for the text above is:
#
# ```python
# {
#     "text": "Rabinovich flew to Tel Aviv.",
#     "entities": [
#         {"class": "PER", "text": "Rabinovich", "start": 0, "end": 10},
#         {"class": "LOC", "text": "Tel Aviv", "start": 19, "end": 27},
#     ],
# }
# ```
#
# The rules:
#
# 1. `text[entity["start"]:entity["end"]] == entity["text"]`, always: with emoji, with Cyrillic, with several spaces.
# 2. A word takes the tag of its **first piece**, whatever the model says about the others. So no entity ends inside a word. Words are
#    what `word_ids()` counts.
# 3. `B-X` always opens an entity. `I-X` continues an open entity of the class `X`; if nothing is open, or an entity of another class,
#    then it opens a new one.
# 4. The names of the tags come from `model.config.id2label`.
# 5. A text that is empty or consists of spaces has no entities.
# 6. A text longer than the limit of the model is read **completely**, in overlapping windows. The limit is the smaller one of
#    `tokenizer.model_max_length` and `model.config.max_position_embeddings`. No entity may get lost or be found twice.
# 7. The model is in evaluation mode, and no gradients are computed.
#
# <details>
# <summary>Hint 1</summary>
#
# The tokenizer can cut a text into windows by itself: `truncation=True`, `max_length`, `stride` (the overlap) and
# `return_overflowing_tokens=True`. Offsets and `word_ids(i)` of every window refer to the whole text. Go in two steps: first collect for every word where it starts, where it ends and which
# tag it has; then walk through the words and join them to entities.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Collect a dictionary `{word: (start, end, tag)}`. For the first piece of a word store its start, end and tag; for later pieces only move `end`. A word that
# lies in two windows: take it from the one in which it is further away from the edge. When you join the words, remember the class of the open entity; set it to
# nothing when an `O` comes. Check with `prefix, _, name = tag.partition("-")`.
#
# </details>

# %% answer="do_ner"
from helpers.ner import do_ner

# %% [markdown]
# How can the function be tested if every training gives a slightly different model? With a model that we write ourselves: `models.lookup_tagger`
# is a real BERT without layers that gives every word piece exactly the tag that we choose.

# %% test="do_ner" points=5
own_tokenizer = models.load_tokenizer(profile.checkpoint)
tagger = partial(models.lookup_tagger, tokenizer=own_tokenizer, label_names=data.CONLL_TAGS)
simple = tagger({"Rabinovich": ["B-PER", "I-PER"], "Tel": ["B-LOC"], "Aviv": ["I-LOC"]})
result = do_ner("Rabinovich flew to Tel Aviv.", simple, own_tokenizer)
assert set(result) == {"text", "entities"}, "Return a dictionary with text and entities."
assert result["entities"] == [
    {"class": "PER", "text": "Rabinovich", "start": 0, "end": 10},
    {"class": "LOC", "text": "Tel Aviv", "start": 19, "end": 27},
], "These are not the entities of the example."
assert do_ner("", simple, own_tokenizer)["entities"] == [], "An empty text has no entities."
### BEGIN HIDDEN TESTS


def found(text, model):
    result = do_ner(text, model, own_tokenizer)
    assert result["text"] == text, "The text must come back unchanged."
    for entity in result["entities"]:
        assert set(entity) == {"class", "text", "start", "end"}, "An entity has four fields."
        assert text[entity["start"] : entity["end"]] == entity["text"], (
            "Offsets do not fit the text."
        )
    return [(entity["class"], entity["start"], entity["end"]) for entity in result["entities"]]


assert found(" \n\t ", simple) == [], "A text of spaces has no entities."
text = "😀😀 Иван met  Rabinovich 👩‍👩‍👧 in Tel\nAviv 🎉"
start, city = text.index("Rabinovich"), text.index("Tel")
assert found(text, simple) == [
    ("PER", start, start + 10),
    ("LOC", city, city + 8),
], "Offsets must refer to the original text."

# The first piece decides, even if the others disagree.
torn = tagger({"Rabinovich": ["B-PER", "O", "B-LOC"]})
assert found("Then Rabinovich left", torn) == [("PER", 5, 15)], (
    "A word takes the tag of its first piece."
)
late = tagger({"Rabinovich": ["O", "B-PER", "I-PER"]})
assert found("Then Rabinovich left", late) == [], "A word takes the tag of its first piece."

rules = tagger({"red": ["I-ORG"], "blue": ["B-ORG"], "green": ["I-LOC"], "grey": ["B-LOC"]})
assert found("red", rules) == [("ORG", 0, 3)], "I-X with nothing open opens an entity."
assert found("red green", rules) == [("ORG", 0, 3), ("LOC", 4, 9)], (
    "Another class opens an entity."
)
assert found("blue blue red", rules) == [("ORG", 0, 4), ("ORG", 5, 13)], (
    "B-X always opens an entity."
)
assert found("blue and red", rules) == [("ORG", 0, 4), ("ORG", 9, 12)], "O closes an entity."
assert found("grey green red", rules) == [("LOC", 0, 10), ("ORG", 11, 14)], (
    "Another class opens an entity."
)

import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
colours = draw.choices(["red", "blue", "green", "grey", "and"], k=60)
colours = draw.choice(["", "🎉 "]) + " ".join(colours)
expected = [
    (entity["class"], entity["start"], entity["end"])
    for entity in ner.do_ner(colours, rules, own_tokenizer)["entities"]
]
assert found(colours, rules) == expected, "Words are not joined to entities by the rules."

# Far more than the model's limit, names everywhere, also where windows meet.
line = "Rabinovich and others walked from Tel Aviv to the sea . "
expected = [
    (name, at + 0 + shift, at + shift + length)
    for at in range(0, len(line) * 150, len(line))
    for name, shift, length in [("PER", 0, 10), ("LOC", 34, 8)]
]
assert found(line * 150, simple) == expected, (
    "Long texts must be read completely, without doubles."
)

# Dropout changes the answers of a model in training mode.
noisy = tagger({"Rabinovich": ["B-PER", "I-PER"]}, dropout=0.9).train()
assert found("Rabinovich " * 30, noisy) == [("PER", at, at + 10) for at in range(0, 330, 11)], (
    "Put the model into evaluation mode."
)
swapped = tagger({"Rabinovich": ["B-PER", "I-PER"]})
swapped.config.id2label = {
    i: {"B-PER": "B-GPE"}.get(n, n) for i, n in enumerate(data.CONLL_TAGS)
}
assert found("Rabinovich", swapped) == [("GPE", 0, 10)], (
    "The names of the tags come from the model."
)
### END HIDDEN TESTS

# %% [markdown]
# Now your own texts! Change the sentences and find one in which the model is wrong. They must be in English: it has read nothing else.

# %% tags=["lesson"]
for text in [
    "Maria Kowalska left the Harbour Museum in Lisbon to work for a Danish film company.",
    "Washington scored twice before Jordan met Chelsea in the Amazon Cup.",
]:
    show.entities(do_ner(text, trainer.model, tokenizer))

# %% [markdown]
# ## What you can do now
#
# - You turn tags of words into labels of word pieces and know why special tokens get $-100$.
# - You fine-tune a model for token classification and know what its head computes.
# - You measure entities by precision, recall and F1 and know why accuracy says so little here.
# - You can write the training loop yourself.
# - You have a function that finds names in any text.
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
# **Hand in:** run everything once more from top to bottom, in Colab with *Runtime → Restart session and run all*,
# in JupyterLab with *Kernel → Restart Kernel and Run All Cells*. Save the notebook and download it, in Colab with
# *File → Download → Download .ipynb*, in JupyterLab with *File → Download*. Upload the `.ipynb` file where your
# teacher collects it.

# %% tags=["lesson"]
show.results(profile, trained | {"f1_by_hand": by_hand["f1"]})
