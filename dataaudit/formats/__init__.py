"""Dataset formats: `matches(path)` and `load(path, seed, track)`, one file a format."""
