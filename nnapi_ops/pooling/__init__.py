"""Pooling with windows."""
