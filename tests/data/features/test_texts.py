"""Words of any script become features, and texts of spaced scripts the same ones as ever."""

import re

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from dataaudit.data.features import texts
from dataaudit.data.features.texts import character_features, word_features
from dataaudit.data.features.words import SPACED_WORD, count_of_words, unspaced_grams

SPACED = [
    "Ünïcode naïve ﬁle don't 123 a_b",
    "हिन्दी में सूची",
    "한국어 텍스트 입니다",
    "ελληνικά κείμενα",
    "кириллица тут",
    "שלום עולם",
    "",
]
TOPICS = {
    "Chinese": ["足球比赛进球", "电影导演演员", "的一是在有我他这"],
    "Japanese": ["サッカー試合", "映画かんとく", "はがをにでと"],
    "Thai": ["ฟุตบอลประตู", "ภาพยนตร์ดารา", "และของที่ใน"],
    "Khmer": ["បាល់ទាត់", "ភាពយន្ត", "និងរបស់"],
}


@pytest.mark.parametrize("script", TOPICS)
@pytest.mark.parametrize("features_of", [word_features, character_features])
def test_texts_without_spaces_are_told_apart_by_the_words_in_them(script: str, features_of: object) -> None:
    assert callable(features_of)
    rng = np.random.default_rng(0)
    *own, common = TOPICS[script]
    topic = np.resize([0, 1], 160)
    written = np.array(
        ["".join([*rng.permutation(list(common)), own[t][: 2 + int(rng.integers(3))], *rng.permutation(list(common))])
         for t in topic], object,
    )  # fmt: skip
    features, rows = features_of(written, np.arange(120)), np.arange(120)
    model = LogisticRegression(C=10).fit(features[rows], topic[rows])
    assert model.score(features[120:], topic[120:]) > 0.9


@pytest.mark.parametrize(("features_of", "grams"), [
    (word_features, {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"}),
    (character_features, {"analyzer": "char_wb", "ngram_range": (3, 5)}),
])  # fmt: skip
def test_texts_with_spaces_have_the_features_of_plain_n_grams(
    features_of: object, grams: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(features_of)
    written, rows = np.array(SPACED * 2, object), np.arange(len(SPACED))
    ours = features_of(written, rows)

    def plain(analyzer: object, **settings: object) -> TfidfVectorizer:
        return TfidfVectorizer(**settings, **grams)

    monkeypatch.setattr(texts, "TfidfVectorizer", plain)
    np.testing.assert_array_equal(features_of(written, rows), ours)


def test_characters_in_a_row_stand_for_words_where_there_are_no_spaces() -> None:
    assert unspaced_grams("iPhone很好，用", 2) == ["很", "好", "很好", "用"]
    assert re.findall(SPACED_WORD, "iPhone很好 mini") == ["iPhone", "mini"]
    assert unspaced_grams("only spaces here", 3) == []
    assert unspaced_grams("人々", 2) == ["人", "々", "人々"]
    assert unspaced_grams("ｶﾀｶﾅ", 4)[-1] == "カタカナ"


def test_a_column_of_chinese_sentences_is_as_long_as_one_of_english() -> None:
    assert count_of_words("two words") == 2
    assert count_of_words("我们今天去看电影") == 4
    assert count_of_words("张伟") == 1
