"""The lowering loop: asks the plugin of each node, arranges its operands, checks what comes back."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from attrs import evolve, frozen
from torch._ops import OpOverload
from torch.fx import Node

from nnapi_core.errors import Reason, Unsupported
from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.program import Program, TorchConstant, source_of
from nnapi_core.graph.quantized import is_dequantize, is_quantize
from nnapi_core.lowering.context import Context
from nnapi_core.lowering.control_flow import lower_control_flow
from nnapi_core.lowering.folding import folded, without_elements
from nnapi_core.lowering.image_users import led_to_images
from nnapi_core.lowering.integers import IntegerForm, integer_form
from nnapi_core.lowering.value import MOST_DIMS, TensorSpec, Value
from nnapi_core.nnapi.builder import Builder, Ref
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.layout import Layout, Order
from nnapi_core.nnapi.model import Model, Origin
from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.types import Dim, Quant, SymbolicDim
from nnapi_core.plugins.definition import Lowering
from nnapi_core.plugins.registry import Registry


@frozen(eq=False)
class Target:
    """What the devices offer: a feature level, and what one driver takes of it where that is known."""

    level: int
    profile: DeviceProfile | None = None


@frozen(eq=False)
class Border:
    """A tensor that enters or leaves a NNAPI model."""

    node: Node
    spec: TensorSpec


@frozen(eq=False)
class LoweredModel:
    """A NNAPI model and what its inputs and outputs are on torch's side."""

    model: Model
    inputs: tuple[Border, ...]
    outputs: tuple[Border, ...]


class CannotLeave(Exception):  # noqa: N818  (an outcome, as `Unsupported` is)
    """A result that its model computes, but cannot give: the target has no operation that copies it."""

    def __init__(self, node: Node, refusal: Unsupported) -> None:
        super().__init__(node.name)
        self.node = node
        self.refusal = refusal


def tensor_specs(node: Node) -> list[TensorSpec | None]:
    """What the exporter says of a node's results, in order; None for one that is not a tensor."""
    value = node.meta.get("val")
    values = value if isinstance(value, (tuple, list)) else [value]
    return [_spec(one) if isinstance(one, torch.Tensor) else None for one in values]


def _spec(tensor: torch.Tensor) -> TensorSpec:
    return TensorSpec(tuple(_dim(dim) for dim in tensor.shape), tensor.dtype)


def _dim(dim: Any) -> Dim:
    return dim if isinstance(dim, int) else SymbolicDim(str(dim))


