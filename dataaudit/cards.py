"""What a finding's card in the report shows: pictures by sample id with captions, and figures by name, in words."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from .findings import Finding, Verification

Pictures = list[tuple[str, str]]
Figures = list[tuple[str, str]]

SHOWN = 8
"""Most pictures of one finding."""


def card(finding: Finding) -> tuple[Pictures, Figures]:
    """What the card of a finding of any kind shows."""
    pictures, figures = CARDS.get(finding.kind, _plain)(finding)
    retrained = _seen_in_retraining(finding.verification)
    return pictures, [*figures, ("Seen in retraining", retrained)] if retrained else figures


def status(finding: Finding) -> str:
    """What retraining said, with what it speaks about where that is not the claim itself."""
    known = finding.verification.status
    if known == "unverified":
        return known
    retrained = "by retrained models"
    about = {"leakage": "effect on the model", "mislabeled": retrained, "target_error": retrained}.get(finding.kind)
    return f"{about}: {known}" if about else known


def differences(finding: Finding) -> list[tuple[str, str]]:
    """What the two texts of a pair share and what only one has: ("equal" or "left" or "right", words).

    Empty where they are equal, and for other pairs than texts.
    """
    pairs = finding.evidence.get("copies", finding.evidence.get("pairs", []))
    parts = pairs[0].get("differences", []) if pairs else []
    found = [(str(part[0]), str(part[1])) for part in parts if len(part) == 2]
    return found if any(kind != "equal" for kind, _ in found) else []


def _leakage(finding: Finding) -> tuple[Pictures, Figures]:
    """The samples and their copies."""
    evidence = finding.evidence
    captions: dict[str, str] = {}
    for copy in evidence["copies"]:
        captions.setdefault(copy["test_id"], f"{copy['splits'][0]}, {copy['test_label']}")
        mirrored = ", mirrored" if copy["mirrored"] else ""
        captions.setdefault(copy["train_id"], f"{copy['splits'][1]}, {copy['train_label']}{mirrored}")
    best = evidence["copies"][0]
    figures = [
        ("Similarity once aligned", f"{best['similarity']:.3f}"),
        ("Labels agree", "yes" if evidence["labels_agree"] else "no"),
        ("False-discovery rate", "exact copy" if best["exact"] else f"{best['q_value']:.1%}"),
    ]
    if evidence["largest_influencers"]:
        figures.append(
            (
                "Influence on the prediction",
                f"{best['influence']:+.2f} ({best['influence_deviations']:+.0f} robust deviations), "
                f"number {best['influence_place']} of all training samples",
            )
        )
        largest = [
            f"{one['id']} {one['influence']:+.2f} ({one['influence_deviations']:+.0f})"
            for one in evidence["largest_influencers"]
        ]
        figures.append((f"Largest influences on {best['test_id']}", ", ".join(largest)))
    return list(captions.items())[:SHOWN], figures


def _mislabeled(finding: Finding) -> tuple[Pictures, Figures]:
    """The sample, and who speaks for either label."""
    evidence = finding.evidence
    views = "; ".join(
        f"{name} {view['label']:.0%} against {view['suggested']:.0%}" for name, view in evidence["views"].items()
    )
    figures = [
        ("Label", evidence["label"]),
        ("Suggested", evidence["suggested_label"]),
        ("Probability that it is wrong", f"{min(evidence['probability_wrong'], 0.99):.0%}"),
        ("False-discovery rate", f"{evidence['q_value']:.1%}"),
        ("Label against suggestion", views),
        ("Self-confidence (cleanlab)", f"{evidence['self_confidence']:.3f}"),
    ]
    if "self_influence" in evidence:
        figures.append(
            (
                "Influence on itself",
                f"{evidence['self_influence']:.2f}, larger than that of "
                f"{evidence['self_influence_percentile']:.0f} % of training samples",
            )
        )
        figures.append(("Mean influence on the predictions audited", f"{evidence['mean_influence']:+.4f}"))
    pictures = [(finding.sample_ids[0], f"{evidence['split']}, {evidence['label']}")]
    # By turns, so that the first few speak for both labels.
    turns = itertools.zip_longest(evidence["for_label"], evidence["for_suggested"])
    for advocate in (one for pair in turns for one in pair if one is not None):
        how = f"{advocate['influence']:+.2f}" if "influence" in advocate else "nearest"
        pictures.append((advocate["id"], f"for {advocate['label']}: {how}"))
    return pictures, figures


def _target_error(finding: Finding) -> tuple[Pictures, Figures]:
    """The sample, its number, and what the views say instead."""
    evidence = finding.evidence
    views = ", ".join(f"{name} {value:.6g}" for name, value in evidence["views"].items())
    return [(finding.sample_ids[0], f"{evidence['split']}, {evidence['given']:.6g}")], [
        ("Given", f"{evidence['given']:.6g}"),
        ("Suggested", f"{evidence['suggested']:.6g}"),
        *[("As if", evidence["like"])] * bool(evidence["like"]),
        ("Distance", f"{evidence['deviations']:+.1f} deviations of samples like it"),
        ("Probability that it is wrong", f"{min(evidence['probability_wrong'], 0.99):.0%}"),
        ("False-discovery rate", f"{evidence['q_value']:.1%}"),
        ("Predicted out of sample", views),
        ("Label quality (cleanlab)", f"{evidence['outre_quality']:.3f}"),
    ]


def _brittle(finding: Finding) -> tuple[Pictures, Figures]:
    """The prediction, and the most influential of the samples it hangs on."""
    evidence = finding.evidence
    pictures = [(evidence["test_id"], f"predicted {evidence['predicted']}, labelled {evidence['label']}")]
    pictures += [
        (one["train_id"], f"{one['label']}, influence {one['influence']:+.2f}")
        for one in evidence["support"][: SHOWN - 1]
    ]
    return pictures, [
        (
            "Training samples removed",
            f"{evidence['support_size']:,}, an upper bound; at most {SHOWN - 1} are shown, all are in findings.jsonl",
        ),
        ("Flips", f"{evidence['flips']} of {evidence['trainings']} trainings without them, under fresh seeds"),
        (
            "Flips after a random removal",
            f"{evidence['flips_after_random_removal']} of {evidence['random_trainings']} trainings (at least as many "
            "of every class)",
        ),
        ("Lead over the best other class", f"{evidence['lead']:.2f} with them, {evidence['lead_without']:.2f} without"),
        ("False-discovery rate", f"{evidence['q_value']:.1%}"),
    ]


def _harmful(finding: Finding) -> tuple[Pictures, Figures]:
    """The most harmful of the group."""
    evidence = finding.evidence
    pictures = [(one["train_id"], f"labelled {one['label']}") for one in evidence["members"][:SHOWN]]
    return pictures, [
        ("Samples in the group", f"{evidence['size']:,}"),
        *[("By class", ", ".join(f"{name} {count}" for name, count in evidence["classes"].items()))]
        * bool(evidence["classes"]),
        *((_sentence(name), _gain(own)) for name, own in evidence["measures"].items()),
    ]


def _plain(finding: Finding) -> tuple[Pictures, Figures]:
    """Any other kind: its first samples, and every single value of its evidence."""
    pictures = [(id, id.rsplit("/", 1)[-1]) for id in finding.sample_ids[:SHOWN]]
    return pictures, [
        (name.replace("_", " ").capitalize(), _words(value))
        for name, value in finding.evidence.items()
        if isinstance(value, str | bool | int | float) or (isinstance(value, Mapping) and len(value) <= SHOWN)
    ]


CARDS: dict[str, Callable[[Finding], tuple[Pictures, Figures]]] = {
    "leakage": _leakage,
    "mislabeled": _mislabeled,
    "target_error": _target_error,
    "brittle": _brittle,
    "harmful": _harmful,
}


def _seen_in_retraining(verification: Verification) -> str:
    """The effect in words, empty where nothing was retrained."""
    if verification.effect is None or verification.interval is None:
        return ""
    words = f"{verification.measure}: {_interval(verification.effect, *verification.interval)}"
    if verification.random is not None:
        words += f"; {verification.random:+.3g} after a random removal of the same size and classes"
    return f"{words}; {verification.seeds} seeds each"


def _gain(measure: Mapping[str, Any]) -> str:
    return (
        f"{measure['with']:.4f} with the group, {measure['without']:.4f} without: {_interval(*measure['gain'])}; "
        f"{_interval(*measure['more_than_random'])} more than without as many random samples"
    )


def _sentence(name: str) -> str:
    return name[0].upper() + name[1:]


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:+.3g} (95 % {low:+.3g} to {high:+.3g})"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(own)}" for key, own in value.items())
    return str(value)
