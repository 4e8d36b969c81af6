"""Comparison -> comparison.json and comparison.html, and the lines that the terminal gets."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from .comparing.comparison import (
    PREDICTION,
    SCHEMA_VERSION,
    Algorithm,
    Comparison,
    Component,
    Counterfactual,
    Difference,
    End,
    Placed,
)
from .exhibits import Exhibit
from .files import replacing
from .plots import curve, histogram, intervals
from .report import page
from .showing import short

SAMPLES = 5
"""Of each list on the page."""
COMPONENTS = 6
"""Real components that are shown in full."""


def shown_samples(comparison: Comparison) -> list[str]:
    """Ids of the samples that the page shows, each once."""
    ends = [end for one in comparison.real[:COMPONENTS] for end in one.ends]
    return list(dict.fromkeys(one.id for end in ends for part in (end.targets, end.carriers) for one in part[:SAMPLES]))


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
    yield conclusion(comparison)
    for one in comparison.real[:COMPONENTS]:
        told = "; ".join(_clearest(end) for end in one.ends)
        yield f"  {_name(one)}: p = {one.p:.3g}, variance {one.variance:.3g}: {told}"
    for test in comparison.counterfactuals:
        yield f"  {_said(test)}"
    yield from comparison.notes


def conclusion(comparison: Comparison) -> str:
    """The comparison in a sentence."""
    real, level = len(comparison.real), f"{comparison.alpha:.0%} chance of any false claim"
    if not real:
        return (
            "No difference beyond chance: what sets the two apart is no more than each differs from itself under other "
            f"seeds ({level})."
        )
    return (
        f"{real} of {len(comparison.components)} components are real: the two algorithms use the data differently, "
        f"beyond what seeds and subsets make ({level})."
    )


def summarize(comparison: Comparison, exhibits: Mapping[str, Exhibit]) -> dict[str, Any]:
    """Everything on the page, as text and charts ready to show."""
    agreement = list(comparison.agreement.values())
    marks = [(comparison.own[0], "A with itself"), (comparison.own[1], "B with itself")]
    data = comparison.dataset
    return {
        "name": short(str(data["name"]), 120),
        "algorithms": [
            (side, one.given, f"{one.measure} {one.performance:.3f}", _recipe(one))
            for side, one in (("A", comparison.a), ("B", comparison.b))
        ],
        "conclusion": conclusion(comparison),
        "real": bool(comparison.real),
        "median": f"{np.median(agreement):.3f}",
        "own": [f"{value:.3f}" for value in comparison.own],
        "agreement": Markup(histogram("agreement", "How far attributions agree", agreement, "cosine", marks)),
        "variances": Markup(_variances(comparison)),
        "rows": [
            [_name(one), f"{one.variance:.3g}", f"{one.p:.3g}", *(f"{share:.1%}" for share in one.explained),
             "real" if one.real else "not told from chance"] for one in comparison.components
        ],
        "components": [_component(one, exhibits) for one in comparison.real[:COMPONENTS]],
        "more": max(0, len(comparison.real) - COMPONENTS),
        "tests": [_test(number, one) for number, one in enumerate(comparison.counterfactuals)],
        "alpha": f"{comparison.alpha:.0%}",
        "draws": len(comparison.by_chance),
        "notes": comparison.notes,
        "facts": [
            ("Content", f"SHA-256 {data['fingerprint'][:16]}…"),
            ("Training samples", f"{data['training_samples']:,}"),
            ("Predictions compared", f"{data['targets']:,} ({data['target_split']})"),
            ("Models", f"{comparison.a.models} in each of four pools, on random halves"),
            ("Command", "dataaudit " + " ".join(comparison.reproduce)),
        ],
    }  # fmt: skip


def _recipe(algorithm: Algorithm) -> str:
    return ", ".join(f"{name} {value}" for name, value in algorithm.recipe.items())


def _name(component: Component) -> str:
    other = "B" if component.side == "A" else "A"
    return f"{component.side} beyond {other}, component {component.number}"


def _clearest(end: End) -> str:
    found = [*end.of_targets, *end.of_carriers]
    return ", ".join(_words(one) for one in found[:2]) or "nothing sets these apart"


def _words(one: Difference) -> str:
    if one.kind in ("word", "value", "class"):
        return f"{short(one.what, 60)} in {one.inside:.0%} (others {one.outside:.0%})"
    return f"{short(one.what, 60)} {one.inside:.3g} (others {one.outside:.3g})"


def _said(test: Counterfactual) -> str:
    verdict = "A and B react differently" if test.differs else "no difference between A and B is seen"
    return (
        f"{short(test.transform, 80)}: {_moved(test)} by {test.a.mean:+.3f} under A, {test.b.mean:+.3f} under B; "
        f"{verdict} ({test.interval[0]:+.3f} to {test.interval[1]:+.3f})"
    )


def _moved(test: Counterfactual) -> str:
    what = PREDICTION if test.towards == PREDICTION else f"the probability of {short(test.towards, 40)}"
    return f"{what} moves"


def _variances(comparison: Comparison) -> str:
    """Variances of both ways' components, with the level that chance stays below."""
    found = {
        f"{side} beyond {other}": [one.variance for one in sorted(comparison.components, key=lambda one: one.number)
                                   if one.side == side]
        for side, other in ("AB", "BA")
    }  # fmt: skip
    count = max(map(len, found.values()))
    numbers = [float(k + 1) for k in range(count)]
    level = float(np.quantile(comparison.by_chance, 1 - comparison.alpha, method="higher"))
    series = {label: (numbers[: len(own)], own) for label, own in found.items()}
    series["chance stays below"] = (numbers, [level] * count)
    return curve("variances", "Variance along each component", numbers, series, "component", "variance")


