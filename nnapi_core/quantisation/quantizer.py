"""Which tensors of a model are quantised, and how NNAPI wants them: a quantiser for torchao's PT2E.

Needs the extra ``quant`` (``pip install torch-nnapi[quant]``).
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any

import torch
from torch.fx import GraphModule, Node

from nnapi_core.detection.keep_boxes_in_float import boxes_and_scores
from nnapi_core.errors import ConversionError
from nnapi_core.graph.bind_args import bind_args
from nnapi_core.nnapi.opset import FEATURE_LEVELS
from nnapi_core.plugins.contributions import FixedRange, QuantisedOperator, ResultRange
from nnapi_core.plugins.registry import Registry, installed_plugins
from nnapi_core.quantisation.float_graph import batch_norm
from nnapi_core.quantisation.torchao_warnings import unsaid
from nnapi_core.quantisation.trained_batch_norms import chain_of, of_parameters

try:
    with unsaid():
        import_module("torchao.quantization.pt2e")
    from torchao.quantization.pt2e import (
        FusedMovingAvgObsFakeQuantize,
        MinMaxObserver,
        MovingAverageMinMaxObserver,
        MovingAveragePerChannelMinMaxObserver,
        PerChannelMinMaxObserver,
    )
    from torchao.quantization.pt2e.quantizer import (
        FixedQParamsQuantizationSpec,
        QuantizationSpec,
        Quantizer,
    )

    from nnapi_core.quantisation.observers import RangeObserver
    from nnapi_core.quantisation.shared_ranges import Ranges
except ImportError as error:
    raise ConversionError(
        "quantisation needs torchao, which is not installed: pip install 'torch-nnapi[quant]'"
    ) from error

# Operators by name, without the underscore of their in-place forms.
_PRODUCTS = {"conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "linear"}
_SUMS = {"add", "sub", "mul"}
_CLAMPS = {"relu", "relu6", "hardtanh"}
_OWN_RANGE = {"prelu": 29, "hardswish": 30, "matmul": 29, "bmm": 29}
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
# Among those: what may leave a range that is known beforehand.
_MAY_LEAVE = {"hardtanh", "pad", "constant_pad_nd"}
# The scale, and the zero point among uint8.
_FIXED = {"sigmoid": (1 / 256, 0), "tanh": (1 / 128, 128), "softmax": (1 / 256, 0)}
# The smallest scale.
_SMALLEST = 2**-40


class NnapiQuantizer(Quantizer):  # type: ignore[misc]
    """Annotates an exported graph for PT2E with what NNAPI can compute in integers at ``feature_level``.

    Activations are asymmetric, uint8 below level 30 and int8 from it on. Weights are symmetric: a scale for each
    output channel of a convolution from level 29 on (unless ``per_channel`` is off, which stock PyTorch's ``.ptl``
    needs), one for a linear layer. Biases stay floats in the graph, and become int32 in the model.

    ``training`` annotates for `prepare_qat_pt2e`. ``floats`` are names of nodes whose results are not to be rounded,
    ``left`` names of nodes that are to be computed in floats: others may round what they read and give.
    ``calibration`` is how ranges are found, one of `range_from_histogram.METHODS`. After `annotate`, ``layers`` says of
    each call that rounds to which it belongs: a clamp, to the layer before it. Plugins tell of their operators
    (``nnapi_quantised_operators``): those of ``registry``, or else those that are installed.
    """

    def __init__(
        self,
        *,
        feature_level: int = 29,
        per_channel: bool = True,
        training: bool = False,
        floats: Collection[str] = (),
        left: Collection[str] = (),
        calibration: str = "mse",
        registry: Registry | None = None,
    ) -> None:
        super().__init__()
        if feature_level not in FEATURE_LEVELS:
            levels = ", ".join(map(str, FEATURE_LEVELS))
            raise ConversionError(f"feature level {feature_level!r} is not one of {levels}")
        self._level = feature_level
        self._per_channel = per_channel and feature_level >= 29
        self._training = training
        self._floats = frozenset(floats)
        self._left = frozenset(left)
        found = installed_plugins() if registry is None else registry
        self._told = {
            overload: one
            for overload, one in found.quantised_operators.items()
            if feature_level >= one.least_level
        }
        self._parameters: set[Node] = set()
        self.layers: dict[str, str] = {}
        self._signed = feature_level >= 30
        low, high = (-128, 127) if self._signed else (0, 255)
        dtype = torch.int8 if self._signed else torch.uint8
        self._activation = QuantizationSpec(
            dtype=dtype,
            quant_min=low,
            quant_max=high,
            qscheme=torch.per_tensor_affine,
            observer_or_fake_quant_ctr=self._maker(
                RangeObserver, MovingAverageMinMaxObserver, method=calibration
            ),
        )
        self._fixed = {
            name: self._fixed_range(scale, zero) for name, (scale, zero) in _FIXED.items()
        }

    def _fixed_range(self, scale: float, zero_point: int) -> Any:
        """``zero_point`` is among uint8."""
        activation = self._activation
        return FixedQParamsQuantizationSpec(
            dtype=activation.dtype,
            scale=scale,
            zero_point=zero_point + activation.quant_min,
            quant_min=activation.quant_min,
            quant_max=activation.quant_max,
            qscheme=torch.per_tensor_affine,
        )

    # ---- torchao's interface

    def annotate(self, model: GraphModule) -> GraphModule:
        self._parameters = of_parameters(model.graph)
        kept = boxes_and_scores(model.graph) | self._parameters
        ranges = Ranges(self._activation)
        nodes = list(model.graph.nodes)
        left: set[Node] = set()
        for node in nodes:
            if self._is_left(node, left):
                left.add(node)
            elif node in kept or node in ranges or node.name in self._floats:
                continue
            elif node.op == "call_function" and _is_float(node):
                self._plan(ranges, node)
        ranges.annotate(nodes)
        return model

    def validate(self, model: GraphModule) -> None:
        """Nothing to check: what is not annotated stays float, and the report of a conversion names it."""

    # ---- one node

    def _is_left(self, node: Node, left: set[Node]) -> bool:
        """Is it to be in floats? What only hands on what was left is so too."""
        if node.name in self._left:
            return True
        told = self._of_plugin(node)
        if told is None:
            sources, is_same = node.all_input_nodes[:1], operator_name(node) in _SAME_RANGE
        else:
            sources, is_same = _told_tensors(node, told), told.result is ResultRange.SAME
        return is_same and bool(sources) and sources[0] in left

    def _of_plugin(self, node: Node) -> QuantisedOperator | None:
        target = node.target
        return self._told.get(target) if isinstance(target, torch._ops.OpOverload) else None

    def _plan(self, ranges: Ranges, node: Node) -> None:
        told = self._of_plugin(node)
        if told is not None:
            self._plan_told(ranges, node, told)
            return
        name, sources = operator_name(node), node.all_input_nodes
        if name in _FIXED or name in _AVERAGES or name in _SAME_RANGE:
            # The others are no feature maps: sizes, indices, regions.
            sources = sources[:1]
        if not sources or not all(map(self._is_quantisable, sources)):
            return
        if name in _PRODUCTS:
            self._plan_product(ranges, node, name)
        elif name in _SUMS:
            self._plan_rounded(ranges, node, sources)
        elif name == "cat":
            self._plan_alone(ranges, node, sources)
            if self._level < 29:
                ranges.join_read(node, sources)
        elif name in _FIXED:
            self._plan_alone(ranges, node, sources)
            ranges.fix(node, self._fixed[name])
        elif self._has_own_range(ranges, name, sources[0]):
            self._plan_rounded(ranges, node, sources)
        elif self._is_table(ranges, node, sources):
            self._plan_alone(ranges, node, sources)
        elif name in _SAME_RANGE:
            self._plan_same(ranges, node, sources)

    def _plan_told(self, ranges: Ranges, node: Node, told: QuantisedOperator) -> None:
        """As a plugin says."""
        sources = _told_tensors(node, told)
        if not sources or not all(map(self._is_quantisable, sources)):
            return
        match told.result:
            case ResultRange.OWN:
                self._plan_rounded(ranges, node, sources)
            case ResultRange.SAME:
                self._plan_same(ranges, node, sources)
            case ResultRange.JOINED:
                self._plan_alone(ranges, node, sources)
                ranges.join_read(node, sources)
            case FixedRange(scale, zero):
                self._plan_alone(ranges, node, sources)
                ranges.fix(node, self._fixed_range(scale, zero))

    def _plan_same(self, ranges: Ranges, node: Node, sources: list[Node]) -> None:
        ranges.observe(node, sources)
        ranges.join(node, sources[0])
        # It is where what it reads is.
        self.layers[node.name] = self.layers.get(sources[0].name, node.name)

    def _plan_alone(self, ranges: Ranges, node: Node, sources: list[Node]) -> None:
        ranges.observe(node, sources)
        self.layers[node.name] = node.name

    def _has_own_range(self, ranges: Ranges, name: str, source: Node) -> bool:
        leaves = name in _MAY_LEAVE and ranges.is_fixed(source)
        return leaves or name in _AVERAGES or self._level >= _OWN_RANGE.get(name, 1 << 31)

    def _is_table(self, ranges: Ranges, node: Node, sources: list[Node]) -> bool:
        """A function of one tensor that is in integers anyhow: uint8 indexes a table of its results (level 29)."""
        tags = getattr(node.target, "tags", ())
        return (
            self._level == 29
            and torch.Tag.pointwise in tags
            and torch.Tag.nondeterministic_seeded not in tags
            and len(sources) == 1
            and sources[0] in ranges
            and operator_name(node) not in _SAME_RANGE
        )

    def _is_quantisable(self, node: Node) -> bool:
        return _is_float(node) and node.name not in self._floats

    def _plan_product(self, ranges: Ranges, node: Node, name: str) -> None:
        input, weight = node.args[:2]
        if not isinstance(input, Node) or not isinstance(weight, Node):
            return
        if weight in self._parameters:
            self._plan_rounded(ranges, node, [input], {weight: self._weight_spec(node, name)})
        else:
            self._plan_rounded(ranges, node, [input, weight])

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

    def _plan_rounded(
        self,
        ranges: Ranges,
        node: Node,
        sources: list[Node],
        weights: dict[Node, Any] | None = None,
    ) -> None:
        """A call with a range of its own; a batch norm in training and a clamp that follow it belong to it."""
        chain = [node]
        if self._training:
            chain += chain_of(node, self._parameters)
        follower = self._follower(chain[-1])
        if follower is not None and operator_name(follower) in _CLAMPS:
            chain.append(follower)
        self.layers |= dict.fromkeys((one.name for one in chain), node.name)
        ranges.observe(node, sources, gives=len(chain) == 1, weights=weights)
        for one in chain[1:]:
            ranges.observe(one, [], gives=one is chain[-1])

    def _follower(self, node: Node) -> Node | None:
        """The only call that reads a result, if that may be quantised."""
        reader = next(iter(node.users)) if len(node.users) == 1 else None
        kept = self._floats | self._left
        return reader if reader is not None and reader.name not in kept else None

    def _maker(self, observer: Any, trained: Any, **options: Any) -> Any:
        if self._training:
            return FusedMovingAvgObsFakeQuantize.with_args(observer=trained)
        return observer.with_args(eps=_SMALLEST, **options)


def operator_name(node: Node) -> str:
    if node.target is batch_norm:
        return "batch_norm"
    if not isinstance(node.target, torch._ops.OpOverload):
        return ""
    return node.target._schema.name.removeprefix("aten::").removesuffix("_")


def _told_tensors(node: Node, told: QuantisedOperator) -> list[Node]:
    """The tensors of a call that a plugin wants rounded, in the order of its schema; those in lists too."""
    bound = bind_args(node)
    names = bound if told.tensors is None else told.tensors
    found: list[Node] = []
    for name in names:
        value = bound.get(name)
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, Node) and isinstance(one.meta.get("val"), torch.Tensor):
                found.append(one)
    return list(dict.fromkeys(found))


def _is_float(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype is torch.float32
