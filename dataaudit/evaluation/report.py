"""Evaluation -> evaluation.json and evaluation.html, from the same figures."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..files import replacing
from ..reporting.page import page
from ..reporting.plots import correlation, curve, scatter, signed
from .alignment import LeaveOneOut, Removal
from .evaluate import Evaluation, Measured

RANDOM = "random, same class"


def write_evaluation(evaluation: Evaluation, directory: Path) -> Path:
    """Write both files; the path of the page."""
    with replacing(directory / "evaluation.json") as file:
        file.write(json.dumps(as_data(evaluation), indent=2, ensure_ascii=False) + "\n")
    with replacing(directory / "evaluation.html") as file:
        file.write(page("evaluation.html", summarize_evaluation(evaluation)))
    return directory / "evaluation.html"


def as_data(evaluation: Evaluation) -> dict[str, Any]:
    """Every figure as plain data; what is not a number is null."""
    data = asdict(evaluation)
    plain: dict[str, Any] = json.loads(
        json.dumps(data, default=lambda array: np.asarray(array).tolist()), parse_constant=_null
    )
    return plain


def _null(constant: str) -> None:
    """NaN and the infinities are no JSON."""


def lines(evaluation: Evaluation) -> list[str]:
    """The table for a terminal."""
    columns, rows = _table(evaluation)
    table = [columns, *([row["name"], *row["cells"]] for row in rows)]
    widths = [max(len(line[i]) for line in table if i < len(line)) for i in range(len(columns))]
    rendered = []
    for line in table:
        first, *cells = line
        rendered.append(
            f"{first:<{widths[0]}}  " + "  ".join(f"{cell:>{widths[i + 1]}}" for i, cell in enumerate(cells))
        )
    errors = [f"{row['name']}: {row['error']}" for row in rows if row["error"]]
    notes = [f"margin drops: {words}" for words in _of_removals(evaluation)]
    return [line.rstrip() for line in rendered] + notes + errors + _beaten_by_baselines(evaluation)


def summarize_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """Everything on the page, as text and numbers ready to show."""
    columns, rows = _table(evaluation)
    usable = [measured for measured in evaluation.measured if not measured.error]
    facts = evaluation.facts
    return {
        "name": evaluation.name,
        "facts": [
            ("Fingerprint", f"SHA-256 {facts['fingerprint'][:16]}…"),
            ("Training samples", f"{facts['training_samples']:,}"),
            ("Predictions", f"{facts['targets']:,} ({facts['target_split']})"),
            ("Models", f"{facts['models']} on random halves, seed {facts['seed']}"),
            ("Retrained", f"{evaluation.effort.times} times for each removal"),
            *(("Margin drops", words) for words in _of_removals(evaluation)),
            ("Versions", f"dataaudit {facts['dataaudit']}, torch {facts['torch']}"),
        ],
        "columns": columns,
        "rows": rows,
        "beaten": _beaten_by_baselines(evaluation),
        "warnings": [(measured.backend, text) for measured in usable for text in measured.warnings],
        "curve": _curve(usable),
        "removals": [_drops("removal", measured.backend, measured.removal) for measured in usable if measured.removal],
        "left_out": [
            _drops("left-out", measured.backend, measured.left_out) for measured in usable if measured.left_out
        ],
        "reproducible": signed(usable[0].left_out.reproducible) if usable and usable[0].left_out else None,
        "confidence": f"{evaluation.self_confidence_auc:.3f}",
    }


def _of_removals(evaluation: Evaluation) -> list[str]:
    """What the mean drops in margin are of, in words, if there are any."""
    removal = next((measured.removal for measured in evaluation.measured if measured.removal), None)
    return [] if removal is None else [f"mean of {len(removal.random)} predictions that are right, drawn at random"]


def _beaten_by_baselines(evaluation: Evaluation) -> list[str]:
    """A sentence about the best baseline, if its LDS is above the whole interval of a method of attribution."""
    scored = [(one, one.trust) for one in evaluation.measured if one.trust is not None]
    best, name = max(((trust.lds, one.backend) for one, trust in scored if one.baseline), default=(-1.0, ""))
    beaten = ", ".join(
        f"{one.backend} ({trust.lds:.2f})" for one, trust in scored if not one.baseline and trust.interval[1] < best
    )
    return [f"LDS: {name}, a baseline ({best:.2f}), is above the interval of {beaten}."] if beaten else []


def _table(evaluation: Evaluation) -> tuple[list[str], list[dict[str, Any]]]:
    columns = ["backend", "LDS (95 %)", "of noise ceiling", "leave-one-out r"]
    columns += [f"margin drop, top {size} removed" for size in evaluation.sizes]
    columns += ["label error AUC", "seconds"]
    rows = [_row(measured, evaluation.sizes) for measured in evaluation.measured]
    removal = next((measured.removal for measured in evaluation.measured if measured.removal), None)
    if removal is not None:
        drops = [f"{drop:+.2f}" for drop in removal.random.mean(0)]
        rows.append({"name": RANDOM, "cells": ["", "", "", *drops, "", ""], "error": ""})
    return columns, rows


def _row(measured: Measured, sizes: Sequence[int]) -> dict[str, Any]:
    if measured.error:
        return {"name": measured.backend, "cells": ["could not run"] + [""] * (4 + len(sizes)), "error": measured.error}
    trust = measured.trust
    cells = [
        f"{trust.lds:.2f} ({trust.interval[0]:.2f} to {trust.interval[1]:.2f})" if trust else "not measured",
        f"{trust.lds / trust.ceiling:.0%}" if trust and trust.ceiling else "",
        signed(measured.left_out.correlation) if measured.left_out else "",
    ]
    cells += [f"{drop:+.2f}" for drop in measured.removal.actual.mean(0)] if measured.removal else [""] * len(sizes)
    cells += [f"{measured.auc:.3f}" if measured.auc is not None else "none", f"{measured.seconds:.1f}"]
    name = f"{measured.backend} (baseline)" if measured.baseline else measured.backend
    return {"name": name, "cells": cells, "error": ""}


def _drops(name: str, backend: str, drops: Removal | LeaveOneOut) -> dict[str, str]:
    """Predicted against actual drops, with their correlation in words."""
    predicted, actual = drops.predicted, drops.actual
    words = correlation(predicted, actual)
    title = f"{backend}: predicted and actual drop, Pearson correlation {words}"
    return {
        "name": backend,
        "correlation": words,
        "chart": scatter(f"{name}-{backend}", title, predicted, actual, "predicted drop", "actual drop"),
    }


def _curve(results: Sequence[Measured]) -> str | None:
    """Mean drop by how many are removed, a line for every backend and for random removals."""
    drops = {result.backend: [0.0, *result.removal.actual.mean(0)] for result in results if result.removal}
    removal = next((result.removal for result in results if result.removal), None)
    if removal is None:
        return None
    drops[RANDOM] = [0.0, *removal.random.mean(0)]
    title = "Mean drop in margin by samples removed; the figures are in the table"
    return curve("removals", title, [0, *removal.sizes], drops, "samples removed", "drop")
