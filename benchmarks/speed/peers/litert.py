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
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(given["index"], _quantised(_arranged(input), given))
    return Run(interpreter.invoke, lambda: _real(interpreter.get_tensor(result["index"]), result))


def _quantised(array: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    """Its models in integers take integers."""
    scale, zero_point = detail["quantization"]
    if detail["dtype"] == np.float32:
        return array
    limits = np.iinfo(detail["dtype"])
    rounded = np.round(array / scale) + zero_point
    return np.clip(rounded, limits.min, limits.max).astype(detail["dtype"])


def _real(array: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    scale, zero_point = detail["quantization"]
    if array.dtype == np.float32:
        return array
    return (array.astype(np.float32) - zero_point) * np.float32(scale)
