# ---
# title: Film reviews, from a text to a web page
# summary: >-
#   Does somebody praise a film or pan it, and how many stars is that? Train a model that can tell, find out how far you
#   can trust it, and put it on a web page.
# goals:
#   - fine-tune a transformer to tell positive reviews from negative ones
#   - turn its answers into probabilities, ratings and curves, and read them
#   - score thousands of texts of any length without losing one
#   - serve your model as a web page
# minutes: 90
# training: under a minute on a processor with two cores; on a GPU with the full data a quarter of an hour, by estimate
# prerequisites: Python, a first idea of what a neural network and a tokenizer are
# data: >-
#   offline: reviews of invented films, written for this course; full: the IMDB reviews by Maas et al. (2011)
# ---

# %% [markdown]
# ## How to work with this notebook
#
# Run the cells from top to bottom: click a cell and press Shift + Enter. Between the explanations there are
# **six exercises** and **one written question**; all of them give points. An exercise is a cell that says
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
# `distilbert-base-uncased` if there is a GPU, and otherwise a small dataset and a small model that come with the course.
# Leave the rest as it is: where a value is empty or zero, the course has chosen one.

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

# %%
dataset = data.load("imdb", profile.data)
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
# - `<br />` is a line break left over from a web page. It does no harm, the model learns to ignore it.
# - Some authors praise what is bad and mock what is good. A single word says little about the whole.
# - Reviews have very different lengths. That will keep us busy.
#
# Labels are the work of people or of programs, so some are wrong. Both datasets contain such reviews. A model can live
# with a few of them, if they are not too many.

# %% [markdown]
# ## 2. A baseline to beat
#
# Before you train a large model, find out how far a small one gets. Ours counts words: a word weighs more if it is rare
# in the other reviews (this is called **TF-IDF**), and **logistic regression** learns for every word whether it
# speaks for a positive or for a negative review. It learns in a second, and it knows no order: `not good, bad` and `not
# bad, good` are the same to it.
#
# The even simpler baseline says the same about every review. It is right as often as the larger class is frequent.

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
# > 🤔 **Think first.** Which reviews will fool a model that knows words, but not their order?
#
# These are reviews of the test data on which TF-IDF was very sure, and wrong. `score` is its probability of a positive review.

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
# A transformer reads **tokens**: words, or pieces of words. Its **tokenizer** cuts the text and puts a special token in front,
# `[CLS]`, and one at the end, `[SEP]`.

# %%
tokenizer = models.load_tokenizer(
    profile.checkpoint, profile.max_length, profile.truncation_side
)
encoded = tokenizer("Unputdownable? Hardly.<br />I left.")
encoded.tokens()

# %% [markdown]
# A transformer cannot read texts of any length. It has learned a limited number of positions, and there is nothing for the token after the
# last one. Besides, long texts are expensive: every token is compared with every other one. The tokenizer knows the limit:

# %%
tokenizer.model_max_length

# %% [markdown]
# Without a GPU the course sets it lower than the model would allow, to save time. How long are the reviews? The
# dashed line is the limit.

# %% tags=["lesson"]
untruncated = tokenizer(list(dataset["train"]["text"]), verbose=False)["input_ids"]
lengths = [len(ids) for ids in untruncated]
show.histogram(lengths, "len(input_ids)", limit=tokenizer.model_max_length)

# %% tags=["lesson"]
too_long = np.mean([length > tokenizer.model_max_length for length in lengths])
float(too_long)

# %% [markdown]
# That is the share of the reviews that are too long. If we gave them to the model as they are, it would stop with an error. So we **truncate** them, up to the limit. From
# which side? The tokenizer knows that, too: with `"right"` a text loses its end, with `"left"` its beginning.

# %%
tokenizer.truncation_side

