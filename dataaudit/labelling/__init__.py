"""Labelling: an audit in, tasks for a labelling tool out, and what was answered there back as decisions.

In: audit.json, the dataset that it is about, and what the tool exports.
Out: tasks, one a finding, with the configuration that they need; decisions as `dataaudit apply` takes them.
Stays out: models and scores; the tools themselves, which nothing here imports.
"""
