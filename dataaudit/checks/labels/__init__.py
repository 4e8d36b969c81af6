"""How likely each given label, or number, is wrong, and how well columns predict it."""
