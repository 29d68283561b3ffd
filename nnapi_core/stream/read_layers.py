"""What each call of a traced module is along time: on its own, with state, or nothing that comes by chunks."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.fx import Node
from torch.nn import functional

from nnapi_core.errors import ConversionError
from nnapi_core.stream.layers import Carrying, Front, Overlaps, Recurrent, Skipped, Windows

_EACH_ELEMENT: tuple[type[nn.Module], ...] = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh,
    nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.LogSigmoid, nn.Softplus, nn.Softsign, nn.Tanhshrink, nn.Hardshrink,
    nn.Softshrink, nn.Threshold, nn.Identity, nn.Dropout, nn.Dropout1d, nn.AlphaDropout,
)  # fmt: skip

_NAMES_OF_ELEMENTS = {
    "add", "sub", "mul", "div", "truediv", "neg", "pow", "abs", "exp", "log", "log1p", "sqrt", "rsqrt", "square", "sin",
    "cos", "tanh", "sigmoid", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardtanh",
    "hardswish", "hardsigmoid", "logsigmoid", "softplus", "softsign", "clamp", "clamp_min", "clamp_max", "maximum",
    "minimum", "iadd", "isub", "imul", "itruediv", "where", "sign", "round", "floor", "ceil", "reciprocal", "erf",
    "dropout", "contiguous", "clone", "float", "detach", "lt", "le", "gt", "ge", "eq", "ne",
}  # fmt: skip
_MOVES = {"transpose", "permute", "unsqueeze", "squeeze"}
_ALONG_A_DIMENSION = {
    "softmax", "log_softmax", "cat", "concat", "stack", "mean", "sum", "amax", "amin", "glu", "normalize", "chunk",
}  # fmt: skip
_FUNCTIONS: dict[Any, str] = {
    getattr(owner, name): name
    for owner in (operator, torch, functional)
    for name in (*_NAMES_OF_ELEMENTS, *_MOVES, *_ALONG_A_DIMENSION, "layer_norm")
    if hasattr(owner, name)
}


def refusal(node: Node, why: str) -> ConversionError:
    """An error that names the layer."""
    if node.op == "call_module":
        named = f"the layer {node.target!r}"
    else:
        target = (
            node.target
            if isinstance(node.target, str)
            else getattr(node.target, "__name__", node.target)
        )
        named = f"{node.name} ({target})"
    return ConversionError(f"{named} does not come by chunks: {why}")


def read_layer(
    node: Node, layer: nn.Module | None, axes: Mapping[Node, int | None]
) -> Carrying | None:
    """What carries state in the place of ``node``; None where each moment is on its own.

    ``layer`` is the module that it calls. ``axes`` says which dimension of a value is time, counted from the last, -1.
    Raises `ConversionError` where a moment wants others that do not come, or where this is not known.
    """
    timed = [one for one in node.all_input_nodes if axes[one] is not None]
    if not timed:
        return None
    if layer is not None:
        return _read_module(node, layer, axes[timed[0]] or -1)
    if node.target is operator.getitem and not isinstance(node.args[0], (list, tuple)):
        return _read_item(node, axes[timed[0]] or -1)
    if node.target in (functional.pad, "pad"):
        return _read_pad(node, axes[timed[0]] or -1)
    return _read_function(node, timed, axes)


def _read_module(node: Node, layer: nn.Module, axis: int) -> Carrying | None:
    kind = type(layer)
    if kind in _EACH_ELEMENT or _is_on_other_dimensions(node, layer, axis):
        return None
    if isinstance(layer, nn.RNNBase):
        return _read_recurrent(node, layer, axis)
    if kind in (nn.ConstantPad1d, nn.ZeroPad1d):
        left, right = layer.padding  # type: ignore[misc]
        return _front(node, int(left), int(right), axis, float(layer.value))  # type: ignore[arg-type]
    reader = _ALONG_THE_LAST.get(kind)
    if reader is None:
        raise refusal(
            node,
            f"{kind.__name__} is not known to see only a moment and those close before it; give the whole sequence, or "
            "write it as a module with buffers (docs/state.md)",
        )
    if axis != -1:
        raise refusal(node, f"{kind.__name__} does not run along the dimension that is time")
    return reader(node, layer)


def _is_on_other_dimensions(node: Node, layer: nn.Module, axis: int) -> bool:
    if type(layer) is nn.BatchNorm1d:
        if layer.training or layer.running_mean is None:
            raise refusal(node, "its statistics are those of the whole sequence; call .eval()")
        return axis == -1
    if type(layer) is nn.Linear:
        return axis != -1
    if type(layer) is nn.LayerNorm:
        return -axis > len(layer.normalized_shape)
    if type(layer) in (nn.Softmax, nn.LogSoftmax, nn.GLU):
        return not _is_time(node, layer.dim, axis)  # type: ignore[arg-type]
    return type(layer) is nn.Embedding or (
        type(layer) is nn.PReLU and (layer.num_parameters == 1 or axis == -1)
    )


def _read_recurrent(node: Node, layer: nn.RNNBase, axis: int) -> Carrying:
    if type(layer) not in (nn.GRU, nn.RNN, nn.LSTM):
        raise refusal(node, f"{type(layer).__name__} is not known")
    if layer.bidirectional:
        raise refusal(node, "it is bidirectional, which begins at the end")
    if len(node.args) + len(node.kwargs) != 1:
        raise refusal(node, "it is given its first state")
    for user in node.users:
        if user.target is not operator.getitem or user.args[1] != 0:
            raise refusal(node, "its last state is asked for, which is that of the whole sequence")
    rank = _rank(node.all_input_nodes[0])
    if axis != (-2 if layer.batch_first or rank == 2 else -3):
        raise refusal(node, "it does not run along the dimension that is time")
    return Recurrent(layer)


def _read_conv(node: Node, layer: nn.Conv1d) -> Carrying:
    extent = layer.dilation[0] * (layer.kernel_size[0] - 1) + 1
    padding = layer.padding
    if padding == "same":
        left = (extent - 1) // 2
    else:
        left = 0 if padding == "valid" else int(padding[0])
    if left and layer.padding_mode != "zeros":
        raise refusal(node, f"its padding is {layer.padding_mode!r}; pad with zeros")
    return Windows(layer, _convolved, extent=extent, stride=layer.stride[0], left=left)


def _convolved(layer: nn.Conv1d, x: torch.Tensor) -> torch.Tensor:
    return functional.conv1d(
        x, layer.weight, layer.bias, layer.stride, 0, layer.dilation, layer.groups
    )


def _read_conv_transpose(node: Node, layer: nn.ConvTranspose1d) -> Carrying:
    return Overlaps(layer)


def _read_pool(node: Node, layer: nn.MaxPool1d | nn.AvgPool1d) -> Carrying:
    kernel, stride, padding = (
        int(one[0]) if isinstance(one, tuple) else int(one)
        for one in (layer.kernel_size, layer.stride, layer.padding)
    )
    if padding or layer.ceil_mode:
        raise refusal(node, "its windows reach over the ends; padding=0 and ceil_mode=False do not")
    if isinstance(layer, nn.AvgPool1d):
        return Windows(layer, _called, extent=kernel, stride=stride)
    if layer.return_indices:
        raise refusal(node, "it returns places in the whole sequence")
    dilation = int(layer.dilation[0] if isinstance(layer.dilation, tuple) else layer.dilation)
    return Windows(layer, _called, extent=dilation * (kernel - 1) + 1, stride=stride)


def _called(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = layer(x)
    return found


_ALONG_THE_LAST: dict[type[nn.Module], Callable[[Node, Any], Carrying]] = {
    nn.Conv1d: _read_conv,
    nn.ConvTranspose1d: _read_conv_transpose,
    nn.MaxPool1d: _read_pool,
    nn.AvgPool1d: _read_pool,
}


def _front(node: Node, left: int, right: int, axis: int, value: float) -> Carrying | None:
    if axis != -1:
        return None
    if right > 0:
        raise refusal(node, "it pads the end of the whole sequence; pad the beginning alone")
    if left < 0 or right < 0:
        raise refusal(node, "it cuts the sequence; pad by what is not negative")
    return Front(left, axis, value)


def _read_pad(node: Node, axis: int) -> Carrying | None:
    pads, mode, value = (
        _given(node, place + 1, name) for place, name in enumerate(("pad", "mode", "value"))
    )
    pairs = [pads[place : place + 2] for place in range(0, len(pads), 2)]
    place = -1 - axis
    if place >= len(pairs) or not any(pairs[place]):
        return None
    others = any(any(pair) for number, pair in enumerate(pairs) if number != place)
    if mode not in (None, "constant") or others or not all(isinstance(one, int) for one in pads):
        raise refusal(node, "only constants in front, along time alone, are known")
    left, right = pairs[place]
    if right or left < 0:
        raise refusal(node, "it changes the end of the whole sequence; pad the beginning alone")
    return Front(left, axis, float(value or 0.0))


def _read_item(node: Node, axis: int) -> Carrying | None:
    """``x[:, :, 2:]``; or a part of a tuple."""
    source, index = node.args
    assert isinstance(source, Node)
    if source.meta.get("is_tuple"):
        return None
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(
        isinstance(one, Node) or one is None or isinstance(one, (list, torch.Tensor))
        for one in parts
    ):
        raise refusal(node, "it is indexed by tensors, lists or None")
    rank = _rank(source)
    if Ellipsis in parts:
        place = parts.index(Ellipsis)
        parts[place : place + 1] = [slice(None)] * (rank - len(parts) + 1)
    parts += [slice(None)] * (rank - len(parts))
    of_time = parts[axis]
    if of_time == slice(None):
        return None
    alone = all(one == slice(None) for place, one in enumerate(parts) if place != rank + axis)
    if (
        not isinstance(of_time, slice)
        or of_time.stop is not None
        or of_time.step not in (None, 1)
        or not alone
    ):
        raise refusal(
            node,
            "it picks moments of the whole sequence; only the first ones can be left out, as in x[..., 2:]",
        )
    if of_time.start < 0:
        raise refusal(node, "it counts from the end of the whole sequence")
    return Skipped(of_time.start, axis)


def _read_function(
    node: Node, timed: Sequence[Node], axes: Mapping[Node, int | None]
) -> Carrying | None:
    name = node.target if node.op == "call_method" else _FUNCTIONS.get(node.target)
    axis = axes[node]
    if name in _NAMES_OF_ELEMENTS:
        if {axes[one] for one in timed} != {axis}:
            raise refusal(node, "what it computes with has time in different dimensions")
        return None
    if name in _MOVES:
        return None
    if name == "layer_norm" and -(axis or -1) > len(_given(node, 1, "normalized_shape")):
        return None
    if name not in _ALONG_A_DIMENSION:
        raise refusal(node, "it is not known to compute each moment on its own")
    place, usual = _DIMENSION.get(name, (1, None))
    dim = _given(node, place, "dim")
    dim = usual if dim is None else dim
    dims = dim if isinstance(dim, (list, tuple)) else [dim]
    before = axes[timed[0]] or -1
    if {axes[one] for one in timed} != {before}:
        raise refusal(node, "what it computes with has time in different dimensions")
    if name == "stack":
        return None
    for one in dims:
        if not isinstance(one, int) or _is_time(timed[0], one, before, of_value=True):
            raise refusal(node, "it runs over the whole sequence")
    return None


_DIMENSION: dict[Any, tuple[int, int | None]] = {
    "chunk": (2, 0), "normalize": (2, 1), "cat": (1, 0), "concat": (1, 0), "stack": (1, 0), "glu": (1, -1),
}  # fmt: skip
"""Where ``dim`` stands among the arguments, and what it is if it does not; otherwise (1, None)."""


def _given(node: Node, place: int, name: Any) -> Any:
    """An argument by its place, or its name."""
    return node.args[place] if len(node.args) > place else node.kwargs.get(name)


def _is_time(node: Node, dim: int | None, axis: int, *, of_value: bool = False) -> bool:
    if dim is None:
        return True
    rank = _rank(node if of_value else node.all_input_nodes[0])
    return (dim if dim < 0 else dim - rank) == axis


def _rank(node: Node) -> int:
    return len(node.meta["shape"])
