# ---
# title: Toxic or not, answered in text by T5
# summary: >-
#   People write a lot of things to chat bots, and some of it is abuse. Teach a model that reads text and writes text to tell the two apart.
# goals:
#   - turn a classification into a task of text to text, with a prefix and with answers in words
#   - train an encoder-decoder and say what happens in one step of its training
#   - measure a rare class, see why accuracy misleads, and do something about the imbalance
# minutes: 90
# training: under a minute on a processor with two cores; on a GPU with the full data some minutes, by estimate
# prerequisites: Python, a first idea of what a neural network and a tokenizer are
# data: >-
#   the reduced version (`offline`): requests written for this course; the full version (`full`): ToxicChat in English, real
#   requests to a chat bot (not for commercial use), TextDetox in Russian and Spanish, posts and comments from the web
# ---

# %% [markdown]
# > ⚠️ **Content note.** This unit is about insults, so you will read some. Some of the requests that come with the course are
# > rude; none holds slurs. The full dataset is taken from real life and is worse: it holds hate, threats and sexual
# > violence. With the reduced version, `profile = "offline"`, you can do the whole unit without it.

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
# The models of the full version are T5, and they were trained on a great deal of text. `t5-tiny` is a very small T5 that is made anew for every run: it has
# never read anything.

# %%
# First helpers, then the rest: it tells torch how to share the processor.
from functools import partial

from helpers import data, intent, models, profiles, show, toxicity, training
from helpers.rules import Rules
import numpy as np
from transformers import set_seed

models.quiet()

