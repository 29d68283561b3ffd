"""The values of a graph's nodes on their way into operations: computed, constant, or from outside of the model."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from attrs import evolve, frozen
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.program import Program
from nnapi_core.lowering.beyond_int32 import BeyondInt32
from nnapi_core.lowering.channels_last_users import led_to_images
from nnapi_core.lowering.constant_results import without_elements
from nnapi_core.lowering.context import Context
from nnapi_core.lowering.integer_calls import IntegerForm
from nnapi_core.lowering.value import MOST_DIMS, TensorSpec, Value
from nnapi_core.nnapi.builder import Builder
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.layout import Layout, Order
from nnapi_core.nnapi.model import Origin
from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.stock_limits import check_stock_input
from nnapi_core.nnapi.types import ChannelQuant, Dim, Quant, SymbolicDim
from nnapi_core.plugins.contributions import Lowering
from nnapi_core.reasons import Reason

Lowerings = Mapping[Any, Sequence[Lowering]]


def tensor_specs(node: Node) -> list[TensorSpec | None]:
    """What the exporter says of a node's results, in order; None for one that is not a tensor."""
    value = node.meta.get("val")
    values = value if isinstance(value, (tuple, list)) else [value]
    return [_spec(one) if isinstance(one, torch.Tensor) else None for one in values]


def _spec(tensor: torch.Tensor) -> TensorSpec:
    if tensor.layout is not torch.strided:
        raise Unsupported("sparse tensors", Reason.TYPES, layout=tensor.layout)
    return TensorSpec(tuple(_dim(dim) for dim in tensor.shape), tensor.dtype)


def _dim(dim: Any) -> Dim:
    return dim if isinstance(dim, int) else SymbolicDim(str(dim))


@frozen(eq=False)
class Outside:
    """A tensor that is not in the model yet."""

    node: Node
    spec: TensorSpec


