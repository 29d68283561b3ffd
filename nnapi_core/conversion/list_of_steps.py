"""What happens to a model, as a list of named steps.

`convert` runs all of them, `explain` those up to ``partition``, and ``--trace`` writes a file after each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from functools import partial

from attrs import define, evolve, field, frozen
from torch.export import ExportedProgram

from nnapi_core.artifact.contents import Contents, make_contents
from nnapi_core.conversion.options import ConversionOptions, Source
from nnapi_core.errors import Unsupported
from nnapi_core.graph.control_flow.branches import branches_of
from nnapi_core.graph.control_flow.unroll import unroll
from nnapi_core.graph.export.export_module import ExportNotes, export
from nnapi_core.graph.export.read_exported import read_exported
from nnapi_core.graph.passes.decompose import decompose
from nnapi_core.graph.passes.drop_unused import drop_unused
from nnapi_core.graph.passes.fold_batch_norm import fold_batch_norm
from nnapi_core.graph.passes.fold_constants import fold_constants
from nnapi_core.graph.passes.name_layers import name_layers
from nnapi_core.graph.passes.rewrite_unclaimed import rewrite
from nnapi_core.graph.program import Program
from nnapi_core.graph.quantised.quantize_calls import fold_quant
from nnapi_core.graph.quantised.quantized_io import take_integers
from nnapi_core.graph.sizes.free_sizes import is_flexible
from nnapi_core.graph.sizes.settle_counts import settle_counts
from nnapi_core.lowering.optimise import rewritten
from nnapi_core.lowering.optimise.cancel_transposes import cancel_transposes
from nnapi_core.lowering.optimise.choose_layouts import choose_layouts
from nnapi_core.lowering.optimise.fuse_activations import fuse_activations
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition, partition
from nnapi_core.lowering.partition.host_pieces import with_host_pieces
from nnapi_core.nnapi.model import Model
from nnapi_core.plugins.registry import Registry

Progress = Callable[[int, int], None]
"""Called with how much of how much is done."""


class Kind(Enum):
    """What a step works on. Steps of a kind stand together, in this order."""

    EXPORT = "exported program"
    READ = "program"
    GRAPH = "torch graph"
    """Also each graph that it calls."""
    PARTITION = "pieces"
    MODEL = "NNAPI model"
    """Each of them."""
    ARTIFACT = "artifact"


@define(eq=False)
class State:
    """What the steps so far have made. A step finds what it needs here, and leaves what it makes."""

    options: ConversionOptions
    registry: Registry
    source: Source | None = None
    notes: ExportNotes = field(factory=ExportNotes)
    kept: Collection[str] = ()
    """What other methods of the module change of it, by name."""
    given_back: Mapping[str, Unsupported] = field(factory=dict)
    """Nodes that stay on the CPU whatever their lowerings say, by name."""
    progress: Progress = lambda done, total: None
    run_on_branch: Callable[[State], None] = lambda state: None
    """Runs the steps on the graph over a graph that it calls."""
    exported: ExportedProgram = field(init=False)
    program: Program = field(init=False)
    partition: Partition = field(init=False)
    contents: Contents = field(init=False)
    sizes_are_free: bool = False


@frozen(eq=False)
class Step:
    """``function`` changes the state; a step of kind MODEL can also be asked what it makes of one ``model``."""

    name: str
    kind: Kind
    says: str
    """What it does, in a line."""
    function: Callable[[State], None]
    model: Callable[[State, Model], Model] | None = None


def on_graph(name: str, says: str, function: Callable[[Program], object]) -> Step:
    """A step that changes the graph in place."""

    def run(state: State) -> None:
        function(state.program)

    return Step(name, Kind.GRAPH, says, run)


def on_models(name: str, says: str, function: Callable[[State, Model], Model]) -> Step:
    """A step over every NNAPI model, those inside of control flow that torch runs included."""

    def run(state: State) -> None:
        state.partition = state.partition.rewritten(partial(function, state))

    return Step(name, Kind.MODEL, says, run, function)


def _export(state: State) -> None:
    assert state.source is not None
    source = state.source
    state.exported = export(
        source.module,
        source.args,
        source.kwargs,
        dynamic_shapes=source.dynamic_shapes,
        notes=state.notes,
    )


def _settle_counts(state: State) -> None:
    state.exported = settle_counts(state.exported, state.kept)
    state.sizes_are_free = is_flexible(state.exported)


def _functionalise(state: State) -> None:
    module = None if state.source is None else state.source.module
    state.program = read_exported(state.exported, module, state.kept)


def _decompose(state: State) -> None:
    decompose(state.program, state.registry)


def _rewrite_for_nnapi(state: State) -> None:
    rewrite(state.program, state.registry)


def _fold_quantize(state: State) -> None:
    fold_quant(state.program, state.options.target.level)


def _take_integers(state: State) -> None:
    if state.options.quantized_io:
        take_integers(state.program)


def _prepare_branches(state: State) -> None:
    for node in state.program.operations():
        if branches := branches_of(state.program, node):
            state.program.branches[node] = branches
            for branch in branches:
                # Only the outermost graph has borders where integers could enter.
                options = evolve(state.options, quantized_io=False)
                inner = State(options, state.registry, run_on_branch=state.run_on_branch)
                inner.program = branch.program
                state.run_on_branch(inner)


def _partition(state: State) -> None:
    state.partition = partition(
        state.program,
        state.registry,
        state.options.target,
        state.options.island_rule,
        given_back=state.given_back,
        open_branches=not state.sizes_are_free,
        progress=state.progress,
    )
    # A piece with free sizes is made from several conversions, which must have the same pieces.
    if state.options.fallback == "host" and not state.options.stock and not state.sizes_are_free:
        state.partition = with_host_pieces(state.program, state.registry, state.partition)


def _pack(state: State) -> None:
    relaxed = state.options.relax_float32_to_float16
    state.contents = make_contents(state.program, state.partition, relaxed=relaxed)


def _by(pass_: Callable[[Model], Model]) -> Callable[[State, Model], Model]:
    return lambda state, model: rewritten(pass_, model)


STEPS = (
    Step("export", Kind.EXPORT, "torch.export", _export),
    Step(
        "settle_counts", Kind.EXPORT, "sizes that constants decide become numbers", _settle_counts
    ),
    Step("functionalise", Kind.READ, "in-place operators become functional twins", _functionalise),
    on_graph("unroll", "loops of known length are unrolled, known conditions taken", unroll),
    on_graph("name_layers", "layers are called as torch.nn calls them", name_layers),
    on_graph("fold_batch_norm", "batch norms go into the layer before them", fold_batch_norm),
    Step(
        "decompose",
        Kind.GRAPH,
        "composite operators become what they are composed of",
        _decompose,
    ),
    on_graph("drop_unused", "calls whose results nobody reads go", drop_unused),
    Step("fold_quantize", Kind.GRAPH, "quantize and dequantize become types", _fold_quantize),
    Step("take_integers", Kind.GRAPH, "integers at the borders, if asked", _take_integers),
    on_graph("fold_constants", "what no input changes becomes constant", fold_constants),
    Step(
        "rewrite_for_nnapi",
        Kind.GRAPH,
        "what no lowering claims is said in other operators, beside the graph",
        _rewrite_for_nnapi,
    ),
    Step("prepare_branches", Kind.GRAPH, "the same for graphs of control flow", _prepare_branches),
    Step("partition", Kind.PARTITION, "nodes are lowered, and grouped into pieces", _partition),
    on_models(
        "cancel_transposes", "chains of reshapes and transposes get short", _by(cancel_transposes)
    ),
    on_models("choose_layouts", "regions lie as the fewest transposes need", _by(choose_layouts)),
    on_models("fuse_activations", "activations join their operation", _by(fuse_activations)),
    Step("pack", Kind.ARTIFACT, "manifest, words, numbered weights, torch programs", _pack),
)
"""All of a conversion, in order. Plugins' passes are put between those of their kind (`nnapi_core.plugin.Pass`)."""
