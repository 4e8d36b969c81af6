"""What was audited, by which learner and with which command: the parts of an Audit that no check makes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..config import AuditConfig
from ..dataset import Dataset, UnreadableSample, as_text, options_document
from ..findings import Finding
from ..training.learning import is_seedless
from ..training.pool import QUALITY, SETTLED, Pool, lowest_skill, quality

NOTICED = 5.0
"""Seconds by which two audits must differ: fewer are those of a machine that is not always as fast."""


def describe_dataset(config: AuditConfig, dataset: Dataset) -> dict[str, Any]:
    numbers = dataset.targets[dataset.rows("train")] if dataset.task == "regression" else None
    return {
        "name": as_text(dataset.root.resolve().name),
        "path": as_text(str(dataset.root)),
        "fingerprint": dataset.fingerprint,
        "format": dataset.layout.format,
        "modality": dataset.modality,
        "task": dataset.task,
        "split_origin": dataset.layout.split_origin,
        "target_split": dataset.target_split,
        "sizes": dataset.sizes(),
        "classes": list(dataset.class_names),
        "counts": dataset.counts(),
        "target_quartiles": None if numbers is None else np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]).tolist(),
        "missing_cells": _missing_cells(dataset),
        "unreadable": len(dataset.rejected),
        "ignored": [{"path": item.path, "reason": item.reason} for item in dataset.layout.ignored],
        "notes": list(dataset.layout.notes),
        "reading": options_document(config.read_options),
    }


def saved(previous: Path, seconds: Mapping[str, float], stages: Sequence[str]) -> float | None:
    """Seconds that these stages took less than in an earlier audit, 0 for fewer than NOTICED; None where that doesn't
    say what it took."""
    try:
        earlier = json.loads((previous / "cost.json").read_text(encoding="utf-8"))["seconds"]
        difference = float(sum(earlier[stage] - seconds[stage] for stage in stages))
        return difference if difference >= NOTICED else 0.0
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _missing_cells(dataset: Dataset) -> dict[str, int]:
    """Cells of a table without a value, by column; of columns that have any."""
    if not isinstance(dataset.inputs, pd.DataFrame):
        return {}
    counts = dataset.inputs.isna().sum()
    return {str(name): int(count) for name, count in counts.items() if count}


def describe_learner(config: AuditConfig, pool: Pool, gradients_of: str | None) -> dict[str, Any]:
    dataset = pool.dataset
    target = dataset.rows(dataset.target_split)
    scores = pool.accuracies(target)
    return {
        "recipe": dict(pool.learner.recipe),
        "seedless": is_seedless(pool.learner),
        "gradients_of": gradients_of,
        "checkpoints": [as_text(str(path)) for path in config.checkpoints],
        "models": len(pool),
        "reliability": pool.reliability if len(pool) else None,
        "reliable_from": SETTLED,
        "distinct_subsets": len(np.unique(pool.subsets)),
        "training_rows_per_model": int(pool.masks[0].sum()) if len(pool) else 0,
        "performance": {
            "measure": QUALITY[dataset.task],
            "split": dataset.target_split,
            "mean": float(scores.mean()),
            "standard_deviation": float(scores.std()),
            "ensemble": quality(dataset, pool.predictions[target], target),
            "lowest_skill": lowest_skill(dataset, pool.predictions[target], target),
        } if len(pool) else None,
    }  # fmt: skip


def reproduction(config: AuditConfig, versions: Mapping[str, str], device: str) -> dict[str, Any]:
    options = [
        ("--label", config.label), ("--task", config.task), ("--group", config.group), ("--encoding", config.encoding),
        ("--brittle", None if config.brittle is None else str(config.brittle)), ("--learner", config.learner),
        ("--scores", "all" if config.scores == "all" else None),
        *(("--checkpoint", as_text(str(path))) for path in config.checkpoints),
    ]  # fmt: skip
    options += [
        ("--checks", ",".join(config.checks) or None), ("--skip", ",".join(config.skip) or None),
        ("--pred-probs", _place(config.pred_probs)),
        ("--features", _place(config.features)),
    ]  # fmt: skip
    chosen = [part for name, value in options if value is not None for part in (name, value)]
    chosen += {None: [], True: ["--header"], False: ["--no-header"]}[config.header]
    chosen += ["--retrain"] * config.retrain + ["--unsafe-checkpoints"] * config.unsafe_checkpoints
    chosen += ["--no-samples"] * (not config.samples)
    return {
        "arguments": ["run", as_text(str(config.path)), "--seed", str(config.seed), "--runs", str(config.runs),
                      "--verify", str(config.verify), "--review", str(config.review),
                      "--rows", str(config.rows), *chosen, *_policy_flags(config)],
        "settings": [as_text(str(path)) for path in config.settings],
        "versions": dict(versions),
        "device": device,
    }  # fmt: skip


def _place(given: Any) -> str | None:
    """A file's path; what was given in memory has none."""
    return as_text(str(given)) if isinstance(given, str | Path) else None if given is None else "(in memory)"


def _policy_flags(config: AuditConfig) -> Iterator[str]:
    """The flags that give the policy."""
    policy = config.policy
    yield from ("--fail-on", str(policy.fail_on))
    if policy.min_trust_lds is not None:
        yield from ("--min-trust-lds", str(policy.min_trust_lds))
    for check, limit in policy.limits.items():
        for name in ("fail_on", "max_fraction", "max_findings"):
            if (value := getattr(limit, name)) is not None:
                yield from ("--set", f"{check}.{name}={value}")
        for agreement, severity in limit.severity.items():
            yield from ("--set", f"{check}.severity.{agreement.replace(' ', '_')}={severity}")
    for name, path in (("--baseline", config.baseline), ("--previous", config.previous)):
        if path is not None:
            yield from (name, as_text(str(path)))


def sample_rows(
    dataset: Dataset, pool: Pool, columns: Mapping[str, Any], findings: Sequence[Finding]
) -> Iterator[dict[str, Any]]:
    findings_of: dict[str, list[str]] = {}
    for finding in findings:
        for id in finding.sample_ids:
            findings_of.setdefault(id, []).append(finding.id)
    predicted = pool.predictions if len(pool) or dataset.pred_probs is not None else None
    rows: list[tuple[str, int | UnreadableSample]] = [(id, row) for row, id in enumerate(dataset.ids)]
    rows += [(sample.id, sample) for sample in dataset.rejected]
    for id, at in sorted(rows, key=lambda item: item[0]):
        values: dict[str, Any]
        if isinstance(at, UnreadableSample):
            values = {"split": at.split, "label": at.label, "predicted": None} | dict.fromkeys(columns)
        else:
            values = {
                "split": str(dataset.splits[at]),
                "label": dataset.label(at),
                "predicted": None if predicted is None else dataset.in_words(predicted[at]),
                **{name: column[at] for name, column in columns.items()},
            }
        yield {"id": id, **values, "findings": " ".join(findings_of.get(id, []))}
