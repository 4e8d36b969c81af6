"""Okapi BM25 (Robertson & Zaragoza 2009, equation 3.15): how well each of some texts answers a query.

    sum over the query's words w of  log(1 + (n - n_w + 1/2) / (n_w + 1/2)) * f (k1 + 1) / (f + k1 (1 - b + b l / L))

with n_w of the n texts having the word, f times in this one, l its length in words and L the mean length. The 1 in the
logarithm keeps words that most texts have from counting against them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer

from .words import words

SATURATION, LENGTH = 1.2, 0.75
"""k1 and b: how soon another occurrence of a word counts for little, and how much longer texts are held back."""


class Bm25:
    """The texts, weighted once; call it with queries."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._vectorizer = CountVectorizer(analyzer=words, dtype=np.float32)
        # One more text gives blank ones a vocabulary, too; it is not kept.
        counts = self._vectorizer.fit_transform([*texts, "word"])[:-1]
        lengths = np.asarray(counts.sum(1)).ravel()
        having = np.bincount(counts.indices, minlength=counts.shape[1])
        rarity = np.log1p((len(texts) - having + 0.5) / (having + 0.5))
        slowing = SATURATION * (1 - LENGTH + LENGTH * lengths / max(lengths.mean(), 1))
        of_word = np.repeat(slowing, np.diff(counts.indptr))
        values = rarity[counts.indices] * counts.data * (SATURATION + 1) / (counts.data + of_word)
        self._weights = csr_matrix((values.astype(np.float32), counts.indices, counts.indptr), counts.shape)

    def __call__(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """(queries, texts) zero where no word is shared, else positive."""
        likeness: NDArray[np.float32] = (self._vectorizer.transform(queries) @ self._weights.T).toarray()
        return likeness
