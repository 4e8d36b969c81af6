"""What `--learner SPEC` names: a built-in recipe with options, or an object of the user's own code."""

import difflib
import hashlib
import importlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from torch import nn

from ... import plugins
from ...dataset import Dataset
from ...errors import InputError
from ..learning import LearningAlgorithm
from .own_estimator import EstimatorLearner
from .own_learner import OwnLearner
from .own_module import OwnModule
from .own_trees import TreesLearner, grows_trees


def learner_for(spec: str | None, dataset: Dataset) -> LearningAlgorithm:
    """The learner of an audit: as `learner_of`, but a linear head on features that the user brings."""
    return learner_of("linear" if spec is None and dataset.features is not None else spec, dataset.modality)


def learner_of(spec: str | None, modality: str) -> LearningAlgorithm:
    """The learner that a specification names; without one, the modality's own.

    `image`, `text:C=1`, `table:epochs=20,width=32`   a recipe of `learners` with its settings
    `package.module:name`                             code: a learner (fit and outputs), an estimator (fit and predict),
                                                      each as class or instance, or a factory of a torch module

    Options may follow a factory, too: `package.module:name:epochs=5,learning_rate=1e-4`.

    Raises InputError if the name can't be found, it is none of these, or an option is unknown.
    """
    if spec is None:
        return _built_in(modality, {})
    name, _, remainder = spec.partition(":")
    if name in plugins.names("learners"):
        return _built_in(name, _options(spec, remainder))
    if not remainder:
        raise InputError(
            f"--learner {spec}: expected a recipe ({', '.join(plugins.names('learners'))}), with options as in "
            f"image:epochs=20, or an import path as in package.module:name"
        )
    attribute, _, options = remainder.partition(":")
    named_object = _imported(spec, name, attribute)
    return _user_learner(spec, named_object, _options(spec, options), _source(name))


def _built_in(name: str, options: Mapping[str, str]) -> LearningAlgorithm:
    plugin = plugins.get("learners", name)
    variants = getattr(plugin, "VARIANTS", {})
    kind = next((variants[option] for option in options if option in variants), plugin.LEARNER)
    learner: LearningAlgorithm = kind(**_typed(name, kind, options))
    return learner


def _source(module: str) -> str:
    """A digest of the file that defines the code: models trained by an edited file are other models."""
    path = getattr(sys.modules[module], "__file__", None)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16] if path else ""


def _user_learner(spec: str, named_object: Any, options: Mapping[str, str], source: str) -> LearningAlgorithm:
    learning, estimating = _has(named_object, "outputs"), _has(named_object, "predict")
    is_class = inspect.isclass(named_object)
    if is_class and issubclass(named_object, nn.Module):
        learning = estimating = False
    if learning or estimating:
        if options:
            raise InputError(f"--learner {spec}: options are for recipes and for factories of torch modules")
        try:
            instance = named_object() if is_class else named_object
        except TypeError as error:
            raise InputError(
                f"--learner {spec}: {named_object.__name__} can't be made without arguments ({error}); name an instance"
            ) from error
        if learning:
            return OwnLearner(instance, spec, source)
        return (TreesLearner if grows_trees(instance) else EstimatorLearner)(instance, spec, source)
    if (
        callable(getattr(named_object, "fit", None))
        and not learning
        and not (is_class and issubclass(named_object, nn.Module))
    ):
        raise InputError(
            f"--learner {spec}: it has fit, but neither outputs, as a learner has, nor predict, as an estimator has"
        )
    if isinstance(named_object, nn.Module) or not callable(named_object):
        raise InputError(
            f"--learner {spec}: expected a learner (fit and outputs), a scikit-learn-compatible estimator (fit and "
            f"predict) or a function or class that makes a torch module, found {type(named_object).__name__}"
        )
    return OwnModule(spec=spec, factory=named_object, source=source, **_typed(spec, OwnModule, options))


def _has(named_object: Any, method: str) -> bool:
    return all(callable(getattr(named_object, name, None)) for name in ("fit", method))


def _imported(spec: str, module: str, attribute: str) -> Any:
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path.insert(0, directory)  # as `python -m` has it, so that a file beside the dataset can be named
    try:
        named_object = importlib.import_module(module)
    except Exception as error:  # whatever the user's code raises while it is imported
        raise InputError(f"--learner {spec}: importing {module!r} failed: {type(error).__name__}: {error}") from error
    for part in attribute.split("."):
        if not hasattr(named_object, part):
            similar = difflib.get_close_matches(part, dir(named_object), 1)
            hint = f"; did you mean {similar[0]!r}?" if similar else ""
            raise InputError(f"--learner {spec}: {module!r} has no {attribute!r}{hint}")
        named_object = getattr(named_object, part)
    return named_object


def _options(spec: str, text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part]
    for name, equals, _ in pairs:
        if not equals:
            raise InputError(f"--learner {spec}: expected options as name=value, found {name!r}")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _typed(spec: str, learner_class: type, options: Mapping[str, str]) -> dict[str, Any]:
    """Values of the types that the learner's settings have."""
    if not options:
        return {}
    hints = get_type_hints(learner_class)
    allowed = [
        field.name
        for field in fields(learner_class)
        if field.compare and field.name not in ("spec", "factory", "source")
    ]
    values: dict[str, Any] = {}
    for name, text in options.items():
        if name not in allowed:
            similar = difflib.get_close_matches(name, allowed, 1)
            hint = f"did you mean {similar[0]!r}?" if similar else f"there are: {', '.join(allowed)}"
            raise InputError(f"--learner {spec}: there is no option {name!r}; {hint}")
        choices = get_args(hints[name])
        if choices and all(isinstance(choice, str) for choice in choices):
            if text not in choices:
                raise InputError(f"--learner {spec}: {name} is one of {', '.join(choices)}, found {text!r}")
            values[name] = text
            continue
        value_type = next((candidate for candidate in (*choices, hints[name]) if candidate in (int, float, str)), str)
        try:
            values[name] = value_type(text)
        except ValueError as error:
            raise InputError(f"--learner {spec}: {name}: expected {value_type.__name__}, found {text!r}") from error
    return values
