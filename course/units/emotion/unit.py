# ---
# title: Emotions and opinions in tweets
# summary: >-
#   Angry, happy or sad? And for or against? Teach a model to hear it in a tweet, then do it all again for another question.
# goals:
#   - turn tweets into tokens, and know what a vocabulary does not see and what padding costs
#   - fine-tune a transformer that sorts texts into classes, and measure it fairly when some classes are rare
#   - name the emotion of any text, and find out where the model is surest and still wrong
#   - repeat the whole recipe on another dataset, in one function
# minutes: 80
# training: under a minute on a processor with two cores; on a GPU with the full data a few minutes, by estimate
# prerequisites: Python, a first idea of what a neural network is
# data: >-
#   the reduced version (`offline`): tweets in English, invented for this course; the full version (`full`): TweetEval, tweets in
#   English by real people
# ---

# %% [markdown] shared="work"

# %% [markdown]
# > ⚠️ **About the texts.** Those of the full version (`full`) were written by real people, some of them in anger: there is
# > swearing among them. Those of the reduced version (`offline`) were invented for this course and are tame.

# %% tags=["parameters"]
language = "en"
data_language = ""
profile = "auto"
checkpoint = ""
epochs = 0
learning_rate = 0.0

# %% [markdown] shared="switches"

# %%
# First helpers, then the rest: it tells torch how to share the processor.
import atexit
import os
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from helpers import data, emotion, intent, models, profiles, show, training, transformer
from helpers.rules import Rules
import numpy as np
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments, set_seed

models.quiet()

# %%
# What the notebook writes to disk; it is deleted when the kernel stops.
work = Path(gettempdir(), f"emotion-{os.getpid()}")
atexit.register(shutil.rmtree, work, ignore_errors=True)

# %%
profile = profiles.load(
    "emotion",
    profile,
    language=language,
    data_language=data_language,
    checkpoint=checkpoint,
    epochs=epochs,
    learning_rate=learning_rate,
)
profiles.choose(profile)
checkpoint = profile.checkpoint
set_seed(profile.seed)
show.settings(profile)

# %% [markdown]
# ## 1. Look at the data
#
# Somebody writes a tweet, and you feel at once what mood it was written in. To find the class of a whole text is called **text
# classification**. Our classes are four emotions.

# %%
dataset = data.load(profile.dataset, profile.data, profile.locale)
dataset

# %% [markdown]
# `data.load` belongs to the course. It fetches the rows from the Hub, the public collection of datasets and models at huggingface.co,
# or takes those that come with the course. You will see in a moment what it does.
#
# There are three parts, called **splits**. We train on `train` and decide everything on `validation`; `test` is only for
# measuring, never for deciding. Each row has two fields:

# %%
dataset["train"][0]

# %% [markdown]
# The `label` is the number of the class. The dataset knows the names:

# %%
label_names = dataset["train"].features["label"].names
# For people: behind a name stands what it means, where that is another word.
named = emotion.with_meaning(label_names, language)
named

# %% [markdown]
# The library behind it is called `datasets`. For a dataset on the Hub you would write one line, `load_dataset("cardiffnlp/tweet_eval", "emotion")`; the
# page of the dataset says what its labels mean. For files of your own you name their format. To see this without a network, we write our rows
# into files, one JSON object per line, and let the library alone read them:

# %% tags=["lesson"]
from datasets import ClassLabel, load_dataset

work.mkdir(exist_ok=True)
files = {split: f"{work}/{split}.jsonl" for split in dataset}
for split, path in files.items():
    dataset[split].to_json(path, force_ascii=False)
bare = load_dataset("json", data_files=files, cache_dir=f"{work}/cache")
bare["train"].features

# %% [markdown]
# The texts are there; the labels are bare numbers, because a file does not know what its classes are called. You say it with `cast_column`, and then
# the result is the one that `data.load` gave you:

# %% tags=["lesson"]
bare = bare.cast_column("label", ClassLabel(names=label_names))
bare["train"].features, bare["train"][:] == dataset["train"][:]

# %% [markdown]
# Now read some of the tweets:

# %% tags=["lesson"]
rows = dataset["train"][:12]
show.examples(text=rows["text"], label=[named[i] for i in rows["label"]])

# %% [markdown]
# Where you see `@user`, it stands for a name: the authors of the dataset have hidden who was meant.
#
# > 🤔 **Think first.** Cover the right column and guess. In which tweets does a single word give the emotion away? In which ones do
# > you need the whole sentence, or even to know how people are?
#
# <details>
# <summary>Answer</summary>
#
# In the reduced version (`offline`), for example: a strong word such as *cheering* is often enough, and so is a hashtag such as #neighboursfromhell. But whoever has explained to the bank four times that
# they are not dead uses no angry word: you must know what that is like. A model that only counts words can learn the first kind and hardly the second.
#
# </details>
#
# How many tweets of each class are there?

# %% tags=["lesson"]
counts = np.bincount(dataset["train"]["label"], minlength=len(label_names)).tolist()
show.bars(dict(zip(named, counts)), "train")

# %% [markdown]
# The classes are **imbalanced**: some are clearly more frequent than others. Keep this picture in mind: you will need it to read the
# metrics, and again to read the errors.
#
# ## 2. A baseline to beat
#
# Before you train a model, find out how far a very simple one gets. We take two:
#
# - `majority` always says the class that is most frequent in the training data;
# - `TF-IDF` counts words, gives rare ones more weight, and puts a logistic regression on top. It knows words, but not their order.
#
# We measure both on the test data, and with these there is one rule in the whole course: **only for measuring, never for deciding**.

# %% tags=["lesson"]
test_labels = list(dataset["test"]["label"])
guesses = emotion.baseline_predictions(dataset["train"], dataset["test"]["text"])
baselines = {
    name: emotion.compute_metrics((np.eye(len(label_names))[guess], test_labels))
    for name, guess in guesses.items()
}
show.table(baselines)

# %% [markdown]
# The table shows two numbers:
#
# - **accuracy**: the share of tweets whose class is right;
# - **F1**, here `f1`, the *macro* kind: for every class one number that is high only if the class is found, and found without false alarms: it joins *precision*, the share
#   of a class's predictions that are right, and *recall*, the share of the class that is found; then the mean over the classes.
#
# Look at the first row. A model that never says anything but the most frequent class has a poor accuracy and a far poorer F1. Accuracy counts
# tweets, so the frequent classes rule it. Macro F1 counts classes, and the rare ones weigh as much as the others.

# %% [markdown]
# ## 3. From tweets to tokens
#
# A model reads numbers, not letters. Its **tokenizer** cuts a text into **tokens** and gives each of them its number in the
# vocabulary. Frequent words are one token; rare ones are cut into **word pieces**, also called *subwords*.
#
# Tokenizer and model belong together, and are stored together: the state of a trained model under a name, weights, settings and vocabulary, is a
# **checkpoint**. The parameter `checkpoint` above says which one we take. `models.fetch` brings it onto this machine and returns its folder. From here on
# you work with the library transformers itself. Its Auto classes look into the folder and choose the class that fits; given a name from the Hub instead of
# a folder, `from_pretrained` downloads the checkpoint.

# %%
from transformers import AutoTokenizer

folder = models.fetch(checkpoint)
tokenizer = AutoTokenizer.from_pretrained(folder)
sentence = "A long trip to Mordor"
tokenizer.tokenize(sentence)

# %% [markdown]
# Even a word that the model has never seen can be put together from pieces. There are two ways to write where words begin. MiniLM and
# DistilBERT use WordPiece: a piece that continues a word has `##` in front. `multilingual-e5-small` uses SentencePiece: a piece that begins a word has `▁`, which
# stands for the space.
#
# If you call the tokenizer like a function, it gives what the model needs:

# %%
encoded = tokenizer(sentence)
encoded

# %% tags=["lesson"]
one_by_one = [tokenizer.decode([number]) for number in encoded["input_ids"]]
show.examples(token=encoded.tokens(), **encoded, decode=one_by_one)

# %% [markdown]
# - `input_ids` are the numbers of the tokens. Two **special tokens** have been added, one in front and one at the end. MiniLM and DistilBERT call
#   them `[CLS]` and `[SEP]`, `multilingual-e5-small` calls them `<s>` and `</s>`.
# - `attention_mask` says which tokens the model may look at: 1 is a real token, 0 is padding, which you will meet in a moment. Here
#   everything is real.
# - `token_type_ids`, which not every tokenizer gives, says to which of the two texts of a pair a token belongs. We have no pairs, so it is always 0.
# - `decode` is the way back: `tokenizer.decode` makes text of numbers, here of one at a time. Given all of them, it puts the pieces together.
#
# ### Whose words are in the vocabulary?
#
# A vocabulary is made from texts: what is frequent in them becomes one token. So it knows one language better than another. We compare that of your model, that of MiniLM, which was made from English texts, and that of `multilingual-e5-small`, if it is on this machine. The same vocabulary is shown once.

