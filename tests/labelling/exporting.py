"""Audits to take to Label Studio, and exports as version 1.23 of it writes them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

AT = "2026-11-29T19:09:13.792095Z"


def finding(id: str, *samples: str, remedies: Sequence[Mapping[str, Any]] = (), **more: Any) -> dict[str, Any]:
    """A finding as in audit.json."""
    kind = id.rpartition("-")[0]
    return {
        "id": id, "kind": kind, "severity": "medium", "sample_ids": list(samples), "score": 4.5,
        "message": f"{kind} of {', '.join(samples)}", "fingerprint": id.rpartition("-")[2].rjust(64, "0"),
        "evidence": {}, "remedies": list(remedies), **more,
    }  # fmt: skip


def audit(*findings: Mapping[str, Any], task: str = "classification", classes: Sequence[str] = ("cat", "dog", "eel"),
          modality: str = "image", fingerprint: str = "ab" * 32) -> dict[str, Any]:  # fmt: skip
    """As much of an audit.json as decisions need."""
    reading = {"seed": 0, "label": None, "rows": 100_000}
    about = {"name": "a", "fingerprint": fingerprint, "reading": reading, "task": task, "classes": list(classes)}
    return {"dataset": {**about, "modality": modality}, "findings": list(findings)}


def choices(name: str, *words: str) -> dict[str, Any]:
    value = {"choices": list(words)}
    return {
        "value": value,
        "id": "hxCfPXjS5w",
        "from_name": name,
        "to_name": "sample",
        "type": "choices",
        "origin": "manual",
    }


def number(value: float) -> dict[str, Any]:
    return {"value": {"number": value}, "id": "a", "from_name": "label", "to_name": "sample", "type": "number"}


def reason(text: str) -> dict[str, Any]:
    return {"value": {"text": [text]}, "id": "b", "from_name": "reason", "to_name": "sample", "type": "textarea"}


def annotation(*results: Mapping[str, Any], by: Any = 1, at: str = AT, **more: Any) -> dict[str, Any]:
    return {
        "id": 7, "completed_by": by, "result": list(results), "was_cancelled": False, "ground_truth": False,
        "created_at": "2026-11-29T19:00:00.000000Z", "updated_at": at, "draft_created_at": None, "lead_time": 2.5,
        "prediction": {}, "task": 1, "project": 1, **more,
    }  # fmt: skip


SKIPPED = annotation(was_cancelled=True)


def exported(path: Path, tasks: Sequence[Mapping[str, Any]], *annotations: Sequence[Mapping[str, Any]]) -> Path:
    """The export of these tasks, the first of them with these annotations."""
    made = [*annotations, *([[]] * (len(tasks) - len(annotations)))]
    content = [
        {"id": 100 + place, "annotations": list(own), "drafts": [], "predictions": [], "data": task["data"], "meta": {}}
        for place, (task, own) in enumerate(zip(tasks, made, strict=True))
    ]
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
