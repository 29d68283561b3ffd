"""LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM and BIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st

from nnapi_core.nnapi.builder import Builder
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.serialize import WeightTable, serialize
from nnapi_core.nnapi.types import OperandCode, OperandType
from nnapi_runtime import Executor
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.float_operands import FloatOperands, real
from tests.runtime.ops.operand_strategies import SEEDS
from tests.runtime.ops.recurrent.lstm_operands import (
    Variant,
    bias_name,
    cell_operands,
    draw_options,
    reference,
    time_first,
    tolerance,
    variants,
    without_aux,
)
from tests.runtime.ops.recurrent.lstm_reference import GATES
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

SIZES = st.integers(0, 4)
CELLS = st.sampled_from([1, 2, 3, 5, 9, 33])


@given(st.data())
def test_lstm(data: st.DataObject) -> None:
    new, variant, options = FloatOperands(data), data.draw(variants), draw_options(data)
    batch, size, cells = data.draw(SIZES), data.draw(SIZES), data.draw(CELLS)
    outputs = data.draw(CELLS) if variant.projection else cells
    operands = without_aux(cell_operands(new, variant, (size, 0, cells, outputs)))
    x, h, c = new(batch, size), new(batch, outputs), new(batch, cells)
    if not variant.norm and data.draw(st.booleans(), label="form of level 27"):
        operands = {name: v for name, v in operands.items() if "layer_norm" not in name}
    _scratch, h_out, c_out, out = run_operation(
        ops.LSTM,
        [
            new.output(batch, cells * len(variant.gates)),
            new.output(batch, outputs),
            new.output(batch, cells),
            new.output(batch, outputs),
        ],
        input=x,
        output_state_in=h,
        cell_state_in=c,
        **operands,
        **options,
    )
    cell = reference(operands, options)
    expected_h, expected_c = cell.step(real(x), None, real(h), real(c))
    new.assert_close(out, expected_h, tolerance(variant))
    new.assert_close(c_out, expected_c, tolerance(variant))
    np.testing.assert_array_equal(out, h_out)


@given(st.data())
def test_unidirectional_sequence_lstm(data: st.DataObject) -> None:
    new, variant, options = FloatOperands(data), data.draw(variants), draw_options(data)
    time, batch, size, cells = (*(data.draw(SIZES) for _ in range(3)), data.draw(CELLS))
    outputs = data.draw(CELLS) if variant.projection else cells
    operands = without_aux(cell_operands(new, variant, (size, 0, cells, outputs)))
    time_major = data.draw(st.booleans(), label="time major")
    order = (time, batch) if time_major else (batch, time)
    x, h, c = new(*order, size), new(batch, outputs), new(batch, cells)
    types = [new.output(*order, outputs), new.output(batch, outputs), new.output(batch, cells)]
    results = run_operation(
        ops.UNIDIRECTIONAL_SEQUENCE_LSTM,
        types[: data.draw(st.sampled_from([1, 3]), label="outputs")],
        input=x,
        output_state_in=h,
        cell_state_in=c,
        time_major=time_major,
        **operands,
        **options,
    )
    cell = reference(operands, options)
    out, *states = cell.sequence(time_first(real(x), time_major), None, real(h), real(c))
    expected = [time_first(out, time_major), *states]
    for actual, value in zip(results, expected, strict=False):
        new.assert_close(actual, value, tolerance(variant))


@given(st.data())
def test_bidirectional_sequence_lstm(data: st.DataObject) -> None:
    new, options = FloatOperands(data), draw_options(data)
    time, batch, size = (data.draw(SIZES) for _ in range(3))
    linking = data.draw(st.sampled_from(["none", "parallel", "cross"]), label="linking")
    aux_size = data.draw(st.integers(1, 4))
    time_major, merged = data.draw(st.booleans()), data.draw(st.booleans(), label="merged")
    order = (time, batch) if time_major else (batch, time)
    x = new(*order, size)
    aux = None if linking == "none" else new(*order, aux_size)

    operands: dict[str, Any] = {"input": x, "aux": aux}
    cells, states, expected, last, types = [], [], [], [], []
    limit = 0.0
    for way in ("fw", "bw"):
        variant, count = data.draw(variants, label=way), data.draw(CELLS)
        limit = max(limit, tolerance(variant))
        outputs = data.draw(CELLS) if variant.projection else count
        parallel = way == "bw" and linking == "parallel"
        own_size, crossed = (aux_size if parallel else size), aux_size * (linking == "cross")
        of_cell = cell_operands(new, variant, (own_size, crossed, count, outputs))
        h, c = new(batch, outputs), new(batch, count)
        operands |= {f"{way}_{name}": value for name, value in of_cell.items()}
        operands |= {f"{way}_output_state_in": h, f"{way}_cell_state_in": c}
        source = aux if parallel else x
        assert source is not None
        out, *ends = reference(of_cell, options).sequence(
            time_first(real(source), time_major),
            time_first(real(aux), time_major) if aux is not None and crossed else None,
            real(h),
            real(c),
            backward=way == "bw",
        )
        expected.append(time_first(out, time_major))
        types.append(new.output(*order, outputs))
        last += ends
        states += [new.output(batch, outputs), new.output(batch, count)]
        cells.append(outputs)
    if merged:
        expected, types = [np.concatenate(expected, -1)], [new.output(*order, sum(cells))]
    if data.draw(st.booleans(), label="states"):
        expected, types = expected + last, types + states
    results = run_operation(
        ops.BIDIRECTIONAL_SEQUENCE_LSTM,
        types,
        **operands,
        **options,
        time_major=time_major,
        merge_outputs=merged,
    )
    for actual, value in zip(results, expected, strict=True):
        new.assert_close(actual, value, limit)


def torch_cell(module: torch.nn.LSTM, suffix: str = "") -> dict[str, Any]:
    """The operands that say what a torch module's cell does; its gates go i, f, g, o."""
    values = {name: value.detach().numpy() for name, value in module.named_parameters()}
    recurrent = values["weight_hh_l0" + suffix]
    operands: dict[str, Any] = {f"cell_to_{gate}_weights": None for gate in GATES if gate != "cell"}
    operands |= {f"{gate}_layer_norm_weights": None for gate in GATES}
    for k, gate in enumerate(GATES):

        def part(matrix: np.ndarray, k: int = k) -> Tensor:
            return tensor(np.split(matrix, 4)[k].copy(), constant=True)

        operands[f"input_to_{gate}_weights"] = part(values["weight_ih_l0" + suffix])
        operands[f"recurrent_to_{gate}_weights"] = part(recurrent)
        operands[bias_name(gate)] = part(
            values["bias_ih_l0" + suffix] + values["bias_hh_l0" + suffix]
        )
    projection = values.get("weight_hr_l0" + suffix)
    operands["projection_weights"] = (
        None if projection is None else tensor(projection, constant=True)
    )
    operands["projection_bias"] = None
    return operands


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("projection", [0, 6])
def test_like_torch(batch_first: bool, projection: int) -> None:
    torch.manual_seed(0)
    module = torch.nn.LSTM(7, 40, batch_first=batch_first, proj_size=projection)
    x, outputs = torch.randn(3, 5, 7), projection or 40
    batch = 3 if batch_first else 5
    h, c = torch.randn(1, batch, outputs), torch.randn(1, batch, 40)
    expected, (last_h, last_c) = module(x, (h, c))
    shapes = [(3, 5, outputs), (batch, outputs), (batch, 40)]
    results = run_operation(
        ops.UNIDIRECTIONAL_SEQUENCE_LSTM,
        [OperandType(OperandCode.TENSOR_FLOAT32, shape) for shape in shapes],
        input=tensor(x.numpy()),
        output_state_in=tensor(h[0].numpy()),
        cell_state_in=tensor(c[0].numpy()),
        time_major=not batch_first,
        activation=4,
        cell_clip=0.0,
        projection_clip=0.0,
        **torch_cell(module),
    )
    for actual, value in zip(results, [expected, last_h[0], last_c[0]], strict=True):
        np.testing.assert_allclose(actual, value.detach(), 1e-5, 1e-5)


