"""What an artifact holds, as text."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nnapi_core.artifact.method_source import every_stage
from nnapi_core.errors import ArtifactError
from nnapi_core.nnapi.constant import Array
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.serialize import deserialize


def describe(path: str | PathLike[str]) -> str:
    """Operands, operations, weights and feature level. Raises `ArtifactError` for a file that is no artifact."""
    if not Path(path).is_file():
        raise ArtifactError(f"{path}: there is no such file")
    match Path(path).suffix:
        case ".nnapi":
            return _describe_nnapi(path)
        case ".pt" | ".ptl":
            return _describe_torchscript(path)
    raise ArtifactError(f"{path}: inspect reads .nnapi, .ptl and .pt")


def _describe_nnapi(path: str | PathLike[str]) -> str:
    from nnapi_runtime.nnapi_file import read_file

    file = read_file(path)
    manifest = file.manifest
    lines = [
        f"{path}: .nnapi file, feature level {manifest['feature_level']}, "
        f"{len(manifest['stages'])} stage(s), {len(file.weights)} weights, "
        f"{sum(np.asarray(one).nbytes for one in file.weights) / 1e6:.2f} MB"
    ]
    weights = [np.asarray(one) for one in file.weights]
    lines += _manifest(manifest, file.models, weights)
    return "\n".join(lines)


def _manifest(
    manifest: dict[str, Any], models: Mapping[str, Any], weights: list[Array]
) -> list[str]:
    lines = []
    for role in ("inputs", "outputs"):
        lines += [f"  {role[:-1]} {one}" for one in map(_described, manifest[role])]
    lines += [f"  size {_size(one)}" for one in manifest.get("sizes", ())]
    for variant in manifest.get("variants", ()):
        ranges = ", ".join(
            f"{name} {_range(*limits)}" for name, limits in variant["ranges"].items()
        )
        lines += [f"for {ranges}:", *_manifest(variant["manifest"], models, weights)]
    for stage in every_stage(manifest["stages"]):
        if stage["kind"] == "nnapi":
            model = deserialize(bytes(models[stage["model"]]), weights)
            patched = len(stage["patches"]["positions"]) if "patches" in stage else 0
            written = f", {patched} words written at load time" if patched else ""
            lines += [f"{stage['model']}: {_totals(model)}{written}"]
            lines += _operations(model, stage["operations"])
        else:
            lines += [f"{stage['program']}: torch, {stage['inputs']} → {stage['outputs']}"]
    return lines


def _range(least: int, most: int | None) -> str:
    if least == most:
        return str(least)
    return f"{least} or more" if most is None else f"{least} to {most}"


def _size(size: dict[str, Any]) -> str:
    place = f"dimension {size['dim']} of {size['of']}"
    if (size["factor"], size["offset"]) != (1, 0):
        place += f" = {size['factor']} * {size['name']} + {size['offset']}"
    return f"{size['name']}: {_range(size['min'], size['max'])} ({place})"


def _described(entry: dict[str, Any]) -> str:
    if entry["name"] is None:
        return "None"
    shape = ", ".join("?" if dim is None else str(dim) for dim in entry["shape"])
    return f"{entry['name']}: {entry['dtype']} ({shape})"


def _totals(model: Model) -> str:
    counts = Counter(operation.spec.name for operation in model.operations)
    listed = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    return f"{len(model.operands)} operands, {len(model.operations)} operations ({listed})"


def _operations(model: Model, origins: list[dict[str, str]] | None = None) -> list[str]:
    lines = []
    for index, operation in enumerate(model.operations):
        operands = [model.operands[one] for one in operation.inputs]
        codes = [operand.type.code for operand in operands]
        form = operation.spec.form_for(codes)
        names = [slot.name for slot in form] if form else [""] * len(operands)
        given = ", ".join(
            f"{name}={_operand(operand)}" for name, operand in zip(names, operands, strict=True)
        )
        results = ", ".join(str(model.operands[one].type) for one in operation.outputs)
        origin = f"  # {origins[index]['node']} {origins[index]['source']}" if origins else ""
        lines.append(f"  {index:4} {operation.spec.name}({given}) → {results}{origin}")
    return lines


def _operand(operand: Any) -> str:
    if operand.omitted:
        return "omitted"
    if operand.submodel is not None:
        return f"model of {len(operand.submodel.operations)} operations"
    if operand.constant is not None and operand.constant.nbytes <= 16:
        return str(operand.constant.array().tolist())
    return f"{'const ' if operand.constant is not None else ''}{operand.type}"


def _describe_torchscript(path: str | PathLike[str]) -> str:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
        except Exception as error:
            raise ArtifactError(f"{path} is not a TorchScript file: {error}") from error
    lines = [f"{path}: TorchScript for stock PyTorch"]
    for name, stage in module.named_children():
        if hasattr(stage, "words"):
            weights = [weight.numpy() for weight in stage.weights]
            model = deserialize(stage.words.numpy().tobytes(), weights)
            size = sum(weight.nbytes for weight in weights) / 1e6
            lines.append(f"{name}: {_totals(model)}, {len(weights)} weights, {size:.2f} MB")
            lines += _operations(model)
        else:
            lines.append(f"{name}: torch")
    if len(lines) == 1:
        raise ArtifactError(f"{path} holds no NNAPI model")
    return "\n".join(lines)
