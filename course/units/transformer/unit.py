# ---
# title: What is inside a transformer
# summary: >-
#   From a text to a model that has understood something of it: pieces, vectors, attention, layers. You see every step, change its numbers, and build the parts yourself.
# goals:
#   - say what a transformer does with a text, from the first token to the last layer
#   - write attention yourself, and read a picture of it without reading too much into it
#   - explain how a model is pretrained, and what its many numbers are good for
#   - make a vector of any text, and a search engine that finds by meaning
# minutes: 90
# training: some seconds on a processor with two cores
# prerequisites: Python, a little NumPy
# data: requests to a voice assistant in three languages, written for this course
# ---

# %% [markdown] shared="work"

# %% [markdown]
# > 🎛️ **Change the numbers.** Most cells are made to be changed: another sentence, another layer, another number. Nothing can break. If you are lost, put the old
# > values back, restart the kernel and run the cells from the top.

# %% tags=["parameters"]
language = "en"
profile = "auto"
checkpoint = ""

# %% [markdown]
# The cell above holds the switches of the run; leave them as they are. The next one loads the tools of the course.

# %%
# First helpers, then the rest: it tells torch how to share the processor.
from helpers import data, drawings, inside, masked_words, models, one_layer, profiles, show
from helpers.language import BY_CODE, LANGUAGES
from helpers.rules import Rules
import numpy as np
from transformers import set_seed

models.quiet()

# %% [markdown]
# Now we fetch a model. A model is a program and many numbers. The numbers were found by training, long ago and on much text; stored under a name they are
# called a **checkpoint**. Ours reads English and is called `all-MiniLM-L6-v2`. The Russian and the Spanish notebook take `multilingual-e5-small`, which has read about
# a hundred languages.
#
# `set_seed` sets the **seed**: the number from which all random numbers of a program follow. With the same seed everybody draws the same ones.

# %%
profile = profiles.load("transformer", profile, language=language, checkpoint=checkpoint)
profiles.choose(profile)
set_seed(profile.seed)
tokenizer = models.load_tokenizer(profile.checkpoint)
model = inside.load_encoder(profile.checkpoint)
show.settings(profile)

# %% [markdown]
# This is the way of a text through a model. Each step is a section of this notebook:
#
# | section | in | out |
# | --- | --- | --- |
# | 1 | a text | tokens and their numbers |
# | 2 | numbers | vectors |
# | 3, 4 | vectors | vectors that know of each other (attention), and where they stand (positions) |
# | 5 | vectors | better vectors, layer by layer |
# | 6 | much text | a pretrained model |
# | 7 | the vectors of a text | one vector for all of it, and what can be done with it |
# | 8 | examples | a model of your own that learns |
#
# ## 1. From a text to tokens
#
# A model reads numbers, not letters. So a **tokenizer** cuts the text into pieces, the **tokens**, and gives each piece its number in a list, the
# **vocabulary**. Frequent words are one token. Rare ones are put together from several pieces, which are called **subwords** (or word pieces).

# %%
sentence = "Unbelievably good pancakes!"
tokenizer.tokenize(sentence)

# %% [markdown]
# How a piece is marked depends on the tokenizer. In `all-MiniLM-L6-v2` the mark `##` says: I continue the word before me. In `multilingual-e5-small` the mark `▁`
# says: a new word begins here.
#
# A tokenizer that is called like a function returns numbers. `input_ids` are those of the tokens:

# %%
ids = tokenizer(sentence)["input_ids"]
ids

# %% tags=["lesson"]
show.token_strip(tokenizer.convert_ids_to_tokens(ids), input_ids=ids)

# %% [markdown]
# There are two tokens more than pieces: one in front and one at the end. These **special tokens** belong to no word. They mark where the text begins and
# ends, and you will meet the first one again, in the pictures of attention.
#
# > 🤔 **Think first.** Which of these words will be cut into several pieces: a very common word, a name, a word with a typing mistake, an emoji? Then put yours into the
# > next cell and look.
#
# <details>
# <summary>Answer</summary>
#
# Common words stay whole. Names, typing mistakes and long rare words are cut, often in places where no person would cut. An emoji may be missing in the
# vocabulary: then the token for everything unknown stands there, and what the emoji said is lost. The model does not choose this; the vocabulary was made before
# it was trained, by counting which pieces are frequent.
#
# </details>

# %%
mine = ["morning", "Dostoevsky", "mornign", "unputdownable", "🎉"]
[tokenizer.tokenize(word) for word in mine]

# %% [markdown]
# How well does a tokenizer fit a language? One number says it: **fertility**, the mean number of pieces per word. At 1 every word is one token. At 4 a text is
# four times as long for the model: it costs more time, and less text fits in.
#
# ### Exercise 1: `fertility` (2 points)
#
# ●○○ · about 5 minutes · the first thing to look at when a model is to read a new language
#
# Write `fertility(texts, tokenizer)`. `texts` is a list of texts. Return the number of pieces of all texts together, divided by the number of their words, as a
# `float`. Words are what stands between white space, as `split()` divides a text. Special tokens are not counted. If there is no word at all, raise
# `ValueError`.
#
# For `all-MiniLM-L6-v2` and `["play some jazz", "jazzy"]` the pieces are `play`, `some`, `jazz`, and `jazz`, `##y`. Five pieces, four words: the
# result is `1.25`.
#
# <details>
# <summary>Hint 1</summary>
#
# `tokenizer.tokenize(text)` gives the pieces without special tokens. Add up their number over all texts, and likewise the number of words, and divide at the very end.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# First `words = sum(len(text.split()) for text in texts)`. If it is zero, `raise ValueError("no words")`. At the end
# `return sum(len(tokenizer.tokenize(text)) for text in texts) / words`.
#
# </details>

# %% answer="fertility"
from helpers.transformer import fertility

# %% test="fertility" points=2
pieces = ["home", *tokenizer.tokenize("unbelievably")]
found = fertility(["home", "unbelievably"], tokenizer)
assert isinstance(found, float), "Return a number of the type float."
assert abs(found - len(pieces) / 2) < 1e-9, (
    "Divide all pieces by all words: special tokens do not count."
)
try:
    fertility([], tokenizer)
    refused = False
except ValueError:
    refused = True
assert refused, "Without any word, raise ValueError."
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
own_tokenizer = models.load_tokenizer(profile.checkpoint)
known = "home rain proud unbelievable hippopotamus Dostoevsky extraordinarily jazz".split()
for size in (1, 4, 9):
    drawn = [" ".join(draw.choices(known, k=draw.randint(1, 8))) for _ in range(size)]
    drawn.append("")
    drawn.append("\n".join(draw.choices(known, k=3)) + "  ")
    expected = sum(len(own_tokenizer.tokenize(text)) for text in drawn)
    expected /= sum(len(text.split()) for text in drawn)
    found = fertility(drawn, own_tokenizer)
    assert abs(found - expected) < 1e-9, (
        "Divide all pieces of all texts by all words: line breaks and several spaces divide words, too."
    )
refused = 0
for empty in ([""], [" ", "\n"], []):
    try:
        fertility(empty, own_tokenizer)
    except ValueError:
        refused += 1
assert refused == 3, "Without any word, raise ValueError."
### END HIDDEN TESTS

# %% [markdown]
# Now measure. The course has requests to a voice assistant in three languages, and up to two tokenizers: the table takes those that are on this machine.

# %% tags=["lesson"]
requests = {
    code: list(data.load("massive", "samples", BY_CODE[code].locale)["train"]["text"])
    for code in LANGUAGES
}
names = inside.at_hand("all-MiniLM-L6-v2", "multilingual-e5-small") or [profile.checkpoint]
tokenizers = {name: models.load_tokenizer(name) for name in names}
show.table(
    {
        code: {name: fertility(texts, one) for name, one in tokenizers.items()}
        for code, texts in requests.items()
    }
)

# %% [markdown]
# A tokenizer whose vocabulary was made from English cuts English into 1.1 pieces per word and Russian into five: nearly letter by letter. The multilingual one has a vocabulary several times as large, and treats the three languages nearly alike. What a model can learn in a language begins here.
#
# ## 2. From tokens to vectors
#
# A number such as 7592 says nothing about a word: 7593 may be anything. So a model has a large table with one row per token. A row is a list of numbers, a **vector**, and
# the vector that stands for a token is called its **embedding**.

# %%
table = model.get_input_embeddings().weight.detach().numpy()
table.shape

# %% [markdown]
# The shape says how many tokens there are in the vocabulary, and how many numbers in each vector. The first eight numbers of one row:

# %%
table[ids[1]][:8]

