"""Elements replaced at fixed positions of the flat tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from attrs import evolve

from nnapi_core.plugin import Context, Unsupported, Value
from nnapi_ops.arithmetic.where_masked_fill import chosen
from nnapi_ops.indexing._gather import looked_up
from nnapi_ops.shape._fixed_gather import joined


def replaced(nn: Context, value: Value, places: np.ndarray[Any, Any], new: Value) -> Value:
    """``value`` with its flat elements at ``places`` replaced: a choice from both, by position."""
    if len(np.unique(places)) != places.size:
        raise Unsupported("several new elements for one place")
    if not places.size:
        return value
    count = value.spec.count
    order = np.arange(count)
    order[places] = count + np.arange(places.size)
    if new.is_constant and new.spec.count and _is_uniform(new):
        mask = np.zeros(count, bool)
        mask[places] = True
        spec = evolve(new.spec, shape=())
        number = nn.constant(new.array().reshape(-1)[0], spec.dtype)
        return chosen(nn, nn.constant(mask.reshape(value.static_shape), torch.bool), number, value)
    both = joined(nn, [nn.reshape(value, (count,)), new], 0)
    found = looked_up(nn, both, 0, nn.constant(order, torch.int32))
    return nn.reshape(found, value.shape)


def _is_uniform(constant: Value) -> bool:
    array = constant.array().reshape(-1)
    return bool((array == array[0]).all())