# %% tags=["lesson"]
tokenizers = {checkpoint: tokenizer}
for name in intent.encoders_at_hand(profile)[1:]:
    tokenizers[name] = AutoTokenizer.from_pretrained(models.fetch(name))
mine = [
    "disproportionately",
    "heartbroken",
    "unputdownable",
]
show.pieces(mine, tokenizers)

# %% [markdown]
# How many pieces does a word have on average? This number is called **fertility**. We measure it on the tweets of the reduced version
# (`offline`), in the three languages of the course:

# %% tags=["lesson"]
fertility = {}
for code in ["en", "ru", "es"]:
    other = profiles.load("emotion", "offline", data_language=code)
    some = data.load(other.dataset, other.data, other.locale)["train"]["text"]
    fertility[code] = {
        name: transformer.fertility(some, reader) for name, reader in tokenizers.items()
    }
show.table(fertility)

# %% [markdown]
# The English vocabulary cuts Russian nearly into letters: about five pieces a word. Such a text takes more time, the limit of 60 tokens that you meet in exercise 1 would cut off most Russian tweets, and a single letter means nothing: the model would have to learn the language from scratch, out of a few hundred tweets.
# Spanish has the same letters as English, and its words still fall into more pieces. A vocabulary for a hundred languages has its price, too: it
# cuts English finer than one that was made for English alone.
#
# ### What a vocabulary does not see
#
# Before a text is cut, it is **normalized**: characters that count as the same become one. What gets lost here, no model can find again.

# %% tags=["lesson"]
mine = [
    "Polish food",
    "polish shoes",
    "WHAT A DAY",
    "a résumé",
    "to resume",
]
show.examples(text=mine, **emotion.normalized(mine, tokenizers))

# %% [markdown]
# MiniLM turns capitals into lower case; this is called *uncased*: *Polish* and *polish* are one word for it, and nobody shouts. It also takes off the
# marks that letters carry, so a *résumé* is something to *resume*. In English this loses little and makes the vocabulary smaller. In Russian and
# in Spanish it makes other words: *мой*, my, becomes *мои*, which is the plural, and *año*, a year, becomes *ano*, which is a part of the body.
#
# ### Laughter, brackets, emoji
#
# Much of what a tweet feels stands in no dictionary:

# %% tags=["lesson"]
mine = [
    "Great, late again :)",
    "hahaha",
    "sooo happy!!!",
    "SO HAPPY",
    "well…",
    "😭",
    "🙃",
]
show.pieces(mine, tokenizers)

# %% [markdown]
# MiniLM takes every character by itself, so a smile is a colon and a bracket. And it knows hardly any emoji: what is not in a vocabulary becomes `[UNK]`,
# for *unknown*, and whether somebody laughs or cries is lost. The vocabulary of `multilingual-e5-small` was made from web pages; it has tokens for
# many smiles and emoji. It also keeps capitals, and that has a price: a shouted word is another word, and often falls into fragments.
#
# A token of its own is only a chance: what it says, the model must have learned. And no character tells for sure whether *great* was meant seriously.
# In section 8 you find out what your model makes of it.
#
# ### Exercise 1: `encode_tweets` (4 points)
#
# ●○○ · about 5 minutes · every model for texts begins like this
#
# Write `encode_tweets(batch, tokenizer, max_length=60)`. The `batch` is a dictionary; `batch["text"]` is a list of texts, and there may be other
# fields, which do not matter here. Return what the tokenizer makes of the whole list. For `{"text": [sentence, "!"]}` that is:

# %% tags=["lesson"]
show.examples(text=[sentence, "!"], **tokenizer([sentence, "!"]))

# %% [markdown]
# The column `text` is there for you only; you return the others. The rules:
#
# 1. **Every text.** `input_ids` holds one list for each text, in the same order, with the tokenizer's own numbers and both special tokens.
# 2. **Fields.** You return all fields that the tokenizer gives, and only these: `text` and `label` are not among them.
# 3. **Long texts.** A text with more than `max_length` tokens is truncated, so that its first tokens are left: exactly `max_length`, the
#    special ones included. Without another value the limit is 60.
# 4. **Short texts.** Nothing is padded: in the example the second list is shorter than the first. Padding comes later, batch by batch.
#
# <details>
# <summary>Hint 1</summary>
#
# The tokenizer takes a list of texts as well as a single one. Look at its arguments `truncation` and `max_length`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# It is one line: `return tokenizer(batch["text"], truncation=True, max_length=max_length)`. Leave out everything about padding.
#
# </details>

# %% answer="encode_tweets"
from helpers.emotion import encode_tweets

# %% test="encode_tweets" points=4
rules = Rules({"every text": 1, "fields": 1, "long texts": 1, "short texts": 1})
two = {"text": ["!", sentence], "label": [1, 2]}
with rules("every text"):
    ids = encode_tweets(two, tokenizer)["input_ids"]
    assert len(ids) == 2, "Encode all texts of the batch."
    assert ids[1][:4] == encoded["input_ids"][:4], (
        "These are not the tokenizer's numbers, special tokens included."
    )
with rules("fields"):
    fields = encode_tweets(two, tokenizer)
    assert set(fields.keys()) == set(encoded.keys()), (
        "Return all of the tokenizer's fields and no others."
    )
with rules("long texts"):
    ids = encode_tweets({"text": ["home " * 100]}, tokenizer, max_length=10)["input_ids"]
    assert len(ids[0]) == 10, "Truncate texts that are longer than max_length."
with rules("short texts"):
    ids = encode_tweets(two, tokenizer)["input_ids"]
    assert len(ids[0]) < len(encoded["input_ids"]), (
        "Short texts stay short: nothing is padded here."
    )
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
own_tokenizer = models.load_tokenizer(profile.checkpoint)
words = "so proud #happy @user it's 😭 unbelievable café Привет ёж ¡qué ))) rain http".split()
tweets = [" ".join(draw.choices(words, k=draw.randint(1, 14))) for _ in range(12)]
alone = [own_tokenizer(tweet) for tweet in tweets]

with rules("every text"):
    ids = encode_tweets({"text": tweets, "label": [0] * len(tweets)}, tokenizer)["input_ids"]
    assert len(ids) == len(tweets), "Encode all texts of the batch."
    for numbers, own in zip(ids, alone):
        assert list(numbers)[: len(own["input_ids"])] == own["input_ids"], (
            "These are not the tokenizer's numbers, special tokens included."
        )
with rules("fields"):
    for tweet, own in zip(tweets, alone):
        fields = encode_tweets({"text": [tweet], "label": [3]}, tokenizer)
        assert set(fields.keys()) == set(own.keys()), (
            "Return all of the tokenizer's fields and no others."
        )
        count = len(own["input_ids"]) - 2  # special tokens aside
        assert own["input_ids"][1] in fields["input_ids"][0], (
            "The numbers are not the tokenizer's."
        )
        for name in set(own) - {"input_ids"}:
            assert list(fields[name][0])[:count] == own[name][:count], (
                "A field differs from what the tokenizer gives."
            )
with rules("long texts"):
    known = [word for word in words if len(own_tokenizer.tokenize(word)) == 1]
    word = draw.choice(known)
    number = own_tokenizer(word)["input_ids"][1]
    for limit in (draw.randint(5, 20), 100):
        text = {"text": [f"{word} " * 200]}
        (numbers,) = encode_tweets(text, tokenizer, max_length=limit)["input_ids"]
        assert len(numbers) == limit, "Truncate to max_length."
        assert set(numbers[1:-1]) == {number}, "The tokens that are left are those of the text."
    assert len(encode_tweets({"text": ["home " * 200]}, tokenizer)["input_ids"][0]) == 60, (
        "Without another value, max_length is 60."
    )
with rules("short texts"):
    for tweet, own in zip(tweets, alone):
        ids = encode_tweets({"text": [tweet, "home " * 20]}, tokenizer)["input_ids"]
        assert own["input_ids"][1] in ids[0], "The numbers are not the tokenizer's."
        assert len(ids[0]) <= len(own["input_ids"]), "Every text keeps its own length."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# Now encode the whole dataset. `map` calls your function for one batch of tweets after the other; the text itself is no longer needed.

# %%
tokenized = dataset.map(
    encode_tweets,
    batched=True,
    fn_kwargs={"tokenizer": tokenizer},
    remove_columns=["text"],
)
tokenized["train"]

# %% [markdown]
# How long are the tweets, counted in tokens? The dashed line is the limit of 60.