# %% [markdown]
# Nobody has written these numbers. They were found by training, and no single one of them has a meaning that people could name. But together they do: **tokens that are used in similar ways have similar vectors**. The **cosine** says how alike two vectors are: 1 if they point in the same direction, 0 if they stand at right angles. Which cosine two words have that have nothing in common depends on the model; what counts is which one is larger.
#
# > 🤔 **Think first.** Which tokens lie nearest to a day of the week, to a number, to a drink? Nobody told the model what these are. (Before they are compared, the mean of all rows is taken away from each: what all of them have in common says nothing.)

# %% tags=["lesson"]
sentence = "Monday"
show.bars(
    {
        name: round(score, 2)
        for name, score in inside.neighbours(sentence, model, tokenizer).items()
    }
)

# %% [markdown]
# <details>
# <summary>Answer</summary>
#
# A day of the week lies near the other days, a number near other numbers, a drink near other drinks. In the multilingual model the neighbours are often the same word in other
# languages. All that the model knew were the texts in which these words stood: days of the week stand in similar places.
#
# </details>
#
# The next picture shows some words on a map. Each vector has hundreds of numbers, and the map has two directions only: those in which these vectors differ most. Change the
# list. Which words form groups?

# %% tags=["lesson"]
mine = "cat dog horse apple bread cheese Monday Friday Sunday red green blue two three four".split()
show.places(mine, inside.word_map(mine, model, tokenizer))

# %% [markdown]
# The table has one weakness, and everything that follows is about it. Look at the word “bank”: the bank that lends money, and the bank of a river. They are two things, but
# **the table has one row for both**. The row cannot know which one is meant. The words around it could tell.
#
# ## 3. Attention
#
# **Attention** lets every token look at all tokens of the text, itself included, and take over something from them. Let us do it by hand, with vectors of only two numbers. The first number says how
# much a word has to do with water, the second one with money. The “bank” has to do with both:

# %%
mine = ["bank", "river", "the"]
small = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 0.0]])
small

# %% [markdown]
# **Step 1: how well do two tokens fit?** Multiply their numbers pairwise and add up: that is the **dot product**. It is large if two vectors are large in the same places.

# %%
scores = small @ small.T / np.sqrt(2)
scores

# %% [markdown]
# `small.T` is `small` with rows and columns swapped, and `@` multiplies two tables: each row of the left one with each column of the right one, by dot product. So here every row meets every row. Read it row by row: how well does this token fit each token, itself included? Such a number is called a **score**. The division by $\sqrt{2}$ (2 is how many numbers a vector has) keeps the scores from growing with how many numbers there are.
#
# **Step 2: shares.** **Softmax** turns a row of scores into shares: all are positive, they add up to 1, and a larger score gets a larger share. Each score becomes a power of $e$, and
# each power is divided by the sum of all.

# %%
powers = np.exp(scores)
shares = powers / powers.sum(axis=1, keepdims=True)
shares.round(2)

# %% tags=["lesson"]
show.bars(dict(zip(mine, shares[0].round(2).tolist())), mine[0])

# %% [markdown]
# **Step 3: mix.** The new vector of a token is the mean of all vectors, weighted by the shares. Compare the new first row with the old one: beside “river” the “bank” has
# more to do with water than with money.

# %%
(shares @ small).round(2)

# %% [markdown]
# > 🤔 **Think first.** What happens to the “bank” if you change the second row of `small` from `[2.0, 0.0]` to `[0.0, 2.0]`, and “river” to a word about money? And what
# > if you multiply all of `small` by 10?
#
# <details>
# <summary>Answer</summary>
#
# The word about money pulls the “bank” to the other side: the same word, another neighbour, another vector. If `small` is multiplied by 10, all scores become a hundred times as large. Softmax then gives
# nearly everything to the largest ones, and if there are two of the same size, half to each. Very large scores make `np.exp` overflow: you will have to prevent that in a moment.
#
# </details>
#
# A real model does one thing more. Before the three steps it makes three vectors out of each vector, by multiplying it with three tables that were found by training:
#
# - the **query** $q$: what am I looking for?
# - the **key** $k$: what do I have to offer to those who look?
# - the **value** $v$: what do I hand over if somebody looks at me?
#
# Queries are compared with keys, and values are mixed. In one formula, for all tokens at once:
#
# $$\text{attention}(Q, K, V) = \text{softmax}\left(\frac{Q K^\top}{\sqrt{d}}\right) V$$
#
# $Q$, $K$ and $V$ hold one row per token, $K^\top$ is $K$ with rows and columns swapped, and $d$ is how many numbers a query has. This line is the heart of every transformer. What you did by hand is the same with $Q = K = V$: the rows of `small` were query, key and value at once.

# %% [markdown]
# ### Exercise 2: `attention` (5 points)
#
# ●●● · about 15 minutes · the heart of every transformer
#
# Write `attention(query, key, value, mask=None)` with NumPy. `query` has the shape $[n, d]$, `key` $[m, d]$, `value` $[m, v]$. Return a pair: the output
# $[n, v]$ and the weights $[n, m]$. With `query = [[1, 1]]` and for `key` and `value` the three rows of `small` above, as arrays, it is:
#
# | what | value (rounded) |
# | --- | --- |
# | output | `[[1.3374, 0.4458]]` |
# | weights | `[[0.4458, 0.4458, 0.1084]]` |
#
# The rules:
#
# 1. **Weights.** They are the softmax of $q \cdot k / \sqrt{d}$ over the keys: each row adds up to 1.
# 2. **Output.** Each row is the mean of the rows of `value`, weighted by the weights.
# 3. **Large numbers.** Scores may be many thousands, positive or negative, and nothing becomes `nan` or infinite. Use this: softmax stays the same if you take the same number away from
#    all scores of a row.
# 4. **Mask.** `mask` is an array of `bool` of the shape $[n, m]$. Where it is `False`, the weight is 0: that key has no influence at all, however large its score is. Without a mask all keys
#    count. (What masks are good for, section 4 says.)
# 5. **No keys.** If a row of the mask is `False` everywhere, or there are no keys at all ($m = 0$), the weights and the output of that row are zero, never `nan`.
# 6. **Batches.** `query`, `key` and `value` may have more dimensions in front, the same ones: $[b, n, d]$ holds $b$ texts, each with its own attention. The mask has the same ones in front, or
#    is $[n, m]$ for all.
#
# <details>
# <summary>Hint 1</summary>
#
# `np.swapaxes(key, -1, -2)` swaps the last two dimensions, whatever stands before them. `np.where(mask, scores, -np.inf)` puts $-\infty$ where the mask is `False`, and $e^{-\infty} = 0$. Take the
# largest score of each row away before you call `np.exp`: `scores.max(axis=-1, keepdims=True, initial=-1e30)`. With `initial` this works for rows without any key, too.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])`. If there is a mask, `scores = np.where(mask, scores, -np.inf)`. Then
# `powers = np.exp(scores - scores.max(axis=-1, keepdims=True, initial=-1e30))` and `sums = powers.sum(axis=-1, keepdims=True)`. Divide by the sum, and by 1 where it is zero:
# `weights = powers / np.where(sums > 0, sums, 1)`. At the end `return weights @ value, weights`.
#
# </details>

# %% answer="attention"
from helpers.transformer import attention

# %% test="attention" points=5
rules = Rules(
    {"weights": 1, "output": 1, "large numbers": 1, "mask": 1, "no keys": 0.5, "batches": 0.5}
)
one_query, three_keys = np.array([[1.0, 1.0]]), np.array([[1.0, 1], [2, 0], [0, 0]])
with rules("weights"):
    found = attention(one_query, three_keys, three_keys)[1]
    assert np.allclose(found, [[0.4458, 0.4458, 0.1084]], atol=1e-4), (
        "These are not the weights of the example."
    )
with rules("output"):
    output, weights = attention(one_query, three_keys, three_keys)
    assert np.allclose(output, weights @ three_keys), "Mix the values by your weights."
with rules("large numbers"):
    found = attention(one_query * 5000, three_keys, three_keys)[1]
    assert np.allclose(found, [[0.5, 0.5, 0]]), "Take the largest score away first."
with rules("mask"):
    found = attention(one_query, three_keys, three_keys, np.array([[True, False, True]]))[1]
    assert found[0][1] == 0, "What is masked gets the weight 0."
    assert np.isclose(found.sum(), 1), "The weights of the rest add up to 1."
with rules("no keys"):
    found = attention(one_query, three_keys, three_keys, np.array([[False] * 3]))
    assert np.all(found[0] == 0) and np.all(found[1] == 0), "With nothing to see, all is 0."
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
rng = np.random.default_rng(draw.randrange(10**6))


def softmax_of(queries, keys):
    """Row by row, the slow way."""
    rows = []
    for one in queries:
        scores = keys @ one / len(one) ** 0.5
        powers = np.exp(scores - scores.max())
        rows.append(powers / powers.sum())
    return np.stack(rows)


