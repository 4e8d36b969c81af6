"""A finished audit as a run in MLflow.

    dataaudit run sample_data/glosses --output glosses-audit
    python examples/mlflow_logging.py glosses-audit

Parameters say what was audited and how, metrics are those of metrics.json, and the report and the findings are
artifacts. Needs `pip install mlflow`, or mlflow-skinny; MLFLOW_TRACKING_URI says where runs are kept.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mlflow

ARTIFACTS = ("report.html", "summary.md", "audit.json", "findings.jsonl", "findings.csv", "samples.csv")


def log_audit(directory: Path) -> str:
    """Log the audit in this folder; the id of the new run."""
    audit = json.loads((directory / "audit.json").read_text(encoding="utf-8"))
    metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    dataset, learner = audit["dataset"], audit["learner"]
    with mlflow.start_run(run_name=f"audit of {dataset['name']}") as run:
        mlflow.log_params(
            {
                "dataset": dataset["path"],
                "fingerprint": dataset["fingerprint"],
                "task": dataset["task"],
                "seed": dataset["reading"]["seed"],
                "models": learner["models"],
                "recipe": json.dumps(learner["recipe"]),
                "dataaudit": audit["reproduce"]["versions"]["dataaudit"],
            }
        )
        mlflow.log_metrics(dict(flat(metrics)))
        mlflow.set_tag("verdict", audit["verdict"]["status"])
        for name in ARTIFACTS:
            mlflow.log_artifact(str(directory / name), "audit")
        return str(run.info.run_id)


def flat(metrics: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, float]]:
    """Numbers by path, as in severity/high: MLflow groups its charts by the first part."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{within}{name}/")
        else:
            yield f"{within}{name}", value


if __name__ == "__main__":
    print(log_audit(Path(sys.argv[1])))
