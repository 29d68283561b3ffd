"""Rewrites of the torch graph: one file a pass."""
