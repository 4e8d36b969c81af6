"""Comparison of two learning algorithms by how they use the data (`dataaudit compare`; ModelDiff, Shah et al. 2022).

In: a Dataset and two learners, or finished runs of them.
Out: Comparison, and comparison.html and .json of it.
Stays out: findings and verdicts.
"""
