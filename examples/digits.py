"""Trains a small CNN on scikit-learn's digits, converts it, and compares test accuracy.

python examples/digits.py
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import nnapi_core


class DigitsNet(nn.Module):
    """Images (N, 1, 8, 8) of values 0 to 1, to scores of ten digits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, 10),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


def data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training images, test images, training labels, test labels."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    parts = train_test_split(images, torch.tensor(digits.target), test_size=0.25, random_state=0)
    return parts[0], parts[1], parts[2], parts[3]


def train(images: torch.Tensor, labels: torch.Tensor, epochs: int = 12) -> nn.Module:
    """A few seconds on one core."""
    torch.manual_seed(0)
    model = DigitsNet()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
    return model.eval()


def accuracy(
    model: nn.Module | nnapi_core.Converted, images: torch.Tensor, labels: torch.Tensor
) -> float:
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).float().mean())


def main() -> tuple[float, float]:
    """Prints and returns the test accuracy in eager torch and on NNAPI."""
    train_images, test_images, train_labels, test_labels = data()
    model = train(train_images, train_labels)
    converted = nnapi_core.convert(model, (test_images,), fallback="error")
    eager = accuracy(model, test_images, test_labels)
    on_nnapi = accuracy(converted, test_images, test_labels)
    print(
        f"digits: {len(test_images)} test images, accuracy {eager:.4f} in torch, {on_nnapi:.4f} on NNAPI"
    )
    return eager, on_nnapi


if __name__ == "__main__":
    main()
