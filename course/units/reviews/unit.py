# ---
# title: Film reviews, from a text to a web page
# summary: >-
#   Does somebody praise a film or pan it, and how many stars is that? Train a model that can tell, find out how far you
#   can trust it, and put it on a web page.
# goals:
#   - fine-tune a transformer to tell positive reviews from negative ones
#   - see what a text costs in the vocabulary of a model, and how much of it the model reads
#   - turn its answers into probabilities, ratings and curves, and read them
#   - score thousands of texts of any length without losing one
#   - serve your model as a web page
# minutes: 90
# training: about a minute on a processor with two cores; on a GPU with the full data a quarter of an hour at most, by estimate
# prerequisites: Python, a first idea of what a neural network and a tokenizer are
# data: >-
#   the reduced version (`offline`): reviews of invented films, in the language of this notebook, written for this course; the
#   full version (`full`): IMDB in English (Maas et al., 2011), Kinopoisk in Russian (Blinov et al., 2013), MuchoCine in Spanish
#   (Cruz et al., 2008)
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

# %%
# First helpers, then the rest: it tells torch how to share the processor.
from helpers import data, metrics, models, profiles, reviews, show, training
from helpers.rules import Rules
import numpy as np
from transformers import set_seed

models.quiet()

# %%
profile = profiles.load(
    "reviews",
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
# Whoever reads a review knows after a few lines whether its author liked the film. Telling **polarity**, positive or
# negative, is a task of **text classification**: one text, one label.
#
# The full version has reviews by the visitors of three websites: English ones from IMDB, Russian ones from Kinopoisk, Spanish ones
# from MuchoCine. Whether they are positive follows from the stars or the mark that their authors gave; what lies in the middle
# has been left out. The films in the reviews of the reduced version do not exist.

# %%
dataset = data.load(profile.dataset, profile.data, profile.locale)
dataset

# %%
example = dataset["test"][0]
example

# %% [markdown]
# The label is a number. The dataset knows its name:

# %%
label_names = dataset["train"].features["label"].names
label_names

# %% [markdown]
# Label 1 is `pos`, a positive review; label 0 is `neg`. Both are about equally frequent:

# %% tags=["lesson"]
train_labels = list(dataset["train"]["label"])
show.bars({name: train_labels.count(number) for number, name in enumerate(label_names)})

# %% [markdown]
# Read a few reviews before you let a machine read them. Cover the labels with your hand and guess.

# %% tags=["lesson"]
few = dataset["train"].select(range(4))
show.texts(few["text"], label=[label_names[number] for number in few["label"]])

# %% [markdown]
# Three things stand out:
#
# - In some reviews you find `<br />`, a line break left over from a web page. It does no harm, the model learns to ignore it.
# - Some authors praise what is bad and mock what is good. A single word says little about the whole.
# - Reviews have very different lengths. That will keep us busy.
#
# Labels are the work of people or of programs, so some are wrong: somebody takes one star for the best mark. A model can live
# with a few of them, if they are not too many.

# %% [markdown]
# ## 2. A baseline to beat
#
# Before you train a large model, find out how far a simple one gets. Ours counts words: a word weighs more if it is rare
# in the other reviews (this is called **TF-IDF**), and **logistic regression** learns for every word whether it
# speaks for a positive or for a negative review. It learns in seconds.
#
# The even simpler baseline, `majority` in the table, says the same about every review: it always names the larger class, and is right
# as often as that class is frequent.
#
# Both are measured on the **test data**. They are for measuring, never for deciding: what to change, you decide by the
# validation data.

# %% tags=["lesson"]
test_labels = np.array(dataset["test"]["label"])
baseline = reviews.tfidf_baseline(dataset["train"], dataset["test"]["text"])
show.table(
    {
        "majority": {"accuracy": max(test_labels.mean(), 1 - test_labels.mean())},
        "TF-IDF": {"accuracy": np.mean((baseline >= 0.5) == test_labels)},
    }
)

# %% [markdown]
# What does TF-IDF say about these two? Both have the same words.

# %% tags=["lesson"]
mine = ["The film is not bad, it is good.", "The film is not good, it is bad."]
show.texts(mine, score=reviews.tfidf_baseline(dataset["train"], mine).tolist())

# %% [markdown]
# The `score` is its probability of a positive review. It is the same: TF-IDF counts words and knows no order.
#
# > 🤔 **Think first.** Which reviews will fool a model that knows words, but not their order?
#
# <details>
# <summary>Answer</summary>
#
# Those in which the order decides: negations («not bad at all»), hopes that are dashed («I expected a masterpiece»), praise for one thing in
# a review that pans the rest. And irony, where the words say the opposite of what is meant.
#
# </details>
#
# Of the reviews of the test data on which TF-IDF was wrong, these are the ones of which it was surest:

# %% tags=["lesson"]
worst = np.argsort(-np.abs(baseline - test_labels))[:3].tolist()
show.texts(
    [dataset["test"]["text"][i] for i in worst],
    label=[label_names[test_labels[i]] for i in worst],
    score=[float(baseline[i]) for i in worst],
)

# %% [markdown]
# ## 3. From reviews to tokens
#
# A transformer reads **tokens**: words, or pieces of words (*subwords*). Its **tokenizer** cuts the text and puts a special token in front
# and one at the end.

# %%
tokenizer = models.load_tokenizer(
    profile.checkpoint, profile.max_length, profile.truncation_side
)
sentence = "Unputdownable? Hardly.<br />I left."
encoded = tokenizer(sentence)
encoded.tokens()

# %% [markdown]
# Every model has its own way of writing this. With MiniLM and DistilBERT the special tokens are `[CLS]` and `[SEP]`, and a piece that
# continues a word has `##` in front. With `multilingual-e5-small` they are `<s>` and `</s>`, and a piece that begins a word has `▁`, which
# stands for the space.
#
# ### Praise and blame in pieces
#
# Which words are whole in a vocabulary depends on the texts from which it was made. Here are some words in two vocabularies, yours and that of MiniLM, with
# the number of pieces in front. (Where the two are the same, you see it once.)

# %% tags=["lesson"]
readers = {
    profile.checkpoint: tokenizer,
    models.OFFLINE_ENCODER: models.load_tokenizer(models.OFFLINE_ENCODER, profile.max_length),
}
mine = [
    "boring",
    "boringly",
    "boredom",
    "unwatchable",
    "disproportionately",
    "Amélie",
    "café noir",
]
show.pieces(mine, readers)

# %% [markdown]
# Words of one family share pieces, at least some of them: what the model learns about one word helps it with the others. But pieces come from
# counting and not from grammar, so they are no roots and endings, and the same root may be cut in two ways.
#
# Look at the letters, too. MiniLM makes all of them small, and takes away what they carry above and below: *é*, *ñ*, *й* and *ё* become *e*, *n*, *и* and *е*.
# In English hardly any word is lost by that.
#
# ### The same praise in three languages
#
# Now one sentence in the three languages of the course:

# %% tags=["lesson"]
praise = [
    "A wonderful film: I laughed and cried, and I want to see it again tomorrow.",
    "Чудесный фильм: я смеялась и плакала и завтра же хочу посмотреть его ещё раз.",
    "Una película maravillosa: me reí, lloré y mañana mismo quiero volver a verla.",
]
show.pieces(praise, readers)

# %% [markdown]
# MiniLM has read English only. Spanish it knows in fragments, and of Russian it knows the letters. None of this is *unknown* to its vocabulary, but a
# letter means nothing, and the Russian sentence becomes more than three times as long as the English one.
#
# ### A word that nobody has seen
#
# TF-IDF has another trouble. A word that does not occur in the training data does not exist for it, and each form of a word is a word of its own. How
# often does that happen? We take 240 training reviews and 100 test reviews of the reduced version in each language, and ask: what share of the
# words in the test reviews is new, and what share of the pieces?

# %% tags=["lesson"]
in_language = {}
for code in ["en", "ru", "es"]:
    other = profiles.load("reviews", "offline", data_language=code)
    in_language[code] = data.load(other.dataset, other.data, other.locale)
news = {}
for code, rows in in_language.items():
    known, read = rows["train"]["text"][:240], rows["test"]["text"][:100]
    news[code] = {"words": reviews.share_of_new_words(known, read)}
    news[code] |= {
        name: reviews.share_of_new_pieces(known, read, readers[name]) for name in readers
    }
show.table(news)

# %% [markdown]
# A Russian adjective has more than twenty forms, a Spanish one four, an English one no more than three. So about every third word of a Russian
# test review is new to TF-IDF, every seventh of a Spanish one, every ninth of an English one. With the pieces of `multilingual-e5-small` it
# is one in sixteen in each of the three. There a transformer has something to win.
#
# (With MiniLM next to nothing is new in Russian. Whoever reads letter by letter meets no new ones, and still understands nothing.)
#
# ### How much is read
#
# A transformer cannot read texts of any length. It has learned a vector for each of a limited number of positions, 512 in all
# models of this notebook, and has none for a token further back. Besides, long texts are expensive: every token is compared with every
# other one. The tokenizer knows the limit that we set:

# %%
tokenizer.model_max_length

# %% [markdown]
# In the reduced version (`offline`) it is lower than the model would allow, to save time. How long are the reviews? The
# dashed line is the limit.

# %% tags=["lesson"]
untruncated = tokenizer(list(dataset["train"]["text"]), verbose=False)["input_ids"]
lengths = [len(ids) for ids in untruncated]
show.histogram(lengths, "len(input_ids)", limit=tokenizer.model_max_length)

# %% tags=["lesson"]
too_long = np.mean([length > tokenizer.model_max_length for length in lengths])
float(too_long)

# %% [markdown]
# That is the share of the reviews that are too long. At more than 512 tokens the model would stop with an error; a text between a lower limit and
# 512 would only cost more time. So we **truncate** the reviews, down to the limit. On which side? The tokenizer knows that, too: with
# `"right"` a text loses its end, with `"left"` its beginning.

# %%
tokenizer.truncation_side

# %% [markdown]
# Many people tell the story first and give their verdict last. So where the limit is low, the course keeps the end; where it is high, it keeps the beginning, as is usual. What that
# costs we will measure in section 8.
#
# Here is a sentence with a limit of eight tokens, on both sides. Which half would you rather read?

# %% tags=["lesson"]
sentence = "I expected a masterpiece and got two hours of rain."
sides = ["right", "left"]
short = [models.load_tokenizer(profile.checkpoint, 8, side) for side in sides]
tokens = [" ".join(cut(sentence, truncation=True).tokens()) for cut in short]
show.examples(truncation_side=sides, tokens=tokens)

# %% [markdown]
# A limit in tokens is not the same for every language. How many tokens do 100 words of a review cost, how many words come before the limit is reached, and what share of its
# tokens is read of an average review?

# %% tags=["lesson"]
costs = {}
for code, rows in in_language.items():
    for name, reader in readers.items():
        costs[code, name] = reviews.reading_cost(rows["train"]["text"], reader)
show.table(costs)

# %% [markdown]
# Divided by a hundred, the first number is called the **fertility** of a tokenizer: pieces per word. MiniLM needs about four times as many tokens for Russian as for
# English, so before the limit there is room for a quarter of the words.
#
# A vocabulary that a hundred languages share has less room for each of them. With `multilingual-e5-small` 100 English words cost about 140 tokens, with MiniLM 130. In return
# it reads the others for a fair price: 100 Spanish words for about 150 tokens, 100 Russian ones for about 200.
#
# ### Exercise 1: `encode_reviews` (3 points)
#
# ●○○ · about 5 minutes · one wrong argument here, and the model fails much later
#
# Write `encode_reviews(batch, tokenizer)`. The `batch` is a dictionary with a list of texts, `batch["text"]`; there
# may be other fields, which do not matter here. Return what the tokenizer gives for all these texts:
#
# 1. **All fields.** The result is a dictionary with all the fields that your tokenizer gives, and no others. Each field is a list with one list of
#    numbers per text.
# 2. **Long texts.** A text that is longer than the limit of the tokenizer is truncated to it, on the side that the tokenizer says. The last
#    token is still the special one, `[SEP]` or `</s>`.
# 3. **No padding.** No text is padded: the lists keep different lengths. Padding comes later, batch by batch, because then it is less.
#
# For two short texts these are the fields and their values (the column `text` is there for you only; you return the others):

# %% tags=["lesson"]
mine = ["A film.", "I left early."]
show.examples(text=mine, **tokenizer(mine))

# %% [markdown]
# MiniLM's tokenizer has a third field, `token_type_ids`, full of zeros. Keep it.
#
# <details>
# <summary>Hint 1</summary>
#
# A tokenizer takes a whole list of texts at once. Which argument lets it truncate, and which one lets it pad?
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# It is one line: `return tokenizer(batch["text"], truncation=True)`. Leave out everything about padding and tensors.
#
# </details>

# %% answer="encode_reviews"
from helpers.reviews import encode_reviews

# %% test="encode_reviews" points=3
rules = Rules({"all fields": 1, "long texts": 1, "no padding": 1})
mine = ["A film.", "I left early."]
two, expected = {"text": mine, "label": [1, 0]}, tokenizer(mine)
with rules("all fields"):
    encoded = encode_reviews(two, tokenizer)
    assert set(encoded) == set(tokenizer.model_input_names), (
        "Return all the fields that the tokenizer gives, and no others."
    )
    length = len(expected["input_ids"][1])
    assert encoded["input_ids"][1][:length] == expected["input_ids"][1], (
        "input_ids must be the numbers that the tokenizer gives, with both special tokens."
    )
with rules("no padding"):
    encoded = encode_reviews(two, tokenizer)
    assert len(encoded["input_ids"][0]) < len(encoded["input_ids"][1]), "Do not pad."
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
words = ["film", "good", "bad", "slow", "the", "a"]
sizes = draw.sample(range(1, 30), 8)
short = [" ".join(draw.choices(words, k=size)) for size in sizes]
train_texts = data.load(profile.dataset, "samples", profile.locale)["train"]["text"]
long = draw.sample([text for text in train_texts if len(text.split()) > 60], 8)

with rules("all fields"):
    own_tokenizer = models.load_tokenizer(profile.checkpoint)
    for text in short:
        expected = own_tokenizer(text)
        encoded = encode_reviews({"text": [text], "stars": [7]}, own_tokenizer)
        assert set(encoded) == set(expected), (
            "Return all the fields that the tokenizer gives, and no others."
        )
        assert all(encoded[name][0][: len(row)] == row for name, row in expected.items()), (
            "Return what the tokenizer gives for each text."
        )
with rules("long texts"):
    for limit, side in ((40, "right"), (48, "left")):
        own_tokenizer = models.load_tokenizer(profile.checkpoint, limit, side)
        expected = reviews.encode_reviews({"text": long}, own_tokenizer)["input_ids"]
        rows = encode_reviews({"text": long}, own_tokenizer)["input_ids"]
        assert [len(row) for row in rows] == [limit] * len(long), (
            "Truncate long reviews to the limit of the tokenizer."
        )
        assert all(row[-1] == own_tokenizer.sep_token_id for row in rows), (
            "The last token of a truncated review is the special one."
        )
        assert rows == expected, "Truncate on the side that the tokenizer says."
with rules("no padding"):
    own_tokenizer = models.load_tokenizer(profile.checkpoint)
    found = encode_reviews({"text": short}, own_tokenizer)["input_ids"]
    expected = own_tokenizer(short)["input_ids"]
    # Special tokens are another rule, so only differences count.
    assert all(
        len(row) - len(found[0]) == len(ids) - len(expected[0])
        for row, ids in zip(found, expected)
    ), "Do not pad: every list is as long as its own text."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# Now apply your function to the whole dataset. `map` calls it with many rows at once (`batched=True`) and adds the new fields to them.

# %%
tokenized = dataset.map(encode_reviews, batched=True, fn_kwargs={"tokenizer": tokenizer})
tokenized["train"].column_names

# %% [markdown]
# ## 4. A number for each epoch
#
# The training goes through all the training data several times; each time is called an **epoch**. After each of them we want to see whether the
# model gets better. The classes are balanced, so **accuracy** will do: the share of reviews that it got right.
#
# A model for two classes gives two numbers per text, the **logits**: one for `neg` and one for `pos`. The larger one wins. They are not
# probabilities yet; that comes in section 6.
#
# ### Exercise 2: `compute_metrics` (2 points)
#
# ●○○ · about 5 minutes · `Trainer` will call it after each epoch
#
# Write `compute_metrics(eval_pred)`. `eval_pred` is the pair `(logits, labels)`: an array with one row per text and one column per class, and
# an array with one label per text. Return a dictionary with one number of the type `float`:
#
# | field | value |
# | --- | --- |
# | `accuracy` | `0.75` if three of four texts are right |
#
# <details>
# <summary>Hint 1</summary>
#
# `np.argmax` finds the place of the largest number. Along which axis? Then compare with the labels, or let `metrics.load("accuracy")` count.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `logits, labels = eval_pred` takes the pair apart. `np.argmax(logits, axis=-1) == labels` is an array of true and false, and its mean is the
# accuracy: `return {"accuracy": float(np.mean(…))}`. Here `float` makes a Python number of it.
#
# </details>

# %% answer="compute_metrics"
from helpers.reviews import compute_metrics

# %% test="compute_metrics" points=2
logits = np.array([[0.3, 0.1], [-2.0, 1.5], [-3.0, -1.0], [4.0, 2.0]])
result = compute_metrics((logits, np.array([0, 1, 1, 1])))
assert isinstance(result, dict) and set(result) == {"accuracy"}, (
    "Return a dictionary with one field, accuracy."
)
assert type(result["accuracy"]) is float, (
    "accuracy must be an ordinary float of Python: no dictionary, no NumPy number."
)
assert result["accuracy"] == 0.75, (
    "Compare the place of the larger logit in each row with the label; the share of matches counts."
)
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
drawn = np.random.default_rng(draw.getrandbits(64))
for size in (1, 2, 7, 50):
    logits = drawn.normal(size=(size, 2)) - 5 * drawn.integers(0, 2)
    pair = (logits, drawn.integers(0, 2, size))
    expected = reviews.compute_metrics(pair)["accuracy"]
    assert abs(compute_metrics(pair)["accuracy"] - expected) < 1e-9, (
        "Accuracy is the share of texts whose larger logit is that of the label."
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 5. Training
#
# We take a model that has read a lot of text, and put a new **classification head** on top: a small layer that computes two logits from one
# vector. With MiniLM and DistilBERT that is the vector of `[CLS]`, with `multilingual-e5-small` the mean of the vectors of all tokens, taken in two layers, 8 and 12, and put side by side. The weights of the head are random numbers, so in the
# beginning the model only guesses. **Fine-tuning** trains both, the head and the model below it; of E5, in the reduced version, only the head, which saves time.
#
# `reviews.build_model` prepares that: it loads a **checkpoint**, that is, the saved weights of a model, puts a fresh head on it, and tells it the names
# of the labels.

# %%
model = reviews.build_model(checkpoint)
model.config.id2label, model.classifier

# %% [markdown]
# The reviews of a batch must have one length. A **data collator** pads them, only up to the longest review of the batch. The attention mask has zeros there, so
# that the model does not look at the padding.

# %%
from transformers import DataCollatorWithPadding

data_collator = DataCollatorWithPadding(tokenizer)
columns = tokenized["train"].select_columns(tokenizer.model_input_names)
rows = [columns[i] for i in range(3)]
batch = data_collator(rows)
batch["attention_mask"].sum(dim=1), batch["input_ids"].shape

# %% [markdown]
# ### Exercise 3: train the model (5 points)
#
# ●○○ · about 10 minutes, plus the training
#
# Everything is ready; put it together. `training.make_trainer` builds a `Trainer` with the settings of the course: number of epochs, learning rate
# (how far the weights move in a step), an evaluation after every epoch, reviews of similar length in one batch. Create a fresh model, make a trainer that is
# called `trainer`, and train it.
#
# `training.make_trainer` takes `profile`, the model and the tokenizer, and then by name:
#
# | argument | what it is |
# | --- | --- |
# | `train_dataset` | the tokenized training data |
# | `eval_dataset` | the tokenized validation data |
# | `data_collator` | the collator from above |
# | `compute_metrics` | your function from exercise 2 |
#
# Two rules count:
#
# 1. **The model has learned.** Its ROC AUC is at least `profile.floor`. ROC AUC is the chance that a positive review gets a higher score than a
#    negative one; you will compute it yourself in exercise 6. The test in the notebook measures it on the validation data and prints it next to the floor; these
#    can be few reviews, and chance moves the number, so here 0.05 less will do. When you hand in, your code trains once more, for a few steps only and with a lower floor;
#    then the weights of `trainer.model` are measured on reviews that nobody in this course has seen, and there the floor counts.
# 2. **All the data.** The model has learned from all the training data, not from a part of them.
#
# <details>
# <summary>Hint 1</summary>
#
# Every argument is a name that already exists in this notebook. The validation data are `tokenized["validation"]`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# First `model = reviews.build_model(checkpoint)`. Then `trainer = training.make_trainer(profile, model, tokenizer, …)`, and instead of the dots
# `train_dataset=tokenized["train"]`, `eval_dataset=tokenized["validation"]`, `data_collator=data_collator`,
# `compute_metrics=compute_metrics`. Last, `trainer.train()`.
#
# </details>

# %% answer="training"
### BEGIN SOLUTION
model = reviews.build_model(checkpoint)
trainer = training.make_trainer(
    profile,
    model,
    tokenizer,
    train_dataset=tokenized["train"],
    eval_dataset=tokenized["validation"],
    data_collator=data_collator,
    compute_metrics=compute_metrics,
)
trainer.train()
### END SOLUTION

# %% test="training" points=5
rules = Rules({"the model has learned": 4, "all the data": 1})
with rules("the model has learned"):
    assert trainer.state.global_step > 0, "The trainer has not trained: call trainer.train()."
    # Only the order counts for ROC AUC, so the difference of the logits will do as a score.
    logits = trainer.predict(tokenized["validation"])[0]
    roc_auc = metrics.load("roc_auc").compute(
        prediction_scores=logits[:, 1] - logits[:, 0], references=dataset["validation"]["label"]
    )["roc_auc"]
    print(roc_auc, ">=", profile.floor)
    assert roc_auc >= profile.floor - 0.05, (
        "ROC AUC on the validation data is more than 0.05 below the floor of the profile."
    )
with rules("all the data"):
    assert len(trainer.train_dataset) == len(dataset["train"]), (
        "Train on all the training data."
    )
### BEGIN HIDDEN TESTS
import functools

from course import unseen


@functools.cache
def reached_on_unseen():
    own_tokenizer = models.load_tokenizer(
        profile.checkpoint, profile.max_length, profile.truncation_side
    )
    judged = unseen.with_weights_of(trainer.model, reviews.build_model(checkpoint))
    rows = unseen.rows("reviews", profile.data_language)
    scored = reviews.score_reviews([row["text"] for row in rows], judged, own_tokenizer)
    return reviews.evaluate_scores([row["label"] for row in rows], scored)["roc_auc"]


with rules("the model has learned"):
    assert reached_on_unseen() >= profile.floor, (
        "ROC AUC on reviews that nobody has seen is below the floor of the profile."
    )
with rules("all the data"):
    assert reached_on_unseen() >= profile.floor, "The model has not learned from the data."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# How did it go, epoch by epoch? If the loss on the training data falls and the one on the validation data rises, the model begins to learn
# the reviews by heart.

# %% tags=["lesson"]
show.history(trainer)

# %% [markdown]
# <details>
# <summary>The same without the course</summary>
#
# `training.make_trainer` hides nothing that you could not write yourself. This is the full version in English with the library alone; `compute_metrics` is
# your function from exercise 2. The names of data and model for other languages stand in the table at the beginning.
#
# ```python
# from datasets import load_dataset
# from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding
# from transformers import Trainer, TrainingArguments, set_seed
#
# set_seed(13)
# parts = load_dataset("stanfordnlp/imdb", split="train").train_test_split(test_size=0.1, seed=13)
# tokenizer = AutoTokenizer.from_pretrained("distilbert-base-uncased")
# tokenized = parts.map(lambda batch: tokenizer(batch["text"], truncation=True), batched=True)
# model = AutoModelForSequenceClassification.from_pretrained("distilbert-base-uncased", num_labels=2)
# arguments = TrainingArguments(
#     output_dir="reviews-model",
#     num_train_epochs=2,
#     per_device_train_batch_size=16,
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
#     eval_dataset=tokenized["test"],
#     data_collator=DataCollatorWithPadding(tokenizer),
#     compute_metrics=compute_metrics,
# )
# trainer.train()
# ```
#
# | line | what it means |
# | --- | --- |
# | `test_size=0.1` | IMDB has no validation data, so a tenth of the training data watches the training |
# | `num_train_epochs=2` | all reviews are read twice |
# | `per_device_train_batch_size=16` | each step looks at 16 reviews, on each GPU |
# | `learning_rate=2e-5` | small steps: the weights are good already; it falls in a straight line to 0 |
# | `weight_decay=0.01` | AdamW also pulls the weights a little towards 0, against overfitting |
# | `train_sampling_strategy="group_by_length"` | reviews of similar length share a batch: less padding |
# | `eval_strategy="epoch"` | the validation data are asked after each epoch |
# | `report_to="none"` | nothing is sent to a service that draws curves |
# | `seed=13` | the random numbers, and with them the order of the data, are the same in each run |
#
# For the reduced version the course adds what makes a small machine fast: only the last 96 tokens are read (by E5 128), the lowest layers are frozen (of E5 all: only the head learns), and the learning rate rises for
# the first tenth of the steps before it falls. All of that stands in `helpers/training.py`, and all numbers in `helpers/profiles.toml`.
#
# </details>
#
# ## 6. A rating from 1 to 10
#
# The **softmax** turns logits into probabilities: numbers between 0 and 1 that add up to 1.
#
# $$p_\text{pos} = \frac{e^{z_\text{pos}}}{e^{z_\text{neg}} + e^{z_\text{pos}}}$$
#
# With two classes one of them is enough. We take $p_\text{pos}$, the probability of a positive review, and call it the **score** of the text.
#
# A website would rather show stars. The simplest way from one to the other: ten times the probability, rounded. A score of 0.78 gives 8 stars.
#
# > 🤔 **Think first.** What do `round(2.5)` and `round(3.5)` give in Python? Run the cell and see.
#
# <details>
# <summary>Answer</summary>
#
# 2 and 4: the even neighbour, once below and once above.
#
# </details>

# %%
round(2.5), round(3.5)

# %% [markdown]
# Python rounds a half to the nearest **even** number. In statistics that avoids a bias, but nobody expects it of stars.
#
# ### Exercise 4: `review_rating` (4 points)
#
# ●●○ · about 10 minutes · three lines with five traps
#
# Write `review_rating(p_positive)`:
#
# 1. **Rounding.** The rating is ten times the probability, rounded to the nearest whole number, and of the type `int`. From 0.78 comes 7.8, and so
#    the rating 8.
# 2. **Halves.** A half is always rounded up: from 0.25 comes 2.5, and so 3.
# 3. **No zero stars.** The rating is at least 1, even if rounding gives 0.
# 4. **Probabilities.** A number below 0 or above 1 is not a probability: raise `ValueError`. The borders 0 and 1 are probabilities.
# 5. **Not a number.** `nan`, which comes out when a computation has gone wrong, is not a probability either: `ValueError`, too.
#
# | `p_positive` | result |
# | --- | --- |
# | `0.78` | `8` |
# | `0.25` | `3` |
# | `0.04` | `1` |
# | `1.2`, `-0.1`, `nan` | `ValueError` |
#
# <details>
# <summary>Hint 1</summary>
#
# Rounding down is easy: `math.floor`. What must you add first, so that 2.5 becomes 3 and 2.4 becomes 2? And remember that `nan` is neither smaller nor larger than any number: `<`, `<=`, `>`, `>=` with it give `False`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Begin with `import math`. The line `if not 0 <= p_positive <= 1:` catches all that is no probability, nan included; write `raise ValueError("…")` below it. Then
# `return max(1, math.floor(10 * p_positive + 0.5))`.
#
# </details>

# %% answer="review_rating"
from helpers.reviews import review_rating

# %% test="review_rating" points=4
from contextlib import suppress

rules = Rules(
    {"rounding": 1, "halves": 1, "no zero stars": 0.5, "probabilities": 1, "not a number": 0.5}
)
with rules("rounding"):
    assert review_rating(0.78) == 8, "Ten times the probability, rounded."
with rules("halves"):
    assert review_rating(0.25) == 3, "A half is rounded up."
with rules("no zero stars"):
    assert (review_rating(0.04), review_rating(0.9)) == (1, 9), "The lowest rating is 1."
with rules("probabilities"), suppress(ValueError):
    assert not review_rating(1.2), "Raise ValueError for what is not a probability."
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))


