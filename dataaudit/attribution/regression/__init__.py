"""Outcomes of training on known subsets, regressed on who was in them."""
