"""The simple model that a transformer must beat, the same in all units, and small parts of a dataset to try it on."""


def tfidf(texts, labels, *, sublinear_tf=False, letters=None, **settings):
    """Return logistic regression on TF-IDF, fitted: it weighs words by how rare they are, and ignores their order.

    With `sublinear_tf` a word that stands often in a text counts with the logarithm of that. With `letters`, such as
    `(2, 5)`, it counts not whole words but their parts of so many letters, those that two texts have at least.
    `settings` are those of `sklearn.linear_model.LogisticRegression`. The model has `predict` and `predict_proba` for
    lists of texts.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    parts = {"analyzer": "char_wb", "ngram_range": letters, "min_df": 2} if letters else {}
    vectorizer = TfidfVectorizer(sublinear_tf=sublinear_tf, **parts)
    return make_pipeline(vectorizer, LogisticRegression(max_iter=1000, **settings)).fit(list(texts), list(labels))


def first_of_each(labels, count):
    """The places of the first `count` rows of each class, in the order of the rows.

    >>> first_of_each(["a", "a", "b", "a"], 2)
    [0, 1, 2]
    """
    from collections import Counter

    seen, found = Counter(), []
    for place, label in enumerate(labels):
        seen[label] += 1
        if seen[label] <= count:
            found.append(place)
    return found
