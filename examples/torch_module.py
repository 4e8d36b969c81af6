"""A torch module of your own, for tables and arrays: trained by dataaudit, or trained already.

    dataaudit run sample_data/flights --learner examples.torch_module:net:epochs=20
    dataaudit run sample_data/flights --learner examples.torch_module:net --checkpoint a.pt --checkpoint b.pt

A factory may look at the dataset. What the module is given are images as pixels (n, channels, height, width), arrays
as they are, and tables and texts as rows of numbers; a module with a method `encode` makes its batches itself, see
hugging_face_text.py.
"""

from torch import nn

from dataaudit.data.features.vectors import features
from dataaudit.dataset import Dataset


def net(dataset: Dataset) -> nn.Module:
    """Two hidden layers."""
    width = features(dataset).shape[1]
    return nn.Sequential(
        nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, len(dataset.class_names))
    )
