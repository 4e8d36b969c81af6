"""What Label Studio exports as JSON -> answers to the findings of an audit.

See https://labelstud.io/guide/export for the format.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from ..errors import InputError
from .answers import CHOICES, Answer, Choice
from .label_studio_config import DECISION, LABEL, REASON

EXPORT = "export the project from Label Studio as JSON"


@dataclass(frozen=True)
class Exported:
    """Answers, and the tasks that have none.

    skipped      tasks that were skipped by everybody who saw them
    unanswered   tasks without an annotation, or with empty ones
    """

    answers: tuple[Answer, ...]
    skipped: int
    unanswered: int


def read_export(path: Path, fingerprint: str) -> Exported:
    """Read an export.

    fingerprint   of the audited dataset, which every task names

    Raises InputError for a file that is no such export, and for tasks that were not made from an audit of this dataset.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}; {EXPORT}") from error
    if not isinstance(tasks, list) or not tasks:
        raise InputError(f"{path}: expected a list of tasks, found none; {EXPORT}")
    answers: list[Answer] = []
    skipped = unanswered = 0
    for place, task in enumerate(tasks):
        read = _Task(path, place, task, fingerprint)
        made = list(read.answers())
        answers += made
        skipped += not made and read.is_skipped
        unanswered += not made and not read.is_skipped
    return Exported(tuple(answers), skipped, unanswered)


class _Task:
    def __init__(self, path: Path, place: int, task: Any, fingerprint: str) -> None:
        self.where = f"{path}: task {task['id'] if isinstance(task, dict) and 'id' in task else f'at place {place}'}"
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise InputError(f"{self.where}: expected an object with data and annotations; {EXPORT}, not JSON-MIN")
        self.data: dict[str, Any] = task["data"]
        if not isinstance(self.data.get("finding"), str) or "given" not in self.data:
            raise InputError(
                f"{self.where}: its data name no finding, so it was not made by --to-label-studio; "
                "export the project that those tasks were imported into"
            )
        if self.data.get("dataset") != fingerprint:
            raise InputError(
                f"{self.where}: it is about data with the fingerprint {str(self.data.get('dataset'))[:16]}…, the audit "
                f"about {fingerprint[:16]}…; pass the audit that the tasks were made from"
            )
        if not isinstance(task.get("annotations"), list):
            raise InputError(f"{self.where}: expected a list of annotations, found none; {EXPORT}")
        self.annotations = [self._object(one) for one in task["annotations"]]
        self.is_skipped = any(one.get("was_cancelled") for one in self.annotations)

    def answers(self) -> Iterator[Answer]:
        """Of annotations that say something; of ground truths alone, where there are any."""
        given = [one for one in self.annotations if not one.get("was_cancelled")]
        for annotation in [one for one in given if one.get("ground_truth")] or given:
            if answer := self._answer(annotation):
                yield answer

    def _answer(self, annotation: Mapping[str, Any]) -> Answer | None:
        results = annotation.get("result")
        if not isinstance(results, list):
            self._fail("expected a list under result", results)
        values = {result.get("from_name"): result.get("value") for result in map(self._object, results)}
        if len(values) < len(results):
            self._fail("expected one answer to each question", f"{len(results)} answers to {len(values)}")
        if unknown := values.keys() - {LABEL, DECISION, REASON}:
            self._fail(f"expected answers named {LABEL}, {DECISION} or {REASON}", min(map(str, unknown)))
        label, choice = self._label(values.get(LABEL)), self._choice(values.get(DECISION))
        reason = " ".join(self._texts(self._object(values.get(REASON, {})).get("text", [])))
        if label is None and choice is None:
            if not reason:
                return None
            choice = "defer"  # somebody said something, and nothing is lost
        given = self.data["given"]
        return Answer(
            where=self.where,
            finding=self.data["finding"],
            choice=choice,
            label=label,
            given=None if given is None else self._texts(given),
            reason=reason,
            reviewer=_name(annotation.get("completed_by")),
            at=str(annotation.get("updated_at") or annotation.get("created_at")),
        )

    def _label(self, value: Any) -> tuple[str, ...] | None:
        if value is None:
            return None
        if "number" in self._object(value):
            number = value["number"]
            if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
                self._fail("expected a number", number)
            return (str(number),)
        return self._texts(value.get("choices")) or None

    def _choice(self, value: Any) -> Choice | None:
        words = () if value is None else self._texts(self._object(value).get("choices"))
        if len(words) > 1 or (words and words[0] not in CHOICES):
            self._fail(f"expected one of {', '.join(CHOICES)}", ", ".join(words))
        return cast(Choice, words[0]) if words else None

    def _texts(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._fail("expected a list of texts", value)
        return tuple(value)

    def _object(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._fail("expected an object", value)
        return cast(dict[str, Any], value)

    def _fail(self, expected: str, found: Any) -> NoReturn:
        raise InputError(f"{self.where}: {expected}, found {str(found)[:80]!r}; {EXPORT}")


def _name(completed_by: Any) -> str:
    """Who made an annotation: exports name people by their number, or with their address."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    return completed_by if isinstance(completed_by, str) else f"Label Studio user {completed_by}"
