"""torch-nnapi on its host runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.peers import Run

NAME = "torch-nnapi"
ENVIRONMENT = PREPARED_IN = "ours"
ARTIFACT = "ours.nnapi"
PRECISIONS = ("fp32", "int8")
LEVEL = 1000006


def versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"torch-nnapi": version("torch-nnapi")}


def prepare(case: Any, precision: str, path: Path) -> None:
    import nnapi_core

    model, args = case.module(), case.example()
    if precision == "int8":
        model = nnapi_core.quantize(model, case.calibration(), feature_level=LEVEL)
    nnapi_core.convert(model, args, feature_level=LEVEL).save(path)


def load(case: str, precision: str, path: Path, threads: int, input: np.ndarray) -> Run:
    import nnapi_runtime

    bound = nnapi_runtime.load(path, num_threads=threads).bound()
    bound.inputs[0][...] = input
    return Run(bound, lambda: bound.outputs[0])
