"""The curvature of the training loss, and its inverse."""