def drawn(*front, n=4, m=6, d=3, v=5, scale=1.0):
    return (
        rng.normal(size=(*front, n, d)) * scale,
        rng.normal(size=(*front, m, d)),
        rng.normal(size=(*front, m, v)),
    )


def same(found, wanted):
    return np.shape(found) == np.shape(wanted) and np.allclose(found, wanted, atol=1e-6)


def shares(weights):
    """Whether each row of weights adds up to 1."""
    return np.allclose(np.sum(weights, axis=-1), 1)


several = [drawn(), drawn(n=1, m=1), drawn(n=5, m=2, d=8, v=1), drawn(n=3, m=9, d=16, scale=3)]
partly = rng.random((4, 6)) < 0.6
partly[:, 0] = True
huge = drawn()
huge[1][1] = huge[0].mean(axis=0) * 1e6
without_huge = np.arange(6) != 1
nobody = partly.copy()
nobody[1] = False
batch = drawn(2, 3)
own_masks = rng.random((2, 3, 4, 6)) < 0.5
own_masks[..., 0] = True

with rules("weights"):
    for queries, keys, values in several:
        assert same(attention(queries, keys, values)[1], softmax_of(queries, keys)), (
            "The weights are not the softmax of the scores divided by the root of d."
        )
with rules("output"):
    for queries, keys, values in several:
        output, weights = attention(queries, keys, values)
        assert shares(weights) and same(output, weights @ values), (
            "The output is not the mean of the values, weighted by the weights."
        )
with rules("large numbers"):
    for queries, keys, values in (
        drawn(scale=1e4),
        drawn(scale=-1e5),
        drawn(n=2, m=3, scale=1e6),
    ):
        assert same(attention(queries, keys, values)[1], softmax_of(queries, keys)), (
            "Large scores must not overflow: take the largest one of the row away first."
        )
with rules("mask"):
    for queries, keys, values in (drawn(), drawn(scale=20)):
        weights = attention(queries, keys, values, partly)[1]
        assert np.all(weights[~partly] == 0) and shares(weights), (
            "What is masked gets the weight 0, the rest adds up to 1."
        )
        for row in range(4):
            seen_keys = partly[row]
            alone = attention(queries[row : row + 1], keys[seen_keys], values[seen_keys])[1]
            assert same(weights[row][seen_keys], alone[0]), (
                "What is masked has no influence at all."
            )
    queries, keys, values = huge
    weights = attention(queries, keys, values, np.tile(without_huge, (4, 1)))[1]
    alone = attention(queries, keys[without_huge], values[without_huge])[1]
    assert shares(weights) and same(weights[:, without_huge], alone), (
        "What is masked has no influence at all, however large its score is."
    )
with rules("no keys"):
    queries, keys, values = drawn()
    output, weights = attention(queries, keys, values, nobody)
    assert same(weights[1], np.zeros(6)) and same(output[1], np.zeros(5)), (
        "Where there is nothing to attend to, all is zero, never nan."
    )
    assert shares(weights[[0, 2, 3]]), "The other rows add up to 1."
    output, weights = attention(queries, keys[:0], values[:0])
    assert same(output, np.zeros((4, 5))) and same(weights, np.zeros((4, 0))), (
        "Without any keys the output is zero, and the weights have no columns."
    )
with rules("batches"):
    found = attention(*batch), attention(*batch, own_masks), attention(*batch, partly)
    assert shares(found[0][1]), "Each text of a batch has its own attention."
    for place in np.ndindex(2, 3):
        one = [part[place] for part in batch]
        for (output, weights), mask in zip(found, (None, own_masks[place], partly)):
            alone = attention(*one, mask)
            assert same(weights[place], alone[1]) and same(output[place], alone[0]), (
                "Each text of a batch has its own attention, and a mask without leading dimensions holds for all."
            )
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# ### The same in a real model
#
# Does the model compute what you have written? It consists of **layers**, steps that are alike and follow each other; what is in one, section 5 shows. Each layer has several attentions side by side, with tables of their own for query, key and value. These are called **heads**. The next cell takes query, key
# and value of one head, gives them to your function, and compares your weights with those of the model.

# %%
sentence = "The cat drank the milk because it was thirsty."
seen = inside.attention_of(sentence, model, tokenizer)
seen.weights.shape

# %% tags=["lesson"]
layer, head = 0, 2
q, k, v = inside.head_of(sentence, model, tokenizer, layer, head)
_, own_weights = attention(q, k, v)
float(np.abs(own_weights - seen.head(layer, head)).max())

# %% [markdown]
# The largest difference is a rounding error: your weights **are** those of the model. The model then puts the outputs of all heads of a layer side by side, and one more table mixes them into one vector per token. The shape above says: so many layers, so many heads in each, and a table of tokens × tokens per head. Here is
# one such table; each row says where a token looks:

# %% tags=["lesson"]
show.heatmap(seen.head(layer, head), seen.tokens)

# %% [markdown]
# Such a table can also be drawn as lines, from the left to the right; here for another head. The thicker the line, the larger the weight. `looking(-1)` finds the head that looks most at the token before, `looking(1)` the one that looks most at the next.

# %% tags=["lesson"]
layer, head = seen.looking(-1)
print(layer, head)
drawings.attention(seen.tokens, seen.head(layer, head))

# %% [markdown]
# And now all heads at once. Each small picture is a table like the one above: the darker, the larger the weight. Rows of pictures are layers, from the first at the top to the last. Which patterns do you see?

# %% tags=["lesson"]
show.heads(seen.weights)

# %% [markdown]
# <details>
# <summary>Answer</summary>
#
# Some heads have a diagonal stripe: they look at the token before or at the next. Some look at everything a little. Very many have a dark column at the edge: there all tokens look at the first or the last one, which are special tokens. The shares of a row must
# add up to 1, so a head that has nothing to look for must still look somewhere, and it rests there, where little is handed over.
#
# </details>
#
# ### Question 1: what does a picture of attention show? (2 points)
#
# Look at two heads of this sentence: one that looks at a neighbour, and one that mostly rests.

# %% tags=["lesson"]
drawings.attention(seen.tokens, seen.head(*seen.looking(1)))

# %% tags=["lesson"]
drawings.attention(seen.tokens, seen.head(*seen.resting()))

# %% [markdown]
# A newspaper prints the first of these pictures and writes below: “This shows what the model thinks is important, and why it decides as it does.” Answer in four to eight sentences. If you like, change the
# sentence above, run the pictures again, and use what you see.
#
# - 1 point: what each of the two pictures does show. Name two lines of each: which token looks at which?
# - 1 point: at least two reasons why the newspaper's sentence does not follow from the picture, and one thing that could be tried to find out more. Some questions that help: how many heads are there in all? Does a line say what is handed over? What could you take away from the sentence or from the model, and what would you look at then?

# %% [markdown] essay="attention" points=2
# The first picture shows that in one head nearly every token takes most of its new vector from the next token: the lines from “the” to “milk” and from “was” to “thirsty” are thick. In the second one most tokens look at the special token in front, “drank” and “was” among them:
# this head takes nearly nothing over from the words. A line says how the values are mixed in one head of one layer, and no more. It does not say what is important for a decision: there are many other heads and layers, the value that is handed over may be nearly
# zero however thick the line is, what comes in is added again after attention, and in higher layers a token's vector already holds something of all the others, so that a line to “milk” is not a line to the word milk alone. Nor is a weight a cause. To find out more one would change something and
# look whether the answer changes: leave a word out, switch a head off, or compare many sentences instead of one.

# %% [markdown]
# ## 4. Order, and who may see whom
#
# Something is missing. Look at your function once more: does it know which token comes first?
#
# > 🤔 **Think first.** We put the rows of `small` into another order and compute attention again. What will be different?

# %%
order = [2, 0, 1]
before, _ = attention(small, small, small)
after, _ = attention(small[order], small[order], small[order])
np.allclose(before[order], after)

# %% [markdown]
# <details>
# <summary>Answer</summary>
#
# Nothing but the order of the rows. For attention a text is a bag of words: “the dog bites the man” and “the man bites the dog” are the same to it.
#
# </details>
#
# The remedy is simple. There is a second table, with a vector for each **position**: one for the first place, one for the second, and so on. It is added to the vector of the token, and from then on the vector knows where it stands. In the next table two sentences with the same words are
# compared: first by the model as it is, then by the same model with zeros in its table of positions. The numbers are cosines, and 1 means: to this model they are the same.

# %% tags=["lesson"]
mine = ["the dog bites the man", "the man bites the dog"]
likeness = {}
for name, one in {"model": model, "zeros": inside.without_positions(model)}.items():
    last = [inside.word_by_layers(text, text, one, tokenizer)[-1] for text in mine]
    likeness[name] = {"cosine": inside.cosines(np.stack(last))[0][1]}