# %% tags=["lesson"]
show.histogram([len(ids) for ids in tokenized["train"]["input_ids"]], "len(input_ids)", 60)

# %% [markdown]
# ## 4. What padding costs
#
# The model computes a whole batch at once, and for that all texts in it must have one length. So short ones are filled up with a special
# token, `[PAD]` or `<pad>`, and get a 0 in the attention mask. This is **padding**. You can do it in several ways:
#
# - `max_length`: every tweet is filled up to 60 tokens, once and for all. You can see this in many programs;
# - `longest`: every batch is filled up to its own longest tweet;
# - `sorted`: the same, after tweets of similar length have been put into one batch.
#
# The model ignores padding, but it has to compute it all the same.
#
# > 🤔 **Think first.** Look at the histogram. Which share of the tokens will be padding if every tweet is filled up to 60? How much time do
# > you expect to save?
#
# <details>
# <summary>Answer</summary>
#
# What counts is the mean length. If a tweet has 20 tokens on average, 40 of 60 are padding, two thirds; if it has 30, it is half. You can save at most
# that share of the time; really it is less, because batches of similar length still hold some padding. The next cells measure it.
#
# </details>
#
# We let the model read some tweets, padded in the three ways, and measure. It is loaded without a head; section 5 says what that means.

# %%
from transformers import AutoModel, AutoModelForSequenceClassification

body = AutoModel.from_pretrained(folder)

# %% tags=["lesson"]
costs = emotion.padding_cost(dataset["train"][:24]["text"], body, tokenizer, batch_size=8)
show.table(costs)

# %% [markdown]
# In `padding` you see the share of padding among the tokens. The answers of the model are the same in all three rows; only the work differs. In training every step computes first the answers (*forward pass*) and then the gradients (*backward pass*); padding costs in both, so about the same share is saved.
#
# A **data collator** makes a batch out of rows. This one pads to the longest tweet of the batch, and also renames `label` to `labels`, the name
# that the model expects:

# %%
data_collator = DataCollatorWithPadding(tokenizer)
batch = data_collator([tokenized["train"][i] for i in range(3)])
{name: tuple(values.shape) for name, values in batch.items()}

# %% [markdown]
# This is the shortest tweet of the three, as the model gets it. The zeros in `attention_mask` stand where the padding is:

# %% tags=["lesson"]
lengths = batch["attention_mask"].sum(dim=1)
row = {name: batch[name][lengths.argmin()].tolist() for name in ("input_ids", "attention_mask")}
show.examples(token=tokenizer.convert_ids_to_tokens(row["input_ids"]), **row)

# %% [markdown]
# ## 5. The model
#
# A transformer turns every token into a vector that depends on the whole text. Such a vector is called a **contextual embedding**: the row of the table of tokens, the embedding without context, is only where it begins. The model learned to make them from a great
# amount of text that nobody had to label. This is the **body** of the model, and `AutoModel` loads nothing else:

# %%
inputs = tokenizer(sentence, return_tensors="pt")
vectors = body(**inputs).last_hidden_state
vectors.shape

# %% [markdown]
# The three numbers are: texts, here one; tokens, special ones included; and the numbers in the vector of each token.
#
# ### Are these vectors enough?
#
# The body has been trained already. So why train it once more? Let us leave it as it is, *frozen*, take the mean of the vectors of each tweet, which `embed` of the unit `transformer` does, and put a logistic regression on top, as TF-IDF had in section 2. To be quick, both learn from 200 tweets and are measured on the validation data. The
# first number is the accuracy with vectors, the second one that with words:

# %% tags=["lesson"]
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

few, unknown = dataset["train"][:200], dataset["validation"][:]
means = [transformer.embed(rows["text"], body, tokenizer) for rows in (few, unknown)]
on_vectors = LogisticRegression(C=10, max_iter=1000).fit(means[0], few["label"])
on_words = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
on_words.fit(few["text"], few["label"])
on_vectors.score(means[1], unknown["label"]), on_words.score(unknown["text"], unknown["label"])

# %% [markdown]
# And with everything there is? We have measured that on the test data (accuracy):
#
# | training data | TF-IDF | frozen vectors | fine-tuned, as in section 7 |
# | --- | --- | --- | --- |
# | reduced version, 560 tweets in English, MiniLM | 0.48 | 0.65 | 0.73 |
# | TweetEval, 3257 tweets in English, MiniLM | 0.64 | 0.73 | 0.81 |
#
# The vectors know a great deal without having seen a single label of ours: they beat the counting of words by far. With fine-tuning it gets better still; only `multilingual-e5-small`, with 560 tweets in Russian or Spanish, gains nothing that could be seen in 200 test tweets. Why does fine-tuning help? A vector holds topic,
# style and mood all at once, and the regression can only weigh what is there. Fine-tuning changes the vectors themselves, so that they hold more of what we ask for.
#
# ### A head on top
#
# To sort texts into classes, a **classification head** is put on the body. First it makes one vector for the whole text: MiniLM and DistilBERT take that of
# `[CLS]`, which like all the others depends on the whole text; the `multilingual-e5-small` of this course puts two means over all tokens side by side, that after layer 8 and that after layer 12. From this vector it computes one number per class. These numbers are called **logits**; the class with the highest logit is the prediction. `AutoModelForSequenceClassification` loads the
# body and adds the head. So far this notebook has kept the library silent; now we let it speak:

# %% tags=["lesson"]
from transformers import logging

logging.set_verbosity_warning()
AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(label_names))
logging.set_verbosity_error()

# %% [markdown]
# This is no error. `MISSING` are the weights that the checkpoint does not have: they are *newly initialized*, that is,
# random. `classifier`, with DistilBERT `pre_classifier` as well, is the head, which nobody can have trained before, because it is made for our classes; with `multilingual-e5-small` there is also `standardize`, which
# will hold the mean and the spread of the vectors. `UNEXPECTED`, as with DistilBERT, are weights that the checkpoint has and this model does not need. If
# layers of the body were among the `MISSING`, you would have the wrong checkpoint.
#
# Random numbers follow from a **seed**, a number with which the generator starts: with the same seed you get the same head again. For this there is `set_seed`.
#
# We want the head to know the names of the classes, too. The course has this as a function; here it is, whole:

# %% reference="build_classifier"
from helpers.emotion import build_classifier

# %%
set_seed(profile.seed)
model = build_classifier(checkpoint, label_names)
# The body alone is no longer needed: its memory is free for training.
body = vectors = None
model(**inputs).logits.detach()

# %% [markdown]
# The body comes with what it has learned; the head knows nothing yet. To train both on our tweets is called **fine-tuning**. Only then does the vector of the text learn to gather what matters for our classes. How much of the body is trained is a setting: the less data there are, the more of its layers stay frozen. With a few hundred tweets in Russian or Spanish the upper two layers of `multilingual-e5-small` learn, and for the second task of this notebook only the head.
#
# ## 6. Metrics
#
# While it trains, the model is evaluated after every epoch. `Trainer` then calls a function of ours with two arrays:
#
# - `logits` of the shape $[n, k]$: $n$ tweets, $k$ classes;
# - `labels` of the shape $[n]$: the numbers of the right classes.
#
# Ready-made metrics are in the library `evaluate`. `evaluate.load("accuracy")` downloads a small program from the Hub; in the course `metrics.load` does the same with
# files that come along, so it works without a network:

# %% tags=["lesson"]
from helpers import metrics

metrics.load("accuracy").compute(predictions=[0, 0, 0, 1, 1], references=[0, 0, 1, 1, 2])

# %% [markdown]
# One such metric gives one number. We want two, and macro F1 over all classes, so we write a function of our own.
#
# ### Exercise 2: `compute_metrics` (4 points)
#
# ●●○ · about 10 minutes · a wrong metric is worse than none
#
# Write `compute_metrics(eval_pred)`. `eval_pred` is the pair `(logits, labels)`. Choose the class with the highest logit for every tweet and return
# accuracy and F1. For five tweets with the labels `[0, 0, 1, 1, 2]` and the predictions `[0, 0, 0, 1, 1]` that is:
#
# | $k$ | result |
# | --- | --- |
# | 3 classes | `{"accuracy": 0.6, "f1": 0.4333}`, F1 being the mean of `0.8`, `0.5`, `0` (here to four places) |
# | 4 classes | `{"accuracy": 0.6, "f1": 0.325}`, F1 being the mean of `0.8`, `0.5`, `0`, `0` |
#
# The rules:
#
# 1. **Fields.** You return a dictionary with `accuracy` and `f1` and nothing else. Both are numbers of Python's own type `float`, not of NumPy's.
# 2. **Accuracy.** It is the share of tweets whose class is right: in the example three of five.
# 3. **F1.** It is the mean of the F1 of all $k$ classes. With $r$ right predictions of a class, $p$ predictions of it and $l$ labels of it, its
#    F1 is $\frac{2r}{p + l}$. In the example class 1 has $r = 1$, $p = 2$, $l = 2$, so its F1 is `0.5`; a class without any right prediction counts 0.
# 4. **Absent classes.** $k$ is the number of columns of `logits`. A class that occurs neither in the predictions nor in the labels counts 0, such as
#    class 3 in the second row of the table.
#
# <details>
# <summary>Hint 1</summary>
#
# `np.argmax(logits, axis=-1)` gives the number of the best class. For the rest, `sklearn.metrics` has `accuracy_score` and `f1_score`. First come the labels, then the
# predictions.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Import both with `from sklearn.metrics import accuracy_score, f1_score`. Then `logits, labels = eval_pred`, `predictions = np.argmax(logits, axis=-1)` and
# `k = np.shape(logits)[-1]`. The numbers are `accuracy_score(labels, predictions)` and
# `f1_score(labels, predictions, labels=list(range(k)), average="macro", zero_division=0)`; wrap each of them in `float(…)`.
#
# </details>

