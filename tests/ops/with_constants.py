"""Functions some of whose tensors are constants of the model, as weights are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class WithConstants(torch.nn.Module):
    """Calls ``function(*inputs, *constants, **options)``; a constant may be None."""

    def __init__(
        self, function: Callable[..., Any], *constants: torch.Tensor | None, **options: Any
    ) -> None:
        super().__init__()
        self.function = function
        self.options = options
        self.count = len(constants)
        for index, constant in enumerate(constants):
            # torch.export miscounts buffers that are None.
            setattr(
                self, f"constant{index}", None if constant is None else torch.nn.Buffer(constant)
            )

    def forward(self, *inputs: torch.Tensor) -> Any:
        constants = [getattr(self, f"constant{index}") for index in range(self.count)]
        return self.function(*inputs, *constants, **self.options)