show.table(likeness)

# %% [markdown]
# With positions the two differ, if only a little: most of what a text says lies in its words. Without positions they are the same to the last digit, and nothing that comes later could tell them apart. You will see how much depends on positions in section 8, where a model has to learn without them.
#
# ### Who may see whom
#
# A model that reads a text may look at all of it. A model that **writes** a text may not: when it writes the third word, the fourth is not there yet. In training it is there, and so it has to be hidden. That is what the mask is for.

# %% [markdown]
# ### Exercise 3: `causal_mask` (1 point)
#
# ●○○ · about 5 minutes · the mask of every model that writes
#
# Write `causal_mask(length)`. It returns an array of `bool` of the shape `[length, length]`: position $i$ sees the positions $0$ to $i$, itself included, and none that comes later. For 3 it is:
#
# ```python
# [[True, False, False], [True, True, False], [True, True, True]]
# ```
#
# For 0 it is an array of the shape `(0, 0)`.
#
# <details>
# <summary>Hint 1</summary>
#
# `np.ones((length, length), dtype=bool)` is `True` everywhere. NumPy has a function that keeps the lower triangle of a table and makes the rest zero.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# It is one line: `return np.tril(np.ones((length, length), dtype=bool))`.
#
# </details>

# %% answer="causal_mask"
from helpers.transformer import causal_mask

# %% test="causal_mask" points=1
found = causal_mask(3)
assert found.tolist() == [[True, False, False], [True, True, False], [True, True, True]], (
    "Position i sees the positions 0 to i: True there, False elsewhere."
)
### BEGIN HIDDEN TESTS
for length in (0, 1, 2, 7):
    found = causal_mask(length)
    assert found.shape == (length, length), "The shape is [length, length], also for 0."
    assert found.dtype == bool, "The mask holds values of the type bool."
    for row in range(length):
        assert found[row].tolist() == [column <= row for column in range(length)], (
            "Position i sees the positions 0 to i and none that comes later."
        )
### END HIDDEN TESTS

# %% [markdown]
# Now pass your mask to `attention`, with query, key and value of a real head. Above the diagonal everything is zero, and each row still adds up to 1:

# %% tags=["lesson"]
q, k, v = inside.head_of(sentence, model, tokenizer, 0, 0)
_, masked = attention(q, k, v, causal_mask(len(q)))
show.heatmap(masked, seen.tokens)

# %% [markdown]
# ## 5. Layers, and three kinds of transformers
#
# Attention is half of a **layer**. This is the whole; read it from bottom to top:

# %% tags=["lesson"]
drawings.figure("layer")

# %% [markdown]
# - **Attention**, with several heads side by side: tokens take over something from each other.
# - **Add and normalize**: what came in is added to the result, so that nothing gets lost. Then the numbers of each vector are brought to a common size.
# - **Feed-forward network**: each vector by itself is multiplied by a table that gives it more numbers (here four times as many), what is negative is made nearly zero, and a second table brings it back to as many as before. What has been gathered is worked on here.
#
# Then the next layer does the same, with numbers of its own. What does that do to the “bank”? Here are four sentences, two with the one meaning and two with the other:

# %% tags=["lesson"]
mine = [
    "bank",
    "The bank lowered the interest rate on my savings.",
    "I opened an account at the bank last week.",
    "We had a picnic on the bank of the river.",
    "The boat drifted slowly towards the grassy bank.",
]
word, *four = mine
by_layer = np.stack(
    [inside.word_by_layers(text, word, model, tokenizer) for text in four], axis=1
)
alike = inside.cosines(by_layer)
same = (alike[:, 0, 1] + alike[:, 2, 3]) / 2
other = alike[:, :2, 2:].mean(axis=(1, 2))
show.curves({"=": same, "≠": other}, "layer")

# %% [markdown]
# The line `=` is the mean cosine of the word in two sentences with the same meaning, the line `≠` in two sentences with different meanings. The numbers below count finished layers: 0 is before the first one, 1 after it. At 0 the lines are nearly equal: it is the same row of the table, and only the position differs. Then they part. **The same word in two sentences has
# two vectors, and they are the more alike, the more alike the meanings are.** That is what attention is for.
#
# Sentence by sentence, in the layer in which the two lines lie furthest apart:

# %% tags=["lesson"]
layer = int(np.argmax(same - other))
show.heatmap(alike[layer], list("1234"))
layer

# %% [markdown]
# ### Encoder
#
# There are three kinds of transformers. They differ in who sees whom. In an **encoder** every token sees all the others, and a vector per token comes out. It is made for understanding: classes, names, search. Ours is one.

# %% tags=["lesson"]
drawings.figure("encoder")

# %% [markdown]
# ### Decoder
#
# In a **decoder** your `causal_mask` is at work: each place sees itself and what stands before. At every place it says which word comes next. It writes, word by word; chatbots are made like this.

# %% tags=["lesson"]
drawings.figure("decoder")

# %% [markdown]
# ### Encoder–decoder
#
# Both together: an encoder reads, a decoder writes, and at every step the decoder also looks at the vectors of the encoder. This is called **cross-attention**: the queries are the decoder's, keys and values the encoder's. So $n$ and $m$ may differ. It is made for turning one text into another; in the unit `toxicity`
# you will meet T5, which is built like this.

# %% tags=["lesson"]
drawings.figure("encoder_decoder")

# %% [markdown]
# ### How many numbers, and where?

# %% tags=["lesson"]
million = {part: round(n / 1e6, 2) for part, n in inside.numbers_by_part(model).items()}
show.bars(million, "10⁶")

# %% [markdown]
# > 🤔 **Think first.** Where are most of the numbers? Did you expect them in attention?
#
# <details>
# <summary>Answer</summary>
#
# In the table of the tokens, `word_embeddings`: half of all the numbers in `all-MiniLM-L6-v2`, and clearly more than half in `multilingual-e5-small`, whose vocabulary is so much larger. In the layers themselves the feed-forward networks hold twice as many as attention. Large models have more and wider layers, and there the
# table is a small part.
#
# </details>

# %% [markdown]
# ## 6. What pretraining did
#
# Where do all these numbers come from? From **pretraining**: a first, long training for which nobody had to label anything. The task is as simple as it can be. Take a text, hide a word, and let the model say which one it was:

# %%
sentence = "turn off the [MASK] in the kitchen"
masked_words.words_of(sentence)

# %% [markdown]
# > 🤔 **Think first.** Which words fit? What did you have to know to find them: grammar, kitchens, what people ask their assistants?
#
# <details>
# <summary>Answer</summary>
#
# A noun, after “the”. Something that is in a kitchen and can be switched off: light, oven, radio. Nobody can fill such gaps well without having learned a good deal about the language and about the world. That is why the task is so useful, and why it needs so much text.
#
# </details>
#
# The simplest way is to **count**. In the requests of `train` and `validation`, which words stood between “the” and “in”? If there are too few, which ones stood behind “the”?

# %% tags=["lesson"]
requests = data.load("massive", "samples", profile.locale)
read = [*requests["train"]["text"], *requests["validation"]["text"]]
counted = masked_words.Counts(read)
counted.guess(sentence)

# %% [markdown]
# Counting sees the two neighbours and nothing else. A transformer sees the whole sentence. So let us pretrain one ourselves: one layer, as you know it, and the same requests. It starts with random numbers. At every step it sees 64 requests with every third word or so hidden, and all its numbers are moved a
# little in the direction in which the hidden words become more probable. First, what it says before it has learned anything:

# %% tags=["lesson"]
small_model = masked_words.SmallModel(read)
small_model.guess(sentence)

# %% tags=["lesson"]
losses = small_model.train(steps=300, share=0.3)
small_model.guess(sentence)

# %% [markdown]
# The **loss** is the number that training makes smaller: how surprised the model is by the right words. The less probable it thought them, the larger it is.

# %% tags=["lesson"]
show.curves({"loss": np.convolve(losses, np.ones(20) / 20, mode="valid").tolist()}, "step")

# %% [markdown]
# How good is it? In requests that neither of them has seen we hide one word each, and look how often it is among the first five guesses. `frequent` always gives the five most frequent words. The columns say how many requests were read:

# %% tags=["lesson"]
gaps = masked_words.gaps(list(requests["test"]["text"]))
some = masked_words.Counts(read[:100])
scores = {
    "frequent": {
        "100": masked_words.found_among(some.frequent, gaps),
        "1020": masked_words.found_among(counted.frequent, gaps),
    },
    "counted": {
        "100": masked_words.found_among(some.guess, gaps),
        "1020": masked_words.found_among(counted.guess, gaps),
    },
    "transformer": {"1020": masked_words.found_among(small_model.guess, gaps)},
}
show.table(scores)

