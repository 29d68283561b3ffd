"""Detectors with torchvision's parameter names and results: SSD-Lite, Faster, Mask and Keypoint R-CNN.

Plain definitions for evaluation, so that weights published for torchvision's load, and nothing but torch is needed.
"""
