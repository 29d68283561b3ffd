"""Reads quantised graphs: what ``quantize`` and ``dequantize`` calls say becomes types.

PT2E puts ``dequantize`` before and ``quantize`` after each call that is to run in integers. They stay in the graph, so
that it means what it meant; `Program.quants` says what the integers of a tensor are, and the lowering loop makes one
integer operation of what lies between them (lowering/integer_calls.py). This pass brings the graph into the form
in which that works best, and refuses what no NNAPI model can say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from attrs import frozen
from torch.fx import Node

from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.program import Program
from nnapi_core.graph.quantised.refuse_other_quantisation import (
    PREFIX,
    RANGES,
    refusal,
    refuse_other_quantisation,
)
from nnapi_core.nnapi.types import ChannelQuant, Quant

aten = torch.ops.aten
_QUANTIZE = PREFIX + "quantize_per_tensor"
_DEQUANTIZE = PREFIX + "dequantize_per_tensor"
_PER_CHANNEL = PREFIX + "dequantize_per_channel"

# Calls whose results are elements of their first argument (or 0, which every zero point stands for).
_KEEPERS = {
    aten.view.default, aten.reshape.default, aten.flatten.using_ints, aten.squeeze.default,
    aten.squeeze.dim, aten.squeeze.dims, aten.unsqueeze.default, aten.permute.default,
    aten.transpose.int, aten.t.default, aten.clone.default, aten.contiguous.default,
    aten.dropout.default, aten.relu.default, aten.max_pool1d.default, aten.max_pool2d.default,
    aten.slice.Tensor, aten.select.int, aten.expand.default, aten.repeat.default,
    aten.pixel_shuffle.default, aten.pixel_unshuffle.default, aten.channel_shuffle.default,
    aten.upsample_nearest2d.vec, aten.flip.default, aten.index_select.default,
    aten.adaptive_max_pool2d.default, aten.amax.default, aten.amin.default,
}  # fmt: skip


@frozen
class Integers:
    """The arguments of a ``quantize_per_tensor`` or ``dequantize_per_tensor`` call."""

    scale: float
    zero_point: int
    least: int
    greatest: int
    dtype: torch.dtype

    @classmethod
    def of(cls, node: Node) -> Integers:
        args = bind_args(node)
        return cls(
            args["scale"], args["zero_point"], args["quant_min"], args["quant_max"], args["dtype"]
        )

    @property
    def arguments(self) -> tuple[Any, ...]:
        return (self.scale, self.zero_point, self.least, self.greatest, self.dtype)

    @property
    def is_whole(self) -> bool:
        """Does it use the whole range of its type? NNAPI knows no other (one step less is the same to it)."""
        if self.dtype not in RANGES:
            return False
        low, high = RANGES[self.dtype]
        whole = self.least - low <= 1 and self.greatest == high
        return whole and low <= self.zero_point <= high

    def unbounded(self, number: float) -> float:
        """The integer of a number, before it is clamped to the range."""
        return round(number / self.scale) + self.zero_point if math.isfinite(number) else number


def is_quantize(node: Node) -> bool:
    """A call of ``quantize_per_tensor``; after `fold_quant`, with numbers as scale and zero point."""
    return _name(node) == _QUANTIZE


def is_dequantize(node: Node) -> bool:
    return _name(node) == _DEQUANTIZE


def fold_quant(program: Program, level: int) -> None:
    """Fills ``program.quants`` and ``program.dequantised``, for a target of ``level``.

    Raises `ConversionError` for quantisation that NNAPI has not got: dynamic, in groups, of other widths.
    """
    refuse_other_quantisation(program.graph)
    if not any(_name(node).startswith(PREFIX) for node in program.graph.nodes):
        return
    for node in program.graph.nodes:
        if is_quantize(node) or is_dequantize(node):
            _state_as_numbers(program, node)
    _merge_equal(program)
    _move_clamps(program)
    _pass_through(program)
    _make_unsigned(program, level)
    _give_each_reader_its_own(program)
    for node in program.graph.nodes:
        if is_quantize(node):
            _note(program, node, Integers.of(node))
    weights_alone = not any(map(is_quantize, program.graph.nodes))
    for node in program.graph.nodes:
        if is_dequantize(node):
            _note_source(program, node)
        elif _name(node) == _PER_CHANNEL and (found := _channels(program, node)) is not None:
            source, quant = found
            if weights_alone:
                # Nothing is computed in integers: they are what a file holds, and floats where they are read.
                program.stored_integers[node] = source, quant
            else:
                program.quants[source] = quant
                program.dequantised[node] = source


# ---- one form


def _name(node: Node) -> str:
    return node.target._schema.name if isinstance(node.target, torch._ops.OpOverload) else ""


def _state_as_numbers(program: Program, node: Node) -> None:
    """``.tensor`` and ``.tensor2`` calls take their scales from tensors; these must be fixed."""
    args = bind_args(node)
    numbers = []
    for name, kind in (
        ("scale", float),
        ("zero_point", int),
        ("quant_min", int),
        ("quant_max", int),
    ):
        value = args[name]
        if isinstance(value, Node):
            if value not in program.constants:
                raise refusal(node, "takes a scale that is computed when the model runs (dynamic)")
            value = program.constants[value].load().item()
        numbers.append(kind(value))
    packet = getattr(torch.ops.quantized_decomposed, _name(node).removeprefix(PREFIX))
    node.target = packet.default
    node.args = (args["input"], *numbers, args["dtype"])
    node.kwargs = {"out_dtype": args["out_dtype"]} if args.get("out_dtype") is not None else {}


def _merge_equal(program: Program) -> None:
    """A tensor is quantised once, however many read it."""
    first: dict[tuple[Any, ...], Node] = {}
    for node in list(program.graph.nodes):
        if is_quantize(node):
            kept = first.setdefault(node.args, node)
            if kept is not node:
                node.replace_all_uses_with(kept)
                program.graph.erase_node(node)


# ---- clamps


def _move_clamps(program: Program) -> None:
    """``quantize(clamp(x))`` saturates by itself, or clamps integers: ``clamp(dequantize(quantize(x)))``."""
    for node in list(program.graph.nodes):
        limits = _limits(node)
        if limits is None or len(node.users) != 1:
            continue
        (user,) = node.users
        source = node.args[0]
        if not is_quantize(user) or not isinstance(source, Node) or len(source.users) != 1:
            continue
        if is_dequantize(source) or source.op != "call_function":
            continue
        integers = Integers.of(user)
        low, high = (integers.unbounded(limit) for limit in limits)
        if low <= integers.least and high >= integers.greatest:
            node.replace_all_uses_with(source)
            program.graph.erase_node(node)
        else:
            node.update_arg(0, _quantised_after(program, source, integers))


def _limits(node: Node) -> tuple[float, float] | None:
    """The numbers that a call clamps to."""
    match node.target:
        case aten.relu.default:
            return 0, math.inf
        case aten.relu6.default:
            return 0, 6
        case aten.hardtanh.default:
            args = bind_args(node)
            return args["min_val"], args["max_val"]
        case aten.clamp.default:
            args = bind_args(node)
            low, high = args["min"], args["max"]
            return -math.inf if low is None else low, math.inf if high is None else high
    return None


def _quantised_after(program: Program, source: Node, integers: Integers) -> Node:
    """``dequantize(quantize(source))``; the readers of ``source`` stay as they are."""
    graph, value = program.graph, source.meta["val"]
    with graph.inserting_after(source):
        rounded = graph.call_function(
            torch.ops.quantized_decomposed.quantize_per_tensor.default,
            (source, *integers.arguments),
        )
    with graph.inserting_after(rounded):
        again = graph.call_function(
            torch.ops.quantized_decomposed.dequantize_per_tensor.default,
            (rounded, *integers.arguments),
        )
    for node, dtype in ((rounded, integers.dtype), (again, torch.float32)):
        node.meta["val"] = torch.empty_like(value, dtype=dtype)
        node.meta["stack_trace"] = source.meta.get("stack_trace", "")
    return again


# ---- what needs no rounding


def _pass_through(program: Program) -> None:
    """What only moves dequantised numbers moves integers: its result is stated to be quantised alike."""
    for node in list(program.graph.nodes):
        if not _moves(node) or any(map(is_quantize, node.users)):
            continue
        sources = [one for one in node.all_input_nodes if one.meta["val"].is_floating_point()]
        if not sources or not all(map(is_dequantize, sources)):
            continue
        integers = {Integers.of(one) for one in sources}
        whole = len(integers) == 1 and all(one.is_whole for one in integers)
        if whole and isinstance(node.meta.get("val"), torch.Tensor):
            users = list(node.users)
            again = _quantised_after(program, node, integers.pop())
            for user in users:
                user.replace_input_with(node, again)


def _moves(node: Node) -> bool:
    if node.target is aten.cat.default:
        return True
    if node.target in (aten.constant_pad_nd.default, aten.pad.default):
        return (
            not bind_args(node)["value"] and bind_args(node).get("mode", "constant") == "constant"
        )
    return node.target in _KEEPERS


def _give_each_reader_its_own(program: Program) -> None:
    """So that a ``dequantize`` is always in the piece of what reads it, and integers cross between pieces."""
    for node in list(program.graph.nodes):
        if is_dequantize(node):
            for user in list(node.users)[1:]:
                with program.graph.inserting_after(node):
                    copy = program.graph.node_copy(node)
                user.replace_input_with(node, copy)


# ---- signs


def _make_unsigned(program: Program, level: int) -> None:
    """int8 becomes uint8, 128 higher, where the level (or the rest of the graph) asks for it: the same numbers."""
    dtypes = {node.args[5] for node in program.graph.nodes if is_quantize(node)}
    if level >= 30 and torch.uint8 not in dtypes:
        return
    shifted: dict[Node, Node] = {}
    for node in list(program.graph.nodes):
        if not (is_quantize(node) or is_dequantize(node)) or node.args[5] is not torch.int8:
            continue
        source, scale, zero_point, least, greatest, _ = node.args
        if is_dequantize(node):
            if source in program.constants:
                if source not in shifted:
                    shifted[source] = _shifted_constant(program, source)
                source = shifted[source]
            elif not is_quantize(source):
                continue
        else:
            node.meta["val"] = torch.empty_like(node.meta["val"], dtype=torch.uint8)
        up = (zero_point + 128, least + 128, greatest + 128)
        node.args = (source, scale, *up, torch.uint8)


def _shifted_constant(program: Program, node: Node) -> Node:
    load: Callable[[], torch.Tensor] = program.constants[node].load
    value = torch.empty_like(node.meta["val"], dtype=torch.uint8)
    return program.add_constant(
        f"{node.name}_unsigned", value, lambda: (load().to(torch.int16) + 128).to(torch.uint8), node
    )


# ---- what the integers mean


def _note(program: Program, node: Node, integers: Integers) -> None:
    if integers.is_whole or node in program.constants:
        program.quants[node] = Quant(integers.scale, integers.zero_point)


def _note_source(program: Program, node: Node) -> None:
    source, integers = node.args[0], Integers.of(node)
    if integers.dtype not in RANGES or not isinstance(source, Node):
        return
    quant = Quant(integers.scale, integers.zero_point)
    if not is_quantize(source):
        program.quants.setdefault(source, quant)
    if program.quants.get(source) == quant:
        program.dequantised[node] = source


def _channels(program: Program, node: Node) -> tuple[Node, ChannelQuant] | None:
    """The constant integers that a call makes floats of, where NNAPI has such."""
    args = bind_args(node)
    source, offsets = args["input"], args["zero_points"]
    if args["dtype"] is not torch.int8 or not {source, args["scales"]} <= program.constants.keys():
        return None
    if offsets is not None and bool(program.constants[offsets].load().any()):
        return None  # NNAPI's channels are symmetric
    scales = program.constants[args["scales"]].load().tolist()
    return source, ChannelQuant(args["axis"], tuple(scales))
