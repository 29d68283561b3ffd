"""The lowering loop: asks the plugin of each node, and checks what comes back."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from attrs import evolve, frozen
from torch._ops import OpOverload
from torch.fx import Node

from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.program import Program, TorchConstant, source_of
from nnapi_core.graph.quantised.quantize_calls import is_dequantize, is_quantize
from nnapi_core.lowering.beyond_int32 import BeyondInt32
from nnapi_core.lowering.check_results import checked, wanted
from nnapi_core.lowering.constant_results import folded
from nnapi_core.lowering.context import Context
from nnapi_core.lowering.control_flow.if_while import lower_control_flow
from nnapi_core.lowering.integer_calls import (
    IntegerCalls,
    IntegerForm,
    NotInIntegers,
    integer_form,
)
from nnapi_core.lowering.integer_table import is_function_of_one, looked_up
from nnapi_core.lowering.operands import Operands, Outside, tensor_specs
from nnapi_core.lowering.quantised_results import RoundedTwice
from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.builder import Builder, Ref
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.layout import Order
from nnapi_core.nnapi.model import Model, Origin
from nnapi_core.plugins.contributions import Lowering
from nnapi_core.plugins.registry import Registry
from nnapi_core.reasons import Reason


@frozen(eq=False)
class Target:
    """What the devices offer: a feature level, and what one driver takes of it where that is known."""

    level: int
    profile: DeviceProfile | None = None
    stock: bool = False
    """Is it to be said in stock PyTorch's format?"""


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


