"""What a conversion looks like after each of its steps, as files that people read (``--trace FOLDER``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from attrs import define, field

from nnapi_core.artifact.atomic_write import written_whole
from nnapi_core.conversion.list_of_steps import Kind, State, Step
from nnapi_core.errors import ConversionError
from nnapi_core.graph.graph_text import graph_lines, program_lines
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition
from nnapi_core.nnapi.model_text import model_totals, operation_lines


@define(eq=False)
class Trace:
    """Numbers the files ``001-export.txt`` and so on. ``folder`` is new or empty.

    Where sizes are free, the steps run once for each of the sizes that are looked at.
    """

    folder: Path = field(converter=Path)
    _count: int = 0

    @classmethod
    def into(cls, folder: str | PathLike[str]) -> Trace:
        """Raises `ConversionError` for a folder that cannot be made, or that holds files."""
        path = Path(folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConversionError(f"{path}: the folder cannot be made: {error.strerror}") from error
        if any(path.iterdir()):
            raise ConversionError(
                f"{path} is not empty; a trace is written into a folder of its own"
            )
        return cls(path)

    def write(self, step: Step, state: State, seconds: float) -> None:
        """The state after a step that took ``seconds``."""
        self._count += 1
        name = re.sub(r"[^\w.-]+", "_", step.name)
        lines = [
            f"{step.name}: {step.says}",
            f"{seconds * 1e3:.1f} ms, feature level {state.options.target.level}"
            + (", for stock PyTorch" if state.options.stock else ""),
            "",
            *_lines(step.kind, state),
        ]
        with written_whole(self.folder / f"{self._count:03}-{name}.txt") as temporary:
            temporary.write_text("\n".join(lines) + "\n", "utf-8")


def _lines(kind: Kind, state: State) -> Iterator[str]:
    match kind:
        case Kind.EXPORT:
            yield from graph_lines(state.exported.graph)
        case Kind.READ | Kind.GRAPH:
            yield from program_lines(state.program)
        case Kind.PARTITION:
            yield from _pieces(state.partition)
            for node, refusal in state.partition.refusals.items():
                yield f"on the CPU: {node.name} ({node.target}): {refusal} [{refusal.code.value}]"
        case Kind.MODEL:
            yield from _pieces(state.partition)
        case Kind.ARTIFACT:
            sizes = {name: f"{len(words)} bytes" for name, words in state.contents.models.items()}
            weights = state.contents.weights.constants
            yield f"words: {json.dumps(sizes)}"
            yield f"weights: {len(weights)}, {sum(one.nbytes for one in weights)} bytes"
            yield json.dumps(state.contents.manifest, indent=1, default=str)


def _pieces(partition: Partition, path: str = "") -> Iterator[str]:
    for number, piece in enumerate(partition.pieces):
        nodes = ", ".join(node.name for node in piece.nodes)
        yield f"piece {path}{number} on {piece.device.value}: {nodes}"
        if piece.lowered is not None:
            model = piece.lowered.model
            yield f"  {model_totals(model)}"
            origins = [
                {"node": one.origin.node, "source": one.origin.source} for one in model.operations
            ]
            yield from operation_lines(model, origins)
        for place, inner in enumerate(piece.branches):
            yield from _pieces(inner, f"{path}{number}.{place}.")
