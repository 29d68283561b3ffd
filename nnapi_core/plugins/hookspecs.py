"""The hooks that a plugin may implement, with the marker ``hookimpl`` from `nnapi_core.plugin`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pluggy

from nnapi_core.plugins.contributions import Decomposition, Lowering, Pass, QuantisedOperator

PROJECT = "nnapi"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def nnapi_lowerings() -> Iterable[Lowering]:  # type: ignore[empty-body]
    """Lowerings of ATen (or custom) operator overloads; usually ``lowerings_of(__name__)``."""


@hookspec
def nnapi_decompositions() -> Iterable[Decomposition]:  # type: ignore[empty-body]
    """Overloads said in terms of others; usually ``decompositions_of(__name__)``."""


@hookspec
def nnapi_passes() -> Iterable[Pass]:  # type: ignore[empty-body]
    """Rewrites of the torch graph or of the NNAPI model."""


@hookspec
def nnapi_quantised_operators() -> Iterable[QuantisedOperator]:  # type: ignore[empty-body]
    """Operators that `nnapi_core.quantize` is to round, and how their tensors share ranges."""


@hookspec
def nnapi_report(report: Any) -> None:
    """Called with the finished report of a conversion, to read it or to add to ``report.notes``."""