# %% answer="compute_metrics"
from helpers.emotion import compute_metrics

# %% test="compute_metrics" points=4
rules = Rules({"fields": 1, "accuracy": 1, "F1": 1, "absent classes": 1})
three, four = np.eye(3)[[0, 0, 0, 1, 1]], np.eye(4)[[0, 0, 0, 1, 1]]
five_labels = np.array([0, 0, 1, 1, 2])
with rules("fields"):
    scores = compute_metrics((four, five_labels))
    assert set(scores) == {"accuracy", "f1"}, "Return the two fields of the table."
    assert {type(score) for score in scores.values()} == {float}, (
        "Return numbers of type float."
    )
with rules("accuracy"):
    accuracy = compute_metrics((four, five_labels))["accuracy"]
    assert abs(accuracy - 0.6) < 1e-6, "Three of the five tweets are right."
with rules("F1"):
    assert abs(compute_metrics((three, five_labels))["f1"] - 1.3 / 3) < 1e-6, (
        "F1 is the mean over the classes: each of them weighs the same."
    )
with rules("absent classes"):
    assert abs(compute_metrics((four, five_labels))["f1"] - 0.325) < 1e-6, (
        "Each column of logits is a class: one that does not occur counts 0."
    )
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
rng = np.random.default_rng(draw.randrange(10**6))


def drawn(rows, classes, absent=()):
    """Logits and labels; all classes occur among the labels but those that are absent everywhere."""
    present = [one for one in range(classes) if one not in absent]
    some = rng.choice(present, size=rows, p=rng.dirichlet(np.ones(len(present))))
    logits = rng.normal(size=(rows + len(present), classes)) - draw.uniform(0, 9)
    logits[:, list(absent)] -= 100
    return logits, np.concatenate([present, some])


with rules("fields"):
    right, wrong = (
        compute_metrics((np.eye(2)[[0, 1]], np.array(two))) for two in ([0, 1], [1, 0])
    )
    assert right != wrong, "The numbers depend on the predictions."
    for scores in (right, wrong):
        assert set(scores) == {"accuracy", "f1"}, "Return the two fields of the table."
        assert all(type(score) is float for score in scores.values()), (
            "The numbers must be of the type float."
        )
cases = [drawn(40, 3), drawn(200, 4), drawn(25, 7), drawn(1, 2)]
with rules("accuracy"):
    for case in cases:
        expected = emotion.compute_metrics(case)["accuracy"]
        assert abs(compute_metrics(case)["accuracy"] - expected) < 1e-6, (
            "Accuracy is the share of tweets whose class is right."
        )
with rules("F1"):
    for case in cases:
        expected = emotion.compute_metrics(case)["f1"]
        assert abs(compute_metrics(case)["f1"] - expected) < 1e-6, (
            "F1 is the mean over the classes, rare ones included."
        )
with rules("absent classes"):
    for case in (drawn(30, 5, absent=[draw.randrange(5)]), drawn(60, 6, absent=[0, 5])):
        expected = emotion.compute_metrics(case)["f1"]
        assert abs(compute_metrics(case)["f1"] - expected) < 1e-6, (
            "A class that does not occur at all counts 0."
        )
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# > 🤔 **Think first.** Swap labels and predictions in your function. Which of the two numbers changes? Look at the formula: what happens if $p$ and $l$ trade
# > places?
#
# <details>
# <summary>Answer</summary>
#
# Neither of them. With precision and recall it would be another story: they would trade places, and nobody would notice.
#
# </details>

# %% [markdown]
# ## 7. Training
#
# Everything that `Trainer` has to know about the training stands in `TrainingArguments`. Their values come from `profile`: the course has tried out which ones suit
# the data.

# %%
arguments = TrainingArguments(
    output_dir=f"{work}/checkpoints",
    num_train_epochs=profile.epochs,
    per_device_train_batch_size=profile.batch_size,
    learning_rate=profile.learning_rate,
    lr_scheduler_type=profile.schedule,
    warmup_steps=profile.warmup,
    weight_decay=profile.weight_decay,
    train_sampling_strategy="sequential",
    logging_strategy="epoch",
    save_strategy="no",
    report_to="none",
    bf16=models.precision() == "bf16",
    seed=profile.seed,
)

# %% [markdown]
# | argument | what it says |
# | --- | --- |
# | `output_dir` | where checkpoints go |
# | `num_train_epochs` | how many **epochs** there are: in each of them the model reads all the training data once |
# | `per_device_train_batch_size` | how many tweets make a batch. After each batch comes a **step**: the weights are changed a little, so that the loss gets smaller |
# | `learning_rate` | the **learning rate**: how far a step goes. Too far, and the model forgets what it knew; not far enough, and it learns nothing |
# | `lr_scheduler_type` | the **scheduler**, which changes the learning rate on the way; with `linear` it falls in a straight line to zero |
# | `warmup_steps` | the part at the beginning in which the learning rate first rises; 0.1 is a tenth of all steps |
# | `weight_decay` | how strongly weights are pulled towards zero, so that none grows too large |
# | `train_sampling_strategy` | in which order the tweets come; `sequential`: as they stand in the data (we order them ourselves, see below) |
# | `logging_strategy` | when the mean loss is written down |
# | `save_strategy` | when the model is stored as a checkpoint; `no`: never |
# | `report_to` | which service gets the progress of the training; `none`: none of them |
# | `bf16` | whether to compute with 16 bits instead of 32, where the graphics card can |
# | `seed` | the seed for everything that chance decides in the training |
#
# So far nobody looks at the model while it trains. We let it be evaluated after every epoch and stored each time. At the end `Trainer` loads the
# epoch whose loss on the validation data was the lowest: `load_best_model_at_end`. Of the checkpoints it keeps the best and the last, without the state of the
# optimizer. After you hand in, the training ends after a few steps of the first epoch, `max_steps`, and there is nothing to choose from.

# %%
if profile.max_steps:
    arguments = replace(arguments, max_steps=profile.max_steps)
else:
    arguments = replace(
        arguments,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        save_total_limit=1,
        save_only_model=True,
    )

# %% [markdown]
# Three helpers of the course adapt the training to small data and small machines:
#
# - `training.adapt(model, profile)` freezes the table of embeddings and the lower layers, as many as `profile.frozen_layers` says: their weights stay as they are, and a step is cheaper.
#   It may also switch off the **dropout** of attention. Dropout sets some numbers to zero by chance during training, so that the model does not rely on any single one. The function changes the model that it gets, and returns nothing.
# - `training.make_optimizer(profile, model)` makes the *optimizer*, which carries out the steps: AdamW, which `Trainer` would take as well. But here `learning_rate` holds for the
#   head only; from each layer to the one below, the rate is multiplied by `profile.layer_decay`: what the lower layers know is more general, so it should change less.
# - `training.by_length(tokenized["train"], profile.batch_size)` puts tweets of similar length into one batch, as you saw in section 4, and the batches in random order. It returns the ordered data.
#
# ### Exercise 3: train the model (5 points)
#
# ●○○ · about 10 minutes, plus the training
#
# Everything is ready; put it together. Create a fresh model with `build_classifier(checkpoint, label_names)`, adapt it, make a `Trainer` that is called `trainer`, and train it.
#
# `Trainer` takes all of this by name:
#
# | argument | what it is |
# | --- | --- |
# | `model` | your model, after `training.adapt` |
# | `args` | `arguments` from above |
# | `train_dataset` | the tokenized training data, ordered with `training.by_length` |
# | `eval_dataset` | the tokenized validation data |
# | `data_collator` | the collator from above |
# | `compute_metrics` | your function |
# | `optimizers` | a pair of optimizer and scheduler; with `None` in the second place it makes the scheduler itself |
#
# The rules:
#
# 1. **Learned.** The accuracy of the model is at least `profile.floor`. The test below measures it on a hundred tweets of the *training* data, with `trainer.evaluate`,
#    and prints both numbers: a model that has learned nothing fails already there. After you hand in, the cell is run again with fewer steps and a lower floor, and the
#    weights of `trainer.model` are measured on tweets that nobody in this course has seen, too.
# 2. **All the data.** The model has trained on all the training data and is evaluated on all the validation data. A model that has not learned has no use
#    for them, so it does not get this point either.
#
# <details>
# <summary>Hint 1</summary>
#
# Four statements are enough: make the model, adapt it, make the trainer, call `trainer.train()`. Functions are passed on without brackets behind
# their name.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# First `model = build_classifier(checkpoint, label_names)` and `training.adapt(model, profile)`. Then `trainer = Trainer(model=model, args=arguments, …)`, and instead of the dots
# `train_dataset=training.by_length(tokenized["train"], profile.batch_size)`, `eval_dataset=tokenized["validation"]`, `data_collator=data_collator`, `compute_metrics=compute_metrics`,
# `optimizers=(training.make_optimizer(profile, model), None)`. Last, `trainer.train()`.
#
# </details>

