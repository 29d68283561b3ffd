"""The files that are timed: each model as PyTorch Mobile runs it on its CPU, and as it runs it on NNAPI.

``none`` computes in floats, ``core`` in integers between floats at the borders, ``full`` takes and gives integers. A
file brings an input along (torch.utils.bundled_inputs), so that a runner needs to know nothing about it.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.utils.bundled_inputs
from attrs import frozen
from torch import nn

import nnapi_core
from benchmarks.speed.cases import CASES, Case

MODELS = {
    "mobilenetv2": ("none", "core", "full"),
    "lraspp": ("none", "core", "full"),
}
LEVEL = 29


@frozen
class Files:
    """What is timed of one model in one mode; a reason in place of what could not be made."""

    model: str
    mode: str
    cpu: Path | str
    nnapi: Path | str


def make(name: str, mode: str, folder: Path) -> Files:
    case = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Files(
            name,
            mode,
            _made(folder / f"{name}-{mode}-cpu.ptl", lambda path: _cpu(case, mode, path)),
            _made(folder / f"{name}-{mode}-nnapi.ptl", lambda path: _nnapi(case, mode, path)),
        )


def _made(path: Path, write: Any) -> Path | str:
    try:
        write(path)
    except Exception as error:  # torch's quantisers raise anything; the table says it
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
    return path


def _nnapi(case: Case, mode: str, path: Path) -> None:
    model: Any = case.module()
    if mode != "none":
        # Stock PyTorch knows one scale a tensor.
        model = nnapi_core.quantize(
            model, case.calibration(), feature_level=LEVEL, per_channel=False
        )
    converted = nnapi_core.convert(
        model,
        case.example(),
        feature_level=LEVEL,
        fallback="error",
        quantized_io=mode == "full",
    )
    plain = path.with_suffix(".pt")
    converted.save(plain)
    module = torch.jit.load(str(plain))
    plain.unlink()
    dtype = getattr(torch, module.example_dtypes[0])
    _write(module, _as_dtype(case.example()[0], dtype, converted), path)


def _as_dtype(image: torch.Tensor, dtype: torch.dtype, converted: nnapi_core.Converted) -> Any:
    if dtype is torch.float32:
        return image
    border = converted.contents.manifest["stages"][0]["inputs"][0]
    return torch.quantize_per_tensor(image, border["scale"], border["zero_point"], torch.quint8)


def _cpu(case: Case, mode: str, path: Path) -> None:
    module, example = case.module(), case.example()[0]
    if mode != "none":
        module = _quantised(case)
    if mode == "full":
        module, example = _without_borders(module, example)
    _write(_optimised(torch.jit.trace(module, example)), example, path)


def _optimised(traced: Any) -> Any:
    """For PyTorch Mobile's CPU; torches without XNNPACK can only freeze it."""
    from torch.utils.mobile_optimizer import optimize_for_mobile

    return optimize_for_mobile(traced) if has_xnnpack() else torch.jit.freeze(traced)


def has_xnnpack() -> bool:
    import torch.backends.xnnpack

    return bool(torch.backends.xnnpack.enabled)


def _quantised(case: Case) -> nn.Module:
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    torch.backends.quantized.engine = "qnnpack"
    mapping = get_default_qconfig_mapping("qnnpack")
    prepared = prepare_fx(case.module(), mapping, case.example())
    with torch.no_grad():
        for batch in case.calibration():
            prepared(*batch)
    return convert_fx(prepared)


def _without_borders(module: nn.Module, example: torch.Tensor) -> tuple[nn.Module, torch.Tensor]:
    """Without its first quantize and its last dequantize."""
    graph = module.graph
    (image,) = graph.find_nodes(op="placeholder")
    (first,) = (node for node in image.users if node.target is torch.quantize_per_tensor)
    source, scale, zero_point, dtype = first.args
    scale, zero_point = (float(getattr(module, one.target)) for one in (scale, zero_point))
    first.replace_all_uses_with(source)
    graph.erase_node(first)
    (output,) = graph.find_nodes(op="output")
    (last,) = output.args
    if last.target == "dequantize":
        output.args = (last.args[0],)
        graph.erase_node(last)
    module.recompile()
    return module, torch.quantize_per_tensor(example, scale, int(zero_point), dtype)


def _write(module: Any, example: torch.Tensor, path: Path) -> None:
    given = [(torch.utils.bundled_inputs.bundle_large_tensor(example),)]
    # A frozen module takes no methods; this gives a copy that does.
    module = torch.utils.bundled_inputs.bundle_inputs(module, given)
    module._save_for_lite_interpreter(str(path))
    os.chmod(path, 0o644)
