"""The shapes of a recurrence's operands, which torch's fast kernels take for granted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
RECURRENCES = tuple(_GATES)


def check_recurrence(name: str, values: Mapping[str, Any]) -> None:
    """Of ``aten::lstm.input`` and its like, by the names of the arguments. Raises `ValueError`."""
    operand, params, layers = values["input"], values["params"], values["num_layers"]
    states = values["hx"] if name == "lstm" else [values["hx"]]
    if operand.dim() != 3 or len(states) != (2 if name == "lstm" else 1):
        raise ValueError(f"an operand of shape {list(operand.shape)}, and {len(states)} states")
    if not 1 <= layers <= len(params) or any(one.dim() != 3 for one in states):
        raise ValueError(f"{layers} layers of {len(params)} weights")
    directions = 2 if values["bidirectional"] else 1
    batch = operand.shape[0 if values["batch_first"] else 1]
    hidden, out = states[-1].shape[2], states[0].shape[2]
    for state, size in zip(states, (out, hidden), strict=False):
        _check("a state", state, (layers * directions, batch, size))
    wanted = list(
        _weights(
            layers, directions, operand.shape[2], hidden, out, _GATES[name], values["has_biases"]
        )
    )
    if len(wanted) != len(params):
        raise ValueError(f"there are {len(params)} weights, not {len(wanted)}")
    for one, shape in zip(params, wanted, strict=True):
        _check("a weight", one, shape)
    if not operand.is_floating_point() or any(
        one.dtype != operand.dtype for one in (*states, *params)
    ):
        raise ValueError("operand, states and weights are not of one dtype")


def _weights(
    layers: int, directions: int, entering: int, hidden: int, out: int, gates: int, has_biases: bool
) -> Iterator[tuple[int, ...]]:
    for layer in range(layers):
        for _ in range(directions):
            yield gates * hidden, out * directions if layer else entering
            yield gates * hidden, out
            if has_biases:
                yield (gates * hidden,)
                yield (gates * hidden,)
            if out != hidden:  # what is handed on is projected
                yield out, hidden


def _check(what: str, tensor: Any, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{what} has the shape {list(tensor.shape)}, not {list(shape)}")
