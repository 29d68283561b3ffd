"""Random weights with which a detector finds something.

Detections of an untrained model mean nothing. These weights see to it that there are some, of many classes and scores,
in boxes that have moved: on one photograph every norm and layer is centred, and brought to a size of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# How far apart the results of the last layers are, by the ends of their names; 1 for all others.
_SPREAD = {
    "cls_score": 3.0,
    "rpn.head.cls_logits": 2.0,
    "classification_head": 3.0,
    "rpn.head.bbox_pred": 0.3,
    "mask_fcn_logits": 3.0,
    "kps_score_lowres": 3.0,
}


def seeded(model: nn.Module, image: Tensor, seed: int = 0) -> nn.Module:
    """``model`` with random weights of which each layer's results on ``image`` [3, H, W] have a known size."""
    generator = torch.Generator().manual_seed(seed)
    hooks, done = [], set()

    def scaled(module: nn.Module, _: Any, result: Tensor, spread: float) -> Tensor | None:
        if module in done or not result.numel():
            return None
        done.add(module)
        rest = [dim for dim in range(result.dim()) if dim != 1]
        mean = result.mean(dim=rest, keepdim=True)
        if result.numel() < 16 * mean.numel():
            mean = mean.new_zeros(mean.shape)  # too few places to have a mean
        factor = spread / float((result - mean).std())
        module.weight.data *= factor
        module.bias.data = (module.bias.data - mean.flatten()) * factor
        return (result - mean) * factor

    def measured(module: nn.Module, args: tuple[Tensor]) -> None:
        if module not in done:
            done.add(module)
            module.running_mean.copy_(args[0].mean(dim=(0, 2, 3)))
            module.running_var.copy_(args[0].var(dim=(0, 2, 3), unbiased=False) + 0.1)

    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.05, generator=generator)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0.0, 0.05, generator=generator)
                spread = next((s for end, s in _SPREAD.items() if end in name), 1.0)
                hook = lambda *args, spread=spread: scaled(*args, spread)  # noqa: E731
                hooks.append(module.register_forward_hook(hook))
        elif hasattr(module, "running_var"):
            # A residual block adds little, as in trained models: otherwise rounding grows from block to block.
            size = 0.25 if name.endswith("bn3") else 1.0
            nn.init.uniform_(module.weight, 0.5 * size, 1.5 * size, generator=generator)
            nn.init.uniform_(module.bias, -0.2, 0.2, generator=generator)
            hooks.append(module.register_forward_pre_hook(measured))
    with torch.no_grad():
        model.eval()([image])
    for hook in hooks:
        hook.remove()
    return model
