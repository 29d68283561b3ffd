"""An autoregressive decoder: a GRU cell in a while_loop that ends early."""

from __future__ import annotations

from pathlib import Path

import torch
from torch._higher_order_ops import while_loop

import nnapi_core
import nnapi_runtime

LENGTH, SYMBOLS, HIDDEN, END = 8, 7, 16, 0


class Decoder(torch.nn.Module):
    """Greedy decoding from an encoded state: the next symbol is the likeliest one, until END or LENGTH."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embedding = torch.nn.Embedding(SYMBOLS, HIDDEN)
        self.cell = torch.nn.GRUCell(HIDDEN, HIDDEN)
        self.head = torch.nn.Linear(HIDDEN, SYMBOLS)

    def forward(self, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        def going_on(
            step: torch.Tensor, symbol: torch.Tensor, state: torch.Tensor, text: torch.Tensor
        ) -> torch.Tensor:
            return (step < LENGTH) & (symbol != END).reshape(())

        def decode(
            step: torch.Tensor, symbol: torch.Tensor, state: torch.Tensor, text: torch.Tensor
        ) -> tuple[torch.Tensor, ...]:
            state = self.cell(self.embedding(symbol), state)
            symbol = self.head(state).argmax(-1)
            text = torch.where(torch.arange(LENGTH) == step, symbol, text)
            return step + 1, symbol, state, text

        start = torch.zeros((), dtype=torch.int64), torch.ones(1, dtype=torch.int64)
        text = torch.zeros(LENGTH, dtype=torch.int64)
        steps, _, _, text = while_loop(going_on, decode, (*start, state, text))
        return steps, text


def test_decoder_ends_early_where_torch_does(tmp_path: Path) -> None:
    model = Decoder().eval()
    examples = [
        2 * torch.randn(1, HIDDEN, generator=torch.Generator().manual_seed(s)) for s in range(12)
    ]
    converted = nnapi_core.convert(model, (examples[0],), feature_level=30, fallback="error")
    converted.save(tmp_path / "decoder.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "decoder.nnapi")
    lengths = set()
    for state in examples:
        with torch.no_grad():
            steps, text = model(state)
        lengths.add(int(steps))
        for result in (converted(state), loaded(state)):
            assert torch.equal(result[0], steps)
            assert torch.equal(result[1], text)
    assert len(lengths) > 1, "every example ends at the same step"
