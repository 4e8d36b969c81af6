"""Training again without chosen rows."""

from pathlib import Path

import numpy as np

from dataaudit.dataset import silent
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.retraining import Retraining

from ..fixtures import MakeDataset, SmallLearner


def test_a_learner_without_seeds_is_trained_once_for_all_times(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, rows = make_dataset(), np.arange(4)
    removals = [np.zeros(0, np.int64), dataset.rows("train")[:5]]
    for learner, trainings in ((LinearLearner(), 2), (SmallLearner(epochs=1, batch_size=16), 6)):
        retraining = Retraining(dataset, learner, tmp_path / learner.name, 0, 3, silent)
        outputs = retraining.outputs(removals, range(3), rows)
        assert outputs.shape[:3] == (2, 3, 4)
        assert len(list((tmp_path / learner.name).glob("*.pt"))) == trainings
        assert (outputs[:, 0] == outputs[:, 1]).all() == (trainings == 2)
