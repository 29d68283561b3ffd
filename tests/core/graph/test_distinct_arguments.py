"""One tensor given for several arguments, or a module's own: each argument stays one of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from nnapi_core.conversion.convert import convert
from nnapi_core.errors import ConversionError
from tests.core.artifact.every_form import check_everywhere


class Weighed(nn.Module):
    """Each argument counts otherwise; one is written into."""

    def __init__(self, writes: bool) -> None:
        super().__init__()
        self.register_buffer("held", torch.ones(2, 3))
        self.writes = writes

    def forward(self, x: Tensor, more: tuple[Tensor, Tensor], *, last: Tensor) -> Tensor:
        y, z = more
        if self.writes:
            x.add_(1)
        return x + 10 * y + 100 * z + 1000 * last + self.held


WAYS: list[Callable[[Tensor], Tensor]] = [
    lambda x: x,
    lambda x: x.view(2, 3),
    lambda x: x[:],
    lambda x: x.detach(),
    lambda x: x.clone(),
]


@given(
    st.lists(st.integers(0, 2), min_size=4, max_size=4),
    st.lists(st.sampled_from(WAYS), min_size=4, max_size=4),
    st.booleans(),
)
def test_arguments_that_share_memory(
    which: list[int], ways: list[Callable[[Tensor], Tensor]], writes: bool
) -> None:
    module = Weighed(writes)
    held = [module.held, torch.full((2, 3), 2.0), torch.full((2, 3), 3.0)]
    x, y, z, last = (way(held[place]) for way, place in zip(ways, which, strict=True))
    converted = convert(module, (x, (y, z)), {"last": last})
    assert torch.equal(module.held, torch.ones(2, 3))
    assert torch.equal(held[1], torch.full((2, 3), 2.0))
    called = [torch.full((2, 3), float(one)) for one in range(4)]
    expected = module(called[0].clone(), (called[1], called[2]), last=called[3])
    actual = converted(called[0].clone(), (called[1], called[2]), last=called[3])
    assert torch.equal(actual, expected)


def test_in_every_form() -> None:
    class Joined(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return torch.relu(x - 2 * y)

    x = torch.linspace(-1, 1, 6).reshape(2, 3)
    check_everywhere(convert(Joined(), (x, x)), Joined(), [(x, x + 3)])


def test_programs_that_were_exported_so(tmp_path: Path) -> None:
    """They have lost which argument is which; where that may be, they are refused."""

    def program(*args: Any) -> Any:
        class Difference(nn.Module):
            def forward(self, x: Tensor, y: Tensor) -> Tensor:
                return x - y

        return torch.export.export(Difference(), args, strict=False)

    x = torch.ones(3)
    torch.export.save(program(x, x), tmp_path / "m.pt2")
    for exported in (program(x, x), torch.export.load(tmp_path / "m.pt2")):
        with pytest.raises(ConversionError, match=r"one tensor for 'x' and 'y'.*clone"):
            convert(exported)
    assert torch.equal(convert(program(x, x.clone()))(x, x * 3), x * -2)