class Lowerer:
    """Lowers nodes one by one into a builder.

    Tensors from outside (model inputs, results of other stages) become model inputs when they are first
    used, in the order that their first user asks for.
    """

    def __init__(
        self, program: Program, registry: Registry, target: Target, *, scope: str = ""
    ) -> None:
        self.program = program
        self.builder = Builder(target.level, target.profile)
        self.inputs: dict[Node, Value] = {}
        self.floats: dict[Node, Unsupported] = {}
        """Why a call among quantised ones runs in floats."""
        self._registry = registry
        self._target = target
        self._scope = scope
        self._images: set[Node] | None = None
        self._values: dict[Node, Any] = {}
        self._arranged: dict[tuple[Any, ...], Value] = {}
        # Numbers of quantised tensors, and tensors from outside that are quantised when they enter.
        self._dequantised: dict[Node, Value] = {}
        self._dequantising: set[Node] = set()
        self._entering: dict[Node, Node] = {}
        # What the node being lowered added to the tables, to be taken back if it refuses.
        self._added: list[tuple[dict[Any, Value], Any]] = []

    # ---- one node

    def inner(self, program: Program, scope: str) -> Lowerer:
        """A lowerer of the same kind for a graph that this one calls, whose operations are named after ``scope``."""
        return Lowerer(program, self._registry, self._target, scope=f"{self._scope}{scope}.")

    def lower(self, node: Node) -> None:
        """Emits the operations of ``node``. Raises `Unsupported`, and then nothing was emitted."""
        if is_quantize(node) or is_dequantize(node):
            with self.builder.transaction():
                (self._quantize if is_quantize(node) else self._dequantize)(node)
            return
        if not isinstance(node.target, OpOverload):
            with self.builder.transaction():
                self._values[node] = self._call_graphs(node)
            return
        found = self._registry.lowerings.get(node.target)
        if not found:
            unclaimed = Unsupported(f"no plugin lowers {node.target}", Reason.NO_LOWERING)
            raise self.program.unsplit.get(node, unclaimed)
        if not self.program.quants:
            self._values[node] = self._lowered(found, node, None)
            return
        form = integer_form(self.program, node)
        if isinstance(form, IntegerForm):
            try:
                self._take_rounded(node, form, self._lowered(found, node, form))
                return
            except Unsupported as refusal:
                reason = refusal
        else:
            reason = Unsupported(form, Reason.TYPES)
        self._values[node] = self._lowered(found, node, None)
        self.floats[node] = reason

    def _lowered(
        self, found: Sequence[Lowering], node: Node, form: IntegerForm | None
    ) -> Value | tuple[Value | None, ...]:
        """By the first lowering that does not refuse."""
        refusals = []
        for one in found:
            try:
                with self.builder.transaction(), self._taking_back():
                    return self._call(one, node, form)
            except Unsupported as refusal:
                refusals.append(refusal)
        raise refusals[0]

    def _call(
        self, lowering: Lowering, node: Node, form: IntegerForm | None
    ) -> Value | tuple[Value | None, ...]:
        specs = self._specs(node, form)
        arguments = {
            name: self._resolve(value, form is not None) for name, value in bind_args(node).items()
        }
        if (constants := folded(node, arguments, specs)) is not None:
            return constants
        nn = self._context(node, specs)
        order = self._arrange_all(node, nn, lowering.layout, arguments)
        nn.outs = tuple(
            evolve(spec, order=order if spec.rank == 4 else Order.TORCH) for spec in specs
        )
        try:
            result = lowering.function(nn, **arguments)
        except (Unsupported, KeyboardInterrupt):
            raise
        except Exception as error:
            raise Unsupported(
                f"{lowering.where} failed: {type(error).__name__}: {error}",
                Reason.LOWERING_FAILED,
            ) from error
        return _checked(nn, lowering, result, specs)

    def _call_graphs(self, node: Node) -> tuple[Value | None, ...]:
        """Control flow."""
        specs = tensor_specs(node)
        given = [spec for spec in specs if spec is not None]
        if len(given) != len(specs):
            raise Unsupported("control flow gives numbers that are not tensors")
        with self._taking_back():
            return lower_control_flow(self, self._context(node, given), node)

    def _context(self, node: Node, specs: Sequence[TensorSpec]) -> Context:
        return Context(self.builder, self._origin(node), specs, _wanted(node, len(specs)))

    def _origin(self, node: Node) -> Origin:
        return Origin(self._scope + node.name, str(node.target), source_of(node))

    @contextmanager
    def _taking_back(self) -> Iterator[None]:
        """Takes operands that entered or were arranged back when the body refuses."""
        self._added.clear()
        try:
            yield
        except Unsupported:
            for table, key in self._added:
                del table[key]
            raise

    def _specs(self, node: Node, form: IntegerForm | None) -> list[TensorSpec]:
        """What the results must be: as the exporter says, or the integers that they are rounded to."""
        specs = tensor_specs(node)
        if form is not None:
            for index, taker in enumerate(form.rounded):
                if taker is not None:
                    specs[index] = self._spec_of(taker)
        return [spec for spec in specs if spec is not None]

    def _spec_of(self, node: Node) -> TensorSpec:
        (spec,) = tensor_specs(node)
        if spec is None:
            raise Unsupported(f"{node.name} is not a tensor")
        return evolve(spec, quant=self.program.quants.get(node))

    # ---- quantised tensors

    def _take_rounded(
        self, node: Node, form: IntegerForm, result: Value | tuple[Value | None, ...]
    ) -> None:
        """The integers that a call has made are the result of ``quantize``; the other results are its own."""
        values = result if isinstance(result, tuple) else (result,)
        for taker, value in zip(form.rounded, values, strict=True):
            if taker is not None:
                self._values[taker] = value
        if isinstance(result, tuple) or form.rounded == (None,):
            self._values[node] = result

    def _quantize(self, node: Node) -> None:
        if node in self._values:
            return
        if node not in self.program.quants:
            raise Unsupported("quantised to a part of the range of its type", Reason.TYPES)
        source: Node = node.args[0]  # type: ignore[assignment]
        nn = Context(self.builder, self._origin(node), [self._spec_of(node)])
        if source in self.program.dequantised:
            value = self._arrange(
                nn, self.value(self.program.dequantised[source]), Order.TORCH, Layout.ANY, None
            )
            quant = self.program.quants[node]
            assert isinstance(quant, Quant)
            if value.dtype is not nn.out.dtype:
                raise Unsupported("from one kind of integers to another", Reason.TYPES)
            self._values[node] = nn.requantised(value, quant)
            return
        value = self.value(source)
        if isinstance(value, _Outside):
            # Lowered when it enters, in the order that its first reader asks for.
            self._check(ops.QUANTIZE, value.spec, nn.out)
            self._entering[node] = source
            return
        self._values[node] = nn.emit(
            ops.QUANTIZE, input=value, out=evolve(nn.out, order=value.order)
        )

    def _dequantize(self, node: Node) -> None:
        """Its numbers are computed when something asks for them (`value`)."""
        if node not in self.program.dequantised:
            raise Unsupported(f"{node.target} of integers that NNAPI has not got", Reason.TYPES)
        (spec,) = tensor_specs(node)
        assert spec is not None
        self._dequantising.add(node)
        self._check(ops.DEQUANTIZE, self._spec_of(self.program.dequantised[node]), spec)

    def _check(self, operation: OperationSpec, input: TensorSpec, out: TensorSpec) -> None:
        """Raises `Unsupported` where the target has not got an operation that may be needed."""
        scratch = Builder(self.builder.target, self.builder.profile)
        scratch.emit(operation, {"input": scratch.variable(input.type)}, [out.type])

    def _numbers(self, node: Node) -> Value:
        """The floats of a quantised tensor, made once."""
        if node not in self._dequantised:
            spec = tensor_specs(node)[0]
            assert spec is not None
            nn = Context(self.builder, self._origin(node), [spec])
            held = self.value(self.program.dequantised[node])
            integers = self._arrange(nn, held, Order.TORCH, Layout.ANY, None)
            self._dequantised[node] = nn.emit(
                ops.DEQUANTIZE, input=integers, out=evolve(spec, order=integers.order)
            )
            self._added.append((self._dequantised, node))
        return self._dequantised[node]

    # ---- operands

    def _resolve(self, argument: Any, in_integers: bool) -> Any:
        """Nodes become values; lists and everything else stay what they are."""
        if isinstance(argument, Node):
            here = argument in self._dequantising or argument in self.program.constants
            if in_integers and here and argument in self.program.dequantised:
                argument = self.program.dequantised[argument]
            return self.value(argument)
        if isinstance(argument, (list, tuple)):
            return [self._resolve(item, in_integers) for item in argument]
        return argument

    def value(self, node: Node) -> Any:
        """The value (or tuple of values) of a node: computed, constant, or from outside."""
        if node in self._values:
            return self._values[node]
        if node.target is operator.getitem:
            source, index = node.args
            if source in self._values:
                return self._values[source][index]  # type: ignore[index]
        if node in self.program.constants:
            held = self.program.constants[node]
            spec = TensorSpec(held.shape, held.dtype, quant=self.program.quants.get(node))
            self._values[node] = Value(spec, held.constant())
            return self._values[node]
        if node in self._dequantising:
            return self._numbers(node)
        if len(tensor_specs(node)) != 1:
            raise Unsupported(f"{node.name} is not a tensor")
        spec = self._spec_of(node)
        if spec.is_empty and spec.is_static:
            return without_elements(spec)
        return _Outside(node, spec)

    def operand(self, nn: Context, node: Node) -> Value:
        """The value of a node as it happens to lie; from outside it enters the model."""
        return self._arrange(nn, self.value(node), Order.TORCH, Layout.ANY, None)

    def give(self, node: Node, value: Value) -> None:
        """Says what a placeholder is."""
        self._values[node] = value

    def _entering_order(self, node: Node) -> Order:
        """Of operands that all come from outside, for a call that takes either: what the result is used for decides."""
        if self._images is None:
            self._images = led_to_images(self.program.graph, self._registry.lowerings)
        return Order.CHANNELS_LAST if node in self._images else Order.TORCH

    def _arrange_all(
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
            if isinstance(argument, (Value, _Outside)):
                arguments[name] = self._arrange(nn, argument, order, layout, align)
            elif isinstance(argument, list):
                arguments[name] = [
                    self._arrange(nn, item, order, layout, align)
                    if isinstance(item, (Value, _Outside))
                    else item
                    for item in argument
                ]
        return order

    def _arrange(
        self, nn: Context, value: Value | _Outside, order: Order, layout: Layout, rank: int | None
    ) -> Value:
        if isinstance(value, _Outside):
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

    def _enter(self, outside: _Outside, order: Order) -> Value:
        """A tensor from outside becomes a model input."""
        if outside.node in self._entering:
            return self._enter_rounded(outside, order)
        if outside.node not in self.inputs:
            spec = evolve(outside.spec, order=order if outside.spec.rank == 4 else Order.TORCH)
            self.inputs[outside.node] = Value(spec, self.builder.variable(spec.type))
            self._added.append((self.inputs, outside.node))
        return self.inputs[outside.node]

    def _enter_rounded(self, outside: _Outside, order: Order) -> Value:
        node = outside.node
        if node not in self._values:
            source = self._entering[node]
            numbers = self._enter(_Outside(source, self._spec_of(source)), order)
            nn = Context(self.builder, self._origin(node), [outside.spec])
            out = evolve(outside.spec, order=numbers.order)
            self._values[node] = nn.emit(ops.QUANTIZE, input=numbers, out=out)
            self._added.append((self._values, node))
        return self._values[node]  # type: ignore[no-any-return]

    def _result(self, node: Node) -> Any:
        """The value of a result, which has to be there."""
        value = self.value(node)
        if isinstance(value, _Outside) and node in self._entering:
            return self._enter(value, Order.TORCH)
        return value

    # ---- the result

    def finish(self, results: Sequence[Node]) -> LoweredModel:
        """The model that computes ``results``. Its outputs lie as they were computed. Raises `CannotLeave`."""
        outputs = []
        refs: list[Ref] = []
        for node in results:
            value = self._result(node)
            if not isinstance(value, Value) or not isinstance(value.source, Ref):
                raise ValueError(f"{node.name} is not computed by this model")
            if value.source in refs:
                # Results that share their bytes (an identity, a view): each is an output of its own.
                value = self._copied(node, value)
            assert isinstance(value.source, Ref)
            outputs.append(Border(node, value.spec))
            refs.append(value.source)
        read = {index for operation in self.builder.operations for index in operation.inputs}
        inputs = [
            (Border(node, value.spec), value.source)
            for node, value in self.inputs.items()
            if isinstance(value.source, Ref) and value.source.index in read
        ]
        model = self.builder.finish([ref for _, ref in inputs], refs)
        return LoweredModel(model, tuple(border for border, _ in inputs), tuple(outputs))

    def distinct(self, tensors: Iterable[Node]) -> list[Node]:
        """Those of ``tensors`` that are computed here, and share their bytes with none before them or with an input."""
        taken = {entered.source for entered in self.inputs.values()}
        found = []
        for tensor in tensors:
            value = self._values[tensor] if tensor in self._values else self._picked(tensor)
            if isinstance(value, Value) and isinstance(value.source, Ref):
                if value.source not in taken:
                    found.append(tensor)
                taken.add(value.source)
        return found

    def _picked(self, node: Node) -> Any:
        """A result of a call of several, where they are there."""
        if node.target is not operator.getitem or node.args[0] not in self._values:
            return None
        return self._values[node.args[0]][node.args[1]]  # type: ignore[index]

    def same_as(self, node: Node) -> Node | None:
        """The tensor from outside, or the constant, that ``node`` merely passes on; None: it is computed.

        A result that shares an input's bytes under another shape gets an operation of its own first;
        raises `CannotLeave` where there is none.
        """
        value = self._result(node)
        if isinstance(value, _Outside):
            return value.node
        if value.is_constant:
            return node
        for source, entered in self.inputs.items():
            if entered.source == value.source:
                if entered.spec == value.spec:
                    return source
                self._values[node] = self._copied(node, value)
        return None

    def constant_of(self, node: Node) -> TorchConstant:
        """A result that turned out not to depend on the inputs."""
        value = self.value(node)
        return TorchConstant(
            value.static_shape,
            value.dtype,
            lambda: torch.from_numpy(value.array()).to(value.dtype),
            ("lowered", id(self), node.name),
        )

    def _copied(self, node: Node, value: Value) -> Value:
        nn = Context(self.builder, self._origin(node), [value.spec])
        try:
            return nn.copied(value)
        except Unsupported as refusal:
            raise CannotLeave(node, refusal) from None


@frozen(eq=False)
class _Outside:
    """A tensor that is not in the model yet."""

    node: Node
    spec: TensorSpec


def _tensors(arguments: Iterable[Any]) -> Iterable[Value | _Outside]:
    for argument in arguments:
        if isinstance(argument, (Value, _Outside)):
            yield argument
        elif isinstance(argument, list):
            yield from _tensors(argument)


def _common_order(given: Sequence[Value | _Outside]) -> Order | None:
    """The order that moves the fewest elements; channels last where nothing moves either way. None: all are free."""
    cost = {Order.TORCH: 0, Order.CHANNELS_LAST: 0}
    placed = 0
    for one in given:
        if isinstance(one, _Outside) or one.is_constant or one.rank != 4:
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


def _checked(
    nn: Context, lowering: Lowering, result: Any, specs: Sequence[TensorSpec]
) -> Value | tuple[Value | None, ...]:
    """A lowering must return what the exporter promises: it is refused, not trusted, otherwise.

    A result that nobody reads may be None.
    """
    values = list(result) if isinstance(result, (tuple, list)) else [result]
    if len(values) != len(specs):
        raise Unsupported(f"{lowering.where} returned {len(values)} results, not {len(specs)}")
    checked: list[Value | None] = []
    for value, spec, read in zip(values, specs, nn.wanted, strict=True):
        if value is None and not read:
            checked.append(None)
            continue
        if value is None:
            raise Unsupported("this result of the operator is not computed", result=len(checked))
        if not isinstance(value, Value):
            raise Unsupported(f"{lowering.where} returned {type(value).__name__}, not a Value")
        if tuple(value.shape) != tuple(spec.shape):
            raise Unsupported(
                f"{lowering.where} returned another shape",
                returned=value.shape,
                expected=spec.shape,
            )
        if isinstance(spec.quant, Quant):
            value = nn.requantised(value, spec.quant)
            if value.dtype is not spec.dtype:
                raise Unsupported(f"{lowering.where} returned other integers", Reason.TYPES)
        relabelled = evolve(value.spec, dtype=spec.dtype)
        if relabelled.code is not value.spec.code:
            raise Unsupported(
                f"{lowering.where} returned another type",
                returned=value.dtype,
                expected=spec.dtype,
            )
        checked.append(evolve(value, spec=relabelled))
    if isinstance(result, (tuple, list)):
        return tuple(checked)
    assert checked[0] is not None
    return checked[0]


def _wanted(node: Node, count: int) -> tuple[bool, ...]:
    """Which results of a call anybody reads."""
    if not isinstance(node.meta.get("val"), (tuple, list)):
        return (True,) * count
    read = {user.args[1] for user in node.users if user.users}
    return tuple(index in read for index in range(count))