def refuses(number):
    try:
        review_rating(number)
    except ValueError:
        return True
    return False


with rules("rounding"):
    assert review_rating(0.97) == 10, "Ten times the probability, rounded."
    for _ in range(40):
        stars = draw.randint(
            1, 9
        )  # halves are another rule, and floats near them a matter of taste
        rating = review_rating((stars + draw.uniform(-0.4, 0.4)) / 10)
        assert type(rating) is int, "The rating must be an int."
        assert rating == stars, "Ten times the probability, rounded."
with rules("halves"):
    assert review_rating(0.3) == 3, "Ten times the probability, rounded."
    for p in (0.25, 0.45, 0.55, 0.65, 0.75):  # as binary fractions, not below the half either
        assert review_rating(p) == reviews.review_rating(p), "A half is rounded up."
with rules("no zero stars"):
    assert review_rating(0.8) == 8, "Ten times the probability, rounded."
    assert [review_rating(p) for p in (0.01, 0.02, 0.03)] == [1, 1, 1], (
        "The lowest rating is 1."
    )
with rules("probabilities"):
    assert not refuses(0.0) and not refuses(1.0), "0 and 1 are probabilities."
    for number in (-0.1, -1e-9, 1.001, 10, float("inf"), float("-inf")):
        assert refuses(number), "Raise ValueError outside 0 and 1."
