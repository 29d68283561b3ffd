"""Writes ``.nnapi`` files (docs/file_format.md). The weights are streamed: one is in memory at a time."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch.export import Dim
from torch.fx import GraphModule

from nnapi_core.artifact.atomic import written_whole
from nnapi_core.artifact.parts import MANIFEST_VERSION, Parts
from nnapi_core.errors import ConversionError
from nnapi_core.nnapi.constant import Constant

_DTYPES = {
    "<f4": "F32", "<f2": "F16", "<i4": "I32", "|i1": "I8", "|u1": "U8", "|b1": "BOOL", "<i2": "I16",
    "<u2": "U16", "<u4": "U32", "<i8": "I64", "<f8": "F64",
}  # fmt: skip

# One tensor of the file: its name, safetensors dtype, shape, size in bytes, and its data on demand.
_Entry = tuple[str, str, list[int], int, Callable[[], bytes | memoryview]]


def save_nnapi(parts: Parts, path: str | PathLike[str]) -> None:
    """Writes the file, each weight once. Raises `ConversionError` for a CPU stage that cannot be carried."""
    entries = list(_entries(parts))
    # Whole multiples of 64 first, then by element size: every tensor then starts aligned.
    entries.sort(key=lambda entry: (entry[3] % 64 != 0, -_alignment(entry[3])))
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        header_size = len(_header(parts, entries, dict.fromkeys((e[0] for e in entries), "0" * 8)))
        file.seek(header_size)
        checksums = {}
        for name, _, _, size, load in entries:
            data = load()
            if len(data) != size:
                raise ConversionError(f"{name} has {len(data)} bytes, not the {size} announced")
            checksums[name] = f"{zlib.crc32(data):08x}"
            file.write(data)
            del data  # before the next one is loaded
        header = _header(parts, entries, checksums)
        if len(header) != header_size:
            raise ConversionError("the header changed its size while writing")
        file.seek(0)
        file.write(header)


def _alignment(size: int) -> int:
    return size & -size if size else 1 << 30


def _entries(parts: Parts) -> Iterator[_Entry]:
    for name, words in parts.models.items():
        yield name, "U8", [len(words)], len(words), partial(bytes, words)
    for number, constant in enumerate(parts.weights.constants):
        yield (
            f"weights.{number}",
            _DTYPES[constant.dtype.str],
            list(constant.shape),
            constant.nbytes,
            partial(_bytes, constant),
        )
    for name, module in parts.torch_stages.items():
        data = _program_bytes(name, module, parts)
        yield name, "U8", [len(data)], len(data), partial(bytes, data)


def _bytes(constant: Constant) -> memoryview:
    return memoryview(constant.array().reshape(-1).view(np.uint8))  # type: ignore[arg-type]


def _program_bytes(name: str, module: GraphModule, parts: Parts) -> bytes:
    """A CPU stage as the bytes of a ``.pt2`` file."""
    placeholders = module.graph.find_nodes(op="placeholder")
    examples = tuple(map(_example, placeholders))
    free = [dict.fromkeys(node.meta.get("free", ()), Dim.DYNAMIC) for node in placeholders]
    shapes = tuple(one or None for one in free) if any(free) else None
    buffer = io.BytesIO()
    try:
        with torch.no_grad():
            exported = torch.export.export(module, examples, dynamic_shapes=shapes, strict=False)
            torch.export.save(exported, buffer)
    except Exception as error:
        raise ConversionError(
            f"the CPU stage {name} cannot be saved by torch.export: {type(error).__name__}: {error}"
        ) from error
    return buffer.getvalue()


def _example(node: torch.fx.Node) -> torch.Tensor:
    value = node.meta["val"]
    return torch.zeros([int(dim) for dim in value.shape], dtype=value.dtype)


def _header(parts: Parts, entries: list[_Entry], checksums: dict[str, str]) -> bytes:
    manifest = json.dumps({**parts.manifest, "checksums": checksums}, separators=(",", ":"))
    header: dict[str, Any] = {
        "__metadata__": {
            "format": "torch-nnapi",
            "version": MANIFEST_VERSION,
            "checksum": f"{zlib.crc32(manifest.encode()):08x}",
            "manifest": manifest,
        }
    }
    offset = 0
    for name, dtype, shape, size, _ in entries:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    # The data begin at a multiple of 64 bytes after the 8 bytes of the header's length.
    text += b" " * (-(len(text) + 8) % 64)
    return len(text).to_bytes(8, "little") + text