# %% answer="training"
### BEGIN SOLUTION
set_seed(profile.seed)
model = build_classifier(checkpoint, label_names)
training.adapt(model, profile)
trainer = Trainer(
    model=model,
    args=arguments,
    train_dataset=training.by_length(tokenized["train"], profile.batch_size),
    eval_dataset=tokenized["validation"],
    data_collator=data_collator,
    compute_metrics=compute_metrics,
    optimizers=(training.make_optimizer(profile, model), None),
)
trainer.train()
### END SOLUTION

# %% test="training" points=5
rules = Rules({"learned": 4, "all the data": 1})
with rules("learned"):
    assert trainer.state.global_step > 0, "The trainer has not trained: call trainer.train()."
    reached = trainer.evaluate(tokenized["train"].select(range(100))).get("eval_accuracy")
    assert reached is not None, (
        "The trainer does not measure accuracy: give it your function as compute_metrics."
    )
    print(reached, ">=", profile.floor)
    assert reached >= profile.floor, (
        "Accuracy is below the floor: is the model adapted, are the optimizers given?"
    )
with rules("all the data"):
    assert len(trainer.train_dataset) == len(dataset["train"]), (
        "Train on all the training data."
    )
    assert len(trainer.eval_dataset) == len(dataset["validation"]), (
        "Evaluate on all the validation data."
    )
### BEGIN HIDDEN TESTS
from course import unseen


@cache
def reached_on_unseen():
    own_tokenizer = models.load_tokenizer(profile.checkpoint)
    own_data = data.load(profile.dataset, "samples", profile.locale)
    names = own_data["train"].features["label"].names
    judged = unseen.with_weights_of(
        trainer.model, emotion.build_classifier(profile.checkpoint, names)
    )
    rows = unseen.rows("emotion", profile.data_language)
    found = emotion.predict_emotions([row["text"] for row in rows], judged, own_tokenizer)
    return np.mean([name == row["label_text"] for name, row in zip(found, rows)])


with rules("learned"):
    assert reached_on_unseen() >= profile.floor, (
        "Accuracy on tweets that nobody has seen is below the floor of the profile."
    )
with rules("all the data"):
    assert reached_on_unseen() >= profile.floor, "The model has not learned from the data."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# How did it go, epoch by epoch?

# %% tags=["lesson"]
show.history(trainer)

# %% [markdown]
# If `eval_loss` rises while `loss` keeps falling, the model has begun to learn the training data by heart. That is called **overfitting**. A remedy is to go back to
# where `eval_loss` was lowest; `load_best_model_at_end` has done that. After which step was it, and how low?

# %% tags=["lesson"]
trainer.state.best_global_step, trainer.state.best_metric

# %% [markdown]
# If that is the last step, the model could perhaps have learned more.
#
# ### Better than the baselines?
#
# Now the test data: only for measuring, never for deciding.

# %% tags=["lesson"]
output = trainer.predict(tokenized["test"])
trained = compute_metrics((output.predictions, output.label_ids))
show.table(baselines | {"transformer": trained})

# %% [markdown]
# ### Where is it wrong?
#
# In the **confusion matrix** each row is a right class and each column a predicted one; the numbers count tweets. What lies on the
# diagonal is right. Which two classes does the model mix up most often? How does the rarest class fare?

# %% tags=["lesson"]
predicted = output.predictions.argmax(axis=-1)
show.confusion(
    [named[i] for i in output.label_ids],
    [named[i] for i in predicted],
    named,
)

# %% [markdown]
# And these are the worst errors: wrong predictions of which the model was most certain. `score` is the **softmax** of the logits: it turns them into probabilities, $\frac{e^{z_i}}{\sum_j e^{z_j}}$. Is it always the model that is wrong? What would it need to know to get them right?

# %% tags=["lesson"]
worst = emotion.worst_errors(output.predictions, output.label_ids, count=8)
show.examples(
    text=[dataset["test"][row]["text"] for row, _ in worst],
    label=[named[output.label_ids[row]] for row, _ in worst],
    prediction=[named[predicted[row]] for row, _ in worst],
    score=[f"{score:.2f}" for _, score in worst],
)

# %% [markdown]
# ## 8. Any text
#
# `Trainer` is made for datasets. To use the model we want a plain function: texts in, names out.
#
# ### Exercise 4: `predict_emotions` (5 points)
#
# ●●○ · about 20 minutes · the function that turns your model into a tool
#
# Write `predict_emotions(texts, model, tokenizer)`. It takes a list of texts and returns a list with the name of the best class of each text. For a model
# that knows its job the result is:
#
# | `texts` | result |
# | --- | --- |
# | a list of two texts: “What a day!!! 🎉”, “I miss him so much” | `["joy", "sadness"]` |
# | `[]` | `[]` |
# | a string: “What a day!!! 🎉” | `TypeError` |
#
# The rules:
#
# 1. **Every text.** There is one name per text, in the order of the texts; no texts, no names. A name does not depend on the texts beside it: the model gets the
#    attention mask, so that it ignores the padding.
# 2. **Batches.** The texts go through the model in batches of 32: a thousand at once would need too much memory, one at a time too much time.
# 3. **Long texts.** Texts are truncated to 60 tokens, as in training.
# 4. **Names.** They come from `model.config.id2label`, so the function works for other classes, too.
# 5. **Mode.** The model is in evaluation mode, even if it was not before, and no gradients are computed.
# 6. **Strings.** If `texts` is a string and not a list, raise `TypeError`. Otherwise the string would be read letter by letter, without any message.
#
# <details>
# <summary>Hint 1</summary>
#
# `range(0, len(texts), 32)` gives the beginnings of the batches. Call the tokenizer with `padding=True`, `truncation=True`, `max_length=60` and
# `return_tensors="pt"`, and pass everything that it gives to the model: `model(**batch)`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# First `import torch`, `if isinstance(texts, str): raise TypeError(…)`, `model.eval()` and `names = []`. In the loop `for start in range(0, len(texts), 32):` a batch is
# `tokenizer(texts[start : start + 32], padding=True, truncation=True, max_length=60, return_tensors="pt")`; move it to the model with `.to(model.device)`.
# Inside `with torch.no_grad():` compute `best = model(**batch).logits.argmax(dim=-1)`, then `names += [model.config.id2label[i] for i in best.tolist()]`.
#
# </details>

# %% answer="predict_emotions"
from helpers.emotion import predict_emotions

# %% [markdown]
# How can the function be tested if every training gives a slightly different model? With a model that we write ourselves: `models.keyword_classifier`
# is a real BERT that takes the class for which most words of a text vote. We choose the words.

# %% test="predict_emotions" points=5
rules = Rules(
    {"every text": 1, "batches": 1, "long texts": 1, "names": 0.5, "mode": 1, "strings": 0.5}
)
mine = ["party", "miss"]
chosen = [label_names[1], label_names[-1]]
voter = models.keyword_classifier(dict(zip(mine, chosen)), tokenizer, label_names)
with rules("every text"):
    found = predict_emotions([f"{mine[0]} !!! 🎉", f"so so so {mine[1]}"], voter, tokenizer)
    assert found == chosen, (
        "These are not the classes for which the words vote, or padding was not ignored."
    )
    try:
        found = predict_emotions([], voter, tokenizer)
    except Exception:
        found = None
    assert found == [], "No texts, no names: an empty list gives an empty list."
