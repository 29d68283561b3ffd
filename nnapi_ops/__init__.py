"""The built-in lowerings, one module for each family of ATen operations."""
