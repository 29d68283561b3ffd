"""PyTorch itself; in integers its FX quantisation for x86."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.peers import Run

NAME = "torch eager"
ENVIRONMENT = PREPARED_IN = "ours"
ARTIFACT = "torch_eager.pt"
PRECISIONS = ("fp32", "int8")


def versions() -> dict[str, str]:
    import torch

    return {"torch": torch.__version__}


def prepare(case: Any, precision: str, path: Path) -> None:
    """The quantised module, traced: FX modules cannot be pickled. In float the module is built where it runs."""
    import torch

    if precision == "fp32":
        path.touch()
        return
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    prepared = prepare_fx(case.module(), get_default_qconfig_mapping("x86"), case.example())
    with torch.no_grad():
        for batch in case.calibration():
            prepared(*batch)
        torch.jit.save(torch.jit.trace(convert_fx(prepared), case.example()), str(path))


def load(case: str, precision: str, path: Path, threads: int, input: np.ndarray) -> Run:
    import torch

    torch.set_num_threads(threads)
    if precision == "fp32":
        from benchmarks.speed.cases import CASES

        module = CASES[case].module()
    else:
        module = torch.jit.load(str(path))
    example = torch.from_numpy(input)

    def call() -> torch.Tensor:
        with torch.inference_mode():
            return module(example)

    return Run(call, lambda: call().numpy())
