"""`check_quantised`: right in integers, or refused."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram
from torch.fx import Node

from nnapi_core.graph.quantised.quantize_calls import is_dequantize
from nnapi_core.plugins.registry import Registry
from nnapi_core.testing.check import (
    Case,
    Outcome,
    compare,
    copied,
    module_of,
    or_plugins_fault,
    run_converted,
)


def check_quantised(case: Case, *, registry: Registry | None = None) -> Outcome:
    """Quantises, with the case's arguments as the batch, converts, runs on the host runtime, and compares.

    Compared is with what torch makes of the quantised program: floats that a scale stands behind may be
    ``case.quant_steps`` steps of it off, others as in `check_lowering`. Needs the extra ``quant``.

    Returns the outcome: supported, where all of it runs in integers and is right, or the reasons why some of it does
    not. Raises `ConversionError` where nothing of the case is quantised, and else what `check_lowering` does.
    """
    return or_plugins_fault(case, registry, _checked)


def _checked(case: Case, registry: Registry) -> Outcome:
    from nnapi_core.quantisation.calibration import quantize  # torchao is an extra

    program = quantize(
        module_of(case),
        [tuple(case.args)],
        feature_level=case.feature_level,
        registry=registry,
    )
    with torch.no_grad():
        expected = pytree.tree_leaves(program.module()(*copied(case.args)))
    outcome, actual = run_converted(program, case, registry)
    if outcome.converted is None:
        return outcome
    pairs = zip(pytree.tree_leaves(actual), expected, _scales(program), strict=True)
    for place, (got, wanted, scale) in enumerate(pairs):
        assert got.dtype == wanted.dtype and got.shape == wanted.shape, f"result {place}"
        if scale is None:
            compare(got, wanted, case, f"result {place}")
            continue
        # Both are multiples of the scale, up to the rounding of floats.
        steps = float(((got.double() - wanted.double()).abs() / scale).max()) if got.numel() else 0
        assert steps <= case.quant_steps + 1e-3, (
            f"result {place} is {steps:.3g} steps of {scale:.6g} off, allowed are {case.quant_steps}"
        )
    islands = tuple(
        f"  {one.name}: {one.reason}" for one in outcome.converted.report.float_islands()
    )
    return Outcome(None, islands) if islands else outcome


def _scales(program: ExportedProgram) -> list[Any]:
    """Of each result; None for one that is not dequantised."""
    (output,) = program.graph.find_nodes(op="output")
    return [
        one.args[1] if isinstance(one, Node) and is_dequantize(one) else None
        for one in pytree.tree_leaves(output.args[0])
    ]