# %% [markdown]
# Neither is good, and the transformer is no better than counting. That is no mistake: a thousand requests are a very small library. Counting gains only a little from ten times as much text, because it must have seen exactly the same neighbours. A transformer can use similar ones, and that pays with much more text than this.
#
# So real models read more. **BERT**, the best-known encoder, read 3.3 billion words with every seventh hidden, for four days on 16 special chips. The large model from which `multilingual-e5-small` descends read two and a half terabytes of web pages in a hundred languages. Both encoders of this course were then trained once more,
# with about a billion pairs of texts that belong together, so that similar texts get similar vectors. All this is in the checkpoint that you loaded in a few seconds.
#
# A decoder is pretrained with another task: say the next word. There nothing has to be hidden, for your `causal_mask` hides the rest.

# %% [markdown]
# ## 7. One vector for a whole text
#
# The model gives one vector per token. For most tasks we want one per text. The simplest way works well: the **mean** of the vectors of all tokens. It is called **mean pooling**, and it needs care, because texts are computed in batches. A **batch** is a table of texts, and a table has rows of equal
# length. Short texts are filled up with a special token; this is called **padding**. The `attention_mask` says what is text (1) and what is padding (0).

# %%
mine = ["good morning", "wake me up at nine please"]
batch = tokenizer(mine, padding=True, return_tensors="pt")
batch["input_ids"], batch["attention_mask"]

# %% [markdown]
# The model computes with PyTorch, in Python `torch`. Its arrays are called **tensors**; `return_tensors="pt"` asks for them. While it computes, torch also writes down what training needs later, to
# compute *gradients* (section 8). If you only read a text, you can do without: `torch.no_grad()` switches it off.

# %%
import torch

with torch.no_grad():
    vectors = model(**batch).last_hidden_state
vectors.shape

# %% [markdown]
# Two texts, the shorter one filled up, and a vector for each token. With `vectors.numpy()` a tensor becomes an array of NumPy.
#
# ### Exercise 4: `mean_pooling` (4 points)
#
# ●●○ · about 8 minutes · from the vectors of the tokens to the vector of a text
#
# Write `mean_pooling(vectors, attention_mask)`. `vectors` has the shape $[n, l, d]$: $n$ texts, $l$ tokens, vectors of $d$ numbers. `attention_mask` is $[n, l]$ with whole numbers 0 and 1. Return the mean vectors, $[n, d]$. For the vectors `[[[2, 4], [4, 8], [9, 9]]]` and the mask `[[1, 1, 0]]` the result is `[[3, 6]]`.
#
# 1. **Mean.** The vector of a text is the mean of the vectors of its tokens.
# 2. **Padding.** Tokens with 0 in the mask do not count: neither in the sum nor in the number by which you divide.
# 3. **Empty rows.** A text without any token, with 0 everywhere in the mask, gets zeros, never `nan`.
# 4. **NumPy and torch.** Both arguments are NumPy arrays, or both are tensors of torch. You return the same kind.
#
# <details>
# <summary>Hint 1</summary>
#
# `attention_mask[:, :, None]` has the shape $[n, l, 1]$: multiplied with `vectors`, it makes zeros of the padding. `.sum(1)` adds up over the tokens, and it exists in NumPy and in torch.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `mask = attention_mask[:, :, None]` and `counts = mask.sum(1)`. Where the count is 0, divide by 1: `counts + (counts == 0)` does that in NumPy and in torch. So `return (vectors * mask).sum(1) / (counts + (counts == 0))`.
#
# </details>

# %% answer="mean_pooling"
from helpers.transformer import mean_pooling

# %% test="mean_pooling" points=4
import torch

rules = Rules({"mean": 1, "padding": 1, "empty rows": 1, "NumPy and torch": 1})
some_vectors = np.array([[[2.0, 4.0], [4.0, 8.0], [9.0, 9.0]]])
with rules("mean"):
    found = mean_pooling(some_vectors, np.array([[1, 1, 1]]))
    assert np.shape(found) == (1, 2) and np.allclose(found, [[5, 7]]), (
        "Return one mean vector per text."
    )
with rules("padding"):
    found = mean_pooling(some_vectors, np.array([[1, 1, 0]]))
    assert np.allclose(found, [[3, 6]]), (
        "Padding counts neither in the sum nor in the number of tokens."
    )
with rules("empty rows"):
    found = mean_pooling(some_vectors, np.array([[0, 0, 0]]))
    assert np.allclose(found, [[0, 0]]), "A text without tokens gets zeros."
with rules("NumPy and torch"):
    found = mean_pooling(torch.tensor(some_vectors), torch.tensor([[1, 1, 0]]))
    assert isinstance(found, torch.Tensor), "For tensors return a tensor."
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
rng = np.random.default_rng(draw.randrange(10**6))


def pooled(vectors, mask):
    rows = [
        row[seen == 1].mean(axis=0) if seen.any() else 0 * row[0]
        for row, seen in zip(vectors, mask)
    ]
    return np.stack(rows)


def drawn(n, length, d, empty=()):
    mask = (np.arange(length) < rng.integers(1, length + 1, size=n)[:, None]).astype(int)
    mask[list(empty)] = 0
    return rng.normal(size=(n, length, d)) * 3 + 1, mask


def is_right(case):
    found = mean_pooling(*case)
    return np.shape(found) == pooled(*case).shape and np.allclose(
        found, pooled(*case), atol=1e-6
    )


full = rng.normal(size=(3, 5, 4)), np.ones((3, 5), dtype=int)
left = drawn(4, 6, 3)
with rules("mean"):
    assert is_right(full) and is_right((full[0][:1, :1], full[1][:1, :1])), (
        "Return the mean over the tokens."
    )
with rules("padding"):
    for case in (drawn(5, 8, 3), drawn(1, 4, 2), (left[0], left[1][:, ::-1].copy())):
        assert is_right(case), "Padding counts neither in the sum nor in the number of tokens."
with rules("empty rows"):
    for empty in ([1], [0, 3]):
        case = drawn(4, 5, 3, empty=empty)
        found = np.asarray(mean_pooling(*case))
        assert np.all(found[empty] == 0), "A text without tokens gets zeros, never nan."
        others = [row for row in range(4) if row not in empty]
        assert np.all(np.any(found[others] != 0, axis=1)), "The other texts do not become zero."
with rules("NumPy and torch"):
    array, mask = full
    found = mean_pooling(torch.tensor(array, dtype=torch.float32), torch.tensor(mask))
    assert isinstance(found, torch.Tensor), "For tensors return a tensor."
    assert found.shape == (3, 4), "Tensors have the same shape as arrays."
    found = mean_pooling(*full)
    assert isinstance(found, np.ndarray), "For NumPy arrays return a NumPy array."
    assert found.shape == (3, 4), "Arrays have the same shape as tensors."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# ### Exercise 5: `embed` (5 points)
#
# ●●● · about 15 minutes · texts in, vectors out: the function that search engines are made of
#
# Write `embed(texts, model, tokenizer, batch_size=32)`. `texts` is a list of texts. Return a NumPy array of the type `float32` with one row per text and as many columns as `model.config.hidden_size` says.
#
# 1. **Every text.** Row $i$ is the vector of text $i$: the mean of `last_hidden_state` over the tokens of the text, special tokens included, padding not. The model gets the `attention_mask`, so that no vector depends on the other texts of its batch. Texts that are too long for the model are truncated by the
#    tokenizer.
# 2. **Length one.** Each row is divided by its length, the root of the sum of its squares (`np.linalg.norm`), so that the length becomes 1: then the dot product of two rows is their cosine.
# 3. **Batches.** The model gets `batch_size` texts at a time. Texts of similar length stand in one batch, so that there is little padding: sort them by their number of tokens, and put the rows back into the order of `texts`.
# 4. **Mode.** The model is in evaluation mode, even if it was not before: in training mode **dropout** sets some numbers to zero by chance. No gradients are computed: the model is called inside `with torch.no_grad():`.
# 5. **No texts and strings.** For `[]` return an array of the shape `(0, d)`, where $d$ is the number of columns. If `texts` is a string and not a list, raise `TypeError`: it would be read letter by letter.
#
# <details>
# <summary>Hint 1</summary>
#
# `tokenizer(texts, truncation=True)["input_ids"]` gives a list of numbers for every text: their lengths are the numbers of tokens. `sorted(range(len(texts)), key=…)` sorts the places of the texts. Begin with a table of zeros, `np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)`, and fill in the rows of each batch:
# `vectors[rows] = …` puts them where they belong.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# First `import torch` and `if isinstance(texts, str): raise TypeError("a list, please")`. Then the `vectors` of zeros as in hint 1, `if len(texts) == 0: return vectors`, `model.eval()`, `ids = tokenizer(texts, truncation=True)["input_ids"]` and
# `order = sorted(range(len(texts)), key=lambda row: len(ids[row]))`. In the loop `for start in range(0, len(order), batch_size):` take `rows = order[start : start + batch_size]` and
# `batch = tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt").to(model.device)`. Inside `with torch.no_grad():` stands `hidden = model(**batch).last_hidden_state`. Then `means = mean_pooling(hidden, batch["attention_mask"])` and
# `vectors[rows] = torch.nn.functional.normalize(means).cpu().numpy()`. At the end `return vectors`.
#
# </details>

