"""A data card: what an audit measured of a dataset, and the questions that only its owner can answer."""
