"""Constants as large as a free size, whatever they are a view or a part of."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.export import Dim

from nnapi_core.conversion.convert import convert

View = Callable[[torch.Tensor, int], torch.Tensor]

# Of a table of (12, 6): n rows of 6, as (n, 2, 3).
VIEWS: dict[str, View] = {
    "rows": lambda table, n: table[:n].view(n, 2, 3),
    "flat": lambda table, n: table.view(-1)[: 6 * n].view(n, 2, 3),
    "permuted": lambda table, n: table[:n].view(n, 3, 2).permute(0, 2, 1),
    "columns": lambda table, n: table.t().reshape(6, 12)[:, :n].reshape(2, 3, n).permute(2, 0, 1),
    "rows after a view": lambda table, n: table.view(12, 2, 3)[:n],
    "part of rows": lambda table, n: table[:n, 1:4].unsqueeze(1),
    "part of a part": lambda table, n: table[2:10][:n].view(n, 2, 3),
    "computed": lambda table, n: (table * 2)[:n].view(n, 2, 3),
    "repeated": lambda table, n: table[:1].expand(n, 6).reshape(n, 2, 3),
    "one for each": lambda table, n: table.select(1, 0)[:n].view(n, 1, 1),
    "zeros": lambda table, n: torch.zeros(n, 2, 3) + table[0, 0],
}


class Reads(nn.Module):
    def __init__(self, views: list[View], *, also_whole: bool) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.table = nn.Parameter(torch.randn(12, 6, generator=generator))
        self.views = views
        self.also_whole = also_whole

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[0]
        for view in self.views:
            x = torch.tanh(x * view(self.table, n)) + 0.5
        if self.also_whole:
            x = x * self.table.sum() + self.table.view(12, 2, 3)[0]
        return x


@given(
    st.lists(st.sampled_from(sorted(VIEWS)), min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from([27, 29, 1000008]),
    st.integers(3, 8),
)
def test_a_part_of_a_view_of_a_constant(
    names: list[str], also_whole: bool, level: int, example: int
) -> None:
    module = Reads([VIEWS[name] for name in names], also_whole=also_whole).eval()
    size = Dim("n", min=2, max=8)
    converted = convert(
        module,
        (torch.randn(example, 2, 3),),
        dynamic_shapes=({0: size},),
        feature_level=level,
    )
    for n in (example, 2, 8, 5):
        x = torch.randn(n, 2, 3)
        torch.testing.assert_close(converted(x), module(x), rtol=1e-4, atol=1e-4)


class Recurrent(nn.Module):
    def __init__(self, kind: Callable[..., nn.Module], layers: int, both_ways: bool) -> None:
        super().__init__()
        self.layer = kind(4, 5, layers, batch_first=True, bidirectional=both_ways)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(x)[0]
        return result


@settings(max_examples=8)
@given(
    st.sampled_from([nn.LSTM, nn.GRU, nn.RNN]),
    st.integers(1, 2),
    st.booleans(),
    st.sampled_from([27, 29, 30]),
)
def test_the_state_of_a_recurrent_layer(
    kind: Callable[..., nn.Module], layers: int, both_ways: bool, level: int
) -> None:
    torch.manual_seed(0)
    module = Recurrent(kind, layers, both_ways).eval()
    size = Dim("batch", min=1, max=6)
    converted = convert(
        module, (torch.randn(3, 4, 4),), dynamic_shapes=({0: size},), feature_level=level
    )
    for batch in (3, 1, 6):
        x = torch.randn(batch, 4, 4)
        torch.testing.assert_close(converted(x), module(x), rtol=1e-4, atol=1e-4)


class Variadic(nn.Module):
    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return torch.relu(torch.cat(tensors, -1))


class After(nn.Module):
    def forward(self, first: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.relu(first), *rest], -1)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("module", [Variadic(), After()])
def test_free_sizes_of_variadic_arguments_keep_their_names(
    module: nn.Module, by_name: bool, count: int
) -> None:
    size = Dim("rows", min=2, max=6)
    args = tuple(torch.randn(3, 2) for _ in range(count))
    free = tuple({0: size} for _ in range(count))
    if isinstance(module, Variadic):
        named: dict[str, object] = {"tensors": free}
    else:
        named = {"first": free[0], "rest": free[1:]} if count > 1 else {"first": free[0]}
    shapes = named if by_name else tuple(named.values())
    converted = convert(module, args, dynamic_shapes=shapes, sizes=[{"rows": 2}, {"rows": 5}])
    assert [one.name for one in converted.report.sizes] == ["rows"]
    for rows in (2, 5):
        given = tuple(torch.randn(rows, 2) for _ in range(count))
        assert torch.equal(converted(*given), module(*given))
