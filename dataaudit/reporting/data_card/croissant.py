"""A dataset's description in Croissant 1.1, with the fields of its responsible-AI vocabulary that were measured.

See https://mlcommons.org/croissant/1.1 and https://mlcommons.org/croissant/RAI/1.0. What only the owner knows is left
out, also where Croissant requires it: a blank would be taken for an answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..sanitizing import short
from . import measures, told
from .value import Given, Line, Measured, Told

VERSIONS = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
OWNERS = ("url", "license", "creator", "datePublished", "distribution")
"""What Croissant requires, and no audit can know."""
LONGEST = 400
"""Characters of one part of a line that comes from the data."""
TERMS = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
    "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    **{term: f"cr:{term}" for term in TERMS},
}
"""The context that Croissant recommends, so that an owner can add all of its terms."""


def croissant(document: Mapping[str, Any], said: Told) -> dict[str, Any]:
    """The description as JSON-LD.

    document   as `read_audit` returns it
    said       what reviewers said of it
    """
    gaps = (measures.missing_values, measures.stand_ins, measures.telling_gaps, measures.unreadable)
    biases = (measures.balance, measures.imbalance, measures.weak_groups)
    limits = (
        measures.absent, measures.duplicates, measures.leaks, measures.groups, measures.drift, measures.performance,
        measures.verdict,
    )  # fmt: skip
    done = replace(said, decisions=None)  # what is only decided is no step of preprocessing yet
    fields = {
        "rai:dataCollectionMissingData": " ".join(_known(measure(document) for measure in gaps)),
        "rai:dataPreprocessingProtocol": _known(told.changes(done)),
        "rai:dataAnnotationAnalysis": _known((told.label_errors(said), measures.label_suspects(document))),
        "rai:dataBiases": _known(measure(document) for measure in biases),
        "rai:dataLimitations": _known(measure(document) for measure in limits),
    }
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(VERSIONS),
        "name": short(document["dataset"]["name"], LONGEST),
        "description": _description(document),
        **{name: value for name, value in fields.items() if value},
    }


def _description(document: Mapping[str, Any]) -> str:
    """What the instances are, how many there are, and where these statements come from."""
    dataset, version = document["dataset"], document["reproduce"]["versions"]["dataaudit"]
    return (
        f"Kind of the instances: {dataset['modality']}; task: {dataset['task']}. {_text(measures.sizes(document))} "
        f"Measured by dataaudit {version} on the data with the fingerprint {dataset['fingerprint']}."
    )


def _known(facts: Iterable[Measured]) -> list[str]:
    return [_text(fact) for fact in facts if fact.known]


def _text(fact: Measured) -> str:
    return " ".join(map(_line, (fact.line, *fact.details)))


def _line(line: Line) -> str:
    """With what comes from the data shortened; it means nothing to JSON-LD where it is a value."""
    text = "".join(short(part, LONGEST) if isinstance(part, Given) else part for part in line)
    return text if text.endswith((".", "…")) else f"{text}."
