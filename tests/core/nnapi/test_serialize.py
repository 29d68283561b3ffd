"""Words read back are the model, damaged words are refused, and stock PyTorch's own writer agrees."""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.errors import ArtifactError, ConversionError
from nnapi_core.nnapi.builder import Builder, TypedConstant
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.serialize import WeightTable, deserialize, serialize
from nnapi_core.nnapi.types import ChannelQuant, OperandCode, OperandType, Quant

FLOAT = OperandCode.TENSOR_FLOAT32


@st.composite
def models(draw: st.DrawFn, depth: int = 1) -> Model:
    """Chains of operations with constants of all kinds, omitted operands, quantised types and submodels."""
    builder = Builder(1000008)
    dims = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    type_ = OperandType(FLOAT, dims)
    x = builder.variable(type_)
    inputs = [x]
    for _ in range(draw(st.integers(1, 4))):
        match draw(st.sampled_from(["add", "reshape", "lsh", "if"] if depth else ["add"])):
            case "add":
                data = np.full(dims, draw(st.floats(-9, 9, width=32)), np.float32)
                other = TypedConstant(Constant.of(data), type_)
                (x,) = builder.emit(ops.ADD, {"a": x, "b": other}, [type_])
            case "reshape":
                (x,) = builder.emit(ops.RESHAPE, {"input": x, "shape": list(dims)}, [type_])
            case "lsh":
                hash_ = TypedConstant(
                    Constant.of(np.ones((2, 3), np.float32)), OperandType(FLOAT, (2, 3))
                )
                out = OperandType(OperandCode.TENSOR_INT32, (6,))
                builder.emit(
                    ops.LSH_PROJECTION,
                    {"hash": hash_, "input": x, "weight": None, "kind": 2},
                    [out],
                )
            case "if":
                condition = builder.variable(OperandType(OperandCode.TENSOR_BOOL8, (1,)))
                inputs.append(condition)
                branches = {name: _branch(draw, dims) for name in ("then_model", "else_model")}
                (x,) = builder.emit(
                    ops.IF, {"condition": condition, **branches, "inputs": [x]}, [type_]
                )
    return builder.finish(inputs, [x])


def _branch(draw: st.DrawFn, dims: tuple[int, ...]) -> Model:
    builder = Builder(1000008)
    x = builder.variable(OperandType(FLOAT, dims))
    value = np.full(dims, draw(st.floats(-2, 2, width=32)), np.float32)
    other = TypedConstant(Constant.of(value), OperandType(FLOAT, dims))
    return builder.finish(
        [x], list(builder.emit(ops.MUL, {"a": x, "b": other}, [builder.type_of(x)]))
    )


@given(models())
def test_reads_back_as_it_was_written(model: Model) -> None:
    weights = WeightTable()
    words = serialize(model, weights)
    arrays = [constant.array() for constant in weights.constants]
    again = deserialize(words, arrays)
    assert serialize(again, WeightTable()) == words
    assert [operation.spec for operation in again.operations] == [
        operation.spec for operation in model.operations
    ]


@given(models(), st.data())
def test_damaged_words_are_refused_or_read(model: Model, data: st.DataObject) -> None:
    weights = WeightTable()
    words = serialize(model, weights)
    arrays = [constant.array() for constant in weights.constants]
    for cut in {0, 3, 4, len(words) // 2, len(words) - 1}:
        with pytest.raises(ArtifactError):
            deserialize(words[:cut], arrays)
    position = data.draw(st.integers(0, len(words) - 1))
    damaged = bytearray(words)
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    # Read as another model, or refused: nothing else may escape.
    with suppress(ArtifactError):
        deserialize(bytes(damaged), arrays)


def test_quantised_types_survive() -> None:
    builder = Builder(1000008)
    quant = OperandType(OperandCode.TENSOR_QUANT8_ASYMM, (2, 4), Quant(0.5, 3))
    channels = OperandType(
        OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL, (2, 4), ChannelQuant(0, (0.25, 0.5))
    )
    x = builder.variable(quant)
    w = TypedConstant(Constant.of(np.ones((2, 4), np.int8)), channels)
    (y,) = builder.emit(ops.DEQUANTIZE, {"input": w}, [OperandType(FLOAT, (2, 4))])
    (z,) = builder.emit(ops.DEQUANTIZE, {"input": x}, [OperandType(FLOAT, (2, 4))])
    (s,) = builder.emit(ops.ADD, {"a": y, "b": z}, [OperandType(FLOAT, (2, 4))])
    model = builder.finish([x], [s])
    again = deserialize(serialize(model, WeightTable()), [])
    assert {operand.type for operand in again.operands} == {
        operand.type for operand in model.operands
    }
    with pytest.raises(ConversionError, match="per-channel"):
        serialize(model, WeightTable(), version=1)


def test_version_1_is_what_stock_pytorch_writes() -> None:
    """The same one-operation model from torch's own serializer, byte for byte up to operand numbering."""
    from torch.backends._nnapi import serializer

    stock = serializer._NnapiSerializer(config=None)
    stock.operands = [
        serializer.Operand(3, (2, 3), serializer.DimOrder.PRESUMED_CONTIGUOUS, 0.0, 0),
        serializer.Operand(3, (2, 3), serializer.DimOrder.PRESUMED_CONTIGUOUS, 0.0, 0),
    ]
    stock.operations = [(serializer.NNAPI_OperationCode.RELU, 1, 1)]
    stock.operation_args = [0, 1]
    stock.inputs, stock.outputs = [0], [1]
    stock_words = b"".join(
        [
            struct.pack("iiiiii", 1, 2, 0, 1, 1, 1),
            *(struct.pack("iifi", 3, 2, 0.0, 0) for _ in range(2)),
            struct.pack("iii", *stock.operations[0]),
            struct.pack("4i", 2, 3, 2, 3),
            struct.pack("2i", *stock.operation_args),
            struct.pack("2i", 0, 1),
        ]
    )
    builder = Builder(27)
    x = builder.variable(OperandType(FLOAT, (2, 3)))
    (y,) = builder.emit(ops.RELU, {"input": x}, [builder.type_of(x)])
    assert serialize(builder.finish([x], [y]), WeightTable()) == stock_words


def test_stock_serializer_output_is_read() -> None:
    """A model that torch's own prototype converted."""
    import torch
    from torch.backends._nnapi.serializer import serialize_model

    module = torch.jit.freeze(
        torch.jit.script(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()).eval())
    )
    words, weights, *_ = serialize_model(module, [torch.zeros(2, 4)])
    model = deserialize(bytes(words), [weight.detach().numpy() for weight in weights])
    assert [operation.spec.name for operation in model.operations] == ["FULLY_CONNECTED", "RELU"]


def test_constants_are_not_loaded_before_they_are_written() -> None:
    loads = []

    def load() -> np.ndarray:
        loads.append(1)
        return np.zeros((64, 64), np.float32)

    constant = Constant(np.dtype(np.float32), (64, 64), load, "weights")
    builder = Builder(29)
    x = builder.variable(OperandType(FLOAT, (64, 64)))
    other = TypedConstant(constant.transpose((1, 0)), OperandType(FLOAT, (64, 64)))
    (y,) = builder.emit(ops.ADD, {"a": x, "b": other}, [builder.type_of(x)])
    weights = WeightTable()
    serialize(builder.finish([x], [y]), weights)
    assert len(weights.constants) == 1
    assert not loads