def _component(component: Component, exhibits: Mapping[str, Exhibit]) -> dict[str, Any]:
    a, b = component.explained
    return {
        "title": _name(component),
        "figures": f"p = {component.p:.3g}; {a:.1%} of A's variance, {b:.1%} of B's",
        "ends": [
            {
                "title": title,
                "lists": [
                    ("Predictions", _shown(end.targets, exhibits), [_row(one) for one in end.of_targets]),
                    ("Training samples that carry them", _shown(end.carriers, exhibits),
                     [_row(one) for one in end.of_carriers]),
                ],
            }
            for title, end in zip(("One end", "The other end"), component.ends, strict=True)
        ],
    }  # fmt: skip


def _shown(placed: tuple[Placed, ...], exhibits: Mapping[str, Exhibit]) -> list[dict[str, str]]:
    return [
        {
            "id": one.id,
            "caption": short(one.label, 40),
            "picture": known.picture,
            "text": known.text or " · ".join(f"{name}: {value}" for name, value in known.values),
        }
        for one in placed[:SAMPLES]
        for known in [exhibits.get(one.id, Exhibit())]
    ]


def _row(one: Difference) -> list[str]:
    share = one.kind in ("word", "value", "class")
    numbers = [f"{value:.0%}" if share else f"{value:.3g}" for value in (one.inside, one.outside)]
    return [one.kind, short(one.what, 80), *numbers, f"{one.p:.2g}"]


def _test(number: int, test: Counterfactual) -> dict[str, Any]:
    rows = [
        ("A", test.a.mean, test.a.interval, test.a.random),
        ("B", test.b.mean, test.b.interval, test.b.random),
        ("A less B", test.difference, test.interval, ()),
    ]
    across = (
        f"change: {test.towards}"
        if test.towards == "the prediction"
        else f"change of the probability of {test.towards}"
    )
    return {
        "transform": short(test.transform, 120),
        "said": _said(test),
        "origin": "suggested by what sets a component apart" if test.suggested else "named by --transform",
        "targets": test.targets,
        "level": f"{test.level:.2%}",
        "chances": [f"{one.p:.3g}" for one in (test.a, test.b)],
        "chart": Markup(intervals(f"test-{number}", f"What {short(test.transform, 60)} does", rows, across)),
    }
