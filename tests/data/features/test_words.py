"""Texts as words and without what makes no difference, in any script."""

import pytest

from dataaudit.data.features.words import cleaned, words


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("What is the top-up limit?", "what is the top up limit"),
        ("It isn’t\nthere …", "IT ISNT  THERE"),
        ("ｆｕｌｌ width", "Full, width"),
        ("山水,火木。", "山水 火木"),
        ("Stra\u00dfe", "STRASSE"),
        ("cafe\u0301", "café"),
        ("love ❤\ufe0f", "love ❤"),
        ("AB-test of Rh-factors, e-mail 1e", "ab test of rh factors, e mail 1e"),
    ],
)
def test_what_makes_no_difference_is_left_out(left: str, right: str) -> None:
    assert cleaned(left) == cleaned(right) != ""


SPELLINGS = {
    "Latin": {
        "encoding": ("Où est le café ?", "Ou\u0300 est le cafe\u0301 ?"),
        "case": ("Gruß aus Köln", "GRUSS AUS KÖLN"),
        "white space": ("\n¿Dónde está  mi PIN", "¿Dónde\u00a0está mi PIN"),
        "punctuation": ("«Déjà vu», dit-il.", "Déjà vu, dit-il…"),
        "hyphen": ("le rendez-vous", "le rendez\u2011vous"),
        "apostrophe": ("l’été n´est pas l`hiver", "l'été n'est pas l'hiver"),
        "joined": ("the top-ups aren't there", "the topups arent there"),
    },
    "Cyrillic": {
        "encoding": ("мой ключ", "мои\u0306 ключ"),
        "case": ("Где Мой ПИН", "где мой пин"),
        "white space": ("где мой\tпин", "где\u2003мой пин"),
        "punctuation": ("Где мой пин?", "где мой пин"),
        "hyphen": ("кто‑то из‐за", "кто-то из-за"),
        "apostrophe": ("п'ять п’ятниць", "п\u02bcять п\u02bcятниць"),
        "joined": ("он‑лайн", "онлайн"),
    },
    "Greek": {
        "encoding": ("καλημέρα", "καλημε\u0301ρα"),
        "case": ("ΆΓΙΟΣ ΟΔΥΣΣΕΎΣ ΠΡΟΫ\u0308\u0301".replace("Ϋ\u0308", "Ϋ"), "άγιος οδυσσεύς προΰ"),
        "white space": ("πού είναι", "πού  είναι\n"),
        "punctuation": ("πού είναι\u037e", "πού είναι"),
        "hyphen": ("κατ–οίκον", "κατ-οίκον"),
        "apostrophe": ("αλλ\u1fbd αυτό", "αλλ’ αυτό"),
        "joined": ("εξ-άλλου", "εξάλλου"),
    },
    "Arabic": {
        "encoding": ("\ufee3\ufeae\ufea3\ufe92\ufe8e", "مرحبا"),
        "case": ("PIN رمز", "pin رمز"),
        "white space": ("أين\u00a0بطاقتي", "أين بطاقتي"),
        "punctuation": ("أين بطاقتي؟", "أين، بطاقتي"),
        "hyphen": ("عربي-فارسي", "عربي–فارسي"),
        "apostrophe": ("ال’بطاقة‘", "ال'بطاقة'"),
        "joined": ("می\u200cترسم", "می ترسم"),
    },
    "Japanese": {
        "encoding": ("ﾊﾟｽﾜｰﾄﾞ１２３", "パスワード123"),
        "case": ("ＰＩＮは?", "pinは?"),
        "white space": ("暗証\u3000番号", "暗証 番号"),
        "punctuation": ("暗証番号は、どこ。", "暗証番号はどこ"),
        "hyphen": ("東京〜大阪", "東京～大阪"),
        "apostrophe": ("’99年", "'99年"),
        "joined": ("トップ・アップ", "トップアップ"),
    },
    "Devanagari": {
        "encoding": ("\u0958\u0932\u092e", "\u0915\u093c\u0932\u092e"),
        "case": ("मेरा PIN", "मेरा pin"),
        "white space": ("मेरा  कार्ड", "मेरा कार्ड\n"),
        "punctuation": ("मेरा कार्ड कहाँ है।", "मेरा कार्ड कहाँ है?"),
        "hyphen": ("धीरे–धीरे", "धीरे-धीरे"),
        "apostrophe": ("‘कार्ड’", "'कार्ड'"),
        "joined": ("धीरे-धीरे", "धीरेधीरे"),
    },
}


@pytest.mark.parametrize("script", SPELLINGS)
@pytest.mark.parametrize("sort", SPELLINGS["Latin"])
def test_in_every_script_each_way_to_type_a_text_is_the_same(script: str, sort: str) -> None:
    left, right = SPELLINGS[script][sort]
    assert left != right
    assert cleaned(left) == cleaned(right) != ""


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("20 - 40", "20–40"),
        ("1, 2, 3", "1 2 3"),
        ("in 2010, 20 people", "in 2010 20 people"),
        ("at -5 degrees", "at −5 degrees"),
        ("10⁵", "10^5"),
        ("½ cup", "1/2 cup"),
        ("5٪", "5 %"),
        ("مرحبـــا", "مرحبا"),
        ("葛\U000e0100", "葛"),
    ],
)
def test_signs_have_one_form(left: str, right: str) -> None:
    assert cleaned(left) == cleaned(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("version 1.5", "version 15"),
        ("at -5 degrees", "at 5 degrees"),
        ("learn C++", "learn C"),
        ("learn C#", "learn C"),
        ("5 %", "5"),
        ("👍", "👎"),
        ("!", "?!"),
        ("कि", "की"),
        ("limit 10", "limit 100"),
        ("I can", "I can't"),
        ("$5", "5%"),
        ("$5", "€5"),
        ("1.5", "1,5"),
        ("1.5", "1 5"),
        ("1/2", "1.2"),
        ("5% 10", "5 10"),
        ("5 👍 6", "5 👎 6"),
        ("(-5)", "(5)"),
        ("-$5", "$5"),
        (".5", "5"),
        ("x != y", "x = y"),
        ("if (!ready)", "if (ready)"),
        ("a->b", "a>b"),
        ("10⁵", "105"),
        ("1½", "11/2"),
        ("row_1_2", "row_12"),
        ("good :)", "good :("),
        ("group A-", "group A"),
        ("group AB−, given", "group AB, given"),
        ("Rh-", "Rh"),
        ("1e-5", "1e5"),
        ("1E−5", "1E5"),
        ("2 * 3", "2 / 3"),
        ("résumé", "resume"),
        ("всё", "все"),
        ("πότε", "ποτέ"),
        ("عَلَم", "عِلْم"),
        ("ハハ", "パパ"),
        ("カード10", "カード100"),
    ],
)
def test_what_makes_a_difference_stays(left: str, right: str) -> None:
    assert cleaned(left) != cleaned(right)


@pytest.mark.parametrize("blank", ["", "  \n\t", "\u00a0", "\u200b"])
def test_blank_texts_are_empty(blank: str) -> None:
    assert cleaned(blank) == ""


def test_words_of_scripts_without_spaces_are_characters_and_marks_belong_to_their_word() -> None:
    assert words("山水 ABC") == ["山", "水", "abc"]
    assert words("हिन्दी भाषा।") == ["हिन्दी", "भाषा"]
    assert words("snake_case, isn't") == ["snake", "case", "isn", "t"]