# %% [markdown]
# Many people tell the story first and give their verdict last. So where the limit is low, the course keeps the end; where it is high, it keeps the beginning, as is usual. What that
# costs we will measure in section 8.
#
# ### Exercise 1: `encode_reviews` (3 points)
#
# ●○○ · about 5 minutes · one wrong argument here, and the model fails much later
#
# Write `encode_reviews(batch, tokenizer)`. The `batch` is a dictionary with a list of texts, `batch["text"]`; there
# may be other fields, which do not matter here. Return what the tokenizer gives for all these texts: a dictionary with a list for each of its fields,
# and in each list one list of numbers per text.
#
# 1. A text that is longer than the limit of the tokenizer is truncated to it. The last token is still `[SEP]`.
# 2. No text is padded: the lists keep different lengths. Padding comes later, batch by batch, because then it is
#    less.
#
# For the texts `A film.` and `I left early.` the result is:
#
# | field | value |
# | --- | --- |
# | `input_ids` | `[[101, 1037, 2143, 1012, 102], [101, 1045, 2187, 2220, 1012, 102]]` |
# | `attention_mask` | `[[1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]` |
#
# The small model's tokenizer has a third field, `token_type_ids`, full of zeros. Keep it: return all fields that your tokenizer gives.
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
# It is one line: `tokenizer(batch["text"], truncation=True)`. Leave out everything about padding and `return_tensors`.
#
# </details>

# %% answer="encode_reviews"
from helpers.reviews import encode_reviews

# %% test="encode_reviews" points=3
encoded = encode_reviews({"text": ["A film.", "I left early."], "label": [1, 0]}, tokenizer)
assert set(encoded) == set(tokenizer.model_input_names), "Return the fields of the tokenizer."
assert encoded["input_ids"] == [
    [101, 1037, 2143, 1012, 102],
    [101, 1045, 2187, 2220, 1012, 102],
], "These are not the numbers of the example."
assert encoded["attention_mask"] == [[1] * 5, [1] * 6], "Do not pad."
### BEGIN HIDDEN TESTS
import os
import random

own_tokenizer = models.load_tokenizer(profile.checkpoint, profile.max_length)
encoded = encode_reviews({"text": ["word " * 3000, "A film."]}, tokenizer)
assert [len(ids) for ids in encoded["input_ids"]] == [own_tokenizer.model_max_length, 5], (
    "Truncate long reviews to the limit of the tokenizer, and pad none."
)
assert encoded["input_ids"][0][-1] == own_tokenizer.sep_token_id, (
    "The last token of a truncated review is [SEP]."
)

draw = random.Random(os.environ.get("CLASS_SEED", ""))
drawn = draw.sample(list(data.load("imdb", "samples")["train"]["text"]), 12)
for limit in (profile.max_length, 48):
    own_tokenizer = models.load_tokenizer(profile.checkpoint, limit)
    expected = reviews.encode_reviews({"text": drawn}, own_tokenizer)
    encoded = encode_reviews({"text": drawn, "label": [0] * len(drawn)}, own_tokenizer)
    assert set(encoded) == set(expected), "Return the fields of the tokenizer."
    assert all(encoded[name] == expected[name] for name in expected), (
        "Encode every review as if it were alone, truncated to the limit of the tokenizer and not padded."
    )
### END HIDDEN TESTS

# %% [markdown]
# Now apply your function to the whole dataset. `map` calls it with many rows at once (`batched=True`) and adds the new fields to them.

# %%
tokenized = dataset.map(encode_reviews, batched=True, fn_kwargs={"tokenizer": tokenizer})
tokenized["train"].column_names

