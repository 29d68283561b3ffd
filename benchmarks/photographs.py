"""Crops of scikit-learn's two bundled photographs, and a short training on them.

Random weights make a deep network amplify any noise; a network that has learned something does not. So before it is
quantised, a network learns to tell the photograph and the way up from a crop: eight classes, a minute on two cores.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_sample_images
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

CLASSES = 8
_MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
_DEVIATION = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


def crops(count: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Normalised images (count, 3, size, size), and their classes."""
    generator = torch.Generator().manual_seed(seed)

    def draw(most: int) -> int:
        return int(torch.randint(0, most, (1,), generator=generator))

    photographs = [
        torch.from_numpy(one.copy()).permute(2, 0, 1).float() / 255
        for one in load_sample_images().images
    ]
    images, classes = [], []
    for _ in range(count):
        which, turns = draw(len(photographs)), draw(4)
        photograph = photographs[which]
        side = 200 + draw(photograph.shape[1] - 200)
        top, left = (draw(full - side + 1) for full in photograph.shape[1:])
        crop = photograph[None, :, top : top + side, left : left + side]
        if draw(2):
            crop = crop.flip(3)
        scaled = interpolate(crop, size=(size, size), mode="bilinear", antialias=True)
        images.append(torch.rot90(scaled, turns, (2, 3)))
        classes.append(4 * which + turns)
    return (torch.cat(images) - _MEAN) / _DEVIATION, torch.tensor(classes)


def trained(module: nn.Module, *, size: int, steps: int, batch: int = 16) -> nn.Module:
    """The module, trained on crops; then its batch norms take the statistics of crops."""
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(module.parameters(), 1e-3)
    module.train()
    for step in range(steps):
        images, classes = crops(batch, size, seed=1000 + step)
        optimiser.zero_grad()
        cross_entropy(module(images), classes).backward()
        optimiser.step()
    settle(module, crops(4 * batch, size, seed=1)[0])
    return module.eval()


def settle(module: nn.Module, images: Tensor) -> None:
    """Gives the batch norms the statistics of ``images``."""
    norms = [one for one in module.modules() if isinstance(one, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain average
    module.train()
    with torch.no_grad():
        for some in images.split(16):
            module(some)
    for norm in norms:
        norm.momentum = 0.1
