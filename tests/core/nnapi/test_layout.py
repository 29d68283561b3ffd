"""Permutations and axes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.errors import Unsupported
from nnapi_core.lowering.context import Context
from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.builder import Builder, Ref
from nnapi_core.nnapi.layout import Order, compose, invert
from nnapi_core.nnapi.model import Origin

permutations = st.integers(1, 4).flatmap(lambda rank: st.permutations(range(rank)))


@given(permutations)
def test_inverse_undoes(permutation: list[int]) -> None:
    assert compose(permutation, invert(permutation)) == tuple(range(len(permutation)))


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_compose_is_one_transpose_after_the_other(outer: list[int], inner: list[int]) -> None:
    x = np.arange(24).reshape(1, 2, 3, 4)
    both = x.transpose(inner).transpose(outer)
    assert np.array_equal(both, x.transpose(compose(outer, inner)))


def test_axis_is_physical() -> None:
    image = Value(TensorSpec((1, 3, 5, 7), torch.float32, Order.CHANNELS_LAST), Ref(0))
    assert [image.axis(dim).index for dim in (0, 1, 2, 3, -1, -3)] == [0, 3, 1, 2, 2, 3]
    with pytest.raises(Unsupported, match="dim=4"):
        image.axis(4)


shapes = st.lists(st.integers(1, 3), min_size=4, max_size=4).map(tuple)


@given(shapes, st.permutations(range(4)), st.sampled_from(Order))
def test_permute_moves_data_as_torch_does(
    shape: tuple[int, ...], dims: list[int], order: Order
) -> None:
    """Whatever operations it emits (none where only dims of size 1 move), the bytes are torch's."""
    builder = Builder(29)
    spec = TensorSpec(shape, torch.float32, order)
    value = Value(spec, builder.variable(spec.type))
    result = Context(builder, Origin(), [spec]).permute(value, dims)
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    bytes_ = x.transpose(order.permutation(4)).copy()
    for operation in builder.operations:
        if operation.spec.name == "TRANSPOSE":
            constant = builder.operands[operation.inputs[1]].constant
            assert constant is not None
            bytes_ = bytes_.transpose(constant.array())
        bytes_ = bytes_.reshape(builder.operands[operation.outputs[0]].type.dims)
    expected = x.transpose(dims).transpose(result.order.permutation(4))
    assert np.array_equal(bytes_.reshape(expected.shape), expected)
