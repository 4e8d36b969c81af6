"""Which findings and samples a page shows, within what budget."""

from dataclasses import replace

import pytest

from dataaudit.findings import Remedy
from dataaudit.reporting.gallery import (
    REMEDY_CHARACTERS,
    SIDE_TEXT_CHARACTERS,
    PageBudget,
    chosen,
    decidable,
    groups,
    shown_samples,
)
from dataaudit.reporting.sanitizing import short
from dataaudit.result import Check, Exhibit, HeatMap

from ..fixtures_findings import PIXEL, audit_of, leak, wrong

MANY = [leak(f"t{i}", f"b{i}", "c") for i in range(20)] + [wrong(f"w{i}", "c") for i in range(3)]


@pytest.mark.parametrize(
    ("budget", "shown"),
    [
        (PageBudget(), [20, 3]),
        (PageBudget(cards=5), [5, 3]),
        (PageBudget(all_cards=10), [7, 3]),
        (PageBudget(0, 0), [0, 0]),
    ],
)
def test_kinds_share_the_budget_and_small_ones_are_whole(budget: PageBudget, shown: list[int]) -> None:
    assert [len(found) for found in chosen(MANY, budget).values()] == shown
    made, _ = groups(audit_of(MANY), replace(budget, rows=0))
    assert [(len(group.cards), group.total, group.left_out) for group in made] == [
        (shown[0], 20, 20 - shown[0]), (shown[1], 3, 3 - shown[1])]  # fmt: skip


def test_findings_without_a_card_are_rows_and_can_be_decided() -> None:
    exhibits = {"t3": Exhibit(text="a long text " * 100), "t4": Exhibit(values=(("size", "2"), ("colour", "red")))}
    audit = audit_of(MANY, exhibits=exhibits)
    made, _ = groups(audit, PageBudget(cards=3, rows=9))
    assert [(len(group.cards), len(group.rows), group.left_out) for group in made] == [(3, 9, 8), (3, 0, 0)]
    first, second = made[0].rows[:2]
    assert (first.id, first.message, first.severity) == (MANY[3].id, MANY[3].message, "high")
    assert first.text.startswith("a long text")
    assert len(first.text) <= SIDE_TEXT_CHARACTERS
    assert second.text == "size: 2, colour: red"
    assert second.remedy == "Remove t4; or remove b4"
    assert set(decidable(audit, made)) == {finding.id for finding in (*MANY[:12], *MANY[20:])}
    assert {"t3", "t4", "t11"} <= set(shown_samples(MANY, PageBudget(cards=3, rows=9)))
    hidden, _ = groups(replace(audit, shows_samples=False), PageBudget(cards=3, rows=9))
    assert {row.text for row in hidden[0].rows} == {""}


def test_first_cards_of_every_kind_get_their_samples_first() -> None:
    assert shown_samples(MANY, PageBudget())[:7] == ["t0", "b0", "w0", "c", "like c", "t1", "b1"]
    drawn = Check("mislabeled", "ran", 5, 5, 0, figures={"review": [{"drawn": ["b1", "r"]}]})
    assert set(shown_samples(MANY, PageBudget(), [drawn])[:2]) == {"b1", "r"}
    assert set(shown_samples(MANY, PageBudget(), [drawn])[2:7]) == {"t0", "b0", "w0", "c", "like c"}
    budget = replace(PageBudget(), exhibits=3 * len(PIXEL))
    exhibits = {id: Exhibit(picture=PIXEL) for id in shown_samples(MANY, PageBudget())}
    samples = tuple({"id": id} for id in exhibits if id != "like c")
    made, left_out = groups(audit_of(MANY, exhibits=exhibits, samples=samples), budget)
    seen = {sample.id for group in made for card in group.cards for side in card.sides
            for sample in side.samples if sample.picture}  # fmt: skip
    assert seen == {"t0", "b0", "w0"}
    assert left_out == len(exhibits) - 3 - 1  # "like c" could not be read


