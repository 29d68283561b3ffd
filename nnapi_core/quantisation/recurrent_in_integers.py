"""Recurrent layers in words that NNAPI has in integers: a product, gates and sums for each step.

The input of a step and the state before it are joined, so that a gate is one FULLY_CONNECTED, which rounds once. Each
tensor of each step has a range of its own, which calibration finds: a state's grows with the steps, and saturates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from attrs import frozen
from torch.fx import Node

from nnapi_core.graph.bind_args import bind_args
from nnapi_core.quantisation.node_writer import NodeWriter

aten = torch.ops.aten

MOST_STEPS = 128
"""Longer sequences stay in floats: a graph has some dozen nodes a step, each with a range of its own."""

States = tuple[Node | None, ...]
"""(batch, size) each; None where it is known to be zero."""


@frozen
class _Direction:
    """One layer in one direction, or a cell. Weights as torch has them, the gates one below the other."""

    write: NodeWriter
    input_weights: Node
    hidden_weights: Node
    input_bias: Node | None
    hidden_bias: Node | None
    projection: Node | None
    gates: int

    @property
    def size(self) -> int:
        """Of one gate."""
        rows: int = self.hidden_weights.meta["val"].shape[0]
        return rows // self.gates

    def input_part(self, gate: int) -> tuple[Node, Node | None]:
        return self._rows(self.input_weights, gate), self._rows_if(self.input_bias, gate)

    def hidden_part(self, gate: int) -> tuple[Node, Node | None]:
        return self._rows(self.hidden_weights, gate), self._rows_if(self.hidden_bias, gate)

    def input_and_state_weights(self, gate: int, with_state: bool) -> tuple[Node, Node | None]:
        """Weights of the input and, beside them, of the state; both biases as one."""
        (weights, bias), (more, other) = self.input_part(gate), self.hidden_part(gate)
        if with_state:
            weights = self.write(aten.cat.default, [weights, more], 1)
        if bias is not None and other is not None:
            bias = self.write(aten.add.Tensor, bias, other)
        return weights, bias

    def _rows(self, value: Node, gate: int) -> Node:
        return self.write(aten.narrow.default, value, 0, gate * self.size, self.size)

    def _rows_if(self, value: Node | None, gate: int) -> Node | None:
        return None if value is None else self._rows(value, gate)


class _Cell(ABC):
    """What one step does. Weights are written once, for steps with a state and for the first, which may have none."""

    gates: int

    def __init__(self, direction: _Direction) -> None:
        self.of = direction
        self.write = direction.write
        self._weights_of: dict[tuple[int, bool], tuple[Node, Node | None]] = {}

    @abstractmethod
    def step(self, input: Node, states: States) -> tuple[Node, ...]:
        """The states after it, of which the first is what it gives."""

    def gate(self, gate: int, joined: Node, with_state: bool) -> Node:
        """Before its function. ``joined`` is the input, and the state if there is one."""
        key = gate, with_state
        if key not in self._weights_of:
            self._weights_of[key] = self.of.input_and_state_weights(gate, with_state)
        return self.write(aten.linear.default, joined, *self._weights_of[key])

    def joined(self, input: Node, state: Node | None) -> Node:
        return input if state is None else self.write(aten.cat.default, [input, state], -1)


class _Lstm(_Cell):
    gates = 4

    def step(self, input: Node, states: States) -> tuple[Node, ...]:
        hidden, cell = states
        write, read = self.write, self.joined(input, hidden)
        take, forget, value, give = (self.gate(one, read, hidden is not None) for one in range(4))
        new = write(
            aten.mul.Tensor, write(aten.sigmoid.default, take), write(aten.tanh.default, value)
        )
        if cell is not None:
            kept = write(aten.mul.Tensor, write(aten.sigmoid.default, forget), cell)
            new = write(aten.add.Tensor, kept, new)
        out = write(
            aten.mul.Tensor, write(aten.sigmoid.default, give), write(aten.tanh.default, new)
        )
        if self.of.projection is not None:
            out = write(aten.linear.default, out, self.of.projection)
        return out, new


class _Gru(_Cell):
    gates = 3

    def __init__(self, direction: _Direction) -> None:
        super().__init__(direction)
        self._input, self._hidden = direction.input_part(2), direction.hidden_part(2)

    def step(self, input: Node, states: States) -> tuple[Node, ...]:
        (hidden,) = states
        write, read = self.write, self.joined(input, hidden)
        reset, update = (
            write(aten.sigmoid.default, self.gate(one, read, hidden is not None)) for one in (0, 1)
        )
        value = write(aten.linear.default, input, *self._input)
        kept = (
            self._hidden[1] if hidden is None else write(aten.linear.default, hidden, *self._hidden)
        )
        if kept is not None:
            value = write(aten.add.Tensor, value, write(aten.mul.Tensor, reset, kept))
        value = write(aten.tanh.default, value)
        if hidden is None:
            change = write(aten.mul.Tensor, update, value)
            return (write(aten.sub.Tensor, value, change),)
        change = write(aten.mul.Tensor, update, write(aten.sub.Tensor, hidden, value))
        return (write(aten.add.Tensor, value, change),)


class _Plain(_Cell):
    gates = 1
    function: Any

    def step(self, input: Node, states: States) -> tuple[Node, ...]:
        (hidden,) = states
        sums = self.gate(0, self.joined(input, hidden), hidden is not None)
        return (self.write(self.function, sums),)


class _Tanh(_Plain):
    function = aten.tanh.default


class _Relu(_Plain):
    function = aten.relu.default


_LAYERS: dict[Any, type[_Cell]] = {
    aten.lstm.input: _Lstm,
    aten.gru.input: _Gru,
    aten.rnn_tanh.input: _Tanh,
    aten.rnn_relu.input: _Relu,
}
_CELLS: dict[Any, type[_Cell]] = {
    aten.lstm_cell.default: _Lstm,
    aten.gru_cell.default: _Gru,
    aten.rnn_tanh_cell.default: _Tanh,
    aten.rnn_relu_cell.default: _Relu,
}


def is_recurrent(node: Node) -> bool:
    """May `write_recurrent` be asked of it? Its tensors are floats of known sizes."""
    if node.target in _CELLS:
        return True
    if node.target not in _LAYERS:
        return False
    args = bind_args(node)
    shape = args["input"].meta["val"].shape
    return len(shape) == 3 and shape[1 if args["batch_first"] else 0] <= MOST_STEPS


def write_recurrent(write: NodeWriter, node: Node) -> Any:
    """Writes what ``node`` computes in front of it; returns its results, as torch orders them."""
    args = bind_args(node)
    if node.target in _CELLS:
        return _write_cell(write, _CELLS[node.target], args)
    return _write_layers(write, _LAYERS[node.target], args)


def _write_cell(write: NodeWriter, kind: type[_Cell], args: dict[str, Any]) -> Any:
    weights = args["w_ih"], args["w_hh"], args["b_ih"], args["b_hh"]
    cell = kind(_Direction(write, *weights, None, kind.gates))
    hx = args["hx"]
    states = cell.step(args["input"], tuple(map(_unless_zero, hx if kind is _Lstm else [hx])))
    return list(states) if kind is _Lstm else states[0]


def _write_layers(write: NodeWriter, kind: type[_Cell], args: dict[str, Any]) -> Any:
    sequence, time = args["input"], 1 if args["batch_first"] else 0
    steps = [
        write(aten.select.int, sequence, time, step)
        for step in range(sequence.meta["val"].shape[time])
    ]
    count = 2 if args["bidirectional"] else 1
    initial = args["hx"] if kind is _Lstm else [args["hx"]]
    all_params = args["params"]
    each = len(all_params) // (args["num_layers"] * count)
    params = [all_params[start : start + each] for start in range(0, len(all_params), each)]
    finals: list[tuple[Node, ...]] = []
    for first in range(0, len(params), count):
        outputs: list[list[Node]] = []
        for place in range(first, first + count):
            states = tuple(_state_of(write, one, place) for one in initial)
            cell = kind(_direction(write, params[place], args["has_biases"], kind.gates))
            given, final = _run(cell, steps, states, backwards=place > first)
            outputs.append(given)
            finals.append(final)
        steps = [
            one[0] if count == 1 else write(aten.cat.default, list(one), -1)
            for one in zip(*outputs, strict=True)
        ]
    kinds = [_stacked(write, list(one), 0) for one in zip(*finals, strict=True)]
    return [_stacked(write, steps, time), *kinds]


def _run(
    cell: _Cell, steps: Sequence[Node], states: States, *, backwards: bool
) -> tuple[list[Node], tuple[Node, ...]]:
    outputs = []
    after: tuple[Node, ...] = ()
    for input in reversed(steps) if backwards else steps:
        after = cell.step(input, states)
        outputs.append(after[0])
        states = after
    return outputs[::-1] if backwards else outputs, after


def _direction(
    write: NodeWriter, params: Sequence[Node], has_biases: bool, gates: int
) -> _Direction:
    rest = list(params[2:])
    one, other = (rest.pop(0), rest.pop(0)) if has_biases else (None, None)
    return _Direction(write, params[0], params[1], one, other, rest[0] if rest else None, gates)


def _state_of(write: NodeWriter, states: Node, place: int) -> Node | None:
    """Of all layers' and directions' (count, batch, size), the one at ``place``."""
    return None if _unless_zero(states) is None else write(aten.select.int, states, 0, place)


def _unless_zero(state: Node) -> Node | None:
    return None if state.target is aten.zeros.default else state


def _stacked(write: NodeWriter, values: list[Node], dim: int) -> Node:
    lines = [write(aten.unsqueeze.default, one, dim) for one in values]
    return lines[0] if len(lines) == 1 else write(aten.cat.default, lines, dim)
