# ---
# title: Emotions and opinions in tweets
# summary: >-
#   Angry, glad, hopeful or sad? And for or against? Teach a model to hear it in a tweet, then do it all again for another question.
# goals:
#   - turn tweets into tokens, and know what padding costs
#   - fine-tune a transformer that sorts texts into classes, and measure it fairly when some classes are rare
#   - name the emotion of any text, and find out where the model is surest and still wrong
#   - repeat the whole recipe on another dataset, in one function
# minutes: 80
# training: under a minute on a processor with two cores; about four minutes on a K80 GPU with the full data
# prerequisites: Python, a first idea of what a neural network is
# data: >-
#   offline: tweets invented for this course; full: TweetEval, tweets by real people
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
#
# > ⚠️ **About the texts.** The tweets of the full dataset were written by real people, some of them in anger: there is
# > swearing among them. The tweets of the small dataset were invented for this course and have none.

# %% tags=["parameters"]
language = "en"
profile = "auto"
checkpoint = ""
epochs = 0
learning_rate = 0.0

# %% [markdown]
# The cell above holds the switches of the run. With `profile = "auto"` the notebook takes the full dataset and
# `distilbert-base-uncased` if there is a GPU, and otherwise a small dataset and a small model that come with the course. Leave
# the rest as it is: where a value is empty or zero, the course has chosen one.

# %%
# First helpers, then the rest: it tells torch how to share the processor.
from helpers import data, emotion, models, profiles, show, training
from helpers.rules import Rules
import numpy as np
from transformers import set_seed

models.quiet()

# %%
profile = profiles.load(
    "emotion",
    profile,
    language=language,
    checkpoint=checkpoint,
    epochs=epochs,
    learning_rate=learning_rate,
)
profiles.choose(profile.name)
checkpoint = profile.checkpoint
set_seed(profile.seed)
show.settings(profile)

# %% [markdown]
# ## 1. Look at the data
#
# Somebody writes a tweet, and you feel at once what mood it was written in. To find the class of a whole text is called **text
# classification**. Our classes are four emotions.

# %%
dataset = data.load("tweet_eval/emotion", profile.data)
dataset

# %% [markdown]
# There are three parts, called **splits**. We train on `train` and decide everything on `validation`; `test` decides
# nothing and only tells how good the result is. Each row has two fields:

# %%
dataset["train"][0]

# %% [markdown]
# The `label` is the number of the class. The dataset knows the names:

# %%
label_names = dataset["train"].features["label"].names
label_names

# %% tags=["lesson"]
rows = dataset["train"][:10]
show.examples(text=rows["text"], label=[label_names[i] for i in rows["label"]])

# %% [markdown]
# `@user` stands for a name: the authors of the dataset have hidden who was meant.
#
# > 🤔 **Think first.** Cover the right column and guess. In which tweets does a single word give the emotion away? In which ones do
# > you need the whole sentence, or even to know how people are?
#
# How many tweets of each class are there?

# %% tags=["lesson"]
labels = dataset["train"]["label"]
show.bars({name: list(labels).count(i) for i, name in enumerate(label_names)}, "train")

# %% [markdown]
# The classes are **imbalanced**: one is several times as frequent as another. Keep this picture in mind, it will matter twice.
#
# ## 2. A baseline to beat
#
# Before you train a model, find out how far a very simple one gets. We take two:
#
# - `majority` always says the class that is most frequent in the training data;
# - `TF-IDF` counts words, gives rare ones more weight, and puts a logistic regression on top. It knows words, but not their order.

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
# - **F1**, here `f1`, the *macro* kind: for every class one number that is high only if the class is found, and found without false alarms; then
#   the mean over the classes.
#
# Look at the first row. A model that never says anything but the most frequent class has a poor accuracy and a far poorer F1. Accuracy counts
# tweets, so the frequent classes rule it. Macro F1 counts classes, and the rare ones weigh as much as the others.

