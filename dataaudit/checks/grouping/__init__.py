"""Samples that belong together, and samples in time."""
