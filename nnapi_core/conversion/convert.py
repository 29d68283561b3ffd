"""`nnapi_core.convert`: from a module to a `Converted`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal

import torch
from torch.export import ExportedProgram

from nnapi_core.conversion.conversion import Conversion, Outcome
from nnapi_core.conversion.converted import Background, Converted
from nnapi_core.conversion.list_of_steps import Progress
from nnapi_core.conversion.log import warn_of_little
from nnapi_core.conversion.options import ConversionOptions, Source
from nnapi_core.conversion.self_check import MOST_SECONDS, check_runs, loops_outside
from nnapi_core.errors import Unsupported
from nnapi_core.flexible.strategy import Strategy
from nnapi_core.graph.program import source_of
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition
from nnapi_core.lowering.partition.group_nodes_into_pieces import DEFAULT_RULE, IslandRule
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.plugins.calls import call_report_hooks
from nnapi_core.plugins.registry import Registry


def convert(
    module: torch.nn.Module | ExportedProgram,
    example_args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    feature_level: int = 29,
    fallback: Literal["cpu", "host", "error"] = "cpu",
    dynamic_shapes: Any = None,
    sizes: Sequence[Mapping[str, int]] | None = None,
    shape_strategy: Strategy | None = None,
    relax_float32_to_float16: bool = False,
    quantized_io: bool = False,
    device_profile: DeviceProfile | None = None,
    islands: IslandRule = DEFAULT_RULE,
    registry: Registry | None = None,
    self_check: bool = True,
    progress: Progress = lambda done, total: None,
    trace: str | PathLike[str] | None = None,
) -> Converted:
    """Converts a module (or an exported program) to NNAPI.

    ``example_args`` and ``kwargs`` (arguments by name) are what it is called with: tensors, in tuples, lists,
    dicts, named tuples and dataclasses as deep as you like; numbers, texts and None become part of the conversion. A
    call is structured as the example is: dicts by key, sequences by place, named arguments by name.

    ``feature_level`` is what the oldest device to run it offers (27 is Android 8.1, 29 Android 10, 30 Android 11).
    Nodes that NNAPI cannot express exactly at that level stay in torch (``fallback="cpu"``), or are all
    listed in a `ConversionError` (``fallback="error"``). With ``fallback="host"`` they become pieces for our own
    library, which an app ships beside the phone's, and only what that cannot express either stays in torch (models
    with free sizes stay as with "cpu"). ``device_profile`` narrows the target to what one driver takes; ``islands``
    says when small NNAPI pieces go back to the CPU.

    ``dynamic_shapes`` are `torch.export`'s: dimensions that are named and have ranges. One artifact then serves
    them all (docs/flexible_shapes.md), in the best of three ways, which the report names; ``shape_strategy`` asks for
    one of them, and ``sizes`` lists the values of the named dimensions to make fixed models for.

    A quantised program (`nnapi_core.quantize`) runs in integers inside; with ``quantized_io`` it takes and gives them
    too: tensors of uint8 or int8, whose scales and zero points are written in the artifact.

    With ``self_check``, what was made is run here before it is handed over, on ``example_args`` and at the smallest of
    its free sizes: one compilation, and one or two runs. A copy of the module over the same weights is called twice,
    and refused where the second result is another: it keeps a state in plain attributes, which torch.export does not
    see. Models of more than 64 MB of weights are not run; the report says so.

    Where little runs on NNAPI, the logger ``nnapi_core`` warns of it in one line that says why; at level DEBUG it tells
    the time that each step takes.

    ``trace`` is a new or empty folder, for a file after each step of the conversion, with its time.

    Raises `ConversionError` for a model or arguments that cannot be converted, and for a conversion that does not run;
    `Unsupported`, a kind of it, lists what NNAPI cannot express where that was asked for.
    """
    options = ConversionOptions(
        feature_level=feature_level,
        fallback=fallback,
        sizes=sizes,
        shape_strategy=shape_strategy,
        relax_float32_to_float16=relax_float32_to_float16,
        quantized_io=quantized_io,
        device_profile=device_profile,
        islands=islands,
        self_check=self_check,
    )
    source = Source(module, example_args, dynamic_shapes, kwargs or {})
    conversion = Conversion.of(source, options, registry, progress=progress, trace=trace)
    outcome = conversion.run()
    if fallback == "error" and outcome.partition.refusals:
        raise refusal_error(outcome.partition)
    converted = _checked(outcome, conversion)
    warn_of_little(converted.report)
    if fallback != "error" and conversion.can_run_again(outcome):
        converted.make_for_stock = lambda: _checked(conversion.for_stock(outcome), conversion)
    return converted


def _checked(outcome: Outcome, conversion: Conversion) -> Converted:
    """What an outcome is as a model, which was run if that is asked."""
    background = Background(
        outcome.program, outcome.partition, conversion.registry, outcome.options
    )
    converted = Converted(outcome.contents, outcome.report(), background)
    if outcome.options.self_check:
        run = converted.run_tensors
        if loops_outside(outcome.contents.manifest):
            run = converted.open_session(timeout=MOST_SECONDS).run_tensors
        converted.report.notes += check_runs(outcome.contents, run, conversion.source)
        converted.reset()
    call_report_hooks(conversion.registry.report_hooks, converted.report)
    return converted


def refusal_error(partition: Partition) -> Unsupported:
    """One error that lists every refused node with its reason and the user's source line."""
    lines = [
        f"  {node.name} ({node.target}) at {source_of(node) or 'unknown line'}: {refusal}"
        for node, refusal in partition.refusals.items()
    ]
    return Unsupported(
        f"{len(lines)} node(s) cannot run on NNAPI, and fallback is 'error':\n" + "\n".join(lines)
    )
