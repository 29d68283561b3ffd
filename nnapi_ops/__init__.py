"""The built-in lowerings: a folder for each family; modules whose names do not begin with ``_`` are plugin modules."""
