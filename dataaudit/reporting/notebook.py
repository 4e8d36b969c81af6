"""What `dataaudit.audit` returns: an audit with its folder, as frames, and shown by itself in a notebook."""

import html
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from ..errors import InputError
from ..findings import Finding, Pair, Severity
from ..result import Audit, Verdict, finding_document

FINDING_KEYS = list(finding_document(Finding("", Severity.INFO, (), 0.0, "", "")))
"""Columns that are there without a finding, too."""
SHOWN = 5
"""Findings that a notebook shows."""


@dataclass(frozen=True, repr=False)
class AuditResult:
    """A finished audit.

    audit    all of it, as plain data
    folder   where report.html, audit.json and the other files are
    apply    (decisions, output=None): the dataset with the accepted remedies, see `cleaning.in_memory.cleaned`
    """

    audit: Audit
    folder: Path
    apply: Callable[..., Any]

    @property
    def verdict(self) -> Verdict:
        """PASS, FAIL or INCOMPLETE, with the reasons and the exit code of the command."""
        return self.audit.verdict

    @property
    def findings(self) -> pd.DataFrame:
        """A row for each finding, the gravest first, with the keys of a line of findings.jsonl."""
        return pd.DataFrame([finding_document(finding) for finding in self.audit.findings], columns=FINDING_KEYS)

    @property
    def samples(self) -> pd.DataFrame:
        """A row for each sample, read or not, indexed by id, with the columns of samples.csv."""
        return pd.DataFrame(list(self.audit.samples)).set_index("id")

    @property
    def pairs(self) -> pd.DataFrame:
        """A row for each pair of samples that may be copies across splits, with the columns of pairs.csv."""
        return pd.DataFrame(list(self.audit.pairs), columns=Pair._fields)

    def report(self, path: str | Path) -> Path:
        """Copy report.html there. Raises InputError if it can't be written."""
        try:
            return Path(shutil.copyfile(self.folder / "report.html", path))
        except OSError as error:
            raise InputError(f"report: {path} can't be written: {error.strerror}") from error

    def save(self, folder: str | Path) -> Path:
        """Copy report and exports into a new folder. Raises InputError if it is there already."""
        try:
            return Path(shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("pool", "retrained")))
        except OSError as error:
            raise InputError(f"save: expected a folder that is not there yet, found {folder}: {error}") from error

    def __repr__(self) -> str:
        counts = Counter(finding.kind for finding in self.audit.findings)
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common()) or "none"
        return f"{self.verdict.status}: {'; '.join(self.verdict.reasons)}\nfindings: {kinds}\n{self.folder}"

    def _repr_html_(self) -> str:
        """The verdict, findings by kind and the first of them, every string escaped."""
        audit = self.audit
        counts = Counter(finding.kind for finding in audit.findings)
        kinds = "".join(
            f"<tr><td>{html.escape(audit.kinds[kind][1])}</td><td>{count:,}</td></tr>"
            for kind, count in counts.most_common()
        )
        first = "".join(
            f"<li><b>{finding.severity}</b> {html.escape(finding.message)} {self._picture(finding.sample_ids)}</li>"
            for finding in audit.findings[:SHOWN]
        )
        report = self.folder / "report.html"
        # Pages that a server shows may not link to file://, but to what lies beside the notebook.
        link = report.resolve().as_uri() if report.is_absolute() else quote(report.as_posix())
        return (
            f"<h4>{audit.verdict.status}</h4><p>{html.escape('; '.join(audit.verdict.reasons))}</p>"
            f"<table>{kinds}</table><ul>{first}</ul>"
            f'<p><a href="{html.escape(link)}">{html.escape(str(report))}</a></p>'
        )

    def _picture(self, ids: tuple[str, ...]) -> str:
        uris = [self.audit.exhibits[id].picture for id in ids[:2] if id in self.audit.exhibits]
        return "".join(f'<img src="{html.escape(uri)}" height="48" alt="">' for uri in uris if uri)
