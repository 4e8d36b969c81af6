"""What a finding's card in the report shows: samples side by side with captions, and figures by name, in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..findings import Finding, Remedy, Verification
from .sanitizing import short

SHOWN = 8
"""Most samples of one finding."""
NAMED = 3
"""Samples of a remedy that are named."""
WORDS = 900
"""Characters of two texts' comparison, before it is cut."""


@dataclass(frozen=True)
class Column:
    """Samples that stand together: (id, caption) of each.

    large   whether they are what the finding is about
    """

    title: str
    samples: tuple[tuple[str, str], ...]
    large: bool = False


Figures = list[tuple[str, str]]
Columns = list[Column]


def card(finding: Finding) -> tuple[Columns, Figures]:
    """Columns and figures on the card of a finding of any kind; a column without samples is left out."""
    columns, figures = CARDS.get(finding.kind, _plain)(finding)
    return [column for column in columns if column.samples], figures


def shown_ids(finding: Finding) -> list[str]:
    """The samples on the card, those that matter most first."""
    columns, _ = card(finding)
    return [id for column in sorted(columns, key=lambda one: not one.large) for id, _ in column.samples]


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
    if all(kind == "equal" for kind, _ in found):
        return []
    room, kept = WORDS, list[tuple[str, str]]()
    for kind, words in found:
        if room <= 0:
            return [*kept, ("equal", "…")]
        kept.append((kind, words if len(words) <= room else words[:room] + " …"))
        room -= len(words)
    return kept


def remedy_in_words(remedy: Remedy, kind: str) -> str:
    """What it does about a finding of this kind, as a short imperative."""
    what, to = _named(remedy.sample_ids), ", ".join(map(repr, remedy.to))
    copy = "its copy" if len(remedy.sample_ids) == 1 else "their copies"
    beside = f", beside {copy}" if kind == "leakage" else ""
    words = {
        "remove": f"Remove {what}",
        "relabel": f"Relabel {what} as {to or 'nothing'}",
        "move": f"Move {what} to {', '.join(remedy.to)}{beside}",
    }
    return short(words[remedy.action], 320)


def _named(ids: Sequence[str]) -> str:
    """The first few by name, the others by number."""
    if len(ids) == 1:
        return ids[0]
    more = len(ids) - NAMED
    *first, last = [*(short(id, 60) for id in ids[:NAMED]), *[f"{more:,} more"] * (more > 0)]
    return f"{', '.join(first)} and {last}"


def _leakage(finding: Finding) -> tuple[Columns, Figures]:
    """The samples, and beside them their copies."""
    evidence = finding.evidence
    held: dict[str, str] = {}
    copies: dict[str, str] = {}
    for copy in evidence["copies"]:
        held.setdefault(copy["test_id"], copy["test_label"])
        copies.setdefault(copy["train_id"], copy["train_label"] + (", mirrored" if copy["mirrored"] else ""))
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
    splits = best["splits"]
    few = SHOWN // 2
    return [
        Column(f"In {splits[0]}", tuple(held.items())[:few], large=True),
        Column(f"Its copy in {splits[1]}", tuple(copies.items())[:few], large=True),
    ], figures


def _mislabeled(finding: Finding) -> tuple[Columns, Figures]:
    """The sample between the training samples that speak for either label."""
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
    return [
        Column(f"Speak for {evidence['label']!r}", _advocates(evidence["for_label"])),
        Column("The sample", ((finding.sample_ids[0], f"{evidence['split']}, {evidence['label']}"),), large=True),
        Column(f"Speak for {evidence['suggested_label']!r}", _advocates(evidence["for_suggested"])),
    ], figures


def _advocates(side: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    return tuple((one["id"], f"{one['influence']:+.2f}" if "influence" in one else "nearest") for one in side)


def _target_error(finding: Finding) -> tuple[Columns, Figures]:
    """The sample, its number, and what the views say instead."""
    evidence = finding.evidence
    views = ", ".join(f"{name} {value:.6g}" for name, value in evidence["views"].items())
    caption = f"{evidence['split']}, {evidence['given']:.6g}"
    return [Column("The sample", ((finding.sample_ids[0], caption),), large=True)], [
        ("Given", f"{evidence['given']:.6g}"),
        ("Suggested", f"{evidence['suggested']:.6g}"),
        *[("As if", evidence["like"])] * bool(evidence["like"]),
        ("Distance", f"{evidence['deviations']:+.1f} deviations of samples like it"),
        ("Probability that it is wrong", f"{min(evidence['probability_wrong'], 0.99):.0%}"),
        ("False-discovery rate", f"{evidence['q_value']:.1%}"),
        ("Predicted out of sample", views),
        ("Label quality (cleanlab)", f"{evidence['outre_quality']:.3f}"),
    ]


def _brittle(finding: Finding) -> tuple[Columns, Figures]:
    """The prediction, and the most influential of the samples it hangs on."""
    evidence = finding.evidence
    support = evidence["support"][: SHOWN - 1]
    return [
        Column("The prediction", ((evidence["test_id"], f"{evidence['predicted']}, labelled {evidence['label']}"),),
               large=True),
        Column(f"Hangs on {evidence['support_size']:,}, such as",
               tuple((one["train_id"], f"{one['label']}, {one['influence']:+.2f}") for one in support)),
    ], [
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
    ]  # fmt: skip


def _harmful(finding: Finding) -> tuple[Columns, Figures]:
    """The most harmful of the group."""
    evidence = finding.evidence
    worst = tuple((one["train_id"], f"labelled {one['label']}") for one in evidence["members"][:SHOWN])
    return [Column("The most harmful of the group", worst)], [
        ("Samples in the group", f"{evidence['size']:,}"),
        *[("By class", ", ".join(f"{name} {count}" for name, count in evidence["classes"].items()))]
        * bool(evidence["classes"]),
        *((_sentence(name), _gain(own)) for name, own in evidence["measures"].items()),
    ]


def _plain(finding: Finding) -> tuple[Columns, Figures]:
    """Any other kind: its first samples, and every single value of its evidence."""
    samples = tuple((id, id.rsplit("/", 1)[-1]) for id in finding.sample_ids[:SHOWN])
    return [Column("", samples, large=len(samples) <= 2)], [
        (name.replace("_", " ").capitalize(), _words(value))
        for name, value in finding.evidence.items()
        if isinstance(value, str | bool | int | float) or (isinstance(value, Mapping) and len(value) <= SHOWN)
    ]


CARDS: dict[str, Callable[[Finding], tuple[Columns, Figures]]] = {
    "leakage": _leakage,
    "mislabeled": _mislabeled,
    "target_error": _target_error,
    "brittle": _brittle,
    "harmful": _harmful,
}


def seen_in_retraining(verification: Verification) -> tuple[str, str]:
    """The effect with its interval, and of what it is; both empty where nothing was retrained."""
    if verification.effect is None or verification.interval is None:
        return "", ""
    about = verification.measure
    if verification.random is not None:
        about += f"; {verification.random:+.3g} after a random removal of the same size and classes"
    return _interval(verification.effect, *verification.interval), f"{about}; {verification.seeds} seeds each"


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
