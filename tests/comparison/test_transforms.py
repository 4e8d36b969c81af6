"""Built-in transformations, the user's own, and random changes of the same size."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dataaudit.comparison.random_changes import random_like
from dataaudit.comparison.transforms import transform_of
from dataaudit.errors import InputError

from ..fixtures_tables import make
from . import plants


def test_words_are_put_in_where_they_are_not_and_taken_out_whole() -> None:
    dataset, _ = plants.texts(20, 10)
    texts = np.array(["Cue words", "a cuesheet", "no (cue) here"], object)
    assert transform_of("insert:cue", dataset).apply(texts).tolist() == ["Cue words", "a cuesheet cue", "no (cue) here"]
    assert transform_of("remove:cue", dataset).apply(texts).tolist() == ["words", "a cuesheet", "no ( ) here"]
    assert texts[0] == "Cue words"


def test_columns_move_in_deviations_of_the_training_rows() -> None:
    dataset = make("table", "classification")
    before = dataset.frame.iloc[:5]
    after = transform_of("shift:x=-2", dataset).apply(before)
    spread = dataset.frame["x"].iloc[dataset.rows("train")].std()
    np.testing.assert_allclose(after["x"], before["x"] - 2 * spread)
    assert after.drop(columns="x").equals(before.drop(columns="x"))
    with pytest.raises(InputError, match="a column of numbers, which are x, y, z, size"):
        transform_of("shift:colour=1", dataset)


def test_places_of_arrays_move_too() -> None:
    dataset = make("array", "classification")
    before = dataset.inputs[:4]
    after = transform_of("shift:2=1.5", dataset).apply(before)
    assert (after != before).any(0).tolist() == [False, False, True, *[False] * (before.shape[1] - 3)]
    with pytest.raises(InputError, match="a place from 0 to 7"):
        transform_of("shift:99=1", dataset)


@pytest.mark.parametrize(
    ("spec", "changed"),
    [
        ("patch:top=2,left=3,size=2,value=0", (slice(2, 4), slice(3, 5))),
        ("texture:top=1,left=1,size=4", (slice(1, 5), slice(1, 5))),
        ("tint:grey=30", (slice(None), slice(None))),
        ("blur:radius=2", (slice(None), slice(None))),
        ("background:value=0,part=0.5", None),
    ],
)
def test_pictures_change_where_they_should(spec: str, changed: tuple[slice, slice] | None) -> None:
    dataset, _ = plants.images(10, 10)
    before = dataset.pixels[:6].copy()
    after = transform_of(spec, dataset).apply(before)
    assert after.dtype == np.uint8
    assert after.shape == before.shape
    differs = (after != before).any((0, 1))
    expected = np.zeros(differs.shape, bool)
    if changed is None:
        assert differs[0, 0]
        assert not differs[8, 8]
    else:
        expected[changed] = True
        assert not (differs & ~expected).any()
        assert differs[expected].mean() > 0.5
    assert (before == dataset.pixels[:6]).all()


def test_a_function_of_the_users_own_is_found_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own_changes.py").write_text(
        "def dark(x): return x // 2\ndef short(x): return x[:1]\ndef broken(x): raise ValueError('no')\nnumber = 3\n"
        "def nothing(x): x[:] = x\ndef halves(x): return x / 2\ndef lengths(x): return [len(one) for one in x]\n"
        "def loud(x): return [one.upper() for one in x]\ndef worded(x): return x.assign(x='a')\n"
    )
    dataset, _ = plants.images(10, 10)
    np.testing.assert_array_equal(transform_of("own_changes:dark", dataset).apply(dataset.pixels), dataset.pixels // 2)
    for name, found in (
        ("short", r"an array of uint8 and the shape \(1, 1, 16, 16\)"),
        ("nothing", "an object of type NoneType"),
        ("halves", "an array of float"),
    ):
        with pytest.raises(InputError, match=rf"{name}: expected .*, an array of uint8 .*; it returned {found}"):
            transform_of(f"own_changes:{name}", dataset).apply(dataset.pixels)
    texts, _ = plants.texts(10, 5)
    assert transform_of("own_changes:loud", texts).apply(texts.inputs)[0] == texts.inputs[0].upper()
    with pytest.raises(InputError, match="they had, 15 texts; it returned an array of object"):
        transform_of("own_changes:lengths", texts).apply(texts.inputs)
    table = make("table", "classification")
    with pytest.raises(InputError, match=r"x \(numbers\).*; it returned .*x \(values\)"):
        transform_of("own_changes:worded", table).apply(table.frame)
    with pytest.raises(InputError, match="it failed: ValueError: no"):
        transform_of("own_changes:broken", dataset).apply(dataset.pixels)
    with pytest.raises(InputError, match="expected a function, found int"):
        transform_of("own_changes:number", dataset)
    with pytest.raises(InputError, match="importing it failed: AttributeError"):
        transform_of("own_changes:none", dataset)


def test_what_is_unknown_is_refused_with_what_there_is() -> None:
    dataset, _ = plants.images(10, 10)
    with pytest.raises(InputError, match="there is no argument 'width'; there are: top, left, size, value"):
        transform_of("patch:width=3", dataset)
    with pytest.raises(InputError, match="expected a number, found 'big'"):
        transform_of("patch:size=big", dataset)
    with pytest.raises(InputError, match="expected for images one of patch, texture"):
        transform_of("colours", dataset)
    with pytest.raises(InputError, match="insert is for texts; for tables there is shift"):
        transform_of("insert:word", make("table", "classification"))


def test_random_changes_are_as_large() -> None:
    rng = np.random.default_rng(0)
    texts, _ = plants.texts(60, 10)
    before = texts.inputs[:8]
    longer = random_like(texts, before, transform_of("insert:new word", texts).apply(before), rng)
    added = [set(after.split()) - set(old.split()) for old, after in zip(before, longer, strict=True)]
    assert [len(a.split()) - len(b.split()) for a, b in zip(longer, before, strict=True)] == [2] * 8
    assert len(set.union(*added)) <= 2  # the same words for all
    word = before[0].split()[3]
    shorter = random_like(texts, before[:1], transform_of(f"remove:{word}", texts).apply(before[:1]), rng)
    assert len(shorter[0].split()) == len(before[0].split()) - before[0].split().count(word)

    images, _ = plants.images(10, 10)
    changed = transform_of("patch:top=0,left=0,size=4,value=0", images).apply(images.pixels)
    moved = random_like(images, images.pixels, changed, rng)
    assert 0 < (moved != images.pixels).any(1).sum((1, 2)).max() <= 16
    assert (moved == images.pixels)[:, :, :4, :4].all()

    table = make("table", "classification")
    after = transform_of("shift:x=1", table).apply(table.frame)
    other = random_like(table, table.frame, after, rng)
    touched = [name for name in table.frame if not other[name].equals(table.frame[name])]
    assert len(touched) == 1
    assert touched != ["x"]
    step = (other[touched[0]] - table.frame[touched[0]]).abs() / table.frame[touched[0]].iloc[table.rows("train")].std()
    np.testing.assert_allclose(step, 1, rtol=1e-6)


def test_a_change_of_the_only_column_is_compared_with_itself_reversed() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 5.0]})
    dataset = SimpleNamespace(frame=frame, modality="table", rows=lambda _: np.arange(4))
    moved = random_like(dataset, frame, frame + 1, np.random.default_rng(0))  # type: ignore[arg-type]
    np.testing.assert_allclose((moved["x"] - frame["x"]).abs(), 1)
