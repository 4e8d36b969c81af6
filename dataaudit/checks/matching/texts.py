"""Copies among texts: candidates by the cosine of weighted n-grams, then word by word in order.

A word that two texts share says as much as it is rare: -log of the share of texts that hold it, or, right behind the
same word in both, of its probability after that word (interpolated as in MacKay & Peto 1995), the two texts not
counted. So boilerplate, common words and a common topic weigh little. The heaviest sequence of words that both hold in
the same order, found by dynamic programming as for the longest common subsequence, is what they share; the score
weighs it against what is left of the shorter text, and a little against what is left of the longer.
"""

import difflib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from ...data.features.words import cleaned, words
from ...dataset import Dataset, Track
from ...findings import Agreement
from ..planting.texts import altered_in_turn
from .matcher import N_CANDIDATES, N_CANDIDATES_QUICK, Candidates, Matches, numbered

GRAM = 4
"""Characters of the n-grams that words are compared by where the words themselves differ."""
MAX_TEXTS, FEWEST = 1000, 8
"""N-grams in more texts than this are too common to find copies by; a text with fewer others keeps its rarest."""
QUERY_BLOCK, PAIR_BLOCK = 256, 256
MAX_WORDS = 512
"""Words of a text that are aligned: of longer texts those that say most."""
PRIOR = 10.0
"""Pseudo-count of a word's overall probability in its probability after another word."""
SLACK = 4.0
"""Information in nats that makes no difference: three shared words are less than thirty."""
LONGER_SHARE = 0.2
"""How much of the longer text's rest counts: a copy may have been cut or put into something."""
ALIKE = 0.6
"""Texts that share this much of their information in order are related, and left out of the null."""
BY_CHANCE = 0.05
"""Expected number of pairs, among all texts, that are equal by chance in all words of one that is rare enough."""
SHOWN_WORDS, CONTEXT = 60, 4


