"""torch's operators of quantised tensors, in floats between ``quantize`` and ``dequantize``, as PT2E says it.

A quint8 or qint8 tensor is the numbers that its integers stand for, and their grid. What an operator rounds to is
what torch's own kernels round to; one that is not known here is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
import torch.nn.functional as F  # noqa: N812
from attrs import define, frozen
from torch import Tensor, nn

from nnapi_core.errors import ConversionError
from nnapi_core.graph.quantised.refuse_other_quantisation import RECIPE

_LIMITS = {torch.uint8: (0, 255), torch.int8: (-128, 127)}
INTEGERS = {torch.quint8: torch.uint8, torch.qint8: torch.int8}
# TorchScript writes dtypes as numbers.
_BY_NUMBER = {12: torch.int8, 13: torch.uint8}


@frozen
class Grid:
    """What the integers of a tensor stand for."""

    scale: float
    zero_point: int
    dtype: torch.dtype

    @property
    def arguments(self) -> tuple[Any, ...]:
        return (self.scale, self.zero_point, *_LIMITS[self.dtype], self.dtype)


@define(eq=False)
class Rounded:
    """A quantised tensor: its numbers, and their grid."""

    tensor: Tensor
    grid: Grid
    is_shared: bool = False
    """Does a view share its memory? Then it cannot be changed in place here."""


def from_integers(integers: Tensor, grid: Grid) -> Rounded:
    """A tensor whose integers are at hand."""
    numbers = torch.ops.quantized_decomposed.dequantize_per_tensor(integers, *grid.arguments)
    return Rounded(numbers, grid)


def rounded(numbers: Tensor, grid: Grid) -> Rounded:
    ops = torch.ops.quantized_decomposed
    integers = ops.quantize_per_tensor(numbers, *grid.arguments)
    return Rounded(ops.dequantize_per_tensor(integers, *grid.arguments), grid)


@frozen(eq=False)
class Packed:
    """Weights of a quantised layer, as buffers of ``owner``, and how the layer uses them."""

    owner: nn.Module
    name: str
    has_bias: bool
    quant: tuple[Any, ...]
    """Scale and zero point of the weight; or, for a scale each channel, the dimension."""
    geometry: tuple[Any, ...] = ()
    """Stride, padding, output padding, dilation, groups, of a convolution."""

    @classmethod
    def of(cls, owner: nn.Module, name: str, packed: Any, *, in_one_dimension: bool) -> Packed:
        """One-dimensional convolutions pack their weights with a height of 1, which is taken off."""
        kind = packed._type().name() if hasattr(packed, "_type") else str(packed)
        if "Linear" in kind:
            weight, bias = torch.ops.quantized.linear_unpack(packed)
            geometry: tuple[Any, ...] = ()
        elif "Conv2d" in kind:
            weight, bias = packed.unpack()
            geometry = tuple(
                getattr(packed, one)()
                for one in ("stride", "padding", "output_padding", "dilation", "groups")
            )
            if in_one_dimension:
                geometry = tuple(one[1:] if isinstance(one, list) else one for one in geometry)
        else:
            raise ConversionError(f"a quantised layer holds {kind}, which is not read. {RECIPE}")
        return cls._held(owner, name, weight, bias, geometry, flat=in_one_dimension)

    @classmethod
    def _held(
        cls,
        owner: nn.Module,
        name: str,
        weight: Tensor,
        bias: Tensor | None,
        geometry: tuple[Any, ...],
        *,
        flat: bool = False,
    ) -> Packed:
        if not weight.is_quantized or weight.dtype not in INTEGERS:
            raise ConversionError(
                f"a quantised layer has weights of {weight.dtype}, where NNAPI has 8-bit integers. {RECIPE}"
            )
        integers = weight.int_repr().contiguous()
        owner.register_buffer(f"{name}_integers", integers.squeeze(2) if flat else integers)
        if bias is not None:
            owner.register_buffer(f"{name}_bias", bias.detach())
        if weight.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
            quant: tuple[Any, ...] = (weight.q_scale(), weight.q_zero_point())
        else:
            owner.register_buffer(f"{name}_scales", weight.q_per_channel_scales().float())
            owner.register_buffer(f"{name}_zeros", weight.q_per_channel_zero_points())
            quant = (weight.q_per_channel_axis(),)
        return cls(owner, name, bias is not None, quant, geometry)

    @property
    def bias(self) -> Tensor | None:
        return getattr(self.owner, f"{self.name}_bias") if self.has_bias else None

    @property
    def _integers(self) -> Tensor:
        found: Tensor = getattr(self.owner, f"{self.name}_integers")
        return found

    @property
    def weight(self) -> Tensor:
        """Its numbers."""
        ops, integers = torch.ops.quantized_decomposed, self._integers
        low, high = _LIMITS[integers.dtype]
        if len(self.quant) == 2:
            found = ops.dequantize_per_tensor(integers, *self.quant, low, high, integers.dtype)
        else:
            scales, zeros = (
                getattr(self.owner, f"{self.name}_{one}") for one in ("scales", "zeros")
            )
            found = ops.dequantize_per_channel(
                integers, scales, zeros, self.quant[0], low, high, integers.dtype
            )
        numbers: Tensor = found
        return numbers


# ---- layers


def _convolution(x: Tensor, packed: Packed) -> Tensor:
    stride, padding, _, dilation, groups = packed.geometry
    function: Callable[..., Tensor] = F.conv1d if x.dim() == 3 else F.conv2d
    return function(x, packed.weight, packed.bias, stride, padding, dilation, groups)


def _transposed(x: Tensor, packed: Packed) -> Tensor:
    stride, padding, output_padding, dilation, groups = packed.geometry
    function: Callable[..., Tensor] = F.conv_transpose1d if x.dim() == 3 else F.conv_transpose2d
    return function(
        x, packed.weight, packed.bias, stride, padding, output_padding, groups, dilation
    )


def _linear(x: Tensor, packed: Packed) -> Tensor:
    return F.linear(x, packed.weight, packed.bias)


def _layer_norm(
    x: Tensor, shape: list[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    return F.layer_norm(x, shape, weight, bias, eps)


def _batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    eps: float,
) -> Tensor:
    return F.batch_norm(x, mean, variance, weight, bias, eps=eps)


# What is computed of the arguments before the scale and the zero point of the result. Not prelu: torch's kernel
# computes something else.
_ROUNDED: dict[str, Callable[..., Tensor]] = {
    "conv1d": _convolution,
    "conv2d": _convolution,
    "conv_transpose1d": _transposed,
    "conv_transpose2d": _transposed,
    "linear": _linear,
    "add": torch.add,
    "mul": torch.mul,
    "cat": torch.cat,
    "matmul": torch.matmul,
    "hardswish": F.hardswish,
    "sigmoid": torch.sigmoid,
    "softmax": torch.softmax,
    "leaky": lambda x, slope, inplace: F.leaky_relu(x, slope),  # leaky_relu
    "layer_norm": _layer_norm,
    "group_norm": F.group_norm,
    "instance_norm": lambda x, w, b, eps: F.instance_norm(x, weight=w, bias=b, eps=eps),
    "batch_norm1d": _batch_norm,
    "batch_norm2d": _batch_norm,
}

# Results that have the grid of the input: of float operators on quantised tensors.
_KEEP = {
    "relu", "relu6", "hardtanh", "clamp", "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "mean", "flatten", "view", "reshape", "slice",
    "select", "permute", "transpose", "t", "squeeze", "unsqueeze", "contiguous", "clone", "detach",
    "dropout", "feature_dropout", "chunk", "split", "repeat", "flip", "cat", "stack", "pixel_shuffle",
    "pixel_unshuffle", "channel_shuffle", "upsample_nearest2d", "upsample_bilinear2d", "expand",
    "leaky_relu", "alias",
}  # fmt: skip
# The scale, and the zero point among uint8.
_FIXED = {"sigmoid": (1 / 256, 0), "tanh": (1 / 128, 128), "hardsigmoid": (1 / 256, 0)}


def call_quantised(node: Any, args: list[Any]) -> Sequence[Any] | None:
    """The results of a call that makes or takes quantised tensors; None for another one.

    Raises `ConversionError` for one that is not known.
    """
    namespace, _, name = node.kind().partition("::")
    if namespace == "aten" and name == "quantize_per_tensor":
        if args[3] not in _BY_NUMBER:
            raise _unknown(node)
        return [rounded(args[0], Grid(float(args[1]), int(args[2]), _BY_NUMBER[args[3]]))]
    sources = [one for one in _flat(args) if isinstance(one, Rounded)]
    if namespace == "quantized":
        return [_of_quantised(node, name, args, sources)]
    if not sources:
        return None
    if name == "dequantize":
        return [_numbers(args[0])]
    found = _of_floats(node, name, args, sources)
    if name.endswith("_") or (name in ("dropout", "feature_dropout") and args[-1]):
        if name.rstrip("_") not in _KEEP or sources[0].is_shared or not isinstance(found, Rounded):
            raise _unknown(node)
        sources[0].tensor = found.tensor
        found = sources[0]
    return [found]


def _of_quantised(node: Any, name: str, args: list[Any], sources: list[Rounded]) -> Rounded:
    plain = name.removesuffix("_relu")
    if name == "dropout" and sources and not args[-1]:
        return sources[0]
    if name == "elu" and sources:
        scale, zero_point, *factors = args[1:]
        grid = Grid(float(scale), int(zero_point), sources[0].grid.dtype)
        return rounded(torch.ops.aten.elu(sources[0].tensor, *factors), grid)
    if name in ("relu6", "clamp") and sources:
        return _changed(node, args, sources[0], F.relu6 if name == "relu6" else torch.clamp)
    by_number = plain.removesuffix("_scalar")
    if by_number in ("add", "mul") and len(args) == 2 and isinstance(args[1], (int, float)):
        found = _with_number(sources[0], args[1], by_number)
    elif plain in _ROUNDED and sources and len(args) >= 3:
        *operands, scale, zero_point = args
        grid = sources[0].grid
        if scale is not None:
            grid = Grid(float(scale), int(zero_point), grid.dtype)
        numbers = _ROUNDED[plain](*map(_numbers, operands))
        clamped = plain != name and plain != "leaky"
        return rounded(torch.relu(numbers) if clamped else numbers, grid)
    else:
        raise _unknown(node)
    return rounded(torch.relu(found.tensor), found.grid) if plain != name else found


def _changed(
    node: Any, args: list[Any], source: Rounded, function: Callable[..., Tensor]
) -> Rounded:
    in_place = isinstance(args[-1], bool) and args[-1]
    if in_place and source.is_shared:
        raise _unknown(node)
    operands = args[1:-1] if isinstance(args[-1], bool) else args[1:]
    found = rounded(function(source.tensor, *operands), source.grid)
    if in_place:
        source.tensor = found.tensor
        return source
    return found


def _with_number(source: Rounded, number: float, name: str) -> Rounded:
    """torch moves the grid instead of the integers, where the number lets it."""
    grid = source.grid
    low, high = _LIMITS[grid.dtype]
    if name == "mul":
        if number == 0:
            return rounded(source.tensor * 0.0, Grid(1.0, 0, grid.dtype))
        zero = grid.zero_point if number > 0 else high + low - grid.zero_point
        moved = Grid(grid.scale * abs(number), zero, grid.dtype)
        return rounded(source.tensor * number, moved)
    steps = round(number / grid.scale)
    zero = grid.zero_point - steps
    if zero < low:
        moved = Grid(grid.scale * (high - zero) / (high - low), low, grid.dtype)
    elif zero > high:
        moved = Grid(grid.scale * (zero - low) / (high - low), high, grid.dtype)
    else:
        return rounded(source.tensor + steps * grid.scale, Grid(grid.scale, zero, grid.dtype))
    return rounded(source.tensor + number, moved)


def _of_floats(node: Any, name: str, args: list[Any], sources: list[Rounded]) -> Any:
    plain = name.removesuffix("_")
    grid = sources[0].grid
    if plain in _FIXED:
        scale, zero_point = _FIXED[plain]
        low, _ = _LIMITS[grid.dtype]
        return rounded(
            getattr(torch.ops.aten, plain)(sources[0].tensor),
            Grid(scale, zero_point + low, grid.dtype),
        )
    if plain not in _KEEP:
        raise _unknown(node)
    schema = torch._C.parse_schema(node.schema())
    if any(one.alias_info is not None and not one.alias_info.is_write for one in schema.arguments):
        for source in sources:
            source.is_shared = True
    packet = getattr(torch.ops.aten, plain)
    plain_args = [
        _numbers(value)
        for one, value in zip(schema.arguments, args, strict=True)
        if not one.kwarg_only
    ]
    found = packet(*plain_args)
    if isinstance(found, (tuple, list)):
        return [Rounded(one, grid, is_shared=True) for one in found]
    result = rounded(found, grid)
    result.is_shared = sources[0].is_shared
    return result


def _numbers(value: Any) -> Any:
    if isinstance(value, Rounded):
        return value.tensor
    if isinstance(value, (list, tuple)):
        return [_numbers(one) for one in value]
    return value


def _flat(values: Any) -> list[Any]:
    if isinstance(values, (list, tuple)):
        return [leaf for one in values for leaf in _flat(one)]
    return [values]


def _unknown(node: Any) -> ConversionError:
    kind = node.kind()
    dynamic = "dynamic" in kind
    why = (
        "is dynamic quantisation; the scales of a NNAPI model are fixed"
        if dynamic
        else "of quantised tensors is not read"
    )
    where = node.sourceRange().strip().splitlines()
    at = f" ({where[-1].strip()})" if where else ""
    return ConversionError(f"{kind}{at} {why}. {RECIPE}")
