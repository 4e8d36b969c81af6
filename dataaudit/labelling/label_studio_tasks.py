"""Findings of an audit -> tasks that Label Studio imports: one a finding, with the suggested label as prediction.

See https://labelstud.io/guide/task_format and /guide/predictions for the format.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..dataset import Dataset, as_text
from ..errors import InputError
from ..findings import Remedy
from ..reporting.cards import remedy_in_words
from ..reporting.exhibits import exhibits
from ..versions import VERSION
from .label_studio_config import LABEL, SAMPLE

LOCAL_FILES = "/data/local-files/?d="
"""Where Label Studio serves the files below LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT."""
BUCKETS = ("s3://", "gs://", "azure-blob://")
"""Keys of these are taken as they are; elsewhere they are parts of a URL."""
MOST_SHOWN = 20
"""Samples of one finding that a task shows."""
MOST_ALSO = 5
"""Other findings on them that it quotes."""
EDGE, CHARACTERS = 256, 200 << 20
"""Longest edge of pictures that have no file of their own, in pixels, and what all such samples may take: Label Studio
takes files of at most 250 MB."""


def label_studio_tasks(audit: Mapping[str, Any], dataset: Dataset, images: str | None = None) -> list[dict[str, Any]]:
    """A task for every finding that names a sample which can be shown, in the audit's order.

    audit    as in audit.json
    images   what Label Studio puts before an image's path in the dataset; None for its local files

    Raises InputError for images outside the dataset's folder, and for more samples without files than it can take.
    """
    return list(_Tasks(audit, dataset, images).made())


class _Tasks:
    def __init__(self, audit: Mapping[str, Any], dataset: Dataset, images: str | None) -> None:
        self.audit, self.dataset = audit, dataset
        self.rows = {id: row for row, id in enumerate(dataset.ids)}
        self.images = f"{LOCAL_FILES}{quote(os.fsencode(self._root().name))}/" if images is None else images
        self.findings = [(one, [id for id in one["sample_ids"] if id in self.rows]) for one in audit["findings"]]
        self.naming: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for finding, ids in self.findings:
            for id in ids:
                self.naming[id].append(finding)
        shown = dict.fromkeys(id for _, ids in self.findings for id in ids[:MOST_SHOWN])
        needed = dataset.modality != "text" and not dataset.sources
        self.exhibits = exhibits(dataset, list(shown), EDGE, CHARACTERS) if needed else {}
        if needed and len(self.exhibits) < len(shown):
            raise InputError(
                f"Label Studio: {len(shown):,} samples of {dataset.root} are to be shown, which takes more than "
                f"{CHARACTERS >> 20} MB, since they have no files of their own; decide in report.html, or audit files"
            )

    def made(self) -> Iterator[dict[str, Any]]:
        for finding, ids in self.findings:
            if ids:
                yield {"data": self._data(finding, ids), "predictions": list(self._predictions(finding))}

    def _data(self, finding: Mapping[str, Any], ids: Sequence[str]) -> dict[str, Any]:
        shown, alone = ids[:MOST_SHOWN], len(finding["sample_ids"]) == 1
        others = {one["id"]: one for id in shown for one in self.naming[id] if one["id"] != finding["id"]}
        return {
            "dataset": self.audit["dataset"]["fingerprint"],
            "finding": finding["id"],
            **{name: finding[name] for name in ("kind", "severity", "message", "sample_ids")},
            "given": self._labels(ids[0]) if alone else None,
            "about": "\n".join(self._about(finding, ids, others)),
            "also": list(others),
            **self._shown(shown),
        }

    def _labels(self, id: str) -> list[str]:
        row = self.rows[id]
        if self.dataset.task != "multilabel":
            return [self.dataset.label(row)]
        return [name for name, holds in zip(self.dataset.class_names, self.dataset.targets[row], strict=True) if holds]

    def _about(
        self, finding: Mapping[str, Any], ids: Sequence[str], others: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[str]:
        """What the annotator reads: samples and labels, what accepting does, what else was found."""
        for id in ids[:MOST_SHOWN]:
            yield f"{id} ({self.dataset.splits[self.rows[id]]}): {', '.join(self._labels(id)) or 'no label'}"
        if more := len(finding["sample_ids"]) - len(ids[:MOST_SHOWN]):
            yield f"and {more:,} more, which are not shown"
        remedies = [Remedy(one["action"], tuple(one["sample_ids"]), tuple(one["to"])) for one in finding["remedies"]]
        done = remedy_in_words(remedies[0], finding["kind"]) if remedies else "it is right, and changes nothing"
        yield f"accept: {done}"
        yield from (f"also: {one['message']}" for one in list(others.values())[:MOST_ALSO])

    def _shown(self, ids: Sequence[str]) -> dict[str, Any]:
        """The samples themselves, under the name that the configuration shows."""
        if self.dataset.modality == "image":
            return {"images": [self._image(id) for id in ids]}
        if self.dataset.modality == "table":
            rows = [dict(self.exhibits[id].values) for id in ids]
            return {"row": {name: " | ".join(row[name] for row in rows) for name in rows[0]}}
        texts = {id: self._text(id) for id in ids}
        return {"text": texts[ids[0]] if len(ids) == 1 else "\n\n".join(f"{id}\n{text}" for id, text in texts.items())}

    def _text(self, id: str) -> str:
        return str(self.dataset.inputs[self.rows[id]]) if self.dataset.modality == "text" else self.exhibits[id].text

    def _image(self, id: str) -> str:
        if not self.dataset.sources:
            return self.exhibits[id].picture
        source = self.dataset.sources[self.rows[id]]
        try:
            path = source.resolve().relative_to(self._root()).as_posix()
        except ValueError as error:
            raise InputError(
                f"{source}: expected an image inside {self.dataset.root}, which Label Studio is to show; move it there"
            ) from error
        return self.images + (as_text(path) if self.images.startswith(BUCKETS) else quote(os.fsencode(path)))

    def _root(self) -> Path:
        root = self.dataset.root.resolve()
        return root if root.is_dir() else root.parent

    def _predictions(self, finding: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The suggested label, where the first remedy is to relabel the one sample that the finding names."""
        first = finding["remedies"][0] if finding["remedies"] else {"action": ""}
        if len(finding["sample_ids"]) != 1 or first["action"] != "relabel" or not first["to"]:
            return
        is_number = self.dataset.task == "regression"
        value = {"number": float(first["to"][0])} if is_number else {"choices": first["to"]}
        kind = "number" if is_number else "choices"
        yield {
            "model_version": f"dataaudit {VERSION}",
            "score": min(max(finding["evidence"].get("probability_wrong", finding["score"]), 0.0), 1.0),
            "result": [{"from_name": LABEL, "to_name": SAMPLE, "type": kind, "value": value}],
        }
