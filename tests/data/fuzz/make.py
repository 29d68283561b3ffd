"""Writes the .nnapi files that are damaged besides those of tests/data/nnapi: python -m tests.data.fuzz.make"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch._higher_order_ops.while_loop import while_loop

import nnapi_core
from nnapi_core.detection import operators  # noqa: F401 - torch.ops.nnapi


class Detector(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 7)
        self.register_buffer("anchors", torch.tensor([[0.0, 0, 4, 4], [1, 1, 6, 6], [2, 0, 9, 5]]))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scores, deltas = self.head(x).split([3, 4], 1)
        return torch.ops.nnapi.detection_postprocessing(
            scores.softmax(1), deltas, self.anchors, [10.0, 10.0, 5.0, 5.0], 0.05, 0.5, 4
        )


class Loop(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def goes_on(i: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return i < 3

        def once(i: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return i + 1, (x * 1.5).tanh()

        return while_loop(goes_on, once, (torch.zeros((), dtype=torch.int32), x))[1]


class Numbers(nn.Module):
    """What torch computes, with indices, words, lists and numbers in its text."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.conv(x).relu()
        z = torch.special.i0(y)[:, torch.tensor([2, 0]), 1:]
        values, places = z.flatten(1).kthvalue(2, 1)
        return torch.nextafter(z, z.mean()), values, places, z.div(3, rounding_mode="floor")


class Counter(nn.Module):
    """Keeps a count and a mean of what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        self.mean = self.mean * 0.75 + self.linear(x) * 0.25
        return self.mean.tanh() + self.seen


class Methods(nn.Module):
    """Two methods over one weight; one reads what the other keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(3, 3)
        self.register_buffer("memory", torch.zeros(2, 3))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        self.memory = torch.special.i0(self.shared(x))
        return self.memory.amax(-1)

    def decode(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return self.shared(x) * scale + self.memory


class Mixed(nn.Module):
    """Integers with a layer in floats between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x).relu().exp()).softmax(-1)


def methods() -> tuple[Any, torch.Tensor]:
    module, x = Methods().eval(), torch.randn(2, 3)
    taken = {
        "encode": (module.encode, (x,)),
        "decode": (module.decode, [(x,), (x[:1],)], {"scale": 0.5}),
    }
    return nnapi_core.convert_methods(taken, feature_level=29), x


def mixed() -> tuple[Any, torch.Tensor]:
    x = torch.randn(2, 6)
    quantised = nnapi_core.quantize(Mixed().eval(), [(x,)], float_nodes=["second"])
    return nnapi_core.convert(quantised, (x,), feature_level=29), x


MODELS = {
    "state": (Counter, (2, 3), 29),
    "detector": (Detector, (3, 4), 29),
    "detector27": (Detector, (3, 4), 27),
    "loop": (Loop, (2, 3), 30),
    "numbers": (Numbers, (1, 2, 5, 5), 29),
}


def main() -> None:
    folder = Path(__file__).parent
    for name, make in {"methods": methods, "mixed": mixed}.items():
        torch.manual_seed(0)
        converted, x = make()
        converted.save(folder / f"{name}.nnapi")
        np.savez(folder / f"{name}.npz", in0=x.numpy())
    for name, (model, shape, level) in MODELS.items():
        torch.manual_seed(0)
        x = torch.randn(shape)
        converted = nnapi_core.convert(model().eval(), (x,), feature_level=level)
        converted.save(folder / f"{name}.nnapi")
        np.savez(folder / f"{name}.npz", in0=x.numpy())
        print(name, converted.report.stages)


if __name__ == "__main__":
    main()