# %% [markdown]
# ## 3. From tweets to tokens
#
# A model reads numbers, not letters. Its **tokenizer** cuts a text into **tokens** and gives each of them its number in the
# vocabulary. Frequent words are one token; rare ones are cut into **word pieces**, and a piece that continues a word begins with `##`.

# %%
tokenizer = models.load_tokenizer(checkpoint)
tokenizer.tokenize("A long trip to Mordor")

# %% [markdown]
# Even a word that the model has never seen can be put together from pieces. And the capitals are gone: the model is *uncased*, it does not tell
# `A` from `a`.
#
# If you call the tokenizer like a function, it gives what the model needs:

# %%
encoded = tokenizer("A long trip to Mordor")
encoded

# %% tags=["lesson"]
show.examples(token=encoded.tokens(), **encoded)

# %% [markdown]
# - `input_ids` are the numbers of the tokens. Two **special tokens** have been added: `[CLS]` in front and `[SEP]` at the end.
# - `attention_mask` says which tokens the model may look at: 1 is a real token, 0 is filling. Here everything is real.
# - `token_type_ids` tells the first from the second text of a pair. We have no pairs, so it is 0, and some models do without it.
#
# ### Exercise 1: `encode_tweets` (4 points)
#
# ●○○ · about 5 minutes · every model for texts begins like this
#
# Write `encode_tweets(batch, tokenizer, max_length=60)`. The `batch` is a dictionary; `batch["text"]` is a list of texts. Return what the tokenizer
# makes of the whole list: for every field one list per text. Two rules:
#
# 1. A text with more than `max_length` tokens is **truncated**, so that `max_length` tokens are left, the special ones included.
# 2. Nothing is **padded**: short texts stay short. Padding comes later, batch by batch.
#
# For `{"text": ["A long trip to Mordor", "Home!"]}` the result is:
#
# | field | value |
# | --- | --- |
# | `input_ids` | `[[101, 1037, 2146, 4440, 2000, 22822, 7983, 102], [101, 2188, 999, 102]]` |
# | `attention_mask` | `[[1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1]]` |
#
# and `token_type_ids`, full of zeros, if the tokenizer gives it.
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
# Call `tokenizer(batch["text"], …)` with `truncation=True` and `max_length=max_length`, and return the result. Leave out `padding`.
#
# </details>

# %% answer="encode_tweets"
from helpers.emotion import encode_tweets

# %% test="encode_tweets" points=4
encoded = encode_tweets({"text": ["A long trip to Mordor", "Home!"]}, tokenizer)
lengths = [len(ids) for ids in encoded["input_ids"]]
assert len(lengths) == 2, "Encode all texts of the batch."
assert lengths == [8, 4], "Short texts stay short: leave padding to the batch."
assert encoded["input_ids"][1] == [101, 2188, 999, 102], (
    "These are not the tokenizer's numbers."
)
assert encoded["attention_mask"] == [8 * [1], 4 * [1]], (
    "The attention mask is missing or wrong."
)
long = encode_tweets({"text": ["home " * 100]}, tokenizer, max_length=10)
assert len(long["input_ids"][0]) == 10, "Truncate texts that are longer than max_length."
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
own_tokenizer = models.load_tokenizer(profile.checkpoint)
words = "so proud #happy @user it's 😭 unbelievable café Привет !!! rain http 2nite".split()
tweets = [" ".join(draw.choices(words, k=draw.randint(1, 90))) for _ in range(12)]
tweets += ["", " ", "home " * 200]
for limit in (60, draw.randint(5, 20), 100):
    expected = emotion.encode_tweets({"text": tweets}, own_tokenizer, max_length=limit)
    encoded = encode_tweets(
        {"text": tweets, "label": [0] * len(tweets)}, tokenizer, max_length=limit
    )
    assert max(len(ids) for ids in encoded["input_ids"]) == limit, "Truncate to max_length."
    assert [len(ids) for ids in encoded["input_ids"]] == [
        len(i) for i in expected["input_ids"]
    ], "Every text keeps its own length, up to max_length."
    assert set(encoded.keys()) == set(expected), (
        "Return the tokenizer's fields, and only these."
    )
    for field in expected:
        assert encoded[field] == expected[field], (
            "A field differs from what the tokenizer gives."
        )