def test_bidirectional_like_torch_over_a_long_sequence() -> None:
    torch.manual_seed(0)
    module = torch.nn.LSTM(20, 70, bidirectional=True)
    x = torch.randn(2000, 2, 20)
    expected, _ = module(x)
    operands: dict[str, Any] = {}
    for way, suffix in (("fw", ""), ("bw", "_reverse")):
        operands |= {f"{way}_{name}": v for name, v in torch_cell(module, suffix).items()}
        operands |= {f"{way}_aux_to_{gate}_weights": None for gate in GATES}
        for state in ("output_state_in", "cell_state_in"):
            operands[f"{way}_{state}"] = tensor(np.zeros((2, 70), np.float32))
    (out,) = run_operation(
        ops.BIDIRECTIONAL_SEQUENCE_LSTM,
        [OperandType(OperandCode.TENSOR_FLOAT32, (2000, 2, 140))],
        input=tensor(x.numpy()),
        aux=None,
        activation=4,
        cell_clip=0.0,
        projection_clip=0.0,
        merge_outputs=True,
        time_major=True,
        **operands,
    )
    np.testing.assert_allclose(out, expected.detach(), 1e-5, 1e-5)


def plain_lstm(**changes: Any) -> None:
    """A valid cell of two units, but for the changes."""

    def zeros(*shape: int) -> Tensor:
        return tensor(np.zeros(shape, np.float32), constant=True)

    operands: dict[str, Any] = {"input": zeros(1, 3), "output_state_in": zeros(1, 2)}
    operands |= {"cell_state_in": zeros(1, 2), "projection_weights": None, "projection_bias": None}
    for gate in GATES:
        operands[f"input_to_{gate}_weights"] = zeros(2, 3)
        operands[f"recurrent_to_{gate}_weights"] = zeros(2, 2)
        operands[bias_name(gate)] = zeros(2)
        operands[f"{gate}_layer_norm_weights"] = None
        if gate != "cell":
            operands[f"cell_to_{gate}_weights"] = None
    operands |= {"activation": 4, "cell_clip": 0.0, "projection_clip": 0.0}
    operands |= {name: zeros(*v) if isinstance(v, tuple) else v for name, v in changes.items()}
    shapes = [(1, 8), (1, 2), (1, 2), (1, 2)]
    outputs = [OperandType(OperandCode.TENSOR_FLOAT32, shape) for shape in shapes]
    run_operation(ops.LSTM, outputs, **operands)


