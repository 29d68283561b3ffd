"""ExecuTorch with its XNNPACK backend; integers by XNNPACKQuantizer, symmetric, a scale for each channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.peers import Run

NAME = "ExecuTorch"
ENVIRONMENT = PREPARED_IN = "peers"
ARTIFACT = "executorch.pte"
PRECISIONS = ("fp32", "int8")


def versions() -> dict[str, str]:
    from importlib.metadata import version

    import executorch.extension.pybindings.portable_lib  # noqa: F401

    return {"executorch": version("executorch")}


def prepare(case: Any, precision: str, path: Path) -> None:
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    module = case.module() if precision == "fp32" else _quantised(case)
    exported = torch.export.export(module, case.example())
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    path.write_bytes(lowered.to_executorch().buffer)


def _quantised(case: Any) -> Any:
    import torch
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    quantizer = XNNPACKQuantizer().set_global(
        get_symmetric_quantization_config(is_per_channel=True)
    )
    graph = torch.export.export(case.module(), case.example()).module()
    prepared = prepare_pt2e(graph, quantizer)
    with torch.no_grad():
        for batch in case.calibration():
            prepared(*batch)
    return convert_pt2e(prepared)


def load(case: str, precision: str, path: Path, threads: int, input: np.ndarray) -> Run:
    import torch
    from executorch.extension.pybindings import portable_lib

    portable_lib._unsafe_reset_threadpool(threads)
    module = portable_lib._load_for_executorch(str(path))
    arguments = [torch.from_numpy(input)]
    return Run(lambda: module.forward(arguments), lambda: module.forward(arguments)[0].numpy())
