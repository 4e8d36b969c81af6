"""Score files: what can't be read or written is an error that names the path and says what to do."""

import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from dataaudit import Attribution
from dataaudit.attribution import attribution, store
from dataaudit.attribution.store import writing
from dataaudit.errors import InputError


@pytest.fixture
def scored(tmp_path: Path) -> Attribution:
    path = tmp_path / "scores.h5"
    with writing(path, ["a", "b", "c"], ["x", "y"]) as file:
        file.add(0, np.arange(6, dtype=np.float32).reshape(3, 2))
        file.finish(None, np.zeros((0, 2), np.float32), {"slope": 2.0, "identity": {"backend": "own"}})
    return Attribution.load(path)


def test_paths_are_text_or_paths(scored: Attribution, tmp_path: Path) -> None:
    for path in (tmp_path / "one.h5", str(tmp_path / "two.h5"), scored.path):
        scored.save(path)
        np.testing.assert_array_equal(Attribution.load(path).scores(), scored.scores())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.h5", "scores.h5", "two.h5"]


def test_what_is_no_score_file_is_said_with_what_to_do(scored: Attribution, tmp_path: Path) -> None:
    whole, cut, text = scored.path.read_bytes(), tmp_path / "cut.h5", tmp_path / "scores.csv"
    text.write_text("id,score\n")
    for path, said in (
        (tmp_path, "found a folder; name the file in it, such as"),
        (tmp_path / "none.h5", "found nothing there; check the path"),
        (tmp_path / "no folder" / "scores.h5", "found nothing there; check the path"),
        (text, "found a file that is not HDF5; name another"),
        (text / "scores.h5", "found nothing there; check the path"),
    ):
        with pytest.raises(InputError, match=f"^{re.escape(str(path))}: expected a file of scores.*{said}"):
            Attribution.load(path)
        with pytest.raises(InputError, match=re.escape(str(path))):
            Attribution.load(str(path))
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.h5: expected a file of scores.*save the scores again"):
            Attribution.load(cut)


@pytest.mark.parametrize("part", ["held_out", "train_ids", "scores", "provenance"])
def test_hdf5_of_another_layout_names_what_it_lacks(scored: Attribution, part: str) -> None:
    with h5py.File(scored.path, "a") as file:
        del (file.attrs if part == "provenance" else file)[part]
    with pytest.raises(InputError, match=rf"scores\.h5: expected scores of layout .* without {part}; save them again"):
        Attribution.load(scored.path)


