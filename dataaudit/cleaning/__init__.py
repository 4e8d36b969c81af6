"""Mending a dataset by a reviewer's decisions: what is to change, a copy to change, whether it came out so."""