class Operands:
    """What each node's tensors are in the model being built.

    Tensors from outside (model inputs, results of other pieces) become model inputs when they are first
    used, in the order that their first user asks for. Quantised ones turn into floats where one is asked for.
    """

    def __init__(
        self,
        program: Program,
        builder: Builder,
        lowerings: Lowerings,
        origin: Callable[[Node], Origin],
        beyond: BeyondInt32 | None = None,
    ) -> None:
        self.inputs: dict[Node, Value] = {}
        self.values: dict[Node, Any] = {}
        self._program = program
        self._builder = builder
        self._lowerings = lowerings
        self._origin = origin
        self._beyond = beyond
        self._images: set[Node] | None = None
        self._arranged: dict[tuple[Any, ...], Value] = {}
        # Numbers of quantised tensors, and tensors from outside that are quantised when they enter.
        self._dequantised: dict[Node, Value] = {}
        self._dequantising: set[Node] = set()
        self._entering: dict[Node, Node] = {}
        self._outer: Operands | None = None
        # What was added to the tables, to be taken back if the node being lowered refuses.
        self._added: list[tuple[dict[Any, Value], Any]] = []

    @contextmanager
    def taking_back(self) -> Iterator[None]:
        """Takes operands that entered or were arranged back when the body refuses."""
        before = len(self._added)
        try:
            yield
        except Unsupported:
            while len(self._added) > before:
                table, key = self._added.pop()
                del table[key]
            raise

    def within(self, program: Program, origin: Origin, given: Mapping[Node, Any]) -> Operands:
        """Those of a graph that stands in the place of one call; its placeholders are ``given``."""
        inner = copy.copy(self)
        inner._program = program
        inner._origin = lambda node: origin
        inner._images = None
        inner._outer = self
        inner.values.update(given)
        return inner

    def resolve(self, argument: Any, in_integers: bool) -> Any:
        """Nodes become values; lists and everything else stay what they are."""
        if isinstance(argument, Node):
            if in_integers and argument in self._program.dequantised:
                argument = self._program.dequantised[argument]
            return self.value(argument)
        if isinstance(argument, (list, tuple)):
            return [self.resolve(item, in_integers) for item in argument]
        return argument

    def value(self, node: Node) -> Any:
        """The value (or tuple of values) of a node: computed, constant, or from outside."""
        if (computed := self.computed(node)) is not None:
            return computed
        if node in self._program.stored_integers and node in self._program.constants:
            return self._from_stored(node)
        if node in self._program.constants:
            held = self._program.constants[node]
            spec = TensorSpec(held.shape, held.dtype, quant=self._program.quants.get(node))
            self.values[node] = Value(spec, held.constant())
            return self.values[node]
        if node in self._dequantising:
            return self._numbers(node)
        if len(tensor_specs(node)) != 1:
            raise Unsupported(f"{node.name} is not a tensor")
        spec = self.spec_of(node)
        if spec.is_empty and spec.is_static:
            return without_elements(spec)
        return Outside(node, spec)

    def computed(self, node: Node) -> Any:
        """The value (or tuple of values) of a node where it is there already, else None."""
        if node not in self.values and node.target is operator.getitem:
            source, index = node.args
            results = self.values.get(source)  # type: ignore[arg-type]
            return None if results is None else results[index]
        return self.values.get(node)

    def operand(self, nn: Context, node: Node) -> Value:
        """The value of a node as it happens to lie; from outside it enters the model."""
        return self._arrange(nn, self.value(node), Order.TORCH, Layout.ANY, None)

    def give(self, node: Node, value: Value) -> None:
        """Says what a placeholder is."""
        self.values[node] = value

    def _entering_order(self, node: Node) -> Order:
        """Of operands that all come from outside, for a call that takes either: what the result is used for decides."""
        if self._images is None:
            self._images = led_to_images(self._program.graph, self._lowerings)
        return Order.CHANNELS_LAST if node in self._images else Order.TORCH

    def arrange_all(
        self, node: Node, nn: Context, layout: Layout, arguments: dict[str, Any]
    ) -> Order:
        """Puts the operands into the order that the policy asks for; returns the order of the results."""
        given = list(_tensors(arguments.values()))
        match layout:
            case Layout.IMAGE:
                order = Order.CHANNELS_LAST
            case Layout.SAME:
                order = _common_order(given) or self._entering_order(node)
            case _:
                order = Order.TORCH
        rank = max((one.spec.rank for one in given), default=0)
        if layout is Layout.SAME and rank > MOST_DIMS:
            order = Order.TORCH
        align = rank if layout is Layout.SAME and len(given) > 1 else None
        for name, argument in arguments.items():
            if isinstance(argument, (Value, Outside)):
                arguments[name] = self._arrange(nn, argument, order, layout, align)
            elif isinstance(argument, list):
                arguments[name] = [
                    self._arrange(nn, item, order, layout, align)
                    if isinstance(item, (Value, Outside))
                    else item
                    for item in argument
                ]
        return order

    def _arrange(
        self, nn: Context, value: Value | Outside, order: Order, layout: Layout, rank: int | None
    ) -> Value:
        if isinstance(value, Outside):
            if self._beyond is not None:
                self._beyond.check(value.node, nn.reader)
            value = self._enter(value, Order.TORCH if layout is Layout.ANY else order)
        if layout is Layout.ANY:
            return value
        wanted = (order, rank) if rank is not None and value.rank < rank else (order, None)
        if value.is_constant:
            return nn.align(value, order, rank or value.rank)
        key = (value.source, value.spec, *wanted)
        if key not in self._arranged:
            aligned = nn.align(value, order, rank) if rank is not None else value
            self._arranged[key] = nn.arrange(aligned, order)
            self._added.append((self._arranged, key))
        return self._arranged[key]

    def _enter(self, outside: Outside, order: Order) -> Value:
        """A tensor from outside becomes a model input."""
        if self._outer is not None:
            return self._outer._enter(outside, order)
        if outside.node in self._entering:
            return self._enter_rounded(outside, order)
        if outside.node not in self.inputs:
            spec = evolve(outside.spec, order=order if outside.spec.rank == 4 else Order.TORCH)
            if self._builder.stock:
                check_stock_input(spec.code)
            self.inputs[outside.node] = Value(spec, self._builder.variable(spec.type))
            self._added.append((self.inputs, outside.node))
        return self.inputs[outside.node]

    def _enter_rounded(self, outside: Outside, order: Order) -> Value:
        node = outside.node
        if node not in self.values:
            source = self._entering[node]
            numbers = self._enter(Outside(source, self.spec_of(source)), order)
            nn = Context(self._builder, self._origin(node), [outside.spec])
            out = evolve(outside.spec, order=numbers.order)
            self.values[node] = nn.emit(ops.QUANTIZE, input=numbers, out=out)
            self._added.append((self.values, node))
        return self.values[node]  # type: ignore[no-any-return]

    def result(self, node: Node) -> Any:
        """The value of a result, which has to be there."""
        value = self.value(node)
        if isinstance(value, Outside) and node in self._entering:
            return self._enter(value, Order.TORCH)
        return value

    def spec_of(self, node: Node) -> TensorSpec:
        (spec,) = tensor_specs(node)
        if spec is None:
            raise Unsupported(f"{node.name} is not a tensor")
        return evolve(spec, quant=self._program.quants.get(node))

    # ---- quantised tensors

    def take_rounded(
        self, node: Node, form: IntegerForm, result: Value | tuple[Value | None, ...]
    ) -> None:
        """The integers that a call has made are the result of ``quantize``; the other results are its own."""
        values = result if isinstance(result, tuple) else (result,)
        for taker, value in zip(form.rounded, values, strict=True):
            if taker is not None:
                self.values[taker] = value
        if isinstance(result, tuple) or form.rounded == (None,):
            self.values[node] = result

    def quantize(self, node: Node) -> None:
        if node in self.values:
            return
        if node not in self._program.quants:
            raise Unsupported("quantised to a part of the range of its type", Reason.TYPES)
        source: Node = node.args[0]  # type: ignore[assignment]
        nn = Context(self._builder, self._origin(node), [self.spec_of(node)])
        if source in self._program.dequantised:
            value = self._arrange(
                nn, self.value(self._program.dequantised[source]), Order.TORCH, Layout.ANY, None
            )
            quant = self._program.quants[node]
            assert isinstance(quant, Quant)
            if value.dtype is not nn.out.dtype:
                raise Unsupported("from one kind of integers to another", Reason.TYPES)
            self.values[node] = nn.requantised(value, quant)
            return
        value = self.value(source)
        if isinstance(value, Outside):
            # Lowered when it enters, in the order that its first reader asks for.
            self._check(ops.QUANTIZE, value.spec, nn.out)
            self._entering[node] = source
            return
        self.values[node] = nn.emit(
            ops.QUANTIZE, input=value, out=evolve(nn.out, order=value.order)
        )

    def dequantize(self, node: Node, *, is_name: bool) -> None:
        """Its numbers are computed when something asks for them (`value`); nothing does where it ``is_name`` only."""
        if node not in self._program.dequantised:
            raise Unsupported(f"{node.target} of integers that NNAPI has not got", Reason.TYPES)
        (spec,) = tensor_specs(node)
        assert spec is not None
        if not is_name:
            self._check(ops.DEQUANTIZE, self.spec_of(self._program.dequantised[node]), spec)
        self._dequantising.add(node)

    def _check(self, operation: OperationSpec, input: TensorSpec, out: TensorSpec) -> None:
        """Raises `Unsupported` where the target has not got an operation that may be needed."""
        scratch = Builder(self._builder.target, self._builder.profile)
        scratch.emit(operation, {"input": scratch.variable(input.type)}, [out.type])

    def _numbers(self, node: Node) -> Value:
        """The floats of a quantised tensor, made once."""
        if node not in self._dequantised:
            spec = tensor_specs(node)[0]
            assert spec is not None
            nn = Context(self._builder, self._origin(node), [spec])
            held = self.value(self._program.dequantised[node])
            integers = self._arrange(nn, held, Order.TORCH, Layout.ANY, None)
            self._dequantised[node] = nn.emit(
                ops.DEQUANTIZE, input=integers, out=evolve(spec, order=integers.order)
            )
            self._added.append((self._dequantised, node))
        return self._dequantised[node]

    def _from_stored(self, node: Node) -> Value:
        """The floats of constant integers, made once in a model, by operations: what is stored are the integers."""
        if node not in self._dequantised:
            source, quant = self._program.stored_integers[node]
            held = self._program.constants[source]
            (spec,) = tensor_specs(node)
            assert spec is not None
            nn = Context(self._builder, self._origin(node), [spec])
            integers = Value(TensorSpec(held.shape, held.dtype, quant=quant), held.constant())
            self._dequantised[node] = (
                nn.emit(ops.DEQUANTIZE, input=integers, out=spec)
                if self._takes_channels(integers.spec, spec)
                else _scaled_bytes(nn, integers, spec, quant)
            )
            self._added.append((self._dequantised, node))
        return self._dequantised[node]

    def _takes_channels(self, integers: TensorSpec, numbers: TensorSpec) -> bool:
        """Has the target DEQUANTIZE of scales by channel? Stock PyTorch's format cannot say these."""
        try:
            self._check(ops.DEQUANTIZE, integers, numbers)
        except Unsupported:
            return False
        return not self._builder.stock


