"""Texts as numbers: weighted n-grams, rotated into the directions that the training texts span.

A linear model with an l2 penalty has its weights in the span of its training rows, so it is the same model on these
components as on the n-grams themselves, as long as none of the training set's directions is dropped.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import vstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from .words import SPACED_WORD, unspaced_grams

WORDS, CHARACTERS = 1024, 256
"""Most components of word and of character n-grams."""
SPANNING = 2000
"""Most training texts whose span is used, evenly spaced (the Nyström method; Williams & Seeger 2001)."""
VOCABULARY = 100_000
LONGEST_WORD = 4
"""Characters in a row that stand for words and pairs of words where there are no spaces."""


def word_features(texts: Sequence[str] | NDArray[Any], train: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, d) components of the weights of words and pairs of words (sublinear tf-idf), fitted on the training rows.

    In scripts that set no spaces between words, of up to LONGEST_WORD characters in a row.
    """
    return _components(
        texts, train, WORDS, LONGEST_WORD, analyzer="word", ngram_range=(1, 2), token_pattern=SPACED_WORD
    )


def character_features(texts: Sequence[str] | NDArray[Any], train: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, d) components of the weights of three to five characters within words, fitted on the training rows.

    In scripts that set no spaces between words, of one and two characters, too.
    """
    return _components(texts, train, CHARACTERS, 2, analyzer="char_wb", ngram_range=(3, 5))


def _components(
    texts: Sequence[str] | NDArray[Any], train: NDArray[np.int64], limit: int, longest_unspaced: int, **grams: Any
) -> NDArray[np.float32]:
    """Components of scikit-learn's grams and of up to `longest_unspaced` characters where there are no spaces."""
    grams_of = CountVectorizer(**grams).build_analyzer()
    vectorizer = TfidfVectorizer(
        analyzer=lambda text: [*grams_of(text), *unspaced_grams(text, longest_unspaced)],
        sublinear_tf=True,
        dtype=np.float32,
        max_features=VOCABULARY,
    )
    try:
        train_weights = vectorizer.fit_transform([texts[row] for row in train])
    except ValueError:  # an empty vocabulary: no training text has a word
        return np.zeros((len(texts), 1), np.float32)
    rows = np.linspace(0, len(train) - 1, min(SPANNING, len(train))).astype(np.int64)
    anchors = train_weights[rows]
    values, vectors = np.linalg.eigh((anchors @ anchors.T).toarray().astype(np.float64))
    largest = np.flatnonzero(values > 1e-6 * values[-1])[::-1][:limit]
    directions = anchors.T @ (vectors[:, largest] / np.sqrt(values[largest])).astype(np.float32)
    others = np.setdiff1d(np.arange(len(texts)), train)
    weights = train_weights
    if len(others):
        weights = vstack([weights, vectorizer.transform([texts[row] for row in others])], format="csr")
    weights.sort_indices()  # equal texts are summed in the same order
    components = np.empty((len(texts), directions.shape[1]), np.float32)
    components[np.concatenate([train, others])] = weights @ directions
    return components
