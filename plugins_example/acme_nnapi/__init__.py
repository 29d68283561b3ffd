"""Acme's operators and rewrites for NNAPI: one module for each thing that a plugin may do.

An entry point names this package; each module in it whose name does not begin with ``_`` is a plugin.
"""
