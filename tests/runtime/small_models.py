"""Small models as words and weights, for the tests of the reader, the executor and sessions."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
from attrs import frozen

from nnapi_core.nnapi.builder import Builder, TypedConstant
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.serialize import WeightTable, serialize
from nnapi_core.nnapi.types import ChannelQuant, Dim, OperandCode, OperandType, Quant, SymbolicDim

LEVEL = 1000008
FLOAT = OperandCode.TENSOR_FLOAT32
rng = np.random.default_rng(7)


@frozen(eq=False)
class Packed:
    """A model as the executor takes it."""

    words: bytes
    weights: list[np.ndarray[Any, Any]]


def pack(model: Model, *, version: int | None = None) -> Packed:
    table = WeightTable()
    words = serialize(model, table, version=version)
    return Packed(words, [constant.array() for constant in table.constants])


def float_type(*dims: Dim) -> OperandType:
    return OperandType(FLOAT, dims)


def float_constant(data: Any) -> TypedConstant:
    array = np.asarray(data, np.float32)
    return TypedConstant(Constant.of(array), float_type(*array.shape))


DENSE_WEIGHT = rng.standard_normal((32, 64), dtype=np.float32)
DENSE_BIAS = rng.standard_normal(32, dtype=np.float32)


def dense(batch: int | None = 4) -> Model:
    """relu(x @ DENSE_WEIGHT.T + DENSE_BIAS); ``batch`` None leaves it to the run."""
    first = SymbolicDim("n") if batch is None else batch
    builder = Builder(LEVEL)
    x = builder.variable(float_type(first, 64))
    (dense,) = builder.emit(
        ops.FULLY_CONNECTED,
        {"input": x, "weights": float_constant(DENSE_WEIGHT), "bias": float_constant(DENSE_BIAS)},
        [float_type(first, 32)],
    )
    (out,) = builder.emit(ops.RELU, {"input": dense}, [float_type(first, 32)])
    return builder.finish([x], [out])


def dense_result(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.maximum(x @ DENSE_WEIGHT.T + DENSE_BIAS, 0)


CONV_WEIGHT = rng.standard_normal((5, 3, 3, 2), dtype=np.float32)  # out, height, width, in
CONV_BIAS = rng.standard_normal(5, dtype=np.float32)


def conv() -> Model:
    """A 3x3 convolution without padding, 1x8x8x2 to 1x6x6x5, in NNAPI's order of dimensions."""
    builder = Builder(LEVEL)
    x = builder.variable(float_type(1, 8, 8, 2))
    (out,) = builder.emit(
        ops.CONV_2D,
        {
            "input": x,
            "weights": float_constant(CONV_WEIGHT),
            "bias": float_constant(CONV_BIAS),
            "padding_scheme": 2,
            "stride_width": 1,
            "stride_height": 1,
        },
        [float_type(1, 6, 6, 5)],
    )
    return builder.finish([x], [out])


def quantised_conv() -> Model:
    """A 1x1 convolution of quant8 with a scale for each of its 4 channels."""
    scales = (0.5, 0.25, 0.125, 1.0)
    weight = np.arange(-8, 8, dtype=np.int8).reshape(4, 1, 1, 4)
    builder = Builder(LEVEL)
    x = builder.variable(OperandType(OperandCode.TENSOR_QUANT8_ASYMM, (1, 2, 2, 4), Quant(0.5, 10)))
    weight_type = OperandType(
        OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL, weight.shape, ChannelQuant(0, scales)
    )
    bias = TypedConstant(
        Constant.of(np.zeros(4, np.int32)), OperandType(OperandCode.TENSOR_INT32, (4,))
    )
    (out,) = builder.emit(
        ops.CONV_2D,
        {
            "input": x,
            "weights": TypedConstant(Constant.of(weight), weight_type),
            "bias": bias,
            "padding_scheme": 2,
            "stride_width": 1,
            "stride_height": 1,
        },
        [OperandType(OperandCode.TENSOR_QUANT8_ASYMM, (1, 2, 2, 4), Quant(2.0, 100))],
    )
    return builder.finish([x], [out])


