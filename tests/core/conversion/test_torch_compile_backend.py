"""``torch.compile(module, backend="nnapi")`` gives what eager torch does, and runs on NNAPI what that can express."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

import nnapi_core
from nnapi_core.conversion import torch_compile_backend


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    torch._dynamo.reset()
    with torch.no_grad():
        yield


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is converted from now on."""
    made: list[Any] = []

    def counted(*args: Any, **kwargs: Any) -> Any:
        made.append(nnapi_core.convert(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(torch_compile_backend, "convert", counted)
    return made


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1)
        ).eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).mean((2, 3))


def test_a_network_runs_on_nnapi(conversions: list[Any]) -> None:
    module, x = Network(), torch.randn(2, 3, 8, 8)
    compiled = torch.compile(module, backend="nnapi")
    torch.testing.assert_close(compiled(x), module(x))
    (converted,) = conversions
    assert {row.device for row in converted.report.nodes} <= {"nnapi", "folded"}
    assert len(converted.contents.manifest["inputs"]) == 1  # weights are none
    for _ in range(3):
        x = torch.randn(2, 3, 8, 8)
        torch.testing.assert_close(compiled(x), module(x))
    assert len(conversions) == 1


@pytest.mark.parametrize(("dynamic", "most"), [(False, 3), (None, 4)])
def test_it_is_converted_once_a_shape(
    dynamic: bool | None, most: int, conversions: list[Any]
) -> None:
    """Of each graph: where Dynamo makes sizes free, it has a graph for the first size and one for all."""
    module = Network()
    compiled = torch.compile(module, backend="nnapi", dynamic=dynamic)
    for _ in range(2):
        for size in (8, 10, 12):
            x = torch.randn(1, 3, size, size)
            torch.testing.assert_close(compiled(x), module(x))
    assert len(conversions) == most


def test_changed_weights_are_seen(conversions: list[Any]) -> None:
    module, x = nn.Linear(4, 3), torch.randn(2, 4)
    compiled = torch.compile(module, backend="nnapi")
    for _ in range(3):
        torch.testing.assert_close(compiled(x), module(x))
        module.weight.mul_(2)
    module.weight = nn.Parameter(torch.ones(3, 4))
    torch.testing.assert_close(compiled(x), module(x))


def test_the_rest_of_a_graph_runs_in_torch(conversions: list[Any]) -> None:
    layer = nn.Linear(4, 4)
    module, x = _Calls(lambda x: torch.linalg.svdvals(layer(x))), torch.randn(4, 4)
    torch.testing.assert_close(torch.compile(module, backend="nnapi")(x), module(x))
    assert {row.device for row in conversions[0].report.nodes} >= {"nnapi", "cpu"}


class _Calls(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any) -> Any:
        return self.function(*args)


def _in_place(x: torch.Tensor) -> torch.Tensor:
    x.add_(1)
    return x * 2


EAGER: dict[str, Callable[[torch.Tensor], Any]] = {
    "a view of an argument": lambda x: (x.view(-1), torch.relu(x)),
    "a complex number": lambda x: torch.view_as_real(torch.fft.fft(x)).sum(-1) * 1j,
    "an argument written to": _in_place,
}


@pytest.mark.parametrize("name", EAGER)
def test_what_cannot_be_converted_runs_eagerly(name: str, caplog: pytest.LogCaptureFixture) -> None:
    function, x = EAGER[name], torch.randn(3, 4)
    with caplog.at_level(logging.WARNING, "nnapi_core"):
        given, same = x.clone(), x.clone()
        compiled = torch.compile(function, backend="nnapi")
        actual, expected = compiled(given), function(same)
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(given, same)
    if name != "a complex number":
        assert "runs eagerly" in caplog.text
        assert actual[0].untyped_storage().data_ptr() == given.untyped_storage().data_ptr() or (
            name != "a view of an argument"
        )


def test_gradients_are_torchs() -> None:
    module, x = nn.Linear(4, 3), torch.randn(2, 4)
    with torch.enable_grad():
        torch.compile(module, backend="nnapi")(x).sum().backward()
        expected = torch.autograd.grad(module(x).sum(), module.weight)[0]
    torch.testing.assert_close(module.weight.grad, expected)


def test_numbers_and_breaks(conversions: list[Any]) -> None:
    def function(x: torch.Tensor, factor: int, names: dict[str, torch.Tensor]) -> torch.Tensor:
        y = torch.relu(x) * factor
        torch._dynamo.graph_break()
        return y + names["bias"]

    compiled = torch.compile(function, backend="nnapi")
    for factor in (2, 3, 5, 2):
        x, names = torch.randn(3, 4), {"bias": torch.randn(4)}
        torch.testing.assert_close(compiled(x, factor, names), function(x, factor, names))


def test_options_are_those_of_convert(conversions: list[Any]) -> None:
    x = torch.randn(4, 4)
    compiled = torch.compile(
        lambda x: torch.relu(x) + 1, backend="nnapi", options={"feature_level": 27}
    )
    compiled(x)
    assert conversions[0].report.target_level == 27
    refused = torch.compile(
        lambda x: torch.linalg.svdvals(x), backend="nnapi", options={"fallback": "error"}
    )
    with pytest.raises(nnapi_core.ConversionError, match="svd"):
        refused(x)
