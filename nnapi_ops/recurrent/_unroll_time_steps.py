"""What LSTM, GRU and RNN share: layers upon layers, two directions, and sequences taken apart into steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from attrs import frozen

from nnapi_core.plugin import Constant, Context, Limitation, TensorSpec, Unsupported, Value, ops
from nnapi_ops.shape._split_and_concat import crop, join, split

# A sequence that NNAPI has no operation for becomes a copy of the cell for each step, up to this many.
MOST_STEPS = 1024
UNROLLED = Limitation(f"sequences of more than {MOST_STEPS} steps that have to be unrolled")
# Why a recurrent layer has no integers.
FLOAT_STATE = (
    "its state would be rounded to 8 bits in every step, so it is computed in floats between two casts; the layers "
    "around it are integers. quantize(..., recurrent=True) makes integers of up to 128 steps"
)


@frozen(eq=False)
class Direction:
    """One layer in one direction: weights as torch has them, the gates one below the other."""

    input_weights: Value
    hidden_weights: Value
    input_bias: Value | None
    hidden_bias: Value | None
    projection: Value | None
    states: tuple[Value, ...]
    """Before the first step, (batch, size) each."""

    def bias(self, nn: Context) -> Value:
        """Both biases as one."""
        return bias_sum(nn, self.bias_of(nn, self.input_bias), self.bias_of(nn, self.hidden_bias))

    def bias_of(self, nn: Context, bias: Value | None) -> Value:
        """``bias``, or zeros."""
        if bias is not None:
            return bias
        return nn.constant(np.zeros(self.input_weights.static_shape[0]), self.input_weights.dtype)


Finals = list[tuple[Value | None, ...]]
"""For each direction, its states after the last step; None for one that nobody reads."""

Layer = Callable[[Context, Value, Sequence[Direction], bool], tuple[Value, Finals]]
"""Runs one layer over a sequence (time, batch, size), or (batch, time, size) where the flag says so."""

Step = Callable[[Sequence[Value], tuple[Value, ...]], tuple[Value, ...]]
"""From the parts of one time, (batch, size), and the states before it to the states after it.

The first of them is the step's output."""

InputsAndStep = Callable[[Context, Direction, Value], tuple[Sequence[Value], Step]]
"""From a direction and a sequence with time first: the sequences that its steps take from, and the step."""


def stacked(
    nn: Context,
    layer: Layer,
    input: Value,
    states: Sequence[Value],
    params: Sequence[Value],
    *,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Value | None, ...]:
    """All layers, one on the other: the sequence, and each kind of state of all layers and directions.

    ``states`` are torch's, (layers * directions, batch, size); the options are those that torch's operators share.
    """
    if train and dropout and num_layers > 1:
        raise Unsupported("dropout between the layers draws numbers while training", p=dropout)
    if input.rank != 3:
        raise Unsupported("a sequence has the dimensions time, batch and size", rank=input.rank)
    count = 2 if bidirectional else 1
    initial = [apart(nn, state) for state in states]
    each = len(params) // (num_layers * count)
    directions = [
        _direction(params[each * index : each * (index + 1)], has_biases, one)
        for index, one in enumerate(zip(*initial, strict=True))
    ]
    finals: Finals = []
    for first in range(0, len(directions), count):
        input, final = layer(nn, input, directions[first : first + count], batch_first)
        finals += final
    kinds = zip(*finals, strict=True)
    return input, *(_together_if_all(nn, kind) for kind in kinds)


def _direction(params: Sequence[Value], has_biases: bool, states: tuple[Value, ...]) -> Direction:
    rest = list(params[2:])
    one, other = (rest.pop(0), rest.pop(0)) if has_biases else (None, None)
    return Direction(params[0], params[1], one, other, rest[0] if rest else None, states)


def cell_of(
    input: Value,
    states: tuple[Value, ...],
    *,
    w_ih: Value,
    w_hh: Value,
    b_ih: Value | None,
    b_hh: Value | None,
) -> Direction:
    """A single step, (batch, size)."""
    if input.rank != 2:
        raise Unsupported("a step has the dimensions batch and size", rank=input.rank)
    return Direction(w_ih, w_hh, b_ih, b_hh, None, states)


def bias_sum(nn: Context, a: Value, b: Value) -> Value:
    """The sum of two tensors of one shape, computed when it is written where both are constants."""
    if isinstance(a.source, Constant) and isinstance(b.source, Constant):
        other = b.source
        total = a.source.map(lambda array: array + other.array(), key=("sum", other.key))
        return Value(a.spec, total)
    return nn.emit(ops.ADD, a=a, b=b)


