"""What an artifact holds, as text."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from nnapi_core.artifact.manifest_pieces import every_piece
from nnapi_core.artifact.printable import printable
from nnapi_core.artifact.read_artifact import read_artifact
from nnapi_core.errors import ArtifactError
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.model_text import model_totals, operation_lines
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
    artifact = read_artifact(path)
    manifest = artifact.manifest
    methods = manifest.get("methods", ())
    holds = f"{len(methods)} methods" if methods else f"{len(manifest['stages'])} piece(s)"
    lines = [
        f"{path}: .nnapi file, feature level {manifest['feature_level']}, "
        f"{holds}, {len(artifact.weights)} weights, "
        f"{sum(one.nbytes for one in artifact.weights) / 1e6:.2f} MB"
    ]
    if not methods:
        lines += map(printable, _manifest(manifest, artifact.models))
    for method in methods:
        for one in method["manifests"]:
            lines.append(printable(f"method {method['name']}: {len(one['stages'])} piece(s)"))
            lines += map(printable, _manifest(one, artifact.models))
    return "\n".join(lines)


def _manifest(manifest: dict[str, Any], models: Mapping[str, Model]) -> list[str]:
    lines = []
    for role in ("inputs", "outputs"):
        lines += [f"  {role[:-1]} {one}" for one in map(_described, manifest[role])]
    lines += [f"  state {_described(one)}" for one in manifest.get("state", ())]
    lines += [f"  size {_size(one)}" for one in manifest.get("sizes", ())]
    variants = manifest.get("variants", ())
    for variant in variants:
        ranges = ", ".join(
            f"{name} {_range(*limits)}" for name, limits in variant["ranges"].items()
        )
        lines += [f"for {ranges}:", *_manifest(variant["manifest"], models)]
    for piece in every_piece(() if variants else manifest["stages"]):
        if piece["kind"] == "nnapi":
            model = models[piece["model"]]
            patched = len(piece["patches"]["positions"]) if "patches" in piece else 0
            written = f", {patched} words written at load time" if patched else ""
            lines += [f"{piece['model']}: {model_totals(model)}{written}"]
            lines += operation_lines(model, piece["operations"])
        else:
            lines += [f"{piece['program']}: torch, {piece['inputs']} → {piece['outputs']}"]
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


def _describe_torchscript(path: str | PathLike[str]) -> str:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
        except Exception as error:
            raise ArtifactError(f"{path} is not a TorchScript file: {error}") from error
    lines = [f"{path}: TorchScript for stock PyTorch"]
    lines += [f"  method {printable(str(one))}" for one in getattr(module, "method_names", ())]
    lines += [f"  state {printable(str(one))}" for one in getattr(module, "state_names", ())]
    header = len(lines)
    try:
        for name, stage in module.named_children():
            lines += map(printable, _stock_module(name, stage))
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"{path} was not written by nnapi-convert, or is damaged: {error}"
        ) from error
    if len(lines) == header:
        raise ArtifactError(f"{path} holds no NNAPI model")
    return "\n".join(lines)


def _stock_module(name: str, stage: Any) -> list[str]:
    if not hasattr(stage, "words"):
        return [f"{name}: torch"]
    weights = [weight.numpy() for weight in stage.weights]
    model = deserialize(stage.words.numpy().tobytes(), weights)
    size = sum(weight.nbytes for weight in weights) / 1e6
    totals = f"{model_totals(model)}, {len(weights)} weights, {size:.2f} MB"
    return [f"{name}: {totals}", *operation_lines(model)]
