"""Transformations of inputs, by which a hypothesis about a feature is tested: built-in ones, and the user's own.

images   patch:top=0,left=0,size=4,value=255     a square of one colour
         texture:top=0,left=0,size=8,step=2      a square of a checkerboard
         tint:red=40,green=0,blue=0              colours shifted; grey images take `grey`
         blur:radius=1.5                         Gaussian
         background:value=128,part=0.8           all but the ellipse that spans this part of each edge, of one colour
texts    insert:WORD, remove:WORD                WORD may be several words
tables   shift:COLUMN=1.0                        a column of numbers moved, in standard deviations of training rows
arrays   shift:PLACE=1.0                         the same of one place, counted from 0 through the flattened array
any      package.module:function                 inputs (n, ...) -> inputs of the same form
"""

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..dataset import Dataset
from ..errors import InputError

Inputs = Any
"""(n, ...) as `Dataset.inputs` has them."""


@dataclass(frozen=True)
class Transform:
    """A named change of inputs."""

    spec: str
    apply: Callable[[Inputs], Inputs]


def transform_of(spec: str, dataset: Dataset) -> Transform:
    """What a specification names, for the inputs of this dataset. Raises InputError if it names nothing for them."""
    name, colon, arguments = spec.partition(":")
    built_in = BUILT_IN[dataset.modality]
    if name in built_in:
        return Transform(spec, built_in[name](name, arguments, dataset))
    other_modalities = [kind for kind, transforms in BUILT_IN.items() if name in transforms]
    if other_modalities:
        kinds = " and ".join(f"{kind}s" for kind in other_modalities)
        raise InputError(
            f"--transform {spec}: {name} is for {kinds}; for {dataset.modality}s there is {', '.join(built_in)}"
        )
    if not colon or not arguments or "=" in arguments:
        raise InputError(
            f"--transform {spec}: expected for {dataset.modality}s one of {', '.join(built_in)}, with arguments after "
            "a colon, or a function of your own as in package.module:function"
        )
    return Transform(spec, partial(_apply_user_function, spec, _imported(spec, name, arguments)))


def _apply_user_function(spec: str, function: Callable[[Inputs], Inputs], inputs: Inputs) -> Inputs:
    try:
        changed = function(inputs.copy())
    except Exception as error:  # whatever the user's code raises
        raise InputError(f"--transform {spec}: it failed: {type(error).__name__}: {error}") from error
    if isinstance(changed, list):
        changed = np.array(changed, object)
    if isinstance(inputs, np.ndarray) and isinstance(changed, np.ndarray):
        changed = changed.astype(inputs.dtype) if np.can_cast(changed.dtype, inputs.dtype, "same_kind") else changed
    if _form(changed) != _form(inputs):
        raise InputError(
            f"--transform {spec}: expected inputs of the form they had, {shorten(_form(inputs), 300)}; it returned "
            f"{shorten(_form(changed), 300)}"
        )
    return changed


def _form(inputs: Any) -> str:
    """Of inputs, in words."""
    if isinstance(inputs, pd.DataFrame):
        kinds = ("numbers" if pd.api.types.is_numeric_dtype(kind) else "values" for kind in inputs.dtypes)
        columns = ", ".join(f"{name} ({kind})" for name, kind in zip(inputs, kinds, strict=True))
        return f"a table of {len(inputs)} rows and {inputs.shape[1]} columns: {columns}"
    if not isinstance(inputs, np.ndarray):
        return f"an object of type {type(inputs).__name__}"
    if inputs.ndim == 1 and all(isinstance(text, str) for text in inputs):
        return f"{len(inputs)} texts"
    return f"an array of {inputs.dtype} and the shape {inputs.shape}"


def _imported(spec: str, module: str, name: str) -> Callable[[Inputs], Inputs]:
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        attribute = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever the user's code raises while it is imported
        raise InputError(f"--transform {spec}: importing it failed: {type(error).__name__}: {error}") from error
    if not callable(attribute):
        raise InputError(f"--transform {spec}: expected a function, found {type(attribute).__name__}")
    function: Callable[[Inputs], Inputs] = attribute
    return function


def _words(name: str, words: str, dataset: Dataset) -> Callable[[Inputs], Inputs]:
    if not words.strip():
        raise InputError(f"--transform {name}: expected a word after the colon, as in {name}:word")
    pattern = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", re.IGNORECASE)

    def insert(text: str) -> str:
        return text if pattern.search(text) else f"{text} {words}"

    def remove(text: str) -> str:
        return re.sub(r"\s+", " ", pattern.sub(" ", text)).strip() if pattern.search(text) else text

    change = insert if name == "insert" else remove
    return lambda texts: np.array([change(str(text)) for text in texts], object)


