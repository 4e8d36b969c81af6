"""Comparison -> comparison.json and comparison.html, and the lines that the terminal gets."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..files import replacing
from ..reporting.page import page
from ..reporting.plots import curve, histogram, intervals
from ..reporting.sanitizing import short
from ..result import Exhibit
from .comparison import (
    PREDICTION,
    SCHEMA_VERSION,
    Algorithm,
    Comparison,
    Component,
    Counterfactual,
    Difference,
    Effect,
    Placed,
)

SAMPLES = 5
"""Samples of each list on the page."""
COMPONENTS = 6
"""Real components that are shown in full."""
CLEAREST = 3
"""Differences of a list that the terminal gets."""
ENDS = ("one end", "the other end")
SHARES = ("word", "value", "class")
"""Kinds of differences that are binary."""
USUAL = 0.05
"""p-value above which an effect is no more than that of random changes."""


def shown_samples(comparison: Comparison) -> list[str]:
    """Ids of the samples that the page shows, each once."""
    ends = [end for component in comparison.real[:COMPONENTS] for end in component.ends]
    return list(
        dict.fromkeys(sample.id for end in ends for part in (end.targets, end.carriers) for sample in part[:SAMPLES])
    )


def write_comparison(comparison: Comparison, exhibits: Mapping[str, Exhibit], directory: Path) -> Path:
    """Write both files; the path of the page. `exhibits` are what it shows of `shown_samples`."""
    with replacing(directory / "comparison.json") as file:
        file.write(json.dumps(as_data(comparison), indent=2, ensure_ascii=True) + "\n")
    with replacing(directory / "comparison.html") as file:
        file.write(page("comparison.html", summarize(comparison, exhibits)))
    return directory / "comparison.html"


def as_data(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison as plain data."""
    return {"schema_version": SCHEMA_VERSION, "type": "comparison", **asdict(comparison)}


def lines(comparison: Comparison) -> Iterator[str]:
    """What was found, for a terminal."""
    yield from conclusions(comparison)
    for component in comparison.real[:COMPONENTS]:
        yield f"  {_name(component)}: p {_chance(component, comparison)}, variance {component.variance:.3g}"
        for title, end in zip(ENDS, component.ends, strict=True):
            text = f"predictions: {_clearest(end.of_targets)}; training samples: {_clearest(end.of_carriers)}"
            yield f"    {title}: {text}"
    if len(comparison.real) > COMPONENTS:
        yield f"  {len(comparison.real) - COMPONENTS} more significant components are in comparison.json"
    for test in comparison.counterfactuals:
        yield f"  {_sentence(test, comparison.alpha)}"
    yield from comparison.notes


def conclusions(comparison: Comparison) -> list[str]:
    """The comparison in sentences: how much the two differ in practice, and then how surely."""
    return [_in_practice(comparison), *_of_tests(comparison.counterfactuals), _significance(comparison)]


def _in_practice(comparison: Comparison) -> str:
    between, (a, b) = comparison.disagreement.between, comparison.disagreement.own
    split = comparison.dataset["target_split"]
    if comparison.dataset["task"] == "regression":
        return (
            f"On the {split} split, A's and B's predictions are {between:.2f} standard deviations of the target apart "
            f"on average; those of A trained twice {a:.2f}, of B {b:.2f}."
        )
    what = "labels" if comparison.dataset["task"] == "multilabel" else "predictions"
    return (
        f"A and B differ in {between:.1%} of the {what} on the {split} split; A trained twice differs from itself in "
        f"{a:.1%}, B in {b:.1%}."
    )


def _of_tests(tests: Sequence[Counterfactual]) -> list[str]:
    differing = [test for test in tests if test.differs]
    if not tests:
        return []
    if not differing:
        return [f"Changes of the inputs that were tried, {len(tests)}: none moves them differently."]
    largest = max(differing, key=lambda test: abs(test.difference))
    return [
        f"Changes of the inputs that were tried, {len(tests)}: {len(differing)} moved them differently, most of all "
        f"{short(largest.transform, 80)}: {_moved_output(largest)} by {largest.a.mean:+.3f} under A, "
        f"{largest.b.mean:+.3f} under B."
    ]


