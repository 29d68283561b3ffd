"""Layers that carry what a later chunk needs of earlier ones, in buffers.

Each has two ways to run. ``first`` gets the beginning of a sequence and does what the layer does, but for the results
that want what comes later. ``step`` gets what follows, and gives what follows. Together they give the beginning of what
the layer gives for the whole sequence. How many moments each gets is said by ``lengths``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class TooShortError(Exception):
    """A first chunk that gives a layer nothing to begin with; a longer one may."""


class IndivisibleError(Exception):
    """A chunk that a layer cannot divide by its stride."""

    def __init__(self, stride: int) -> None:
        super().__init__(stride)
        self.stride = stride


class Carrying(nn.Module):
    """A layer with state. ``lengths`` is asked before the first call, which makes the buffers."""

    def __init__(self, layer: nn.Module | None = None) -> None:
        """``layer`` computes: a part of another module, and none of this one."""
        super().__init__()
        self._of = (layer,)

    @property
    def layer(self) -> Any:
        return self._of[0]

    def lengths(self, first: int, step: int) -> tuple[int, int]:
        """Moments that come out of ``first`` and of ``step``, for those that go in.

        Raises `TooShortError`, `IndivisibleError`.
        """
        raise NotImplementedError

    def first(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def step(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _keep(self, name: str, value: torch.Tensor) -> None:
        """Writes a buffer, which the first call makes."""
        if name in self._buffers:
            self.get_buffer(name).copy_(value)
        else:
            self.register_buffer(name, value.detach().clone(), persistent=False)


class Windows(Carrying):
    """Convolutions and pools along the last dimension: the end of what came before is put in front."""

    def __init__(
        self,
        layer: nn.Module,
        compute: Callable[[Any, torch.Tensor], torch.Tensor],
        *,
        extent: int,
        stride: int,
        left: int = 0,
    ) -> None:
        """``compute`` takes the layer and what it gets, and does not pad.

        ``extent`` is how many moments a result sees, ``left`` how many zeros the layer puts in front.
        """
        super().__init__(layer)
        self.compute = compute
        self.extent, self.stride, self.left = extent, stride, left
        self.kept = self.count = 0

    def lengths(self, first: int, step: int) -> tuple[int, int]:
        self.count = (first + self.left - self.extent) // self.stride + 1
        self.kept = first + self.left - self.count * self.stride
        if self.count < 1 or self.kept < 0:
            raise TooShortError
        if step % self.stride:
            raise IndivisibleError(self.stride)
        return self.count, step // self.stride

    def first(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(functional.pad(x, (self.left, 0)) if self.left else x)

    def step(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(torch.cat([self.get_buffer("end"), x], -1) if self.kept else x)

    def _run(self, x: torch.Tensor) -> torch.Tensor:
        if self.kept:
            self._keep("end", x[..., x.shape[-1] - self.kept :])
        return self.compute(self.layer, x)


class Overlaps(Carrying):
    """Transposed convolutions along the last dimension: sums that are not yet complete wait for the rest."""

    def __init__(self, layer: nn.ConvTranspose1d) -> None:
        super().__init__(layer)
        self.stride, self.cut = layer.stride[0], int(layer.padding[0])
        self.extent = layer.dilation[0] * (layer.kernel_size[0] - 1) + 1

    def lengths(self, first: int, step: int) -> tuple[int, int]:
        if first * self.stride <= self.cut:
            raise TooShortError
        return first * self.stride - self.cut, step * self.stride

    def first(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(x, None)[..., self.cut :]

    def step(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(x, self._buffers.get("sums"))

    def _run(self, x: torch.Tensor, before: torch.Tensor | None) -> torch.Tensor:
        layer, whole = self.layer, x.shape[-1] * self.stride
        sums = functional.conv_transpose1d(
            x, layer.weight, None, layer.stride, 0, 0, layer.groups, layer.dilation
        )
        if self.extent < self.stride:
            sums = functional.pad(sums, (0, self.stride - self.extent))
        rest = self.extent - self.stride
        if before is not None:
            sums = sums + functional.pad(before, (0, sums.shape[-1] - rest))
        if rest > 0:
            self._keep("sums", sums[..., whole:])
        done = sums[..., :whole]
        return done if layer.bias is None else done + layer.bias[:, None]


class Recurrent(Carrying):
    """nn.GRU, nn.RNN and nn.LSTM of one direction: the last state is the first of the next chunk."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__(layer)

    def lengths(self, first: int, step: int) -> tuple[int, int]:
        return first, step

    def first(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(x, None)

    def step(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.get_buffer("hidden")
        is_pair = "cell" in self._buffers
        return self._run(x, (hidden, self.get_buffer("cell")) if is_pair else hidden)

    def _run(self, x: torch.Tensor, before: Any) -> torch.Tensor:
        found: torch.Tensor
        found, after = self.layer(x, before)
        hidden, *cell = after if isinstance(after, tuple) else (after,)
        self._keep("hidden", hidden)
        if cell:
            self._keep("cell", cell[0])
        return found


class Front(Carrying):
    """What is put in front of a sequence: nothing, later on."""

    def __init__(self, count: int, axis: int, value: float) -> None:
        super().__init__()
        self.count, self.axis, self.value = count, axis, value

    def lengths(self, first: int, step: int) -> tuple[int, int]:
        return first + self.count, step

    def first(self, x: torch.Tensor) -> torch.Tensor:
        return functional.pad(x, [0, 0] * (-1 - self.axis) + [self.count, 0], value=self.value)

    def step(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Skipped(Carrying):
    """The beginning of a sequence that is left out."""

    def __init__(self, count: int, axis: int) -> None:
        super().__init__()
        self.count, self.axis = count, axis

    def lengths(self, first: int, step: int) -> tuple[int, int]:
        if first <= self.count:
            raise TooShortError
        return first - self.count, step

    def first(self, x: torch.Tensor) -> torch.Tensor:
        return x.narrow(self.axis, self.count, x.shape[self.axis] - self.count)

    def step(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Delay(Carrying):
    """Waits for another sequence, with which it is computed and that is some moments behind."""

    def __init__(self, count: int, axis: int) -> None:
        super().__init__()
        self.count, self.axis = count, axis

    def first(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(x)

    def step(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(torch.cat([self.get_buffer("end"), x], self.axis))

    def _run(self, x: torch.Tensor) -> torch.Tensor:
        ready = x.shape[self.axis] - self.count
        self._keep("end", x.narrow(self.axis, ready, self.count))
        return x.narrow(self.axis, 0, ready)
