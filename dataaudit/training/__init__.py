"""Training: a Dataset in, a Pool of trained models out.

In: a Dataset and a learning algorithm, built in or the user's own.
Out: Pool, models on random halves with their outputs on every row; and retrainings without chosen samples.
Stays out: scores, findings, anything that judges the data.
"""
