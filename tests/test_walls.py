"""The house keeps its walls: who may import whom, and what a plugin must be."""

import ast
import inspect
from pathlib import Path

import pytest

import dataaudit
from dataaudit import plugins
from dataaudit.detection import explanation

PACKAGE = Path(dataaudit.__file__).parent
FLOORS = [
    {"errors", "__init__", "plugins", "files"},
    {"dataset", "images", "findings"},
    {"policy"},
    {"decisions", "learning", "store", "config", "settings", "progress", "objectives"},
    {"training", "exhibits", "reading", "cleaning", "features"},
    {"models"},
    {"pool", "problem", "embeddings", "gradients", "layers", "solvers"},
    {"attribution", "evaluation", "model_gradients", "curvature", "inverse", "ekfac", "run_rows"},
    {"ensemble", "soft_threshold", "retraining", "alignment", "lasso", "prior_regression"},
    {"detection", "label_noise", "target_noise", "label_views", "matching", "planting", "proof", "support"},
    {"formats", "learners", "backends", "detectors", "api", "perturbations"},
    {"audit", "evaluate", "plots", "cards", "showing"},
    {"summary"},
    {"gallery", "illustrations"},
    {
        "gate",
        "baseline",
        "diff",
        "audit_file",
        "report",
        "text",
        "evaluation_report",
        "checks",
        "heat_maps",
        "comparing",
        "comparison_report",
    },
    {"exports"},
    {"pipeline", "apply"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
LAZY = {"api", "attribution", "perturbations", "problem"}  # what the package imports when it is first asked for
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
PLUGINS = {"formats", "learners", "backends", "detectors", "exports"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported(path: Path) -> set[str]:
    """Rooms of the package that a file imports, and top-level names of other packages."""
    depth = len(path.relative_to(PACKAGE).parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and room(path) in PLUGINS:
            found.add(f"sibling of {room(path)}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_import_from_their_own_floor_or_below_and_never_a_sibling_plugin(path: Path) -> None:
    rooms = {name for name in imported(path) if name in FLOOR} - (LAZY if room(path) == "__init__" else set())
    assert {name for name in rooms if FLOOR[name] > FLOOR[room(path)]} == set()
    assert not any(name.startswith("sibling of") for name in imported(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    names, here = imported(path), room(path)
    assert "torch" not in names or here not in {"gate", "exports", "report", "audit", "findings", "commands", "cli"}
    assert "h5py" not in names or here == "store"
    assert "jinja2" not in names or here == "report"
    assert "matplotlib" not in names or here == "plots"
    assert "click" not in names or here in {"cli", "commands"}


@pytest.mark.parametrize("name", plugins.names("detectors"))
def test_every_detector_explains_itself_under_the_fixed_headings(name: str) -> None:
    sections = explanation(plugins.get("detectors", name))
    assert list(sections) == ["summary", "What it finds", "Why it matters", "How it is checked", "What to do"]
    assert all(sections.values())


MUST_HAVE = [("formats", "matches"), ("formats", "load"), ("learners", "LEARNER"), ("backends", "BACKEND"),
             ("detectors", "detect"), ("exports", "write")]  # fmt: skip
OPTIONAL = {"calibrate": ["case", "retrained"], "verify": ["case", "detection", "retraining"]}


@pytest.mark.parametrize(("group", "attribute"), MUST_HAVE)
def test_every_plugin_has_what_its_group_asks_for(group: str, attribute: str) -> None:
    assert plugins.names(group)
    for name in plugins.names(group):
        assert callable(getattr(plugins.get(group, name), attribute))


@pytest.mark.parametrize("name", plugins.names("detectors"))
def test_every_detector_names_its_kinds_and_takes_what_the_stages_give(name: str) -> None:
    detector = plugins.get("detectors", name)
    assert detector.KINDS
    assert all(title[0].isupper() for title in detector.KINDS.values())
    for stage, parameters in OPTIONAL.items():
        if hasattr(detector, stage):
            assert list(inspect.signature(getattr(detector, stage)).parameters) == parameters


def test_no_two_detectors_make_the_same_kind_of_finding() -> None:
    kinds = [kind for name in plugins.names("detectors") for kind in plugins.get("detectors", name).KINDS]
    assert len(kinds) == len(set(kinds))


def test_an_unknown_plugin_is_refused_with_those_there_are() -> None:
    with pytest.raises(dataaudit.errors.InputError, match="there is no detector called 'nonsense'; there are: brittle"):
        plugins.get("detectors", "nonsense")