def _scaled_bytes(nn: Context, integers: Value, spec: TensorSpec, quant: ChannelQuant) -> Value:
    """The same numbers in operations of every level: bytes less 128, times the scale of each channel."""
    constant = integers.source
    assert isinstance(constant, Constant)
    stored = constant.map(
        lambda array: array.astype(np.int16) + 128, key="unsigned", dtype=np.uint8
    )
    whole = Value(TensorSpec(spec.shape, torch.uint8, quant=Quant(1.0, 128)), stored)
    shape = [1] * spec.rank
    shape[quant.dim] = len(quant.scales)
    scales = nn.constant(np.reshape(np.array(quant.scales, np.float32), shape))
    return nn.emit(ops.MUL, a=nn.emit(ops.DEQUANTIZE, input=whole, out=spec), b=scales, out=spec)


def _tensors(arguments: Iterable[Any]) -> Iterable[Value | Outside]:
    for argument in arguments:
        if isinstance(argument, (Value, Outside)):
            yield argument
        elif isinstance(argument, list):
            yield from _tensors(argument)


def _common_order(given: Sequence[Value | Outside]) -> Order | None:
    """The order that moves the fewest elements; channels last where nothing moves either way. None: all are free."""
    cost = {Order.TORCH: 0, Order.CHANNELS_LAST: 0}
    placed = 0
    for one in given:
        if isinstance(one, Outside) or one.is_constant or one.rank != 4:
            continue
        placed += 1
        count = one.spec.count if one.spec.is_static else 1
        for order in cost:
            cost[order] += 0 if one.order is order else count
    if not placed:
        return None
    if cost[Order.TORCH] < cost[Order.CHANNELS_LAST]:
        return Order.TORCH
    return Order.CHANNELS_LAST
