"""Models in PyTorch Mobile, on its CPU and on NNAPI, here or on a device: ``python -m benchmarks.mobile``."""
