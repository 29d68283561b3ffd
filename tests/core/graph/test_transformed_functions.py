"""torch.func in a model: ``vmap`` and ``jvp`` are what they come to; what torch.export cannot write out is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st
from torch.func import functional_call, grad, jacrev, jvp, stack_module_state, vmap

import nnapi_core
from tests.core.artifact.every_form import check_everywhere

ROWS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "square": lambda row: (row * row).sum(),
    "softmax": lambda row: torch.softmax(row, -1),
    "product": lambda row: torch.outer(row, row.sin()),
    "in torch": lambda row: torch.special.i0(row) + 1,
    "sorted": lambda row: row.sort().values,
}


class Called(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.layers = torch.nn.ModuleList(torch.nn.Linear(3, 2) for _ in range(3))

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


class Ensemble(Called):
    def forward(self, x: torch.Tensor) -> Any:
        parameters, _ = stack_module_state(list(self.layers))
        return vmap(lambda one: functional_call(self.layers[0], one, (x,)))(parameters)


@given(st.sampled_from(sorted(ROWS)), st.sampled_from(["vmap", "vmap of columns", "jvp"]))
def test_written_out(name: str, transform: str) -> None:
    row = ROWS[name]
    functions: dict[str, Callable[..., Any]] = {
        "vmap": lambda x: vmap(row)(x),
        "vmap of columns": lambda x: vmap(row, in_dims=1, out_dims=-1)(x),
        "jvp": lambda x: jvp(vmap(row), (x,), (x + 1,)),
    }
    module = Called(functions[transform])
    x = torch.randn(2, 3)
    try:
        converted = nnapi_core.convert(module, (x,))
    except nnapi_core.ConversionError as refusal:
        if "torch.export cannot" not in str(refusal):
            raise
        event(f"refused: {name}, {transform}")
        return
    check_everywhere(converted, module, [(x,), (x.flip(1),)])


def test_the_plain_case() -> None:
    module, x = Called(vmap(ROWS["square"])), torch.randn(2, 3)
    torch.testing.assert_close(nnapi_core.convert(module, (x,), fallback="error")(x), module(x))


def test_an_ensemble() -> None:
    module, x = Ensemble(torch.relu).eval(), torch.randn(2, 3)
    converted = nnapi_core.convert(module, (x,), fallback="error")
    torch.testing.assert_close(converted(x), module(x))


@pytest.mark.parametrize("transform", [grad, jacrev])
def test_gradients_are_refused(transform: Callable[..., Any]) -> None:
    module = Called(transform(lambda x: (x**2).sum()))
    with pytest.raises(nnapi_core.ConversionError, match=r"torch\.func"):
        nnapi_core.convert(module, (torch.randn(2, 3),))