def test_a_place_that_cannot_be_written_is_said_and_left_as_it_is(scored: Attribution, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    with pytest.raises(InputError, match=rf"^{re.escape(str(tmp_path))}: expected the path of a file, found a folder"):
        scored.save(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: expected the path of a file, found a device or pipe"):
        scored.save(tmp_path / "pipe")
    for path in (tmp_path / "no folder" / "scores.h5", file / "scores.h5", tmp_path / ("long" * 80), "no\0name"):
        with pytest.raises(
            InputError, match=rf"^{re.escape(str(path))}: scores can't be saved there: .*; name a file in"
        ):
            scored.save(str(path))
    assert file.read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "pipe", "scores.h5"]


def test_permissions_are_said(scored: Attribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied", "scores.h5")

    monkeypatch.setattr("dataaudit.attribution.store.shutil.copyfile", denied)
    with pytest.raises(InputError, match=r"out\.h5: scores can't be saved there: .*Permission denied.*can be written"):
        scored.save(tmp_path / "out.h5")
    monkeypatch.setattr("dataaudit.attribution.store.h5py.File", denied)
    with pytest.raises(InputError, match=r"scores\.h5: .*may not be read: .*; change its permissions"):
        Attribution.load(scored.path)


def test_scores_whose_file_went_away_say_so(scored: Attribution) -> None:
    scored.path.unlink()
    with pytest.raises(InputError, match=r"scores\.h5: .*found nothing there"):
        scored.scores()


N, T, C, D = 23, 17, 3, 4


def layouts(folder: Path) -> tuple[np.ndarray, list[Attribution]]:
    """Scores (N, T), and three files of them: whole, as two pairs of factors, and as products beside a factor."""
    rng = np.random.default_rng(0)
    by_output, inputs, other = (rng.normal(size=(N, width)).astype(np.float32) for width in (C, D, 2))
    right, other_right = (rng.normal(size=(T, width)).astype(np.float32) for width in (C * D, 2))
    left = (by_output[:, :, None] * inputs[:, None]).reshape(N, -1)
    whole = left @ right.T + other @ other_right.T
    scored = []
    for name in ("whole", "factors", "products"):
        with writing(folder / f"{name}.h5", [f"a{i}" for i in range(N)], [f"b{i}" for i in range(T)]) as file:
            if name == "whole":
                file.add(0, whole)
            else:
                file.factors(other)[:] = other_right
                (file.factors(left) if name == "factors" else file.products(by_output, inputs))[:] = right
            file.finish(None, np.zeros((0, T), np.float32), {"slope": 2.0, "identity": {"backend": "own"}})
        scored.append(Attribution.load(folder / f"{name}.h5"))
    return 2 * whole, scored


@pytest.mark.parametrize("block", [1, 300, 1 << 20])
def test_every_layout_gives_the_same_scores_whatever_is_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    scores, layouts_ = layouts(tmp_path)
    monkeypatch.setattr(store, "BLOCK_BYTES", block)
    monkeypatch.setattr(attribution, "BLOCK_BYTES", block)
    monkeypatch.setattr(store, "PAIRS", 5)
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, N, 60), rng.integers(0, T, 60)
    by_train, by_target = rng.normal(size=(2, N)).astype(np.float32), rng.normal(size=T)
    for scored in layouts_:
        np.testing.assert_allclose(scored.scores(), scores, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(scored.scores(3, 9), scores[:, 3:9], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(scored.at(rows, columns), scores[rows, columns], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(scored.sums(by_train), by_train @ scores, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(scored.sums_over_targets(), scores.sum(1), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(scored.sums_over_targets(by_target), scores @ by_target, rtol=1e-4, atol=1e-4)
        assert scored.at(rows[:0], columns[:0]).shape == (0,)
        some = np.array([0, 3, 4, 11, T - 1])
        read = dict(scored.of_targets(some))
        assert list(read) == some.tolist()
        np.testing.assert_allclose(np.stack(list(read.values()), 1), scores[:, some], rtol=1e-5, atol=1e-5)


def test_estimates_leave_out_the_smallest_parts_of_products_and_exact_scores_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    by_output = (rng.normal(size=(40, C)) * 10.0 ** rng.uniform(-6, 0, (40, C))).astype(np.float32)
    inputs, right = rng.normal(size=(40, D)).astype(np.float32), rng.normal(size=(T, C * D)).astype(np.float32)
    with writing(tmp_path / "scores.h5", [f"a{i}" for i in range(40)], [f"b{i}" for i in range(T)]) as file:
        file.products(by_output, inputs)[:] = right
        file.finish(None, np.zeros((0, T), np.float32), {"slope": 2.0, "identity": {"backend": "own"}})
    scored = Attribution.load(tmp_path / "scores.h5")
    kept = np.where(np.abs(by_output) > 1e-2 * np.abs(by_output).max(), by_output, 0)
    assert 0.2 < (kept == 0).mean() < 0.9
    for parts, read in ((by_output, scored.scores()), (kept, next(scored.blocks(1e-2))[1])):
        exact = 2 * (parts[:, :, None] * inputs[:, None]).reshape(40, -1) @ right.T
        np.testing.assert_allclose(read, exact, rtol=1e-5, atol=1e-5)


def test_blocks_of_many_models_are_summed_on_disk_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = np.random.default_rng(0).normal(size=(3, 7, 5)).astype(np.float32)

    def summed(name: str) -> np.ndarray:
        with writing(tmp_path / name, list("abcdefg"), list("vwxyz")) as file:
            for block in blocks:
                file.add(0, block[:, :2])
                file.add(2, block[:, 2:])
            file.finish(None, np.zeros((0, 5), np.float32), {"slope": 1.0, "identity": {"backend": "own"}})
        return Attribution.load(tmp_path / name).scores()

    in_memory = summed("memory.h5")
    monkeypatch.setattr(store, "SUM_BYTES", 7 * 5 * 4 - 1)
    np.testing.assert_array_equal(summed("disk.h5"), in_memory)
    np.testing.assert_allclose(in_memory, blocks.sum(0), rtol=1e-6)
