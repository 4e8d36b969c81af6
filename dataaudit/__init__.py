"""Audit a labelled dataset by asking what each training sample does to the model."""

__version__ = "0.1.0"
