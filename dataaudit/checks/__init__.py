"""Checking: Dataset, Pool and Attribution in, findings out, proven by retraining.

In: what every detector is given, detection.CheckContext.
Out: findings, candidates of pairs, figures of samples, and how well planted faults were found.
Stays out: how anything is shown or judged; detectors neither print nor train by themselves.
"""
