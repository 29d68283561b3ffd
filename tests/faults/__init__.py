"""Faults of the machine, made by a library that is loaded before all others (faults.c)."""
