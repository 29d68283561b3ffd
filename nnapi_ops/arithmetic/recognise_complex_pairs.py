"""Complex tensors as two real ones each, wherever what is asked of them in the end is real.

NNAPI has no complex numbers. A short-time Fourier transform becomes a convolution with its window's sines and cosines;
what moves complex tensors moves both parts; products and sums are written out. A group of complex tensors that read each
other is rewritten whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from attrs import frozen
from torch.fx import Node

from nnapi_core.plugin import Pass, Phase, hookimpl
from nnapi_ops._graph_patterns import CallBuilder

aten = torch.ops.aten

# The same for both parts.
_MOVES = {
    aten.transpose.int, aten.permute.default, aten.unsqueeze.default, aten.squeeze.dim, aten.squeeze.default,
    aten.squeeze.dims, aten.slice.Tensor, aten.select.int, aten.view.default, aten.reshape.default, aten.clone.default,
    aten.contiguous.default, aten.flatten.using_ints, aten.expand.default, aten.cat.default, aten.stack.default,
    aten.narrow.default, aten.flip.default, aten.neg.default, aten.t.default, aten.mT.default, aten.roll.default,
}  # fmt: skip
_SUMS = {aten.add.Tensor, aten.sub.Tensor}


@frozen
class _Pair:
    real: Node
    imag: Node


def find_complex_pairs(program: Any) -> None:
    """Rewrites the torch graph of ``program``."""
    nodes = list(program.graph.nodes)
    groups = _groups(nodes)
    for group in groups:
        if all(_is_understood(program, one) for one in group) and all(
            user in group or user.target in _ENDS for one in group for user in one.users
        ):
            _rewrite(program, nodes, group)


def _rewrite(program: Any, nodes: list[Node], group: set[Node]) -> None:
    pairs: dict[Node, _Pair] = {}
    done = []
    for node in nodes:
        if node in group:
            pairs[node] = _pair_of(program, node, pairs)
            done.append(node)
        elif node.target in _ENDS and node.args[0] in group:
            build = CallBuilder(program, node)
            node.replace_all_uses_with(_ENDS[node.target](build, pairs[node.args[0]]))  # type: ignore[index]
            done.append(node)
    for node in reversed(done):
        if node not in program.constants and node.op != "placeholder":
            program.graph.erase_node(node)


def _groups(nodes: list[Node]) -> list[set[Node]]:
    """Complex tensors, together with those that they read or are read by."""
    of: dict[Node, set[Node]] = {}
    for node in nodes:
        if not _is_complex(node):
            continue
        group = {node}
        for source in node.all_input_nodes:
            if source in of:
                group |= of[source]
        for one in group:
            of[one] = group
    return list({id(group): group for group in of.values()}.values())


def _is_complex(node: Any) -> bool:
    value = node.meta.get("val") if isinstance(node, Node) else None
    return isinstance(value, torch.Tensor) and value.dtype is torch.complex64


def _is_understood(program: Any, node: Node) -> bool:
    if node in program.constants:
        return True
    operands = [one for one in node.all_input_nodes if _is_complex(one)]
    if node.target in (aten.stft.default, aten.stft.center):
        return _Transform.of(program, node) is not None
    if node.target in _MOVES:
        return len(operands) == len(node.all_input_nodes)
    if node.target in _SUMS:
        return len(operands) == 2 and not node.kwargs
    if node.target is aten.mul.Tensor:
        return all(isinstance(one, (int, float, Node)) for one in node.args)
    if node.target is aten.div.Tensor:
        return isinstance(node.args[1], (int, float, Node)) and not _is_complex(node.args[1])
    return node.target in _MAKERS


def _pair_of(program: Any, node: Node, pairs: dict[Node, _Pair]) -> _Pair:
    build = CallBuilder(program, node)
    if node in program.constants:
        return _constant(program, node)
    if node.target in _MOVES:
        real = torch.fx.node.map_arg(node.args, lambda one: pairs[one].real)
        imag = torch.fx.node.map_arg(node.args, lambda one: pairs[one].imag)
        return _Pair(build(node.target, *real), build(node.target, *imag))
    if node.target in (aten.stft.default, aten.stft.center):
        transform = _Transform.of(program, node)
        assert transform is not None
        return transform.pair(build)
    first, *rest = (pairs.get(one, one) if isinstance(one, Node) else one for one in node.args)
    if node.target in _SUMS:
        (second,) = rest
        return _Pair(
            build(node.target, _real(first), _real(second)),
            build(node.target, _imag(first), _imag(second)),
        )
    if node.target in (aten.mul.Tensor, aten.div.Tensor):
        a, b = (first, rest[0]) if isinstance(first, _Pair) else (rest[0], first)
        return _product(build, node.target, a, b)
    return _MAKERS[node.target](build, first, *rest)


def _product(build: CallBuilder, target: Any, a: Any, b: Any) -> _Pair:
    if not isinstance(b, _Pair):
        return _Pair(build(target, a.real, b), build(target, a.imag, b))

    def times(x: Node, y: Node) -> Node:
        return build(aten.mul.Tensor, x, y)

    real = build(aten.sub.Tensor, times(a.real, b.real), times(a.imag, b.imag))
    return _Pair(real, build(aten.add.Tensor, times(a.real, b.imag), times(a.imag, b.real)))


def _constant(program: Any, node: Node) -> _Pair:
    """Both parts of a constant, which is left to those who hold it."""
    first = next(user for user in node.users)
    value = program.constants[node].load().detach()
    build = CallBuilder(program, first)
    return _Pair(
        build.constant(f"{node.name}_real", value.real.contiguous()),
        build.constant(f"{node.name}_imag", value.imag.contiguous()),
    )


def _real(pair: Any) -> Node:
    found: Node = pair.real
    return found


def _imag(pair: Any) -> Node:
    found: Node = pair.imag
    return found


def _conjugate(build: CallBuilder, pair: Any) -> _Pair:
    return _Pair(pair.real, build(aten.neg.default, pair.imag))


def _viewed(build: CallBuilder, pairs: Node) -> _Pair:
    real, imag = (build(aten.select.int, pairs, -1, part) for part in (0, 1))
    return _Pair(real, imag)


_MAKERS: dict[Any, Callable[..., _Pair]] = {
    aten._conj.default: _conjugate,
    aten.conj.default: _conjugate,
    aten.resolve_conj.default: lambda build, pair: pair,
    aten.complex.default: lambda build, real, imag: _Pair(real, imag),
    aten.view_as_complex.default: _viewed,
}
"""What gives a complex tensor: of real ones, or of one complex one."""


def _magnitude(build: CallBuilder, pair: _Pair) -> Node:
    squares = (build(aten.mul.Tensor, one, one) for one in (pair.real, pair.imag))
    return build(aten.sqrt.default, build(aten.add.Tensor, *squares))


_ENDS: dict[Any, Callable[[CallBuilder, _Pair], Node]] = {
    aten.real.default: lambda build, pair: pair.real,
    aten.imag.default: lambda build, pair: pair.imag,
    aten.view_as_real.default: lambda build, pair: build(
        aten.stack.default, [pair.real, pair.imag], -1
    ),
    aten.abs.default: _magnitude,
    aten.angle.default: lambda build, pair: build(aten.atan2.default, pair.imag, pair.real),
}
"""What gives a real tensor."""


@frozen(eq=False)
class _Transform:
    """A short-time Fourier transform of real numbers with a window that is known."""

    signal: Node
    length: int
    hop: int
    window: np.ndarray[Any, np.dtype[np.float64]]
    normalized: bool

    @classmethod
    def of(cls, program: Any, node: Node) -> _Transform | None:
        """None where it is another one: of complex signals, two-sided, centred by itself, with a computed window."""
        names = [one.name for one in node.target._schema.arguments]  # type: ignore[union-attr]
        given: dict[str, Any] = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
        signal, window = given["self"], given.get("window")
        if given.get("center", node.target is aten.stft.center) or _is_complex(signal):
            return None
        if given.get("onesided") is False or given.get("align_to_window"):
            return None
        known = None if window is None else _known(program, window)
        if window is not None and known is None:
            return None
        length = given["n_fft"]
        width = given.get("win_length") or length
        held = np.ones(width)
        if known is not None:
            held = known.detach().double().numpy()
        before = (length - width) // 2
        padded = np.pad(held, (before, length - width - before))
        hop = given.get("hop_length") or length // 4
        return cls(signal, length, hop, padded, bool(given.get("normalized")))

    def pair(self, build: CallBuilder) -> _Pair:
        """A convolution whose channels are first the cosines, then the sines."""
        count = self.length // 2 + 1
        # Exact in the phase: whole turns are taken off before anything is rounded.
        turns = np.outer(np.arange(count), np.arange(self.length)) % self.length
        angles = 2 * np.pi * turns / self.length
        waves = np.concatenate([np.cos(angles), -np.sin(angles)]) * self.window
        if self.normalized:
            waves /= np.sqrt(self.length)
        weight = build.constant("stft_waves", torch.from_numpy(waves).float().unsqueeze(1))
        value = self.signal.meta["val"]
        batched = self.signal if value.dim() == 2 else build(aten.unsqueeze.default, self.signal, 0)
        row = build(aten.unsqueeze.default, batched, 1)
        both = build(aten.conv1d.default, row, weight, None, [self.hop])
        parts = [build(aten.slice.Tensor, both, 1, start, start + count) for start in (0, count)]
        if value.dim() == 1:
            parts = [build(aten.squeeze.dim, part, 0) for part in parts]
        return _Pair(*parts)


def _known(program: Any, node: Node) -> torch.Tensor | None:
    """What no input changes: a constant, or what is made of constants and numbers, as torch.hann_window is."""
    if node in program.constants:
        found: torch.Tensor = program.constants[node].load()
        return found
    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return None
    if torch.Tag.nondeterministic_seeded in target.tags:
        return None
    sources = {one: _known(program, one) for one in node.all_input_nodes}
    if any(one is None for one in sources.values()):
        return None
    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), lambda one: sources[one])
    with torch.no_grad():
        made = target(*args, **kwargs)
    return made if isinstance(made, torch.Tensor) else None


@hookimpl
def nnapi_passes() -> list[Pass]:
    return [Pass("complex_pairs", Phase.GRAPH, find_complex_pairs)]
