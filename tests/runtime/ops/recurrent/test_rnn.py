"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.float_operands import FloatOperands, real
from tests.runtime.ops.recurrent.lstm_reference import ACTIVATIONS, BasicCell
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

SIZES = st.integers(0, 5)
UNITS = st.sampled_from([1, 2, 3, 5, 9, 37])


def time_first(values: np.ndarray, time_major: bool) -> np.ndarray:
    return values if time_major else values.swapaxes(0, 1)


@given(st.data())
def test_rnn(data: st.DataObject) -> None:
    new = FloatOperands(data)
    batch, size, units = data.draw(SIZES), data.draw(SIZES), data.draw(UNITS)
    x, state = new(batch, size), new(batch, units)
    weights, recurrent, bias = new(units, size), new(units, units), new(units)
    activation = data.draw(st.sampled_from(sorted(ACTIVATIONS)))
    state_out, out = run_operation(
        ops.RNN,
        [new.output(batch, units), new.output(batch, units)],
        input=x,
        input_weights=weights,
        recurrent_weights=recurrent,
        bias=bias,
        output_state_in=state,
        activation=activation,
    )
    cell = BasicCell(real(weights), real(recurrent), real(bias), activation=activation)
    expected = cell.sequence(real(x)[None], None, real(state))[1]
    new.assert_close(out, expected)
    np.testing.assert_array_equal(out, state_out)


@given(st.data())
def test_unidirectional_sequence_rnn(data: st.DataObject) -> None:
    new = FloatOperands(data)
    time, batch, size, units = (*(data.draw(SIZES) for _ in range(3)), data.draw(UNITS))
    time_major = data.draw(st.booleans(), label="time major")
    order = (time, batch) if time_major else (batch, time)
    x, state = new(*order, size), new(batch, units)
    weights, recurrent, bias = new(units, size), new(units, units), new(units)
    activation = data.draw(st.sampled_from([1, 4]))
    outputs = [new.output(*order, units), new.output(batch, units)]
    results = run_operation(
        ops.UNIDIRECTIONAL_SEQUENCE_RNN,
        outputs[: data.draw(st.integers(1, 2), label="outputs")],
        input=x,
        input_weights=weights,
        recurrent_weights=recurrent,
        bias=bias,
        output_state_in=state,
        activation=activation,
        time_major=int(time_major),
    )
    cell = BasicCell(real(weights), real(recurrent), real(bias), activation=activation)
    expected, last = cell.sequence(time_first(real(x), time_major), None, real(state))
    new.assert_close(results[0], time_first(expected, time_major))
    if len(results) > 1:
        new.assert_close(results[1], last)


