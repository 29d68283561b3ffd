"""Products of matrices, attention, and distances between rows."""
