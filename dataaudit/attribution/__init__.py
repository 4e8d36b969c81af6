"""Attribution: models in, the influence of each training sample on each prediction out.

In: a Pool, or trained modules and tensors.
Out: Attribution (n_train, n_target), and how far it can be trusted.
Stays out: findings and the rules they follow.
"""
