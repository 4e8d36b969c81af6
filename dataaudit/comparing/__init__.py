"""Comparing two learning algorithms by how they use the data (ModelDiff; Shah et al. 2022)."""
