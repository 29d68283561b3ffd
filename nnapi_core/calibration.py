"""From a float module to integers: calibration, and training with them in mind, by torchao's PT2E.

program = nnapi_core.quantize(module, calibration_batches)
nnapi_core.convert(program, example_args).save("model.nnapi")
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule

from nnapi_core.errors import ConversionError
from nnapi_core.graph.export import export
from nnapi_core.graph.quantized import is_quantize
from nnapi_core.quantizer import NnapiQuantizer
from nnapi_core.trained_batch_norms import fold_trained_batch_norms

# isort: split
# After the quantiser, which says what to do where torchao is not installed.
from torchao.quantization.pt2e import allow_exported_model_train_eval, move_exported_model_to_eval
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e, prepare_qat_pt2e


def quantize(
    module: torch.nn.Module,
    calibration_batches: Iterable[tuple[Any, ...]],
    *,
    feature_level: int = 29,
    per_channel: bool = True,
    dynamic_shapes: Any = None,
) -> ExportedProgram:
    """A quantised program, which `convert` takes; its scales are those of the batches.

    ``calibration_batches`` are tuples of arguments, as typical as possible; a few dozen examples do. The program
    has the shapes of the first one, and so have the others unless ``dynamic_shapes`` frees some. ``module`` is not
    changed. Raises `ConversionError` where there is no batch, or the module cannot be exported or quantised.
    """
    if not isinstance(calibration_batches, Iterable):
        raise ConversionError(
            f"calibration_batches is {calibration_batches!r}, not a list of tuples"
        )
    batches = [_arguments(batch) for batch in calibration_batches]
    if not batches:
        raise ConversionError("calibration_batches is empty; give a few typical argument tuples")
    quantizer = NnapiQuantizer(feature_level=feature_level, per_channel=per_channel)
    with _mode(module, training=False):
        graph = export(module, batches[0], dynamic_shapes=dynamic_shapes).module()
    prepared = prepare_pt2e(graph, quantizer)
    with torch.no_grad():
        for number, batch in enumerate(batches):
            try:
                prepared(*batch)
            except Exception as error:
                raise ConversionError(
                    f"calibration batch {number} does not run as the first one does "
                    f"({type(error).__name__}: {error}); give batches of equal shapes, or dynamic_shapes"
                ) from error
    return _finished(prepared, batches[0], dynamic_shapes)


def prepare_qat(
    module: torch.nn.Module,
    example_args: tuple[Any, ...],
    *,
    feature_level: int = 29,
    per_channel: bool = True,
) -> GraphModule:
    """A copy of the module as a graph that rounds as NNAPI will, to be trained; then `finish_qat`."""
    quantizer = NnapiQuantizer(feature_level=feature_level, per_channel=per_channel, training=True)
    example_args = _arguments(example_args)
    graph = export(copy.deepcopy(module).train(), example_args).module()
    prepared: GraphModule = prepare_qat_pt2e(graph, quantizer)
    # PT2E's graphs refuse train() and eval() otherwise, which a training loop calls.
    allow_exported_model_train_eval(prepared)
    return prepared


def finish_qat(prepared: GraphModule, example_args: tuple[Any, ...]) -> ExportedProgram:
    """The trained graph of `prepare_qat` as a quantised program, which `convert` takes; the graph is used up."""
    move_exported_model_to_eval(prepared)
    fold_trained_batch_norms(prepared)
    return _finished(prepared, _arguments(example_args), None)


def _finished(prepared: GraphModule, args: tuple[Any, ...], dynamic_shapes: Any) -> ExportedProgram:
    program = export(convert_pt2e(prepared), args, dynamic_shapes=dynamic_shapes)
    if not any(is_quantize(node) for node in program.graph.nodes):
        raise ConversionError(
            "nothing in this module can be quantised: it has no operator of float32 tensors that NNAPI computes "
            "in integers. Convert it as it is; a model of another float type is quantised after module.float()"
        )
    return program


def _arguments(batch: Any) -> tuple[Any, ...]:
    if not isinstance(batch, (tuple, list)):
        raise ConversionError(
            f"the arguments of the module are given as a tuple, as in (images,), not as {type(batch).__name__}"
        )
    return tuple(batch)


@contextmanager
def _mode(module: torch.nn.Module, *, training: bool) -> Iterator[None]:
    """Leaves every part of the module in the mode in which it was."""
    before = {one: one.training for one in module.modules()}
    module.train(training)
    try:
        yield
    finally:
        for one, mode in before.items():
            one.training = mode
