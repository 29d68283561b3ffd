"""Reads a .nnapi file: a safetensors file, mapped, and checked before anything of it is used."""

from __future__ import annotations

import json
import math
import mmap
import zlib
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from nnapi_runtime.errors import ModelError, NnapiError
from nnapi_runtime.json_fields import Field
from nnapi_runtime.tensors import Array

_HEADER_LIMIT = 100_000_000  # safetensors' own
_FORMAT, _VERSION = "torch-nnapi", "1"
_DTYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "F16": "<f2",
    "BF16": "<u2",  # numpy has none: its bits
    "U32": "<u4",
    "I32": "<i4",
    "F32": "<f4",
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
}


@dataclass(frozen=True)
class NnapiFile:
    """The parts of a file. Arrays are views of the map, which lives as long as one of them does."""

    manifest: dict[str, Any]
    models: dict[str, Array]
    weights: list[Array]
    torch_programs: dict[str, Array]


def read_file(path: str | PathLike[str]) -> NnapiFile:
    """Raises `ModelError`, which names the file, what is wrong with it, and where."""
    try:
        with open(path, "rb") as file:
            # A private map: torch shares no memory that it may not write to, though nothing writes.
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return _read(memoryview(data))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ModelError(f"{path} cannot be mapped: {error}") from None
    except NnapiError as error:
        raise error.within(str(path)) from None


def _read(data: memoryview) -> NnapiFile:
    header, body = _split(data)
    metadata = header["__metadata__"]
    if metadata["format"].text() != _FORMAT:
        raise metadata["format"].refuse(repr(_FORMAT))
    if metadata["version"].text() != _VERSION:
        raise metadata["version"].refuse(f"version {_VERSION}, which this release reads")
    tensors = _tensors(header, body)
    text = metadata["manifest"].text()
    _check_sum("the manifest", text.encode("utf-8", "surrogatepass"), metadata["checksum"])
    manifest = _json(text, "the manifest")
    sums = dict(Field(manifest, "manifest")["checksums"].members())
    if sums.keys() != tensors.keys():
        names = ", ".join(sorted(sums.keys() ^ tensors.keys()))
        raise ModelError(f"tensors and checksums do not name the same; only one has: {names}")
    for name, array in tensors.items():
        _check_sum(f"tensor {name!r}", array.reshape(-1).view(np.uint8), sums[name])
    weights = {name for name in tensors if name.startswith("weights.")}
    numbered = [f"weights.{i}" for i in range(len(weights))]
    if weights != set(numbered):
        raise ModelError(f"{len(weights)} weights are not numbered from 0 without a gap")
    return NnapiFile(
        manifest=manifest,
        models=_named(tensors, "model."),
        weights=[tensors[name] for name in numbered],
        torch_programs=_named(tensors, "torch."),
    )


def _split(data: memoryview) -> tuple[Field, memoryview]:
    """The header and what comes after it."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(len(data) - 8, _HEADER_LIMIT):
        raise ModelError(
            f"is no .nnapi file, or was cut off: its {len(data)} bytes announce a header of {size}"
        )
    try:
        text = str(data[8 : 8 + size], "utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"the header is not UTF-8 at byte {8 + error.start}") from None
    return Field(_json(text, "the header"), "header"), data[8 + size :]


def _json(text: str, what: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{what} is not JSON: {error or 'nested too deeply'}") from None
    if not isinstance(document, dict):
        raise ModelError(f"{what} is not a JSON object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return members


def _tensors(header: Field, body: memoryview) -> dict[str, Array]:
    """Views of the tensors, which fill the body one after another."""
    spans, tensors = [], {}
    for name, entry in header.members():
        if name == "__metadata__":
            continue
        dtype = _DTYPES.get(entry["dtype"].text())
        if dtype is None:
            raise entry["dtype"].refuse("a safetensors dtype")
        shape = tuple(dim.integer(0, 2**63 - 1) for dim in entry["shape"].items())
        offsets = [n.integer(0, len(body)) for n in entry["data_offsets"].items()]
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if len(shape) > 32 or len(offsets) != 2 or offsets[1] - offsets[0] != size:
            raise entry["data_offsets"].refuse(f"the {size} bytes of shape {list(shape)}")
        spans.append((offsets[0], offsets[1]))
        raw = np.frombuffer(body[offsets[0] : offsets[1]], np.uint8)
        array = raw.view(dtype).reshape(shape) if size else np.empty(shape, dtype)
        array.flags.writeable = False
        tensors[name] = array
    end = 0
    for start, stop in sorted(spans):
        if start != end:
            raise ModelError(f"the tensors leave a gap or overlap at byte {start} of the data")
        end = stop
    if end != len(body):
        raise ModelError(f"the tensors take {end} bytes of data; there are {len(body)}")
    return tensors


def _check_sum(what: str, data: Any, expected: Field) -> None:
    found = f"{zlib.crc32(data):08x}"
    if found != expected.text():
        raise ModelError(
            f"{what} is damaged: its checksum is {found}, not {expected.text()}; "
            "get the file again, or convert the model again"
        )


def _named(tensors: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {name: array for name, array in tensors.items() if name.startswith(prefix)}
