"""How many of the planted faults an audit found.

dataaudit run FOLDER --output OUT
python benchmarks/planted_faults.py FOLDER_faults.csv OUT
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from sklearn.metrics import average_precision_score

COLUMN_KINDS = {"id-like": "id_column", "all missing": "empty_column", "constant": "constant_column"}
"""The finding that each planted fault of a column calls for."""

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", type=Path)
    parser.add_argument("audit", type=Path)
    arguments = parser.parse_args()
    faults = pd.read_csv(arguments.faults)
    leaks = faults[faults.fault == "leak"]
    planted = set(zip(leaks.test_id, leaks.train_id, strict=True))
    flips = set(faults[faults.fault == "flip"].train_id)
    samples = pd.read_csv(arguments.audit / "samples.csv").query("split == 'train'")
    labels = dict(zip(samples.id, samples.label.astype(str), strict=True))
    wrong = flips | {
        leak.train_id for leak in leaks.itertuples() if labels.get(leak.train_id) not in (None, leak.true_label)
    }

    findings = [json.loads(line) for line in (arguments.audit / "findings.jsonl").read_text("utf-8").splitlines()]
    found = {
        (copy["test_id"], copy["train_id"])
        for finding in findings
        if finding["kind"] == "leakage"
        for copy in finding["evidence"]["copies"]
    }
    pairs = pd.read_csv(arguments.audit / "pairs.csv")
    is_leak = [pair in planted for pair in zip(pairs.test_id, pairs.train_id, strict=True)]
    print(f"leaks: {len(found & planted)} of {len(planted)} found, {len(found - planted)} other pairs reported", end="")
    print(f"; average precision of all candidate pairs {average_precision_score(is_leak, pairs.score):.3f}")
    for pair in sorted(found - planted):
        print("  not planted:", *pair)

    for column in ("label_quality", "self_confidence"):
        first = samples.sort_values(column, kind="stable").head(len(flips)).id
        precision = average_precision_score(samples.id.isin(wrong), -samples[column])
        print(f"{column}: {first.isin(flips).sum()} of {len(flips)} flips among the first {len(flips)}, ", end="")
        print(f"average precision for wrong labels {precision:.3f}")
    reported = {finding["sample_ids"][0] for finding in findings if finding["kind"] == "mislabeled"}
    print(f"mislabeled: {len(reported)} reported, {len(reported & wrong)} of the {len(wrong)} wrong labels among them")

    columns = faults[faults.fault == "column"]
    expected = {(COLUMN_KINDS[how], name) for how, name in zip(columns.how, columns.train_id, strict=True)}
    claims = {
        (finding["kind"], name)
        for finding in findings
        for name in finding["evidence"].get("columns", [finding["evidence"].get("column")])
        if name is not None
    }
    if expected or claims:
        print(f"columns: {len(claims & expected)} of {len(expected)} found, {len(claims - expected)} others reported")
    for claim in sorted(claims - expected):
        print("  not planted:", *claim)
