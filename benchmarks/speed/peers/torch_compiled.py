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
    """Integers: the quantised program. It is compiled where it runs, and here once, which fills Inductor's cache."""
    if precision == "fp32":
        path.touch()
    else:
        _quantise(case, path)
    for threads in (1, 2):
        load(case.name, precision, path, threads, case.example()[0].numpy()).call()


def _quantise(case: Any, path: Path) -> None:
    import torch
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
    torch.compiler.reset()
    compiled = torch.compile(module)
    example = torch.from_numpy(input)

    def call() -> torch.Tensor:
        with torch.no_grad():  # freezing is not done in inference mode
            return compiled(example)

    return Run(call, lambda: call().numpy())
