"""Sizes that operators count: these stay in torch, and what follows runs on NNAPI, with none as with many."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from tests.models.stock_runs import StockRuns


class Selected(nn.Module):
    """Of the rows that pass: their classes, the sum of these, and something of all rows."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.all = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rows = x[x[:, 0] > 0]
        classes = self.second(self.first(rows).relu()).softmax(-1)
        large = x.masked_select(x > 1)
        return classes, classes.sum(0) * 2, self.all(x).tanh(), (large * 2).exp(), x.nonzero()


def arguments() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    some = [torch.randn(9, 4, generator=generator) for _ in range(4)]
    one = torch.full((9, 4), -1.0)
    one[3] = 2.0
    return [*some, -torch.ones(9, 4), torch.ones(9, 4) * 3, one]


def test_what_follows_a_selection_is_on_nnapi(tmp_path: Path) -> None:
    module = Selected().eval()
    given = arguments()
    model = nnapi_core.convert(module, (given[0],))
    devices = {row.name: row.device for row in model.report.nodes}
    assert devices["nonzero"] == devices["index"] == "cpu"
    assert devices["softmax"] == devices["linear"] == devices["exp"] == "nnapi"
    reasons = {row.name: row.reason for row in model.report.refused()}
    assert "may be none" in reasons["sum_1"]
    model.save(tmp_path / "model.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "model.nnapi")
    runs = StockRuns(tmp_path)
    runs.add("model", model, [(x,) for x in given], ".pt")
    runs.run(with_library=True)
    stock = runs.results("model", "forward")
    for x, other in zip(given, stock, strict=True):
        with torch.no_grad():
            expected = module(x)
        for results in (model(x), loaded(x), other):
            for result, right in zip(results, expected, strict=True):
                torch.testing.assert_close(result, right, rtol=1e-4, atol=1e-4)


def test_a_selection_by_a_larger_mask() -> None:
    """It may be of more elements than the tensor has."""

    class Larger(nn.Module):
        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return torch.masked_select(x, mask)

    x, mask = torch.randn(4), torch.ones(3, 4, dtype=torch.bool)
    model = nnapi_core.convert(Larger(), (x, mask))
    for given in (mask, ~mask, torch.eye(3, 4) > 0):
        assert torch.equal(model(x, given), x.masked_select(given))
