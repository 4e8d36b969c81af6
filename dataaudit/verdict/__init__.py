"""Judging: what an audit found, and a policy, in; a verdict out.

In: findings and checks, the policy in files and flags, a baseline, a reviewer's decisions.
Out: Verdict with its exit code, and what changed since another audit.
Stays out: torch, inputs of samples, anything that is computed from them.
"""