encoded = encode_tweets({"text": tweets}, tokenizer)
assert max(len(ids) for ids in encoded["input_ids"]) == 60, (
    "Without another value, max_length is 60."
)
### END HIDDEN TESTS

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
# token, `[PAD]`, and get a 0 in the attention mask. This is **padding**. You can do it in several ways:
#
# - `max_length`: every tweet is filled up to 60 tokens, once and for all. You can see this in many programs;
# - `longest`: every batch is filled up to its own longest tweet;
# - `sorted`: the same, after tweets of like length have been put into one batch.
#
# The model ignores filling, but it has to compute it all the same.
#
# > 🤔 **Think first.** Look at the histogram. Which share of the tokens will be filling if every tweet is filled up to 60? How much time do
# > you expect to save?
#
# We let a model that has not been trained yet read some tweets, padded in the three ways, and measure:

# %% tags=["lesson"]
untrained = emotion.build_classifier(checkpoint, label_names)
some = dataset["train"][:48]["text"]
costs = emotion.padding_cost(some, untrained, tokenizer, batch_size=8)
show.table(costs)

# %% tags=["lesson"]
show.bars({name: round(cost["seconds"], 3) for name, cost in costs.items()}, "seconds")

# %% [markdown]
# The answers of the model are the same in all three rows; only the work differs. In training every step is a forward pass and a backward pass, so the same
# ratio holds there.
#
# A **data collator** makes a batch out of rows. This one pads to the longest tweet of the batch, and also renames `label` to `labels`, the name
# that the model expects:

# %%
from transformers import DataCollatorWithPadding

data_collator = DataCollatorWithPadding(tokenizer)
batch = data_collator([tokenized["train"][i] for i in range(3)])
batch["attention_mask"]

# %% [markdown]
# ## 5. The model
#
# A transformer turns every token into a vector that depends on the whole text. It learned how from a great amount of text that nobody had
# to label. This is the **body** of the model:

# %%
model = emotion.build_classifier(checkpoint, label_names)
inputs = tokenizer("A long trip to Mordor", return_tensors="pt")
vectors = model.base_model(**inputs).last_hidden_state
vectors.shape

# %% [markdown]
# One text, eight tokens, and one vector a token. To sort texts into classes, a **classification head** is put on top. It takes the
# vector of `[CLS]`, which has gathered what matters from the whole text, and makes one number per class out of it. These numbers are called **logits**; the
# class with the highest logit is the prediction.

# %%
model(**inputs).logits

# %% [markdown]
# `emotion.build_classifier` calls `AutoModelForSequenceClassification.from_pretrained` of the library transformers. It tells it how many classes there
# are, and their names. The body comes with what it has learned; the head is new, its weights are random numbers, and it knows nothing yet. To train both on our tweets
# is called **fine-tuning**.
#
# ## 6. Metrics
#
# While it trains, the model is evaluated after every epoch. `Trainer` then calls a function of ours with two arrays:
#
# - `logits` of the shape $[n, k]$: $n$ tweets, $k$ classes;
# - `labels` of the shape $[n]$: the numbers of the right classes.
#
# ### Exercise 2: `compute_metrics` (4 points)
#
# ●●○ · about 10 minutes · a wrong metric is worse than none
#
# Write `compute_metrics(eval_pred)`. `eval_pred` is the pair `(logits, labels)`. Choose the class with the highest logit for every tweet and return a
# dictionary with two numbers of the type `float`:
#
# - `accuracy`: the share of tweets whose class is right;
# - `f1`: the mean of the F1 of **all** $k$ classes. With $r$ right predictions of a class, $p$ predictions of it and $l$ labels of it, its
#   F1 is $\frac{2r}{p + l}$. A class without any right prediction counts 0, and so does one that occurs neither in the predictions nor in the labels.
#
# Five tweets, four classes: the labels are `[0, 0, 1, 1, 2]`, the predictions `[0, 0, 0, 1, 1]`. Class 3 does not occur at all. The result is:
#
# | field | value |
# | --- | --- |
# | `accuracy` | `0.6` |
# | `f1` | `0.325`, the mean of `0.8`, `0.5`, `0` and `0` |
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
# Call `f1_score` with `average="macro"`, with `labels=list(range(k))`, where `k` is `np.shape(logits)[-1]`, so that all classes are counted, and with
# `zero_division=0`. Wrap both results in `float(…)`.
#
# </details>

