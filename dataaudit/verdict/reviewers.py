"""Reviewers' answers as files: review.csv filled in by one of them, or decisions.json with those of all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from .decisions import read_decisions
from .review import Answer, read_answers


def read_reviews(path: Path, audit: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, dict[str, Answer]]:
    """Answers by sample id, of every reviewer in the file; who filled in a review.csv is called by the file.

    audit   as in audit.json
    ids     the drawn samples' ids by what review.csv calls them

    Raises InputError for a file that is neither, one about other data, or an id that was not drawn.
    """
    if path.suffix.lower() != ".json":
        return {str(path): read_answers(path, ids)}
    decisions, drawn = read_decisions(path), set(ids.values())
    if decisions.fingerprint != audit["dataset"]["fingerprint"]:
        raise InputError(
            f"{path}: expected answers about data with the fingerprint {audit['dataset']['fingerprint'][:16]}…, found "
            f"{decisions.fingerprint[:16]}…; pass the audit that they are about"
        )
    for name, answers in decisions.review.items():
        for id in answers:
            if id not in drawn:
                raise InputError(f"{path}: review of {name!r}: {id!r} is not in this audit's review sample")
    return {name: dict(answers) for name, answers in decisions.review.items()}
