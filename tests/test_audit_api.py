"""`dataaudit.audit`: the same audit from a path, a frame, arrays; with predictions and features of the user's own."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

import dataaudit
from dataaudit.commands.run import run
from dataaudit.config import Options, configured
from dataaudit.data.given import with_features, with_pred_probs
from dataaudit.data.in_memory import ROOT, read_in_memory
from dataaudit.data.in_memory_edits import edited
from dataaudit.data.loading import load
from dataaudit.dataset import Dataset, Edit, ReadOptions, silent
from dataaudit.errors import DataAuditError, InputError, StaleError
from dataaudit.progress import notebook_track
from dataaudit.reporting.notebook import AuditResult

from .cleaning.deciding import decision, document

CONTENT = "duplicates,leakage,columns,integrity"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frames(n: int = 150) -> dict[str, pd.DataFrame]:
    """Two splits of three classes, well apart; the first test row is a training row."""
    rng = np.random.default_rng(0)
    made = {}
    for split, rows in (("train", n), ("test", n // 2)):
        classes = rng.integers(3, size=rows)
        values = rng.normal(size=(rows, 4)) + 4 * np.eye(3, 4)[classes]
        made[split] = pd.DataFrame(values, columns=list("abcd")).assign(species=np.array(["x", "y", "z"])[classes])
    made["test"].iloc[0] = made["train"].iloc[3]
    return made


def probabilities(splits: dict[str, pd.DataFrame], trust: float = 0.9) -> dict[str, Any]:
    """Of a model that agrees with every label."""
    given = {}
    for split, frame in splits.items():
        classes = frame["species"].map({"x": 0, "y": 1, "z": 2}).to_numpy()
        given[split] = np.where(np.eye(3, dtype=bool)[classes], trust, (1 - trust) / 2)
    return given


def data_of(splits: dict[str, pd.DataFrame] | None = None) -> Dataset:
    return read_in_memory(splits or frames(), ReadOptions(label="species"), silent)


def test_path_and_frames_give_the_same_findings(here: Path) -> None:
    folder = here / "plants"
    folder.mkdir()
    for split, frame in frames().items():
        frame.to_csv(folder / f"{split}.csv", index=False)
    of_path = dataaudit.audit(folder, label="species", checks=CONTENT)
    of_frames = dataaudit.audit(frames(), label="species", checks=CONTENT.split(","))
    assert [f.kind for f in of_path.audit.findings] == [f.kind for f in of_frames.audit.findings]
    assert of_path.findings["fingerprint"].tolist() == of_frames.findings["fingerprint"].tolist()
    assert of_frames.findings.loc[0, "sample_ids"] == ["test#0", "train#3"]
    assert of_frames.folder.name.startswith("data-audit-")
    assert (of_frames.folder / "report.html").is_file()
    assert not (of_frames.folder / "pool").exists()


def test_arrays_and_torch_datasets_are_read_alike() -> None:
    import torch
    from torch.utils.data import TensorDataset

    splits = {split: (f.drop(columns="species").to_numpy(np.float32), f["species"].factorize(sort=True)[0])
              for split, f in frames().items()}  # fmt: skip
    torch_sets = {split: TensorDataset(torch.tensor(x), torch.tensor(y)) for split, (x, y) in splits.items()}
    one, other = (read_in_memory(data, ReadOptions(), silent) for data in (splits, torch_sets))
    assert one.ids == other.ids
    assert one.contents == other.contents
    np.testing.assert_array_equal(one.targets, other.targets)
    assert one.sizes() == {"train": 150, "test": 75}


def test_rows_of_arrays_are_called_by_their_split() -> None:
    rng = np.random.default_rng(0)
    arrays = {split: (rng.normal(size=(n, 3)), np.arange(n) % 2) for split, n in (("train", 80), ("test", 40))}
    features = {split: np.arange(len(labels))[:, None] for split, (_, labels) in arrays.items()}
    dataset = load(configured(ROOT, arrays, features=features), silent)
    assert dataset.ids[79:81] == ("train#79", "test#0")
    assert dataset.features is not None
    assert dataset.features[79:81, 0].tolist() == [79, 0]
    whole = load(configured(ROOT, arrays["train"]), silent)
    assert set(whole.ids) == {f"rows#{row}" for row in range(80)}


def test_a_lone_pair_of_texts_and_labels_is_a_text_dataset() -> None:
    texts = [
        f"{'good great fine' if i % 2 else 'bad awful poor'} number {i} of all the things I saw" for i in range(80)
    ]
    dataset = read_in_memory((texts, ["pos" if i % 2 else "neg" for i in range(80)]), ReadOptions(), silent)
    assert dataset.modality == "text"
    assert set(dataset.class_names) == {"neg", "pos"}


def cross_validated(splits: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """What someone would bring: out-of-fold probabilities of a model of their own, keyed by sample id."""
    frame = pd.concat(splits.values(), ignore_index=True)
    values, labels = frame.drop(columns="species"), frame["species"]
    folds = cross_val_predict(LogisticRegression(), values, labels, cv=5, method="predict_proba")
    ids = [f"{split}#{row}" for split, part in splits.items() for row in range(len(part))]
    return pd.DataFrame(folds, columns=["x", "y", "z"]).assign(id=ids)


def test_given_probabilities_find_label_errors_without_training() -> None:
    splits = frames(400)
    clean = dataaudit.audit(
        splits, label="species", pred_probs=cross_validated(splits), checks="mislabeled", output="clean"
    )
    assert "mislabeled" not in set(clean.findings["kind"])
    flipped = splits["train"].loc[:19, "species"]
    splits["train"].loc[:19, "species"] = flipped.map({"x": "y", "y": "z", "z": "x"})
    result = dataaudit.audit(splits, label="species", pred_probs=cross_validated(splits), skip="drift")
    accused = {id for ids in result.findings.query("kind == 'mislabeled'")["sample_ids"] for id in ids}
    planted = {f"train#{row}" for row in range(20)}
    assert len(accused & planted) >= 16  # four in five
    assert len(accused - planted) <= 2
    assert not (result.folder / "pool").exists()
    status = {check.name: check.status for check in result.audit.checks}
    assert status["brittle"] == status["harmful"] == status["drift"] == "not asked"
    assert result.verdict.status != "INCOMPLETE"
    suggested = result.samples.loc["train#0", ["predicted", "suggested_label"]]
    assert suggested.tolist() == [flipped[0]] * 2


def test_numbers_that_are_words_are_refused() -> None:
    with pytest.raises(InputError, match="--rows '2000': expected a whole number"):
        dataaudit.audit(frames(), label="species", rows="2000")  # type: ignore[arg-type]


def test_a_pass_names_what_it_is_not_about() -> None:
    result = dataaudit.audit(frames(400), label="species", checks="columns,drift")
    assert result.verdict.status == "PASS"
    assert "14 of 16 checks not asked for: brittle, duplicates" in result.verdict.reasons[0]
    assert not len(result.findings.query("kind == 'leakage'"))
    assert {"test_id", "train_id"} <= set(result.pairs.columns)


def test_features_do_not_make_it_another_dataset_but_other_models(here: Path) -> None:
    frame = frames()["train"]
    frame.to_csv("plants.csv", index=False)
    np.save("emb.npy", np.eye(3)[frame["species"].factorize()[0]])
    quick: dict[str, Any] = {"label": "species", "runs": 8, "verify": 0, "brittle": 0, "jobs": 1}
    with_them = dataaudit.audit("plants.csv", features="emb.npy", **quick)
    content = dataaudit.audit("plants.csv", label="species", checks="columns", output="content")
    assert with_them.audit.dataset["fingerprint"] == content.audit.dataset["fingerprint"]
    np.save("emb.npy", np.eye(3)[frame["species"].factorize()[0]] * 2)
    with pytest.raises(StaleError, match="features was"):
        dataaudit.audit("plants.csv", features="emb.npy", **quick)


def test_hugging_face_datasets_are_read_as_frames_are() -> None:
    datasets = pytest.importorskip("datasets")
    splits = frames()
    whole = datasets.DatasetDict({name: datasets.Dataset.from_pandas(frame) for name, frame in splits.items()})
    one, other = (read_in_memory(data, ReadOptions(label="species"), silent) for data in (splits, whole))
    assert one.ids == other.ids
    assert one.contents == other.contents
    alone = read_in_memory(whole["train"], ReadOptions(label="species"), silent)
    assert alone.ids[0].startswith("rows#")
    assert len(alone) == 150


def test_given_features_are_what_the_learner_is_linear_in() -> None:
    splits = frames()
    features = {split: np.eye(3)[f["species"].factorize(sort=True)[0]] for split, f in splits.items()}
    result = dataaudit.audit(splits, label="species", features=features, runs=8, verify=0, brittle=0, jobs=1)
    assert result.audit.learner["recipe"]["learner"] == "linear"
    assert result.audit.learner["performance"]["mean"] == 1.0


def test_a_notebook_shows_verdict_and_findings_escaped() -> None:
    splits = frames()
    splits["train"]["<script>"] = 7
    splits["test"]["<script>"] = 7
    shown = dataaudit.audit(splits, label="species", checks=CONTENT)._repr_html_()
    assert "<script>" not in shown
    assert "report.html" in shown
    assert "Constant" in shown or "constant" in shown


def test_every_option_of_the_command_is_a_keyword_with_the_same_default(here: Path) -> None:
    frames()["train"].to_csv("plants.csv", index=False)
    said = run.make_context("run", ["plants.csv"]).params
    path, dry_run = said.pop("dataset"), said.pop("dry_run")
    assert not dry_run
    assert said.keys() == Options.__annotations__.keys()
    assert configured(path, **said) == configured(path)


def content_audit(data: Any = None, **options: Any) -> AuditResult:
    return dataaudit.audit(frames() if data is None else data, label="species", checks=CONTENT, **options)


def test_a_frames_own_index_names_its_samples_and_keys_what_is_given(here: Path) -> None:
    whole = pd.concat(frames().values()).sample(frac=1, random_state=0)
    whole.index = pd.Index([f"plant {i}" for i in range(len(whole))])
    splits = {"train": whole[:150], "test": whole[150:]}
    result = content_audit(splits)
    assert list(result.samples.index[:2]) == ["plant 0", "plant 1"]
    (pair,) = result.findings.query("kind in ('leakage', 'duplicate')")["sample_ids"]
    rows = whole.loc[pair]
    assert (rows.iloc[0] == rows.iloc[1]).all()
    reordered = pd.DataFrame({"one": np.arange(225.0)}, whole.index).sample(frac=1, random_state=1)
    dataset = load(configured(ROOT, splits, label="species", features=reordered), silent)
    assert dataset.features is not None
    assert dataset.features[:, 0].tolist() == list(range(225))


def test_copies_of_each_other_share_the_number_of_their_set() -> None:
    frame = pd.concat([frames()["train"], frames()["train"].iloc[[5, 7, 5]]], ignore_index=True)
    samples = content_audit({"train": frame, "test": frames()["test"]}).samples["duplicate_set"]
    assert samples["train#5"] == samples["train#150"] == samples["train#152"]
    assert samples["train#7"] == samples["train#151"] != samples["train#5"]
    assert samples.notna().sum() == 5


def test_whole_numbers_name_rows_that_were_drawn_from_a_larger_frame() -> None:
    drawn = frames()["train"].sample(80, random_state=0)
    assert set(content_audit(drawn).samples.index) == set(map(str, drawn.index))
    twice = pd.concat([drawn, drawn.iloc[:1]])
    assert content_audit(twice, output="twice").samples.index[0] == "rows#0"


def test_accepted_findings_change_frames_and_arrays_as_they_came() -> None:
    splits = frames()
    before = {split: frame.copy() for split, frame in splits.items()}
    result = content_audit(splits)
    cleaned = result.apply(result.findings)
    pd.testing.assert_frame_equal(cleaned["train"], before["train"])
    pd.testing.assert_frame_equal(cleaned["test"], before["test"].iloc[1:])
    pd.testing.assert_frame_equal(splits["test"], before["test"])  # what was passed stays
    arrays = {split: (f.drop(columns="species").to_numpy(), f["species"].to_numpy()) for split, f in splits.items()}
    audit = dataaudit.audit(arrays, checks=CONTENT, output="arrays")
    inputs, labels = audit.apply(audit.findings)["test"]
    assert len(inputs) == len(labels) == 74
    np.testing.assert_array_equal(inputs, arrays["test"][0][1:])


def test_a_change_that_loses_more_than_was_decided_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    result = content_audit()

    def lossy(data: Any, options: ReadOptions, edits: Any) -> Any:
        return {split: frame.iloc[2:] for split, frame in edited(data, options, edits).items()}

    monkeypatch.setattr("dataaudit.cleaning.in_memory.edited", lossy)
    with pytest.raises(DataAuditError, match="does not hold what it should"):
        result.apply(result.findings)


def test_relabelled_and_removed_rows_keep_their_index() -> None:
    frame = frames()["train"].set_index(pd.Index([f"p{i}" for i in range(150)])).astype({"species": "category"})
    options = ReadOptions(label="species")
    new = edited(frame, options, {"rows#1": Edit(label=("z",)), "rows#4": Edit(remove=True)})
    assert new.loc["p1", "species"] == "z"
    assert list(new.index) == [f"p{i}" for i in range(150) if i != 4]
    pd.testing.assert_series_equal(new.dtypes, frame.dtypes)
    texts = [f"some words that make a text of number {i}, long enough to be one" for i in range(60)]
    labels = ["a" if i % 2 else "b" for i in range(60)]
    new_texts, new_labels = edited((texts, labels), ReadOptions(), {"rows#0": Edit(label=("a",))})
    assert new_texts == texts
    assert new_labels == ["a", *labels[1:]]


def test_decisions_from_a_report_apply_to_files_and_to_frames(here: Path) -> None:
    splits = frames()
    folder = here / "plants"
    folder.mkdir()
    for split, frame in splits.items():
        frame.to_csv(folder / f"{split}.csv", index=False)
    of_path, of_frames = content_audit(folder), content_audit(splits)
    for audit in (of_path, of_frames):
        found = audit.findings.query("kind == 'leakage'").iloc[0]
        accepted = decision(found["remedies"][0])
        Path("decisions.json").write_text(
            json.dumps(document(audit.audit.dataset["fingerprint"], accepted, label="species"))
        )
        cleaned = audit.apply("decisions.json")
        if audit is of_path:
            assert cleaned.resolve() == here / "plants-cleaned"
            cleaned = {"test": pd.read_csv(cleaned / "test.csv")}
        assert len(cleaned["test"]) == 74


def test_a_notebook_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    handle = SimpleNamespace(update=lambda picture: shown.append(picture))
    display = SimpleNamespace(HTML=str, display=lambda picture, display_id: shown.append(picture) or handle)
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr("dataaudit.progress.REDRAWN", -1.0)
    track = notebook_track()
    assert track is not None
    assert list(track(iter("ab"), "reading <files>", 2)) == ["a", "b"]
    assert "reading &lt;files&gt;" in shown[1]
    assert 'value="2" max="2"' in shown[3]
    assert shown[-1] == ""
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert notebook_track() is None


MISUSES: list[tuple[Callable[[], Any], str]] = [
    (lambda: dataaudit.audit(3), "expected a path, a DataFrame"),
    (lambda: dataaudit.audit({}), "an empty mapping"),
    (lambda: dataaudit.audit({"left": frames()["train"]}), "expected splits called train"),
    (lambda: dataaudit.audit("nowhere"), "no such file"),
    (lambda: dataaudit.audit(frames(), label="genus"), "genus"),
    (lambda: dataaudit.audit(frames(), label="species", set=("leakage.fraction=0",)), "fraction"),
    (lambda: content_audit().apply("decisions.json"), "expected decisions.json as the report exports it"),
    (lambda: content_audit().apply(["leakage-1"]), "or rows of audit.findings, found list"),
    (lambda: content_audit().apply(frames()["train"]), "expected rows of audit.findings"),
    (lambda: content_audit().apply(content_audit().findings, "cleaned"), "leave output out"),
    (lambda: dataaudit.audit(frames(), lable="species"), "did you mean 'label'"),
    (lambda: dataaudit.audit(frames(), label="species", checks="leaks"), "there is no such check"),
    (lambda: dataaudit.audit(frames(), label="species", checks="drift", skip="drift"), "left out"),
    (lambda: dataaudit.audit(frames(), label="species", runs=2), "expected at least 8"),
    (lambda: dataaudit.audit((np.zeros((9, 2)), np.zeros(8))), "as many rows"),
    (lambda: dataaudit.audit((pd.DataFrame({"a": [1.0]}), [1, 2])), "as many labels as rows"),
    (lambda: with_features(data_of(), np.zeros((9, 2))), "expected 225 rows"),
    (lambda: with_features(data_of(), np.zeros(225)), "two axes"),
    (lambda: with_features(data_of(), np.full((225, 2), np.nan)), r"row 0 \(train#0\), column 0.*nan"),
    (lambda: with_features(data_of(), np.full((225, 2), "a")), "expected numbers"),
    (lambda: with_features(data_of(), "emb.pkl"), "ends in .npy"),
    (lambda: with_features(data_of(), "emb.npy"), "not readable"),
    (lambda: with_features(data_of(), {"train": np.zeros((150, 2))}), "no row for 75 of 225 samples"),
    (lambda: with_features(data_of(), {"train": np.zeros((150, 2)), "test": np.zeros((75, 3))}), "as many columns"),
    (lambda: with_features(data_of(), pd.DataFrame({"id": ["train#0", "train#0"], "a": 1.0})), "more than one row"),
    (lambda: with_features(data_of(), pd.DataFrame({"a": ["x"] * 225})), "found words in 'a'"),
    (lambda: with_pred_probs(data_of(), np.full((225, 2), 0.5)), "a column for each of the 3 classes"),
    (lambda: with_pred_probs(data_of(), np.full((225, 3), 0.5)), "sums to 1, found 1.5"),
    (lambda: with_pred_probs(data_of(), np.full((225, 3), -1.0)), "from 0 to 1, found -1"),
    (lambda: with_pred_probs(data_of(), pd.DataFrame(np.full((225, 3), 1 / 3), columns=["x", "y", "w"])), "'w' is no"),
]  # fmt: skip


@pytest.mark.parametrize(("misuse", "message"), MISUSES)
def test_misuse_is_a_clear_error(misuse: Callable[[], Any], message: str) -> None:
    with pytest.raises(DataAuditError, match=message):
        misuse()


def test_columns_named_like_classes_may_come_in_any_order() -> None:
    dataset = data_of()
    in_order = np.concatenate(list(probabilities(frames()).values()))
    shuffled = pd.DataFrame(in_order, columns=["x", "y", "z"])[["z", "x", "y"]]
    np.testing.assert_allclose(with_pred_probs(dataset, shuffled).pred_probs, in_order)


@pytest.mark.parametrize("ending", ["npy", "npz", "csv", "parquet"])
def test_files_of_every_format_are_read_keyed_or_in_order(here: Path, ending: str) -> None:
    dataset, values = data_of(), np.random.default_rng(1).normal(size=(225, 5)).astype(np.float32)
    shuffle = np.random.default_rng(2).permutation(225)
    ids = [f"train#{i}" for i in range(150)] + [f"test#{i}" for i in range(75)]
    path = here / f"emb.{ending}"
    frame = pd.DataFrame(values[shuffle], columns=list("abcde")).assign(id=np.array(ids)[shuffle])
    if ending == "npy":
        np.save(path, values)
    elif ending == "npz":
        np.savez(path, features=values[shuffle], ids=np.array(ids)[shuffle])
    elif ending == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    np.testing.assert_allclose(with_features(dataset, path).features, values, rtol=1e-6)


def test_rows_without_a_label_still_count_in_the_order() -> None:
    splits = frames()
    splits["train"].loc[10, "species"] = None
    values = np.arange(225.0)[:, None]
    features = with_features(data_of(splits), values).features
    assert features is not None
    assert features[:, 0].tolist() == [i for i in range(225) if i != 10]


def test_probabilities_that_saw_the_labels_are_noted() -> None:
    splits, rng = frames(600), np.random.default_rng(0)
    given = probabilities(splits)
    given["test"] = given["test"][rng.permutation(len(given["test"]))]
    notes = with_pred_probs(data_of(splits), given).layout.notes
    assert any("suspiciously well" in note for note in notes)
    honest = with_pred_probs(data_of(splits), probabilities(splits)).layout.notes
    assert not any("suspiciously" in note for note in honest)


def test_probabilities_are_of_classes() -> None:
    frame = pd.DataFrame({"a": np.linspace(0, 1, 80), "y": np.linspace(0, 1, 80) ** 2 + 0.123})
    dataset = read_in_memory(frame, ReadOptions(label="y"), silent)
    with pytest.raises(InputError, match="targets here are numbers"):
        with_pred_probs(dataset, np.full((80, 2), 0.5))