def choice() -> Model:
    """IF: ``condition ? x + x : x * x``, with submodels."""

    def branch(name: str) -> Model:
        builder = Builder(LEVEL)
        x = builder.variable(float_type(3))
        (out,) = builder.emit(getattr(ops, name), {"a": x, "b": x}, [float_type(3)])
        return builder.finish([x], [out])

    builder = Builder(LEVEL)
    condition = builder.variable(OperandType(OperandCode.TENSOR_BOOL8, (1,)))
    x = builder.variable(float_type(3))
    arguments = {
        "condition": condition,
        "then_model": branch("ADD"),
        "else_model": branch("MUL"),
        "inputs": [x],
    }
    (out,) = builder.emit(ops.IF, arguments, [float_type(3)])
    return builder.finish([condition, x], [out])


def invalid() -> Model:
    """Its second operation cannot be: a softmax of 3 columns has 3, not 5."""
    builder = Builder(LEVEL)
    x = builder.variable(float_type(2, 3))
    (y,) = builder.emit(ops.RELU, {"input": x}, [float_type(2, 3)])
    (out,) = builder.emit(ops.SOFTMAX, {"input": y, "beta": 1.0}, [float_type(2, 5)])
    return builder.finish([x], [out])


def border(value: str, shape: list[int | None], **others: Any) -> dict[str, Any]:
    """A border entry of a manifest: float32 in torch's order unless said otherwise."""
    plain = {"dtype": "float32", "type": int(FLOAT), "order": list(range(len(shape)))}
    return {"value": value, "shape": shape, "scale": 0.0, "zero_point": 0, **plain, **others}


def spec(name: str, shape: list[int | None], dtype: str = "float32") -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": shape}


def dense_manifest(batch: int | None = 4) -> dict[str, Any]:
    """One NNAPI stage, `dense`, from x to y."""
    stage = {
        "kind": "nnapi",
        "model": "model.0",
        "inputs": [border("x", [batch, 64])],
        "outputs": [border("y", [batch, 32])],
        "operations": [
            {"node": "linear", "target": "aten.linear.default", "source": "model.py:12"},
            {"node": "relu", "target": "aten.relu.default", "source": "model.py:13"},
        ],
    }
    return {
        "feature_level": 27,
        "relaxed": False,
        "inputs": [spec("x", [batch, 64])],
        "outputs": [spec("y", [batch, 32])],
        "output_tree": ["leaf"],
        "constants": {},
        "stages": [stage],
    }


def nnapi_file(
    manifest: dict[str, Any], tensors: dict[str, np.ndarray[Any, Any]], **metadata: str
) -> bytes:
    """The bytes of a .nnapi file, packed by hand; ``metadata`` replaces entries of the metadata."""
    codes = {"f": "F32", "B": "U8"}
    sums = {name: f"{zlib.crc32(array.tobytes()):08x}" for name, array in tensors.items()}
    text = json.dumps({**manifest, "checksums": sums})
    header: dict[str, Any] = {
        "__metadata__": {
            "format": "torch-nnapi",
            "version": "1",
            "checksum": f"{zlib.crc32(text.encode()):08x}",
            "manifest": text,
            **metadata,
        }
    }
    body = b""
    for name, array in tensors.items():
        offsets = [len(body), len(body) + array.nbytes]
        shape = list(array.shape)
        header[name] = {"dtype": codes[array.dtype.char], "shape": shape, "data_offsets": offsets}
        body += array.tobytes()
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + body


def dense_file(batch: int | None = 4, **metadata: str) -> bytes:
    packed = pack(dense(batch))
    tensors = {f"weights.{i}": weight for i, weight in enumerate(packed.weights)}
    tensors["model.0"] = np.frombuffer(packed.words, np.uint8)
    return nnapi_file(dense_manifest(batch), tensors, **metadata)
