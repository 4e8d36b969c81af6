"""Answers to the review sample: what they say, and what is no answer."""

from pathlib import Path

import pytest

from dataaudit.errors import InputError
from dataaudit.verdict.review import Answer, ReviewStratum, agreement, joined, read_answers, strata_of, wrong_share

STRATA = [ReviewStratum("train", 100, tuple("abcde")), ReviewStratum("test", 300, tuple("fghij"))]
IDS = {id: id for id in "abcdefghij"}


def answered(words: str) -> dict[str, Answer]:
    names: dict[str, Answer] = {"g": "given", "s": "suggested", "n": "neither", "u": "unsure"}
    return {id: names[word] for id, word in zip("abcdefghij", words, strict=True) if word in names}


def test_strata_weigh_as_much_as_they_hold() -> None:
    share = wrong_share(STRATA, answered("snggggggsg"))
    assert share.estimate == pytest.approx(0.25 * 0.4 + 0.75 * 0.2)
    assert 0.03 < share.low < 0.25 < share.high < 0.7
    assert (share.labels, share.reviewed, share.unsure) == (400, 10, 0)


def test_what_nobody_can_tell_or_answered_widens_the_interval() -> None:
    sure, unsure, silent = (
        wrong_share(STRATA, answered(words)) for words in ("sggggggggg", "suggguuggg", "s-ggg--ggg")
    )
    assert unsure.low <= sure.low
    assert unsure.high > sure.high
    assert (unsure.low, unsure.high) == (silent.low, silent.high)
    assert (unsure.reviewed, unsure.unsure, silent.reviewed) == (10, 3, 7)


@pytest.mark.parametrize("words", ["sg---u-u--", "uuuuuuuuuu", "----------"])
def test_no_share_is_estimated_before_every_stratum_has_an_answer_that_tells(words: str) -> None:
    share = wrong_share(STRATA, answered(words))
    assert share.estimate is None
    assert 0 <= share.low < 0.1 < 0.9 < share.high <= 1
    assert wrong_share(STRATA, answered("sg---u-g--")).estimate == pytest.approx(0.25 * 0.5)


def test_a_stratum_that_is_reviewed_whole_leaves_nothing_to_chance() -> None:
    share = wrong_share([ReviewStratum("train", 5, tuple("abcde"))], answered("sgggg-----"))
    assert share.low == share.estimate == share.high == pytest.approx(0.2)


def test_reviewers_who_differ_make_it_unsure_and_their_agreement_is_measured() -> None:
    one, other = answered("gggggsssss"), answered("ggggsssssn")
    both = joined([one, other])
    assert both["e"] == "unsure"
    assert both["j"] == "suggested"  # wrong by both
    count, same, kappa = agreement(one, other) or (0, 0.0, 0.0)
    assert (count, same) == (10, 0.8)
    assert kappa == pytest.approx((0.8 - 0.45) / (1 - 0.45))
    assert agreement(one, {}) is None


def written(folder: Path, text: str) -> Path:
    (folder / "review.csv").write_text(text, encoding="utf-8")
    return folder / "review.csv"


def test_answers_are_read_as_spreadsheets_save_them(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffid,label,answer\r\na,cat, Given \r\nb,cat,\r\nc,dog,NEITHER\r\n")
    assert read_answers(path, IDS) == {"a": "given", "c": "neither"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns id and answer"),
        ("id,label\na,cat\n", "expected the columns id and answer"),
        ("id,answer\nz,given\n", "line 2: 'z' is not in this audit's review sample"),
        ("id,answer\na,yes\n", "line 2: expected given, suggested, neither, unsure or nothing, found 'yes'"),
        ("id,answer\na,given\na,unsure\n", "line 3: 'a' has two answers"),
    ],
)
def test_what_is_no_answer_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_answers(written(tmp_path, text), IDS)


def test_an_audit_without_a_review_sample_is_refused() -> None:
    with pytest.raises(InputError, match="drew no labels"):
        strata_of({"checks": [{"figures": {}}]})
