"""What is trained: the recipes' machinery, and the user's own models."""
