"""LiteRT with XNNPACK, from litert-torch; integers by ai-edge-quantizer, static in 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.peers import Run

NAME = "LiteRT"
ENVIRONMENT = "peers"
PREPARED_IN = "litert"
ARTIFACT = "litert.tflite"
PRECISIONS = ("fp32", "int8")


def versions() -> dict[str, str]:
    from importlib.metadata import version

    import ai_edge_litert.interpreter  # noqa: F401

    return {"ai-edge-litert": version("ai-edge-litert")}


def prepare(case: Any, precision: str, path: Path) -> None:
    import litert_torch

    module, args = case.module(), case.example()
    if args[0].dim() == 4:
        # Channels last at the border, as its kernels have it.
        module = litert_torch.to_channel_last_io(module, args=[0])
        args = (args[0].permute(0, 2, 3, 1).contiguous(),)
    exported = path.with_suffix(".float.tflite") if precision == "int8" else path
    litert_torch.convert(module.eval(), args).export(str(exported))
    if precision == "int8":
        _quantise(case, exported, path)
        exported.unlink()


def _quantise(case: Any, source: Path, path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    (signature,) = Interpreter(str(source)).get_signature_list()
    runner = Interpreter(str(source)).get_signature_runner(signature)
    (name,) = runner.get_input_details()
    batches = [{name: _arranged(batch[0].numpy())} for batch in case.calibration()]
    job = quantizer.Quantizer(str(source), recipe.static_wi8_ai8())
    job.quantize(job.calibrate({signature: batches})).export_model(path, overwrite=True)


def _arranged(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image.transpose(0, 2, 3, 1)) if image.ndim == 4 else image


def load(case: str, precision: str, path: Path, threads: int, input: np.ndarray) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], _arranged(input))
    output = interpreter.get_output_details()[0]["index"]
    return Run(interpreter.invoke, lambda: interpreter.get_tensor(output))
