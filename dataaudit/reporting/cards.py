"""The content of a finding's card in the report: samples side by side with captions, and named figures, in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..findings import Finding, Remedy, Verification
from .sanitizing import short

MAX_SAMPLES = 8
"""Most samples of one finding."""
MAX_NAMED = 3
"""Samples of a remedy that are named."""
DIFF_CHARACTERS = 900
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
    return [id for column in sorted(columns, key=lambda column: not column.large) for id, _ in column.samples]


def status(finding: Finding) -> str:
    """The result of the retraining test, with what it is about where that is not the claim itself."""
    result = finding.verification.status
    if result == "unverified":
        return result
    retrained = "by retrained models"
    about = {"leakage": "effect on the model", "mislabeled": retrained, "target_error": retrained}.get(finding.kind)
    return f"{about}: {result}" if about else result


def differences(finding: Finding) -> list[tuple[str, str]]:
    """What the two texts of a pair share and what only one has: ("equal" or "left" or "right", words).

    Empty where they are equal, and for other pairs than texts.
    """
    pairs = finding.evidence.get("copies", finding.evidence.get("pairs", []))
    parts = pairs[0].get("differences", []) if pairs else []
    segments = [(str(part[0]), str(part[1])) for part in parts if len(part) == 2]
    if all(side == "equal" for side, _ in segments):
        return []
    characters_left, shown = DIFF_CHARACTERS, list[tuple[str, str]]()
    for side, words in segments:
        if characters_left <= 0:
            return [*shown, ("equal", "…")]
        shown.append((side, words if len(words) <= characters_left else words[:characters_left] + " …"))
        characters_left -= len(words)
    return shown


def remedy_in_words(remedy: Remedy, kind: str) -> str:
    """What it does about a finding of this kind, as a short imperative."""
    samples, labels = _named(remedy.sample_ids), ", ".join(map(repr, remedy.to))
    copies = "its copy" if len(remedy.sample_ids) == 1 else "their copies"
    next_to_copies = f", next to {copies}" if kind == "leakage" else ""
    words = {
        "remove": f"Remove {samples}",
        "relabel": f"Relabel {samples} as {labels or 'having no label'}",
        "move": f"Move {samples} to {', '.join(remedy.to)}{next_to_copies}",
    }
    return short(words[remedy.action], 320)


def _named(ids: Sequence[str]) -> str:
    """The first few by name, the others by number."""
    if len(ids) == 1:
        return ids[0]
    more = len(ids) - MAX_NAMED
    *names, last = [*(short(id, 60) for id in ids[:MAX_NAMED]), *[f"{more:,} more"] * (more > 0)]
    return f"{', '.join(names)} and {last}"


def _leakage(finding: Finding) -> tuple[Columns, Figures]:
    """The samples next to their copies."""
    evidence = finding.evidence
    captions: dict[str, str] = {}
    copy_captions: dict[str, str] = {}
    for copy in evidence["copies"]:
        captions.setdefault(copy["test_id"], copy["test_label"])
        copy_captions.setdefault(copy["train_id"], copy["train_label"] + (", mirrored" if copy["mirrored"] else ""))
    best = evidence["copies"][0]
    figures = [
        ("Similarity after alignment", f"{best['similarity']:.3f}"),
        ("Labels agree", "yes" if evidence["labels_agree"] else "no"),
        ("Match", evidence["agreement"]),
        *([] if best["exact"] else [("False-discovery rate", f"{best['q_value']:.1%}")]),
    ]
    if evidence["largest_influencers"]:
        figures.append(
            (
                "Influence on the prediction",
                f"{best['influence']:+.2f} ({best['influence_deviations']:+.0f} robust deviations), "
                f"rank {best['influence_place']} among all training samples",
            )
        )
        largest = [
            f"{sample['id']} {sample['influence']:+.2f} ({sample['influence_deviations']:+.0f})"
            for sample in evidence["largest_influencers"]
        ]
        figures.append((f"Largest influences on {best['test_id']}", ", ".join(largest)))
    splits = best["splits"]
    most = MAX_SAMPLES // 2
    return [
        Column(f"In {splits[0]}", tuple(captions.items())[:most], large=True),
        Column(f"Copy in {splits[1]}", tuple(copy_captions.items())[:most], large=True),
    ], figures


def _mislabeled(finding: Finding) -> tuple[Columns, Figures]:
    """The sample between the training samples that support either label."""
    evidence = finding.evidence
    views = "; ".join(
        f"{name} {view['label']:.0%} vs. {view['suggested']:.0%}" for name, view in evidence["views"].items()
    )
    figures = [
        ("Given label", evidence["label"]),
        ("Suggested label", evidence["suggested_label"]),
        ("Probability of a label error", f"{min(evidence['probability_wrong'], 0.99):.0%}"),
        *([("False-discovery rate", f"{evidence['q_value']:.1%}")] if "q_value" in evidence else []),
        ("Out-of-sample probability, given vs. suggested label", views),
        ("Self-confidence (cleanlab)", f"{evidence['self_confidence']:.3f}"),
    ]
    if "self_influence" in evidence:
        figures.append(
            (
                "Self-influence",
                f"{evidence['self_influence']:.2f}, larger than that of "
                f"{evidence['self_influence_percentile']:.0f} % of training samples",
            )
        )
        figures.append(("Mean influence on the audited predictions", f"{evidence['mean_influence']:+.4f}"))
    return [
        Column(f"Support {evidence['label']!r}", _supporters(evidence["for_label"])),
        Column("The sample", ((finding.sample_ids[0], f"{evidence['split']}, {evidence['label']}"),), large=True),
        Column(f"Support {evidence['suggested_label']!r}", _supporters(evidence["for_suggested"])),
    ], figures


def _supporters(samples: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (sample["id"], f"{sample['influence']:+.2f}" if "influence" in sample else "nearest") for sample in samples
    )


def _target_error(finding: Finding) -> tuple[Columns, Figures]:
    """The sample, its given number, and the out-of-sample predictions."""
    evidence = finding.evidence
    views = ", ".join(f"{name} {value:.6g}" for name, value in evidence["views"].items())
    caption = f"{evidence['split']}, {evidence['given']:.6g}"
    return [Column("The sample", ((finding.sample_ids[0], caption),), large=True)], [
        ("Given number", f"{evidence['given']:.6g}"),
        ("Suggested number", f"{evidence['suggested']:.6g}"),
        *[("Looks like", evidence["like"])] * bool(evidence["like"]),
        ("Residual", f"{evidence['deviations']:+.1f} robust deviations of similar samples"),
        ("Probability of a label error", f"{min(evidence['probability_wrong'], 0.99):.0%}"),
        ("False-discovery rate", f"{evidence['q_value']:.1%}"),
        ("Out-of-sample predictions", views),
        ("Label quality (cleanlab)", f"{evidence['outre_quality']:.3f}"),
    ]


def _brittle(finding: Finding) -> tuple[Columns, Figures]:
    """The prediction, and the most influential samples of its support set."""
    evidence = finding.evidence
    support = evidence["support"][: MAX_SAMPLES - 1]
    return [
        Column("The prediction", ((evidence["test_id"], f"{evidence['predicted']}, labelled {evidence['label']}"),),
               large=True),
        Column(f"Support set: {evidence['support_size']:,}, such as",
               tuple((sample["train_id"], f"{sample['label']}, {sample['influence']:+.2f}") for sample in support)),
    ], [
        (
            "Size of the support set",
            f"{evidence['support_size']:,} (upper bound); at most {MAX_SAMPLES - 1} are shown, all in findings.jsonl",
        ),
        (
            "Flips without the support set",
            f"{evidence['flips']} of {evidence['trainings']} trainings, under fresh seeds"
            if evidence["trainings"] > 1
            else "the prediction flips; the seed makes no difference",
        ),
        (
            "Flips after a random removal",
            f"{evidence['flips_after_random_removal']} of {evidence['random_trainings']} trainings (at least as many "
            "of every class)",
        ),
        (
            "Margin over the runner-up class",
            f"{evidence['lead']:.2f} with the support set, {evidence['lead_without']:.2f} without",
        ),
        ("False-discovery rate", f"{evidence['q_value']:.1%}"),
    ]  # fmt: skip


def _harmful(finding: Finding) -> tuple[Columns, Figures]:
    """The most harmful samples of the group."""
    evidence = finding.evidence
    worst = tuple((sample["train_id"], f"labelled {sample['label']}") for sample in evidence["members"][:MAX_SAMPLES])
    return [Column("Most harmful of the group", worst)], [
        ("Size of the group", f"{evidence['size']:,}"),
        *[("By class", ", ".join(f"{name} {count}" for name, count in evidence["classes"].items()))]
        * bool(evidence["classes"]),
        *((_measure_title(name), _gain(measure)) for name, measure in evidence["measures"].items()),
    ]


def _plain(finding: Finding) -> tuple[Columns, Figures]:
    """Any other kind: its first samples, and every single value of its evidence."""
    samples = tuple((id, id.rsplit("/", 1)[-1]) for id in finding.sample_ids[:MAX_SAMPLES])
    return [Column("", samples, large=len(samples) <= 2)], [
        (name.replace("_", " ").capitalize(), _words(value))
        for name, value in finding.evidence.items()
        if isinstance(value, str | bool | int | float) or (isinstance(value, Mapping) and len(value) <= MAX_SAMPLES)
    ]


CARDS: dict[str, Callable[[Finding], tuple[Columns, Figures]]] = {
    "leakage": _leakage,
    "mislabeled": _mislabeled,
    "doubtful_label": _mislabeled,
    "target_error": _target_error,
    "brittle": _brittle,
    "harmful": _harmful,
}


def retraining_effect(verification: Verification) -> str:
    """What was measured, with its interval; empty if nothing was retrained."""
    if verification.effect is None or verification.interval is None:
        return ""
    measure = verification.measure
    if verification.random is not None:
        measure += f"; {verification.random:+.3g} after a random removal of the same size and classes"
    low, high = verification.interval
    effect = _interval(verification.effect, low, high) if low < high else f"{verification.effect:+.3g}"
    if verification.seeds == 1:
        return f"{effect} {measure}; one training each, as its seed makes no difference"
    return f"{effect} {measure}; {verification.seeds} seeds each"


def _gain(measure: Mapping[str, Any]) -> str:
    return (
        f"{measure['with']:.4f} with the group, {measure['without']:.4f} without: {_interval(*measure['gain'])}; "
        f"{_interval(*measure['more_than_random'])} more than a random removal of as many"
    )


def _measure_title(name: str) -> str:
    """How `harmful` names a measure, as a heading; errors are negated there, so that more is better."""
    name = name.replace(", turned to positive for better", " (negated)")
    return name[0].upper() + name[1:]


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:+.3g} (95 % {low:+.3g} to {high:+.3g})"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    return str(value)