def _significance(comparison: Comparison) -> str:
    if not comparison.real:
        median, (a, b) = np.median(list(comparison.agreement.values())), comparison.own
        return (
            "No significant difference in how they use the data was found. This does not prove that A and B are alike: "
            f"their median cosine is {median:.3f}, with themselves {a:.3f} and {b:.3f}. More --runs or more data may "
            "show a difference."
        )
    return (
        f"A and B use the data differently: {len(comparison.real)} of {len(comparison.components)} components are "
        f"significant ({comparison.alpha:.0%} chance of any false claim of a component)."
    )


def summarize(comparison: Comparison, exhibits: Mapping[str, Exhibit]) -> dict[str, Any]:
    """Everything on the page, as text and charts ready to show."""
    agreement = list(comparison.agreement.values())
    marks = [(comparison.own[0], "A with itself"), (comparison.own[1], "B with itself")]
    data = comparison.dataset
    return {
        "name": short(str(data["name"]), 120),
        "algorithms": [
            (side, algorithm.given, f"{algorithm.measure} {algorithm.performance:.3f}", _recipe(algorithm))
            for side, algorithm in (("A", comparison.a), ("B", comparison.b))
        ],
        "conclusions": conclusions(comparison),
        "real": bool(comparison.real),
        "median": f"{np.median(agreement):.3f}",
        "own": [f"{value:.3f}" for value in comparison.own],
        "agreement": Markup(histogram("agreement", "Agreement of attributions", agreement, "cosine", marks)),
        "variances": Markup(_variances(comparison)),
        "rows": [_line(component, comparison) for component in comparison.components],
        "components": [_component(component, comparison, exhibits) for component in comparison.real[:COMPONENTS]],
        "more": max(0, len(comparison.real) - COMPONENTS),
        "tests": [_test(number, test, comparison.alpha) for number, test in enumerate(comparison.counterfactuals)],
        "alpha": f"{comparison.alpha:.0%}",
        "draws": len(comparison.by_chance),
        "least": f"{_smallest_p(comparison):.2g}",
        "notes": comparison.notes,
        "facts": [
            ("Fingerprint", f"SHA-256 {data['fingerprint'][:16]}…"),
            ("Training samples", f"{data['training_samples']:,}"),
            ("Predictions compared", f"{data['targets']:,} ({data['target_split']})"),
            ("Models", f"{comparison.a.models} in each of four pools, on random halves"),
            ("Attributions", f"by {comparison.method}"),
            ("Command", "dataaudit " + " ".join(comparison.reproduce)),
        ],
    }  # fmt: skip


def _recipe(algorithm: Algorithm) -> str:
    return ", ".join(f"{name} {value}" for name, value in algorithm.recipe.items())


def _name(component: Component) -> str:
    other = "B" if component.side == "A" else "A"
    return f"{component.side} beyond {other}, component {component.number}"


def _smallest_p(comparison: Comparison) -> float:
    """The smallest p-value that the number of draws allows."""
    return 1 / (1 + len(comparison.by_chance))


def _chance(component: Component, comparison: Comparison) -> str:
    """Its p-value, which the draws may only bound."""
    return f"{'=' if component.p > _smallest_p(comparison) else '≤'} {component.p:.3g}"


def _line(component: Component, comparison: Comparison) -> list[str]:
    chance = _chance(component, comparison).removeprefix("= ")
    shares = [f"{share:.1%}" for share in component.explained]
    claim = "significant" if component.real else "not significant"
    return [_name(component), f"{component.variance:.3g}", chance, *shares, claim]


def _clearest(differences: Sequence[Difference]) -> str:
    """The first few, each once; of classes only those more frequent among these samples."""
    clearest: dict[str, Difference] = {}
    for difference in differences:
        if difference.kind != "class" or difference.inside > difference.outside:
            clearest.setdefault(difference.what, difference)
    return (
        ", ".join(_phrase(difference) for difference in list(clearest.values())[:CLEAREST])
        or "no distinguishing feature"
    )


def _phrase(difference: Difference) -> str:
    inside, outside = _numbers(difference)
    share = "in " if difference.kind in SHARES else ""
    return f"{_description(difference)} {share}{inside} ({_reference(difference)} {outside})"


def _description(difference: Difference) -> str:
    what = short(difference.what, 60)
    return {"class": f"class {what}", "word": f"the word '{what}'"}.get(difference.kind, what)


