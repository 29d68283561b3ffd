"""SVDF."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.float_operands import FloatOperands, real
from tests.runtime.ops.recurrent.lstm_reference import ACTIVATIONS
from tests.runtime.ops.single_op import run_operation, tensor


@given(st.data())
def test_svdf(data: st.DataObject) -> None:
    new = FloatOperands(data)
    batch, size = (data.draw(st.integers(0, 20)) for _ in range(2))
    memory, rank, units = (data.draw(st.integers(1, 6)) for _ in range(3))
    filters = units * rank
    x, feature, time = new(batch, size), new(filters, size), new(filters, memory)
    state = new(batch, memory * filters)
    bias = new(units) if data.draw(st.booleans(), label="bias") else None
    activation = data.draw(st.sampled_from(sorted(ACTIVATIONS)), label="activation")
    state_out, out = run_operation(
        ops.SVDF,
        [new.output(batch, memory * filters), new.output(batch, units)],
        input=x,
        weights_feature=feature,
        weights_time=time,
        bias=bias,
        state_in=state,
        rank=rank,
        activation=activation,
    )
    # The state's last place is free for the newest number; behind it all move on by one.
    frames = real(state).reshape(batch, filters, memory)
    frames[:, :, -1] = real(x) @ real(feature).T
    total = (frames * real(time)).sum(-1).reshape(batch, units, rank).sum(-1)
    if bias is not None:
        total = total + real(bias)
    new.assert_close(out, ACTIVATIONS[activation](total), 1e-4)
    moved = np.concatenate([frames[:, :, 1:], np.zeros((batch, filters, 1))], -1)
    new.assert_close(state_out, moved.reshape(batch, memory * filters), 1e-4)


@pytest.mark.parametrize("rank", [0, -1, 3, 2**31 - 1])
def test_a_rank_that_does_not_divide_the_filters_is_refused(rank: int) -> None:
    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    with pytest.raises(NnapiError, match="rank"):
        run_operation(
            ops.SVDF,
            [OperandType(OperandCode.TENSOR_FLOAT32, dims) for dims in [(1, 12), (1, 4)]],
            input=tensor(zeros(1, 2)),
            weights_feature=tensor(zeros(4, 2)),
            weights_time=tensor(zeros(4, 3)),
            bias=None,
            state_in=tensor(zeros(1, 12)),
            rank=rank,
            activation=0,
        )