def _column(name: str, arguments: str, dataset: Dataset) -> Callable[[Inputs], Inputs]:
    column, _, amount = arguments.rpartition("=")
    spec = f"{name}:{arguments}"
    frame = dataset.frame
    if column not in frame or not pd.api.types.is_numeric_dtype(frame[column]):
        numeric = [str(name) for name in frame if pd.api.types.is_numeric_dtype(frame[name])]
        raise InputError(
            f"--transform {spec}: expected shift:COLUMN=1.0 of a column of numbers, which are {', '.join(numeric[:20])}"
        )
    step = _number(spec, amount) * float(frame[column].iloc[dataset.rows("train")].std())

    def shift(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(**{column: rows[column].astype(np.float64) + step})

    return shift


def _place(name: str, arguments: str, dataset: Dataset) -> Callable[[Inputs], Inputs]:
    place, _, amount = arguments.partition("=")
    spec, size = f"{name}:{arguments}", int(np.prod(dataset.inputs.shape[1:]))
    if not place.isdecimal() or int(place) >= size:
        raise InputError(f"--transform {spec}: expected shift:PLACE=1.0 with a place from 0 to {size - 1}")
    values = np.asarray(dataset.inputs).reshape(len(dataset), -1)[dataset.rows("train"), int(place)]
    step = _number(spec, amount) * float(values.std())

    def shift(rows: NDArray[Any]) -> NDArray[Any]:
        flat = rows.reshape(len(rows), -1).copy()
        flat[:, int(place)] += step
        return flat.reshape(rows.shape)

    return shift


IMAGE_ARGUMENTS: dict[str, Mapping[str, float]] = {
    "patch": {"top": 0, "left": 0, "size": 4, "value": 255},
    "texture": {"top": 0, "left": 0, "size": 8, "step": 2},
    "tint": {"red": 0, "green": 0, "blue": 0, "grey": 0},
    "blur": {"radius": 1.5},
    "background": {"value": 128, "part": 0.8},
}


def _image(name: str, arguments: str, dataset: Dataset) -> Callable[[Inputs], Inputs]:
    spec, defaults = f"{name}:{arguments}", IMAGE_ARGUMENTS[name]
    settings = dict(pair.partition("=")[::2] for pair in arguments.split(",") if pair)
    unknown = [key for key in settings if key not in defaults]
    if unknown:
        raise InputError(f"--transform {spec}: there is no argument {unknown[0]!r}; there are: {', '.join(defaults)}")
    values = {**defaults, **{key: _number(spec, text) for key, text in settings.items()}}
    changes: dict[str, Callable[..., NDArray[np.float32]]]
    changes = {"patch": _patch, "texture": _texture, "tint": _tint, "blur": _blur, "background": _background}

    def apply(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(np.clip(np.round(changes[name](pixels.astype(np.float32), **values)), 0, 255), np.uint8)

    return apply


def _patch(pixels: NDArray[np.float32], top: float, left: float, size: float, value: float) -> NDArray[np.float32]:
    pixels[:, :, int(top) : int(top + size), int(left) : int(left + size)] = value
    return pixels


def _texture(pixels: NDArray[np.float32], top: float, left: float, size: float, step: float) -> NDArray[np.float32]:
    square = pixels[:, :, int(top) : int(top + size), int(left) : int(left + size)]
    rows, columns = np.indices(square.shape[2:]) // max(1, int(step))
    square[:] = 255 * ((rows + columns) % 2)
    return pixels


def _tint(pixels: NDArray[np.float32], red: float, green: float, blue: float, grey: float) -> NDArray[np.float32]:
    shift = np.array([red, green, blue] if pixels.shape[1] == 3 else [grey] * pixels.shape[1], np.float32)
    return pixels + shift[:, None, None]


def _blur(pixels: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    return np.asarray(gaussian_filter(pixels, (0, 0, radius, radius)), np.float32)


def _background(pixels: NDArray[np.float32], value: float, part: float) -> NDArray[np.float32]:
    down, right = (np.linspace(-1, 1, edge) for edge in pixels.shape[2:])
    pixels[:, :, np.square(down)[:, None] + np.square(right) > part**2] = value
    return pixels


def _number(spec: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"--transform {spec}: expected a number, found {text!r}")
    return value


BUILT_IN: Mapping[str, Mapping[str, Callable[[str, str, Dataset], Callable[[Inputs], Inputs]]]] = {
    "image": dict.fromkeys(IMAGE_ARGUMENTS, _image),
    "text": {"insert": _words, "remove": _words},
    "table": {"shift": _column},
    "array": {"shift": _place},
}
"""By modality."""
