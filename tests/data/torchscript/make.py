"""Made the files of this folder, by the torch that runs it:

    python make.py        # with torch 1.13.1, with 2.1.0, and with the newest

It needs that torch and nothing else. The files are named after the torch that saved them.
"""

from pathlib import Path
from typing import Tuple  # noqa: UP035  (what old TorchScript reads)

import torch
from torch import nn


class Images(nn.Module):
    """Traced: a convolution with a batch norm, in-place activations, views."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6)
        self.linear = nn.Linear(6 * 16, 5)

    def forward(self, x):
        x = nn.functional.relu_(self.norm(self.conv(x)))
        x = nn.functional.max_pool2d(x, 3, 1, 1)
        return self.linear(x.view(x.size(0), -1)).softmax(-1)


class Branches(nn.Module):
    """Scripted: an ``if`` on the input, with weights in both branches."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        if bool(x.sum() > 0):
            y = torch.relu(self.one(x))
        else:
            y = self.other(x) - 1.0
        return y * 2.0


class Loops(nn.Module):
    """Scripted: a loop of known length."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x) -> Tuple[torch.Tensor, torch.Tensor]:  # noqa: UP006
        total = torch.zeros_like(x)
        for step in range(3):
            x = torch.tanh(self.linear(x)) + float(step)
            total = total + x
        return x, total


class Counted(nn.Module):
    """Scripted: a loop whose length the input decides."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        rounds = 0
        while rounds < 5 and bool(x.sum() < 10.0):
            x = torch.relu(self.linear(x)) + 1.0
            rounds += 1
        return x


class Words(nn.Module):
    """Traced: an embedding and an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.lstm = nn.Embedding(12, 4), nn.LSTM(4, 5, batch_first=True)

    def forward(self, x):
        y, _ = self.lstm(self.words(x))
        return y[:, -1]


def main() -> None:
    torch.manual_seed(0)
    image, row, words = torch.randn(1, 3, 8, 8), torch.randn(2, 4), torch.arange(6).reshape(2, 3)
    images = Images()
    for _ in range(3):
        images(torch.randn(4, 3, 8, 8))  # statistics that are not those of a new batch norm
    modules = {
        "images": torch.jit.trace(images.eval(), image),
        "branches": torch.jit.script(Branches().eval()),
        "loops": torch.jit.script(Loops().eval()),
        "counted": torch.jit.script(Counted().eval()),
        "words": torch.jit.trace(Words().eval(), words),
        "frozen": torch.jit.freeze(torch.jit.trace(images, image)),
        "row": torch.jit.trace(nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval(), row),
    }
    folder, version = Path(__file__).parent, ".".join(torch.__version__.split(".")[:2])
    for name, module in modules.items():
        module.save(str(folder / f"{name}_{version}.pt"))
    modules["images"]._save_for_lite_interpreter(str(folder / f"images_{version}.ptl"))


if __name__ == "__main__":
    main()
