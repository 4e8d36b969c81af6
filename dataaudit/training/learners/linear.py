"""A linear model on a row of numbers for every sample: pixels, words, encoded columns or values."""

from ..models.linear_learner import LinearLearner

LEARNER = LinearLearner