@given(st.data())
def test_bidirectional_sequence_rnn(data: st.DataObject) -> None:
    new = FloatOperands(data)
    time, batch, size, aux_size = (data.draw(SIZES) for _ in range(4))
    units = {"fw": data.draw(UNITS), "bw": data.draw(UNITS)}
    linking = data.draw(st.sampled_from(["none", "parallel", "cross"]), label="linking")
    time_major, merged = data.draw(st.booleans()), data.draw(st.booleans(), label="merged")
    order = (time, batch) if time_major else (batch, time)
    x = new(*order, size)
    aux = None if linking == "none" else new(*order, aux_size)
    operands: dict[str, Any] = {"input": x, "aux": aux}
    sizes = {"fw": size, "bw": aux_size if linking == "parallel" else size}
    for way, n in units.items():
        operands |= {
            f"{way}_input_weights": new(n, sizes[way]),
            f"{way}_recurrent_weights": new(n, n),
            f"{way}_bias": new(n),
            f"{way}_output_state_in": new(batch, n),
            f"{way}_aux_weights": new(n, aux_size) if linking == "cross" else None,
        }
    both = units["fw"] + units["bw"]
    outputs = (
        [new.output(*order, both)] if merged else [new.output(*order, n) for n in units.values()]
    )
    if with_states := data.draw(st.booleans(), label="states"):
        outputs += [new.output(batch, n) for n in units.values()]
    results = run_operation(
        ops.BIDIRECTIONAL_SEQUENCE_RNN,
        outputs,
        **operands,
        activation=4,
        time_major=time_major,
        merge_outputs=merged,
    )

    expected, last = [], []
    for way in units:
        crossed = operands[f"{way}_aux_weights"]
        cell = BasicCell(
            *(
                real(operands[f"{way}_{name}"])
                for name in ("input_weights", "recurrent_weights", "bias")
            ),
            aux=real(crossed) if crossed else None,
        )
        source = aux if way == "bw" and linking == "parallel" else x
        assert source is not None
        out, state = cell.sequence(
            time_first(real(source), time_major),
            time_first(real(aux), time_major) if aux else None,
            real(operands[f"{way}_output_state_in"]),
            backward=way == "bw",
        )
        expected.append(time_first(out, time_major))
        last.append(state)
    wanted = [np.concatenate(expected, -1)] if merged else expected
    for actual, value in zip(results, wanted + last * with_states, strict=True):
        new.assert_close(actual, value)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_like_torch(batch_first: bool, bidirectional: bool) -> None:
    torch.manual_seed(0)
    module = torch.nn.RNN(7, 11, batch_first=batch_first, bidirectional=bidirectional)
    x = torch.randn(3, 5, 7)
    batch = 3 if batch_first else 5
    h = torch.randn(1 + bidirectional, batch, 11)
    expected, last = module(x, h)

    def cell(suffix: str, state: torch.Tensor) -> list[Tensor]:
        values = {name: value.detach() for name, value in module.named_parameters()}
        bias = values["bias_ih_l0" + suffix] + values["bias_hh_l0" + suffix]
        weights = values["weight_ih_l0" + suffix], values["weight_hh_l0" + suffix]
        return [tensor(v.numpy(), constant=True) for v in (*weights, bias)] + [
            tensor(state.numpy())
        ]

    names = "input_weights", "recurrent_weights", "bias", "output_state_in"
    plain = OperandCode.TENSOR_FLOAT32
    common = {"input": tensor(x.numpy()), "activation": 4}
    if bidirectional:
        forward = {f"fw_{n}": v for n, v in zip(names, cell("", h[0]), strict=True)}
        backward = {f"bw_{n}": v for n, v in zip(names, cell("_reverse", h[1]), strict=True)}
        out, *states = run_operation(
            ops.BIDIRECTIONAL_SEQUENCE_RNN,
            [OperandType(plain, (3, 5, 22))] + [OperandType(plain, (batch, 11))] * 2,
            **common,
            **forward,
            **backward,
            aux=None,
            fw_aux_weights=None,
            bw_aux_weights=None,
            time_major=not batch_first,
            merge_outputs=True,
        )
    else:
        out, *states = run_operation(
            ops.UNIDIRECTIONAL_SEQUENCE_RNN,
            [OperandType(plain, (3, 5, 11)), OperandType(plain, (batch, 11))],
            **common,
            **dict(zip(names, cell("", h[0]), strict=True)),
            time_major=int(not batch_first),
        )
    np.testing.assert_allclose(out, expected.detach(), 1e-5, 1e-5)
    np.testing.assert_allclose(np.stack(states), last.detach(), 1e-5, 1e-5)


@pytest.mark.parametrize(
    ("changed", "shape"),
    [
        ("input_weights", (4, 2)),
        ("recurrent_weights", (4, 3)),
        ("bias", (3,)),
        ("output_state_in", (1, 4)),
    ],
)
def test_shapes_that_disagree_are_refused(changed: str, shape: tuple[int, ...]) -> None:
    shapes = {
        "input": (2, 3),
        "input_weights": (4, 3),
        "recurrent_weights": (4, 4),
        "bias": (4,),
        "output_state_in": (2, 4),
    } | {changed: shape}
    output = OperandType(OperandCode.TENSOR_FLOAT32, (2, 4))
    with pytest.raises(NnapiError, match="input"):
        run_operation(
            ops.RNN,
            [output, output],
            **{name: tensor(np.zeros(s, np.float32)) for name, s in shapes.items()},
            activation=0,
        )


def test_auxiliary_weights_without_an_auxiliary_input_are_refused() -> None:
    def zeros(*shape: int) -> Tensor:
        return tensor(np.zeros(shape, np.float32), constant=True)

    cell = {"input_weights": zeros(2, 3), "recurrent_weights": zeros(2, 2), "bias": zeros(2)}
    with pytest.raises(NnapiError, match="auxiliary"):
        run_operation(
            ops.BIDIRECTIONAL_SEQUENCE_RNN,
            [OperandType(OperandCode.TENSOR_FLOAT32, (1, 1, 4))],
            input=zeros(1, 1, 3),
            **{f"{way}_{name}": value for way in ("fw", "bw") for name, value in cell.items()},
            fw_output_state_in=zeros(1, 2),
            bw_output_state_in=zeros(1, 2),
            aux=None,
            fw_aux_weights=zeros(2, 3),
            bw_aux_weights=zeros(2, 3),
            activation=0,
            time_major=True,
            merge_outputs=True,
        )
