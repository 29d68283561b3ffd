"""``cond``, ``while_loop``, ``scan`` and ``map`` in the torch graph."""
