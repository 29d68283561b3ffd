"""The sizes that an exported program leaves open."""
