"""What two artifacts differ in: what goes in and out, levels, pieces, operations, weights."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from attrs import asdict, frozen

from nnapi_core.artifact.inspect_text import (
    check_is_artifact,
    opened_torchscript,
    signature_of_stock,
    signature_texts,
    stock_models,
)
from nnapi_core.artifact.manifest_pieces import every_piece
from nnapi_core.artifact.read_artifact import read_artifact
from nnapi_core.nnapi.constant import Array
from nnapi_core.nnapi.model import Model


@frozen
class Summary:
    """An artifact in comparable terms."""

    format: str
    bytes: int
    feature_level: int
    border: tuple[str, ...]
    """Inputs, outputs, states and free sizes, a line each."""
    pieces: Mapping[str, int]
    """How many are NNAPI's and how many torch's."""
    operations: Mapping[str, int]
    operand_types: Mapping[str, int]
    """Of all operands that are computed."""
    weights: Mapping[str, int]
    """Bytes by the hash of type, shape and content."""


@frozen
class Differing:
    """One thing that differs; None: it is not there."""

    what: str
    a: Any
    b: Any


def compare(a: str | PathLike[str], b: str | PathLike[str]) -> list[Differing]:
    """What differs, in order; nothing where both do the same with the same numbers, whatever their sizes on disk.

    Raises `ArtifactError` for a file that is no artifact.
    """
    one, other = summarised(a), summarised(b)
    found = [
        Differing(what.replace("_", " "), getattr(one, what), getattr(other, what))
        for what in ("format", "feature_level")
        if getattr(one, what) != getattr(other, what)
    ]
    found += [Differing(line, line, None) for line in one.border if line not in other.border]
    found += [Differing(line, None, line) for line in other.border if line not in one.border]
    for title, what in (("pieces", "pieces"), ("", "operations"), ("operands of", "operand_types")):
        first, second = getattr(one, what), getattr(other, what)
        for name in sorted({*first, *second}):
            if first.get(name, 0) != second.get(name, 0):
                said = f"{title} {name}".strip()
                found.append(Differing(said, first.get(name, 0), second.get(name, 0)))
    if one.weights != other.weights:
        own = [len(one.weights.keys() - other.weights), len(other.weights.keys() - one.weights)]
        found.append(Differing("weights that the other has not", *own))
        totals = [sum(each.weights.values()) for each in (one, other)]
        if totals[0] != totals[1]:
            found.append(Differing("bytes of weights", *totals))
    if found and one.bytes != other.bytes:
        found.append(Differing("bytes of the file", one.bytes, other.bytes))
    return found


def compare_text(a: str, b: str, differences: Iterable[Differing]) -> str:
    """A line for each difference."""
    lines = [f"a: {a}", f"b: {b}"]
    for one in differences:
        if one.b is None:
            lines.append(f"  only in a: {one.what}")
        elif one.a is None:
            lines.append(f"  only in b: {one.what}")
        else:
            lines.append(f"  {one.what}: {_counted(one.a)} | {_counted(one.b)}")
    return "\n".join(lines) if len(lines) > 2 else f"{lines[0]}\n{lines[1]}\nthey do the same"


def as_json(a: str, b: str, differences: Iterable[Differing]) -> dict[str, Any]:
    """The document that the command prints with ``--json``."""
    rows = [asdict(one) for one in differences]
    return {"schema_version": 1, "a": a, "b": b, "same": not rows, "differences": rows}


def _counted(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def summarised(path: str | PathLike[str]) -> Summary:
    """Raises `ArtifactError` for a file that is no artifact."""
    check_is_artifact(path, "diff")
    of: Callable[[Any], Summary] = _of_nnapi if Path(path).suffix == ".nnapi" else _of_torchscript
    return of(path)


def _of_nnapi(path: str | PathLike[str]) -> Summary:
    artifact = read_artifact(path)
    pieces: Counter[str] = Counter()
    models: list[Model] = []
    border: list[str] = []
    for which, manifest in artifact.manifests():
        method = which.removeprefix(", ")
        border += [f"{method}: {line}" if method else line for line in signature_texts(manifest)]
        for piece in every_piece(manifest["stages"]):
            pieces[piece["kind"]] += 1
            if piece["kind"] == "nnapi":
                models.append(artifact.models[piece["model"]])
    level = int(artifact.manifest["feature_level"])
    return _summary(path, ".nnapi", level, border, pieces, models, artifact.weights)


def _of_torchscript(path: str | PathLike[str]) -> Summary:
    module = opened_torchscript(path)
    pieces: Counter[str] = Counter()
    models: list[Model] = []
    weights: dict[str, Array] = {}
    for found in stock_models(path, module):
        pieces["torch" if found is None else "nnapi"] += 1
        if found is not None:
            models.append(found[0])
            weights |= {_hash(one): one for one in found[1]}
    level = max([27, *(one.level for one in models)])
    border = signature_of_stock(module)
    return _summary(path, "TorchScript", level, border, pieces, models, weights.values())


def _summary(
    path: str | PathLike[str],
    format: str,
    level: int,
    border: Iterable[str],
    pieces: Mapping[str, int],
    models: Iterable[Model],
    weights: Iterable[Array],
) -> Summary:
    every = [inner for model in models for inner in (model, *model.submodels())]
    types = Counter(
        operand.type.code.name for one in every for operand in one.operands if operand.is_variable
    )
    return Summary(
        format=format,
        bytes=Path(path).stat().st_size,
        feature_level=level,
        border=tuple(border),
        pieces=dict(pieces),
        operations=dict(
            Counter(operation.spec.name for one in every for operation in one.operations)
        ),
        operand_types=dict(types),
        weights={_hash(one): int(one.nbytes) for one in weights},
    )


def _hash(weight: Array) -> str:
    said = f"{weight.dtype} {weight.shape}".encode()
    return hashlib.sha256(said + np.ascontiguousarray(weight).tobytes()).hexdigest()
