"""LSTM and basic recurrent cells in float64, written from their formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import field, frozen

Array = np.ndarray

ACTIVATIONS: dict[int, Callable[[Array], Array]] = {
    0: lambda x: x,
    1: lambda x: np.maximum(x, 0),
    2: lambda x: np.clip(x, -1, 1),
    3: lambda x: np.clip(x, 0, 6),
    4: np.tanh,
    6: lambda x: 1 / (1 + np.exp(-x)),
}
sigmoid = ACTIVATIONS[6]
GATES = ("input", "forget", "cell", "output")


@frozen
class Cell:
    """One LSTM cell. Dictionaries go by gate; a coupled cell has no parameters of the input gate."""

    weights: dict[str, Array]
    recurrent: dict[str, Array]
    bias: dict[str, Array]
    peephole: dict[str, Array] = field(factory=dict)
    norm: dict[str, Array] = field(factory=dict)
    aux: dict[str, Array] = field(factory=dict)
    projection: Array | None = None
    projection_bias: Array | None = None
    activation: int = 4
    cell_clip: float = 0.0
    projection_clip: float = 0.0

    @property
    def outputs(self) -> int:
        return int(self.recurrent["output"].shape[1])

    @property
    def cells(self) -> int:
        return int(self.recurrent["output"].shape[0])

    def step(self, x: Array, aux: Array | None, h: Array, c: Array) -> tuple[Array, Array]:
        """New output state and cell state, ``[batch, …]`` all."""

        def gate(name: str, state: Array) -> Array:
            total = x @ self.weights[name].T + h @ self.recurrent[name].T
            if self.aux:
                total = total + aux @ self.aux[name].T
            if name in self.peephole:
                total = total + self.peephole[name] * state
            if self.norm:
                spread = np.sqrt(total.var(-1, keepdims=True) + 1e-8)
                total = (total - total.mean(-1, keepdims=True)) / spread * self.norm[name]
            return total + self.bias[name]

        def clip(values: Array, limit: float) -> Array:
            return np.clip(values, -limit, limit) if limit else values

        activation = ACTIVATIONS[self.activation]
        forget = sigmoid(gate("forget", c))
        take = sigmoid(gate("input", c)) if "input" in self.weights else 1 - forget
        c = clip(forget * c + take * activation(gate("cell", c)), self.cell_clip)
        h = sigmoid(gate("output", c)) * activation(c)
        if self.projection is not None:
            h = h @ self.projection.T
            if self.projection_bias is not None:
                h = h + self.projection_bias
            h = clip(h, self.projection_clip)
        return h, c

    def sequence(
        self, x: Array, aux: Array | None, h: Array, c: Array, *, backward: bool = False
    ) -> tuple[Array, Array, Array]:
        """Outputs ``[time, batch, outputs]`` and both last states, of inputs ``[time, batch, …]``."""
        outputs = np.zeros((*x.shape[:2], self.outputs))
        for t in range(len(x))[:: -1 if backward else 1]:
            h, c = self.step(x[t], None if aux is None else aux[t], h, c)
            outputs[t] = h
        return outputs, h, c


@frozen
class BasicCell:
    """h' = activation(W x + U aux + R h + bias)"""

    weights: Array
    recurrent: Array
    bias: Array
    aux: Array | None = None
    activation: int = 4

    def sequence(
        self, x: Array, aux: Array | None, h: Array, *, backward: bool = False
    ) -> tuple[Array, Array]:
        outputs = np.zeros((*x.shape[:2], len(self.bias)))
        for t in range(len(x))[:: -1 if backward else 1]:
            total = x[t] @ self.weights.T + h @ self.recurrent.T + self.bias
            if self.aux is not None and aux is not None:
                total = total + aux[t] @ self.aux.T
            outputs[t] = h = ACTIVATIONS[self.activation](total)
        return outputs, h