# %% answer="compute_metrics"
from helpers.emotion import compute_metrics

# %% test="compute_metrics" points=4
logits = np.eye(4)[[0, 0, 0, 1, 1]]
scores = compute_metrics((logits, np.array([0, 0, 1, 1, 2])))
assert set(scores) == {"accuracy", "f1"}, "Return the two fields of the table."
assert abs(scores["accuracy"] - 0.6) < 1e-6, "Three of the five tweets are right."
assert abs(scores["f1"] - 0.325) < 1e-6, "F1 is the mean over all four classes."
### BEGIN HIDDEN TESTS
import os
import random

assert all(type(score) is float for score in scores.values()), (
    "The numbers must be of the type float."
)
draw = random.Random(os.environ.get("CLASS_SEED", ""))
rng = np.random.default_rng(draw.randrange(10**6))
for rows, classes in [(40, 3), (200, 4), (25, 7), (1, 2)]:
    logits = rng.normal(size=(rows, classes)) - draw.uniform(0, 9)
    labels = rng.choice(classes, size=rows, p=rng.dirichlet(np.ones(classes)))
    expected = emotion.compute_metrics((logits, labels))
    scores = compute_metrics((logits, labels))
    assert set(scores) == {"accuracy", "f1"}, "Return the two fields of the table."
    assert abs(scores["accuracy"] - expected["accuracy"]) < 1e-6, (
        "Accuracy is the share of tweets whose class is right."
    )
    assert abs(scores["f1"] - expected["f1"]) < 1e-6, (
        "F1 is the mean over all classes, rare and absent ones included."
    )
### END HIDDEN TESTS

# %% [markdown]
# > 🤔 **Think first.** Swap labels and predictions in your function. Which of the two numbers changes? Look at the formula: what happens if $p$ and $l$ trade
# > places?
#
# Neither of them. With precision and recall, the two halves of F1, it would be another story: they would trade places, and nobody would notice.
#
# ## 7. Training
#
# ### Exercise 3: train the model (5 points)
#
# ●○○ · about 10 minutes, plus the training
#
# Everything is ready; put it together. `training.make_trainer` builds a `Trainer` with the settings of the course: number of epochs, learning rate, batch size,
# an evaluation after every epoch. In the small run without a GPU it also freezes the lower layers, which makes every step
# cheaper. Create a fresh model with `emotion.build_classifier(checkpoint, label_names)`, make a trainer that is called `trainer`, and train it.
#
# `training.make_trainer` takes `profile`, the model and the tokenizer, and then by name:
#
# | argument | what it is |
# | --- | --- |
# | `train_dataset` | the tokenized training data |
# | `eval_dataset` | the tokenized validation data |
# | `data_collator` | the collator from above |
# | `compute_metrics` | your function |
#
# The test asks whether the model has learned. It takes the weights of `trainer.model` and shows them tweets that nobody
# in this course has seen: their accuracy must reach at least `profile.floor`.
#
# <details>
# <summary>Hint 1</summary>
#
# Three statements are enough: make the model, make the trainer, call `trainer.train()`. Functions are passed on without brackets behind
# their name.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# First `model = emotion.build_classifier(checkpoint, label_names)`. Then `trainer = training.make_trainer(profile, model, tokenizer, …)` with
# `tokenized["train"]`, `tokenized["validation"]` and the other two arguments of the table. Last, `trainer.train()`.
#
# </details>

# %% answer="training"
### BEGIN SOLUTION
model = emotion.build_classifier(checkpoint, label_names)
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
assert len(trainer.eval_dataset) == len(dataset["validation"]), (
    "Evaluate on the validation data."
)
### BEGIN HIDDEN TESTS
from course import unseen

