"""From a float module to integers: calibration by torchao's PT2E.

program = nnapi_core.quantize(module, calibration_batches)
nnapi_core.convert(program, example_args).save("model.nnapi")
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import frozen
from torch.export import ExportedProgram
from torch.fx import GraphModule

from nnapi_core.errors import ConversionError
from nnapi_core.graph.calibration_record import CalibrationRecord, TensorRange
from nnapi_core.graph.export.export_module import export
from nnapi_core.graph.passes.functionalise import states_changed
from nnapi_core.graph.quantised.quantize_calls import is_quantize
from nnapi_core.plugins.registry import Registry
from nnapi_core.quantisation import quantizer  # noqa: F401
from nnapi_core.quantisation.batches import Batch, CalibrationBatches, copied
from nnapi_core.quantisation.float_choices import chosen_nodes

# isort: split
# After the quantiser, which says what to do where torchao is not installed.
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

from nnapi_core.quantisation.bias_correction import correct_biases
from nnapi_core.quantisation.calibrated_graph import CalibratedGraph, Choices
from nnapi_core.quantisation.comparison import (
    Distances,
    check_finished,
    check_prepared,
    differs,
    flat_copy,
)
from nnapi_core.quantisation.goal import Goal
from nnapi_core.quantisation.mixed_precision import Search


def quantize(
    module: torch.nn.Module | ExportedProgram,
    calibration_batches: Iterable[tuple[Any, ...]],
    *,
    feature_level: int = 29,
    per_channel: bool = True,
    dynamic_shapes: Any = None,
    calibration: str = "mse",
    bias_correction: bool = False,
    recurrent: bool = False,
    float_nodes: Collection[str] = (),
    float_types: Collection[Any] = (),
    target_snr: float | None = None,
    metric: Callable[[Callable[..., Any]], float] | None = None,
    at_least: float | None = None,
    progress: Callable[[str], None] | None = None,
    registry: Registry | None = None,
) -> ExportedProgram:
    """A quantised program, which `convert` takes; its scales are those of the batches.

    ``calibration_batches`` are tuples of arguments, as typical as possible; a few dozen examples do. They are walked
    through and not held; of what can be iterated once only, the first eight are. The program
    has the shapes of the first one, and so have the others unless ``dynamic_shapes`` frees some. ``module`` is not
    changed. A tensor that is not finite on some batch (a mask of -inf) stays a float.

    ``calibration`` names how a tensor's range is found: "min-max", "percentile", "histogram", "mse", or "best",
    which tries all of them for each tensor and takes the one that takes the results away the least.

    ``bias_correction`` gives layers that have a bias another one, with which the mean of each of their channels over
    the first eight batches is what it is in floats.

    ``recurrent`` computes LSTM, GRU and plain recurrent layers of up to 128 steps in integers, state and all: a copy of
    the cell for each step, with ranges of its own. Otherwise they stay in floats between two casts.

    ``float_nodes`` are computed in floats: names of nodes of the exported graph, or of submodules, with ``*`` for any
    part; so are operators and modules of ``float_types``, by their classes or names ("softmax", "LayerNorm").

    With ``target_snr`` (dB, of the worst result), or ``metric`` and ``at_least``, as few layers as are needed to reach
    it are left in floats besides: those first whose rounding alone takes the results away the most. ``metric`` takes
    a callable, which takes and gives what the module does, and returns a number: the larger, the better.
    ``progress`` is told what is done. Plugins, those of ``registry`` or else those that are
    installed, say which of their operators are rounded, and how these share ranges.

    What comes out is compared with the module on the batches: but for the rounding to integers it computes the
    same, and how far that takes it away is kept with the program (`CalibrationRecord`). Raises `ConversionError`
    where there is no batch, where one is not like the first or holds a NaN, where the module cannot be
    exported or quantised, where a name is none, and where the goal cannot be reached.
    """
    goal = Goal.of(target_snr, metric, at_least)
    choices = Choices(feature_level, per_channel, calibration, recurrent, registry)
    choices.check()
    batches = CalibrationBatches(calibration_batches, free_sizes=dynamic_shapes is not None)
    tell = progress or (lambda _: None)
    with _evaluating(module) as run:
        exported = export(module, batches.first, dynamic_shapes=dynamic_shapes)
        refuse_states(exported)
        left = chosen_nodes(exported, float_nodes, float_types)
        results_of(run, batches.first, 0)
        tell("calibrating")
        with refusing("prepared"):
            calibrated = CalibratedGraph(exported, choices, batches)
        search = None
        if goal is not None:
            with refusing("measured"):
                search = Search.run(calibrated, goal, left, batches.sample, tell)
        while True:
            kept = left if search is None else left | search.left
            tell("quantising")
            made = _Finished.of(
                calibrated, exported, kept, batches, run, bias_correction=bias_correction
            )
            if search is None or goal is None:
                break
            snr = min(made.distances, default=math.inf)
            if not search.falls_short(goal.value(made.graph, snr)):
                break
        program = finished_program(made.graph, batches.first, dynamic_shapes)
    record = CalibrationRecord(
        batches=made.count,
        snr=made.distances,
        floats=calibrated.floats,
        calibration=calibration,
        tensors=made.tensors,
        left=tuple(sorted(kept)),
        layers=() if search is None else search.layers,
        curve=() if search is None else tuple(search.curve),
        goal="" if goal is None else str(goal),
    )
    record.keep_with(program)
    return program


@frozen(eq=False)
class _Finished:
    """What PT2E makes of a graph, held against the module on every batch."""

    graph: GraphModule
    count: int
    distances: tuple[float, ...]
    tensors: tuple[TensorRange, ...]

    @classmethod
    def of(
        cls,
        calibrated: CalibratedGraph,
        exported: ExportedProgram,
        left: Collection[str],
        batches: CalibrationBatches,
        run: Callable[..., Any],
        *,
        bias_correction: bool,
    ) -> _Finished:
        with refusing("prepared"):
            prepared = calibrated.prepared(left)
        observed = flat_copy(prepared.module)

        def compare(batch: Batch, wanted: Any, number: int) -> None:
            made = results_of(observed, tuple(pytree.tree_leaves(batch)), number)
            if differs(made, wanted):
                check_prepared(observed, exported.module(), prepared.folded, batch)

        compare(batches.first, results_of(run, batches.first, 0), 0)
        tensors = prepared.tensors()
        with refusing("finished"), torch.no_grad():
            corrected = correct_biases(prepared.module, batches.sample) if bias_correction else 0
            asked = flat_copy(prepared.module) if corrected else observed
            finished = convert_pt2e(prepared.module)
            check_finished(finished, asked, batches.first)
        total, count = Distances(), 0
        for number, batch in enumerate(batches.all()):
            wanted = results_of(run, batch, number)
            compare(batch, wanted, number)
            total.add(results_of(finished, batch, number), wanted)
            count += 1
        return cls(finished, count, total.decibels, tensors)


def refuse_states(exported: ExportedProgram) -> None:
    """Calibration and training would leave other values in the buffers than the model is to begin with."""
    states = [
        name
        for name in states_changed(exported)
        # A batch norm's counter, in training.
        if name.rpartition(".")[2] != "num_batches_tracked"
    ]
    if states:
        raise ConversionError(
            f"the model keeps state ({', '.join(states)}), which is not quantised; quantise the parts that do not, "
            "or pass the state in and return it"
        )


def finished_program(
    finished: GraphModule, args: Batch, dynamic_shapes: Any = None
) -> ExportedProgram:
    """The program of a graph that PT2E has quantised. Raises `ConversionError` where nothing is."""
    program = export(finished, copied(args), dynamic_shapes=dynamic_shapes)
    graphs = [one for one in program.graph_module.modules() if isinstance(one, GraphModule)]
    if not any(is_quantize(node) for one in graphs for node in one.graph.nodes):
        raise ConversionError(
            "nothing in this module can be quantised: it has no operator of float32 tensors that NNAPI computes "
            "in integers, or none with finite values. Convert it as it is; a model of another float type is "
            "quantised after module.float()"
        )
    return program


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Makes what torchao raises a `ConversionError`."""
    try:
        yield
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(
            f"this module cannot be {what} by torchao's PT2E ({type(error).__name__}: {error}); convert it in "
            "floats, or quantise the parts of it that can be"
        ) from error


@contextmanager
def _evaluating(module: Any) -> Iterator[Any]:
    """What runs the module in evaluation mode; afterwards every part of it is in the mode in which it was."""
    if isinstance(module, ExportedProgram):
        yield module.module()
        return
    if not isinstance(module, torch.nn.Module):
        raise ConversionError(f"a torch.nn.Module is quantised, not {type(module).__name__}")
    before = {one: one.training for one in module.modules()}
    module.eval()
    try:
        yield module
    finally:
        for one, mode in before.items():
            one.training = mode


def results_of(module: Any, batch: Batch, number: int | None) -> Any:
    """Raises `ConversionError` where the module does not run; ``number`` is the batch's, None for the example."""
    try:
        with torch.no_grad():
            return pytree.tree_map_only(torch.Tensor, torch.clone, module(*copied(batch)))
    except Exception as error:
        what = "the example" if number is None else f"calibration batch {number}"
        raise ConversionError(f"{what} does not run ({type(error).__name__}: {error})") from error
