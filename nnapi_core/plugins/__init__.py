"""How ops come in: hook specifications, discovery through entry points, and the registry."""
