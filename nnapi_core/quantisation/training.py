"""Training with integers in mind, by torchao's PT2E."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule

from nnapi_core.errors import ConversionError
from nnapi_core.graph.calibration_record import CalibrationRecord
from nnapi_core.graph.export.export_module import export
from nnapi_core.graph.passes.aliasing import mutated
from nnapi_core.graph.passes.functionalise import rename_written
from nnapi_core.plugins.registry import Registry
from nnapi_core.quantisation.batches import as_arguments, copied
from nnapi_core.quantisation.calibration import (
    finished_program,
    refuse_states,
    refusing,
    results_of,
)
from nnapi_core.quantisation.float_graph import hide_batch_norms, show_batch_norms
from nnapi_core.quantisation.quantizer import NnapiQuantizer
from nnapi_core.quantisation.rewrite_for_integers import spell_in_integers
from nnapi_core.quantisation.trained_batch_norms import (
    fold_trained_batch_norms,
    of_parameters,
    scale_by_batch_norms,
)

# isort: split
# After the quantiser, which says what to do where torchao is not installed.
from torchao.quantization.pt2e import allow_exported_model_train_eval, move_exported_model_to_eval
from torchao.quantization.pt2e.fake_quantize import FakeQuantizeBase
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_qat_pt2e

from nnapi_core.quantisation.comparison import distances


def prepare_qat(
    module: torch.nn.Module,
    example_args: tuple[Any, ...],
    *,
    feature_level: int = 29,
    per_channel: bool = True,
    registry: Registry | None = None,
) -> GraphModule:
    """A copy of the module as a graph that rounds as NNAPI will, to be trained; then `finish_qat`.

    ``registry`` is as of `quantize`.

    Raises `ConversionError` for a module that cannot be exported or prepared.
    """
    quantizer = NnapiQuantizer(
        feature_level=feature_level, per_channel=per_channel, training=True, registry=registry
    )
    example_args = as_arguments(example_args)
    if not isinstance(module, torch.nn.Module):
        raise ConversionError(f"a torch.nn.Module is trained, not {type(module).__name__}")
    exported = export(copy.deepcopy(module).train(), copied(example_args))
    refuse_states(exported)
    graph = exported.module()
    # What counts batches stays as it is.
    fixed = of_parameters(graph.graph)
    counting = {node for node in graph.graph.nodes if any(one in fixed for one in mutated(node))}
    if not rename_written(graph.graph, leave=counting):
        raise ConversionError(
            "the module writes into its arguments or through views when it is trained; write the "
            "results of such operators instead (x = x + 1, not x += 1)"
        )
    with refusing("prepared"):
        spell_in_integers(graph, feature_level)
        scale_by_batch_norms(graph)
        # It would bring those that are left into a form that is right for one eps only.
        hide_batch_norms(graph)
        prepared: GraphModule = prepare_qat_pt2e(graph, quantizer)
        show_batch_norms(prepared)
        # PT2E's graphs refuse train() and eval() otherwise, which a training loop calls.
        allow_exported_model_train_eval(prepared)
    return prepared


def finish_qat(prepared: GraphModule, example_args: tuple[Any, ...]) -> ExportedProgram:
    """The trained graph of `prepare_qat` as a quantised program, which `convert` takes; the graph is used up.

    How far rounding takes it away from what was trained, at the example, is kept with the program
    (`CalibrationRecord`). Raises `ConversionError` where the example is no arguments of the graph, and where the
    graph cannot be finished.
    """
    example_args = as_arguments(example_args)
    if not isinstance(prepared, GraphModule):
        raise ConversionError(
            f"what prepare_qat made is finished, not {type(prepared).__name__}; call prepare_qat(module, example_args) "
            "first, and train its result"
        )
    with refusing("finished"):
        move_exported_model_to_eval(prepared)
    with _without_rounding(prepared):
        wanted = results_of(prepared, example_args, None)
    with refusing("finished"):
        fold_trained_batch_norms(prepared)
        hide_batch_norms(prepared)
        finished = convert_pt2e(prepared)
    program = finished_program(finished, example_args)
    made = results_of(finished, example_args, None)
    CalibrationRecord(1, distances([made], [wanted]), {}, trained=True).keep_with(program)
    return program


@contextmanager
def _without_rounding(prepared: GraphModule) -> Iterator[None]:
    """A run in between is no training: nothing rounds, and no observer takes note."""
    switches = [
        switch
        for one in prepared.modules()
        if isinstance(one, FakeQuantizeBase)
        for switch in (one.fake_quant_enabled, one.observer_enabled)
    ]
    before = [switch.clone() for switch in switches]
    for switch in switches:
        switch.zero_()
    try:
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.copy_(value)
