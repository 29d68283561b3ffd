"""Networks that no model library has as a class: a tagger and a speech denoiser, as people write them."""

from __future__ import annotations

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


class Denoiser(nn.Module):
    """A mask over learned frames of the waveform: strided convolution, GRU, transposed convolution."""

    def __init__(self, frames: int = 128, hidden: int = 96, window: int = 64) -> None:
        super().__init__()
        self.encoder = nn.Conv1d(1, frames, window, stride=window // 2)
        self.norm = nn.GroupNorm(1, frames)
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