class TextMatcher:
    """See Matcher. Very short texts have too little in them to be near copies: their words agree by chance.

    Texts that are equal after cleaning count however short, where the text is all there is. Beside other columns, which
    may differ, they count only if their words are too rare for any two texts to have them by chance.

    beside   whether there are other columns
    """

    alike = ALIKE

    def __init__(self, texts: Sequence[str], beside: bool = False) -> None:
        self.texts, self.beside = texts, beside
        self.codes = np.zeros((len(texts), 0), np.int64)
        tokens = [words(text) for text in texts]
        self._start = np.cumsum([0, *map(len, tokens)])
        self._words = _Words.of(tokens, self._start)
        self._grams = _weighted_grams(self._words, self._start)

    @classmethod
    def of(cls, dataset: Dataset) -> "TextMatcher":
        """Of a dataset's texts, made once."""
        return dataset.derive("text matcher", lambda: cls([str(text) for text in dataset.inputs]))

    @cached_property
    def cleaned(self) -> list[str]:
        """The texts without what makes no difference."""
        return [cleaned(text) for text in self.texts]

    @cached_property
    def contents(self) -> NDArray[np.int64]:
        """See Matcher."""
        contents, n = numbered(self.cleaned), len(self.texts)
        if self.beside:
            information = np.full(n, np.inf)
            np.minimum.at(information, contents, self._words.information(self._start))
            contents[information[contents] < np.log(n**2 / BY_CHANCE)] = -1
        return contents

    def nominate(
        self, queries: NDArray[np.int64], base: NDArray[np.int64], track: Track, label: str, quick: bool = False
    ) -> Candidates:
        """By the mean cosine of three weighted views: words, pairs of words, and characters within words."""
        count = min(
            N_CANDIDATES_QUICK if quick else N_CANDIDATES, max(0, len(base) - int(np.isin(queries, base).any()))
        )
        base_grams = self._grams[base].T.tocsr()
        nearest = np.zeros((len(queries), count), np.int64)
        nearness = np.zeros((len(queries), count), np.float32)

        def compare(block: slice) -> None:
            rows = queries[block]
            nearest[block], nearness[block] = _nearest(self._grams[rows] @ base_grams, rows, base, count)

        blocks = [slice(start, start + QUERY_BLOCK) for start in range(0, len(queries), QUERY_BLOCK)]
        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            for _ in track(threads.map(compare, blocks), f"{label}: comparing", len(blocks)):
                pass
        return Candidates(queries, nearest, nearness)

    def align(self, candidates: Candidates, track: Track, label: str) -> Matches:
        """By the words in order."""
        k = candidates.base.shape[1]
        left, right = np.repeat(candidates.queries, k), candidates.base.flatten()
        shared = self._shared(left, right, track, label)
        information = self._words.information(self._start)
        shorter, longer = (
            np.minimum(information[left], information[right]),
            np.maximum(information[left], information[right]),
        )
        unshared = np.maximum(shorter - shared, 0) + LONGER_SHARE * np.maximum(longer - shared, 0)
        similarity = shared / np.maximum(shared + unshared, 1e-9)
        evidence = np.log((shared + SLACK) / (unshared + SLACK))
        chance = len(self.texts) * np.exp(-shared)
        return Matches.ranked(
            candidates, *(values.reshape(candidates.base.shape) for values in (similarity, evidence, chance))
        )

    def with_copies(
        self, rows: NDArray[np.int64], places: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple["TextMatcher", list[str]]:
        """See `planting/texts.py`."""
        altered, sorts = altered_in_turn([self.texts[row] for row in rows], self.texts, rng)
        texts = list(self.texts)
        for place, text in zip(places, altered, strict=True):
            texts[place] = text
        return TextMatcher(texts, self.beside), sorts

    def agreement(self, left: int, right: int) -> Agreement:
        """By the texts; what stands beside them is taken to differ."""
        if self.texts[left] == self.texts[right]:
            return "equal text" if self.beside else "equal"
        if self.cleaned[left] == self.cleaned[right]:
            return "equal text after cleaning" if self.beside else "equal after cleaning"
        return "near"

    def differences(self, left: int, right: int) -> list[list[str]]:
        """Runs of words as ["equal" | "left" | "right", words], about SHOWN_WORDS of them; "…" for what is left out."""
        return differing_words(self.texts[left].split(), self.texts[right].split())

    def _shared(
        self, left: NDArray[np.int64], right: NDArray[np.int64], track: Track, label: str
    ) -> NDArray[np.float64]:
        """(m,) information in the heaviest common sequence of every pair of rows."""
        length = np.minimum(np.diff(self._start), MAX_WORDS)
        order = np.lexsort((length[right], length[left] // 16))
        order = order[(length[left] > 0)[order] & (length[right] > 0)[order]]
        blocks = [order[begin : begin + PAIR_BLOCK] for begin in range(0, len(order), PAIR_BLOCK)]
        shared = np.zeros(len(left))
        for block in track(blocks, f"{label}: aligning", len(blocks)):
            a, b = (self._words.padded(self._start, rows) for rows in (left[block], right[block]))
            shared[block] = _heaviest_common_sequence(a, b)
        return shared


class _Padded(NamedTuple):
    """Words of some texts, (m, longest) each, see _Words; -2 behind a text's end."""

    number: NDArray[np.int64]
    before: NDArray[np.int64]
    alone: NDArray[np.float64]
    after: NDArray[np.float64]


class _Words:
    """The words of n texts, one after the other, each (total,).

    number   of the word, its place in the vocabulary
    text     that it stands in
    before   number of the word before it, -1 at a text's start
    pair     a number for the word before and this one
    alone    what sharing it says, in nats
    after    what sharing it says if the word before is shared too
    """

    def __init__(self, number: NDArray[np.int64], text: NDArray[np.int64], n: int, vocabulary: Sequence[str]) -> None:
        self.number, self.text, self.vocabulary = number, text, vocabulary
        first = np.append(True, text[1:] != text[:-1])[: len(text)]
        self.before = np.where(first, -1, np.roll(number, 1))
        self.pair = (self.before + 1) * len(vocabulary) + number
        texts = _texts_with(number, text)
        probability = (np.maximum(texts - 2, 0) + 0.5) / (n + 1)
        before = np.maximum(np.roll(texts, 1) - 2, 0)
        follows = (np.maximum(_texts_with(self.pair, text) - 2, 0) + PRIOR * probability) / (before + PRIOR)
        self.alone = -np.log(probability)
        self.after = np.where(first, self.alone, np.minimum(self.alone, -np.log(np.minimum(follows, 1))))

    @classmethod
    def of(cls, tokens: Sequence[list[str]], start: NDArray[np.int64]) -> "_Words":
        vocabulary: dict[str, int] = {}
        number = [vocabulary.setdefault(word, len(vocabulary)) for word in chain.from_iterable(tokens)]
        text = np.repeat(np.arange(len(tokens)), np.diff(start))
        return cls(np.array(number, np.int64), text, len(tokens), list(vocabulary))

    def information(self, start: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n,) of each text, in nats, by the words of it that are aligned."""
        total = np.append(0.0, np.cumsum(self.after))
        information: NDArray[np.float64] = total[start[1:]] - total[start[:-1]]
        for row in np.flatnonzero(np.diff(start) > MAX_WORDS):
            information[row] = self.after[self._aligned_positions(start, int(row))].sum()
        return information

    def padded(self, start: NDArray[np.int64], rows: NDArray[np.int64]) -> _Padded:
        positions_of = [self._aligned_positions(start, int(row)) for row in rows]
        shape = len(rows), max(map(len, positions_of))
        inside = np.arange(shape[1]) < np.array([len(positions) for positions in positions_of])[:, None]
        flat = np.concatenate(positions_of)
        number, before = np.full(shape, -2), np.full(shape, -2)
        alone, after = np.zeros(shape), np.zeros(shape)
        number[inside], before[inside], alone[inside], after[inside] = (
            self.number[flat], self.before[flat], self.alone[flat], self.after[flat]
        )  # fmt: skip
        return _Padded(number, before, alone, after)

    def _aligned_positions(self, start: NDArray[np.int64], row: int) -> NDArray[np.int64]:
        positions = np.arange(int(start[row]), int(start[row + 1]))
        if len(positions) <= MAX_WORDS:
            return positions
        return np.sort(positions[np.argsort(-self.after[positions], kind="stable")[:MAX_WORDS]])


def _nearest(
    cosines: csr_matrix, queries: NDArray[np.int64], base: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Base rows (q, count) of the highest cosines (q, b) with each query, and these; rows that share nothing are last.

    A query is not its own neighbour.
    """
    nearest, nearness = np.zeros((len(queries), count), np.int64), np.zeros((len(queries), count), np.float32)
    for place, query in enumerate(queries if count else ()):
        of_query = slice(*cosines.indptr[place : place + 2])
        rows, cosine = base[cosines.indices[of_query]], cosines.data[of_query]
        if len(rows) <= count:
            others = np.setdiff1d(base[: 2 * count + 1], rows)
            rows, cosine = np.append(rows, others), np.append(cosine, np.zeros(len(others), np.float32))
        cosine[rows == query] = -1
        top = np.argpartition(-cosine, count - 1)[:count]
        top = top[np.lexsort((rows[top], -cosine[top]))]
        nearest[place], nearness[place] = rows[top], cosine[top]
    return nearest, nearness


def _heaviest_common_sequence(a: _Padded, b: _Padded) -> NDArray[np.float64]:
    """(m,) weight of the heaviest sequence of words that both texts of each pair hold in order."""
    best = np.zeros((len(b.number), b.number.shape[1] + 1))
    for i in range(a.number.shape[1]):
        equal = (a.number[:, i, None] == b.number) & (b.number >= 0)
        gain = np.where(a.before[:, i, None] == b.before, a.after[:, i, None], a.alone[:, i, None]) * equal
        longer = np.maximum(best[:, 1:], best[:, :-1] + gain)
        np.maximum.accumulate(longer, axis=1, out=best[:, 1:])
    return best[:, -1]


def _texts_with(term: NDArray[np.int64], text: NDArray[np.int64]) -> NDArray[np.int64]:
    """(total,) in how many texts each occurrence's term occurs."""
    of_term = np.unique(term, return_inverse=True)[1]
    counts: NDArray[np.int64] = np.bincount(_counts(of_term, text, int(text.max(initial=0)) + 1).indices)[of_term]
    return counts


def _weighted_grams(words: _Words, start: NDArray[np.int64]) -> csr_matrix:
    """(n, terms) so that the product of two rows is the mean cosine of their words, pairs of words and characters."""
    n = len(start) - 1
    singles = _counts(words.number, words.text, n)
    pairs = _counts(np.unique(words.pair, return_inverse=True)[1], words.text, n)
    grams: dict[str, int] = {}
    grams_of_word = [
        [grams.setdefault(f" {word} "[i : i + GRAM], len(grams)) for i in range(max(1, len(word) + 3 - GRAM))]
        for word in words.vocabulary
    ]
    lengths = [len(numbers) for numbers in grams_of_word]
    spelling = _counts(
        np.fromiter(chain.from_iterable(grams_of_word), np.int64, sum(lengths)),
        np.repeat(np.arange(len(grams_of_word)), lengths),
        max(1, len(grams_of_word)),
    )
    return hstack([_unit(view) for view in (singles, pairs, singles @ spelling)], format="csr", dtype=np.float32)


def _counts(term: NDArray[np.int64], text: NDArray[np.int64], n: int) -> csr_matrix:
    terms = int(term.max(initial=0)) + 1
    return csr_matrix((np.ones(len(term), np.float32), (text, term)), shape=(n, terms))


def _unit(counts: csr_matrix) -> csr_matrix:
    """Sublinear tf-idf of counts (n, terms), rows of length a third.

    Without terms that one text alone has, and those that are too common: see MAX_TEXTS. Products of all rows then take
    time in proportion to n, but where many texts have nothing else.
    """
    n = counts.shape[0]
    text, term = np.repeat(np.arange(n), np.diff(counts.indptr)), counts.indices
    texts = np.bincount(term, minlength=counts.shape[1])[term]
    kept = (texts > 1) & (texts <= MAX_TEXTS)
    has_few = np.bincount(text[kept], minlength=n) < FEWEST
    rarest = np.flatnonzero(has_few[text] & (texts > 1))
    rarest = rarest[np.lexsort((term[rarest], texts[rarest], text[rarest]))]
    kept[rarest[np.arange(len(rarest)) - np.searchsorted(text[rarest], text[rarest]) < FEWEST]] = True
    text, term, texts = text[kept], term[kept], texts[kept]
    weights = (1 + np.log(counts.data[kept])) * (np.log((1 + n) / (1 + texts)) + 1)
    length = np.sqrt(np.bincount(text, weights**2, minlength=n))
    return csr_matrix(((weights / length[text] / np.sqrt(3)).astype(np.float32), (text, term)), shape=counts.shape)


def differing_words(left: Sequence[str], right: Sequence[str]) -> list[list[str]]:
    """Runs of words as ["equal" | "left" | "right", words], shortened about the differences."""
    left_keys, right_keys = ([" ".join(words(word)) for word in side] for side in (left, right))
    runs: list[list[str]] = []
    shown = 0
    for tag, i, i_end, j, j_end in difflib.SequenceMatcher(None, left_keys, right_keys, autojunk=False).get_opcodes():
        if shown >= SHOWN_WORDS:
            runs.append(["equal", "…"])
            break
        parts = [("equal", left[i:i_end])] if tag == "equal" else [("left", left[i:i_end]), ("right", right[j:j_end])]
        for side, run in parts:
            if run:
                runs.append([side, _abridged(run, CONTEXT if side == "equal" else 3 * CONTEXT)])
                shown += min(len(run), 2 * CONTEXT if side == "equal" else 6 * CONTEXT)
    return runs


def _abridged(run: Sequence[str], edge: int) -> str:
    return " ".join(run if len(run) <= 2 * edge else [*run[:edge], "…", *run[-edge:]])
