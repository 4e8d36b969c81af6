"""Which learner images get where nobody names one: the one that predicts held-out given labels better on a sample."""

from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import torch

from ..config import AuditConfig
from ..data.features import kept
from ..data.features.efficientnet_lite import weights_file
from ..data.features.image_features import features_of_rows, image_features, with_features
from ..data.features.sentence_embeddings import sentence_embeddings
from ..data.features.vision_models import LITE0
from ..dataset import Dataset, Track, as_text
from .learners.text import TextLearner
from .learning import LearningAlgorithm
from .models.feature_learner import FeatureLearner
from .models.learner_spec import learner_for, learner_of
from .objectives import MEAN_LOSS
from .pool import planned
from .tasks import elsewhere
from .training import Plan, read_outputs, train_runs

SAMPLE, FEWEST = 2000, 200
"""Training rows that learners are tried on at most, and at least: on fewer, chance would choose."""
FEATURES = f"image:features={LITE0}"


def is_open(config: AuditConfig, dataset: Dataset) -> bool:
    """Whether there is a choice: images, enough of them, the extra `vision`, and nothing named by the user."""
    return (
        dataset.modality == "image"
        and config.learner is None
        and dataset.features is None
        and weights_file() is not None
        and len(dataset.rows("train")) >= FEWEST
    )


def chosen(config: AuditConfig, dataset: Dataset, track: Track) -> tuple[AuditConfig, str]:
    """The configuration with the learner that suits the images, and why it does, in words.

    A small net trained from scratch and a linear model on frozen features are both trained on halves of a sample, and
    the lower loss on the other halves wins.
    """
    with joblib.parallel_config(n_jobs=config.workers):
        losses = _losses(config, dataset, track)
    best = min(losses, key=lambda spec: losses[spec])
    return replace(config, learner=best), _in_words(dataset, losses, best)


def with_learnt_features(config: AuditConfig, dataset: Dataset, track: Track) -> Dataset:
    """The dataset with the features that the learner is on, if it is on any.

    They are computed but for those kept from earlier in a folder beside the output directory, for all audits of this
    dataset; features of the user's own stay, for the checks.
    """
    learner = learner_for(config.learner, dataset)
    if isinstance(learner, TextLearner) and learner.embedding is not None:
        sentence_embeddings(dataset, learner.embedding, kept.beside(config), track)
    if not isinstance(learner, FeatureLearner):
        return dataset
    features = image_features(dataset, learner.features, kept.beside(config), track, elsewhere())
    if config.previous is not None:
        known = kept.how_many(kept.of_audit(config.previous), dataset.contents)
        note = f"features of {known:,} different images are those that {as_text(str(config.previous))} had"
        dataset = replace(dataset, layout=replace(dataset.layout, notes=(*dataset.layout.notes, note)))
    if dataset.features is not None:
        return dataset
    return with_features(replace(dataset, features=features), learner.features, features)


def _losses(config: AuditConfig, dataset: Dataset, track: Track) -> dict[str, float]:
    """The loss of each learner, out of sample: of a half of the sample under the model trained on the other."""
    rows = np.sort(np.random.default_rng(config.seed).permutation(dataset.rows("train"))[:SAMPLE])
    features = features_of_rows(dataset, rows, LITE0, kept.beside(config), track, elsewhere())
    sample = with_features(dataset.part(rows), LITE0, features)
    plans = [planned(sample, config.seed, run)[0] for run in (0, 1)]
    folder = config.directory / "choice" / sample.fingerprint[:16]
    return {
        spec: _loss(sample, learner_of(spec, "image"), folder / str(number), config.seed, plans, track)
        for number, spec in enumerate(("image", FEATURES))
    }


def _loss(
    sample: Dataset, learner: LearningAlgorithm, folder: Path, seed: int, plans: list[Plan], track: Track
) -> float:
    train_runs(sample, learner, folder, seed, plans, False, track)
    outputs = np.zeros((len(sample), max(1, len(sample.class_names))), np.float32)
    for plan in plans:
        outputs[~plan.mask] = read_outputs(folder, plan.name)[~plan.mask]
    loss = float(MEAN_LOSS[sample.task](torch.from_numpy(outputs), torch.from_numpy(sample.targets)))
    return 2 * loss / max(float(np.var(sample.targets)), 1e-12) if sample.task == "regression" else loss


def _in_words(dataset: Dataset, losses: dict[str, float], best: str) -> str:
    measure = "squared error as a share of the variance" if dataset.task == "regression" else "log-loss"
    names = {"image": "a small net trained from scratch", FEATURES: "a linear model on a pretrained net's features"}
    (other,) = set(losses) - {best}
    return (
        f"the learner is {names[best]} ({best}), by its {measure} on held-out halves of "
        f"{min(SAMPLE, len(dataset.rows('train'))):,} training images: {losses[best]:.3f}, against {losses[other]:.3f} "
        f"of {names[other]}; --learner {other} overrides"
    )
