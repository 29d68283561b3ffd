"""Example arguments for torch.export, which takes a size of 1 in an example for a fixed one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export import Dim

from nnapi_core.graph.sizes.free_sizes import dim_specs


def grown_examples(
    module: Any, args: Sequence[Any], kwargs: Mapping[str, Any], dynamic_shapes: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments, with two of what there is one of in the dimensions that may be 1 and more."""
    leaves, spec = pytree.tree_flatten((tuple(args), dict(kwargs)))
    places = [index for index, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    specs = dim_specs(module, args, dynamic_shapes, kwargs)
    for place, one in zip(places, specs, strict=True):
        for dim, size in one.items() if isinstance(one, Mapping) else enumerate(one or ()):
            tensor = leaves[place]
            if _may_be_two(size) and -tensor.dim() <= dim < tensor.dim() and tensor.shape[dim] == 1:
                leaves[place] = tensor.repeat_interleave(2, dim)
    grown: tuple[tuple[Any, ...], dict[str, Any]] = pytree.tree_unflatten(leaves, spec)
    return grown


def _may_be_two(size: Any) -> bool:
    """Is it a range of its own from 1 or 0 to 2 or more?"""
    if isinstance(size, Dim):
        return type(size) is Dim and size.min <= 1 and size.max >= 2
    return size is Dim.DYNAMIC
