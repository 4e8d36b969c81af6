"""Faults planted on purpose, to see how many are found again."""
