"""Random models of convolutions that follow each other, large enough to be computed row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnapi_runtime
from nnapi_core.nnapi.builder import Builder, Ref, TypedConstant
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import ChannelQuant, OperandCode, OperandType, Quant
from tests.runtime.small_models import LEVEL, Packed, pack

STEPS, FLOATS = OperandCode.TENSOR_QUANT8_ASYMM_SIGNED, OperandCode.TENSOR_FLOAT32


class ConvChain:
    """Two to four convolutions, as one model and as a model of each."""

    def __init__(self, *seed: int) -> None:
        self.random = random = np.random.default_rng(seed)
        self.quantised = bool(random.integers(2))
        self.nchw = bool(random.integers(2))
        # What lies between two convolutions is handed on by rows from half a megabyte on.
        size = (80, 110) if self.quantised else (40, 70)
        batch, height, width = int(random.integers(1, 3)), *map(int, random.integers(*size, 2))
        channels = int(random.integers(1, 40))
        self.dims = (
            [batch, channels, height, width] if self.nchw else [batch, height, width, channels]
        )
        self.layers: list[dict[str, Any]] = []
        for _ in range(int(random.integers(2, 5))):
            self.layers.append(self.layer(channels))
            channels = self.layers[-1]["out_channels"]

    def layer(self, channels: int) -> dict[str, Any]:
        random = self.random
        depthwise = bool(random.integers(2))
        wide = {False: (60, 96), True: (80, 130)}[self.quantised]
        out_channels = channels if depthwise else int(random.integers(*wide))
        kernel = (
            [1, 3, 3, 5][int(random.integers(4))] if depthwise else int(random.choice([1, 1, 3]))
        )
        if kernel > 1 and not depthwise and channels * out_channels * kernel**2 > 16000:
            kernel = 1  # its weights are for rows as well
        shape = (
            (1, kernel, kernel, channels) if depthwise else (out_channels, kernel, kernel, channels)
        )
        padding = random.integers(0, kernel, 4)
        return {
            "depthwise": depthwise,
            "out_channels": out_channels,
            "weights": self.weights(shape, 3 if depthwise else 0, kernel**2 * (1 if depthwise else channels)),
            "bias": self.bias(out_channels),
            "padding": [int(p) for p in padding],
            "strides": [int(s) for s in random.choice([1, 1, 1, 2], 2)],
            "activation": int(random.integers(0, 4)),
        }  # fmt: skip

    def weights(self, shape: tuple[int, ...], out_dim: int, fan_in: int) -> TypedConstant:
        if not self.quantised:
            data = self.random.standard_normal(shape).astype("f4") / np.float32(fan_in**0.5)
            return TypedConstant(Constant.of(data), OperandType(FLOATS, shape))
        data = self.random.integers(-127, 128, shape, np.int8)
        scales = self.random.uniform(0.8, 1.2, shape[out_dim]) / (80 * fan_in**0.5)
        quant = ChannelQuant(out_dim, tuple(map(float, scales.astype("f4"))))
        code = OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL
        return TypedConstant(Constant.of(data), OperandType(code, shape, quant))

    def bias(self, count: int) -> TypedConstant:
        if not self.quantised:
            data = self.random.standard_normal(count).astype("f4")
            return TypedConstant(Constant.of(data), OperandType(FLOATS, (count,)))
        data = self.random.integers(-300, 300, count, np.int32)
        return TypedConstant(Constant.of(data), OperandType(OperandCode.TENSOR_INT32, (count,)))

    def type(self, *dims: int) -> OperandType:
        return (
            OperandType(STEPS, dims, Quant(0.03, 5))
            if self.quantised
            else OperandType(FLOATS, dims)
        )

    def input(self) -> np.ndarray:
        if self.quantised:
            return self.random.integers(-128, 128, self.dims, np.int8)
        return self.random.standard_normal(self.dims).astype("f4")

    def emit(self, builder: Builder, layer: dict[str, Any], input: Ref) -> Ref:
        spec = ops.DEPTHWISE_CONV_2D if layer["depthwise"] else ops.CONV_2D
        left, right, top, bottom = layer["padding"]
        operands = {"depth_multiplier": 1} if layer["depthwise"] else {}
        (output,) = builder.emit(
            spec,
            {
                "input": input, "weights": layer["weights"], "bias": layer["bias"],
                "padding_left": left, "padding_right": right, "padding_top": top, "padding_bottom": bottom,
                "stride_width": layer["strides"][0], "stride_height": layer["strides"][1],
                "activation": layer["activation"], "nchw": self.nchw, **operands,
            },
            [self.type(0, 0, 0, 0)],
        )  # fmt: skip
        return output

    def model(self) -> Packed:
        builder = Builder(LEVEL)
        value = first = builder.variable(self.type(*self.dims))
        for layer in self.layers:
            value = self.emit(builder, layer, value)
        return pack(builder.finish([first], [value]))

    def executor(self, **settings: Any) -> nnapi_runtime.Executor:
        model = self.model()
        return nnapi_runtime.Executor(model.words, model.weights, **settings)

    def run(self) -> np.ndarray:
        (result,) = self.executor().run([self.input()])
        return result

    def run_apart(self, input: np.ndarray) -> np.ndarray:
        for layer in self.layers:
            builder = Builder(LEVEL)
            first = builder.variable(self.type(*input.shape))
            model = pack(builder.finish([first], [self.emit(builder, layer, first)]))
            (input,) = nnapi_runtime.Executor(model.words, model.weights).run([input])
        return input
