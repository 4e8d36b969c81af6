"""The example notebook runs from top to bottom and shows what its words say."""

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]


def outputs(cell: Any) -> str:
    return "".join(
        str(output.get("data", {}).get("text/html", "")) + str(output.get("data", {}).get("text/plain", ""))
        for output in cell.outputs
    )


def test_the_notebook_runs_and_shows_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    for name in ("flights", "fashion"):
        (tmp_path / "sample_data").mkdir(exist_ok=True)
        shutil.copytree(ROOT / "sample_data" / name, tmp_path / "sample_data" / name)
    notebook = nbformat.read(ROOT / "examples/audit.ipynb", 4)
    committed = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in committed[1:]), "the notebook is committed with its outputs"
    NotebookClient(notebook, resources={"metadata": {"path": tmp_path / "examples"}}, timeout=300).execute()
    _, content, findings, _, labels, _, cleaned, pictures = (
        outputs(cell) for cell in notebook.cells if cell.cell_type == "code"
    )
    assert "<h4>FAIL</h4>" in content
    assert "report.html" in content
    assert "test#105" in findings
    assert "is labelled" in labels
    leaks = re.search(r"leakage: (\d+) findings", content)
    assert leaks is not None
    assert f"(360, {360 - int(leaks[1])})" in cleaned
    assert 'src="data:image/' in pictures
    assert not [output for cell in notebook.cells for output in cell.get("outputs", []) if output.get("name")]
