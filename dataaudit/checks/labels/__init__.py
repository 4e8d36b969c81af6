"""How likely each given label, or number, is wrong."""
