"""torch.compile with frozen weights; in integers PT2E's quantiser for x86."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.peers import Run

NAME = "torch.compile, frozen"
ENVIRONMENT = PREPARED_IN = "ours"
ARTIFACT = "torch_compiled.pt2"
PRECISIONS = ("fp32", "int8")


def versions() -> dict[str, str]:
    from importlib.metadata import version

    import torch

    return {"torch": torch.__version__, "torchao": version("torchao")}


def prepare(case: Any, precision: str, path: Path) -> None:
    """Integers: the quantised program. Compiling itself is done where it runs."""
    import torch

    if precision == "fp32":
        path.touch()
        return
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
        X86InductorQuantizer,
        get_default_x86_inductor_quantization_config,
    )

    quantizer = X86InductorQuantizer().set_global(get_default_x86_inductor_quantization_config())
    graph = torch.export.export(case.module(), case.example()).module()
    prepared = prepare_pt2e(graph, quantizer)
    with torch.no_grad():
        for batch in case.calibration():
            prepared(*batch)
        torch.export.save(torch.export.export(convert_pt2e(prepared), case.example()), path)


def load(case: str, precision: str, path: Path, threads: int, input: np.ndarray) -> Run:
    import torch
    from torch._inductor import config

    torch.set_num_threads(threads)
    config.freezing = True
    if precision == "fp32":
        from benchmarks.speed.cases import CASES

        module = CASES[case].module()
    else:
        import torchao.quantization.pt2e.quantizer.x86_inductor_quantizer  # noqa: F401  its patterns

        module = torch.export.load(path).module()
    compiled = torch.compile(module)
    example = torch.from_numpy(input)

    def call() -> torch.Tensor:
        with torch.no_grad():  # freezing is not done in inference mode
            return compiled(example)

    return Run(call, lambda: call().numpy())
