"""The bridge: from the torch graph to a NNAPI model, one lowering a node."""
