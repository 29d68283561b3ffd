"""Plugins made to fail, and how their failure is told."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch

from nnapi_core.conversion.convert import convert
from nnapi_core.errors import ConversionError, PluginError, Unsupported
from nnapi_core.plugin import Pass, Phase, hookimpl
from nnapi_core.plugins.registry import Registry


class TwoSteps(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + 1) * 2


def plugin(hook: str, function: Callable[..., Any]) -> ModuleType:
    module = ModuleType("acme")
    function.__name__ = hook
    setattr(module, hook, hookimpl(function))
    return module


def passing(phase: Phase, function: Callable[[Any], Any]) -> ModuleType:
    return plugin("nnapi_passes", lambda: [Pass("rewrite", phase, function)])


def raises(error: BaseException) -> Callable[..., Any]:
    def function(*args: Any) -> Any:
        raise error

    return function


ERRORS = [
    ZeroDivisionError("oops"),
    KeyError("oops"),
    MemoryError("oops"),
    RecursionError("oops"),
    SystemExit("oops"),
    Unsupported("oops"),
    ConversionError("oops"),
    StopIteration("oops"),
]


def refused(extra: ModuleType, *said: str, module: torch.nn.Module | None = None) -> None:
    def conversion() -> None:
        registry = Registry.collect(extra=[extra])
        convert(module or TwoSteps(), (torch.ones(3),), registry=registry)

    with pytest.raises(PluginError) as raised:
        conversion()
    for one in ("acme", *said):
        assert one in str(raised.value)