@pytest.mark.parametrize(
    "changes",
    [
        {"input_to_input_weights": None},
        {"input_gate_bias": None},
        {"input_to_input_weights": None, "recurrent_to_input_weights": None},
        {"cell_to_forget_weights": (2,)},
        {"cell_to_forget_weights": (2,), "cell_to_output_weights": (2,)},
        {"output_layer_norm_weights": (2,)},
        {"projection_bias": (2,)},
        {"recurrent_to_output_weights": (2, 4)},
        {"recurrent_to_cell_weights": (2, 1)},
        {"input_to_output_weights": (3, 3)},
        {"output_state_in": (2, 2)},
        {"cell_state_in": (1, 3)},
        {"forget_gate_bias": (1,)},
        {"activation": 7},
        {"activation": -1},
        {"cell_clip": -1.0},
        {"projection_clip": float("nan")},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_cells_that_do_not_fit_together_are_refused(changes: dict[str, Any]) -> None:
    plain_lstm()
    with pytest.raises(NnapiError):
        plain_lstm(**changes)


OPTIONAL = [
    *(f"{part}_to_input_weights" for part in ("input", "recurrent", "cell")),
    "cell_to_forget_weights",
    "cell_to_output_weights",
    "input_gate_bias",
    "projection_weights",
    "projection_bias",
    *(f"{gate}_layer_norm_weights" for gate in GATES),
]


@given(st.data())
def test_inputs_left_out_when_the_model_runs(data: st.DataObject) -> None:
    """Right or refused, whichever optional inputs are given."""
    random = np.random.default_rng(data.draw(SEEDS))
    spec = ops.UNIDIRECTIONAL_SEQUENCE_LSTM
    builder = Builder(spec.level)
    sizes = {"x": 3, "cells": 4, "outputs": data.draw(st.sampled_from([4, 2]), label="outputs")}
    shapes: dict[str, tuple[int, ...]] = {
        "input": (2, 1, sizes["x"]),
        "output_state_in": (1, sizes["outputs"]),
        "cell_state_in": (1, sizes["cells"]),
        "projection_weights": (sizes["outputs"], sizes["cells"]),
        "projection_bias": (sizes["outputs"],),
    }
    for gate in GATES:
        shapes[f"input_to_{gate}_weights"] = (sizes["cells"], sizes["x"])
        shapes[f"recurrent_to_{gate}_weights"] = (sizes["cells"], sizes["outputs"])
        for name in (bias_name(gate), f"{gate}_layer_norm_weights", f"cell_to_{gate}_weights"):
            if name != "cell_to_cell_weights":
                shapes[name] = (sizes["cells"],)
    values = {name: random.standard_normal(dims).astype("f4") for name, dims in shapes.items()}
    # Mostly consistent choices: each group as a whole, then perhaps one operand the other way.
    variant = data.draw(variants)
    missing = {name for name in OPTIONAL if _left_out(name, variant)}
    missing ^= set(data.draw(st.lists(st.sampled_from(OPTIONAL), max_size=1)))
    plain = OperandCode.TENSOR_FLOAT32
    refs = {
        name: builder.variable(OperandType(plain, value.shape)) for name, value in values.items()
    }
    options = {"activation": 4, "cell_clip": 0.0, "projection_clip": 0.0, "time_major": True}
    results = builder.emit(spec, refs | options, [OperandType(plain, (2, 1, sizes["outputs"]))])
    words = serialize(builder.finish(list(refs.values()), results), weights := WeightTable())
    executor = Executor(words, [constant.array() for constant in weights.constants])
    arrays = [None if name in missing else value for name, value in values.items()]
    try:
        (out,) = executor.run(arrays)
    except NnapiError:
        event("refused")
        return
    given_ = {n: None if n in missing else tensor(v) for n, v in values.items()}
    cell = reference(given_, {})
    h, c = (values[name].astype(np.float64) for name in ("output_state_in", "cell_state_in"))
    expected = cell.sequence(values["input"].astype(np.float64), None, h, c)[0]
    np.testing.assert_allclose(out, expected, 2e-3, 2e-3)


def _left_out(name: str, variant: Variant) -> bool:
    if variant.coupled and ("to_input" in name or name.startswith("input_")):
        return True
    if name.startswith("cell_to"):
        return not variant.peephole
    if "layer_norm" in name:
        return not variant.norm
    if name == "projection_bias":
        return not (variant.projection and variant.projection_bias)
    return name == "projection_weights" and not variant.projection
