"""ONNX Runtime's CPU provider, from torch's own ONNX export; integers: U8S8, a scale for each channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.peers import Run

NAME = "ONNX Runtime"
ENVIRONMENT = PREPARED_IN = "peers"
ARTIFACT = "onnx_runtime.onnx"
PRECISIONS = ("fp32", "int8")


def versions() -> dict[str, str]:
    import onnxruntime

    return {"onnxruntime": onnxruntime.__version__}


def prepare(case: Any, precision: str, path: Path) -> None:
    import torch

    exported = path.with_suffix(".float.onnx") if precision == "int8" else path
    program = torch.onnx.export(case.module(), case.example(), dynamo=True, verbose=False)
    program.save(str(exported), external_data=False)
    if precision == "int8":
        _quantise(case, exported, path)
        exported.unlink()


def _quantise(case: Any, source: Path, path: Path) -> None:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quant_pre_process,
        quantize_static,
    )

    class Batches(CalibrationDataReader):
        def __init__(self, name: str) -> None:
            self._batches = iter([{name: batch[0].numpy()} for batch in case.calibration()])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._batches, None)

    ready = path.with_suffix(".ready.onnx")
    quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
    quantize_static(
        str(ready),
        str(path),
        Batches(_input_name(ready)),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    ready.unlink()


def _input_name(path: Path) -> str:
    import onnx

    return str(onnx.load(str(path)).graph.input[0].name)


def load(case: str, precision: str, path: Path, threads: int, input: np.ndarray) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    binding = session.io_binding()
    name = session.get_inputs()[0].name
    binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(input))
    binding.bind_output(session.get_outputs()[0].name)
    session.run_with_iobinding(binding)
    return Run(
        lambda: session.run_with_iobinding(binding), lambda: binding.copy_outputs_to_cpu()[0]
    )
