"""The built-in lowerings: one family a file, each file a plugin module."""
