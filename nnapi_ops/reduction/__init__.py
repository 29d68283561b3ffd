"""Reductions over dimensions, sorting, and running sums."""
