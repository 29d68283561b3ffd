"""Models whose sizes are known when they are loaded or run."""