# %% answer="embed"
from helpers.transformer import embed

# %% [markdown]
# The tests use a tiny model with random numbers: nobody can guess its vectors, and it is quick.

# %% test="embed" points=5
rules = Rules(
    {"every text": 1, "length one": 1, "batches": 1, "mode": 1, "no texts and strings": 1}
)
own_tokenizer = models.load_tokenizer(profile.checkpoint)
tiny = inside.random_encoder(own_tokenizer)
with rules("every text"):
    found = embed(["good morning", "wake me up at nine please"], tiny, own_tokenizer)
    assert np.shape(found) == (2, tiny.config.hidden_size), "Return one row per text."
    alone = embed(["good morning"], tiny, own_tokenizer)
    assert np.allclose(found[0], alone[0], atol=1e-5), (
        "A vector must not depend on the other texts."
    )
with rules("length one"):
    found = embed(["good morning"], tiny, own_tokenizer)
    assert found.dtype == np.float32, "The array has the type float32."
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5), (
        "Each row has the length 1."
    )
with rules("no texts and strings"):
    assert embed([], tiny, own_tokenizer).shape == (0, tiny.config.hidden_size), (
        "For [] return (0, d)."
    )
    try:
        found = embed("good morning", tiny, own_tokenizer)
    except TypeError:
        found = TypeError
    assert found is TypeError, "A bare string must raise a TypeError."
### BEGIN HIDDEN TESTS
import os
import random

import torch

draw = random.Random(os.environ.get("CLASS_SEED", ""))
known = "so proud happy rain café unbelievable home 2nite jazz Dostoevsky window".split()
texts = [" ".join(draw.choices(known, k=draw.randint(1, 14))) for _ in range(45)]
drawn_seed = draw.randrange(10**6)


def expected_of(texts):
    """One text at a time, without padding."""
    reader, rows = inside.random_encoder(own_tokenizer, seed=drawn_seed), []
    for text in texts:
        encoded = own_tokenizer(text, truncation=True, return_tensors="pt")
        with torch.no_grad():
            row = reader(**encoded).last_hidden_state[0].mean(dim=0)
        rows.append((row / row.norm()).numpy())
    return np.stack(rows)


def fresh(**settings):
    return inside.random_encoder(own_tokenizer, seed=drawn_seed, **settings)


def found_by(texts, model, **more):
    """What the answer gives; None if the model was asked for more than it does."""
    try:
        return embed(texts, model, own_tokenizer, **more)
    except RuntimeError:
        return None


def watched():
    model = fresh()

    def look(module, arguments, inputs):
        if torch.is_grad_enabled():
            raise RuntimeError

    model.register_forward_pre_hook(look, with_kwargs=True)
    return model


def close(found, expected):
    return (
        found is not None
        and np.shape(found) == expected.shape
        and np.allclose(found, expected, atol=1e-4)
    )


def distinct(rows):
    return len(np.unique(np.asarray(rows).round(4), axis=0))


def unit(rows):
    rows = np.asarray(rows)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


expected = expected_of(texts)
long = ["rain " * 600, "home"]
lengths = ["home " * 25, "rain"] * 20
tokens = 20 * sum(len(own_tokenizer(text)["input_ids"]) for text in lengths[:2])
with rules("every text"):
    found = embed(texts, fresh(), own_tokenizer)
    assert np.shape(found) == expected.shape, "Return one row per text."
    assert close(unit(found), expected), (
        "A row is not the mean over the tokens of its text: is padding left out, and is the order that of the texts?"
    )
    found = embed(long, fresh(), own_tokenizer)
    assert close(unit(found), expected_of(long)), "Texts that are too long are truncated."
with rules("length one"):
    found = embed(texts, fresh(), own_tokenizer)
    assert isinstance(found, np.ndarray) and found.dtype == np.float32, (
        "Return a NumPy array of the type float32."
    )
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4), (
        "Each row has the length 1."
    )
with rules("batches"):
    found = found_by(lengths, models.with_budget(fresh(), calls=3, tokens=2 * tokens))
    assert found is not None, (
        "Give the model batch_size texts at a time, those of similar length together."
    )
    found = found_by(
        lengths, models.with_budget(fresh(), calls=12, tokens=int(1.3 * tokens)), batch_size=4
    )
    assert found is not None, (
        "Put texts of similar length into one batch, and no more than batch_size of them."
    )
    assert distinct(found) == 2, "Return the vectors of the texts."
with rules("mode"):
    noisy = fresh(dropout=0.5).train()
    same = [embed(texts[:5], noisy, own_tokenizer) for _ in range(2)]
    assert close(*same), "Put the model into evaluation mode."
    assert distinct(same[0]) > 1, "Return the vectors of the texts."
    assert found_by(texts[:5], watched()) is not None, "Compute no gradients."
with rules("no texts and strings"):
    assert np.shape(embed(["home"], fresh(), own_tokenizer)) == (1, 8), (
        "A list with one text is a list."
    )
    assert embed([], fresh(size=6), own_tokenizer).shape == (0, 6), (
        "For no texts return the shape (0, d)."
    )
    refused = 0
    for text in ("home", ""):
        try:
            embed(text, fresh(), own_tokenizer)
        except TypeError:
            refused += 1
    assert refused == 2, "A bare string must raise a TypeError."
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# Some sentences, each compared with each. Which ones belong together? Have they any words in common?

# %% tags=["lesson"]
mine = [
    "I could not sleep last night.",
    "Insomnia again, the third time this week.",
    "The soup is far too salty.",
    "Somebody oversalted my lunch.",
    "Our train left without us.",
]
rows = embed(mine, model, tokenizer)
show.heatmap(rows @ rows.T, mine, list("12345"))

# %% [markdown]
# <details>
# <summary>Answer</summary>
#
# The first two are about a bad night, the third and the fourth about too much salt: beside the diagonal their cells are the darkest. The sentences of a pair have no word in common. TF-IDF, which only counts words, would see nothing that belongs together here.
#
# </details>
#
# The two models do not use the same range: with `all-MiniLM-L6-v2` unrelated texts lie near 0, with `multilingual-e5-small` near 0.8. So a cosine alone says little; compare it with others of the same model.
#
# ### A head on top
#
# Such vectors are also what a **head** gets: the last, small part of a model, which turns vectors into an answer. For classes it is one table of numbers: a score per class. (It has nothing to do with the heads of attention; both are called so.) Here everything below it, the **body** of the model, stays as it is, and only a head is trained, to tell six kinds of requests apart: a logistic regression on your vectors. Beside it stands TF-IDF: it counts words, and rare ones weigh more. The curves show, by the number of examples per class, the share of test requests that are right:

# %% tags=["lesson"]
from helpers import baselines, intent
from sklearn.linear_model import LogisticRegression

library = list(requests["train"]["text"])
shelf = embed(library, model, tokenizer)
scenarios = ["alarm", "audio", "email", "iot", "play", "transport"]
places, labels = intent.by_scenario(requests["train"], scenarios)
new_places, new_labels = intent.by_scenario(requests["test"], scenarios)
new_texts = [requests["test"][place]["text"] for place in new_places]
new_rows = embed(new_texts, model, tokenizer)

# %% tags=["lesson"]
sizes, right = [1, 2, 4, 8, 16], {"TF-IDF": [], "embed": []}
for size in sizes:
    some = baselines.first_of_each(labels, size)
    rows, known = [places[i] for i in some], [labels[i] for i in some]
    head = LogisticRegression(C=10).fit(shelf[rows], known)
    words = baselines.tfidf([library[row] for row in rows], known)
    right["embed"].append(head.score(new_rows, new_labels))
    right["TF-IDF"].append(np.mean(words.predict(new_texts) == np.array(new_labels)))
show.curves(right, "examples", sizes)