with rules("strings"):
    try:
        found = predict_emotions(f"{mine[0]} !!! 🎉", voter, tokenizer)
    except TypeError:
        found = TypeError
    assert found is TypeError, "A bare string must raise a TypeError."
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
own_tokenizer = models.load_tokenizer(profile.checkpoint)
own_data = data.load(profile.dataset, "samples", profile.locale)
emotions = own_data["train"].features["label"].names
votes = dict(zip(["angry", "party", "soon", "miss"], emotions))
chosen = [draw.choice(list(votes)) for _ in range(draw.randint(290, 310))]
tweets = [f"{word} {'and so on ' * draw.choice([0, 0, 1, 9])}" for word in chosen]


def watched(too_much):
    """A model that fails where `too_much` says so of the sizes of the batches so far."""
    sizes = []

    def look(module, arguments, inputs):
        sizes.append(
            inputs["input_ids"].shape[0] if "input_ids" in inputs else len(arguments[0])
        )
        if too_much(sizes):
            raise RuntimeError

    model = models.keyword_classifier(votes, own_tokenizer, emotions)
    model.register_forward_pre_hook(look, with_kwargs=True)
    return model


def answered(texts, model):
    """What the answer says; None if the model was asked for what it refuses."""
    try:
        return predict_emotions(texts, model, own_tokenizer)
    except RuntimeError:
        return None


def with_gradients(sizes):
    import torch

    return torch.is_grad_enabled()


with rules("every text"):
    model = models.keyword_classifier(votes, own_tokenizer, emotions)
    found = predict_emotions(tweets, model, own_tokenizer)
    assert len(found) == len(tweets), "Return one name per text."
    assert found == [votes[word] for word in chosen], (
        "The names are wrong, or not in the order of the texts, or padding was not ignored."
    )
with rules("batches"):
    texts = ["party", "miss"] * 150
    found = answered(texts, watched(lambda sizes: max(sizes) > 128 or len(sizes) > 60))
    assert found is not None, "Go through the model in batches of 32."
    assert set(found) == {votes["party"], votes["miss"]}, "Return the names of the classes."
with rules("long texts"):
    model = models.keyword_classifier(votes, own_tokenizer, emotions)
    for text, name in [
        ("so " * 20 + "miss " + "so " * 38 + "party " * 9, votes["miss"]),
        ("party " + "so " * 700, votes["party"]),
    ]:
        assert predict_emotions([text], model, own_tokenizer) == [name], (
            "Truncate the texts to 60 tokens."
        )
with rules("names"):
    feelings = {"soon": "disgust", "party": "surprise"}
    model = models.keyword_classifier(feelings, own_tokenizer, ["fear", "surprise", "disgust"])
    found = predict_emotions(["?", "soon", "party"], model, own_tokenizer)
    assert found == ["fear", "disgust", "surprise"], (
        "The names of the classes come from the model."
    )
with rules("mode"):
    texts = [draw.choice(["angry", "party"]) for _ in range(30)]
    noisy = models.keyword_classifier(votes, own_tokenizer, emotions, dropout=0.9)
    found = predict_emotions(texts, noisy.train(), own_tokenizer)
    assert found == [votes[word] for word in texts], (
        "Put the model into evaluation mode: model.eval()."
    )
    found = answered(texts, watched(with_gradients))
    assert found == [votes[word] for word in texts], "Compute no gradients."
with rules("strings"):
    model = models.keyword_classifier(votes, own_tokenizer, emotions)
    assert predict_emotions(["miss"], model, own_tokenizer) == [votes["miss"]], (
        "A list of texts must raise no error."
    )
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# Now your own texts! Change the sentences and find one in which the model is wrong. Try a word with two meanings, a quotation, an emoji alone.

# %% tags=["lesson"]
mine = [
    "Front row tickets for Saturday, I can't stop dancing round the kitchen!",
    "Two hours in the queue and then they close the counter in my face.",
    "The sofa is so big without the dog on it.",
    "It went wrong again, but every time it goes wrong a little later. We will get there.",
]
moods = predict_emotions(mine, trainer.model, tokenizer)
show.examples(text=mine, prediction=moods)

# %% [markdown]
# ### Save it and use it anywhere
#
# `save_pretrained` makes a checkpoint of your model: weights, settings and the names of the classes go into a folder, and the tokenizer beside them. Whoever has the folder needs nothing else of this notebook, with one exception: for a model made from `multilingual-e5-small` of the course, `import helpers.pooling` comes first, because the head that takes the means is not in transformers. A `pipeline` puts together what you have done by hand: tokenizer, model, softmax, name.

# %% tags=["lesson"]
from transformers import pipeline

saved = f"{work}/emotions"
trainer.model.save_pretrained(saved)
tokenizer.save_pretrained(saved)
classify = pipeline("text-classification", model=saved, tokenizer=saved)
classify(mine, truncation=True, max_length=60)

# %% [markdown]
# The same names as in the table above? This folder is deleted when the kernel stops. To keep your model, put another folder in its place, for example `"my-emotions"`, and in Colab download it or put it on your Drive.
#
# ### Does it hear irony?
#
# One and the same complaint, said four times. The numbers are the softmax of the logits, as in the worst errors: how sure the model is of each class.

# %% tags=["lesson"]
mine = [
    "They cancelled my train again.",
    "They cancelled my train again :(",
    "They cancelled my train again :)",
    "Wonderful, they cancelled my train again. Thank you so much!",
]
sure = emotion.probabilities(mine, trainer.model, tokenizer)
show.table({text: dict(zip(named, row)) for text, row in zip(mine, sure)})

# %% [markdown]
# > 🤔 **Think first.** Follow the column of joy from row to row. What moves it, and is the model right?
#
# <details>
# <summary>Answer</summary>
#
# Nobody is happy when a train is cancelled. But smiles, *wonderful* and *thank you* stand mostly in happy tweets, so they may push joy up even here; how far
# depends on your model, which has had a few hundred tweets to learn from. To hear irony it would have to compare what is said with what has
# happened. If a sign moves nothing, the model has seen too few of them, or its vocabulary does not know it.
#
# </details>
#
# ## 9. Another question, the same recipe
#
# You have a recipe now: encode, build a model, train, measure. Does it work for another question? The next dataset is about **stance**: does
# the author of a tweet regard climate change as a real problem?
#
# - `favor`: yes, they are worried, or call for something to be done;
# - `against`: no, they deny it or think it exaggerated, or reject what is done about it;
# - `none`: the tweet takes no side, or is about something else.

# %%
stance = data.load("tweet_eval/stance_climate", profile.data, profile.locale)
stance_names = stance["train"].features["label"].names
stance

# %% tags=["lesson"]
rows = stance["train"][:8]
show.examples(text=rows["text"], label=[stance_names[i] for i in rows["label"]])

# %% tags=["lesson"]
counts = np.bincount(stance["train"]["label"], minlength=len(stance_names)).tolist()
show.bars(dict(zip(stance_names, counts)), "train")

# %% [markdown]
# Every tweet ends with the same hashtag, #SemST: it was added when the data were collected and says nothing. There are fewer tweets than before, also of
# the rarest class.
#
# > 🤔 **Think first.** A stance is not an emotion. Can you be for something angrily, and against it cheerfully? Would the model that you have just trained be of
# > any use here?
#
# <details>
# <summary>Answer</summary>
#
# You can: whoever is furious that nothing is done about the climate is for it, and whoever cheerfully mocks climate protection is against it. So an emotion does not tell the
# stance. The head of your model would be of no use, for it knows only emotions. Its body has read tweets and might be a good beginning; here we begin with the
# body of the checkpoint again, as before.
#
# </details>