with rules("not a number"):
    assert review_rating(0.8) == 8, "Ten times the probability, rounded."
    assert refuses(float("nan")), "Raise ValueError for nan."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# ## 7. Score them all
#
# Now we want the scores of all test reviews. A first try often looks like this:
#
# ```python
# for text in texts:
#     try:
#         scores.append(pipe(text))
#     except Exception:
#         pass
# ```
#
# It runs without an error. But some reviews are longer than the model's limit, each of them raises an exception, and the exception is swallowed.
# The project from which this lesson grew did just that: of 25,000 test reviews, 3,513 were lost, and all its figures were computed on the
# rest. Long reviews are not like short ones, so those figures were not the truth, and nobody noticed.
#
# > 💡 **A rule for life:** never catch an exception that you do not expect. And count: are there as many results as there were texts?
#
# The loop is also slow. It asks the model about one text at a time, although it could read many at once. The texts of a batch must have one length, and padding
# costs as much time as real tokens. So sort the texts by length first: then those in a batch are about equally long.
#
# ### Exercise 5: `score_reviews` (5 points)
#
# ●●● · about 25 minutes · the function behind every picture that follows, and behind the web page
#
# Write `score_reviews(texts, model, tokenizer)`. It returns a NumPy array of floats: the probability of a positive review for every text.
#
# 1. **Every text.** There is one score for every text, in the order of `texts`: four texts give an array of the shape `(4,)`, an empty
#    list gives one of the shape `(0,)`.
# 2. **Column 1.** The score is the softmax probability of column 1 of the logits. The logits `[0.0, 1.0]` give the score 0.731.
# 3. **Long texts.** A text that is too long is truncated to the limit, on the side that the tokenizer says, and not left out. The limit is the smaller one of
#    `tokenizer.model_max_length` and `model.config.max_position_embeddings`.
# 4. **Batches.** The model gets the texts in batches of 8 to 64 (the last one may be smaller), every text only once, sorted by length, each batch padded to its longest text. Padding must not change a
#    score: give the model the attention mask, too.
# 5. **Eval mode.** The model is in evaluation mode (`model.eval()`), whatever mode it was in before. In training mode it has *dropout*: random parts of it are switched off, and
#    the scores are random, too.
#
# Of three texts the model finds the first one good and the second one bad, and about the third one it does not know. Then the result could be:
#
# ```python
# array([0.74, 0.26, 0.5])
# ```
#
# <details>
# <summary>Hint 1</summary>
#
# Tokenize first, every text on its own, with `truncation=True` and `max_length`. Then sort not the texts but their numbers: `sorted(range(len(encoded)), key=…)`. Make an array of
# zeros, take 32 numbers at a time, and write the scores of these texts to their places.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# 1. Begin with `import torch`. The limit is `limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)`.
# 2. `encoded = [tokenizer(text, truncation=True, max_length=limit) for text in texts]` are the tokens of each text.
# 3. `by_length = sorted(range(len(encoded)), key=lambda i: len(encoded[i]["input_ids"]))` are the numbers of the texts, those of the short ones first.
# 4. `scores = np.zeros(len(encoded))` and `model.eval()`.
# 5. In the loop `for start in range(0, len(encoded), 32):` take `rows = by_length[start : start + 32]` and
#    `batch = tokenizer.pad([encoded[i] for i in rows], return_tensors="pt").to(model.device)`.
# 6. Below `with torch.no_grad():`, which saves time and memory, write `logits = model(**batch).logits`.
# 7. Then `scores[rows] = logits.float().softmax(dim=-1)[:, 1].cpu().numpy()`, and after the loop `return scores`.
#
# </details>

