"""How fast models run here and in every installed peer: ``python -m benchmarks.speed`` (docs/performance.md)."""