# %% [markdown]
# That is what pretraining is worth: with few examples the head is right far more often than TF-IDF, because similar texts have similar vectors. In the next units you will go one step further and train the body, too. That is called **fine-tuning**.
#
# ### Exercise 6: `search` (3 points)
#
# ●●○ · about 5 minutes · a search engine in three lines
#
# Write `search(query, texts, vectors, model, tokenizer, k=3)`. `query` is a text, `texts` a list of texts, and `vectors` the rows that your `embed` made of them. Compute the vector of the query with `embed`; the **score** of a text is the dot product of both vectors. Return the `k` best texts as a list of dictionaries:
#
# ```python
# [{"text": "wake me up at nine", "score": 0.83, "index": 12}, …]
# ```
#
# 1. **Best first.** The text with the highest score comes first. `index` is its place in `texts`, counted from 0.
# 2. **Equal scores.** Texts with the same score come in the order of `texts`.
# 3. **Few texts.** Without another value `k` is 3. If there are fewer than `k` texts, return all of them.
# 4. **Fields.** Exactly `text`, `score` and `index`; `score` is a `float` of Python, `index` an `int`.
#
# <details>
# <summary>Hint 1</summary>
#
# `embed([query], model, tokenizer)[0]` is the vector of the query, and `vectors @ …` gives all scores at once. `np.argsort(-scores, kind="stable")` sorts from the highest score to the lowest and leaves equal ones in their order.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `scores = vectors @ embed([query], model, tokenizer)[0]`, then `best = np.argsort(-scores, kind="stable")[:k]`. At the end `return [{"text": texts[row], "score": float(scores[row]), "index": int(row)} for row in best]`.
#
# </details>

# %% answer="search"
from helpers.transformer import search

# %% test="search" points=3
rules = Rules({"best first": 1, "equal scores": 0.5, "few texts": 0.5, "fields": 1})
own_tokenizer = models.load_tokenizer(profile.checkpoint)
tiny = inside.random_encoder(own_tokenizer)
places = np.eye(8, dtype=np.float32)
with rules("best first"):
    found = search("good morning", list("abcdefgh"), places, tiny, own_tokenizer)
    assert found[0]["score"] > found[1]["score"] > found[2]["score"], (
        "The best text comes first."
    )
    assert "abcdefgh"[found[0]["index"]] == found[0]["text"], "index is the place of the text."
with rules("few texts"):
    found = search("good morning", list("ab"), places[:2], tiny, own_tokenizer, k=5)
    assert len(found) == 2, "If there are fewer than k texts, return all of them."
with rules("fields"):
    found = search("good morning", list("abc"), places[:3], tiny, own_tokenizer)
    assert set(found[0]) == {"text", "score", "index"}, "Return text, score and index."
    assert type(found[0]["score"]) is float and type(found[0]["index"]) is int, (
        "score is a float and index an int, of Python's own types."
    )
### BEGIN HIDDEN TESTS
import os
import random

draw = random.Random(os.environ.get("CLASS_SEED", ""))
drawn_model = inside.random_encoder(own_tokenizer, seed=draw.randrange(10**6))
asked = draw.choice(["rain", "some jazz", "home, please"])
encoded = own_tokenizer(asked, return_tensors="pt")
vector = drawn_model(**encoded).last_hidden_state[0].mean(dim=0).detach().numpy()
vector /= np.linalg.norm(vector)
# Each row holds a single 1: its score is one number of the query's vector, so equal rows have equal scores.
axes = [draw.randrange(8) for _ in range(30)]
many = np.eye(8, dtype=np.float32)[axes]
called = [f"text {number}" for number in draw.sample(range(100), 30)]
ranking = sorted(range(30), key=lambda row: (-round(float(vector[axes[row]]), 5), row))
single = list(dict.fromkeys(axes))
first_rows = [axes.index(axis) for axis in single]


def searched(rows, **more):
    return search(
        asked, [called[row] for row in rows], many[rows], drawn_model, own_tokenizer, **more
    )


with rules("best first"):
    found = searched(first_rows, k=len(first_rows))
    wanted = sorted(range(len(first_rows)), key=lambda row: -vector[single[row]])
    assert [row["index"] for row in found] == wanted, (
        "The text with the highest score comes first."
    )
    assert [row["text"] for row in found] == [called[first_rows[row]] for row in wanted], (
        "text is the text at the place that index names."
    )
with rules("equal scores"):
    found = searched(list(range(30)), k=30)
    assert [row["index"] for row in found] == ranking, (
        "Texts with equal scores come in the order of texts."
    )
with rules("few texts"):
    sizes = [len(searched(list(range(5)), k=k)) for k in (1, 4, 5, 6, 50)]
    assert sizes == [1, 4, 5, 5, 5], "Return k texts, or all if there are fewer."
    assert len(searched(list(range(9)))) == 3, "Without another value k is 3."
with rules("fields"):
    for row in searched(list(range(6)), k=6):
        assert set(row) == {"text", "score", "index"}, "Return text, score and index."
        assert type(row["score"]) is float and type(row["index"]) is int, (
            "Python's own float and int."
        )
        assert abs(row["score"] - vector[axes[row["index"]]]) < 1e-4, (
            "score is the dot product of the two vectors."
        )
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# Now search the requests of the course, whose vectors you have already: `embed` made them for the head. Write queries of your own: the point is to find what is meant, in other words.

# %% tags=["lesson"]
mine = ["turn it down, the baby is asleep", "it is too dark in here", "how much is a dollar"]
found = [hit for query in mine for hit in search(query, library, shelf, model, tokenizer)]
show.examples(
    query=[query for query in mine for _ in range(3)],
    text=[hit["text"] for hit in found],
    score=[f"{hit['score']:.2f}" for hit in found],
)

# %% [markdown]
# Look closely: are there requests among them that ask for the opposite? “Darker” and “lighter” stand in similar places, so they have similar vectors. To find by meaning is not the same as to understand.
#
# And across languages? A model that has read many languages puts the same meaning into the same place, whatever the language. The next cell takes your first query and shows the two best requests in each of the three languages, out of those about sound and those that ask for a fact, if `multilingual-e5-small` is on this machine; otherwise the table stays empty.

# %% tags=["lesson"]
found = []
for name in inside.at_hand("multilingual-e5-small"):
    polyglot = model if name == profile.checkpoint else inside.load_encoder(name)
    pieces_of = models.load_tokenizer(name)
    for code in LANGUAGES:
        split = data.load("massive", "samples", BY_CODE[code].locale)["train"]
        some, _ = intent.by_scenario(split, ["audio", "qa"])
        texts = [split[place]["text"] for place in some]
        rows = embed(texts, polyglot, pieces_of)
        hits = search(mine[0], texts, rows, polyglot, pieces_of, k=2)
        found += [hit | {"language": code} for hit in hits]
show.texts([hit["text"] for hit in found], language=[hit["language"] for hit in found])

# %% [markdown]
# > 💡 **Outside of the course.** Your functions need a model and a tokenizer, and nothing of this course. Both come from the library `transformers`: `from_pretrained` takes the name of a checkpoint on the [Hub](https://huggingface.co/models) and downloads it, or the path of a folder.
#
# <details>
# <summary>The same without the course: search your own notes</summary>
#
# Put your functions `mean_pooling`, `embed` and `search` above these lines, and a file with one text per line beside them. They need `pip install "transformers[torch]"`. For texts in other languages than English take the checkpoint `intfloat/multilingual-e5-small`; its authors recommend to begin every text with `query: `.
#
# ```python
# from pathlib import Path
#
# from transformers import AutoModel, AutoTokenizer
# import numpy as np
#
# checkpoint = "sentence-transformers/all-MiniLM-L6-v2"
# tokenizer = AutoTokenizer.from_pretrained(checkpoint)
# model = AutoModel.from_pretrained(checkpoint)
# texts = Path("notes.txt").read_text(encoding="utf-8").splitlines()
# vectors = embed(texts, model, tokenizer)
# for found in search("too loud", texts, vectors, model, tokenizer):
#     print(found)
# ```
#
# </details>
#
# ## 8. A model that learns
#
# You know all parts now. Let us put them together and watch a model learn, from nothing. The task: reverse a sequence of digits.

# %%
length, symbols = 8, 10
inputs, targets = one_layer.reversed_sequences(2000, length, symbols, seed=profile.seed)
inputs[0], targets[0]