# %% answer="score_reviews"
from helpers.reviews import score_reviews

# %% [markdown]
# Every training gives a slightly different model, so we test with one whose answers we know: `models.lookup_critic` is a real BERT with weights set by hand. One word raises
# the score each time that it is read, another one lowers it.

# %% test="score_reviews" points=5
rules = Rules({"every text": 1, "column 1": 1, "long texts": 1, "batches": 1, "eval mode": 1})
own_tokenizer = models.load_tokenizer(profile.checkpoint, 128)
mine = ["superb", "dull", "film"]
good, bad, other = mine
critic = models.lookup_critic({good: 1.0, bad: -1.0}, own_tokenizer)
with rules("every text"):
    result = score_reviews([f"{good} {other} {other} {other}", bad] * 32, critic, own_tokenizer)
    assert len(result) == 64 and result[0] != result[1], "Return one score a text, in order."
with rules("column 1"):
    high, low = (score_reviews([word] * 32, critic, own_tokenizer)[0] for word in (good, bad))
    assert high > 0.7 and low < 0.3, "The score is the softmax probability of column 1."
with rules("long texts"):
    result = score_reviews([f"{bad} " * 500], critic, own_tokenizer)
    assert len(result) == 1, "Truncate long texts, leave none out."
with rules("batches"):
    alone = score_reviews([good] * 32, critic, own_tokenizer)
    result = score_reviews([good, f"{good} {other} " * 9] * 16, critic, own_tokenizer)
    assert abs(result[0] - alone[0]) < 1e-4, (
        "Padding must not change a score: give the model the attention mask."
    )
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
# Words of one token each, with every tokenizer of the course.
weights = {"good": 1.0, "fine": 0.4, "slow": -0.3, "bad": -1.0}
own_critic = models.lookup_critic(weights, own_tokenizer)
words = [*weights, "film", "the", "a"]
alike = [
    " ".join(draw.choices(words, k=10)) for _ in range(64)
]  # of one length, so nothing is padded
growing = [" ".join(["good" if size % 2 else "bad", *["film"] * size]) for size in range(70)]
places = draw.sample(range(70), 70)
odd = ["", " ", "<br />", "😀"]