# %% [markdown]
# ## 4. A number for each epoch
#
# During the training we want to see whether the model gets better. The classes are balanced, so **accuracy** will do: the share of reviews that
# it got right.
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
# `np.argmax` finds the place of the largest number. Along which axis?
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `np.argmax(logits, axis=-1) == labels` is an array of true and false, and its mean is the accuracy. `float(…)` makes a Python number of it. (Or let
# `metrics.load("accuracy").compute(predictions=…, references=…)` count.)
#
# </details>

# %% answer="compute_metrics"
from helpers.reviews import compute_metrics

# %% test="compute_metrics" points=2
logits = np.array([[0.3, 0.1], [-2.0, 1.5], [-3.0, -1.0], [4.0, 2.0]])
result = compute_metrics((logits, np.array([0, 1, 1, 1])))
assert set(result) == {"accuracy"}, "Return a dictionary with the one field of the table."
assert result["accuracy"] == 0.75, "Three of the four texts are right."
assert type(result["accuracy"]) is float, "The number must be of the type float."
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
# We take a model that has read a lot of text, and put a new **classification head** on top: a small layer that computes two logits from the
# vector of `[CLS]`. The weights of the head are random numbers, so in the beginning the model only guesses. **Fine-tuning** trains both, the head and the model below it.
#
# `reviews.build_model` does that: it loads a checkpoint with a fresh head and tells it the names of the labels.

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
# Everything is ready; put it together. `training.make_trainer` builds a `Trainer` with the settings of the course: number of epochs, learning rate,
# an evaluation after every epoch, reviews of like length in one batch. Create a fresh model, make a trainer that is called `trainer`, and
# train it.
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
# The test asks whether the model has learned. It takes the weights of `trainer.model` and shows them reviews that nobody in
# this course has seen: their ROC AUC must reach at least `profile.floor`. ROC AUC is
# the chance that a positive review gets a higher score than a negative one; you will compute it yourself in exercise 6.
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
# First `model = reviews.build_model(checkpoint)`. Then `trainer = training.make_trainer(profile, model, tokenizer, …)` with
# `tokenized["train"]`, `tokenized["validation"]` and the other two arguments of the table. Last, `trainer.train()`.
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
assert trainer.state.global_step > 0, "The trainer has not trained: call trainer.train()."
assert len(trainer.train_dataset) == len(dataset["train"]), "Train on all the training data."
### BEGIN HIDDEN TESTS
from course import unseen

own_tokenizer = models.load_tokenizer(
    profile.checkpoint, profile.max_length, profile.truncation_side
)
judged = unseen.with_weights_of(trainer.model, reviews.build_model(checkpoint))
rows = unseen.rows("reviews")
scored = reviews.score_reviews([row["text"] for row in rows], judged, own_tokenizer)
reached = reviews.evaluate_scores([row["label"] for row in rows], scored)
assert reached["roc_auc"] >= profile.floor, (
    "ROC AUC on reviews that nobody has seen is below the floor of the profile."
)
### END HIDDEN TESTS

# %% [markdown]
# How did it go, epoch by epoch? If the loss on the training data falls and the one on the validation data rises, the model begins to learn
# the reviews by heart.

# %% tags=["lesson"]
show.history(trainer)

# %% [markdown]
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

# %%
round(2.5), round(3.5)

# %% [markdown]
# Python rounds a half to the nearest **even** number. That is fair in statistics, but nobody expects it of stars.
#
# ### Exercise 4: `review_rating` (4 points)
#
# ●●○ · about 10 minutes · three lines with four traps
#
# Write `review_rating(p_positive)`. It returns a whole number of the type `int`:
#
# 1. The rating is ten times the probability, rounded to the nearest whole number. A half is always rounded **up**.
# 2. It is at least 1: there are no zero stars.
# 3. A number below 0 or above 1 is not a probability: raise `ValueError`.
# 4. Neither is `nan`, «not a number», which comes out when a computation has gone wrong: `ValueError`, too.
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
# `if not 0 <= p_positive <= 1:` catches rules 3 and 4 together; write `raise ValueError("…")` below it. Then `math.floor(10 * p_positive + 0.5)`, and `max` with 1. Import
# `math` inside the function.
#
# </details>

# %% answer="review_rating"
from helpers.reviews import review_rating

# %% test="review_rating" points=4
assert review_rating(0.78) == 8, "Ten times the probability, rounded."
assert review_rating(0.25) == 3, "A half is rounded up."
assert review_rating(0.04) == 1, "The lowest rating is 1."
try:
    review_rating(1.2)
    is_refused = False
except ValueError:
    is_refused = True
assert is_refused, "Raise ValueError for what is not a probability."
### BEGIN HIDDEN TESTS
import os
import random


def refuses(number):
    try:
        review_rating(number)
    except ValueError:
        return True
    return False


assert all(type(review_rating(p)) is int for p in (0.0, 0.5, 1.0)), "The rating must be an int."
assert [review_rating(k / 10) for k in range(1, 11)] == list(range(1, 11)), (
    "Ten times the probability, rounded."
)
for p in (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95):
    assert review_rating(p) == reviews.review_rating(p), "A half is rounded up."
assert review_rating(0.0) == review_rating(0.01) == 1, "The lowest rating is 1."
assert review_rating(1.0) == review_rating(0.96) == 10, "The highest rating is 10."
for number in (-0.1, -1e-9, 1.001, 10, float("inf"), float("-inf")):
    assert refuses(number), "Raise ValueError outside 0 and 1."
assert refuses(float("nan")), "Raise ValueError for nan."

draw = random.Random(os.environ.get("CLASS_SEED", ""))
for _ in range(100):
    p = draw.choice([draw.random(), draw.randint(0, 1000) / 1000])
    assert review_rating(p) == reviews.review_rating(p), "Ten times the probability, rounded."
### END HIDDEN TESTS

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
# Write `score_reviews(texts, model, tokenizer)`. It returns an array of floats: the probability of a positive review for every text.
#
# 1. There is one score for **every** text, in the order of `texts`. For an empty list the result is an array of the shape `(0,)`.
# 2. The score is the softmax probability of **column 1** of the logits.
# 3. A text that is too long is truncated to the limit, and not left out. The limit is the smaller one of `tokenizer.model_max_length` and
#    `model.config.max_position_embeddings`.
# 4. The model gets the texts in batches of 8 to 64, sorted by length, each batch padded to its longest text. The model has to know what is padding: give it the attention
#    mask.
# 5. The model is in evaluation mode.
#
# With a model that finds `superb` good and `dull` bad, the result of `score_reviews(["superb", "dull", "a film"], …)` could be:
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
# For the numbers `rows` of a batch: `batch = tokenizer.pad([encoded[i] for i in rows], return_tensors="pt").to(model.device)`. Below `with torch.no_grad():`, which saves time and
# memory, write `logits = model(**batch).logits`. Then `scores[rows] = logits.float().softmax(dim=-1)[:, 1].cpu().numpy()`. And before the loop: `model.eval()`.
#
# </details>

# %% answer="score_reviews"
from helpers.reviews import score_reviews

# %% [markdown]
# Every training gives a slightly different model, so we test with one whose answers we know: `models.lookup_critic` is a real BERT with weights set by hand. The more often it
# reads `superb`, the higher the score, and `dull` lowers it.

# %% test="score_reviews" points=5
own_tokenizer = models.load_tokenizer(profile.checkpoint, 128)
critic = models.lookup_critic({"superb": 1.0, "dull": -1.0}, own_tokenizer)
five = ["superb", "dull", "a film", "dull " * 500, "a superb film with a superb end"]
result = score_reviews(five, critic, own_tokenizer)
assert len(result) == 5, "Every text needs one score, the long one, too."
assert result[0] > 0.7, "The score is the probability of column 1."
assert result[1] < 0.3 and result[3] < 0.3, "Scores must come in the order of the texts."
assert abs(result[2] - 0.5) < 1e-4, "Give the model the attention mask."
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
own_tokenizer = models.load_tokenizer(profile.checkpoint, 128)
weights = {"superb": 1.0, "fine": 0.4, "slow": -0.3, "dull": -1.0}
critic = models.lookup_critic(weights, own_tokenizer)


def checked(some, model):
    result = score_reviews(some, model, own_tokenizer)
    is_array = type(result) is np.ndarray and result.dtype.kind == "f"
    assert is_array and result.shape == (len(some),), (
        "Return an array of floats, one for every text."
    )
    return result


assert checked([], critic).shape == (0,), "No texts give an array of the shape (0,)."
words = [*weights, "film", "the", "a", "<br />", "😀"]
drawn = [" ".join(draw.choices(words, k=draw.choice([1, 3, 10, 40, 300]))) for _ in range(75)]
drawn += ["", " ", "superb", "dull " * 400 + "superb " * 400]
draw.shuffle(drawn)
expected = reviews.score_reviews(drawn, critic, own_tokenizer)
assert np.allclose(checked(drawn, critic), expected, atol=1e-4), (
    "Every text gets the score that it would have alone, in the order of the texts."
)
noisy = models.lookup_critic(weights, own_tokenizer, dropout=0.9).train()
assert np.allclose(checked(drawn, noisy), expected, atol=1e-4), (
    "Put the model into evaluation mode."
)

# The model takes less than the tokenizer says, and the other way round.
for model_limit, limit in ((16, 128), (128, 16)):
    own_tokenizer.model_max_length = model_limit
    short = models.lookup_critic(weights, own_tokenizer)
    own_tokenizer.model_max_length = limit
    assert checked(["superb " * 40 + "dull " * 100], short)[0] > 0.7, (
        "Truncate to the smaller one of the two limits."
    )
own_tokenizer.model_max_length = 128

# Unsorted, this needs 12,800 tokens, sorted little more than half of them.
mixed = ["superb", "film " * 98] * 64
for calls, tokens, is_sorted in ((16, 10**9, False), (10**9, 10_000, True)):
    frugal = models.with_budget(
        models.lookup_critic(weights, own_tokenizer), calls=calls, tokens=tokens
    )
    try:
        score_reviews(mixed, frugal, own_tokenizer)
        is_enough = True
    except RuntimeError:
        is_enough = False
    assert is_enough or is_sorted, "Give the model the texts in batches."
    assert is_enough or not is_sorted, "Sort by length, so that little is padded."
### END HIDDEN TESTS

# %% [markdown]
# If the tests are silent, score the test reviews with your model.

# %% tags=["lesson"]
test_scores = score_reviews(dataset["test"]["text"], trainer.model, tokenizer)
len(test_scores), len(dataset["test"])

# %% [markdown]
# Here are the ratings of positive and negative reviews. Where do they overlap?

# %% tags=["lesson"]
ratings = [review_rating(score) for score in test_scores]
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
# Write `evaluate_scores(labels, scores)`. `labels` are zeros and ones, `scores` are probabilities, both lists or arrays of one length. Return a dictionary with
# three numbers of the type `float`. For the labels `[0, 1, 0, 1]` and the scores `[0.1, 0.4, 0.6, 0.9]` it is:
#
# | field | value |
# | --- | --- |
# | `roc_auc` | `0.75` |
# | `average_precision` | `0.8333` (rounded) |
# | `f1` | `0.5` |
#
# For F1, a score of 0.5 or more counts as positive. If no score reaches it, F1 is `0.0`, without a warning.
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
# `f1_score(labels, np.asarray(scores) >= 0.5, zero_division=0)`; the other two take `(labels, scores)`. Wrap each result in `float(…)`.
#
# </details>

# %% answer="evaluate_scores"
from helpers.reviews import evaluate_scores

# %% test="evaluate_scores" points=4
result = evaluate_scores([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9])
assert set(result) == {"roc_auc", "average_precision", "f1"}, (
    "Return the three fields of the table."
)
assert result["roc_auc"] == 0.75, "ROC AUC is wrong."
assert abs(result["average_precision"] - 5 / 6) < 1e-6, "Average precision is wrong."
assert result["f1"] == 0.5, "F1 is wrong."
assert all(type(value) is float for value in result.values()), "The type must be float."
### BEGIN HIDDEN TESTS
import os
import random
import warnings

draw = random.Random(os.environ.get("CLASS_SEED", ""))
drawn = np.random.default_rng(draw.getrandbits(64))
for size in (6, 40, 200):
    own_labels = np.concatenate([[0, 1], drawn.integers(0, 2, size)])
    own_scores = np.round(np.clip(drawn.normal(0.3 + 0.3 * own_labels, 0.3), 0, 1), 1)
    result = evaluate_scores(own_labels, own_scores)
    expected = reviews.evaluate_scores(own_labels, own_scores)
    assert abs(result["roc_auc"] - expected["roc_auc"]) < 1e-9, "ROC AUC is wrong."
    assert abs(result["average_precision"] - expected["average_precision"]) < 1e-9, (
        "Average precision is wrong."
    )
    assert abs(result["f1"] - expected["f1"]) < 1e-9, (
        "For F1, a score of 0.5 or more counts as positive."
    )

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    result = evaluate_scores(np.array([0, 1]), np.array([0.1, 0.2]))
assert result == {"roc_auc": 1.0, "average_precision": 1.0, "f1": 0.0}, (
    "ROC AUC and average precision look at the order, F1 at the threshold 0.5."
)
### END HIDDEN TESTS

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

# %% tags=["lesson"]
show.precision_recall(test_labels, both)

# %% [markdown]
# With a higher threshold you move to the left in both pictures: you call fewer reviews positive, and a larger share of them really is.
#
# Compare the two models honestly. With a few hundred reviews to learn from, a transformer has no large lead over counted words, and it may even have none. With
# thousands of reviews it has one, because there is enough to learn which order of words means what.
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
turns = np.argsort(-np.abs(both_ends["beginning"] - both_ends["end"]))[:3]
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
# Change the texts and find one on which the model is wrong. They must be in English: it has read nothing else. Try irony, and a review that tells of a sad film in warm words.

# %% tags=["lesson"]
own_texts = [
    "A superb film. I laughed, I cried, and I would see it again tomorrow.",
    "It was dull, far too long, and the actors looked as bored as we were.",
    "I expected a masterpiece. What I got was two hours of rain.",
]
own_scores = score_reviews(own_texts, trainer.model, tokenizer)
show.texts(own_texts, score=own_scores.tolist(), rating=list(map(review_rating, own_scores)))

# %% [markdown]
# ## 10. From the notebook to a web page
#
# A model in a notebook helps nobody but you. Save it to a folder, together with its tokenizer:

# %% tags=["lesson"]
from pathlib import Path

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
# Then open `http://127.0.0.1:8000` in your browser. A review goes in, polarity and stars come out; the page speaks the language of your browser. Without `--model` it trains a small model of its own on the first start. In
# Colab there is no such terminal: download the folder and start the page on your own computer.
#
# Look at what the page does that the notebook did not: it loads the model once and not for every request, it limits the length of a text and the number of requests, it shows `<script>` as text and does not run it, it accepts its form only from
# itself (this is called CSRF protection), and it answers with a sentence when something goes wrong.
#
# ### What changes between a notebook and a service? (2 points)
#
# Imagine that your page is opened to everybody tomorrow. Name **four** things that were of no importance in the notebook and that matter now. For each of them write one
# sentence on what happens if nobody takes care of it. Think of texts, people, time, the model itself, and of how you would notice that something is wrong.

# %% [markdown] essay="service" points=2
# - An example of a good answer: The model is loaded once, when the program starts. If every request loaded it, each would wait for seconds and the memory would soon be full.
# - Texts are limited in length and escaped in the page. Otherwise one huge text would block everybody, and a text with a script would run in the browsers of others.
# - Many people ask at the same time. Without a limit per person and a queue, one of them could use up all the computing time.
# - Errors are logged and the scores are watched, without storing private texts. New films bring new words, so the model slowly gets worse, and without numbers nobody would notice.

# %% [markdown]
# ## What you can do now
#
# - You fine-tune a transformer to classify texts, and compare it with a simple baseline.
# - You score any number of texts of any length, in batches, and lose none.
# - You turn logits into probabilities and probabilities into ratings, and know what these ratings do not say.
# - You read ROC and precision-recall curves and a calibration picture.
# - You have a model on a web page.
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
# **Hand in:** run everything once more from top to bottom, in Colab with *Runtime → Restart session and run all*,
# in JupyterLab with *Kernel → Restart Kernel and Run All Cells*. Save the notebook and download it, in Colab with
# *File → Download → Download .ipynb*, in JupyterLab with *File → Download*. Upload the `.ipynb` file where your
# teacher collects it.

# %% tags=["lesson"]
show.results(profile, results)