# %% [markdown]
# > 🤔 **Think first.** What must each place look at to know its digit? What does it need for that?
#
# <details>
# <summary>Answer</summary>
#
# The first place must look at the last, the second at the last but one, and so on. What matters is **where** a digit stands and not which one it is. So a query must be made of the position, and so must a key.
#
# </details>
#
# `one_layer.OneLayer(symbols, length)` is a transformer with one layer and one head of attention; its `self.head` is the other kind, the one that answers. With `positions=False` it has no table of positions. This is its code, in PyTorch; find the parts that you know:
#
# <details>
# <summary>The code of the model</summary>
#
# ```python
# class OneLayer(nn.Module):
#     def __init__(self, symbols, length, positions=True, size=32):
#         super().__init__()
#         self.symbols = nn.Embedding(symbols, size)
#         self.positions = nn.Embedding(length, size) if positions else None
#         self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))
#         self.neurons = nn.Sequential(nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size))
#         self.norms = nn.ModuleList([nn.LayerNorm(size), nn.LayerNorm(size)])
#         self.head = nn.Linear(size, symbols)
#
#     def forward(self, ids, mask=None):
#         x = self.symbols(ids)
#         if self.positions is not None:
#             x = x + self.positions.weight[: ids.shape[1]]
#         scores = self.query(x) @ self.key(x).mT / x.shape[-1] ** 0.5
#         if mask is not None:
#             scores = scores.masked_fill(~mask[:, None, :], -1e9)
#         weights = scores.softmax(dim=-1)
#         self.weights = weights.detach()
#         x = self.norms[0](x + weights @ self.value(x))
#         x = self.norms[1](x + self.neurons(x))
#         return self.head(x)
# ```
#
# </details>
#
# And this is how a model learns. At every step it takes one batch:
#
# 1. It computes its **logits**: a score for each digit at each place.
# 2. The **loss** says how surprised it is by the right digits (*cross-entropy*).
# 3. `loss.backward()` computes the **gradient**: for each number of the model, in which direction the loss grows.
# 4. `optimizer.step()` moves each number a little the other way. The **learning rate** says how far.
#
# `zero_grad` forgets the gradient of the step before. When all examples have been used once, an **epoch** is over: here during step 32. `fit` then goes round to the first examples again.

# %%
from torch import nn

# %% reference="fit"
from helpers.one_layer import fit

# %% [markdown]
# ### Exercise 7: train two models (3 points)
#
# ●○○ · about 5 minutes · the same model, with and without positions
#
# Make two models, `trained` with positions and `without_positions` without them, and train both with `fit` on `inputs` and `targets`. The settings are `profile.max_steps`, `profile.batch_size` and `profile.learning_rate`, in this order.
#
# 1. **With positions.** `trained` is a `OneLayer` that has learned: it gets at least `profile.floor` of the digits right in sequences that it has not seen.
# 2. **Without positions.** `without_positions` is a `OneLayer` with `positions=False`. It has been trained, too, so it is better than guessing; and yet it stays below `profile.ceiling`.
#
# After you hand in, the cell is run again with fewer steps, and the numbers of your models are put into models of ours and asked about sequences that are drawn anew.
#
# <details>
# <summary>Hint 1</summary>
#
# A model is made by `one_layer.OneLayer(symbols, length)`; look at the arguments of `fit` in the cell above. Four lines are enough.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `trained = one_layer.OneLayer(symbols, length)`, then `fit(trained, inputs, targets, profile.max_steps, profile.batch_size, profile.learning_rate)`. The same again for
# `without_positions = one_layer.OneLayer(symbols, length, positions=False)`.
#
# </details>

# %% answer="training"
### BEGIN SOLUTION
trained = one_layer.OneLayer(symbols, length)
fit(trained, inputs, targets, profile.max_steps, profile.batch_size, profile.learning_rate)
without_positions = one_layer.OneLayer(symbols, length, positions=False)
fit(
    without_positions,
    inputs,
    targets,
    profile.max_steps,
    profile.batch_size,
    profile.learning_rate,
)
### END SOLUTION

# %% test="training" points=3
rules = Rules({"with positions": 2, "without positions": 1})
new = one_layer.reversed_sequences(500, length, symbols, seed=profile.seed + 1)
with rules("with positions"):
    reached = one_layer.accuracy(trained, *new)
    print(reached, ">=", profile.floor)
    assert reached >= profile.floor, "trained gets too few digits right: has it been trained?"
with rules("without positions"):
    reached = one_layer.accuracy(without_positions, *new)
    print(1.5 / symbols, "<=", reached, "<=", profile.ceiling)
    assert reached >= 1.5 / symbols, (
        "without_positions is no better than guessing: train it, too."
    )
    assert reached <= profile.ceiling, (
        "without_positions is too good: it must have no positions."
    )
### BEGIN HIDDEN TESTS
import os
import random

from course import unseen

draw = random.Random(os.environ.get("CLASS_SEED", ""))
drawn_anew = one_layer.reversed_sequences(500, length, symbols, seed=draw.randrange(10**6))


def reached_by(model, positions):
    """The accuracy of a student's model, its numbers in a model of our own, on sequences that are drawn anew."""
    like = one_layer.OneLayer(symbols, length, positions=positions)
    return one_layer.accuracy(unseen.with_weights_of(model, like), *drawn_anew)


with rules("with positions"):
    assert reached_by(trained, True) >= profile.floor, (
        "Accuracy on sequences that are drawn anew is below the floor of the profile."
    )
with rules("without positions"):
    reached = reached_by(without_positions, False)
    assert reached >= 1.5 / symbols, (
        "without_positions is no better than guessing: train it, too."
    )
    assert reached <= profile.ceiling, (
        "without_positions is too good: it must have no positions."
    )
### END HIDDEN TESTS
rules.score()

# %% [markdown]
# How fast does it go? The curves show the share of digits that fresh models get right after so many steps:

# %% tags=["lesson"]
steps = [0, 5, 10, 20, 40]
unseen_sequences = one_layer.reversed_sequences(300, length, symbols, seed=profile.seed + 2)
reached = {"positions=True": [], "positions=False": []}
for name, scores in reached.items():
    for count in steps:
        set_seed(profile.seed)
        fresh = one_layer.OneLayer(symbols, length, positions=name == "positions=True")
        fit(fresh, inputs, targets, count, profile.batch_size, profile.learning_rate)
        scores.append(one_layer.accuracy(fresh, *unseen_sequences))
show.curves(reached, "step", steps)

# %% [markdown]
# One of them learns in a second to do it without a mistake. The other one can only guess, among the digits that it sees. And how does the first one do it? Look at its attention:

# %% tags=["lesson"]
trained(inputs[:1])
show.heatmap(trained.weights[0].tolist(), [str(digit) for digit in inputs[0].tolist()])

# %% [markdown]
# Each place looks at its mirror image: the dark cells lie on the other diagonal. Nobody has told the model that; it has found it out by making its loss smaller. And this time the picture does explain something, because the model has one layer and one head, and we know the task. Without positions there is no such pattern:

# %% tags=["lesson"]
without_positions(inputs[:1])
show.heatmap(
    without_positions.weights[0].tolist(), [str(digit) for digit in inputs[0].tolist()]
)

# %% [markdown]
# ## What you can do now
#
# - You follow a text through a transformer: tokens, vectors, attention, layers.
# - You have written attention yourself, and your function computes what a real model computes.
# - You can say what an encoder, a decoder and an encoder–decoder are, and what a mask has to do with it.
# - You know how a model is pretrained and why it needs so much text for it.
# - You make a vector of any text, and search by meaning.
# - You have trained a transformer from nothing and seen what it learned.
#
# Five questions to check yourself. Answer first, then look.
#
# <details>
# <summary>1. A text has ten tokens, a head has queries of 64 numbers. Which shape do the weights of this head have, and what is the sum of all of them?</summary>
#
# Ten rows and ten columns. Each row adds up to 1, so all together 10. Where the 64 numbers of a query meet those of a key, a single score is left.
#
# </details>
#
# <details>
# <summary>2. Why are scores divided by the root of how many numbers a query has?</summary>
#
# A dot product of vectors with many numbers has many summands and becomes large. Softmax would then give nearly everything to a single token, and the model would learn badly.
#
# </details>
#
# <details>
# <summary>3. Two texts of a batch have 5 and 50 tokens. What goes wrong if padding is not masked?</summary>
#
# The tokens of the short text would look at 45 tokens that are none, and the mean would be taken over them, too. Its vector would depend on the other text.
#
# </details>
#
# <details>
# <summary>4. Why does nobody have to label texts for pretraining?</summary>
#
# The right answer stands in the text itself: the word that was hidden, or the next one.
#
# </details>
#
# <details>
# <summary>5. What does a model without positions make of “the dog bites the man” and “the man bites the dog”?</summary>
#
# The same. For attention without positions a text is a bag of words.
#
# </details>
#
# The next unit is `emotion`: there you train a pretrained model for a task of your own, with the library that everybody uses and a few functions of the course.

# %% [markdown] shared="hand_in"

# %% tags=["lesson"]
show.results(
    profile,
    {
        "accuracy": one_layer.accuracy(trained, *unseen_sequences),
        "accuracy_without_positions": one_layer.accuracy(without_positions, *unseen_sequences),
        "head_accuracy": right["embed"][-1],
    },
    baseline={"head_accuracy": right["TF-IDF"][-1]},
)
