"""Random convolutions, matrix products and sums, the same in every process; run as a program, it saves the results."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.types import ChannelQuant, OperandCode, OperandType, Quant
from tests.runtime.kernels.conv_chains import ConvChain
from tests.runtime.ops.single_op import Tensor, run_operation

KINDS = (
    "conv",
    "grouped",
    "depthwise",
    "transposed",
    "fully connected",
    "matmul",
    "sum",
    "3x3",
)
CASES_PER_KIND = 50
CHAINS = 12


class Case:
    """One case: its operands are drawn from the case's own generator."""

    def __init__(self, kind: str, number: int) -> None:
        self.random = np.random.default_rng([number, KINDS.index(kind)])
        self.kind = kind
        self.number = number
        spec = self.spec
        rules = [rule for rule in spec.rules if kind != "3x3" or not rule.types["T"].is_quantised]
        rule = rules[self.integer(0, len(rules) - 1)]
        self.types = rule.types

    @property
    def spec(self) -> OperationSpec:
        return {
            "conv": ops.CONV_2D,
            "3x3": ops.CONV_2D,  # of floats, mostly by Winograd's method
            "grouped": ops.GROUPED_CONV_2D,
            "depthwise": ops.DEPTHWISE_CONV_2D,
            "transposed": ops.TRANSPOSE_CONV_2D,
            "fully connected": ops.FULLY_CONNECTED,
            "matmul": ops.BATCH_MATMUL,
            "sum": (ops.ADD, ops.SUB)[self.number % 2],
        }[self.kind]

    def integer(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def channels(self) -> int:
        """Around the widths of vectors and panels."""
        return int(self.random.choice([1, 3, 4, 7, 8, 15, 16, 17, 24, 33, 48, 49, 64, 97, 130]))

    def tensor(self, variable: str, *shape: int, out_dim: int = 0) -> Tensor:
        code = self.types[variable]
        constant = (bool(self.random.integers(2)) or self.kind == "3x3") and variable != "T"
        if code.element.kind == "f":
            return Tensor(
                self.random.standard_normal(shape).astype(code.element), code, constant=constant
            )
        if code is OperandCode.TENSOR_INT32:
            values = self.random.integers(-3000, 3000, shape, np.int32)
            return Tensor(values, code, constant=constant)
        info = np.iinfo(code.element)
        values = self.random.integers(info.min, info.max + 1, shape).astype(code.element)
        if code is OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL:
            scales = self.random.uniform(0.001, 0.01, shape[out_dim]).astype(np.float32)
            return Tensor(values, code, ChannelQuant(out_dim, tuple(map(float, scales))), constant)
        return Tensor(values, code, Quant(2.0**-6, self.integer(info.min, info.max)), constant)

    def bias(self, count: int, weights: Tensor) -> Tensor:
        bias = self.tensor("B", count)
        if isinstance(weights.quant, Quant):
            return Tensor(bias.data, bias.code, Quant(2.0**-12), bias.constant)
        return bias

    def output(self, rank: int) -> OperandType:
        code = self.types["T"]
        if not code.is_quantised:
            return OperandType(code, (0,) * rank)
        low = np.iinfo(code.element).min
        # Of sums: no simple multiple of the inputs', or many would lie in the middle of two steps.
        scale = 0.0123457 if self.kind == "sum" else 2.0
        return OperandType(code, (0,) * rank, Quant(scale, low + self.integer(100, 150)))

    def run(self) -> np.ndarray:
        makers = {"matmul": self.product, "fully connected": self.layer, "sum": self.terms}
        operands, rank = makers.get(self.kind, self.image)()
        (result,) = run_operation(self.spec, [self.output(rank)], **operands)
        return result

    def product(self) -> tuple[dict[str, Any], int]:
        rows, depth, columns, batch = self.channels(), self.channels(), self.channels(), 2
        transposed = [bool(self.random.integers(2)) for _ in range(2)]
        a = (batch, depth, rows) if transposed[0] else (batch, rows, depth)
        b = (batch, columns, depth) if transposed[1] else (batch, depth, columns)
        return {
            "a": self.tensor("T", *a),
            "b": self.tensor("T", *b),
            "transpose_a": transposed[0],
            "transpose_b": transposed[1],
        }, 3

    def terms(self) -> tuple[dict[str, Any], int]:
        count = self.integer(1, 300)
        activation = 0 if self.types["T"] is OperandCode.TENSOR_INT32 else self.integer(0, 3)
        return {
            "a": self.tensor("T", count),
            "b": self.tensor("T", count),
            "activation": activation,
        }, 1

    def layer(self) -> tuple[dict[str, Any], int]:
        rows, depth, units = self.channels(), self.channels(), self.channels()
        weights = self.tensor("W", units, depth)
        return {
            "input": self.tensor("T", rows, depth),
            "weights": weights,
            "bias": self.bias(units, weights),
            "activation": self.integer(0, 3),
        }, 2

    def image(self) -> tuple[dict[str, Any], int]:
        nchw = bool(self.random.integers(2))
        batch, height, width = self.integer(1, 2), self.integer(5, 20), self.integer(5, 20)
        # Windows of 3x3 have loops of their own, and so have those that are 3, 5 or 7 wide.
        depthwise = self.kind == "depthwise"
        square = self.kind == "3x3" or (depthwise and self.integer(0, 1))
        widest = 7 if depthwise else 5
        kernel = (3, 3) if square else (self.integer(1, 5), self.integer(1, widest))
        groups, in_channels, out_channels = 1, self.channels(), self.channels()
        extra: dict[str, Any] = {}
        if self.kind == "grouped":
            extra["groups"] = groups = self.integer(1, 3)
            out_channels *= groups
        if self.kind == "depthwise":
            extra["depth_multiplier"] = self.integer(1, 3)
            out_channels = in_channels * extra["depth_multiplier"]
            weights = self.tensor("W", 1, *kernel, out_channels, out_dim=3)
        else:
            weights = self.tensor("W", out_channels, *kernel, in_channels)
        if self.kind in ("conv", "3x3", "depthwise"):
            most = 1 if square else 2
            extra |= {
                "dilation_width": self.integer(1, most),
                "dilation_height": self.integer(1, most),
            }
        largest_stride = 1 if self.kind == "3x3" else 3
        channels = in_channels * groups
        shape = (channels, height, width) if nchw else (height, width, channels)
        return {
            "input": self.tensor("T", batch, *shape),
            "weights": weights,
            "bias": self.bias(out_channels, weights),
            "padding_left": self.integer(0, kernel[1] - 1),
            "padding_right": self.integer(0, kernel[1] - 1),
            "padding_top": self.integer(0, kernel[0] - 1),
            "padding_bottom": self.integer(0, kernel[0] - 1),
            "stride_width": self.integer(1, largest_stride),
            "stride_height": self.integer(1, largest_stride),
            "activation": self.integer(0, 3),
            "nchw": nchw,
            **extra,
        }, 4


def cases() -> Iterator[tuple[str, Case | ConvChain]]:
    for kind in KINDS:
        for number in range(CASES_PER_KIND):
            yield f"{kind} {number}", Case(kind, number)
    for number in range(CHAINS):
        yield f"chain {number}", ConvChain(number)


if __name__ == "__main__":
    np.savez(sys.argv[1], **{name: case.run() for name, case in cases()})
