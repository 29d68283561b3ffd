"""Looks into a conversion that differs from torch: which node departs first, and why."""
