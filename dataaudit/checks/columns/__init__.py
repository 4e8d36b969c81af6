"""What columns of a table say, by themselves and of the label."""
