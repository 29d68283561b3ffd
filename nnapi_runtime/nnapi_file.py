"""Reads a .nnapi file: a safetensors file, mapped, and checked before anything of it is used."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

from nnapi_runtime import _loader
from nnapi_runtime.check_options import path_text
from nnapi_runtime.errors import ModelError
from nnapi_runtime.tensors import Array


@dataclass(frozen=True)
class NnapiFile:
    """The parts of a file. Arrays are views of the map, which lives as long as one of them does."""

    models: dict[str, Array]
    weights: list[Array]
    torch_programs: dict[str, Array]
    artifact: _loader.Artifact
    """The same, as sessions take it."""

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The JSON document."""
        return self.artifact.manifest


def read_file(path: str | PathLike[str]) -> NnapiFile:
    """Raises `ModelError`, which names the file, what is wrong with it, and where, and `ArgumentError` for no path."""
    name = path_text(path)
    try:
        artifact = _loader.read_artifact(name)
    except ModelError as error:
        advice = _other_format(path)
        if not advice:
            raise
        raise ModelError(f"{os.fspath(path)} {advice}") from error
    return NnapiFile(artifact.models, artifact.weights, artifact.programs, artifact)


def shapes_at(
    manifest: Mapping[str, Any], sizes: Mapping[str, int]
) -> list[tuple[int | None, ...]]:
    """The shapes of a model's inputs at these free sizes; a dimension that the manifest does not say is None.

    Raises `ModelError` for a manifest that is none, and `ArgumentError` for sizes that do not go together.
    """
    artifact = _loader.artifact_of_parts(json.dumps(manifest), {}, [], [], "the model")
    return artifact.shapes_at(dict(sizes))


def _other_format(path: str | PathLike[str]) -> str:
    """What to do with a file of torch's or ONNX's that was taken for one of ours; empty for others."""
    suffix = os.path.splitext(os.fspath(path))[1]
    # A pipe would have nobody at its other end.
    if not os.path.isfile(path):
        return ""
    try:
        with open(path, "rb") as file:
            is_zip = file.read(4) == b"PK\x03\x04"
    except OSError:
        return ""
    if is_zip and suffix == ".pt2":
        return "is an exported program, not yet converted: nnapi-convert FILE.pt2 -o FILE.nnapi"
    if is_zip and suffix in (".pt", ".ptl"):
        return (
            "is a TorchScript file; one that was converted is for stock PyTorch (torch.jit.load, nnapi-convert bench), "
            "and this session loads a .nnapi file: save the conversion as .nnapi as well"
        )
    if suffix == ".onnx":
        return "is an ONNX file; a PyTorch model is converted: nnapi_core.convert(module, example_args)"
    return ""
