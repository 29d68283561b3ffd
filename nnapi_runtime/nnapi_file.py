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
    """Raises `ModelError`, which names the file, what is wrong with it, and where."""
    artifact = _loader.read_artifact(os.fspath(path))
    return NnapiFile(artifact.models, artifact.weights, artifact.programs, artifact)


def shapes_at(
    manifest: Mapping[str, Any], sizes: Mapping[str, int]
) -> list[tuple[int | None, ...]]:
    """The shapes of a model's inputs at these free sizes; a dimension that the manifest does not say is None.

    Raises `ModelError` for a manifest that is none, and `ArgumentError` for sizes that do not go together.
    """
    artifact = _loader.artifact_of_parts(json.dumps(manifest), {}, [], [], "the model")
    return artifact.shapes_at(dict(sizes))