def flat(texts, model):
    """Scores in whatever shape they came: only one rule is about that."""
    return np.ravel(score_reviews(texts, model, own_tokenizer))


def is_enough(calls=10**9, tokens=10**9):
    """Unsorted, these texts need 12,800 tokens, sorted little more than half of them."""
    frugal = models.lookup_critic(weights, own_tokenizer)
    frugal = models.with_budget(frugal, calls=calls, tokens=tokens)
    try:
        return np.ptp(flat(["good", "film " * 98, "bad", "film " * 98] * 32, frugal)) > 1e-4
    except RuntimeError:
        return False


with rules("every text"):
    for texts in ([], odd, growing):
        result = score_reviews(texts, own_critic, own_tokenizer)
        assert type(result) is np.ndarray and result.dtype.kind == "f", (
            "Return a NumPy array of floats."
        )
        assert result.shape == (len(texts),), (
            "The array has one dimension, with one score for every text; without texts it is empty."
        )
        assert np.isfinite(result).all(), "Every text has a score, also a strange one."
    shuffled = score_reviews([growing[place] for place in places], own_critic, own_tokenizer)
    assert np.allclose(shuffled, result[places], atol=1e-4), "Return the scores in order."
    assert np.ptp(result[:6]) > 1e-6 and np.ptp(result[-6:]) > 1e-6, "Forget no text."