class Lowerer:
    """Lowers nodes one by one into a builder."""

    def __init__(
        self,
        program: Program,
        registry: Registry,
        target: Target,
        *,
        scope: str = "",
        calls: IntegerCalls | None = None,
        beyond: BeyondInt32 | None = None,
    ) -> None:
        self.program = program
        self.calls = calls or IntegerCalls(program)
        self.builder = Builder(target.level, target.profile, stock=target.stock)
        self.operands = Operands(program, self.builder, registry.lowerings, self._origin, beyond)
        self.floats: dict[Node, Unsupported] = {}
        """Why a call among quantised ones runs in floats."""
        self.failed_overrides: dict[Node, Unsupported] = {}
        """Calls whose overriding lowering failed, so that the one that it replaces was asked."""
        self.special_values: dict[Node, dict[str, None]] = {}
        """What is said of a call's NaN and infinities, by its lowering and those of what it is rewritten in."""
        self._registry = registry
        self._target = target
        self._scope = scope
        self._stands_for: Node | None = None

    # ---- one node

    def inner(self, program: Program, scope: str) -> Lowerer:
        """A lowerer of the same kind for a graph that this one calls, whose operations are named after ``scope``."""
        inner = Lowerer(program, self._registry, self._target, scope=f"{self._scope}{scope}.")
        inner.failed_overrides = self.failed_overrides
        return inner

    def lower(self, node: Node) -> None:
        """Emits the operations of ``node``. Raises `Unsupported`, and then nothing was emitted.

        `NotInIntegers` is one that concerns what was decided of the node before.
        """
        if is_quantize(node):
            with self.builder.transaction():
                self.operands.quantize(node)
            return
        if is_dequantize(node):
            with self.builder.transaction():
                self.operands.dequantize(node, is_name=self.calls.reads_integers(node))
            return
        if not isinstance(node.target, OpOverload):
            with self.builder.transaction():
                self.operands.values[node] = self._call_graphs(node)
            return
        lowerings = self._registry.lowerings.get(node.target, ())
        quantised = bool(self.program.quants)
        if quantised and node not in self.calls.floats and self._lower_in_integers(lowerings, node):
            return
        self.operands.values[node] = (
            self._lowered(lowerings, node, None) if lowerings else self._rewritten(node)
        )
        if quantised:
            self.floats[node] = self.calls.floats[node]

    def _lower_in_integers(self, lowerings: Sequence[Lowering], node: Node) -> bool:
        """False where it is to run in floats, which is decided here if it was not before."""
        decided = self.calls.forms.get(node)
        form = decided or integer_form(self.program, node)
        if isinstance(form, str):
            reason = lowerings[0].in_floats if lowerings else "it is written in other operators"
            self.calls.to_floats(node, Unsupported(reason or form, Reason.TYPES))
            return False
        try:
            self.operands.take_rounded(node, form, self._integers(lowerings, node, form))
        except Unsupported as refusal:
            self.calls.to_floats(node, refusal)
            if decided is not None:
                raise NotInIntegers(refusal.reason, refusal.code, **refusal.values) from refusal
            return False
        self.calls.forms[node] = form
        return True

    def _integers(
        self, lowerings: Sequence[Lowering], node: Node, form: IntegerForm
    ) -> Value | tuple[Value | None, ...]:
        """By integer operations, or by a table of the function's results."""
        refusal = Unsupported("it is written in other operators", Reason.TYPES)
        if lowerings:
            try:
                return self._lowered(lowerings, node, form)
            except Unsupported as raised:
                refusal = raised
        if not is_function_of_one(self.program, node):
            # What a lowering says of these arguments tells more than what it says of all.
            is_general = isinstance(refusal, RoundedTwice) or refusal.code is Reason.TYPES
            if lowerings and lowerings[0].in_floats and is_general:
                raise Unsupported(lowerings[0].in_floats, Reason.TYPES) from refusal
            raise refusal
        with self.builder.transaction(), self.operands.taking_back():
            nn = self._context(node, self._specs(node, form))
            source = self.program.dequantised[node.all_input_nodes[0]]
            read = self.operands.operand(nn, source)
            nn.outs = (evolve(nn.out, order=read.order),)
            result = looked_up(nn, node, form, read, refusal)
            return checked(nn, f"the table of {node.target}", result, nn.outs)

    def _lowered(
        self, lowerings: Sequence[Lowering], node: Node, form: IntegerForm | None
    ) -> Value | tuple[Value | None, ...]:
        """By the first lowering that does not refuse."""
        refusals = []
        for one in lowerings:
            try:
                with self.builder.transaction(), self.operands.taking_back():
                    result = self._call(one, node, form)
            except Unsupported as refusal:
                refusals.append(refusal)
                continue
            failures = [one for one in refusals if one.code is Reason.LOWERING_FAILED]
            if failures:
                self.failed_overrides[node] = failures[0]
            self._note(node, one.special_values)
            return result
        raise refusals[0]

    def _call(
        self, lowering: Lowering, node: Node, form: IntegerForm | None
    ) -> Value | tuple[Value | None, ...]:
        specs = self._specs(node, form)
        arguments = {
            name: self.operands.resolve(value, form is not None)
            for name, value in bind_args(node).items()
        }
        if (constants := folded(node, arguments, specs)) is not None:
            return constants
        nn = self._context(node, specs)
        order = self.operands.arrange_all(node, nn, lowering.layout, arguments)
        nn.outs = tuple(
            evolve(spec, order=order if spec.rank == 4 else Order.TORCH) for spec in specs
        )
        try:
            result = lowering.function(nn, **arguments)
        except Unsupported:
            raise
        except MemoryError as error:
            # Not the model's fault: with more memory, the same conversion would be another.
            raise ConversionError(f"no memory left in {lowering.where}") from error
        except Exception as error:
            raise Unsupported(
                f"{lowering.where} failed: {type(error).__name__}: {error}",
                Reason.LOWERING_FAILED,
            ) from error
        return checked(nn, lowering.where, result, specs)

    def _rewritten(self, node: Node) -> Value | tuple[Value | None, ...]:
        """A call that no lowering claims, by what it is in other operators: all of it, or nothing."""
        rewritten = self.program.rewritten.get(node)
        if rewritten is None:
            unclaimed = Unsupported(f"no plugin lowers {node.target}", Reason.NO_LOWERING)
            raise self.program.unsplit.get(node, unclaimed)
        specs = self._specs(node, None)
        with self.builder.transaction(), self.operands.taking_back():
            given = {
                parameter: self.operands.resolve(operand, False)
                for parameter, operand in zip(rewritten.parameters, rewritten.operands, strict=True)
            }
            nn = self._context(node, specs)
            inner = self._within(rewritten.program, node, given)
            for one in rewritten.program.operations():
                try:
                    inner.lower(one)
                except Unsupported as refusal:
                    raise Unsupported(f"as {one.target}: {refusal}", refusal.code) from refusal
            results = [
                None if one is None else inner.operands.operand(nn, one)
                for one in rewritten.program.results
            ]
            self._note(node, rewritten.special_values)
            single = isinstance(node.meta.get("val"), torch.Tensor)
            where = f"the decomposition of {node.target}"
            return checked(nn, where, results[0] if single else tuple(results), specs)

    def _within(self, program: Program, node: Node, given: Mapping[Node, Any]) -> Lowerer:
        """A lowerer for a graph that is lowered in the place of one call, into the same model."""
        inner = copy.copy(self)
        inner.program = program
        inner.operands = self.operands.within(program, self._origin(node), given)
        inner._stands_for = self._stands_for or node
        return inner

    def _note(self, node: Node, special_values: str) -> None:
        if special_values:
            self.special_values.setdefault(self._stands_for or node, {})[special_values] = None

    def _call_graphs(self, node: Node) -> tuple[Value | None, ...]:
        """Control flow."""
        specs = tensor_specs(node)
        given = [spec for spec in specs if spec is not None]
        if len(given) != len(specs):
            raise Unsupported("control flow gives numbers that are not tensors")
        with self.operands.taking_back():
            return lower_control_flow(self, self._context(node, given), node)

    def _context(self, node: Node, specs: Sequence[TensorSpec]) -> Context:
        return Context(
            self.builder,
            self._origin(node),
            specs,
            wanted(node, len(specs), self.program.constants),
        )

    def _origin(self, node: Node) -> Origin:
        node = self._stands_for or node
        return Origin(self._scope + node.name, str(node.target), source_of(node))

    def _specs(self, node: Node, form: IntegerForm | None) -> list[TensorSpec]:
        """What the results must be: as the exporter says, or the integers that they are rounded to."""
        specs = tensor_specs(node)
        if form is not None:
            for index, taker in enumerate(form.rounded):
                if taker is not None:
                    specs[index] = self.operands.spec_of(taker)
        return [spec for spec in specs if spec is not None]

    # ---- the result

    def finish(self, results: Sequence[Node]) -> LoweredModel:
        """The model that computes ``results``. Its outputs lie as they were computed. Raises `CannotLeave`."""
        outputs = []
        refs: list[Ref] = []
        for node in results:
            value = self.operands.result(node)
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
            for node, value in self.operands.inputs.items()
            if isinstance(value.source, Ref) and value.source.index in read
        ]
        model = self.builder.finish([ref for _, ref in inputs], refs)
        return LoweredModel(model, tuple(border for border, _ in inputs), tuple(outputs))

    def distinct(self, tensors: Iterable[Node]) -> list[Node]:
        """Those of ``tensors`` that are computed here, and share their bytes with none before them or with an input."""
        taken = {entered.source for entered in self.operands.inputs.values()}
        found = []
        for tensor in tensors:
            value = self.operands.computed(tensor)
            if isinstance(value, Value) and isinstance(value.source, Ref):
                if value.source not in taken:
                    found.append(tensor)
                taken.add(value.source)
        return found

    def same_as(self, node: Node) -> Node | None:
        """The tensor from outside, or the constant, that ``node`` merely passes on; None: it is computed.

        A result that shares an input's bytes under another shape gets an operation of its own first;
        raises `CannotLeave` where there is none.
        """
        value = self.operands.result(node)
        if isinstance(value, Outside) and value.node is node:
            raise CannotLeave(node, Unsupported("it is computed only as a part of another call"))
        if isinstance(value, Outside):
            return value.node
        if value.is_constant:
            return node
        for source, entered in self.operands.inputs.items():
            if entered.source == value.source:
                if entered.spec == value.spec:
                    return source
                self.operands.values[node] = self._copied(node, value)
        return None

    def constant_of(self, node: Node) -> TorchConstant:
        """A result that turned out not to depend on the inputs."""
        value = self.operands.value(node)
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
