"""Detectors: from scores and probabilities to findings, one file a check."""