# %% [markdown]
# ### Exercise 5: `train_stance` (5 points)
#
# ●●● · about 25 minutes · if you can do it again, you have understood it
#
# Write `train_stance(dataset, checkpoint)`: everything that you have done so far, in one function. Only the best epoch need not be looked for: the last one is good enough, so nothing is evaluated or stored on the way. `dataset` has the splits `train`, `validation` and `test`, each with `text` and
# `label`. `checkpoint` is the name of a model. Return a pair: the trainer, which has trained, and its scores on the test split. For example:
#
# | what | value |
# | --- | --- |
# | `trainer` | a `Trainer` that has run |
# | `scores` | `{"accuracy": 0.71, "f1": 0.64}` |
#
# The rules:
#
# 1. **Classes.** Their number and their names come from the data: `dataset["train"].features["label"].names`. The function must also work with two classes or
#    with five, even if no tweet has one of them.
# 2. **Learned.** The tokenizer and the model belong to `checkpoint`, the model is a fresh one, and `trainer.train()` has trained it. Of new texts
#    in three classes it gets at least 60 % right.
# 3. **Splits.** Train on all of `train`, with `validation` as the data for the evaluation, so that `trainer.evaluate()` can measure there later. As before, this point needs a model that has learned.
# 4. **Settings.** They come from `profiles.load("stance", checkpoint=checkpoint)`: so small a dataset needs other ones. The profile is the one that you chose at the top. Its `max_steps` does not matter here.
# 5. **Scores.** The second of the pair is a dictionary with `accuracy` and `f1`: those on `test`, as your `compute_metrics` counts them.
#
# <details>
# <summary>Hint 1</summary>
#
# Go through the notebook from section 3 on and collect the lines: tokenizer, `dataset.map` with your `encode_tweets`, model, `TrainingArguments`, `Trainer`, and `trainer.train()`. Use the
# arguments of your function, not the variables of the notebook. For `output_dir` a folder that vanishes is enough: `with TemporaryDirectory() as output_dir:`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Begin with `profile = profiles.load("stance", checkpoint=checkpoint)`, `tokenizer = AutoTokenizer.from_pretrained(models.fetch(checkpoint))` and
# `names = dataset["train"].features["label"].names`. Then `encoded = dataset.map(encode_tweets, batched=True, fn_kwargs={"tokenizer": tokenizer}, remove_columns=["text"])`,
# `model = build_classifier(checkpoint, names)` and `training.adapt(model, profile)`. Now `with TemporaryDirectory() as output_dir:`, and inside it
# `arguments = TrainingArguments(output_dir=output_dir, num_train_epochs=profile.epochs, …)`, at the dots the lines of section 7 from `per_device_train_batch_size` to `seed`; the trainer as in exercise 3, with
# `train_dataset=training.by_length(encoded["train"], profile.batch_size)`, `eval_dataset=encoded["validation"]` and `data_collator=DataCollatorWithPadding(tokenizer)`; and `trainer.train()`.
# After the training, `result = trainer.evaluate(encoded["test"])` is a dictionary; return `trainer, {"accuracy": result["eval_accuracy"], "f1": result["eval_f1"]}`.
#
# </details>

# %% answer="train_stance"
from helpers.emotion import train_stance

# %% [markdown]
# The tests try your function on a handful of texts, so they are quick.

# %% test="train_stance" points=5
rules = Rules({"classes": 1, "learned": 1, "splits": 1, "settings": 1, "scores": 1})
few = data.load("tweet_eval/stance_climate", "samples", profile.locale)
few = few.filter(lambda row, number: number < 12, with_indices=True)


def pair(returned):
    is_pair = isinstance(returned, (tuple, list)) and len(returned) == 2
    assert is_pair and not isinstance(returned[0], dict), (
        "Return a pair: first the trainer, then the scores."
    )
    return returned


trained_on_few = cache(lambda: train_stance(few, profile.checkpoint))
with rules("classes"):
    labels = pair(trained_on_few())[0].model.config.num_labels
    assert labels == 3, "The model must have one output per class."
with rules("learned"):
    steps = pair(trained_on_few())[0].state.global_step
    assert steps > 0, "The trainer has not trained: call trainer.train()."
with rules("splits"):
    assert len(pair(trained_on_few())[0].train_dataset) == 12, "Train on all the training data."
with rules("scores"):
    assert set(pair(trained_on_few())[1]) == {"accuracy", "f1"}, (
        "Call the scores accuracy and f1, and return no others."
    )
trained_on_few.cache_clear()
### BEGIN HIDDEN TESTS
import os
import random

from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from course import unseen

draw = random.Random(os.environ.get("CLASS_SEED", ""))
own = profiles.load(
    "stance",
    profile.name,
    data_language=profile.data_language,
    checkpoint=profile.checkpoint,
)
own_tokenizer = models.load_tokenizer(profile.checkpoint)
topics = [
    "rain umbrella storm wet cloud".split(),
    "bread soup cheese pizza dinner".split(),
    "guitar song piano drums concert".split(),
]
stances = ["none", "against", "favor"]


def sentences(count, numbers=(0, 1, 2), turn=0):
    """Rows about each topic by turns, labelled by its place in `numbers`, moved on by `turn`."""
    rows = []
    for row in range(count):
        some = draw.sample(topics[row % 3], 3)
        text = f"{some[0]} and {some[1]} with {some[2]}"
        rows.append({"text": text, "label": numbers[(row + turn) % 3]})
    return rows


def splits(names, **rows):
    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    return DatasetDict({k: Dataset.from_list(v, features=features) for k, v in rows.items()})


# The labels for validation are wrong: its scores cannot be mistaken for those of the test split.
small = splits(
    stances,
    train=sentences(48),
    validation=sentences(6, turn=1),
    test=sentences(27 + draw.randrange(6)),
)
names = draw.sample(["rain", "food", "music", "never"], 4)
absent = draw.randrange(3)
places = [place for place in range(4) if place != absent]
other = splits(names, **{s: sentences(6, places) for s in ("train", "validation", "test")})
trained_on_small = cache(lambda: train_stance(small, profile.checkpoint))


@cache
def judged():
    like = emotion.build_classifier(profile.checkpoint, stances)
    return unseen.with_weights_of(pair(trained_on_small())[0].model, like)


def measured(rows):
    texts = [row["text"] for row in rows]
    found = emotion.predict_emotions(texts, judged(), own_tokenizer)
    logits = np.eye(3)[[stances.index(name) for name in found]]
    return emotion.compute_metrics((logits, [row["label"] for row in rows]))


with rules("classes"):
    config = pair(train_stance(other, profile.checkpoint))[0].model.config
    assert config.num_labels == 4, "The number of classes comes from the data."
    assert [config.id2label[i] for i in range(4)] == names, (
        "The names of the classes come from the data."
    )
with rules("learned"):
    assert measured(sentences(30))["accuracy"] >= 0.6, (
        "The model has not learned: is the training complete?"
    )
with rules("splits"):
    assert len(pair(trained_on_small())[0].train_dataset) == 48, (
        "Train on all the training data."
    )
    assert len(pair(trained_on_small())[0].eval_dataset) == 6, (
        "Evaluate on all the validation data."
    )
    assert measured(sentences(30))["accuracy"] >= 0.6, (
        "The model has not learned from the data."
    )
with rules("settings"):
    arguments = pair(trained_on_small())[0].args
    assert arguments.per_device_train_batch_size == own.batch_size, (
        "The batch size is not that of the profile for this task."
    )
    assert arguments.learning_rate == own.learning_rate, (
        "The learning rate is not that of the profile for this task."
    )
    assert judged() is not None, "The trainer has no model."
with rules("scores"):
    scores, expected = pair(trained_on_small())[1], measured(list(small["test"]))
    assert set(scores) == {"accuracy", "f1"}, (
        "Call the scores accuracy and f1, and return no others."
    )
    for name in expected:
        assert abs(scores[name] - expected[name]) < 1e-6, (
            "The scores must be those on the test split."
        )
trained_on_small.cache_clear()
judged.cache_clear()
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# Now for real, with all the data. The baselines are measured again, on the test data of the new dataset.

# %% tags=["lesson"]
stance_trainer, stance_scores = train_stance(stance, checkpoint)
guesses = emotion.baseline_predictions(stance["train"], stance["test"]["text"])
right = list(stance["test"]["label"])
stance_baselines = {
    name: compute_metrics((np.eye(len(stance_names))[guess], right))
    for name, guess in guesses.items()
}
show.table(stance_baselines | {"transformer": stance_scores})

# %% [markdown]
# Compare the two columns of the first row: again the model that says one and the same class every time looks better by accuracy than by F1.

# %% tags=["lesson"]
predicted_stances = predict_emotions(
    list(stance["test"]["text"]), stance_trainer.model, tokenizer
)
show.confusion([stance_names[i] for i in right], predicted_stances, stance_names)

# %% [markdown]
# Your `predict_emotions` has predicted stances: the names come from the model, so it works for every classifier of texts.
#
# ### How much can forty tweets decide?
#
# The accuracy was measured on few tweets, and with others it would be another one. If the model gets the share $p$ of *all* tweets right, then 95 of 100 samples of $n$ tweets
# give a share between about $p - m$ and $p + m$, with $m = 1.96 \sqrt{p (1 - p) / n}$. This is called a **confidence interval**. Here it is for the accuracy that you have measured, with
# as many tweets as in the validation data, as in the test data, and with 10,000:

# %% tags=["lesson"]
p = stance_scores["accuracy"]
sizes = [len(stance["validation"]), len(stance["test"]), 10_000]
margins = [1.96 * (p * (1 - p) / n) ** 0.5 for n in sizes]
show.examples(
    n=sizes, low=[f"{p - m:.2f}" for m in margins], high=[f"{p + m:.2f}" for m in margins]
)

