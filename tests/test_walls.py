"""The house keeps its walls: who may import whom, and what a plugin must be."""

import ast
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import dataaudit
from dataaudit import plugins
from dataaudit.checks.detection import explanation

PACKAGE = Path(dataaudit.__file__).parent
ROOMS: dict[str, str] = {
    "errors": "",
    "files plugins versions": "",
    "findings dataset": "",
    "result progress": "",
    "verdict": "audit_file baseline decisions diff gate policy recalibration review reviewed reviewers settings",
    "config": "",
    "data": "given in_memory in_memory_edits loading images features/* reading/frames reading/layout_file "
    "reading/line_numbers reading/pictures",
    "training": "choice cluster learning objectives pool scaling tasks training retraining models/learner_spec "
    "models/rehearsal",
    "attribution": "attribution leaves problem own_models scoring trust heat_maps perturbations",
    "checks": "budget cost detection stages proof proof_set planting/labels",
    "reporting": "cards notebook description exhibits output page plots recall sanitizing terminal data_card/*",
    "evaluation": "evaluate report",
    "comparison": "compare pools report transforms",
    "pipeline": "",
    "cleaning": "apply in_memory record",
    "labelling": "answers audited label_studio_config label_studio_export label_studio_tasks",
    "api": "",
    "commands": "*",
    "cli": "",
    "__main__": "",
}
"""Rooms and files of the hall, each standing on those before it; and which of a room's files others may import."""

FLOOR = {name: floor for floor, names in enumerate(ROOMS) for name in names.split()}
DOORS = {f"{room}/{file}" for room, files in ROOMS.items() for file in files.split()}
LAZY = {"__init__"}
"""Files that import what stands above them only when it is first asked for."""
HEAVY = {
    "torch": {"training", "attribution", "checks", "evaluation", "comparison", "pipeline", "api", "data/features"},
    "h5py": {"attribution/store", "data/reading/hdf5_files"},
    "jinja2": {"reporting/page"},
    "matplotlib": {"reporting/plots"},
    "distributed": {"training/cluster"},
    "ray": {"training/cluster"},
    "click": {"commands", "cli"},
    "rich": {"api", "commands", "progress"},
}
"""Libraries, and the rooms or files that may import them."""
FILES = sorted(PACKAGE.rglob("*.py"))


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


@cache
def imports(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Files of the package that a file imports, as `room/file`, and top-level names of other packages."""
    own, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            others.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for alias in node.names:
                inner = folder / alias.name
                is_module = inner.with_suffix(".py").exists() or inner.is_dir()
                own.add((inner if is_module else folder).relative_to(PACKAGE).as_posix())
    return frozenset(own), frozenset(others)


def test_files_import_from_their_own_room_and_through_the_doors_of_rooms_below() -> None:
    wrong = []
    for path in FILES:
        here = place(path).split("/")[0]
        for target in imports(path)[0] if here not in LAZY else ():
            there = target.split("/")[0]
            open_door = "/" not in target or DOORS & {target, f"{target.rsplit('/', 1)[0]}/*"}
            if there != here and (FLOOR[there] >= FLOOR[here] or not open_door):
                wrong.append(f"{place(path)} imports {target}")
    assert wrong == []


def test_plugins_do_not_import_each_other() -> None:
    groups = {folder.replace(".", "/") for folder in plugins.FOLDERS.values()}
    for path in FILES:
        here = path.parent.relative_to(PACKAGE).as_posix()
        assert here not in groups or [target for target in imports(path)[0] if target.startswith(f"{here}/")] == []


def test_no_files_import_each_other_in_a_circle() -> None:
    waiting = {place(path): set(imports(path)[0]) for path in FILES if path.name != "__init__.py"}
    while free := [name for name, targets in waiting.items() if not targets & set(waiting)]:
        for name in free:
            del waiting[name]
    assert waiting == {}


def test_heavy_libraries_stay_in_their_rooms() -> None:
    for path in FILES:
        parts = place(path).split("/")
        homes = {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
        assert (place(path), [name for name in imports(path)[1] if not HEAVY.get(name, homes) & homes]) == (
            place(path),
            [],
        )


def test_the_hall_is_small_and_every_room_says_what_it_is_for() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 14
    rooms = [path for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]
    assert {path.name for path in rooms} | {path.stem for path in PACKAGE.glob("[!_]*.py")} <= set(FLOOR)
    for room in rooms:
        source = (room / "__init__.py").read_text(encoding="utf-8")
        assert imports(room / "__init__.py") == (frozenset(), frozenset())
        if room.name != "commands":
            assert [line.split(":")[0] for line in source.splitlines()[2:5]] == ["In", "Out", "Stays out"]


def test_neither_the_package_nor_the_command_line_imports_torch() -> None:
    code = "import sys, dataaudit, dataaudit.cli; print(sorted({'torch', 'scipy', 'sklearn'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("name", plugins.names("detectors"))
def test_every_detector_explains_itself_under_the_fixed_headings(name: str) -> None:
    sections = explanation(plugins.get("detectors", name))
    assert list(sections) == ["summary", "What it finds", "Why it matters", "How it is checked", "What to do"]
    assert all(sections.values())


MUST_HAVE = [("formats", "matches"), ("formats", "load"), ("learners", "LEARNER"), ("backends", "BACKEND"),
             ("detectors", "detect"), ("exports", "write")]  # fmt: skip
OPTIONAL = {"calibrate": ["context", "retrained"], "verify": ["context", "detection", "retraining"]}


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
    with pytest.raises(dataaudit.errors.InputError, match="there is no check called 'nonsense'; there are: brittle"):
        plugins.get("detectors", "nonsense")
