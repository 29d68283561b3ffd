"""Pictures as the JSON that Model Explorer opens (ai-edge-model-explorer: ``model-explorer FILE.json``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nnapi_core.artifact.artifact_graph import Picture, PictureNode

_COLOURS = {"nnapi": "#bfe8c8", "cpu": "#ffd3a3", "border": "#cfe0ff"}


def model_explorer_json(title: str, pictures: Sequence[Picture]) -> str:
    """A graph collection, of which the main graphs come first."""
    graphs = [{"id": one.name, "nodes": [_node(node) for node in one.nodes]} for one in pictures]
    return json.dumps({"label": title, "graphs": graphs}, indent=1)


def _node(node: PictureNode) -> dict[str, Any]:
    return {
        "id": node.name,
        "label": node.label,
        "namespace": node.piece,
        "subgraphIds": list(node.submodels),
        "attrs": _pairs([("device", node.device), *node.details]),
        "incomingEdges": [
            {
                "sourceNodeId": edge.source,
                "sourceNodeOutputId": str(edge.result),
                "targetNodeInputId": str(position),
            }
            for position, edge in enumerate(node.reads)
        ],
        "inputsMetadata": [
            {"id": str(position), "attrs": _pairs([("operand", edge.operand)])}
            for position, edge in enumerate(node.reads)
        ],
        "outputsMetadata": [
            {"id": str(position), "attrs": _pairs([("tensor_shape", said)])}
            for position, said in enumerate(node.results)
        ],
        "style": {"backgroundColor": _COLOURS[node.device]},
    }


def _pairs(values: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values]
