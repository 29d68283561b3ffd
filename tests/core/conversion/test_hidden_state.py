"""A model that remembers what it was called with, where torch.export does not see it, is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import nnapi_core

X = torch.tensor([[1.0, -2, 3]])


class Stateful(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.number = 0
        self.tensor: torch.Tensor | None = torch.zeros(3)
        self.list: list[Any] = []
        self.dict: dict[str, Any] = {}
        self.inner = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        match self.kind:
            case "number":
                self.number += 1
                return x * self.number
            case "tensor":
                self.tensor = self.tensor + x
                return x * self.tensor
            case "list":
                self.list.append(x * 2)
                return torch.cat(self.list)
            case "dict":
                self.dict["calls"] = self.dict.get("calls", 0) + 1
                return x + self.dict["calls"]
            case "new attribute":
                before = getattr(self.inner, "seen", 0.0)
                self.inner.seen = x
                return x + before
        SEEN.append(1)
        return x * len(SEEN)


SEEN: list[int] = []


@pytest.mark.parametrize("kind", ["number", "tensor", "list", "dict", "new attribute", "global"])
def test_refused(kind: str) -> None:
    module = Stateful(kind)
    with pytest.raises(nnapi_core.ConversionError, match="a state that is no buffer"):
        nnapi_core.convert(module, (X,))
    assert not hasattr(module.inner, "seen")
    assert module.number == 0 and not module.list and not module.dict


class Remembering(nn.Module):
    """Without consequence for its results."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.shape, self.shapes = 0, None, []
        self.register_buffer("noise", torch.zeros(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.shape = x.shape
        self.shapes.append(x.shape)
        self.last = x * 2
        return torch.relu(self.last + self.noise)


def test_what_has_no_consequence_is_converted_and_not_left_behind() -> None:
    module = Remembering()
    converted = nnapi_core.convert(module, (X,))
    assert torch.equal(converted(X), torch.relu(2 * X))
    assert (module.calls, module.shape, module.shapes) == (0, None, [])
    assert not hasattr(module, "last")
    assert not any("state" in note for note in converted.report.notes)


def test_random_numbers_are_no_state() -> None:
    class Random(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.rand(3)

    nnapi_core.convert(Random(), (X,))


def test_what_cannot_be_copied_is_said() -> None:
    class Alone(nn.Module):
        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("there is but one")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x)

    converted = nnapi_core.convert(Alone(), (X,))
    assert any("there is but one" in note for note in converted.report.notes)


def test_it_can_be_switched_off() -> None:
    assert torch.equal(nnapi_core.convert(Stateful("number"), (X,), self_check=False)(X), X)