# ---- sequences and their steps


def apart(nn: Context, sequence: Value) -> list[Value]:
    """The parts (batch, size) of a tensor (count, batch, size)."""
    count, batch, size = sequence.static_shape
    rows = nn.reshape(sequence, (count * batch, size))
    if count == 1 or rows.is_constant or nn.level >= 29:
        return split(nn, rows, 0, count)
    return [_rows_at(nn, rows, np.arange(batch) + batch * index) for index in range(count)]


def together(nn: Context, steps: Sequence[Value]) -> Value:
    """The inverse of `apart`."""
    return nn.reshape(join(nn, steps, 0), (len(steps), *steps[0].shape))


def _together_if_all(nn: Context, steps: Sequence[Value | None]) -> Value | None:
    given = [part for part in steps if part is not None]
    return together(nn, given) if len(given) == len(steps) else None


def exchanged(nn: Context, sequence: Value) -> Value:
    """The first two dimensions exchanged: (batch, time, size) ↔ (time, batch, size)."""
    one, other, size = sequence.static_shape
    if nn.level >= 28 or 1 in (one, other):
        return nn.permute(sequence, (1, 0, 2))
    order = np.arange(one * other).reshape(one, other).T.ravel()
    rows = _rows_at(nn, nn.reshape(sequence, (one * other, size)), order)
    return nn.reshape(rows, (other, one, size))


def _rows_at(nn: Context, rows: Value, positions: np.ndarray) -> Value:
    lookups = nn.constant(positions, torch.int32)
    shape = (len(positions), *rows.shape[1:])
    return nn.emit(
        ops.EMBEDDING_LOOKUP,
        lookups=lookups,
        values=rows,
        out=TensorSpec(shape, rows.dtype),
    )


def _unrolled(
    nn: Context,
    sequences: Sequence[Value],
    states: tuple[Value, ...],
    step: Step,
    *,
    backwards: bool,
) -> tuple[Value, tuple[Value, ...]]:
    """A copy of ``step`` for each time of ``sequences`` (time, batch, size).

    Returns the sequence of outputs and the states after the last step.
    """
    count = sequences[0].static_shape[0]
    if count > MOST_STEPS:
        raise Unsupported(
            f"unrolled sequences of more than {MOST_STEPS} steps are left to torch", steps=count
        )
    steps = list(zip(*(apart(nn, one) for one in sequences), strict=True))
    outputs = []
    for inputs in reversed(steps) if backwards else steps:
        states = step(inputs, states)
        outputs.append(states[0])
    return together(nn, outputs[::-1] if backwards else outputs), states


def unrolled_layer(inputs_and_step: InputsAndStep) -> Layer:
    """A layer as a copy of its step for each time: each direction by itself, the second one backwards."""

    def layer(
        nn: Context, input: Value, directions: Sequence[Direction], batch_first: bool
    ) -> tuple[Value, Finals]:
        sequence = exchanged(nn, input) if batch_first else input
        results = []
        for index, direction in enumerate(directions):
            inputs, step = inputs_and_step(nn, direction, sequence)
            results.append(_unrolled(nn, inputs, direction.states, step, backwards=index == 1))
        output = join(nn, [sequence for sequence, _ in results], 2)
        finals: Finals = [final for _, final in results]
        return exchanged(nn, output) if batch_first else output, finals

    return layer


# ---- layers that are one operation


def operands_of(directions: Sequence[Mapping[str, Value]]) -> dict[str, Value]:
    """The operands of a layer's one direction as they are, of two with ``fw_`` and ``bw_`` before their names."""
    prefixes = ("fw_", "bw_") if len(directions) == 2 else ("",)
    return {
        prefix + name: value
        for prefix, operands in zip(prefixes, directions, strict=True)
        for name, value in operands.items()
    }


def last_steps(nn: Context, output: Value, directions: int, batch_first: bool) -> list[Value]:
    """What each direction of a layer gave last, (batch, size): the second one ends at the first time."""
    time = 1 if batch_first else 0
    count, width = output.static_shape[time], output.static_shape[2] // directions
    batch = output.shape[1 - time]
    found = []
    for index, position in enumerate((count - 1, 0)[:directions]):
        step = nn.reshape(crop(nn, output, time, position, 1), (batch, output.shape[2]))
        found.append(crop(nn, step, 1, index * width, width))
    return found
