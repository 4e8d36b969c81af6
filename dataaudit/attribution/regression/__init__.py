"""Outcomes of training on known subsets, regressed on which samples were in them."""
