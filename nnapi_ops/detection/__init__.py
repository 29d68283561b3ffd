"""Boxes: proposals, suppression, and what is cut out of feature maps."""
