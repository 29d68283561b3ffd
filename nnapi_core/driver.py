"""The driver: from a module to a `Converted`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
import torch.utils._pytree as pytree
from attrs import define, evolve, field, frozen
from torch.export import ExportedProgram

from nnapi_core.artifact.nnapi_file import save_nnapi
from nnapi_core.artifact.parts import Parts, make_parts
from nnapi_core.artifact.stock_parts import within_stock
from nnapi_core.artifact.torchscript import save_torchscript
from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.flexible.at_sizes import AtSizes, Lower
from nnapi_core.flexible.choose import Flexible, convert_flexible
from nnapi_core.flexible.strategy import Strategy
from nnapi_core.graph.counted import settle_counts
from nnapi_core.graph.export import export, prepare
from nnapi_core.graph.free_sizes import dim_specs, is_flexible, takes_free_sizes
from nnapi_core.graph.program import Program, source_of
from nnapi_core.lowering.lower import Target
from nnapi_core.lowering.optimize import optimize
from nnapi_core.lowering.partition import Partition, partition
from nnapi_core.lowering.pieces import DEFAULT_RULE, IslandRule
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.opset import FEATURE_LEVELS
from nnapi_core.plugins.definition import Phase
from nnapi_core.plugins.registry import Registry
from nnapi_core.report import Emitted, Report, flexible_report, make_report

Progress = Callable[[int, int], None]


@frozen(eq=False)
class Background:
    """What a conversion was made from, for those who look into it."""

    program: Program
    partition: Partition
    registry: Registry
    target: Target


@define(eq=False)
class Converted:
    """A converted model: callable on the host runtime, and ready to be saved."""

    parts: Parts
    report: Report
    background: Background = field(repr=False)
    _for_stock: Callable[[], Converted] | None = field(default=None, repr=False)
    _session: Any = field(default=None, repr=False)

    def __call__(self, *args: Any) -> Any:
        """Runs on `nnapi_runtime`; takes and returns what the module does.

        Raises `ConversionError` where an argument that is not a tensor differs from the example's: its value is
        part of the conversion.
        """
        return self.session()(*self.tensors_of(args))

    def tensors_of(self, args: tuple[Any, ...]) -> list[Any]:
        """The tensors among the arguments, in order. Raises `ConversionError` as a call does."""
        tensors = []
        flat = pytree.tree_leaves(args)
        if len(flat) != len(self.parts.input_values):
            raise ConversionError(
                f"the model takes {len(self.parts.input_values)} arguments, not {len(flat)}"
            )
        for value, (is_tensor, example) in zip(flat, self.parts.input_values, strict=True):
            if is_tensor:
                tensors.append(value)
            elif value != example:
                raise ConversionError(f"the model was converted for {example!r}, not {value!r}")
        return tensors

    def session(self, *, num_threads: int | None = None) -> Any:
        """The `nnapi_runtime.Session` that runs the model here."""
        if self._session is None or num_threads is not None:
            import nnapi_runtime

            self._session = nnapi_runtime.Session(
                self.parts.manifest,
                self.parts.models,
                [constant.array() for constant in self.parts.weights.constants],
                dict(self.parts.torch_stages),
                num_threads=num_threads,
                fallback=False,
            )
        return self._session

    def for_stock(self) -> Converted:
        """The conversion that ``.pt`` and ``.ptl`` files hold: this one, where stock PyTorch's format can say it.

        Otherwise another, with more pieces: what the format cannot say stays in torch, and its report says so.
        """
        if self._for_stock is None or within_stock(self.parts):
            return self
        return self._for_stock()

    def save(self, path: str | PathLike[str]) -> None:
        """Writes ``.nnapi`` (our executor), or ``.pt`` and ``.ptl`` (TorchScript for stock PyTorch Mobile).

        Raises `ConversionError` for what the format cannot hold; then nothing is written.
        """
        suffix = Path(path).suffix
        if suffix == ".nnapi":
            save_nnapi(self.parts, path)
        elif suffix in (".pt", ".ptl"):
            save_torchscript(self.for_stock().parts, path)
        else:
            raise ConversionError(f"{path}: artifacts end in .nnapi, .ptl or .pt, not {suffix!r}")


def convert(
    module: torch.nn.Module | ExportedProgram,
    example_args: tuple[Any, ...] = (),
    *,
    feature_level: int = 29,
    fallback: Literal["cpu", "error"] = "cpu",
    dynamic_shapes: Any = None,
    sizes: Sequence[Mapping[str, int]] | None = None,
    shape_strategy: Strategy | None = None,
    relax_float32_to_float16: bool = False,
    quantized_io: bool = False,
    device_profile: DeviceProfile | None = None,
    islands: IslandRule = DEFAULT_RULE,
    registry: Registry | None = None,
    progress: Progress = lambda done, total: None,
) -> Converted:
    """Converts a module (or an exported program) to NNAPI.

    ``feature_level`` is what the oldest device to run it offers (27 is Android 8.1, 29 Android 10, 30 Android 11).
    Nodes that NNAPI cannot express exactly at that level stay in torch (``fallback="cpu"``), or are all
    listed in a `ConversionError` (``fallback="error"``). ``device_profile`` narrows the target to what one
    driver takes; ``islands`` says when small NNAPI pieces go back to the CPU.

    ``dynamic_shapes`` are `torch.export`'s: dimensions that are named and have ranges. One artifact then serves
    them all (docs/flexible_shapes.md), in the best of three ways, which the report names; ``shape_strategy`` asks for
    one of them, and ``sizes`` lists the values of the named dimensions to make fixed models for.

    A quantised program (`nnapi_core.quantize`) runs in integers inside; with ``quantized_io`` it takes and gives them
    too: tensors of uint8 or int8, whose scales and zero points are written in the artifact.
    """
    registry = registry or Registry.collect()
    target = _target(feature_level, device_profile)
    if fallback not in ("cpu", "error"):
        raise ConversionError(f"fallback is 'cpu' or 'error', not {fallback!r}")
    if fallback == "error":
        # What a rule would give back to the CPU is not refused.
        islands = IslandRule(min_island=0)
    exported = settle_counts(export(module, example_args, dynamic_shapes=dynamic_shapes))

    sizes_are_free = is_flexible(exported)
    polish = partial(optimised, registry=registry)

    def optimised_models(found: Partition) -> list[Model | None]:
        return [
            None if stage.lowered is None else optimised(stage.lowered.model, registry)
            for stage in found.stages
        ]

    def lowered(
        exported: ExportedProgram, given_back: Mapping[str, Unsupported], target: Target = target
    ) -> AtSizes:
        program = prepare(exported, registry, level=target.level, quantized_io=quantized_io)
        found = partition(
            program, registry, target, islands,
            given_back=given_back, open_branches=not sizes_are_free, progress=progress,
        )  # fmt: skip
        return AtSizes(program, found, optimised_models(found))

    with_free_sizes = partial(
        _flexible,
        source=(module, example_args, dynamic_shapes),
        fixed=sizes,
        relaxed=relax_float32_to_float16,
        strategy=shape_strategy,
    )
    flexible = with_free_sizes(exported, lowered=lowered)
    if flexible is not None:
        one, parts = flexible.at_example, flexible.parts
        report = flexible_report(flexible, feature_level)
    else:
        one = lowered(exported, {})
        parts = make_parts(
            one.program,
            one.partition,
            one.models,
            relaxed=relax_float32_to_float16,
            optimise=polish,
        )
        report = make_report(one.program, one.partition, Emitted.of(parts), feature_level)
    if fallback == "error" and one.partition.refusals:
        raise refusal_error(one.partition)
    registry.report_hook(report=report)

    def for_stock() -> Converted:
        narrowed = evolve(target, stock=True)
        if flexible is not None:
            # Exported anew: work on its graph may have changed what torch knows of its sizes.
            again = export(module, example_args, dynamic_shapes=dynamic_shapes)
            other = with_free_sizes(again, lowered=partial(lowered, target=narrowed))
            if other is None:
                raise ConversionError("the sizes are not free any more; save it as .nnapi")
            found = other.at_example.partition
            background = Background(other.at_example.program, found, registry, narrowed)
            return Converted(other.parts, flexible_report(other, feature_level), background)
        found = partition(one.program, registry, narrowed, islands)
        parts = make_parts(
            one.program, found, optimised_models(found),
            relaxed=relax_float32_to_float16, optimise=polish,
        )  # fmt: skip
        report = make_report(one.program, found, Emitted.of(parts), feature_level)
        return Converted(parts, report, Background(one.program, found, registry, narrowed))

    once_only = flexible is not None and isinstance(module, ExportedProgram)
    can_stay_in_torch = fallback == "cpu" and not once_only
    background = Background(one.program, one.partition, registry, target)
    return Converted(parts, report, background, for_stock if can_stay_in_torch else None)


def explain(
    module: torch.nn.Module | ExportedProgram,
    example_args: tuple[Any, ...] = (),
    *,
    feature_level: int = 29,
    dynamic_shapes: Any = None,
    sizes: Sequence[Mapping[str, int]] | None = None,
    quantized_io: bool = False,
    device_profile: DeviceProfile | None = None,
    islands: IslandRule = DEFAULT_RULE,
    registry: Registry | None = None,
) -> Report:
    """Which node would run where, and why not; writes nothing."""
    registry = registry or Registry.collect()
    target = _target(feature_level, device_profile)
    exported = settle_counts(export(module, example_args, dynamic_shapes=dynamic_shapes))

    def lowered(exported: ExportedProgram, given_back: Mapping[str, Unsupported]) -> AtSizes:
        program = prepare(exported, registry, level=target.level, quantized_io=quantized_io)
        found = partition(program, registry, target, islands, given_back=given_back)
        models = [None if stage.lowered is None else stage.lowered.model for stage in found.stages]
        return AtSizes(program, found, models)

    source = module, example_args, dynamic_shapes
    flexible = _flexible(exported, source=source, lowered=lowered, fixed=sizes)
    if flexible is not None:
        report = flexible_report(flexible, feature_level)
    else:
        one = lowered(exported, {})
        made = Emitted.planned(one.program, one.partition)
        report = make_report(one.program, one.partition, made, feature_level)
    report.notes.append("Operations are as lowered: a conversion fuses some and drops transposes.")
    return report


def _flexible(
    exported: ExportedProgram,
    *,
    source: tuple[Any, tuple[Any, ...], Any],
    lowered: Lower,
    fixed: Sequence[Mapping[str, int]] | None,
    relaxed: bool = False,
    strategy: Strategy | None = None,
) -> Flexible | None:
    """A conversion with free sizes; None where there are none but those that torch alone counts and uses.

    ``source`` is the module that was exported, with its arguments and ``dynamic_shapes``.
    """
    asked = fixed is not None or strategy is not None
    if not is_flexible(exported):
        if asked:
            raise ConversionError("the model has no free dimensions; name them in dynamic_shapes=")
        return None
    try:
        return convert_flexible(
            exported,
            dim_specs(*source),
            lowered,
            model=source[:2],
            relaxed=relaxed,
            fixed=fixed,
            strategy=strategy,
        )
    except Unsupported:
        if asked or takes_free_sizes(exported):
            raise
        return None


def _target(feature_level: int, profile: DeviceProfile | None) -> Target:
    if feature_level not in FEATURE_LEVELS:
        levels = ", ".join(map(str, FEATURE_LEVELS))
        raise ConversionError(f"feature level {feature_level} is not one of {levels}")
    if profile is not None:
        feature_level = min(feature_level, profile.feature_level)
    return Target(feature_level, profile)


def optimised(model: Model, registry: Registry) -> Model:
    """By ours, and then by the plugins' passes."""
    model = optimize(model)
    for one in registry.passes_of(Phase.MODEL):
        model = one.function(model)
    return model


def refusal_error(found: Partition) -> Unsupported:
    """One error that lists every refused node with its reason and the user's source line."""
    lines = [
        f"  {node.name} ({node.target}) at {source_of(node) or 'unknown line'}: {refusal}"
        for node, refusal in found.refusals.items()
    ]
    return Unsupported(
        f"{len(lines)} node(s) cannot run on NNAPI, and fallback is 'error':\n" + "\n".join(lines)
    )
