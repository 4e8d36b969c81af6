"""The page and the file of a comparison, from made-up ones."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from dataaudit.comparison.comparison import (
    Algorithm,
    Comparison,
    Component,
    Counterfactual,
    Difference,
    Disagreement,
    Effect,
    End,
    Placed,
)
from dataaudit.comparison.report import lines, shown_samples, write_comparison
from dataaudit.result import Exhibit

HOSTILE = '<img src=x onerror="alert(1)">\u202e</script>'


def end(name: str) -> End:
    apart = Difference(HOSTILE, "word", 1.0, 0.25, 0.001, True, f"insert:{HOSTILE}")
    placed = tuple(Placed(f"{name}{HOSTILE}{i}", HOSTILE, 1.0) for i in range(9))
    return End(placed, placed[:2], (apart,), (replace(apart, kind="column", inside=12.5, within=False),))


def comparison(real: bool) -> Comparison:
    effect = Effect(0.4, (0.3, 0.5), (0.0, -0.1, 0.05), 0.025)
    component = Component("B", 1, 0.02, 0.01 if real else 0.7, real, (0.01, 0.2), (end("up"), end("down")))
    test = Counterfactual(f"insert:{HOSTILE}", HOSTILE, 100, 0.975, effect, effect, 0.0, (-0.1, 0.1), True)
    return Comparison(
        {
            "name": HOSTILE,
            "fingerprint": "0" * 64,
            "task": "classification",
            "training_samples": 1000,
            "targets": 50,
            "target_split": "test",
        },
        Algorithm(HOSTILE, {"learner": HOSTILE}, 16, "accuracy", 0.8),
        Algorithm("text", {"learner": "text"}, 16, "accuracy", 0.9),
        "made-up attributions",
        Disagreement(0.125, (0.03, 0.02)),
        0.05,
        {f"{HOSTILE}{i}": 0.5 + 0.01 * i for i in range(50)},
        (0.9, 0.95),
        tuple(0.0001 * i for i in range(99)),
        (component, replace(component, side="A", p=0.6, real=False)),
        (test,) if real else (),
        ("a note",),
        ("compare", HOSTILE),
        {"training": 1.0},
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Tags:
    tags = Tags()
    tags.feed(path.read_text(encoding="utf-8"))
    return tags


def test_the_page_shows_what_is_real_and_nothing_from_the_data_becomes_markup(tmp_path: Path) -> None:
    found = comparison(True)
    ids = shown_samples(found)
    assert len(ids) == len(set(ids)) == 10
    page = read(write_comparison(found, {id: Exhibit(text=HOSTILE) for id in ids[1:]}, tmp_path))
    assert not {"img", "script"} & set(page.names)
    assert not any(name.startswith("on") for name in page.attributes)
    assert "A and B differ in 12.5% of the predictions on the test split; A trained twice differs" in page.text
    assert page.text.index("A and B differ in") < page.text.index("none moves them") < page.text.index("A and B use")
    assert "A and B use the data differently: 1 of 2 components are significant" in page.text
    assert page.text.count("not significant") == 1
    assert "B beyond A, component 1" in page.text
    assert (
        "no significant difference between A and B (-0.100 to +0.100, 97.5% interval, so that all hold jointly at 95%)"
        in page.text
    )
    assert "\u202e" not in page.text
    assert page.text.count("others of the same classes") == 2
    assert page.text.count("≤ 0.01") == 2
    assert page.names.count("blockquote") == 2 * (5 + 2) - 2  # the sample without an exhibit is in two lists
    data = json.loads((tmp_path / "comparison.json").read_text())
    assert data["schema_version"] == 1
    assert data["components"][0]["ends"][0]["of_targets"][0]["what"] == HOSTILE
    assert len(data["components"][0]["ends"][0]["targets"]) == 9
    told = "\n".join(lines(found))
    assert "B beyond A, component 1: p ≤ 0.01" in told
    assert "one end: predictions: the word '<img" in told
    assert "in 100% (others of the same classes 25%); training samples: <img" in told
    assert "moves by +0.400 under A, +0.400 under B" in told
    usual = replace(found.counterfactuals[0], a=Effect(0.01, (0.0, 0.02), (0.1,), 0.5))
    told = "\n".join(lines(replace(found, components=found.components[:1] * 9, counterfactuals=(usual,))))
    assert "3 more significant components are in comparison.json" in told
    assert "by +0.010 (no more than random changes, p = 0.5) under A, +0.400 under B" in told


def test_what_moves_the_two_most_differently_is_told_first() -> None:
    found = comparison(True)
    apart = replace(found.counterfactuals[0], transform="blur", difference=0.3, interval=(0.1, 0.5))
    farther = replace(apart, transform="tint", difference=-0.4, a=Effect(0.0, (0.0, 0.1), (), 0.5))
    told = list(lines(replace(found, counterfactuals=(*found.counterfactuals, apart, farther))))
    assert told[1] == (
        f"Changes of the inputs that were tried, 3: 2 moved them differently, most of all tint: the probability of "
        f"{told[1].partition('probability of ')[2].partition(' moves')[0]} moves by +0.000 under A, +0.400 under B."
    )
    numbers = replace(found, dataset={**found.dataset, "task": "regression"})
    assert "0.12 standard deviations of the target apart on average; those of A trained twice 0.03" in next(
        lines(numbers)
    )


def test_the_page_says_plainly_when_nothing_is_real(tmp_path: Path) -> None:
    found = comparison(False)
    assert shown_samples(found) == []
    page = read(write_comparison(found, {}, tmp_path))
    assert (
        "This does not prove that A and B are alike: their median cosine is 0.745, with themselves 0.900 and 0.950"
        in page.text
    )
    assert "nothing is claimed about any of them" in page.text
    assert "No transformation was tested" in page.text
    assert "What each learner relies on" not in page.text
    assert list(lines(found))[1].startswith("No significant difference in how they use the data was found")
