"""Cleaning: a dataset and a reviewer's decisions in, a cleaned dataset out (`dataaudit apply`).

In: decisions.json and the dataset that it is about.
Out: a copy with the accepted remedies applied, read again and compared with the plan, and a record of it.
Stays out: models and scores; nothing here decides.
"""
