"""Reads a ``.nnapi`` file for those who look at it. All that is used of it is checked here; nothing of it runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from os import PathLike
from os.path import isfile
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from nnapi_core.artifact.manifest_pieces import every_piece
from nnapi_core.errors import ArtifactError
from nnapi_core.nnapi.constant import Array
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.serialize import deserialize
from nnapi_runtime.errors import NnapiError
from nnapi_runtime.nnapi_file import NnapiFile, read_file

_MOST_SHOWN = 1 << 19
_LONGEST_NAME = 200


@frozen(eq=False)
class Artifact:
    """What a file says: its manifest, as the session's parser has checked it, and the models that it names."""

    path: Path
    manifest: dict[str, Any]
    models: Mapping[str, Model]
    weights: list[Array]

    def manifests(self) -> list[tuple[str, dict[str, Any]]]:
        """Those that have pieces: the methods' and variants', or else the file's own; and which they are."""
        return list(_manifests(self.manifest))

    def of_method(self, name: str | None) -> dict[str, Any]:
        """The manifest of a method, at its first size; of a file of one model its own."""
        for one in self.manifest.get("methods", ()):
            if name in (None, one["name"]):
                manifest: dict[str, Any] = one["manifests"][0]
                return manifest
        return self.manifest


def _manifests(manifest: dict[str, Any], which: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if "methods" in manifest:
        for method in manifest["methods"]:
            for number, one in enumerate(method["manifests"]):
                size = f", size {number}" if len(method["manifests"]) > 1 else ""
                yield from _manifests(one, f", {method['name']}{size}")
    elif manifest.get("variants", ()):
        for number, one in enumerate(manifest["variants"]):
            yield f"{which}, variant {number}", one["manifest"]
    else:
        yield which, manifest


def read_artifact(path: str | PathLike[str]) -> Artifact:
    """Raises `ArtifactError`, which names the file and what is wrong with it.

    Every name leads to something; a model has as many inputs, outputs and operations as its piece says.
    """
    try:
        return _read(Path(path))
    except (NnapiError, ArtifactError) as error:
        text = str(error)
        raise ArtifactError(text if text.startswith(str(path)) else f"{path}: {text}") from error
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{str(path)!r} cannot be read: {error}") from error


def check_is_file(path: str | PathLike[str]) -> None:
    """Raises `ArtifactError` where there is none, and says what the system says of the path."""
    if isfile(path):
        return
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError:
        pass
    raise ArtifactError(f"{path}: there is no such file")


def _read(path: Path) -> Artifact:
    file = read_file(path)
    weights = [np.asarray(one) for one in file.weights]
    models: dict[str, Model] = {}
    shown = 0
    for _, manifest in _manifests(file.manifest):
        for piece in every_piece(manifest["stages"]):
            if piece["kind"] == "nnapi":
                _check_piece(piece, file, models, weights)
                shown += len(models[piece["model"]].operations)
                if shown > _MOST_SHOWN:  # many pieces may name one model
                    raise ArtifactError(f"more than {_MOST_SHOWN:,} operations are not shown")
    return Artifact(path, file.manifest, models, weights)


def _check_piece(
    piece: dict[str, Any], file: NnapiFile, models: dict[str, Model], weights: list[Array]
) -> None:
    name = piece["model"]
    if name not in models:
        if name not in file.models:
            raise ArtifactError(f"{name[:_LONGEST_NAME]!r}, which the manifest names, is missing")
        try:
            models[name] = deserialize(bytes(file.models[name]), weights)
        except ArtifactError as error:
            raise ArtifactError(f"{name[:_LONGEST_NAME]}: {error}") from error
    for what in ("inputs", "outputs", "operations"):
        said, has = piece[what], getattr(models[name], what)
        if len(said) != len(has) and (said or what != "operations"):
            raise ArtifactError(
                f"{name[:_LONGEST_NAME]} has {len(has)} {what}; the manifest says {len(said)}"
            )
