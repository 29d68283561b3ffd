"""Networks that no model library here has as a class, as people write them."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


class Tagger(nn.Module):
    """A label for each word: embedding, bidirectional LSTM, linear layer."""

    def __init__(self, words: int = 1000, width: int = 64, labels: int = 17) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, num_layers=2, bidirectional=True, batch_first=True)
        self.label = nn.Linear(2 * width, labels)

    def forward(self, words: Tensor) -> Tensor:
        features, _ = self.lstm(self.embedding(words))
        return torch.log_softmax(self.label(features), dim=-1)


class FrameNorm(nn.LayerNorm):
    """A layer norm over the channels (N, C, T) of each moment."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class Denoiser(nn.Module):
    """A mask over learned frames of the waveform: strided convolution, GRU, transposed convolution.

    ``by_frame`` normalises each frame alone, not all of them together, so that sound can come by chunks.
    """

    def __init__(
        self, frames: int = 128, hidden: int = 96, window: int = 64, *, by_frame: bool = False
    ) -> None:
        super().__init__()
        self.encoder = nn.Conv1d(1, frames, window, stride=window // 2)
        self.norm = FrameNorm(frames) if by_frame else nn.GroupNorm(1, frames)
        self.smooth = nn.Conv1d(frames, frames, 3, padding=1, groups=frames)
        self.gru = nn.GRU(frames, hidden, num_layers=2, batch_first=True)
        self.mask = nn.Linear(hidden, frames)
        self.decoder = nn.ConvTranspose1d(frames, 1, window, stride=window // 2)

    def forward(self, waveform: Tensor) -> Tensor:
        encoded = torch.relu(self.encoder(waveform))
        features = nn.functional.gelu(self.smooth(self.norm(encoded)))
        sequence, _ = self.gru(features.transpose(1, 2))
        mask = torch.sigmoid(self.mask(sequence)).transpose(1, 2)
        return self.decoder(encoded * mask)


class Perceptron(nn.Sequential):
    """784-512-512-10, for digits of 28×28."""

    def __init__(self, *widths: int) -> None:
        widths = widths or (784, 512, 512, 10)
        layers: list[nn.Module] = []
        for wide, narrow in itertools.pairwise(widths):
            layers += [nn.Linear(wide, narrow), nn.ReLU()]
        super().__init__(*layers[:-1])


class Lraspp(nn.Module):
    """Lite R-ASPP segmentation on a backbone of two scales, of torchvision's shape (21 classes).

    ``backbone`` returns feature maps of which the one of stride 8 and the last, of stride 16, are used; ``low`` is
    the place of the former, ``channels`` are those of the two.
    """

    def __init__(
        self, backbone: nn.Module, *, low: int, channels: tuple[int, int], classes: int = 21
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.low = low
        narrow, wide = channels
        self.project = nn.Sequential(
            nn.Conv2d(wide, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU()
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, 128, 1, bias=False), nn.Sigmoid()
        )
        self.low_classifier = nn.Conv2d(narrow, classes, 1)
        self.high_classifier = nn.Conv2d(128, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        features = self.backbone(image)
        low, high = features[self.low], features[-1]
        gated = self.project(high) * self.scale(high)
        gated = _resized(gated, low)
        return _resized(self.low_classifier(low) + self.high_classifier(gated), image)


def _resized(tensor: Tensor, like: Tensor) -> Tensor:
    return nn.functional.interpolate(
        tensor, size=like.shape[-2:], mode="bilinear", align_corners=False
    )
