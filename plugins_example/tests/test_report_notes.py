"""The note is there where there is something to say."""

from __future__ import annotations

import pytest
import torch

import nnapi_core


@pytest.mark.parametrize("slow", [True, False])
def test_notes_slow_operations(slow: bool) -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.topk(x, 2)[0] if slow else x + 1

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return function(x)

    notes = nnapi_core.convert(Model(), (torch.randn(3, 5),)).report.notes
    assert any("TOPK_V2 on the CPU" in note for note in notes) is slow
