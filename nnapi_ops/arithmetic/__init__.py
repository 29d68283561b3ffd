"""Elementwise mathematics: numbers in, numbers or booleans out."""
