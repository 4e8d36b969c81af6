"""Reading: a path in, a Dataset out.

In: a file or folder, and what its dataaudit.toml says of it.
Out: Dataset, with every sample that could not be read, and every path left out, named.
Stays out: models, scores and findings.
"""
