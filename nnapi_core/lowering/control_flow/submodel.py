"""A graph that control flow calls, lowered into a model of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen
from torch.fx import Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.program import Branch, Program, source_of
from nnapi_core.lowering.context import Context
from nnapi_core.lowering.integer_bounds import Bounds
from nnapi_core.lowering.operands import Operands
from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.builder import Builder
from nnapi_core.nnapi.layout import Order
from nnapi_core.nnapi.model import Model, Origin


class Lowerer(Protocol):
    """What lowers the nodes of one graph, and makes others like it for the graphs that this one calls."""

    program: Program
    builder: Builder
    operands: Operands

    def inner(self, program: Program, scope: str) -> Lowerer: ...

    def lower(self, node: Node) -> None: ...


@frozen(eq=False)
class Parameter:
    """What a submodel is to know of an operand: its value where it is fixed, else what is known of its numbers."""

    spec: TensorSpec
    bounds: Bounds
    fixed: Value | None = None

    @classmethod
    def of(cls, operand: Value) -> Parameter:
        return cls(operand.spec, operand.bounds, operand if operand.is_constant else None)


@frozen(eq=False)
class Submodel:
    """A branch whose operations have been emitted; what leaves it is still to be said."""

    nn: Context
    """To emit more."""
    _lowerer: Lowerer
    _branch: Branch
    _inputs: tuple[Value, ...]

    @classmethod
    def lowered(
        cls,
        outer: Lowerer,
        call: Node,
        role: str,
        branch: Branch,
        parameters: Sequence[Parameter],
        unused: Sequence[TensorSpec],
    ) -> Submodel:
        """Raises `Unsupported`, naming the node, for a branch that NNAPI cannot run.

        Each parameter that is not fixed is an input; ``unused`` are more inputs, which nothing reads.
        """
        scope = f"{call.name}.{role}"
        lowerer = outer.inner(branch.program, scope)
        inputs = []
        for node, parameter in zip(branch.parameters, parameters, strict=True):
            value = parameter.fixed
            if value is None:
                ref = lowerer.builder.variable(parameter.spec.type)
                value = Value(parameter.spec, ref, parameter.bounds)
                inputs.append(value)
            lowerer.operands.give(node, value)
        inputs += [Value(spec, lowerer.builder.variable(spec.type)) for spec in unused]
        for node in branch.program.operations():
            try:
                lowerer.lower(node)
            except Unsupported as refusal:
                where = (
                    f"{scope}.{node.name} ({node.target}) at {source_of(node) or 'unknown line'}"
                )
                raise Unsupported(f"{where}: {refusal}", refusal.code) from refusal
        nn = Context(lowerer.builder, Origin(scope, str(call.target), source_of(call)), [])
        return cls(nn, lowerer, branch, tuple(inputs))

    def results(self, wanted: Sequence[bool] | None) -> list[Value]:
        """What the branch returns; only those that are ``wanted``."""
        found = []
        for index, result in enumerate(self._branch.program.results):
            if wanted is not None and not wanted[index]:
                continue
            if not isinstance(result, Node):
                raise Unsupported("a branch returns something that is not a tensor", result=result)
            found.append(self._lowerer.operands.value(result))
        return found

    def leaving(self, results: Sequence[Value], orders: Sequence[Order]) -> list[Value]:
        """The results as outputs in these orders.

        An output is an operand of its own: neither an input, nor a constant, nor another output.
        """
        taken = {value.source for value in self._inputs}
        leaving = []
        for value, order in zip(results, orders, strict=True):
            arranged = self.nn.arrange(value, order)
            if arranged.is_constant or arranged.source in taken:
                known = arranged.bounds
                arranged = self.nn.copied(arranged).bounded(known)
            taken.add(arranged.source)
            leaving.append(arranged)
        return leaving

    def model(self, outputs: Sequence[Value]) -> Model:
        return self.nn.finished(self._inputs, outputs)
