"""Findings of an audit of image files in FiftyOne, and what was tagged there as decisions.

    dataaudit run sample_data/fashion --output fashion-audit
    python examples/fiftyone_review.py show fashion-audit
    python examples/fiftyone_review.py decide fashion-audit decisions.json

`show` opens the dataset in the App. Every sample has its label (`ground_truth`), its split as a tag, and under
`findings` a label for each finding that names it, with the suggested label. Select labels of `findings` there and tag
them: accept, remove, reject or defer, or the name of the right class. `decide` writes what the tags say, for
`dataaudit apply` and others. Needs `pip install fiftyone`.
"""

import getpass
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fiftyone as fo

from dataaudit.dataset import silent
from dataaudit.errors import InputError
from dataaudit.labelling.answers import CHOICES, Answer, decide
from dataaudit.labelling.audited import audited_dataset
from dataaudit.verdict.audit_file import read_audit


def show(folder: Path) -> fo.Dataset:
    """The audited dataset in FiftyOne; one that is there already stays, with its tags."""
    audit = read_audit(folder)
    if fo.dataset_exists(name_of(audit)):
        return fo.load_dataset(name_of(audit))
    data, found = audited_dataset(audit, None, silent), findings_by_sample(audit)
    if not data.sources or data.task != "classification":
        raise InputError(f"{data.root}: expected image files with a class each, found {data.modality}s, {data.task}")
    dataset = fo.Dataset(name_of(audit), persistent=True)
    dataset.add_samples(
        fo.Sample(
            filepath=str(data.sources[row].resolve()),
            tags=[str(data.splits[row])],
            ground_truth=fo.Classification(label=data.label(row)),
            findings=fo.Classifications(classifications=found[id]),
        )
        for row, id in enumerate(data.ids)
    )
    dataset.add_dynamic_sample_fields()  # to filter by message, severity and suggested label in the App
    return dataset


def name_of(audit: Mapping[str, Any]) -> str:
    """Audits of the same data share a dataset in FiftyOne only if they found the same."""
    return f"{audit['dataset']['name']} {audit['dataset']['fingerprint'][:8]} {len(audit['findings'])} findings"


def findings_by_sample(audit: Mapping[str, Any]) -> dict[str, list[fo.Classification]]:
    """A label for every finding, by the sample that it names."""
    found: dict[str, list[fo.Classification]] = defaultdict(list)
    for one in audit["findings"]:
        first = one["remedies"][0] if one["remedies"] else {"action": "", "to": []}
        suggested = ", ".join(first["to"]) if first["action"] == "relabel" else None
        about = {name: one[name] for name in ("message", "severity", "score")}
        for id in one["sample_ids"]:
            found[id].append(fo.Classification(label=one["kind"], finding=one["id"], suggested=suggested, **about))
    return found


def answers(audit: Mapping[str, Any], dataset: fo.Dataset, reviewer: str) -> Iterator[Answer]:
    """What the tags on the labels under `findings` say; the samples of one finding are taken together."""
    tagged: dict[str, set[str]] = defaultdict(set)
    last: dict[str, fo.Sample] = {}
    for sample in dataset:
        for label in sample.findings.classifications:
            if label.tags:
                tagged[label.finding].update(label.tags)
                last[label.finding] = sample
    several = {one["id"] for one in audit["findings"] if len(one["sample_ids"]) > 1}
    for finding, tags in tagged.items():
        sample, choices = last[finding], [choice for choice in CHOICES if choice in tags]
        if len(choices) > 1:
            raise InputError(f"{sample.filepath}: {finding} is tagged {' and '.join(choices)}; keep one of them")
        yield Answer(
            where=sample.filepath,
            finding=finding,
            choice=choices[0] if choices else None,
            label=tuple(sorted(tags - {*choices})) or None,
            given=None if finding in several else (sample.ground_truth.label,),
            reason="",
            reviewer=reviewer,
            at=f"{sample.last_modified_at:%Y-%m-%dT%H:%M:%S}Z",
        )


def write_decisions(folder: Path, path: Path) -> None:
    """Write what was tagged as decisions.json."""
    audit = read_audit(folder)
    decided = decide(audit, answers(audit, fo.load_dataset(name_of(audit)), getpass.getuser()))
    path.write_text(json.dumps(decided.document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "show":
        fo.launch_app(show(Path(sys.argv[2]))).wait()
    else:
        write_decisions(Path(sys.argv[2]), Path(sys.argv[3]))