with rules("column 1"):
    expected = reviews.score_reviews(alike, own_critic, own_tokenizer)
    assert np.allclose(flat(alike, own_critic), expected, atol=1e-4), (
        "The score is the softmax probability of column 1."
    )
with rules("long texts"):
    # The model takes less than the tokenizer says, and the other way round.
    for model_limit, limit in ((16, 128), (128, 16)):
        own_tokenizer.model_max_length = model_limit
        short_critic = models.lookup_critic(weights, own_tokenizer)
        own_tokenizer.model_max_length = limit
        beginnings = [f"{word} " * 14 for word in weights] * 8
        expected = flat(beginnings, short_critic)
        found = flat([text + "good bad " * 300 for text in beginnings], short_critic)
        assert np.ptp(expected) > 1e-4, "Different texts have different scores."
        assert np.allclose(found, expected, atol=1e-4), (
            "Truncate to the smaller one of the two limits."
        )
    own_tokenizer.model_max_length = 128
with rules("batches"):
    assert is_enough(calls=16), (
        "Give the model batches of 8 to 64 texts (the last may be smaller), every text only once."
    )
    assert is_enough(tokens=10_000), "Sort by length, so that little is padded."
    for size in (0, 9, 20):
        together = flat(growing[:32], own_critic)[size]
        assert abs(flat([growing[size]] * 32, own_critic)[0] - together) < 1e-4, (
            "Padding must not change a score: give the model the attention mask."
        )
with rules("eval mode"):
    noisy = models.lookup_critic(weights, own_tokenizer, dropout=0.9).train()
    calm = flat(alike, own_critic)
    assert np.ptp(calm) > 1e-4, "Different texts have different scores."
    assert np.allclose(flat(alike, noisy), calm, atol=1e-4), (
        "Put the model into evaluation mode."
    )
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# If no rule is marked ✗, score the test reviews with your model.

# %% tags=["lesson"]
test_scores = score_reviews(dataset["test"]["text"], trainer.model, tokenizer)
len(test_scores), len(dataset["test"])

# %% [markdown]
# Here are the ratings of positive and negative reviews. Where do they overlap?

# %% tags=["lesson"]
ratings = list(map(review_rating, test_scores))
for number, name in enumerate(label_names):
    of_class = [rating for rating, label in zip(ratings, test_labels) if label == number]
    show.bars({str(stars): of_class.count(stars) for stars in range(1, 11)}, name)

# %% [markdown]
# ## 8. How good is it?
#
# Accuracy needs a **threshold**: from 0.5 on we call a review positive. But why 0.5? A website that shows only praise would ask for 0.9. So we look at all thresholds at once:
#
# - The **ROC curve**: how many positive reviews we find (the true positive rate), against how many negative ones are taken for positive (the false
#   positive rate). A perfect model goes through the upper left corner, a guessing one along the diagonal. The area under the curve is **ROC AUC**: 1 is
#   perfect, 0.5 is guessing.
# - The **precision-recall curve**: how many of those that we call positive are positive (precision), against how many of the positive ones we find
#   (recall). The area below it is called **average precision**.
# - **F1** joins precision and recall in one number, at one threshold.
#
# ROC AUC and average precision look only at the order of the scores. F1 asks whether the threshold is right, too.
#
# ### Exercise 6: `evaluate_scores` (4 points)
#
# ●●○ · about 10 minutes · mix up the arguments, and the numbers look plausible but are wrong
#
# Write `evaluate_scores(labels, scores)`. `labels` are zeros and ones, `scores` are probabilities, both lists or arrays of one length. Return a dictionary. For the
# labels `[0, 1, 0, 1]` and the scores `[0.1, 0.4, 0.6, 0.9]` it is:
#
# | field | value |
# | --- | --- |
# | `roc_auc` | `0.75` |
# | `average_precision` | `0.8333` (rounded) |
# | `f1` | `0.5` |
#
# These are the rules:
#
# 1. **ROC curve.** `roc_auc` is the area under the ROC curve of the scores.
# 2. **Average precision.** `average_precision` is what scikit-learn computes under this name from the scores.
# 3. **F1.** `f1` is the F1 of class 1. For it, a score of 0.5 or more counts as positive.
# 4. **Nothing positive.** If no score reaches 0.5, `f1` is `0.0`, without a warning.
# 5. **Floats.** The dictionary has three fields and no others, `roc_auc`, `average_precision` and `f1`, each an ordinary `float` of Python, not
#    a NumPy number.
#
# <details>
# <summary>Hint 1</summary>
#
# scikit-learn has all three: `roc_auc_score`, `average_precision_score` and `f1_score` in `sklearn.metrics`. The labels come first. Two of them want scores, one wants
# decisions.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Begin with `from sklearn.metrics import average_precision_score, f1_score, roc_auc_score`. The values of the dictionary are
# `float(roc_auc_score(labels, scores))`, `float(average_precision_score(labels, scores))` and
# `float(f1_score(labels, np.asarray(scores) >= 0.5, zero_division=0))`.
#
# </details>

# %% answer="evaluate_scores"
from helpers.reviews import evaluate_scores

