"""Numbers between tensors: read off constants and inputs, computed in Python, used as factors and sizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nnapi_core.conversion.convert import convert
from nnapi_core.errors import ConversionError
from tests.core.artifact.every_form import check_everywhere

# Where a number comes from, of a module with tensors of its own and of an input.
READ: dict[str, Callable[[Source, torch.Tensor], Any]] = {}


class Source(nn.Module):
    """Tensors of every standing; ``at_hand`` steps read their numbers from constants alone."""

    def __init__(self, use: Use) -> None:
        super().__init__()
        self.register_buffer("real", torch.tensor(1.5))
        self.register_buffer("count", torch.tensor(2))
        self.register_buffer("sizes", torch.tensor([1, 2, 3]))
        self.weight = nn.Parameter(torch.tensor(0.5))
        self.plain = torch.tensor(3)
        self.use = use

    def forward(self, x: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        y = torch.relu(x) + 1
        for read, arithmetic, step in self.use.steps:
            number = ARITHMETIC[arithmetic](READ[read](self, n))
            y = STEPS[step](y, number)
        return y * 2


@frozen
class Use:
    steps: tuple[tuple[str, str, str], ...]


FROM_CONSTANTS: dict[str, Callable[[Source, torch.Tensor], Any]] = {
    "float buffer": lambda m, n: m.real.item(),
    "int buffer": lambda m, n: m.count.item(),
    "parameter": lambda m, n: m.weight.item(),
    "attribute": lambda m, n: m.plain.item(),
    "int()": lambda m, n: int(m.count),
    "float()": lambda m, n: float(m.real),
    "int() of a float": lambda m, n: int(m.real),
    "tolist": lambda m, n: sum(m.sizes.tolist()),
    "element": lambda m, n: m.sizes[1].item(),
    "computed": lambda m, n: (m.sizes * 2).max().item(),
    "sum of two": lambda m, n: (m.real + m.weight).item(),
    "one of several": lambda m, n: m.sizes.max(0)[1].item(),
    "if": lambda m, n: 2 if m.count > 1 else 3,
    "while": lambda m, n: len(range(int(m.count))),
}
FROM_INPUTS: dict[str, Callable[[Source, torch.Tensor], Any]] = {
    "input": lambda m, n: n.sum().item(),
    "input and buffer": lambda m, n: n[0].item() * m.real.item(),
    "float input": lambda m, n: n.float().mean().item(),
    "two of an input": lambda m, n: n[0].item() + n[1].item(),
    "truth": lambda m, n: (n[0] > 1).item() * 1.0,
}
READ.update(FROM_CONSTANTS | FROM_INPUTS)

ARITHMETIC: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda a: a,
    "sum": lambda a: a + 1,
    "difference": lambda a: 2 - a,
    "product": lambda a: a * 3,
    "quotient": lambda a: a / 4,
    "whole quotient": lambda a: a // 2,
    "rest": lambda a: a % 3,
    "square": lambda a: a**2,
    "negative": lambda a: -a,
    "chain": lambda a: (a + 1) * a - a / 2,
}

STEPS: dict[str, Callable[[torch.Tensor, Any], torch.Tensor]] = {
    "add": lambda y, a: y + a,
    "multiply": lambda y, a: torch.tanh(y) * a,
    "in torch": lambda y, a: torch.special.i0(torch.tanh(y)) * a,
    "alpha": lambda y, a: torch.add(y, y, alpha=a),
    "matrix": lambda y, a: torch.sigmoid(y @ y.transpose(0, 1) * a)[:, :3] + y[:, :3],
}


def steps_of(read: dict[str, Any]) -> st.SearchStrategy[Use]:
    one = st.tuples(
        st.sampled_from(sorted(read)),
        st.sampled_from(list(ARITHMETIC)),
        st.sampled_from(list(STEPS)),
    )
    return st.lists(one, min_size=1, max_size=3).map(lambda steps: Use(tuple(steps)))


def example() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(3, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([2, 1])


@given(steps_of(FROM_CONSTANTS), st.sampled_from([27, 29, 1000008]))
def test_numbers_of_constants_are_folded(use: Use, level: int) -> None:
    module, args = Source(use).eval(), example()
    converted = convert(module, args, feature_level=level)
    assert not any(
        "scalar" in row.target or "built-in" in row.target for row in converted.report.nodes
    )
    check_everywhere(converted, module, [args])


@given(steps_of(READ), st.sampled_from([27, 29, 1000008]), st.integers(1, 3))
def test_numbers_of_inputs_are_computed_where_they_are_read(
    use: Use, level: int, min_island: int
) -> None:
    module, args = Source(use).eval(), example()
    try:
        converted = convert(module, args, feature_level=level)
    except ConversionError as refusal:
        # torch.export does not trace what depends on the number itself.
        if "torch.export cannot trace" in str(refusal):
            return
        raise
    numbers = [row for row in converted.report.nodes if "scalar" in row.target]
    assert all(row.device == "cpu" and row.reason for row in numbers)
    check_everywhere(converted, module, [args, (args[0] * 2, torch.tensor([3, 0]))])


class Sizes(nn.Module):
    def __init__(self, use: Callable[[torch.Tensor, int], Any]) -> None:
        super().__init__()
        self.register_buffer("count", torch.tensor(2))
        self.register_buffer("parts", torch.tensor([1, 3]))
        self.use = use

    def forward(self, x: torch.Tensor) -> Any:
        return self.use(torch.relu(x), self.count.item()), x.split(self.parts.tolist(), 1)


@pytest.mark.parametrize(
    "use",
    [
        lambda x, k: x.reshape(k, -1),
        lambda x, k: x[:k] * k,
        lambda x, k: x.expand(k, *x.shape),
        lambda x, k: torch.zeros(k, 4) + x[:1],
        lambda x, k: x.repeat(k, 1),
        lambda x, k: x.narrow(0, 0, k).roll(k, 1),
        lambda x, k: torch.arange(k) + k,
        lambda x, k: nn.functional.pad(x, (0, k)),
        lambda x, k: x.topk(k)[0],
        lambda x, k: math.sqrt(k) * x,
    ],
)
def test_sizes_from_constants(use: Callable[[torch.Tensor, int], Any]) -> None:
    x = torch.randn(4, 4)
    check_everywhere(convert(Sizes(use), (x,)), Sizes(use), [(x,)])


class Counted(nn.Module):
    """As in speech synthesis: how long the result is is computed."""

    def forward(self, x: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        length = n.sum().item()
        torch._check(length >= 1)
        torch._check(length <= 8)
        places = torch.arange(length, dtype=torch.float32)
        return torch.special.i0(torch.tanh(places)) * length + torch.relu(x).mean()


def test_a_size_that_is_computed() -> None:
    x = torch.randn(3, 3)
    calls = [(x, torch.tensor([2, 1])), (x, torch.tensor([3, 4]))]
    check_everywhere(convert(Counted(), calls[0]), Counted(), calls)


class Written(nn.Module):
    """What is read has been written into on the way."""

    def __init__(self, change: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.register_buffer("count", torch.tensor([2, 3]))
        self.change = change

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        copy = self.count.clone()
        view = copy[:1]
        self.change(copy)
        return x * view.item() + copy[0].item() + copy.sum().item()


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.add_(5),
        lambda t: t[0].mul_(4),
        lambda t: t.__setitem__(0, 7),
        lambda t: t.view(2, 1)[:1].fill_(9),
        lambda t: torch.add(t, 1, out=t),
    ],
)
def test_numbers_of_what_is_written_into(change: Callable[[torch.Tensor], Any]) -> None:
    x = torch.randn(3)
    check_everywhere(convert(Written(change), (x,)), Written(change), [(x,)])
