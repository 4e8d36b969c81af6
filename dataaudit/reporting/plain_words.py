"""What a retraining test showed, as one sentence for the one who signs; figures are evidence, see `cards`."""

from collections.abc import Callable, Mapping

from ..findings import Finding
from .sanitizing import short


def shown_by_retraining(finding: Finding) -> str:
    """What happens without the samples, in a sentence or two; empty where nothing was retrained."""
    tell = TOLD.get(finding.kind)
    return tell(finding) if tell and finding.verification.status != "unverified" else ""


def _leakage(finding: Finding) -> str:
    levels = finding.verification.confidence
    if levels is None:
        return ""
    copies = {copy["train_id"] for copy in finding.evidence["copies"] if copy["splits"][1] == "train"}
    samples = {copy["test_id"] for copy in finding.evidence["copies"]}
    whose = "this sample's label" if len(samples) == 1 else "these samples' labels"
    happens = (
        f"Without the {'copy' if len(copies) == 1 else 'copies'} in training, the models' confidence in {whose} "
        f"{_change(levels[0], levels[1])}; without as many random samples it is {levels[2]:.0%}."
    )
    if finding.verification.status == "confirmed":
        effect = finding.verification.effect or 0.0
        is_small = f"{levels[0]:.0%}" == f"{levels[1]:.0%}"
        return f"{happens} The margin behind it falls all the same, by {effect:.2f}." * is_small or happens
    return f"{happens} An effect on the models is not shown; a copy it is all the same."


def _change(before: float, after: float, digits: int = 0) -> str:
    first, last = (f"{share:.{digits}%}" for share in (before, after))
    return f"stays at {first}" if first == last else f"{'falls' if after < before else 'rises'} from {first} to {last}"


def _mislabeled(finding: Finding) -> str:
    given, suggested = (short(str(finding.evidence[name]), 60) for name in ("label", "suggested_label"))
    return _preference(finding, f"{given!r}", f"{suggested!r}")


def _target_error(finding: Finding) -> str:
    return _preference(finding, f"{finding.evidence['given']:.6g}", f"{finding.evidence['suggested']:.4g}")


def _preference(finding: Finding, given: str, suggested: str) -> str:
    preferred = {
        "consistent": f"prefer {suggested} to the given {given}, too",
        "refuted": f"prefer the given {given}",
    }.get(finding.verification.status, f"do not agree whether it is {given} or {suggested}")
    return f"Models trained without any of the reported samples {preferred}."


def _brittle(finding: Finding) -> str:
    evidence = finding.evidence
    random = f"{evidence['flips_after_random_removal']} of {evidence['random_trainings']}"
    if evidence["trainings"] == 1:
        return f"Trained without these samples, the model predicts another class; without random ones, {random} do."
    return (
        f"Trained without these samples, {evidence['flips']} of {evidence['trainings']} models predict another class; "
        f"without random ones, {random} do."
    )


def _harmful(finding: Finding) -> str:
    measures: Mapping[str, Mapping[str, float]] = finding.evidence["measures"]
    if "accuracy" not in measures:
        return ""
    accuracy = measures["accuracy"]
    return (
        "Accuracy on held-out samples that played no part in choosing the group "
        f"{_change(accuracy['with'], accuracy['without'], digits=1)} without it; without as many random samples it is "
        f"{accuracy['after_random_removal']:.1%}."
    )


TOLD: dict[str, Callable[[Finding], str]] = {
    "leakage": _leakage,
    "mislabeled": _mislabeled,
    "target_error": _target_error,
    "brittle": _brittle,
    "harmful": _harmful,
}