# %% test="evaluate_scores" points=4
rules = Rules(
    {"ROC curve": 1, "average precision": 1, "F1": 1, "nothing positive": 0.5, "floats": 0.5}
)
four = [0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9]
with rules("ROC curve"):
    assert abs(evaluate_scores(*four)["roc_auc"] - 0.75) < 1e-6, (
        "ROC AUC wants the labels and the scores, not decisions of yes or no."
    )
with rules("average precision"):
    result = evaluate_scores(*four)["average_precision"]
    assert abs(result - 5 / 6) < 1e-6, (
        "Average precision wants the labels and the scores, not decisions of yes or no."
    )
with rules("F1"):
    assert abs(evaluate_scores(*four)["f1"] - 0.5) < 1e-6, (
        "F1 is that of class 1, and a score of 0.5 or more counts as positive."
    )
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
drawn = np.random.default_rng(draw.getrandbits(64))
cases = []
for size in (40, 200):
    own_labels = np.concatenate([[0, 1], drawn.integers(0, 2, size)])
    own_scores = 1 / (1 + np.exp(-drawn.normal(2 * own_labels - 1.7)))
    cases.append((own_labels, own_scores, reviews.evaluate_scores(own_labels, own_scores)))

with rules("ROC curve"):
    for own_labels, own_scores, expected in cases:
        reached = evaluate_scores(own_labels, own_scores)["roc_auc"]
        assert abs(reached - expected["roc_auc"]) < 1e-6, (
            "ROC AUC wants the labels and the scores, not decisions of yes or no."
        )
with rules("average precision"):
    for own_labels, own_scores, expected in cases:
        reached = evaluate_scores(own_labels, own_scores)["average_precision"]
        assert abs(reached - expected["average_precision"]) < 1e-6, (
            "Average precision wants the labels and the scores, not decisions of yes or no."
        )
with rules("F1"):
    for own_labels, own_scores, _ in cases:
        own_scores = np.round(own_scores, 1)
        expected = reviews.evaluate_scores(own_labels, own_scores)["f1"]
        assert abs(evaluate_scores(own_labels, own_scores)["f1"] - expected) < 1e-6, (
            "F1 is that of class 1, and a score of 0.5 or more counts as positive."
        )
with rules("nothing positive"):
    assert evaluate_scores([0, 1], [0.1, 0.9])["f1"] == 1.0, (
        "F1 is that of class 1, and a score of 0.5 or more counts as positive."
    )
    for own_labels, own_scores, _ in cases:
        assert evaluate_scores(own_labels, own_scores / 3)["f1"] == 0.0, (
            "If no score reaches 0.5, F1 is 0.0."
        )
with rules("floats"):
    found = [evaluate_scores(own_labels, own_scores) for own_labels, own_scores, _ in cases]
    assert all(set(result) == {"roc_auc", "average_precision", "f1"} for result in found), (
        "Return exactly three fields: roc_auc, average_precision and f1."
    )
    assert all(type(value) is float for result in found for value in result.values()), (
        "Every value must be an ordinary float of Python, not a NumPy number."
    )
    assert found[0] != found[1], "The numbers must depend on labels and scores."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# ### Better than counting words?

# %% tags=["lesson"]
results = evaluate_scores(test_labels, test_scores)
show.table({"TF-IDF": evaluate_scores(test_labels, baseline), "transformer": results})

# %% tags=["lesson"]
both = {"TF-IDF": baseline, "transformer": test_scores}
show.roc(test_labels, both)

# %% [markdown]
# The marks on the curves are the threshold 0.5.
#
# > 🤔 **Think first.** You want to show only reviews that are surely positive. In which direction does the mark move if you raise the threshold?
#
# <details>
# <summary>Answer</summary>
#
# To the left, in this picture and in the next one: you call fewer reviews positive, and a larger share of them really is.
#
# </details>

# %% tags=["lesson"]
show.precision_recall(test_labels, both)

# %% [markdown]
# In the second picture, too, the marks are the threshold 0.5.
#
# Compare the two models honestly. With a few hundred reviews to learn from, a transformer need not have a lead over counted words. What helps it is what it has read
# before: it knows pieces of words that TF-IDF has never met, and that counts for more where words have many forms. With thousands of reviews its lead grows, because there is
# enough to learn which order of words means what.
#
# ### Is 0.8 really 0.8?
#
# Of all reviews with a score around 0.8, about 80 % should be positive. A model for which that is true is **calibrated**. The picture puts reviews of similar scores into
# groups and compares the mean score of a group with the share of positive reviews in it. On the diagonal the model means what it says. Below it on the right, and above it on the left, it is
# too sure of itself.

# %% tags=["lesson"]
show.calibration(test_labels, both)

# %% [markdown]
# This matters for our stars, too. They do not say how good the film is, but how sure the model is that the review is positive. «A nice film, really
# nice» gets ten stars from a confident model, although its author would perhaps have given seven. For real ratings one would need reviews with ratings to learn from.
#
# ### Where is it wrong?
#
# These are the reviews in which the model was most sure, and wrong. Is it always the model that is wrong?

# %% tags=["lesson"]
worst = np.argsort(-np.abs(test_scores - test_labels))[:4].tolist()
show.texts(
    [dataset["test"]["text"][i] for i in worst],
    label=[label_names[test_labels[i]] for i in worst],
    score=[float(test_scores[i]) for i in worst],
)

# %% [markdown]
# ### What does truncation lose?
#
# The model read only one part of the long reviews. Let it read them twice: first only the beginning, then only the end. With which part will it do better?

