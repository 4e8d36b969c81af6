"""Evaluation: which attribution method to believe on a dataset (`dataaudit evaluate`).

In: a Dataset and the names of backends.
Out: Evaluation, and evaluation.html and .json of it.
Stays out: findings and verdicts.
"""
