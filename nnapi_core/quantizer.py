"""Which tensors of a model are quantised, and how NNAPI wants them: a quantiser for torchao's PT2E.

Needs the extra ``quant`` (``pip install torch-nnapi[quant]``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import GraphModule, Node

from nnapi_core.detection.float_tail import float_tail
from nnapi_core.errors import ConversionError
from nnapi_core.nnapi.opset import FEATURE_LEVELS

try:
    from torchao.quantization.pt2e import (
        FusedMovingAvgObsFakeQuantize,
        HistogramObserver,
        MinMaxObserver,
        MovingAverageMinMaxObserver,
        MovingAveragePerChannelMinMaxObserver,
        PerChannelMinMaxObserver,
    )
    from torchao.quantization.pt2e.quantizer import (
        FixedQParamsQuantizationSpec,
        QuantizationAnnotation,
        QuantizationSpec,
        Quantizer,
        SharedQuantizationSpec,
    )
except ImportError as error:
    raise ConversionError(
        "quantisation needs torchao, which is not installed: pip install 'torch-nnapi[quant]'"
    ) from error

_KEY = "quantization_annotation"

# Operators by name, without the underscore of their in-place forms.
_PRODUCTS = {"conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "linear"}
_SUMS = {"add", "sub", "mul"}
_CLAMPS = {"relu", "relu6", "hardtanh"}
_OWN_RANGE = {"prelu": 29, "hardswish": 30, "matmul": 1000006, "bmm": 1000006}
# Averages of regions have a range of their own, maxima have that of the map; the regions stay floats.
_AVERAGES = {"nnapi::roi_align", "torchvision::roi_align"}
_SAME_RANGE = {
    "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_max_pool2d", "mean", "relu", "relu6", "hardtanh", "view",
    "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "t", "clone", "contiguous",
    "dropout", "slice", "select", "expand", "repeat", "pixel_shuffle", "pixel_unshuffle",
    "channel_shuffle", "upsample_nearest2d", "upsample_bilinear2d", "flip", "constant_pad_nd", "pad",
    "amax", "amin", "nnapi::roi_pool",
}  # fmt: skip
# The scale, and the zero point among uint8.
_FIXED = {"sigmoid": (1 / 256, 0), "tanh": (1 / 128, 128), "softmax": (1 / 256, 0)}


class NnapiQuantizer(Quantizer):  # type: ignore[misc]
    """Annotates an exported graph for PT2E with what NNAPI can compute in integers at ``feature_level``.

    Activations are asymmetric, uint8 below level 30 and int8 from it on. Weights are symmetric: a scale for each
    output channel of a convolution from level 29 on (unless ``per_channel`` is off, which stock PyTorch's ``.ptl``
    needs), one for a linear layer. Biases stay floats in the graph, and become int32 in the model.
    """

    def __init__(
        self, *, feature_level: int = 29, per_channel: bool = True, training: bool = False
    ) -> None:
        super().__init__()
        if feature_level not in FEATURE_LEVELS:
            levels = ", ".join(map(str, FEATURE_LEVELS))
            raise ConversionError(f"feature level {feature_level!r} is not one of {levels}")
        self._level = feature_level
        self._per_channel = per_channel and feature_level >= 29
        self._training = training
        self._signed = feature_level >= 30
        low, high = (-128, 127) if self._signed else (0, 255)
        dtype = torch.int8 if self._signed else torch.uint8
        self._activation = QuantizationSpec(
            dtype=dtype,
            quant_min=low,
            quant_max=high,
            qscheme=torch.per_tensor_affine,
            observer_or_fake_quant_ctr=self._maker(HistogramObserver, MovingAverageMinMaxObserver),
        )
        self._fixed = {
            name: FixedQParamsQuantizationSpec(
                dtype=dtype,
                scale=scale,
                zero_point=zero + low,
                quant_min=low,
                quant_max=high,
                qscheme=torch.per_tensor_affine,
            )
            for name, (scale, zero) in _FIXED.items()
        }

    # ---- torchao's interface

    def annotate(self, model: GraphModule) -> GraphModule:
        floats = float_tail(model.graph)
        for node in model.graph.nodes:
            if node in floats:
                continue
            if node.op == "call_function" and _is_float(node) and _KEY not in node.meta:
                self._annotate(node)
        return model

    def validate(self, model: GraphModule) -> None:
        """Nothing to check: what is not annotated stays float, and the report of a conversion names it."""

    # ---- one node

    def _annotate(self, node: Node) -> None:
        name = _name(node)
        if name in _PRODUCTS:
            self._annotate_product(node, name)
        elif name in _SUMS and all(map(_is_float, node.all_input_nodes)):
            self._annotate_rounded(node, node.all_input_nodes)
        elif name == "cat":
            self._annotate_joined(node)
        elif name in self._fixed:
            self._set(node, node.all_input_nodes[:1], self._fixed[name])
        elif self._level >= _OWN_RANGE.get(name, 1 << 31):
            self._annotate_rounded(node, node.all_input_nodes)
        elif name in _AVERAGES:
            self._annotate_rounded(node, node.all_input_nodes[:1])
        elif name in _SAME_RANGE:
            (source,) = node.all_input_nodes[:1]
            self._set(node, [source], SharedQuantizationSpec((source, node)))

    def _annotate_product(self, node: Node, name: str) -> None:
        input, weight = node.args[:2]
        if not isinstance(input, Node) or not isinstance(weight, Node):
            return
        spec = self._weight_spec(node, name) if weight.op == "get_attr" else None
        self._annotate_rounded(node, [input, weight], {weight: spec} if spec is not None else {})

    def _weight_spec(self, node: Node, name: str) -> Any:
        axis = 1 if name.startswith("conv_transpose") else 0
        groups = node.args[6] if axis and len(node.args) > 6 else 1
        by_channel = self._per_channel and name != "linear" and groups == 1
        if axis and self._training:
            # PT2E's training observes along the first dimension, which here are the inputs.
            by_channel = False
        observers = (
            (PerChannelMinMaxObserver, MovingAveragePerChannelMinMaxObserver)
            if by_channel
            else (MinMaxObserver, MovingAverageMinMaxObserver)
        )
        return QuantizationSpec(
            dtype=torch.int8,
            quant_min=-127,
            quant_max=127,
            qscheme=torch.per_channel_symmetric if by_channel else torch.per_tensor_symmetric,
            ch_axis=axis if by_channel else None,
            observer_or_fake_quant_ctr=self._maker(*observers),
        )

    def _annotate_joined(self, node: Node) -> None:
        sources = node.all_input_nodes
        if self._level >= 29:
            self._set(node, sources, self._activation)
            return
        first = SharedQuantizationSpec((sources[0], node))
        self._set(node, sources, first, dict.fromkeys(sources[1:], first))

    def _annotate_rounded(
        self, node: Node, sources: Sequence[Node], given: dict[Node, Any] | None = None
    ) -> None:
        """A call with a range of its own; a batch norm and a clamp that follow it belong to it."""
        chain = [node]
        follower = _only_reader(node)
        if follower is not None and _name(follower) == "batch_norm" and self._training:
            chain.append(follower)
            follower = _only_reader(follower)
        if follower is not None and _name(follower) in _CLAMPS:
            chain.append(follower)
        for one in chain:
            own = self._activation if one is chain[-1] else None
            one.meta[_KEY] = QuantizationAnnotation(output_qspec=own, _annotated=True)
        self._set(node, sources, self._activation if len(chain) == 1 else None, given)

    def _set(
        self,
        node: Node,
        sources: Sequence[Node],
        output: Any,
        given: dict[Node, Any] | None = None,
    ) -> None:
        inputs = {source: self._input(source) for source in sources} | (given or {})
        node.meta[_KEY] = QuantizationAnnotation(
            input_qspec_map=inputs, output_qspec=output, _annotated=True
        )

    def _input(self, source: Node) -> Any:
        """What makes a quantised tensor says how; others are observed where they are read."""
        annotation = source.meta.get(_KEY)
        if annotation is not None and annotation.output_qspec is not None:
            return SharedQuantizationSpec(source)
        return self._activation

    def _maker(self, observer: Any, trained: Any) -> Any:
        if self._training:
            return FusedMovingAvgObsFakeQuantize.with_args(observer=trained)
        return observer.with_args(eps=2**-12)


def _name(node: Node) -> str:
    if not isinstance(node.target, torch._ops.OpOverload):
        return ""
    return node.target._schema.name.removeprefix("aten::").removesuffix("_")


def _is_float(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype is torch.float32


def _only_reader(node: Node) -> Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None
