"""Removes calls whose results nobody reads."""

from __future__ import annotations

from nnapi_core.graph.program import Program


def drop_unused(program: Program) -> None:
    for node in reversed(list(program.graph.nodes)):
        if node.op in ("call_function", "get_attr") and not node.users:
            program.graph.erase_node(node)