own_tokenizer = models.load_tokenizer(profile.checkpoint)
judged = unseen.with_weights_of(
    trainer.model, emotion.build_classifier(checkpoint, data.EMOTIONS)
)
rows = unseen.rows("emotion")
found = emotion.predict_emotions([row["text"] for row in rows], judged, own_tokenizer)
right = [name == row["label_text"] for name, row in zip(found, rows)]
assert np.mean(right) >= profile.floor, (
    "Accuracy on tweets that nobody has seen is below the floor of the profile."
)
### END HIDDEN TESTS

# %% [markdown]
# How did it go, epoch by epoch?

# %% tags=["lesson"]
show.history(trainer)

# %% [markdown]
# If `eval_loss` rises while `loss` keeps falling, the model has begun to learn the training data by heart. That is called **overfitting**.
#
# ### Better than the baselines?
#
# Now, once, the test data:

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
    [label_names[i] for i in output.label_ids],
    [label_names[i] for i in predicted],
    label_names,
)

# %% [markdown]
# And these are the worst errors: wrong predictions of which the model was most certain. `score` is the **softmax** of the logits: it makes
# probabilities of them, $\frac{e^{z_i}}{\sum_j e^{z_j}}$. Is it always the model that is wrong? What would it need to know to get them right?

# %% tags=["lesson"]
worst = emotion.worst_errors(output.predictions, output.label_ids, count=8)
show.examples(
    text=[dataset["test"][row]["text"] for row, _ in worst],
    label=[label_names[output.label_ids[row]] for row, _ in worst],
    prediction=[label_names[predicted[row]] for row, _ in worst],
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
# | `["What a day!!! 🎉", "I miss him so much"]` | `["joy", "sadness"]` |
# | `[]` | `[]` |
# | `"What a day!!! 🎉"` | `TypeError` |
#
# The rules:
#
# 1. One name per text, in the order of the texts.
# 2. The texts go through the model in batches of 32: a thousand at once would need too much memory, one at a time too much time.
# 3. Texts are truncated to 60 tokens, as in training, and padded per batch. The model gets the attention mask, so that it ignores the padding.
# 4. The names of the classes come from `model.config.id2label`.
# 5. The model is in evaluation mode, and no gradients are computed.
# 6. If `texts` is a string and not a list, raise `TypeError`. Otherwise the string would be read letter by letter, without any message.
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
# First `if isinstance(texts, str): raise TypeError(…)`, then `model.eval()`. In the loop move the batch to the model with `.to(model.device)`, compute
# `model(**batch).logits.argmax(dim=-1)` inside `with torch.no_grad():`, and append `model.config.id2label[i]` for every `i` of its `tolist()`.
#
# </details>

# %% answer="predict_emotions"
from helpers.emotion import predict_emotions

# %% [markdown]
# How can the function be tested if every training gives a slightly different model? With a model that we write ourselves: `models.keyword_classifier`
# is a real BERT that takes the class for which most words of a text vote. We choose the words.

# %% test="predict_emotions" points=5
own_tokenizer = models.load_tokenizer(profile.checkpoint)
votes = {"angry": "anger", "party": "joy", "soon": "optimism", "miss": "sadness"}
emotions = ["anger", "joy", "optimism", "sadness"]
voter = models.keyword_classifier(votes, own_tokenizer, emotions)
found = predict_emotions(["What a party!!! 🎉", "I miss him so much"], voter, own_tokenizer)
assert found == ["joy", "sadness"], "These are not the names of the example."
assert predict_emotions([], voter, own_tokenizer) == [], "No texts, no names."
refused = False
try:
    predict_emotions("What a party!!! 🎉", voter, own_tokenizer)
except TypeError:
    refused = True
assert refused, "A bare string must raise a TypeError."
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
keys = list(votes)
chosen = [draw.choice(keys) for _ in range(draw.randint(290, 310))]
tweets = [f"{word} {'and so on ' * draw.choice([0, 0, 1, 9])}" for word in chosen]
expected = [votes[word] for word in chosen]


def counting(model):
    # It fails where too many texts come at once, or one by one, or with gradients.
    import torch

    calls = []

    def look(module, arguments, inputs):
        calls.append(
            inputs["input_ids"].shape[0] if "input_ids" in inputs else len(arguments[0])
        )
        if torch.is_grad_enabled() or calls[-1] > 128 or len(calls) > 60:
            raise RuntimeError

    model.register_forward_pre_hook(look, with_kwargs=True)
    return model


found = predict_emotions(tweets, voter, own_tokenizer)
assert len(found) == len(tweets), "Return one name per text."
assert found == expected, (
    "The names are wrong, or not in the order of the texts, or padding was not ignored."
)
try:
    strict = counting(models.keyword_classifier(votes, own_tokenizer, emotions))
    found = predict_emotions(tweets, strict, own_tokenizer)
except RuntimeError:
    found = None
assert found == expected, "Go through the model in batches of 32, without gradients."

feelings = ["fear", "surprise", "disgust"]
other = {"party": "surprise", "soon": "disgust"}
other = models.keyword_classifier(other, own_tokenizer, feelings)
assert predict_emotions(["soon", "party", "?"], other, own_tokenizer) == [
    "disgust",
    "surprise",
    "fear",
], "The names of the classes come from the model."
noisy = models.keyword_classifier(votes, own_tokenizer, emotions[::-1], dropout=0.9)
assert predict_emotions(tweets[:40], noisy.train(), own_tokenizer) == expected[:40], (
    "Put the model into evaluation mode."
)
long = ["party " + "so " * 700, "so " * 20 + "miss " + "so " * 38 + "party " * 9, ""]
assert predict_emotions(long, voter, own_tokenizer) == ["joy", "sadness", "anger"], (
    "Truncate the texts to 60 tokens."
)
### END HIDDEN TESTS

# %% [markdown]
# Now your own texts! Change the sentences and find one in which the model is wrong. They must be in English: it has read nothing else. Try irony, a word with two meanings, an emoji alone.

# %% tags=["lesson"]
my_tweets = [
    "Front row tickets for Saturday, I can't stop dancing round the kitchen!",
    "Two hours in the queue and then they close the counter in my face.",
    "The sofa is so big without the dog on it.",
    "It went wrong again, but every time it goes wrong a little later. We will get there.",
]
moods = predict_emotions(my_tweets, trainer.model, tokenizer)
show.examples(text=my_tweets, prediction=moods)

# %% [markdown]
# ## 9. Another question, the same recipe
#
# You have a recipe now: encode, build a model, train, measure. Does it work for another question? The next dataset is about **stance**: is
# the author of a tweet for action against climate change, against it, or is it about something else?

# %%
stance = data.load("tweet_eval/stance_climate", profile.data)
stance_names = stance["train"].features["label"].names
stance

# %% tags=["lesson"]
rows = stance["train"][:8]
show.examples(text=rows["text"], label=[stance_names[i] for i in rows["label"]])

# %% tags=["lesson"]
labels = stance["train"]["label"]
show.bars({name: list(labels).count(i) for i, name in enumerate(stance_names)}, "train")

# %% [markdown]
# Every tweet ends with the same hashtag, `#SemST`: it was added when the data were collected and says nothing. There are fewer tweets than before, and the
# rarest class is rarer still.
#
# > 🤔 **Think first.** A stance is not an emotion. Can you be for something angrily, and against it gladly? Would the model that you have just trained be of
# > any use here?
#
# ### Exercise 5: `train_stance` (5 points)
#
# ●●● · about 25 minutes · if you can do it again, you have understood it
#
# Write `train_stance(dataset, checkpoint)`: everything that you have done so far, in one function. `dataset` has the splits `train`, `validation` and `test`, each with `text` and
# `label`. `checkpoint` is the name of a model. Return a pair: the trainer, which has trained, and its scores on the test split. For example:
#
# | what | value |
# | --- | --- |
# | `trainer` | a `Trainer` that has run |
# | `scores` | `{"accuracy": 0.71, "f1": 0.64}` |
#
# The rules:
#
# 1. Number and names of the classes come from the data: `dataset["train"].features["label"].names`. The function must also work with two classes or with
#    five, even if no tweet has one of them.
# 2. The tokenizer and the model belong to `checkpoint`. The model is a fresh one.
# 3. Train on all of `train` and evaluate on `validation`. The scores are those on `test`, as your `compute_metrics` counts them.
# 4. The settings come from `profiles.load("stance", checkpoint=checkpoint)`: so small a dataset needs other ones. The profile is the one that you chose at the top.
#
# <details>
# <summary>Hint 1</summary>
#
# Go through the notebook from section 3 on and collect the lines: `models.load_tokenizer`, `dataset.map` with your `encode_tweets`, `emotion.build_classifier`, `training.make_trainer`
# with a `DataCollatorWithPadding`, and `trainer.train()`. Use the arguments of your function, not the variables of the notebook.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# After the training, `result = trainer.evaluate(encoded["test"])` is a dictionary in which `eval_accuracy` and `eval_f1` are your two scores, where
# `encoded` is what `dataset.map` has returned. Return `trainer, {"accuracy": result["eval_accuracy"], "f1": result["eval_f1"]}`.
#
# </details>

# %% answer="train_stance"
from helpers.emotion import train_stance

# %% [markdown]
# The tests try your function on a handful of texts, so they are quick.

# %% test="train_stance" points=5
few = data.load("tweet_eval/stance_climate", "samples")
few = few.filter(lambda row, number: number < 8, with_indices=True)
few_trainer, few_scores = train_stance(few, profile.checkpoint)
assert set(few_scores) == {"accuracy", "f1"}, "Return the trainer and the two scores."
assert few_trainer.state.global_step > 0, "The trainer has not trained: call trainer.train()."
assert few_trainer.model.config.num_labels == 3, "The model must have one output per class."
### BEGIN HIDDEN TESTS
import os
import random

from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

draw = random.Random(os.environ.get("CLASS_SEED", ""))
own = profiles.load("stance", profile.name, checkpoint=profile.checkpoint)
words = {
    "rain": "rain umbrella storm wet cloud",
    "food": "bread soup cheese pizza dinner",
    "never": "",
    "music": "guitar song piano drums concert",
}
classes = list(words)


def sentences(split, count):
    rows = []
    for number in range(count):
        label = [0, 1, 3][number % 3]
        some = draw.sample(words[classes[label]].split(), 3)
        # Wrong labels for validation: its scores cannot be mistaken for those of the test split.
        label = {0: 1, 1: 3, 3: 0}[label] if split == "validation" else label
        rows.append({"text": f"{some[0]} and {some[1]} with {some[2]}", "label": label})
    return rows


features = Features({"text": Value("string"), "label": ClassLabel(names=classes)})
sizes = {"train": 48, "validation": 6, "test": 27 + draw.randrange(6)}
small = DatasetDict(
    {
        split: Dataset.from_list(sentences(split, n), features=features)
        for split, n in sizes.items()
    }
)
small_trainer, small_scores = train_stance(small, profile.checkpoint)
config = small_trainer.model.config
assert config.num_labels == 4, "The number of classes comes from the data."
assert [config.id2label[i] for i in range(4)] == classes, (
    "The names of the classes come from the data."
)
assert len(small_trainer.train_dataset) == 48, "Train on all the training data."
assert len(small_trainer.eval_dataset) == 6, "Evaluate on the validation data."
assert small_trainer.args.per_device_train_batch_size == own.batch_size, (
    "Take the settings from the table of profiles."
)
assert small_trainer.args.learning_rate == own.learning_rate, (
    "Take the settings from the table of profiles."
)
from course import unseen

own_tokenizer = models.load_tokenizer(profile.checkpoint)
judged = unseen.with_weights_of(
    small_trainer.model, emotion.build_classifier(checkpoint, classes)
)


def measured(rows):
    found = emotion.predict_emotions([row["text"] for row in rows], judged, own_tokenizer)
    logits = np.eye(4)[[classes.index(name) for name in found]]
    return emotion.compute_metrics((logits, [row["label"] for row in rows]))


expected = measured(list(small["test"]))
assert set(small_scores) == {"accuracy", "f1"}, "Return the trainer and the two scores."
for name in expected:
    assert abs(small_scores[name] - expected[name]) < 1e-6, (
        "The scores must be those on the test split."
    )
drawn = measured(sentences("test", 30))
assert drawn["accuracy"] >= 0.6, "The model has not learned: is the training complete?"
### END HIDDEN TESTS

# %% [markdown]
# Now for real, with all the data. The baselines are measured again, on the new dataset.

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
# Compare the two columns of the first row: again accuracy flatters the model that says one and the same class every time.

# %% tags=["lesson"]
predicted_stances = predict_emotions(
    list(stance["test"]["text"]), stance_trainer.model, tokenizer
)
show.confusion([stance_names[i] for i in right], predicted_stances, stance_names)

# %% [markdown]
# Your `predict_emotions` has predicted stances: the names come from the model, so it works for every classifier of texts.
#
# Write some opinions of your own. Can you confuse the model with a sentence that uses the words of one side and has the opinion of the other?

# %% tags=["lesson"]
my_opinions = [
    "Every roof on this street could have solar panels by next summer.",
    "My heating bill doubled because some minister wants to save the planet.",
    "Climate crisis? In my day we called it weather.",
    "Does anybody know a good bakery near the station?",
]
opinions = predict_emotions(my_opinions, stance_trainer.model, tokenizer)
show.examples(text=my_opinions, prediction=opinions)

# %% [markdown]
# ## 10. Make it better
#
# ### Question 1: what helped? (2 points)
#
# Improve one of your two models. Change one thing at a time and compare accuracy and F1 on the **validation** data: whoever chooses by the test data, fools
# themselves. Some ideas:
#
# - the batch size, the learning rate, the number of epochs;
# - `layer_decay=0.8`: lower layers learn more slowly than upper ones;
# - `label_smoothing=0.1`: the model is not asked to be entirely certain;
# - `frozen_layers`: how many of the lower layers stay as they are;
# - another checkpoint from the [Hub](https://huggingface.co/models), for example one that has read many tweets.
#
# This is how you start a training with other settings:
#
# ```python
# from dataclasses import replace
#
# variant = training.make_trainer(
#     replace(profile, learning_rate=5e-4),
#     emotion.build_classifier(checkpoint, label_names),
#     tokenizer,
#     train_dataset=tokenized["train"],
#     eval_dataset=tokenized["validation"],
#     data_collator=data_collator,
#     compute_metrics=compute_metrics,
# )
# variant.train()
# ```
#
# Copy this table into the cell below and fill it in, three rows at least. Then say in three to five sentences what helped, what did not, and why you think so. A change that made things
# worse is a result, too.
#
# | what was changed | accuracy | F1 | what it did, and why |
# | --- | --- | --- | --- |
# | nothing | | | |
# | | | | |
# | | | | |

# %% [markdown] essay="improve" points=2
# A good answer changes one thing at a time and leaves the rest as it is, the seed included. Every row of its table names the change, both scores and a reason that fits the numbers.
# It says which classes gained where accuracy and F1 disagree, and it repeats a small difference with another seed before it believes in it.

# %% [markdown]
# ## What you can do now
#
# - You turn texts into tokens and know why padding is left to the batch.
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
# **Hand in:** run everything once more from top to bottom, in Colab with *Runtime → Restart session and run all*,
# in JupyterLab with *Kernel → Restart Kernel and Run All Cells*. Save the notebook and download it, in Colab with
# *File → Download → Download .ipynb*, in JupyterLab with *File → Download*. Upload the `.ipynb` file where your
# teacher collects it.

# %% tags=["lesson"]
show.results(
    profile,
    trained | {f"stance_{name}": score for name, score in stance_scores.items()},
)
