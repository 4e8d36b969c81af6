"""Samples as rows of numbers, without their labels."""
