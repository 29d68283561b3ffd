"""Normalisation by given statistics, or by those of the elements themselves."""
