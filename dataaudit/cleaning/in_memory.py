"""Decisions applied from a program: to data in memory, which comes back changed, or to files, as `apply` does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ..config import AuditConfig
from ..data.in_memory import ROOT, own_names, read_in_memory
from ..data.in_memory_edits import edited
from ..data.loading import load
from ..dataset import silent
from ..errors import InputError
from ..findings import Remedy
from ..verdict.decisions import Decision, Decisions, read_decisions
from .apply import apply, require_same_content
from .plan import plan
from .verification import require_as_planned


def cleaned(config: AuditConfig, decisions: str | Path | pd.DataFrame, output: str | Path | None = None) -> Any:
    """The audited dataset with the accepted remedies applied, read again and compared with the plan.

    decisions   a file as the report exports it; or rows of `AuditResult.findings`, whose first remedy is accepted
    output      for a dataset on disk, where to write; `NAME-cleaned` beside it by default

    Returns data in memory in the form that it came in, changed; the path written for a dataset on disk, see
    `apply.apply`. Raises InputError if the decisions are about other data or can't be carried out.
    """
    if not isinstance(decisions, str | Path | pd.DataFrame):
        raise InputError(
            "apply: expected a file of decisions as the report exports it, or rows of audit.findings, found "
            f"{type(decisions).__name__}"
        )
    if config.data is None:
        if isinstance(decisions, pd.DataFrame):
            raise InputError("apply: for a dataset on disk, expected a file of decisions as the report exports it")
        path = config.path.resolve()
        target = Path(output) if output is not None else path.with_name(f"{path.stem}-cleaned{path.suffix}")
        apply(config.path, Path(decisions), target, silent)
        return target
    if output is not None:
        raise InputError("apply: data in memory comes back changed and is not written; leave output out")
    dataset = load(config, silent)
    if isinstance(decisions, pd.DataFrame):
        read = _accepting(decisions, config, dataset.fingerprint)
    else:
        read = read_decisions(Path(decisions))
        require_same_content(dataset, read)
    places = {own: id for id, own in own_names(config.data).items()}
    edits = plan(read, dataset).edits
    changed = edited(config.data, config.read_options, {places.get(id, id): edit for id, edit in edits.items()})
    if len(dataset) + len(dataset.rejected) <= config.rows:  # of a sample of the rows, others would be drawn anew
        require_as_planned(dataset, read_in_memory(changed, config.read_options, silent), edits, ROOT)
    return changed


def _accepting(findings: pd.DataFrame, config: AuditConfig, fingerprint: str) -> Decisions:
    """Decisions that accept the first remedy of each of these findings; those without any change nothing."""
    missing = {"id", "fingerprint", "kind", "message", "remedies"} - set(findings)
    if missing:
        raise InputError(f"apply: expected rows of audit.findings, found a frame without {', '.join(sorted(missing))}")
    rows: list[dict[str, Any]] = findings.to_dict("records")  # type: ignore[assignment]
    accepted = tuple(
        Decision(row["id"], row["fingerprint"], row["kind"], row["message"], "accept", _remedy(row), "", "", "")
        for row in rows
        if row["remedies"]
    )
    return Decisions(Path("decisions"), "", fingerprint, config.read_options, None, accepted, "")


def _remedy(finding: Mapping[str, Any]) -> Remedy:
    first = finding["remedies"][0]
    return Remedy(first["action"], tuple(first["sample_ids"]), tuple(first["to"]))
