"""Several tensors become one."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
)

aten = torch.ops.aten


@lowering(aten.cat.default, aten.concat.default, layout=Layout.SAME)
def cat(nn: Context, tensors: Sequence[Value], dim: int) -> Value:
    """
    cat(Tensor[] tensors, int dim=0) -> Tensor
    concat(Tensor[] tensors, int dim=0) -> Tensor
    """
    parts = [nn.cast(one, nn.out.dtype) for one in tensors if not one.is_empty]
    if len(parts) == 1:
        return parts[0]
    return nn.emit(ops.CONCATENATION, input=parts, axis=parts[0].axis(dim), out=nn.out)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
