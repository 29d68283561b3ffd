"""Convolutions and transposed convolutions of one to three dimensions."""
