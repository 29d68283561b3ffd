"""What an artifact holds, as text."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from nnapi_core.artifact.manifest_pieces import every_piece
from nnapi_core.artifact.printable import printable
from nnapi_core.artifact.read_artifact import check_is_file, read_artifact
from nnapi_core.errors import ArtifactError
from nnapi_core.nnapi.constant import Array
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.model_text import model_totals, operation_lines
from nnapi_core.nnapi.serialize import deserialize


def describe(path: str | PathLike[str]) -> str:
    """Operands, operations, weights and feature level. Raises `ArtifactError` for a file that is no artifact."""
    return "\n".join(described_lines(path))


def described_lines(path: str | PathLike[str]) -> Iterator[str]:
    """The lines of `describe`, one by one: there may be a great many."""
    check_is_artifact(path, "inspect")
    return _nnapi_lines(path) if Path(path).suffix == ".nnapi" else _torchscript_lines(path)


def check_is_artifact(path: str | PathLike[str], command: str) -> None:
    """By its name; raises `ArtifactError` for one that is not there, too."""
    check_is_file(path)
    if Path(path).suffix not in (".nnapi", ".pt", ".ptl"):
        raise ArtifactError(f"{path}: {command} reads .nnapi, .ptl and .pt")


def _nnapi_lines(path: str | PathLike[str]) -> Iterator[str]:
    artifact = read_artifact(path)
    manifest = artifact.manifest
    methods = manifest.get("methods", ())
    holds = f"{len(methods)} methods" if methods else f"{len(manifest['stages'])} piece(s)"
    yield (
        f"{path}: .nnapi file, feature level {manifest['feature_level']}, "
        f"{holds}, {len(artifact.weights)} weights, "
        f"{sum(one.nbytes for one in artifact.weights) / 1e6:.2f} MB"
    )
    if not methods:
        yield from map(printable, _manifest(manifest, artifact.models))
    for method in methods:
        for one in method["manifests"]:
            yield printable(f"method {method['name']}: {len(one['stages'])} piece(s)")
            yield from map(printable, _manifest(one, artifact.models))


def _manifest(manifest: dict[str, Any], models: Mapping[str, Model]) -> Iterator[str]:
    yield from (f"  {line}" for line in signature_texts(manifest))
    variants = manifest.get("variants", ())
    for variant in variants:
        ranges = ", ".join(
            f"{name} {_range(*limits)}" for name, limits in variant["ranges"].items()
        )
        yield f"for {ranges}:"
        yield from _manifest(variant["manifest"], models)
    for piece in every_piece(() if variants else manifest["stages"]):
        if piece["kind"] == "nnapi":
            model = models[piece["model"]]
            patched = len(piece["patches"]["positions"]) if "patches" in piece else 0
            written = f", {patched} words written at load time" if patched else ""
            yield f"{piece['model']}: {model_totals(model)}{written}"
            yield from operation_lines(model, piece["operations"])
        else:
            yield f"{piece['program']}: torch, {piece['inputs']} → {piece['outputs']}"


def signature_texts(manifest: dict[str, Any]) -> list[str]:
    """Inputs, outputs, states and free sizes of a manifest, a line each; integers with their scales."""
    quants = {
        border["value"]: f", scale {border['scale']:.6g}, zero point {border['zero_point']}"
        for piece in every_piece(manifest["stages"])
        if piece["kind"] == "nnapi"
        for border in (*piece["inputs"], *piece["outputs"])
        if border["scale"]
    }
    lines = []
    for role in ("inputs", "outputs"):
        lines += [
            f"{role[:-1]} {_described(one)}{quants.get(one['name'], '')}" for one in manifest[role]
        ]
    lines += [f"state {_described(one)}" for one in manifest.get("state", ())]
    return lines + [f"size {_size(one)}" for one in manifest.get("sizes", ())]


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


def _torchscript_lines(path: str | PathLike[str]) -> Iterator[str]:
    module = opened_torchscript(path)
    lines = [f"{path}: TorchScript for stock PyTorch"]
    lines += [f"  {printable(line)}" for line in signature_of_stock(module)]
    header = len(lines)
    names = [name for name, _ in module.named_children()]
    for name, found in zip(names, stock_models(path, module), strict=True):
        lines += map(printable, [f"{name}: torch"] if found is None else _stock_piece(name, *found))
    if len(lines) == header:
        raise ArtifactError(f"{path} holds no NNAPI model")
    return iter(lines)


def opened_torchscript(path: str | PathLike[str]) -> Any:
    """Raises `ArtifactError` for what is no TorchScript file."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.jit.load(str(path))  # type: ignore[no-untyped-call]
        except Exception as error:
            raise ArtifactError(f"{path} is not a TorchScript file: {error}") from error


def signature_of_stock(module: Any) -> list[str]:
    """Methods, inputs (at the sizes of the example), and states, a line each; of results a file says nothing."""
    methods = getattr(module, "method_names", ())
    lines = []
    for method in methods or ("",):
        own = f"{method}_" if method else ""
        if method:
            lines.append(f"method {method}")
        shapes = getattr(module, f"{own}example_shapes", ())
        dtypes = getattr(module, f"{own}example_dtypes", ())
        lines += [
            f"input {place}: {dtype} ({', '.join(map(str, shape))})"
            for place, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=False))
        ]
        schema = getattr(getattr(module, method or "forward", None), "schema", None)
        if schema is not None:
            lines.append(f"output {', '.join(str(one.type) for one in schema.returns)}")
    return lines + [f"state {one}" for one in getattr(module, "state_names", ())]


def stock_models(path: str | PathLike[str], module: Any) -> list[tuple[Model, list[Array]] | None]:
    """Of each piece its NNAPI model and that one's weights; None of one that is torch's.

    Raises `ArtifactError` for what was not written by this package.
    """
    found: list[tuple[Model, list[Array]] | None] = []
    try:
        for _, stage in module.named_children():
            if not hasattr(stage, "words"):
                found.append(None)
                continue
            weights = [weight.numpy() for weight in stage.weights]
            found.append((deserialize(stage.words.numpy().tobytes(), weights), weights))
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"{path} was not written by nnapi-convert, or is damaged: {error}"
        ) from error
    return found


def _stock_piece(name: str, model: Model, weights: list[Array]) -> list[str]:
    size = sum(weight.nbytes for weight in weights) / 1e6
    totals = f"{model_totals(model)}, {len(weights)} weights, {size:.2f} MB"
    return [f"{name}: {totals}", *operation_lines(model)]
