"""A graph as one self-contained page: drawn, coloured, and explained node by node."""
