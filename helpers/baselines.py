"""The simple model that a transformer must beat, the same in all units."""


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
