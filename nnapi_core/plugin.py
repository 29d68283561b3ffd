"""Everything that a plugin author imports.

A plugin is a module that an installed distribution names in the entry-point group ``nnapi``; or a package, with
each module and package below it whose name does not begin with ``_``. It implements hooks, usually just this one::

    @lowering(torch.ops.acme.squareplus.default, layout=Layout.ANY)
    def squareplus(nn, x): ...

    @hookimpl
    def nnapi_lowerings():
        return lowerings_of(__name__)
"""

from __future__ import annotations

from nnapi_core.errors import Unsupported
from nnapi_core.graph.passes.replace_calls import replace_calls
from nnapi_core.graph.program import Program
from nnapi_core.lowering.context import Context, broadcast_shapes
from nnapi_core.lowering.integer_bounds import Bounds
from nnapi_core.lowering.optimise.model_rewriter import ModelRewriter, rewrite_operations
from nnapi_core.lowering.value import TensorSpec, Value, fixed, product
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.layout import Axis, Layout, Order
from nnapi_core.nnapi.model import Model, Operand, Operation, Origin
from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.types import (
    ChannelQuant,
    Dim,
    FuseCode,
    OperandCode,
    OperandType,
    Padding,
    Quant,
    SymbolicDim,
)
from nnapi_core.plugins.contributions import (
    Decomposition,
    FixedRange,
    Limitation,
    Lowering,
    Pass,
    Phase,
    QuantisedOperator,
    ResultRange,
    decomposition,
    decompositions_of,
    lowering,
    lowerings_of,
)
from nnapi_core.plugins.hookspecs import hookimpl

__all__ = [
    "Axis",
    "Bounds",
    "ChannelQuant",
    "Constant",
    "Context",
    "Decomposition",
    "DeviceProfile",
    "Dim",
    "FixedRange",
    "FuseCode",
    "Layout",
    "Limitation",
    "Lowering",
    "Model",
    "ModelRewriter",
    "Operand",
    "OperandCode",
    "OperandType",
    "Operation",
    "OperationSpec",
    "Order",
    "Origin",
    "Padding",
    "Pass",
    "Phase",
    "Program",
    "Quant",
    "QuantisedOperator",
    "ResultRange",
    "SymbolicDim",
    "TensorSpec",
    "Unsupported",
    "Value",
    "broadcast_shapes",
    "decomposition",
    "decompositions_of",
    "fixed",
    "hookimpl",
    "lowering",
    "lowerings_of",
    "ops",
    "product",
    "replace_calls",
    "rewrite_operations",
]