def _numbers(difference: Difference) -> list[str]:
    return [
        f"{value:.0%}" if difference.kind in SHARES else f"{value:.3g}"
        for value in (difference.inside, difference.outside)
    ]


def _reference(difference: Difference) -> str:
    return "others of the same classes" if difference.within else "others"


def _sentence(test: Counterfactual, alpha: float) -> str:
    verdict = "A and B react differently" if test.differs else "no significant difference between A and B"
    effects = ", ".join(f"{_effect(effect)} under {side}" for side, effect in (("A", test.a), ("B", test.b)))
    return (
        f"{short(test.transform, 80)}: {_moved_output(test)} by {effects}; "
        f"{verdict} ({test.interval[0]:+.3f} to {test.interval[1]:+.3f}, {_level(test, alpha)})"
    )


def _effect(effect: Effect) -> str:
    by_chance = f" (no more than random changes, p = {effect.p:.2g})" if effect.p > USUAL else ""
    return f"{effect.mean:+.3f}{by_chance}"


def _level(test: Counterfactual, alpha: float) -> str:
    together = f", so that all hold jointly at {1 - alpha:.0%}" if test.level > 1 - alpha else ""
    return f"{100 * test.level:.3g}% interval{together}"


def _moved_output(test: Counterfactual) -> str:
    what = PREDICTION if test.towards == PREDICTION else f"the probability of {short(test.towards, 40)}"
    return f"{what} moves"


def _variances(comparison: Comparison) -> str:
    """Variances of the components in both directions, with the level of chance."""
    components = sorted(comparison.components, key=lambda component: component.number)
    variances = {
        f"{side} beyond {other}": [component.variance for component in components if component.side == side]
        for side, other in ("AB", "BA")
    }
    count = max(map(len, variances.values()))
    numbers = [float(k + 1) for k in range(count)]
    level = float(np.quantile(comparison.by_chance, 1 - comparison.alpha, method="higher"))
    series = {label: (numbers[: len(values)], values) for label, values in variances.items()}
    series["chance level"] = (numbers, [level] * count)
    return curve("variances", "Variance along each component", numbers, series, "component", "variance")


def _component(component: Component, comparison: Comparison, exhibits: Mapping[str, Exhibit]) -> dict[str, Any]:
    a, b = component.explained
    return {
        "title": _name(component),
        "figures": f"p {_chance(component, comparison)}; {a:.1%} of A's variance, {b:.1%} of B's",
        "ends": [
            {
                "title": title,
                "lists": [
                    ("Predictions", _samples(end.targets, exhibits), list(map(_row, end.of_targets))),
                    (
                        "Most influential training samples",
                        _samples(end.carriers, exhibits),
                        list(map(_row, end.of_carriers)),
                    ),
                ],
            }
            for title, end in zip(map(str.capitalize, ENDS), component.ends, strict=True)
        ],
    }


def _samples(placed: tuple[Placed, ...], exhibits: Mapping[str, Exhibit]) -> list[dict[str, str]]:
    return [
        {
            "id": sample.id,
            "caption": short(sample.label, 40),
            "picture": exhibit.picture,
            "text": exhibit.text or " · ".join(f"{name}: {value}" for name, value in exhibit.values),
        }
        for sample in placed[:SAMPLES]
        for exhibit in [exhibits.get(sample.id, Exhibit())]
    ]


def _row(difference: Difference) -> list[str]:
    return [_description(difference), *_numbers(difference), _reference(difference), f"{difference.p:.2g}"]


def _test(number: int, test: Counterfactual, alpha: float) -> dict[str, Any]:
    rows = [
        ("A", test.a.mean, test.a.interval, test.a.random),
        ("B", test.b.mean, test.b.interval, test.b.random),
        ("A less B", test.difference, test.interval, ()),
    ]
    across = f"change: {test.towards}" if test.towards == PREDICTION else f"change of the probability of {test.towards}"
    return {
        "transform": short(test.transform, 120),
        "said": _sentence(test, alpha),
        "origin": "suggested by a component's distinguishing features" if test.suggested else "named by --transform",
        "targets": test.targets,
        "level": _level(test, alpha),
        "towards": "" if test.towards == PREDICTION else short(test.towards, 40),
        "chances": [f"{effect.p:.3g}" for effect in (test.a, test.b)],
        "chart": Markup(intervals(f"test-{number}", f"What {short(test.transform, 60)} does", rows, across)),
    }
