"""The record of a cleaning: what was changed, by whose decision, and what was not."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..verdict.decisions import Decision, Decisions
from .plan import Plan, Step

SCHEMA_VERSION = 1
ACTIONS = {"remove": "removed", "relabel": "relabelled", "move": "moved"}


@dataclass(frozen=True)
class Outcome:
    """The outcome of a plan.

    before, after   fingerprints of the dataset
    renamed         new ids of samples that have another place
    unverified      why the result was not compared with the plan; empty if it was
    """

    before: str
    after: str
    unchanged: int
    renamed: Mapping[str, str]
    renumbered: bool
    unverified: str
    notes: Sequence[str]


def counts(plan: Plan, unchanged: int) -> dict[str, int]:
    """How many samples were removed, relabelled, moved, or stayed as they are."""
    by_action = Counter(step.action for step in plan.steps)
    return {word: by_action[action] for action, word in ACTIONS.items()} | {"unchanged": unchanged}


def record(decisions: Decisions, plan: Plan, outcome: Outcome, version: str) -> dict[str, Any]:
    """The content of NEW.changes.json."""
    notes = list(outcome.notes)
    if outcome.renumbered:
        notes.append("ids of rows are positions: rows behind a removed or moved one are counted anew")
    return {
        "schema_version": SCHEMA_VERSION,
        "dataaudit": version,
        "dataset": {"name": decisions.dataset, "before": outcome.before, "after": outcome.after},
        "decisions_sha256": decisions.sha256,
        "signature": None if decisions.signature is None else asdict(decisions.signature),
        "counts": counts(plan, outcome.unchanged),
        "verified": not outcome.unverified,
        "notes": [*([outcome.unverified] if outcome.unverified else []), *notes],
        "changes": [_step_document(step) | {"now": _new_id(step, outcome)} for step in plan.steps],
        "overridden_by_removal": [_step_document(step) for step in plan.overridden],
        "changed_nothing": [_decision_document(decision) | {"decision": decision.decision} for decision in plan.idle],
    }


def read_record(path: Path) -> dict[str, Any]:
    """A record as `dataaudit apply` wrote it. Raises InputError for anything else, or one of another version."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path}: expected the NAME.changes.json of `dataaudit apply`: {error}") from error
    keys = {"schema_version", "dataset", "signature", "counts", "verified", "changes"}
    if not isinstance(document, dict) or not keys <= document.keys() or document["schema_version"] != SCHEMA_VERSION:
        raise InputError(
            f"{path}: expected the NAME.changes.json of `dataaudit apply`, of schema_version {SCHEMA_VERSION}"
        )
    return document


def _new_id(step: Step, outcome: Outcome) -> str | None:
    """The sample's new id, where it is known."""
    if step.action == "remove":
        return None
    return outcome.renamed.get(step.sample, None if outcome.renumbered else step.sample)


def _step_document(step: Step) -> dict[str, Any]:
    return {
        "sample": step.sample,
        "action": step.action,
        "from": step.before,
        "to": step.after,
        "because": [_decision_document(decision) for decision in step.because],
    }


def _decision_document(decision: Decision) -> dict[str, Any]:
    return {
        "finding": decision.finding, "kind": decision.kind, "message": decision.message, "reason": decision.reason,
        "reviewer": decision.reviewer, "at": decision.at,
    }  # fmt: skip
