"""Which node runs where: nodes are lowered one by one, and grouped into pieces of one device each."""