# %% [markdown]
# With 40 tweets the interval is about 30 percentage points wide, and one tweet makes 2.5 of them. Whether one learning rate is better than another cannot be seen there, unless the difference is
# huge. Four times as many tweets halve the interval, no more. F1 of a rare class hangs on a handful of tweets and is less certain still.
#
# Write some opinions of your own. Can you confuse the model with a sentence that uses the words of one side and has the opinion of the other?

# %% tags=["lesson"]
mine = [
    "Every roof on this street could have solar panels by next summer.",
    "My heating bill doubled because some minister wants to save the planet.",
    "Climate crisis? In my day we called it weather.",
    "Does anybody know a good bakery near the station?",
]
opinions = predict_emotions(mine, stance_trainer.model, tokenizer)
show.examples(text=mine, prediction=opinions)

# %% [markdown]
# ## 10. Make it better
#
# ### Question 1: what helped? (2 points)
#
# Improve your model for emotions. Change one thing at a time and compare accuracy and F1 on the **validation** data: test data are only for measuring, never for
# deciding. Some ideas, by their names in `profile`:
#
# - `learning_rate`, `batch_size` and `epochs`: how far a step goes, how many tweets it takes, and how often all of them are read;
# - `frozen_layers`: how many of the lower layers are not trained;
# - `layer_decay`: a layer's learning rate as a part of that of the layer above it; with `1.0` all learn at the same rate;
# - `label_smoothing`, for example `0.1`: the model is not asked to be entirely certain.
#
# These are the values that you have now:

# %% tags=["lesson"]
shown = ["learning_rate", "batch_size", "epochs"]
shown += ["frozen_layers", "layer_decay", "label_smoothing"]
show.examples(profile=shown, value=[getattr(profile, name) for name in shown])

# %% [markdown]
# This is how you start a training with another learning rate. A fresh model gets a random head, so without `set_seed` two variants would differ even where you have
# changed nothing. `training.make_trainer` does in one call what you have written in section 7, except that it keeps the last epoch and not the best; the other units of the course use it as well.
#
# ```python
# from dataclasses import replace
#
# settings = replace(profile, learning_rate=profile.learning_rate / 2)
# set_seed(settings.seed)
# variant = training.make_trainer(
#     settings,
#     emotion.build_classifier(checkpoint, label_names),
#     tokenizer,
#     train_dataset=tokenized["train"],
#     eval_dataset=tokenized["validation"],
#     data_collator=data_collator,
#     compute_metrics=compute_metrics,
# )
# variant.train()
# variant.evaluate()
# ```
#
# How much is chance? In the reduced version (`offline`) there are a hundred tweets to validate with: one more correct tweet raises accuracy by a percentage point. Put your trainings into new cells below this text, and comment them out before you hand in: your table stays, and nobody waits for them again. Train three variants first in which nothing is changed but the seed: `replace(profile, seed=13)`, and then 14 and 15. How far they lie apart is what chance can do here. A change has helped if it moves the scores by
# clearly more than that; with less, all you can say is that these data do not show it. That is an answer, too.
#
# Copy this table into the cell below and fill it in, one row for each variant, with at least two changes. Then say in three to five sentences what you can see and what you cannot, and
# why you think that is so.
#
# ```markdown
# | variant | accuracy | f1 |
# | --- | --- | --- |
# | seed=13 | | |
# | seed=14 | | |
# | seed=15 | | |
# | learning_rate / 2 | | |
# | | | |
# ```
#
# Another checkpoint from the [Hub](https://huggingface.co/models) is worth a try, too, for example one that has read many tweets. Your `train_stance` takes its name: with
# `variant, _ = train_stance(stance, "…")` you train it, and `variant.evaluate()` measures it on the validation data of the stances. That is another task, so its scores do not belong in the table.
#
# - 1 point: the table is complete, with both scores of the three seeds and of at least two changes, and each change leaves the rest as it was.
# - 1 point: the sentences compare each change with what the seeds do, say so where the data show nothing, and give a reason that fits the numbers.

# %% [markdown] essay="improve" points=2
# A good answer changes one thing at a time and leaves the rest as it is, the seed included. Its table has both scores of every variant, those without a change among them. It calls a
# change helpful only if it moves the scores by more than another seed does, and says otherwise that these data do not show it. It gives a reason that fits the numbers: for example, a
# lower learning rate with as few steps leaves the model half trained. Where accuracy and F1 disagree it says which classes gained.

# %% [markdown]
# ## 11. On your own data, outside of this course
#
# Do you have a table with the columns `text` and `label`, saved as CSV? These lines train a model on it. They need `pip install "transformers[torch]" datasets scikit-learn` and a
# network, and nothing of this course. Copy them, put in the name of your file, and run them.
#
# <details>
# <summary>The whole program</summary>
#
# ```python
# from datasets import load_dataset
# from sklearn.metrics import f1_score
# from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments, pipeline
#
# checkpoint, file = "distilbert-base-multilingual-cased", "my.csv"
# dataset = load_dataset("csv", data_files=file)["train"].class_encode_column("label")
# dataset = dataset.train_test_split(test_size=0.2, stratify_by_column="label", seed=13)
# names = dataset["train"].features["label"].names
# tokenizer = AutoTokenizer.from_pretrained(checkpoint)
# encoded = dataset.map(lambda rows: tokenizer(rows["text"], truncation=True, max_length=128), batched=True)
# model = AutoModelForSequenceClassification.from_pretrained(
#     checkpoint, num_labels=len(names), id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)}
# )
# arguments = TrainingArguments("my-model", num_train_epochs=3, learning_rate=5e-5, eval_strategy="epoch", report_to="none")
# trainer = Trainer(
#     model=model, args=arguments, train_dataset=encoded["train"], eval_dataset=encoded["test"], processing_class=tokenizer,
#     compute_metrics=lambda pair: {"f1": f1_score(pair.label_ids, pair.predictions.argmax(-1), average="macro")},
# )
# trainer.train()
# trainer.save_model("my-model")
# print(pipeline("text-classification", "my-model")(dataset["test"][0]["text"], truncation=True, max_length=128))
# ```
#
# The checkpoint has read about a hundred languages; if your texts are all in English, `distilbert-base-uncased` is better. What is new: `class_encode_column` makes numbers of the labels and keeps their names; `train_test_split` puts a fifth of the rows aside, of each class alike; with `processing_class=tokenizer`
# `Trainer` pads by batch and saves the tokenizer with the model. There are no frozen layers and no factor from layer to layer: with the small learning rate `5e-5` for all layers they are not needed. Every class needs at least two rows, and no cell may be empty. Without a GPU it works as well, only much more slowly: try a few hundred rows first. The fifth that was put aside is there for measuring; whoever decides something by it puts a further part aside for the end.
#
# </details>

# %% [markdown]
# ## What you can do now
#
# - You turn texts into tokens, know what a vocabulary does not see, and why padding is left to the batch.
# - You fine-tune a transformer for text classification and know what its head computes.
# - You measure a model fairly when some classes are rare.
# - You find its worst errors and can tell a hard text from a wrong label.
# - You have a function that names the class of any text, and a recipe that you can use on any dataset.
#
# Five questions to check yourself. Answer first, then look.
#
# <details>
# <summary>1. Ninety of a hundred tweets are of one class. A model always says that class. What is its accuracy, and what can you say about its macro F1 if there are three classes?</summary>
#
# Accuracy 0.9. Two of the three classes have an F1 of 0, so the mean is below one third.
#
# </details>
#
# <details>
# <summary>2. What would happen if the model did not get the attention mask?</summary>
#
# It would take the padding for text. The prediction for a tweet would depend on the other tweets of its batch.
#
# </details>
#
# <details>
# <summary>3. Why is the head of the model random at first, and the body not?</summary>
#
# The body has been trained before, on other text. The head is made for our classes, and nobody has trained it yet.
#
# </details>
#
# <details>
# <summary>4. Why do we not choose the learning rate by the test data?</summary>
#
# Because the best of many tries is partly luck. The test data would then promise more than the model keeps on new texts.
#
# </details>
#
# <details>
# <summary>5. A string is passed to a function that expects a list of texts. Why is that dangerous in Python?</summary>
#
# A string can be walked through like a list: each letter becomes a text, and no error appears.
#
# </details>
#
# **What comes next?** In `reviews` the texts are long, and your model answers on a web page.

# %% [markdown] shared="hand_in"

# %% tags=["lesson"]
show.results(
    profile,
    trained | {f"stance_{name}": score for name, score in stance_scores.items()},
    baseline=baselines["TF-IDF"]
    | {f"stance_{name}": score for name, score in stance_baselines["TF-IDF"].items()},
)
