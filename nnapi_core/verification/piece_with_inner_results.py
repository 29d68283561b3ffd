"""One NNAPI piece of a conversion, lowered again so that it gives other results than the conversion needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch.fx import Node

import nnapi_runtime
from nnapi_core.artifact.describe_pieces import described_node, nnapi_piece
from nnapi_core.conversion.converted import Background
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition
from nnapi_core.lowering.partition.lower import Lowerer
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.serialize import WeightTable, serialize
from nnapi_core.verification.run_in_torch import Values

_NO_ALIASES = Partition([], {})


class ProbedPiece:
    """A part of a piece's nodes, in their order, in one NNAPI model."""

    def __init__(self, background: Background, nodes: Sequence[Node]) -> None:
        self.background = background
        self.lowerer = Lowerer(
            background.program,
            background.registry,
            background.target,
            calls=background.partition.calls,
        )
        for node in nodes:
            self.lowerer.lower(node)

    def computed(self, tensors: Sequence[Node]) -> list[Node]:
        """Those of the tensors that the model computes, each under a name of its own."""
        return self.lowerer.distinct(tensors)

    def run(
        self,
        results: Sequence[Node],
        values: Values,
        *,
        passes: Callable[[Model], Model] = Model.pruned,
        relaxed: bool = False,
    ) -> list[Any]:
        """The ``results``, of what ``values`` has for the inputs, after ``passes`` over the model."""
        lowered = self.lowerer.finish(results)
        model = passes(lowered.model)
        weights = WeightTable()
        manifest = {
            "feature_level": model.level,
            "relaxed": relaxed,
            "inputs": [described_node(border.node) for border in lowered.inputs],
            "outputs": [described_node(border.node) for border in lowered.outputs],
            "output_tree": ["tuple", [["leaf"]] * len(results)],
            "constants": {},
            "stages": [nnapi_piece("model", lowered, model, _NO_ALIASES)],
        }
        words = serialize(model, weights)
        arrays = [one.array() for one in weights.constants]
        session = nnapi_runtime.Session(manifest, {"model": words}, arrays, {})
        return list(session(*(values[border.node].contiguous() for border in lowered.inputs)))
