"""How long it takes to list every reason: `nnapi_core.explain` beyond torch.export.

    python -m benchmarks.explain

Prints, for GPT-2 (12 layers; random weights) and a detector's head as it is written for a desktop, the nodes, the
refused ones, and the CPU seconds of the first and of the fastest of five runs. Needs the extra ``models``.
"""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

import nnapi_core
from benchmarks.detection_head import DetectionHead

LEVELS = (27, 29, 1000006)


class Logits(nn.Module):
    """A language model without its cache."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, words: torch.Tensor) -> Any:
        return self.model(words).logits


def gpt2() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return Logits(GPT2LMHeadModel(GPT2Config(use_cache=False))), (torch.arange(64)[None],)


def head() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    return DetectionHead(), (torch.randn(1, 3, 64, 64),)


def measured(exported: ExportedProgram, level: int) -> str:
    seconds = []
    for _ in range(5):
        start = time.process_time()
        report = nnapi_core.explain(exported, (), feature_level=level)
        seconds.append(time.process_time() - start)
    return (
        f"{len(report.nodes)} nodes, {len(report.refused())} refused, "
        f"first {seconds[0]:.2f} s, fastest {min(seconds):.2f} s"
    )


def main() -> int:
    warnings.simplefilter("ignore")
    for name, make in (("GPT-2", gpt2), ("detection head", head)):
        module, args = make()
        start = time.process_time()
        exported = torch.export.export(module.eval(), args, strict=False)
        print(f"{name}: torch.export {time.process_time() - start:.2f} s")
        for level in LEVELS:
            print(f"  level {level}: {measured(exported, level)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
