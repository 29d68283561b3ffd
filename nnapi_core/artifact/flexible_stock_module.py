"""The TorchScript module that runs one NNAPI model of free sizes in stock PyTorch Mobile.

Stock PyTorch compiles a model once and fails at another shape. Here the sizes are written into the words, and each
of the latest sizes has a compilation of its own. (No ``from __future__ import annotations``: TorchScript reads real
annotations.)
"""

from typing import Dict, List  # noqa: UP035

import torch

from nnapi_core.artifact.stock_module import NAMESPACE


class FlexibleStockModule(torch.nn.Module):
    """``inputs`` are contiguous tensors in the operands' own order; so are the results."""

    __module__ = NAMESPACE
    compilations: Dict[str, torch.classes._nnapi.Compilation]  # type: ignore[name-defined]  # noqa: UP006
    words_of: Dict[str, torch.Tensor]  # noqa: UP006
    weights_of: Dict[str, List[torch.Tensor]]  # noqa: UP006
    latest: List[str]  # noqa: UP006
    weights: List[torch.Tensor]  # noqa: UP006
    cut: List[int]  # noqa: UP006
    templates: List[torch.Tensor]  # noqa: UP006

    def __init__(
        self,
        words: torch.Tensor,
        weights: List[torch.Tensor],  # noqa: UP006
        templates: List[torch.Tensor],  # noqa: UP006
        relaxed: bool,
        positions: torch.Tensor,
        which: torch.Tensor,
        cut: List[int],  # noqa: UP006
    ) -> None:
        """Word ``positions[i]`` is to be ``values[which[i]]``, weight ``cut[i]`` of shape ``leading_shapes[i]``."""
        super().__init__()
        self.words = words
        self.weights = weights
        self.templates = templates
        self.relaxed = relaxed
        self.positions = positions
        self.which = which
        self.cut = cut
        self.compilations = {}
        # NNAPI reads these for as long as the compilation lives.
        self.words_of = {}
        self.weights_of = {}
        self.latest = []

    def forward(
        self,
        inputs: List[torch.Tensor],  # noqa: UP006
        values: List[int],  # noqa: UP006
        leading_shapes: List[List[int]],  # noqa: UP006
        shapes: List[List[int]],  # noqa: UP006
    ) -> List[torch.Tensor]:  # noqa: UP006
        outputs: List[torch.Tensor] = []  # noqa: UP006
        elements = 0
        for template, shape in zip(self.templates, shapes):  # noqa: B905
            if template.is_quantized:
                output = torch._empty_affine_quantized(
                    shape,
                    scale=template.q_scale(),
                    zero_point=template.q_zero_point(),
                    dtype=template.dtype,
                )
            else:
                output = torch.empty(shape, dtype=template.dtype)
            elements += output.numel()
            outputs.append(output)
        if elements > 0:
            self.compiled(values, leading_shapes).run(inputs, outputs)
        return outputs

    def compiled(
        self,
        values: List[int],  # noqa: UP006
        leading_shapes: List[List[int]],  # noqa: UP006
    ) -> torch.classes._nnapi.Compilation:  # type: ignore[name-defined]
        key = str(values) + str(leading_shapes)
        if key in self.compilations:
            return self.compilations[key]
        words = self.words
        if len(values) > 0:
            numbers = torch.tensor(values, dtype=torch.int32)
            words = words.scatter(0, self.positions, numbers.index_select(0, self.which))
        weights = [weight for weight in self.weights]  # noqa: C416
        for number, shape in zip(self.cut, leading_shapes):  # noqa: B905
            part = weights[number]
            for dim, size in enumerate(shape):
                part = part.narrow(dim, 0, size)
            weights[number] = part.contiguous()
        compilation = torch.classes._nnapi.Compilation()
        if self.relaxed:
            # 1: prefer a fast single answer.
            compilation.init2(words, weights, 1, True)
        else:
            compilation.init(words, weights)
        # As many as the other executor keeps.
        if len(self.latest) >= 8:
            oldest = self.latest.pop(0)
            self.compilations.pop(oldest)
            self.words_of.pop(oldest)
            self.weights_of.pop(oldest)
        self.latest.append(key)
        self.compilations[key] = compilation
        self.words_of[key] = words
        self.weights_of[key] = weights
        return compilation