# %%
profile = profiles.load(
    "toxicity",
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
# The dataset is a list of texts that people wrote. Here they are requests to a chat bot; in the full version in Russian and Spanish they are
# posts and comments from the web. For each of them a person has decided whether it is **toxic**: an insult, a threat, or an order to write
# something that hurts somebody.

# %%
dataset = data.load(profile.dataset, profile.data, profile.locale)
dataset

# %% [markdown]
# The model learns from `train`. With `validation` you watch how well it does, and decide what to change. The test data, `test`, are **for measuring, never for
# deciding**: whoever chooses by them fools nobody but themselves.
#
# There are two columns: `user_input` is the text, `toxicity` is $1$ for toxic and $0$ for everything else.

# %% tags=["lesson"]
some = dataset["train"].select(range(12))
show.examples(user_input=[text[:200] for text in some["user_input"]], toxicity=some["toxicity"])

# %% [markdown]
# > 🤔 **Think first.** «Someone called me a loser at school today. How do I answer?» Is this request toxic? A list of bad words
# > would say yes. What would you say, and what has to be understood to say it?
#
# <details>
# <summary>Answer</summary>
#
# It is not toxic. Somebody asks for help against an insult and only quotes it. One has to understand who says what to whom, and why; the word alone does not tell.
#
# </details>
#
# How many requests of each kind are there?

# %% tags=["lesson"]
toxic_in_train = sum(dataset["train"]["toxicity"])
show.bars({"0": len(dataset["train"]) - toxic_in_train, "1": toxic_in_train}, "train")

# %% [markdown]
# A dataset has as many toxic texts as its makers looked for. With real users the toxic class is **rare**, far rarer than here, because most people just
# want to know something. Keep that in mind: you will see what it does to the numbers.
#
# And how long are the texts, counted in words? Most are a sentence or two, but a few are very long.

# %% tags=["lesson"]
show.histogram([len(text.split()) for text in dataset["train"]["user_input"]], "words")

# %% [markdown]
# ## 2. A baseline to beat
#
# Before you train a model, find out how far very simple ones get. Ours are:
#
# - one that always says «not toxic», and one that always says «toxic»;
# - TF-IDF with logistic regression: it counts words, weighs rare ones higher, and knows nothing about their order. In training the rarer class weighs more, so that both count
#   the same (`class_weight="balanced"`).
#
# We score them on the test data: that measures, and decides nothing.

# %% tags=["lesson"]
guesses = {
    "0": np.zeros(len(dataset["test"]), dtype=int),
    "1": np.ones(len(dataset["test"]), dtype=int),
    "TF-IDF": toxicity.tfidf_baseline(dataset["train"][:], dataset["test"]["user_input"]),
}
labels_of_test = np.array(dataset["test"]["toxicity"])
baselines = {name: toxicity.scores(labels_of_test, guess) for name, guess in guesses.items()}
show.table(baselines)

# %% [markdown]
# Look at the first row. The model that never finds a single toxic request is right about every harmless one, and with real users nearly all are
# harmless. Its **accuracy** would then be close to 1, and it is useless. That is why we look at the toxic class:
#
# - **precision**: of the requests that the model calls toxic, how many are;
# - **recall**: of the toxic requests, how many the model finds;
# - **F1**: one number out of the two, $F_1 = \frac{2PR}{P + R}$. It is high only if both are high.
#
# F1 can be fooled, too: look at the second row. The more toxic texts there are in the data, the higher is the F1 of a model that always says «toxic». Whatever you train must
# beat that row as well.
#
# > 🤔 **Think first.** If one request in a hundred is toxic, which accuracy has the model of the first row? Which recall has that of the second
# > row, and which precision?
#
# <details>
# <summary>Answer</summary>
#
# The first one is right about 99 requests in a hundred: its accuracy is 0.99. The second one finds every toxic request, so its recall is 1; but of a hundred
# requests that it calls toxic only one is, so its precision is 0.01.
#
# </details>

# %% [markdown]
# ## 3. Everything is text
#
# Most models for classification end in a layer with one output per class. **T5** does not have one. It reads a text and
# writes a text, whatever the task: it turns a sequence into a sequence, which is also called **seq2seq**. A **prefix** says what is wanted:
#
# | input | output |
# | --- | --- |
# | `translate English to German: That is good.` | `Das ist gut.` |
# | `summarize: state authorities dispatched emergency crews …` | `six people hospitalized after a storm` |
# | `cola sentence: The course is jumping well.` | `not acceptable` |
#
# These tasks are from the paper that introduced T5. Now comes ours: in front of the text stands the prefix `toxic: `, and the answer is a word of the language that
# the texts are in. The model learns it by examples: we show it inputs together with the answers that it shall write.

# %%
id2label = toxicity.ANSWERS[profile.data_language]
sentence = "why are you so slow, you heap of junk"
"toxic: " + sentence, id2label[1]

# %% [markdown]
# The tokenizer cuts a text into tokens and puts an **end mark** after it, `</s>` (*end of sequence*, EOS). The answer is tokenized in the same way:

# %%
tokenizer = models.load_tokenizer(profile.checkpoint, profile.max_length)
[tokenizer(text).tokens() for text in ("toxic: " + sentence, *id2label.values())]

# %% [markdown]
# A `▁` stands for the space in front of a word. An answer that is one token long, with the end mark behind it, is
# practical: the model has to make only one real decision. But answers may be longer, such as «this text hurts
# somebody». They then cost more time, and more can go wrong: the model could write an answer that does not exist.
#
# What is not in the vocabulary is composed of smaller pieces. How many pieces a word needs on average is called the **fertility** of a tokenizer. Here is a long word as your
# tokenizer cuts it and as that of `all-MiniLM-L6-v2` does, a model for English. MiniLM's marks the pieces that continue a word, with `##`:

# %% tags=["lesson"]
mine = "disproportionately"
english = models.load_tokenizer("all-MiniLM-L6-v2")
readers = {profile.checkpoint: tokenizer, "all-MiniLM-L6-v2": english}
show.pieces([mine], readers)

# %% [markdown]
# And now all texts of the test data; `unknown` is the share of words in which at least one piece is not in the vocabulary:

# %% tags=["lesson"]
show.table(toxicity.fertility(dataset["test"][:500]["user_input"], readers))

# %% [markdown]
# A vocabulary is good for the languages that it was made from. Nearly all of the $30522$ pieces of MiniLM come from English texts: there it needs the fewest. A Russian word it spells letter by letter,
# and it reads `й` as `и` and `ñ` as `n`. `t5-tiny` has only $3500$ pieces, from the requests of this course in all three languages, so it reads each of them, but none of them
# in large pieces.
#
# If even the single letter is missing, what remains is the token `<unk>`, for *unknown*:

# %% tags=["lesson"]
mine = ["unproblematic", "neither yes nor no", "不"]
show.examples(text=mine, **toxicity.round_trip(mine, tokenizer))

# %% [markdown]
# > 🤔 **Think first.** T5's vocabulary has no emoji. What would happen if you chose 👍 and 👎 as answers?
#
# <details>
# <summary>Answer</summary>
#
# Both would become `<unk>`: two classes with the same answer. The model would learn to write `<unk>` always, and nobody could tell what it means.
#
# </details>

# %% [markdown]
# ### What a good answer looks like
#
# An emoji is easy to suspect. Words are not. The pieces of `t5-small` were made from texts in English, German, French and Romanian; this is how it cuts six answers, and what becomes of
# them when the pieces are put together again:
#
# | answer | pieces | put together |
# | --- | --- | --- |
# | `yes` | `▁yes` | `yes` |
# | `no` | `▁no` | `no` |
# | `да` | `▁` `да` | `да` |
# | `нет` | `▁` `не` `т` | `нет` |
# | `sí` | `▁` `s` `<unk>` | `s` |
# | `¿Sí?` | `▁` `<unk>` `S` `<unk>` `?` | `S?` |
#
# - **`sí` is lost.** The vocabulary has `á`, `é` and `ó`, but neither `í`, `ú`, `ñ` nor `¿` and `¡`. The model may learn to write the three pieces of `sí`; what arrives is `s`.
# - **`да` and `нет` survive, by luck.** Of the 33 small letters of the Russian alphabet 19 are missing, and all capitals: `оскорбление` comes back as `оскорление`.
#   And both answers begin with the same piece, `▁`: whoever compares first tokens sees no difference.
# - **The texts suffer, too.** Of the words in the Russian test data of the reduced version (`offline`), 71 % lose at least one letter with this vocabulary, of the Spanish ones 6 %, of the
#   English ones 0.1 %.
#
# That is why your model and its vocabulary must know your language. A good answer consists of pieces that the vocabulary has, so that it comes back as it was; it is short, at best one
# piece; and it differs from the other one from the first piece on. Do yours?

# %%
show.examples(
    answer=list(id2label.values()), **toxicity.round_trip(id2label.values(), tokenizer)
)

# %% [markdown]
# ### Exercise 1: `preprocess_dataset` (6 points)
#
# ●●○ · about 15 minutes · here a table with labels becomes text to text
#
# Write `preprocess_dataset(example, tokenizer, *, prefix="toxic: ", id2label={0: "no", 1: "yes"}, max_length=512)`. The `example` is a
# dictionary with `user_input` and `toxicity`. Return a dictionary with exactly three lists. With the tokenizer of `t5-small` and the example
# `{"user_input": "Do you know drug which name is abexol ?", "toxicity": 0}` they are:
#
# | field | value |
# | --- | --- |
# | `input_ids` | `[12068, 10, 531, 25, 214, 2672, 84, 564, 19, 703, 994, 32, 40, 3, 58, 1]` |
# | `attention_mask` | `[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]` |
# | `labels` | `[150, 1]` |
#
# With this tokenizer the first two numbers are the prefix, `150` is `no`, and `1` is the end mark. Others have other numbers, and perhaps more of them. The rules:
#
# 1. **Prefix.** The `prefix` stands directly in front of the text, and then both are tokenized together: `toxic: ` and `hello` give the tokens of `toxic: hello`.
# 2. **Answer.** `labels` are the tokens of the answer that `id2label` gives for `toxicity`, with the end mark. English answers are only the default. An answer may have any number of
#    tokens: with `id2label={0: "all is well", 1: "this text hurts somebody"}` it has several.
# 3. **Long texts.** An input of more than `max_length` tokens is truncated to exactly that many, and the last one is still the end mark.
# 4. **Three lists.** The dictionary has the fields `input_ids`, `attention_mask` and `labels` and no others. Nothing is padded, that comes later, batch by batch: `attention_mask` is as long
#    as `input_ids` and holds nothing but `1`.
#
# <details>
# <summary>Hint 1</summary>
#
# Call the tokenizer twice: once with the text and once with the answer. It adds the end mark by itself, and with
# `truncation=True` it leaves room for it.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `encoded = tokenizer(prefix + example["user_input"], truncation=True, max_length=max_length)` has `encoded["input_ids"]` and `encoded["attention_mask"]`. The
# answer is `answer = tokenizer(text_target=id2label[example["toxicity"]])`, of which you need `answer["input_ids"]` as `labels`. With T5 `text_target` makes no
# difference, but some models tokenize what they read and what they write in two ways. Return a new dictionary with the three lists.
#
# </details>

# %% answer="preprocess_dataset"
from helpers.toxicity import preprocess_dataset

# %% test="preprocess_dataset" points=6
rules = Rules({"prefix": 2, "answer": 2, "long texts": 1, "three lists": 1})
abexol = {"user_input": "Do you know drug which name is abexol ?", "toxicity": 0}
with rules("prefix"):
    ids = list(preprocess_dataset(abexol, tokenizer)["input_ids"])
    whole = tokenizer("toxic: Do you know drug which name is abexol ?")["input_ids"]
    assert ids[: len(whole)] == whole, (
        "The prefix stands in front of the text, then both are tokenized together."
    )
with rules("answer"):
    labels = preprocess_dataset(abexol, tokenizer)["labels"]
    assert list(labels) == tokenizer("no")["input_ids"], (
        "For toxicity=0 labels must be the tokens of id2label[0], which is no, and the end mark."
    )
with rules("three lists"):
    encoded = preprocess_dataset(abexol, tokenizer)
    fields = {"input_ids", "attention_mask", "labels"}
    assert set(encoded) == fields, "Return exactly input_ids, attention_mask and labels."
### BEGIN HIDDEN TESTS
import os
import random

own_tokenizer = models.load_tokenizer(profile.checkpoint, profile.max_length)
draw = random.Random(os.environ.get("CLASS_SEED", ""))
samples = data.load(profile.dataset, "samples", profile.locale)["train"]
drawn = draw.sample([row for row in samples if 20 < len(row["user_input"]) < 400], 12)


def ids_of(text):
    return own_tokenizer(text)["input_ids"]


with rules("prefix"):
    for row in drawn:
        ids = list(preprocess_dataset(row, tokenizer)["input_ids"])
        whole = ids_of("toxic: " + row["user_input"])
        assert ids[: len(whole)] == whole, (
            "The prefix stands in front of the text, then both are tokenized together."
        )
    for task in ("ToxicChat: ", "Is this rude? ", ""):
        ids = list(preprocess_dataset(drawn[0], tokenizer, prefix=task)["input_ids"])
        whole = ids_of(task + drawn[0]["user_input"])
        assert ids[: len(whole)] == whole, "The prefix must come from the argument."

with rules("answer"):
    for number, word in [(0, "no"), (1, "yes")]:
        row = drawn[number] | {"toxicity": number}
        assert list(preprocess_dataset(row, tokenizer)["labels"]) == ids_of(word), (
            "labels must be the tokens of the answer that id2label gives, and the end mark."
        )
    answers = {0: "this is a kind text", 1: "this text hurts somebody"}
    for number, text in answers.items():
        row = {"user_input": "What can I cook today?", "toxicity": number}
        labels = preprocess_dataset(row, tokenizer, id2label=answers)["labels"]
        assert list(labels) == ids_of(text), (
            "The answers must come from id2label, however many tokens they have."
        )

with rules("long texts"):
    for words, limit in [(2000, 512), (30, draw.randint(8, 20))]:
        row = {"user_input": "water " * words, "toxicity": 1}
        own = {} if limit == 512 else {"max_length": limit}
        encoded = preprocess_dataset(row, tokenizer, **own)
        ids = list(encoded["input_ids"])
        assert len(ids) == limit, "An input that is too long is truncated to max_length."
        assert ids[-1] == own_tokenizer.eos_token_id, "The end mark is the last token, always."
        assert ids_of("water")[0] in ids, "The beginning of a long text is kept."
        assert len(encoded["attention_mask"]) == limit, "The mask is truncated like the input."

with rules("three lists"):
    for row in drawn:
        encoded = preprocess_dataset(row, tokenizer)
        assert set(encoded) == {"input_ids", "attention_mask", "labels"}, (
            "Return exactly input_ids, attention_mask and labels."
        )
        ids, text_ids = list(encoded["input_ids"]), set(ids_of(row["user_input"]))
        assert 2 * len(text_ids.intersection(ids)) > len(text_ids), (
            "input_ids must be tokens of the text."
        )
        assert ids[-1] == own_tokenizer.eos_token_id, "Nothing is padded yet."
        assert list(encoded["attention_mask"]) == [1] * len(ids), (
            "The attention mask has a 1 for each token of the input."
        )
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# If no rule has a ✗, your function works. Now apply it to the whole dataset. `map` calls it for every
# request; the old columns are no longer needed. As `id2label` we give it the answers of your language, as `max_length` what the tokenizer says about its model: 512 in
# the full version, 128 for `t5-tiny`.

# %%
limit = tokenizer.model_max_length
tokenized = dataset.map(
    preprocess_dataset,
    fn_kwargs={"tokenizer": tokenizer, "id2label": id2label, "max_length": limit},
    remove_columns=dataset["train"].column_names,
)
row = tokenized["train"][0]
tokenizer.decode(row["input_ids"]), tokenizer.decode(row["labels"])

# %% [markdown]
# How long are the inputs now, counted in tokens? The dashed line is `max_length`; what was longer has been truncated. Whoever hides an insult
# behind a very long harmless text gets away with it. That is a decision, too: a longer limit costs more time.

# %% tags=["lesson"]
show.histogram(
    [len(ids) for ids in tokenized["train"]["input_ids"]],
    "len(input_ids)",
    limit=tokenizer.model_max_length,
)

# %% [markdown]
# ## 4. Metrics for answers in text
#
# The model writes tokens, so `Trainer` gives our metric tokens, too: the pair `(preds, labels)`, two arrays of numbers.
#
# - A row of `preds` is what the model wrote. It begins with the **start token** of the decoder, for T5 the padding token $0$, and goes on to the end mark.
# - A row of `labels` is the right answer. It has no start token.
#
# Rows must be equally long within an array, so short ones are padded, with the padding token or with $-100$. And the two arrays have
# different widths. Many programs therefore look at the first token only. That is wrong as soon as two answers begin alike:

# %% tags=["lesson"]
mine = ["this is kind", "this is rude"]
[tokenizer(text)["input_ids"] for text in mine]

# %% [markdown]
# ### Exercise 2: `compute_metric` (4 points)
#
# ●●○ · about 15 minutes · a metric that reads whole answers
#
# Write `compute_metric(eval_predictions, tokenizer, *, toxic="yes")`. `eval_predictions` is the pair `(preds, labels)`, two NumPy arrays; `toxic` is the answer for the toxic class, in English
# by default. Return a dictionary with `accuracy`, `precision`, `recall` and `f1`. The rules:
#
# 1. **Whole answers.** Each row becomes a text, without special tokens and without spaces around it. An answer is right if the **whole** text is: `yes, very` instead
#    of `yes` is wrong. `accuracy` is the share of right answers. For `preds` `[[0, 150, 1], [0, 120, 1]]` and `labels` `[[150, 1], [150, 1]]` it is 0.5.
# 2. **Padding.** Either array may be padded with the padding token or with $-100$. Neither of them belongs to an answer.
# 3. **Toxic class.** `precision`: of the answers that are `toxic`, the share that should be. `recall`: of the answers that should be `toxic`, the share that are. `f1`:
#    F1 out of these two. Any other answer counts as not toxic. If the model writes `yes`, `no`, `maybe`, and right is `yes`, `yes`, `no`, then precision is 1 and
#    recall 0.5.
# 4. **Nothing found.** Where the model never writes `toxic`, precision is 0; where nothing should be `toxic`, recall is 0; and F1 is 0 with them. This is no error.
# 5. **Four floats.** There are the fields `accuracy`, `precision`, `recall` and `f1` and no others, and each number is a `float` of Python's, not one of NumPy's.
#
# <details>
# <summary>Hint 1</summary>
#
# `tokenizer.batch_decode(ids, skip_special_tokens=True)` makes texts out of rows and drops start token, end mark and padding. It does not know $-100$: put the
# padding token there first.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# For `preds` and for `labels`, `ids = np.where(ids == -100, tokenizer.pad_token_id, ids)`. The texts of an array are
# `np.array([text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)])`; from here on let `preds` and `labels` be these texts. The accuracy is
# `float(np.mean(preds == labels))`. For the rest, `from sklearn.metrics import precision_recall_fscore_support`: then
# `precision, recall, f1, _ = precision_recall_fscore_support(labels == toxic, preds == toxic, average="binary", zero_division=0)`. Make a `float` of each.
#
# </details>

# %% answer="compute_metric"
from helpers.toxicity import compute_metric

# %% test="compute_metric" points=4
rules = Rules(
    {
        "whole answers": 1,
        "padding": 1,
        "toxic class": 1,
        "nothing found": 0.5,
        "four floats": 0.5,
    }
)
preds = np.array([[0, 150, 1], [0, 120, 1]])
labels = np.array([[150, 1], [150, 1]])
with rules("whole answers"):
    scores = compute_metric((preds, labels), tokenizer)
    assert scores["accuracy"] == 0.5, (
        "One of the two answers is right: print the texts that you compare. "
        "They must hold no special tokens."
    )
with rules("four floats"):
    scores = compute_metric((preds, labels), tokenizer)
    assert set(scores) == {"accuracy", "precision", "recall", "f1"}, (
        "Return accuracy, precision, recall and f1, nothing else."
    )
    assert all(type(score) is float for score in scores.values()), "Make each number a float."
### BEGIN HIDDEN TESTS
import os
import random

own_tokenizer = models.load_tokenizer(profile.checkpoint, profile.max_length)
draw = random.Random(os.environ.get("CLASS_SEED", ""))
mixed = ["yes", *draw.choices(["yes", "no", "maybe not"], k=29)]
wanted = ["yes", *draw.choices(["yes", "no"], k=29)]


def rows(answers, width, padding, start=()):
    ids = [[*start, *own_tokenizer(answer)["input_ids"]] for answer in answers]
    return np.array([row + [padding] * (width - len(row)) for row in ids])


def pair(predicted, right, paddings=(0, 0)):
    widths = (draw.randint(12, 20), draw.randint(12, 20))
    preds = rows(predicted, widths[0], paddings[0], start=[0])
    return preds, rows(right, widths[1], paddings[1])


def near(number, expected):
    return abs(number - expected) < 1e-6


with rules("whole answers"):
    kind, rude = "this is a kind text", "this is a rude text"
    scores = compute_metric(pair([rude, kind, kind], [rude, rude, kind]), tokenizer, toxic=rude)
    assert near(scores["accuracy"], 2 / 3), "Whole answers count, not their first tokens."
    scores = compute_metric(pair(["maybe not", "yes"], ["no", "yes"]), tokenizer)
    assert near(scores["accuracy"], 1 / 2), "An answer of another kind is wrong."
    right = ["yes", "no", "yes"]
    begun, other = (
        compute_metric(pair([answer, "no", "yes"], right), tokenizer)
        for answer in ("yes, very", "no")
    )
    assert near(begun["accuracy"], 2 / 3), "An answer that only begins right is wrong."
    for name in ("precision", "recall"):
        assert near(begun[name], other[name]), "An answer that only begins right is wrong."

with rules("padding"):
    for paddings in [(0, 0), (0, -100), (-100, 0), (-100, -100)]:
        scores = compute_metric(
            pair(["yes", "no", "no", "no"], ["yes"] * 4, paddings), tokenizer
        )
        assert near(scores["accuracy"], 1 / 4), "Padding belongs to no answer."
        scores = compute_metric(
            pair(["yes", "no", "yes"], ["yes", "yes", "yes"], paddings), tokenizer
        )
        assert near(scores["accuracy"], 2 / 3), "Padding belongs to no answer."

with rules("toxic class"):
    right = ["yes"] * 4 + ["no"] * 6
    predicted = ["yes", "no", "no", "no", "yes", "yes", "no", "no", "no", "no"]
    scores = compute_metric(pair(predicted, right), tokenizer)
    assert near(scores["precision"], 1 / 3), "Precision is that of the toxic class."
    assert near(scores["recall"], 1 / 4), "Recall is that of the toxic class."
    assert near(scores["f1"], 2 / 7), "F1 is that of the toxic class."
    kind, rude = "this is a kind text", "this is a rude text"
    scores = compute_metric(pair([rude, kind, kind], [rude, rude, kind]), tokenizer, toxic=rude)
    assert near(scores["precision"], 1) and near(scores["recall"], 1 / 2), (
        "Which answer is toxic must come from the argument."
    )
    both = pair(mixed, wanted)
    scores, expected = (
        compute_metric(both, tokenizer),
        toxicity.compute_metric(both, own_tokenizer),
    )
    for name in ("precision", "recall", "f1"):
        assert near(scores[name], expected[name]), "Any other answer counts as not toxic."

with rules("nothing found"):
    scores = compute_metric(pair(["yes", "no"], ["yes", "no"]), tokenizer)
    assert near(scores["recall"], 1), (
        "Not everything is 0: an answer yes, where yes is right, is found. "
        "Compare texts without special tokens."
    )
    for predicted, right in [("no", "no"), ("no", "yes"), ("yes", "no")]:
        scores = compute_metric(pair([predicted, "no"], [right, "no"]), tokenizer)
        for name in ("precision", "recall", "f1"):
            assert scores[name] == 0, "Nothing found means zero."

with rules("four floats"):
    # The last pair is the same array twice: whoever keeps special tokens loses other rules, not this one.
    ids, written = rows(["yes", "no"], 9, 0), rows(["yes", "no"], 9, 0, start=[0])
    seen = set()
    for both in [(written, ids), (written[::-1], ids), (ids, ids)]:
        scores = compute_metric(both, tokenizer)
        seen.add(scores["accuracy"])
        for score in scores.values():
            assert type(score) is float, "Make each number a float."
    assert len(seen) > 1, "The numbers must depend on the answers."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# ## 5. The model
#
# T5 has two halves:
#
# - The **encoder** reads the whole input at once and makes a vector for each token. Every token sees every other.
# - The **decoder** writes the answer from left to right. A token of the answer sees only those before it. In addition, each layer of the decoder looks at
#   the vectors of the encoder: that is **cross-attention**.
#
# When it answers, the decoder begins with the start token alone and computes a probability for each token of the vocabulary. We take the likeliest one, append
# it, and ask again, until the end mark comes. Always taking the likeliest is called **greedy**. Other methods draw lots (`do_sample`) or follow
# several answers at a time (`num_beams`, **beam search**); good for stories, not for a yes or no.
#
# ### Exercise 3: `build_model` (2 points)
#
# ●○○ · about 5 minutes · a model that answers briefly and always in the same way
#
# Write `build_model(checkpoint)`. It loads a seq2seq model from the checkpoint, that is from saved weights and their config, and sets its `generation_config`:
#
# | field | value |
# | --- | --- |
# | `generation_config.max_new_tokens` | `8` |
# | `generation_config.num_beams` | `1` |
# | `generation_config.do_sample` | `False` |
#
# <details>
# <summary>Hint 1</summary>
#
# The class is called `AutoModelForSeq2SeqLM`; import it from `transformers`. Its method `from_pretrained` takes the checkpoint.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# After `model = AutoModelForSeq2SeqLM.from_pretrained(checkpoint)` write `model.generation_config.max_new_tokens = 8`, then
# `model.generation_config.num_beams = 1` and `model.generation_config.do_sample = False`, and `return model`.
#
# </details>

# %% answer="build_model"
from helpers.toxicity import build_model

# %% test="build_model" points=2
try:
    small = build_model(checkpoint)
except AttributeError as error:
    assert "generation_config" not in str(error), (
        "The model must have an encoder and a decoder and be able to write text."
    )
    raise
assert small.config.is_encoder_decoder and small.can_generate(), (
    "The model must have an encoder and a decoder and be able to write text."
)
assert small.generation_config.max_new_tokens == 8, "Limit the answer to 8 new tokens."
assert small.generation_config.num_beams == 1, "Follow one answer only."
assert small.generation_config.do_sample is False, "Take the likeliest token, draw no lots."
### BEGIN HIDDEN TESTS
import torch

from course import unseen

own_tokenizer = models.load_tokenizer(profile.checkpoint, profile.max_length)
other = build_model(checkpoint)
ids = torch.tensor([own_tokenizer("toxic: what is a good name for a cat?")["input_ids"]])
logits = other(input_ids=ids, labels=torch.tensor([[1]])).logits
assert logits.shape[-1] >= len(own_tokenizer), (
    "The model must give one logit per token of the vocabulary."
)
written = [other.generate(input_ids=ids) for _ in range(2)]
assert written[0].shape[1] <= 9, "Limit the answer to 8 new tokens."
assert torch.equal(*written), "The same question must get the same answer."
assert unseen.has_body_of(other, toxicity.build_model(checkpoint)), (
    "The weights of the model must be those of the checkpoint."
)
### END HIDDEN TESTS

# %%
model = build_model(checkpoint)
model.num_parameters()

# %% [markdown]
# In the full version the model comes with what it learned from a very large amount of text. `t5-tiny`, the model of the reduced version (`offline`), has the same
# architecture, but **nothing pretrained**: its weights are random numbers, and it has never seen a sentence. All that it will know it has to learn from
# our few hundred requests. Remember that when you see its results.
#
# ## 6. What the model sees in training
#
# A batch needs rows of one length. The **data collator** pads the inputs with the padding token and the labels with $-100$, so that padding does not count in the
# loss. And it makes one more thing:

# %%
from transformers import DataCollatorForSeq2Seq

data_collator = DataCollatorForSeq2Seq(tokenizer, model=model)
batch = data_collator([tokenized["train"][i] for i in range(3)])
batch["labels"], batch["decoder_input_ids"]

# %% [markdown]
# > 🤔 **Think first.** Compare the rows of the two tensors. How does one come out of the other, and what is it good for?
#
# <details>
# <summary>Answer</summary>
#
# Each row of `decoder_input_ids` is the row of `labels`, shifted by one place to the right: in front stands the start token, the last token is gone, and $-100$ would have become
# the padding token. So the decoder, which is to predict the token of a place, reads the **right** tokens before it, whatever it would have written there itself. That
# is called **teacher forcing**: as if a teacher put each word right before the next one is written.
#
# </details>
#
# And how often do the two halves compute? We count it for one request. In the first row the model is told the answer, as in training; the answer is longer than
# one token here. In the second row the model writes by itself, as it will when you use it.

# %% tags=["lesson"]
mine = "this text hurts somebody"
encoded_request = tokenizer("toxic: " + sentence, return_tensors="pt")
long_answer = tokenizer(mine, return_tensors="pt")["input_ids"]
show.table(
    {
        "model(labels=…)": toxicity.passes(
            model, lambda: model(**encoded_request, labels=long_answer)
        ),
        "model.generate()": toxicity.passes(model, lambda: model.generate(**encoded_request)),
    }
)

# %% [markdown]
# ### Question 1: one step of training (4 points)
#
# Describe in six to ten sentences of your own what happens with one example in one step of the training. Answer these four questions, and
# say why it is so:
#
# 1. What enters the encoder?
# 2. What enters the decoder?
# 3. How often does the decoder run for one example in training, and how often when the model answers?
# 4. How does the decoder use what the encoder computed?
#
# - 1 point: for each of the four questions, half of it for the right answer and half for the reason.

# %% [markdown] essay="training_step" points=4
# The encoder gets the token numbers of prefix and request, with the end mark, and the attention mask, which hides the
# padding. The decoder gets the right answer shifted by one place to the right: the start token (the padding token) comes first, the last
# token is left out, and $-100$ is replaced by the padding token. So at each place it has to predict the next token of the answer from the right ones before it; this is
# called teacher forcing. The mask of its self-attention hides all later places. Therefore it runs only once for an example, however long the answer
# is: all places are computed at the same time, and the cross-entropy of each with its label is averaged to the loss. When the model
# answers, the tokens are not known, so it runs once for each new token. The encoder runs once in both cases. Its last
# vectors, one for each input token, become keys and values of the cross-attention in every layer of the decoder, and the queries come from the decoder: so each place of the
# answer can look up what matters in the request. The gradient flows back through the cross-attention into the encoder.

# %% [markdown]
# ## 7. Training
#
# A model that sees few toxic requests learns to call everything harmless: that is the cheapest way to a low loss. There are several remedies. You can weigh the errors of the rare class higher in the
# loss. Or you can show rare examples more often, which is called **oversampling**. The second one works with any model and any loss, so we take it: every
# toxic request comes so many times that both classes are about equally frequent. (In the full TextDetox data they are so from the start; there nothing is repeated.)
#
# > ⚠️ Only the training data are balanced, never those on which you measure: there the shares should be those of real life.

# %%
balanced = tokenized["train"].select(toxicity.oversample(dataset["train"]["toxicity"]))
len(tokenized["train"]), len(balanced)

# %% [markdown]
# ### Exercise 4: train the model (4 points)
#
# ●○○ · about 10 minutes, plus the training
#
# Everything is ready; put it together. `training.make_trainer` builds a `Seq2SeqTrainer` with the settings of the course: number of epochs, learning rate, an
# evaluation after every epoch, for which the model writes its answers. Create a fresh model, make a trainer that is called `trainer`, and train it.
#
# `training.make_trainer` takes `profile`, the model and the tokenizer, and then by name:
#
# | argument | what it is |
# | --- | --- |
# | `train_dataset` | the balanced training data |
# | `eval_dataset` | the tokenized validation data |
# | `data_collator` | the collator, made with the fresh model |
# | `compute_metrics` | a function of one argument, the pair `(preds, labels)`; the toxic answer is `id2label[1]` |
#
# The rules:
#
# 1. **Learned.** The F1 of the toxic class reaches at least `profile.floor`. The test in the notebook measures it on the first 200 requests of the training data: a model that fails even there
#    has learned nothing. When you hand in, your code trains once more, for a few steps only and with a lower floor; then the weights of `trainer.model` answer requests that nobody in this course has seen, and must reach the floor there, too.
# 2. **All the data.** The model has learned, and `train_dataset` has at least as many rows as the training data: do not cut it.
#
# <details>
# <summary>Hint 1</summary>
#
# Your `compute_metric` takes three arguments, `Trainer` gives it only the first. With `partial(compute_metric, tokenizer=tokenizer, toxic=id2label[1])` you fix the
# other two in advance.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# First `model = build_model(checkpoint)`. Then `trainer = training.make_trainer(profile, model, tokenizer, …)`, where the dots stand for `train_dataset=balanced`,
# `eval_dataset=tokenized["validation"]`, `data_collator=DataCollatorForSeq2Seq(tokenizer, model=model)` and
# `compute_metrics=partial(compute_metric, tokenizer=tokenizer, toxic=id2label[1])`. Last, `trainer.train()`.
#
# </details>

# %% answer="training"
### BEGIN SOLUTION
model = build_model(checkpoint)
trainer = training.make_trainer(
    profile,
    model,
    tokenizer,
    train_dataset=balanced,
    eval_dataset=tokenized["validation"],
    data_collator=DataCollatorForSeq2Seq(tokenizer, model=model),
    compute_metrics=partial(compute_metric, tokenizer=tokenizer, toxic=id2label[1]),
)
trainer.train()
### END SOLUTION

# %% test="training" points=4
print(profile.floor)
rules = Rules({"learned": 3, "all the data": 1})
with rules("learned"):
    assert trainer.state.global_step > 0, "The trainer has not trained: call trainer.train()."
    *_, measured = trainer.predict(tokenized["train"].select(range(200)))
    assert "test_f1" in measured, "Give the trainer compute_metrics."
    assert measured["test_f1"] >= profile.floor, (
        "F1 of the toxic class is below profile.floor, even on requests of the training data."
    )
with rules("all the data"):
    assert trainer.state.global_step > 0, "The trainer has not trained: call trainer.train()."
    assert len(trainer.train_dataset) >= len(dataset["train"]), "Train on all training data."
### BEGIN HIDDEN TESTS
import functools

import torch

from course import unseen
from helpers import batches


@functools.cache
def f1_on_unseen():
    own_tokenizer = models.load_tokenizer(profile.checkpoint, profile.max_length)
    judged = unseen.with_weights_of(trainer.model, toxicity.build_model(checkpoint))
    requests = unseen.rows("toxicity", profile.data_language)
    own_answers = toxicity.ANSWERS[profile.data_language]
    inputs = [
        toxicity.preprocess_dataset(
            row, own_tokenizer, id2label=own_answers, max_length=own_tokenizer.model_max_length
        )["input_ids"]
        for row in requests
    ]
    known = batches.answered(inputs, judged.generate, judged, own_tokenizer)
    found = []
    for ids in inputs:
        written = known.generate(torch.tensor([ids]))[0]
        answer = own_tokenizer.decode(written, skip_special_tokens=True).strip()
        found.append(answer == own_answers[1])
    return toxicity.scores([row["toxicity"] for row in requests], found)["f1"]


with rules("learned"):
    assert f1_on_unseen() >= profile.floor, (
        "F1 of the toxic class on requests that nobody has seen is below the floor of the profile."
    )
with rules("all the data"):
    assert f1_on_unseen() >= profile.floor, "The model must have learned, too."
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
# `training.make_trainer` hides nothing that you could not write yourself. This is the full version in English with the library alone, without the balance; `compute_metric` is
# your function from exercise 2. The names of data and model for other languages stand in the table at the beginning.
#
# ```python
# from functools import partial
# from datasets import load_dataset
# from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, DataCollatorForSeq2Seq
# from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, set_seed
#
# set_seed(13)
# requests = load_dataset("lmsys/toxic-chat", "toxicchat0124").filter(lambda row: row["human_annotation"])
# tokenizer = AutoTokenizer.from_pretrained("t5-small")
# tokenized = requests.map(
#     lambda row: tokenizer(
#         "toxic: " + row["user_input"],
#         text_target="yes" if row["toxicity"] else "no",
#         truncation=True,
#         max_length=512,
#     )
# )
# model = AutoModelForSeq2SeqLM.from_pretrained("t5-small")
# arguments = Seq2SeqTrainingArguments(
#     output_dir="toxicity-model",
#     num_train_epochs=15,
#     per_device_train_batch_size=64,
#     learning_rate=5e-5,
#     predict_with_generate=True,
#     train_sampling_strategy="group_by_length",
#     report_to="none",
#     seed=13,
# )
# trainer = Seq2SeqTrainer(
#     model=model,
#     args=arguments,
#     train_dataset=tokenized["train"],
#     data_collator=DataCollatorForSeq2Seq(tokenizer, model=model),
#     compute_metrics=partial(compute_metric, tokenizer=tokenizer),
# )
# trainer.train()
# trainer.evaluate(tokenized["test"])
# ```
#
# | line | what it means |
# | --- | --- |
# | `human_annotation` | only the requests that a person has labelled |
# | `text_target` | what the model shall write: it becomes `labels` |
# | `num_train_epochs=15` | all requests are read fifteen times: the toxic ones are few |
# | `per_device_train_batch_size=64` | each step looks at 64 requests, on each GPU |
# | `learning_rate=5e-5` | small steps: the weights are good already; it falls in a straight line to 0 |
# | `predict_with_generate=True` | in an evaluation the model writes its answers by itself |
# | `train_sampling_strategy="group_by_length"` | requests of similar length share a batch: less padding |
#
# The balance is one line more, `tokenized["train"].select(…)` with the numbers of the toxic rows several times. For the reduced version the course raises the learning rate a hundredfold,
# because random weights are far from good. All of that stands in `helpers/training.py`, and all numbers in `helpers/profiles.toml`.
#
# </details>
#
# ### Did the balance help?
#
# Nobody knows without measuring. We train a second model in the same way, but on the training data as they are, for as many steps:

# %% tags=["lesson"]
set_seed(profile.seed)
plain_model = build_model(checkpoint)
plain = training.make_trainer(
    toxicity.same_steps(profile, len(balanced), len(tokenized["train"])),
    plain_model,
    tokenizer,
    train_dataset=tokenized["train"],
    data_collator=DataCollatorForSeq2Seq(tokenizer, model=plain_model),
    compute_metrics=partial(compute_metric, tokenizer=tokenizer, toxic=id2label[1]),
)
plain.train()

# %% tags=["lesson"]
names = ("accuracy", "precision", "recall", "f1")
outputs = {
    "balanced": trainer.predict(tokenized["test"]),
    "unbalanced": plain.predict(tokenized["test"]),
}
trained = {
    key: {name: output.metrics[f"test_{name}"] for name in names}
    for key, output in outputs.items()
}
show.table(baselines | trained)

# %% [markdown]
# Compare the last two rows: which of the two finds more toxic requests, and what does it pay for that? One expects that the balanced one calls a text toxic more readily. The fewer
# examples there are, and the closer in number the classes are to each other, the less is to be seen of that: then chance decides as well. Then compare with the first three rows.
#
# ### What is pretraining worth?
#
# In the reduced version (`offline`) your transformer as a rule loses to TF-IDF, a method that counts words. Nothing is broken. To count insults, a few hundred requests are enough. To find out from random numbers that
# *stupid* and *idiot* have something in common, and what *not* does to the words behind it, they are far too few.
#
# What if a model comes to the same requests that has **read** before? The next cell takes the small encoder of the other units, MiniLM or E5. Nothing in it is trained: it turns each request into a
# vector, and a logistic regression learns from the same labels as the two others.

# %% tags=["lesson"]
encoder = profiles.load("intent", "offline", data_language=profile.data_language).checkpoint
worth = {"TF-IDF": baselines["TF-IDF"], profile.checkpoint: trained["balanced"]}
if encoder in intent.encoders_at_hand(profile):
    requests_of_test = dataset["test"]["user_input"]
    guess = toxicity.pretrained_baseline(dataset["train"][:], requests_of_test, encoder)
    worth[encoder] = toxicity.scores(labels_of_test, guess)
show.table(worth)

# %% [markdown]
# This is what we measured on the data of the reduced version, F1 of the toxic class:
#
# | language | TF-IDF | `t5-tiny`, from scratch | pretrained encoder, not trained here |
# | --- | --- | --- | --- |
# | `en` | 0.80 | 0.62 | 0.88 |
# | `es` | 0.65 | 0.61 | 0.68 |
# | `ru` | 0.71 | 0.66 | 0.70 |
#
# In English the order is clear: a model that has read beats counting, and counting beats a transformer that has read nothing. In Spanish and Russian, with fewer requests to learn from and 200 to measure on, three
# numbers so close together are a draw; a different seed alone moves the middle column by 0.08 and more. Even a draw says something: `t5-tiny` was trained on every request several times, the encoder on none.
#
# The last two columns are transformers, both of them. What sets them apart is reading: MiniLM and E5 have seen more text than anybody can read in a lifetime, without a single label of ours,
# and bring to each request what they know of its words. That is why nobody trains a transformer from scratch on a few hundred texts unless it is to learn how it works, and why the full version
# begins with a pretrained T5.
#
# ### Where is it wrong?
#
# In the **confusion matrix** each row is a right answer and each column what the model wrote. What lies on the diagonal is right.

# %% tags=["lesson"]
preds = outputs["balanced"].predictions
preds = np.where(preds == -100, tokenizer.pad_token_id, preds)
answers = [text.strip() for text in tokenizer.batch_decode(preds, skip_special_tokens=True)]
right_answers = [id2label[label] for label in dataset["test"]["toxicity"]]
names = [*id2label.values(), *sorted({*answers} - {*id2label.values()})]
show.confusion(right_answers, answers, names)

# %% [markdown]
# Read some of the errors. Which of them would you have made yourself? Which of the two kinds of error is worse: to let an insult through, or to
# send away somebody who asked for help against one?

# %% tags=["lesson"]
wrong = [i for i, pair in enumerate(zip(right_answers, answers)) if pair[0] != pair[1]][:12]
show.examples(
    user_input=[text[:200] for text in dataset["test"].select(wrong)["user_input"]],
    labels=[right_answers[i] for i in wrong],
    predictions=[answers[i] for i in wrong],
)

# %% [markdown]
# ### And in real life?
#
# Your test data hold more toxic texts than real life does. What the model makes of a harmless text does not depend on how many there are. So we can work out what the numbers would be if
# half of the requests were toxic, a tenth, or a hundredth:

# %% tags=["lesson"]
found = [answer == id2label[1] for answer in answers]
show.table(
    {
        f"{share:.0%}": toxicity.at_share(labels_of_test, found, share)
        for share in (0.5, 0.1, 0.01)
    }
)

# %% [markdown]
# Recall stays, precision breaks down: among many harmless requests even a small share of false alarms is more than all that is toxic. So a precision is worth nothing without the share of
# toxic texts at which it was measured, and a model that goes on duty needs far fewer false alarms than a table like the one above suggests.
#
# ## 8. One function for any model
#
# The authors of ToxicChat, the English dataset, have trained a T5, too: `lmsys/toxicchat-t5-large-v1.0`. It has twelve times as many weights as `t5-small`, another
# prefix, and other answers:
#
# | model | prefix | answers |
# | --- | --- | --- |
# | yours | `toxic: ` | those of `id2label` |
# | theirs | `ToxicChat: ` | `positive`, `negative` |
#
# «Positive» means toxic here, like a positive test at the doctor's. Does the prefix have to make sense, and must it be in the language of the texts? To the model it is just the
# beginning of each input. But a model must be used with the prefix with which it was trained.
#
# ### Exercise 5: `is_toxic` (5 points)
#
# ●●○ · about 20 minutes · the function that turns your model into a tool, and any other model that answers in text
#
# Write `is_toxic(text, labels2bool, model, tokenizer, prefix)`. It returns `True` or `False`. The dictionary `labels2bool` says what the answers mean: for a model that answers in
# English `{"yes": True, "no": False}`, for yours `{id2label[1]: True, id2label[0]: False}`. The rules:
#
# 1. **Prefix.** The model gets the prefix and directly after it the text: with `"ToxicChat: "` and `"hello"` it reads `ToxicChat: hello`. It is not told anything else.
# 2. **Meaning.** The **whole** answer, without special tokens and spaces around it, is looked up in `labels2bool`. If it is `yes it is` and the dictionary says
#    `{"yes": True, "yes it is": False}`, the result is `False`.
# 3. **Other answers.** If the answer is not in `labels2bool`, raise a `ValueError` whose message names the answer; `Yes` and `yes!` are other answers than `yes`. A guess would hide
#    that something is wrong.
# 4. **Generation.** The model is in evaluation mode. Generation is greedy, without beam search and without lots, with at most 16 new tokens, whatever the model's `generation_config` says.
# 5. **Long texts.** An input of more than `tokenizer.model_max_length` tokens is truncated at its end.
#
# <details>
# <summary>Hint 1</summary>
#
# The tokenizer gives tensors with `return_tensors="pt"`; `.to(model.device)` brings them to where the model is. `model.generate(**encoded, …)` takes the fields
# `max_new_tokens`, `num_beams` and `do_sample` by name, and what is given here counts more than the `generation_config`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `encoded = tokenizer(prefix + text, truncation=True, return_tensors="pt").to(model.device)`. After `model.eval()` and
# `generated = model.generate(**encoded, max_new_tokens=16, num_beams=1, do_sample=False)` the answer is
# `answer = tokenizer.decode(generated[0], skip_special_tokens=True).strip()`. If it is not in `labels2bool`, `raise ValueError(answer)`; otherwise return
# `labels2bool[answer]`.
#
# </details>

# %% answer="is_toxic"
from helpers.toxicity import is_toxic

# %% [markdown]
# How can the function be tested if every training gives a slightly different model? With a model that we write ourselves: `models.answering_t5`
# is a real T5 that has learned nothing. As soon as a certain word stands in its input, it writes the answer that we choose.

# %% test="is_toxic" points=5
rules = Rules({"prefix": 1, "meaning": 1, "other answers": 1, "generation": 1, "long texts": 1})
own_tokenizer = models.load_tokenizer(profile.checkpoint, profile.max_length)
grumpy = models.answering_t5({"garbage": "yes"}, own_tokenizer, default="no")
yes_no = {"yes": True, "no": False}
with rules("meaning"):
    assert is_toxic("What a garbage bot", yes_no, grumpy, own_tokenizer, "toxic: ") is True, (
        "The model answers yes, and that means True."
    )
    assert is_toxic("What a lovely bot", yes_no, grumpy, own_tokenizer, "toxic: ") is False, (
        "The model answers no, and that means False."
    )
with rules("prefix"):
    assert is_toxic("hello", yes_no, grumpy, own_tokenizer, "garbage: ") is True, (
        "Here the word stands in the prefix: the model must get that, too."
    )
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
words = ["garden", "river", "music", "coffee", "letter", "water", "table", "summer"]


def complaint(text, meaning, model):
    try:
        is_toxic(text, meaning, model, own_tokenizer, "toxic: ")
    except ValueError as error:
        return str(error)
    return ""


with rules("prefix"):
    # The prefix alone decides here: the word stands in it.
    word = draw.choice(words)
    prefixed = models.answering_t5({word: "yes"}, own_tokenizer, default="no")
    assert is_toxic("hello", yes_no, prefixed, own_tokenizer, f"{word}: ") is True, (
        "The model gets the prefix and then the text."
    )
    assert is_toxic(f"my {word}", yes_no, prefixed, own_tokenizer, "Task: ") is True, (
        "The model gets the prefix and then the text."
    )
    assert is_toxic("hello", yes_no, prefixed, own_tokenizer, "ToxicChat: ") is False, (
        "The model gets the prefix and then the text, and nothing else."
    )

with rules("meaning"):
    answers = ["positive", "negative", "this is rude", "all is well", "hurts", "kind of you"]
    for _ in range(3):
        word, other = draw.sample(words, 2)
        bad, good = draw.sample(answers, 2)
        written = models.answering_t5({word: bad}, own_tokenizer, default=good)
        for request, bad_one in [
            (f"Tell me about {word} now", True),
            (f"Is {other} good?", False),
        ]:
            meaning = {good: False, bad: True}
            assert is_toxic(request, meaning, written, own_tokenizer, "toxic: ") is bad_one, (
                "Look the whole answer up in labels2bool."
            )
            swapped = {good: True, bad: False}
            assert (
                is_toxic(request, swapped, written, own_tokenizer, "toxic: ") is not bad_one
            ), "What an answer means stands in labels2bool."
    longer = models.answering_t5({"garbage": "yes it is"}, own_tokenizer, default="no")
    meaning = {"yes": True, "yes it is": False, "no": True}
    assert is_toxic("garbage", meaning, longer, own_tokenizer, "toxic: ") is False, (
        "Look the whole answer up in labels2bool."
    )

with rules("other answers"):
    for meaning in [{"positive": True, "negative": False}, {"Yes": True, "yes!": True}, {}]:
        assert "yes" in complaint("garbage", meaning, grumpy), (
            "An answer outside labels2bool is a ValueError that names it."
        )
    assert complaint("garbage", {"yes": draw.choice([True, False])}, grumpy) == "", (
        "An answer that stands in labels2bool is no error."
    )
    word = draw.choice(words)
    naming = models.answering_t5({"garbage": word}, own_tokenizer, default="no")
    assert word in complaint("garbage", yes_no, naming), (
        "An answer outside labels2bool is a ValueError that names it."
    )

with rules("generation"):
    # Dropout changes the answers of a model in training mode; drawing lots changes any.
    noisy = models.answering_t5({"garbage": "yes"}, own_tokenizer, default="no", dropout=0.9)
    noisy.train()
    assert is_toxic("garbage " * 20, yes_no, noisy, own_tokenizer, "toxic: ") is True, (
        "Put the model into evaluation mode."
    )
    drawing = models.answering_t5({"garbage": "yes"}, own_tokenizer, default="no")
    drawing.generation_config.do_sample = True
    drawing.generation_config.temperature = 9.0
    assert is_toxic("garbage", yes_no, drawing, own_tokenizer, "toxic: ") is True, (
        "Generation is greedy, whatever the generation config says."
    )
    # One word, but several tokens.
    short = models.answering_t5({"garbage": "unproblematic"}, own_tokenizer, default="no")
    short.generation_config.max_new_tokens = 1
    meaning = {"unproblematic": False, "no": True}
    assert is_toxic("garbage", meaning, short, own_tokenizer, "toxic: ") is False, (
        "An answer of up to 16 tokens is complete, whatever the generation config says."
    )
    endless = models.answering_t5({"garbage": "yes"}, own_tokenizer, "no", endless=True)
    endless.generation_config.max_new_tokens = 100
    meaning = {" ".join(["yes"] * tokens): False for tokens in range(1, 17)}
    assert is_toxic("garbage", meaning, endless, own_tokenizer, "toxic: ") is False, (
        "At most 16 new tokens, whatever the generation config says."
    )

with rules("long texts"):
    long = "water " * 700
    assert is_toxic("garbage " + long, yes_no, grumpy, own_tokenizer, "toxic: ") is True, (
        "A long text is truncated at its end."
    )
    assert is_toxic(long + "garbage", yes_no, grumpy, own_tokenizer, "toxic: ") is False, (
        "A long text is truncated to the tokenizer's limit."
    )
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# Now your own texts! Change them and find one in which the model is wrong.

# %% tags=["lesson"]
mine = [
    "What is a good name for a cat?",
    "You are a useless idiot, shut up.",
    "Someone called me an idiot today. How do I answer?",
    "I have met door handles with better conversation than you.",
]
yours = {"labels2bool": {id2label[1]: True, id2label[0]: False}, "prefix": "toxic: "}
found = [is_toxic(text, model=trainer.model, tokenizer=tokenizer, **yours) for text in mine]
show.examples(text=mine, is_toxic=found)

# %% [markdown]
# And what does the model that the authors of ToxicChat have published make of the same requests? It has learned from English ones. The next cell fetches it from the Hub, about three
# gigabytes, but only in the full version (`full`) with English data, and only where the Hub can be reached. Otherwise it shows nothing, and you have missed no more than the comparison.
#
# The authors report an F1 of 0.8221 on their test data, with precision 0.7983 and recall 0.8475. That cannot be compared with your table: they count all requests, and
# the course keeps only those that people have annotated, about half of them.

# %% tags=["lesson"]
published = toxicity.published_classifier(profile)
published and {
    text: is_toxic(
        text,
        {"positive": True, "negative": False},
        published.model,
        published.tokenizer,
        "ToxicChat: ",
    )
    for text in mine
}

# %% [markdown]
# The same function, two models, and not one line of it depends on which of them it gets. Here both answer the same requests, the first of the test data, so these rows can be
# compared:

# %% tags=["lesson"]
compared = toxicity.compare_with_published(
    published, dataset["test"].select(range(min(200, len(dataset["test"])))), answers
)
published and show.table(compared)

# %% [markdown]
# > 🤔 **Think first.** What is good about answers in text, and what is bad? How else could a T5 be used to classify?
#
# <details>
# <summary>Answer</summary>
#
# Good: one model, one loss and one program for all tasks; a new class needs no new layer; the model can use what it knows about the words
# of the answer. Bad: it may write something that is no answer, and an answer must suit the vocabulary; each token of the answer costs a pass of the decoder; there is no
# probability of a class, unless you compare the logits of the answers' first tokens. Other ways: keep only the encoder and put a classification head on it; or read
# the logits of the two answers instead of letting the model write, and choose the threshold yourself.
#
# </details>
#
# ## 9. And why not ask a large language model?
#
# The models behind chat bots are transformers, too, but **decoder-only** ones: the encoder is gone, question and answer are one sequence, and each token sees only those before it. They were
# pretrained to predict the next token, and then trained to follow instructions. So one could simply write: «Is the following request toxic? Answer yes or no.» Without examples that is
# called **zero-shot**, with a few examples in the question **few-shot**. No labelled data, no training. What speaks for your small model then?
#
# Time and size are easy to measure. This is how long your model takes for a request on this machine, in seconds, and how many weights it has; large models have many billions:

# %% tags=["lesson"]
import time

start = time.perf_counter()
for text in mine:
    is_toxic(text, model=trainer.model, tokenizer=tokenizer, **yours)
(time.perf_counter() - start) / len(mine), trainer.model.num_parameters()

# %% [markdown]
# A large model is mostly rented, and paid by the token. What would a year cost? Put in how many requests your service gets in a day, and what a million tokens cost today at a provider of your choice; the
# two numbers here are only examples.

# %% tags=["lesson"]
requests_a_day, price_of_a_million = 100_000, 1.0
tokens = np.mean([len(ids) for ids in tokenized["test"]["input_ids"]])
round(365 * requests_a_day * tokens / 1e6 * price_of_a_million)

# %% [markdown]
# | | a small model, fine-tuned | a large model, asked |
# | --- | --- | --- |
# | **Data** | needs labelled examples to learn, and more to measure | needs none to begin, but the same to measure |
# | **Cost** | one training, then any processor | every request, for ever, and the question is paid for with it |
# | **Latency** | milliseconds | a network and a long way through many layers |
# | **Privacy** | the texts stay where they are | the texts go to somebody else, unless you run the large model yourself |
# | **Answers** | one of two; anything else is an error that you notice | free text, which may be put differently tomorrow, when the provider changes the model |
# | **Breadth** | what was in its data, in its language | many languages, and classes that nobody has thought of before |
#
# So a small model is still the better choice where a task is fixed and has labels, where there are many requests, where the answer has to be quick or the texts are private, and where the same
# request must get the same answer next year. A large one is better for a few requests, for a task that changes each week, and where there are no labels yet. The two also go together: the large model
# suggests labels, people check them, and the small model learns from those. Which of them is right more often on *your* texts nobody can tell you: measure both on the same test data.
#
# ## What you can do now
#
# - You turn a classification into text to text and choose prefix and answers with care: as words that the model's vocabulary has.
# - You know what encoder and decoder see in training, and why training needs one pass of the decoder and answering several.
# - You measure whole answers, and you know why accuracy misleads where a class is rare, and what happens to precision there.
# - You can balance training data, and measure what it brings and what it costs.
# - You have a function that works with any classifier that answers in text.
# - You can say what pretraining is worth, and when a small model of your own beats asking a large one.
#
# Five questions to check yourself. Answer first, then look.
#
# <details>
# <summary>1. One request in twenty is toxic. A model never says «toxic». What are its accuracy and its recall?</summary>
#
# Accuracy 0.95, recall 0.
#
# </details>
#
# <details>
# <summary>2. Why is it not enough to compare the first token of the answer?</summary>
#
# Different answers may begin with the same token, and an answer that begins right may go on wrong.
#
# </details>
#
# <details>
# <summary>3. Why does the decoder not simply copy the right answer that it gets in training?</summary>
#
# It is shifted by one place, and later places are hidden: where a token shall be predicted, the decoder sees only those before it.
#
# </details>
#
# <details>
# <summary>4. Why are the test data not balanced as well?</summary>
#
# They stand for real life. The more of them are toxic, the better precision looks, and in use it will be far lower.
#
# </details>
#
# <details>
# <summary>5. A model answers <code>positive</code>, and <code>labels2bool</code> has no such answer. Why is an error better than taking it for harmless?</summary>
#
# Somebody mixed up the models or the prefix. An error says so at once; a silent «harmless» would let everything through.
#
# </details>
#
# **What comes next?** This unit is the last one. If you have left one out, it is its turn now.

# %% [markdown] shared="hand_in"

# %% tags=["lesson"]
show.results(
    profile,
    trained["balanced"] | {"f1_unbalanced": trained["unbalanced"]["f1"]},
    baseline=baselines["TF-IDF"],
)
