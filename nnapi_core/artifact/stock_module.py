"""The TorchScript module that runs one NNAPI model in stock PyTorch Mobile.

It uses nothing but what stock PyTorch ships. The compilation is made in the first run, so that it is never
part of a saved file. (No ``from __future__ import annotations``: TorchScript reads real annotations.)
"""

from typing import List, Optional  # noqa: UP035

import torch

NAMESPACE = "torch_nnapi"
"""Where the classes in a saved file stand, by their own names, wherever ours are."""


class StockModule(torch.nn.Module):
    """``inputs`` are contiguous tensors in the operands' own order; so are the results."""

    __module__ = NAMESPACE
    compilation: Optional[torch.classes._nnapi.Compilation]  # type: ignore[name-defined]  # noqa: UP045
    weights: List[torch.Tensor]  # noqa: UP006
    templates: List[torch.Tensor]  # noqa: UP006

    def __init__(
        self,
        words: torch.Tensor,
        weights: List[torch.Tensor],  # noqa: UP006
        templates: List[torch.Tensor],  # noqa: UP006
        relaxed: bool,
    ) -> None:
        super().__init__()
        self.words = words
        self.weights = weights
        self.templates = templates
        self.relaxed = relaxed
        self.compilation = None

    def forward(self, inputs: List[torch.Tensor]) -> List[torch.Tensor]:  # noqa: UP006
        compilation = self.compilation
        if compilation is None:
            compilation = torch.classes._nnapi.Compilation()
            if self.relaxed:
                # 1: prefer a fast single answer.
                compilation.init2(self.words, self.weights, 1, True)
            else:
                compilation.init(self.words, self.weights)
            self.compilation = compilation
        outputs = [torch.empty_like(template) for template in self.templates]
        compilation.run(inputs, outputs)
        return outputs
