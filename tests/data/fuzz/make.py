"""Writes the .nnapi files that are damaged besides those of tests/data/nnapi: python -m tests.data.fuzz.make"""

from __future__ import annotations

from pathlib import Path

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


MODELS = {
    "detector": (Detector, (3, 4), 29),
    "detector27": (Detector, (3, 4), 27),
    "loop": (Loop, (2, 3), 30),
    "numbers": (Numbers, (1, 2, 5, 5), 29),
}


def main() -> None:
    folder = Path(__file__).parent
    for name, (model, shape, level) in MODELS.items():
        torch.manual_seed(0)
        x = torch.randn(shape)
        converted = nnapi_core.convert(model().eval(), (x,), feature_level=level)
        converted.save(folder / f"{name}.nnapi")
        np.savez(folder / f"{name}.npz", in0=x.numpy())
        print(name, converted.report.stages)


if __name__ == "__main__":
    main()