# %% tags=["lesson"]
test_texts = dataset["test"]["text"]
sizes = [len(ids) for ids in tokenizer(list(test_texts), verbose=False)["input_ids"]]
long_ones = [i for i, size in enumerate(sizes) if size > tokenizer.model_max_length]
long_ones = long_ones[:: len(long_ones) // 100 + 1]
len(long_ones)

# %% tags=["lesson"]
long_texts = [test_texts[i] for i in long_ones]
both_ends = {}
for part, side in (("beginning", "right"), ("end", "left")):
    tokenizer.truncation_side = side
    both_ends[part] = score_reviews(long_texts, trainer.model, tokenizer)
tokenizer.truncation_side = profile.truncation_side
show.table(
    {
        part: evaluate_scores(test_labels[long_ones], scores)
        for part, scores in both_ends.items()
    }
)

# %% [markdown]
# These are at most 100 reviews, so do not trust a small difference. But see how different the two answers can be for one review. Here they differ most; only the end of the text is shown:

# %% tags=["lesson"]
turns = np.argsort(-np.abs(both_ends["beginning"] - both_ends["end"]))[:3].tolist()
show.texts(
    ["… " + test_texts[long_ones[i]][-400:] for i in turns],
    label=[label_names[test_labels[long_ones[i]]] for i in turns],
    beginning=[float(both_ends["beginning"][i]) for i in turns],
    end=[float(both_ends["end"][i]) for i in turns],
)

# %% [markdown]
# Some reviews tell the story first and give their verdict at the very end, or change their mind there. Whoever reads only one part misses the other. What could you do
# about it? Read the beginning and the end, read the text in several windows and take the mean, or take a model with a higher limit. Each of
# these costs time.

# %% [markdown]
# ## 9. Your own reviews
#
# Change the texts and find one on which the model is wrong. Try irony, and a review that tells of a sad film in warm words. Try another language, too: what
# does the model make of it?

# %% tags=["lesson"]
mine = [
    "A superb film. I laughed, I cried, and I would see it again tomorrow.",
    "It was dull, far too long, and the actors looked as bored as we were.",
    "I expected a masterpiece. What I got was two hours of rain.",
]
own_scores = score_reviews(mine, trainer.model, tokenizer)
show.texts(mine, score=own_scores.tolist(), rating=list(map(review_rating, own_scores)))

# %% [markdown]
# ## 10. From the notebook to a web page
#
# A model in a notebook helps nobody but you. Save it to a folder, together with its tokenizer. From the outside nobody sees what language it reads, so write that
# into its config first:

# %% tags=["lesson"]
from pathlib import Path

trainer.model.config.language = profile.data_language
trainer.save_model("reviews-model")
sorted(path.name for path in Path("reviews-model").iterdir())

# %% [markdown]
# The course brings a small web page that serves such a folder. It is written with Django, in one module that you can read: `helpers/demo/site.py`. Open a terminal in the folder of this notebook and
# type:
#
# ```
# pip install "django>=5.2,<6"
# python -m helpers.demo --model reviews-model
# ```
#
# Then open `http://127.0.0.1:8000` in your browser. A review goes in, polarity and stars come out. The page speaks the language of your browser, and says in which
# language it wants its reviews. Without `--model` it trains small models of its own on the first start, one for each language of the course: a visitor who reads Spanish gets a critic who reads Spanish.
#
# In Colab this leads nowhere: `127.0.0.1` means «this computer», and there that is one of Google's, which your browser does not reach. So start the page on your own computer, with the course
# installed there. To take the model along, run `!zip -r reviews-model.zip reviews-model` in a new cell, download the `.zip` file from the file list on the left, and unpack it.
#
# Look at what the page does that the notebook did not: it loads the model once and not for every request, it limits the length of a text and the number of requests, it shows `<script>` as text and does not run it, it accepts its form only from
# itself (this is called CSRF protection), and it answers with a sentence when something goes wrong.
#
# ## 11. Hand the model on
#
# The folder `reviews-model` is all that other people need. The **Hugging Face Hub**, from which the course takes its models, keeps such folders, each with its history. These lines put yours
# there. They need an account and a token that may write, so the notebook only shows them:
#
# ```python
# from huggingface_hub import login
#
# login()
# trainer.model.push_to_hub("your-name/reviews-model", private=True)
# tokenizer.push_to_hub("your-name/reviews-model", private=True)
# ```
#
# `login` asks for the token, which you make in the settings of your account. A token is a password: it never stands in a cell. With `private=True` nobody but you sees the model until you decide otherwise. From then
# on `from_pretrained("your-name/reviews-model")` loads it on any computer. Three things to know before you press Enter:
#
# - **Licences.** What a model may be used for depends on the model it was made from and on the data. Both have a licence: read them, and name them.
# - **People.** A model can give away what it has learned. If there are private texts in its data, it stays at home.
# - **Code.** The Hub keeps weights, not your functions. With E5 the head of the model comes from the course (`helpers.pooling`), and whoever loads it needs that, too: say so.
#
# A model without a description is of no use to anybody, and may do harm. It belongs into a **model card** (Mitchell and others, 2019), the file `README.md` in the folder:
#
# | section | what it answers |
# | --- | --- |
# | model | from which model was it made, for which task, in which language? |
# | use | what is it for, and what is it not for? |
# | data | which texts, by whom, how many, under which licence? |
# | evaluation | which number, on which data, beside which baseline? |
# | limits | where is it wrong, and on whose texts? |
#
# ### Question 1: What changes between a notebook and a service? (2 points)
#
# Imagine that your page is opened to everybody tomorrow, and that the model is on the Hub.
#
# 1. Name **four** things that were of no importance in the notebook and that matter now. For each of them write one sentence on what happens if nobody takes care of it. Think of texts, people, time, the
#    model itself, and of how you would notice that something is wrong.
# 2. Write the model card of **your** model, one or two sentences for each of the five sections. Take the numbers from this notebook.
#
# - 1 point: four things that matter for a service and were of no importance in the notebook, each with what happens if nobody takes care of it; for two or three of them it is half a point.
# - 1 point: a card with all five sections, a measured number beside a baseline, and a use for which the model is not meant; if one of these is missing, half a point.

# %% [markdown] essay="service" points=2
# - An example of a good answer: The model is loaded once, when the program starts. If every request loaded it, each would wait for seconds and the memory would soon be full.
# - Texts are limited in length and escaped in the page. Otherwise one huge text would block everybody, and a text with a script would run in the browsers of others.
# - Many people ask at the same time. Without a limit per person and a queue, one of them could use up all the computing time.
# - Errors are logged and the scores are watched, without storing private texts. New films bring new words, so the model slowly gets worse, and without numbers nobody would notice.
#
# The card, for the English model of the reduced version. Model: made from `all-MiniLM-L6-v2`; says whether an English film review is positive. Use: to sort reviews on a website that people look over; not to judge
# people, and not for texts that are no reviews. Data: reviews written for a course, about films that do not exist; nobody's private texts. Evaluation: ROC AUC on its test data, beside that of TF-IDF, both
# from the table in section 8; IMDB was not measured. Limits: it reads only the end of a long review, takes irony at its word, and is too sure of itself.

# %% [markdown]
# ## What you can do now
#
# - You fine-tune a transformer to classify texts, and compare it with a simple baseline.
# - You score any number of texts of any length, in batches, and lose none.
# - You turn logits into probabilities and probabilities into ratings, and know what these ratings do not say.
# - You know what a text costs in tokens, in your language and in others.
# - You read ROC and precision-recall curves and a calibration picture.
# - You have a model on a web page, and can describe it so that others can use it.
#
# Five questions to check yourself. Answer first, then look.
#
# <details>
# <summary>1. Why is padding done batch by batch and not once for the whole dataset?</summary>
#
# A batch is padded to its own longest review. Padded to the longest one of all, every short review would cost as much as that one.
#
# </details>
#
# <details>
# <summary>2. All scores are divided by two. Which of ROC AUC, average precision and F1 change?</summary>
#
# Only F1: it asks whether a score reaches 0.5. The other two look at the order, and that stays the same.
#
# </details>
#
# <details>
# <summary>3. A loop skips every text that raises an exception. Why are its figures wrong, even if each score is right?</summary>
#
# The skipped texts are not like the others: here they are the long ones. Figures on the rest say nothing about them.
#
# </details>
#
# <details>
# <summary>4. A model gives 0.9 to ten reviews, and six of them are positive. What is it called?</summary>
#
# Not calibrated: it is too sure of itself. Nine of the ten should be positive.
#
# </details>
#
# <details>
# <summary>5. Why does <code>review_rating</code> refuse <code>nan</code> instead of giving one star?</summary>
#
# A wrong computation would look like a bad film. An error is noticed, a wrong star is not.
#
# </details>
#
# **What comes next?** In `intent` a text has one of sixty classes, or none of them.

# %% [markdown] shared="hand_in"

# %% tags=["lesson"]
show.results(profile, results, baseline=evaluate_scores(test_labels, baseline))