def test_a_budget_gets_smaller_until_nothing_is_left() -> None:
    budget = PageBudget()
    for _ in range(100):
        budget = budget.smaller(6_000_000, 5_000_000)
    assert budget == PageBudget(0, 0, 0, 0, 0)
    assert PageBudget(rows=3000).smaller(6_000_000, 5_000_000) == PageBudget(rows=1999)


def test_a_wrong_label_stands_between_its_supporters_and_a_copy_beside_its_original() -> None:
    (copies, labels), _ = groups(audit_of([leak("t", "b", "c"), wrong("w", "c")]), PageBudget())
    assert [(side.title, side.large) for side in copies.cards[0].sides] == [
        ("In test", True),
        ("Copy in train", True),
    ]
    assert [(side.title, side.large) for side in labels.cards[0].sides] == [
        ("Support 'c'", False), ("The sample", True), ("Support 'other'", False)]  # fmt: skip


def test_rows_stand_side_by_side_with_what_differs_first_and_the_sample_before_its_supporters() -> None:
    def row(*values: str) -> Exhibit:
        return Exhibit(values=tuple(zip("xyz", values, strict=True)))

    exhibits = {"t": row("1", "2", "3"), "b": row("1", "2", "4"), "w": row("7", "7", "7"), "c": row("8", "8", "8")}
    (copies, labels), _ = groups(audit_of([leak("t", "b", "c"), wrong("w", "c")], exhibits=exhibits), PageBudget())
    assert copies.cards[0].sides == ()
    assert copies.cards[0].rows is not None
    assert copies.cards[0].rows.lines == (("z", ("3", "4"), True), ("x", ("1", "1"), False), ("y", ("2", "2"), False))
    assert labels.cards[0].rows is not None
    assert labels.cards[0].rows.captions == ("The sample: train, c", "Support 'c': +0.30")


def test_texts_beside_the_sample_are_cut_short() -> None:
    text = "word " * 80
    exhibits = {"w": Exhibit(text=text), "c": Exhibit(text=text)}
    (group,), _ = groups(audit_of([wrong("w", "c")], exhibits=exhibits), PageBudget())
    before, sample, _ = group.cards[0].sides
    assert sample.samples[0].text == text
    assert len(before.samples[0].text) <= SIDE_TEXT_CHARACTERS + 2
    assert group.cards[0].texts


def test_heat_maps_come_with_their_picture_and_only_where_samples_are_shown() -> None:
    finding = leak("t", "b", "c")
    maps = {finding.id: HeatMap("b", "t", "data:image/png;base64,HEAT", "where it is hot")}
    audit = audit_of([finding], exhibits={"b": Exhibit(picture=PIXEL)}, heat_maps=maps)
    card = groups(audit, PageBudget())[0][0].cards[0]
    assert (card.picture, card.overlay, card.heat) == (PIXEL, "data:image/png;base64,HEAT", "where it is hot")
    assert groups(replace(audit, shows_samples=False), PageBudget())[0][0].cards[0].overlay == ""


def test_a_remedy_is_in_words_and_offered_as_long_as_its_ids_fit() -> None:
    finding = leak("h", "b", "c")
    remedies = (
        Remedy("move", ("a", "b"), ("train",)),
        Remedy("remove", tuple("abcdefg")),
        Remedy("move", ("a",), ("train",)),
        Remedy("remove", ("x" * REMEDY_CHARACTERS, "y")),
        Remedy("relabel", ("a",), ()),
    )
    audit = audit_of([replace(finding, remedies=remedies)])
    made, _ = groups(audit, PageBudget())
    assert made[0].cards[0].remedy == (
        "Move a and b to train, next to their copies; or remove a, b, c and 4 more; "
        f"or move a to train, next to its copy; or remove {short('x' * REMEDY_CHARACTERS, 60)} and y; "
        "or relabel a as having no label"
    )
    offered = decidable(audit, made)[finding.id]["remedies"]
    assert [one["words"] for one in offered] == [
        "Move a and b to train, next to their copies",
        "Remove a, b, c and 4 more",
        "Move a to train, next to its copy",
        "Relabel a as having no label",
    ]
