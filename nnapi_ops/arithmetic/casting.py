"""Changes of dtype. Where a tensor lies in memory, and on which device, means nothing here."""

from __future__ import annotations

from typing import Any

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Limitation,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
)

aten = torch.ops.aten

_BEYOND_INT32 = Limitation(
    "float32 becomes int64 only where its numbers are known to fit int32; torch.int32 always can be asked for"
)


@lowering(
    aten.to.dtype,
    aten.to.dtype_layout,
    aten.to.device,
    aten.to.other,
    aten._to_copy.default,
    aten.type_as.default,
    layout=Layout.ANY,
    limitations=[_BEYOND_INT32],
)
def to(nn: Context, self: Value, **ignored: Any) -> Value:
    """
    to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)
    to.dtype_layout(Tensor(a) self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)
    to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)
    to.other(Tensor(a) self, Tensor other, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)
    _to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor
    type_as(Tensor self, Tensor other) -> Tensor
    """
    return nn.cast(self, nn.out.dtype)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
