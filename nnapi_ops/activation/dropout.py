"""Dropout, which does nothing when a model is used rather than trained."""

from __future__ import annotations

import torch

from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Unsupported,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
)

aten = torch.ops.aten


@lowering(
    aten.dropout.default,
    aten.feature_dropout.default,
    aten.alpha_dropout.default,
    aten.feature_alpha_dropout.default,
    layout=Layout.ANY,
)
def dropout(nn: Context, input: Value, p: float, train: bool) -> Value:
    """
    dropout(Tensor input, float p, bool train) -> Tensor
    feature_dropout(Tensor input, float p, bool train) -> Tensor
    alpha_dropout(Tensor input, float p, bool train) -> Tensor
    feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor
    """
    if train and p > 0:
        raise Unsupported("dropout draws random numbers; call model.eval() before converting", p=p)
    return input


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)
