"""`nnapi_core.streaming`: a module that works along time, as one that gets it chunk by chunk."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
import torch.fx
import torch.utils._pytree as pytree
from torch import nn
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg

from nnapi_core.errors import ConversionError
from nnapi_core.stream.layers import Carrying, Delay, IndivisibleError, TooShortError
from nnapi_core.stream.read_layers import read_layer, refusal
from nnapi_core.stream.time_axes import find_time_axes

_CHUNKS = 4
"""After the first one, in the comparison with the whole."""
_MOST_MORE = 1 << 14
"""Moments more than a chunk that a beginning may need."""


class StreamReader(Protocol):
    """What runs: a `Streaming`, what it was converted to, or a session of its file."""

    first: Any
    step: Any

    def reset(self) -> None: ...


class Streaming(nn.Module):
    """What `streaming` returns: two methods over one state, to be converted together.

        made = nnapi_core.streaming(model, x, chunk=1600)
        converted = nnapi_core.convert_methods(made.methods(), feature_level=30)
        for result in made.run(sound, converted): ...

    ``first`` takes the beginning of a sequence, `first_length` moments, and ``step`` each ``chunk`` after it. Put
    together, their results are the beginning of what the module gives for a sequence that goes on.
    """

    chunk: int
    """Moments that ``step`` takes."""
    first_length: int
    """Moments that ``first`` takes: ``chunk``, or as many more as the first results need."""
    delay: int
    """Moments of the (first) result that the module gives for the beginning, and ``first`` does not yet."""

    def __init__(
        self, module: GraphModule, axes: dict[Node, int | None], example: torch.Tensor, chunk: int
    ) -> None:
        super().__init__()
        self.module, self.chunk = module, chunk
        self.example, self.time = example, axes[_input(module)] or -1
        carried: dict[Node, Carrying] = {}
        for node in module.graph.nodes:
            if node.op not in ("placeholder", "output", "get_attr"):
                layer = module.get_submodule(node.target) if node.op == "call_module" else None
                found = read_layer(node, layer, axes)
                if found is not None:
                    carried[node] = found
        self.first_length, delays = _first_length(module, axes, carried, chunk)
        self.carried = nn.ModuleDict({node.name: one for node, one in carried.items()})
        self.delays = nn.ModuleDict(
            {f"{node.name}_{place}": one for (node, place), one in delays.items()}
        )
        beginning = self._sample(self.first_length)
        with torch.no_grad():
            whole, ready = self.module(beginning.clone()), self.first(beginning)
        self.delay = _longer(whole, ready)
        self.reset()

    def methods(self) -> dict[str, tuple[Any, ...]]:
        """What `nnapi_core.convert_methods` takes."""
        return {
            "first": (self.first, (self._sample(self.first_length),)),
            "step": (self.step, (self._sample(self.chunk),)),
        }

    def first(self, x: torch.Tensor) -> Any:
        """Reads the first `first_length` moments; what was read before is forgotten."""
        return self._run(x, is_first=True)

    def step(self, x: torch.Tensor) -> Any:
        """Reads the next `chunk` moments."""
        return self._run(x, is_first=False)

    def reset(self) -> None:
        """As before the first call."""
        for state in (*self.carried.buffers(), *self.delays.buffers()):
            state.zero_()

    @torch.no_grad()
    def run(self, x: torch.Tensor, reader: StreamReader | None = None) -> Iterator[Any]:
        """The results for a sequence of any length, by chunks; what is less than a chunk at its end is not read.

        ``reader`` computes them: what this was converted to, or a session; None: this module.
        """
        runs: Any = self if reader is None else reader
        runs.reset()
        place, length = 0, x.shape[self.time]
        while place + (count := self.chunk if place else self.first_length) <= length:
            # A layer may write into what it gets.
            part = x.narrow(self.time, place, count).clone()
            yield runs.step(part) if place else runs.first(part)
            place += count

    def _sample(self, length: int) -> torch.Tensor:
        """The example again and again, with noise where it is of floats."""
        many = -(-length // self.example.shape[self.time])
        found = torch.cat([self.example] * many, self.time).narrow(self.time, 0, length).clone()
        if found.is_floating_point():
            generator = torch.Generator().manual_seed(length)
            spread = float(found.std()) if found.numel() > 1 else 1.0
            found += torch.randn(found.shape, generator=generator, dtype=found.dtype) * (
                spread or 1.0
            )
        return found

    def _run(
        self,
        x: torch.Tensor,
        *,
        is_first: bool,
        note: Callable[[Node, Any], None] = lambda node, value: None,
    ) -> Any:
        values: dict[Node, Any] = {}
        for node in self.module.graph.nodes:
            if node.op == "output":
                return map_arg(node.args[0], values.__getitem__)
            values[node] = value = self._value(node, x, values, is_first)
            note(node, value)
        raise AssertionError("a graph without an output")

    def _value(self, node: Node, x: torch.Tensor, values: dict[Node, Any], is_first: bool) -> Any:
        if node.op == "placeholder":
            return x
        if node.op == "get_attr":
            return _attribute(self.module, str(node.target))
        place = itertools.count()

        def given(source: Node) -> Any:
            delay = f"{node.name}_{next(place)}"
            value = values[source]
            return _of(self.delays, delay, is_first)(value) if delay in self.delays else value

        args, kwargs = map_arg(node.args, given), map_arg(node.kwargs, given)
        if node.name in self.carried:
            sequence = args[0] if args else next(iter(kwargs.values()))
            found = _of(self.carried, node.name, is_first)(sequence)
            return (found,) if node.meta["is_tuple"] else found
        if node.op == "call_module":
            return self.module.get_submodule(str(node.target))(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        assert callable(node.target)
        return node.target(*args, **kwargs)


def streaming(module: nn.Module, example: torch.Tensor, *, chunk: int, time: int = -1) -> Streaming:
    """Makes a module that reads a sequence chunk by chunk of one that reads it whole.

    ``module``: in evaluation mode, of one tensor, and such as ``torch.fx`` can trace. Layers that see some moments are
    nn.Conv1d, nn.ConvTranspose1d, nn.MaxPool1d, nn.AvgPool1d, and nn.LSTM, nn.GRU and nn.RNN of one direction; what
    they need of earlier chunks becomes state. Layers that see what comes later (``padding=1``) are that much behind.
    Others compute each moment on its own: linear layers, activations, norms over channels, sums of sequences.
    ``example``: an input of the module, of any length for which it gives a result. ``chunk``: how many moments of it a
    step reads, a multiple of the module's strides. ``time``: the dimension of the example that is time.

    What is returned has been compared with the module, for the beginning and four chunks. Raises `ConversionError` for
    what cannot come by chunks (norms over time, layers of two directions, attention), and names the layer.
    """
    if not isinstance(module, nn.Module):
        raise ConversionError(f"{type(module).__name__} is no nn.Module")
    if module.training:
        raise ConversionError("the module is in training mode; call .eval() first")
    if not isinstance(example, torch.Tensor) or not example.ndim or not example.numel():
        raise ConversionError("the example is no tensor with numbers; give one input of the module")
    if not -example.ndim <= time < example.ndim or chunk < 1:
        raise ConversionError(
            f"chunk={chunk} along dimension {time} of an example of shape {list(example.shape)}; give chunk >= 1 and "
            "one of its dimensions"
        )
    graph = _traced(module)
    longer = torch.cat([example] * 2, time)
    axes = find_time_axes(graph, example.clone(), longer)
    time = time if time < 0 else time - example.ndim
    made = Streaming(graph, axes, example, chunk)
    _compare(made, axes)
    return made


def _traced(module: nn.Module) -> GraphModule:
    try:
        graph = torch.fx.symbolic_trace(nn.Sequential(module) if _is_leaf(module) else module)
    except Exception as error:
        raise ConversionError(
            f"torch.fx cannot trace {type(module).__name__}: {type(error).__name__}: {error}; write its step as a "
            "module with buffers (docs/state.md)"
        ) from error
    graph.graph.eliminate_dead_code()
    inputs = graph.graph.find_nodes(op="placeholder")
    if len(inputs) != 1:
        raise ConversionError(
            f"{type(module).__name__} takes {len(inputs)} inputs ({', '.join(one.name for one in inputs)}); one is the "
            "sequence, and others would have to be fixed: give a module of one input"
        )
    return graph.eval()


def _is_leaf(module: nn.Module) -> bool:
    return torch.fx.Tracer().is_leaf_module(module, "")


def _input(module: GraphModule) -> Node:
    node: Node = next(iter(module.graph.find_nodes(op="placeholder")))
    return node


def _longer(at_once: Any, ready: Any) -> int:
    """By how many moments the first result is longer."""
    one, other = (pytree.tree_leaves(value)[0] for value in (at_once, ready))
    return max(
        abs(int(pair[0]) - int(pair[1])) for pair in zip(one.shape, other.shape, strict=True)
    )


def _attribute(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module


def _of(layers: nn.ModuleDict, name: str, is_first: bool) -> Callable[..., torch.Tensor]:
    layer: Any = layers[name]
    found: Callable[..., torch.Tensor] = layer.first if is_first else layer.step
    return found


Delays = dict[tuple[Node, int], Delay]


def _first_length(
    module: GraphModule, axes: dict[Node, int | None], carried: dict[Node, Carrying], chunk: int
) -> tuple[int, Delays]:
    """How many moments the beginning needs, and which sequences wait for others."""
    for more in range(_MOST_MORE):
        try:
            return chunk + more, _delays(module, axes, carried, chunk + more, chunk)
        except TooShortError:
            continue
        except _CannotDivideError as error:
            whole = _least_chunk(module, axes, carried)
            raise refusal(
                error.node,
                f"its stride of {error.stride} does not divide its part of chunks of {chunk}"
                + (f"; give a multiple of {whole}" if whole else ""),
            ) from None
    raise ConversionError(
        f"a beginning of {chunk + _MOST_MORE} moments gives no result yet; give longer chunks"
    )


class _CannotDivideError(Exception):
    def __init__(self, node: Node, stride: int) -> None:
        super().__init__()
        self.node, self.stride = node, stride


def _least_chunk(
    module: GraphModule, axes: dict[Node, int | None], carried: dict[Node, Carrying]
) -> int | None:
    for chunk in range(1, 4097):
        try:
            _delays(module, axes, carried, 1 << 24, chunk)
            return chunk
        except _CannotDivideError:
            continue
        except TooShortError:
            return None
    return None


def _delays(
    module: GraphModule,
    axes: dict[Node, int | None],
    carried: dict[Node, Carrying],
    first: int,
    step: int,
) -> Delays:
    """Follows the numbers of moments through the graph."""
    counts: dict[Node, tuple[int, int]] = {}
    found: Delays = {}
    for node in module.graph.nodes:
        if node.op == "placeholder":
            counts[node] = first, step
        if node.op in ("placeholder", "output", "get_attr") or axes.get(node) is None:
            continue
        sources = _uses(node)
        timed = [counts[one] for one in sources if one in counts]
        least = min(timed)
        for place, source in enumerate(sources):
            if source not in counts:
                continue
            length, many = counts[source]
            if many != least[1]:
                raise refusal(node, "what it computes with has chunks of different lengths")
            if length > least[0]:
                axis = axes[source]
                assert axis is not None
                found[node, place] = Delay(length - least[0], axis)
        try:
            counts[node] = carried[node].lengths(*least) if node in carried else least
        except IndivisibleError as error:
            raise _CannotDivideError(node, error.stride) from None
    return found


def _uses(node: Node) -> list[Node]:
    """The values that a call is given, in the order of `map_arg`, each as often as it stands there."""
    found: list[Node] = []
    map_arg(node.args, found.append)
    map_arg(node.kwargs, found.append)
    return found


def _compare(made: Streaming, axes: dict[Node, int | None]) -> None:
    """Raises `ConversionError` where chunks give other than the whole, and names the first layer that does."""
    length = made.first_length + _CHUNKS * made.chunk
    x = made._sample(length)
    whole: dict[Node, Any] = {}
    parts: dict[Node, list[Any]] = {}

    def note(node: Node, value: Any) -> None:
        parts.setdefault(node, []).append(
            value.clone() if isinstance(value, torch.Tensor) else value
        )

    with torch.no_grad():
        interpreter = _Values(made.module, whole)
        interpreter.run(x.clone())
        place = 0
        while place < length:
            count = made.chunk if place else made.first_length
            part = x.narrow(made.time, place, count).clone()
            made._run(part, is_first=not place, note=note)
            place += count
    made.reset()
    for node, value in whole.items():
        axis = axes.get(node)
        if axis is None or not isinstance(value, torch.Tensor):
            continue
        ours = torch.cat(parts[node], axis)
        both = min(ours.shape[axis], value.shape[axis])
        if not _are_close(ours.narrow(axis, 0, both), value.narrow(axis, 0, both)):
            raise refusal(node, "chunks of it are not what it gives for the whole sequence")


class _Values(torch.fx.Interpreter):
    def __init__(self, module: GraphModule, values: dict[Node, Any]) -> None:
        super().__init__(module)
        self.values = values

    def run_node(self, n: Node) -> Any:
        found = super().run_node(n)
        self.values[n] = found.clone() if isinstance(found, torch.Tensor) else found
        return found


def _are_close(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    if not expected.is_floating_point():
        return torch.equal(actual, expected)
    largest = float(expected.abs().max()) if expected.numel() else 0.0
    return torch.allclose(
        actual, expected, rtol=1e-4, atol=1e-5 * max(largest, 1.0), equal_nan=True
    )
