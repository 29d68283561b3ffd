"""Writes ``.nnapi`` files (docs/file_format.md). The weights are streamed, a stretch of one at a time."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from os import PathLike
from typing import Any

from nnapi_core.artifact.atomic_write import written_whole
from nnapi_core.artifact.contents import Contents, version_of
from nnapi_core.artifact.graph_to_torchscript import Source
from nnapi_core.errors import ConversionError

_DTYPES = {
    "<f4": "F32", "<f2": "F16", "<i4": "I32", "|i1": "I8", "|u1": "U8", "|b1": "BOOL", "<i2": "I16",
    "<u2": "U16", "<u4": "U32", "<i8": "I64", "<f8": "F64",
}  # fmt: skip

# One tensor of the file: its name, safetensors dtype, shape, size in bytes, and its data on demand, in stretches.
_Entry = tuple[str, str, list[int], int, Callable[[], Iterable[bytes | memoryview]]]


def save_nnapi(contents: Contents, path: str | PathLike[str]) -> None:
    """Writes the file, each weight once. Raises `ConversionError` for a CPU piece that cannot be carried."""
    manifest, sources = contents.written()
    entries = list(_entries(contents, sources))
    # Whole multiples of 64 first, then by element size: every tensor then starts aligned.
    entries.sort(key=lambda entry: (entry[3] % 64 != 0, -_alignment(entry[3])))
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        header_size = len(
            _header(manifest, entries, dict.fromkeys((e[0] for e in entries), "0" * 8))
        )
        file.seek(header_size)
        checksums = {}
        for name, _, _, size, load in entries:
            written = checksum = 0
            for stretch in load():
                checksum = zlib.crc32(stretch, checksum)
                written += file.write(stretch)
            if written != size:
                raise ConversionError(f"{name} has {written} bytes, not the {size} announced")
            checksums[name] = f"{checksum:08x}"
        header = _header(manifest, entries, checksums)
        if len(header) != header_size:
            raise ConversionError("the header changed its size while writing")
        file.seek(0)
        file.write(header)


def _alignment(size: int) -> int:
    return size & -size if size else 1 << 30


def _entries(contents: Contents, sources: dict[str, Source]) -> Iterator[_Entry]:
    for name, words in contents.models.items():
        yield name, "U8", [len(words)], len(words), partial(iter, [words])
    for number, constant in enumerate(contents.weights.constants):
        yield (
            f"weights.{number}",
            _DTYPES[constant.dtype.str],
            list(constant.shape),
            constant.nbytes,
            constant.slabs,
        )
    for name, source in sources.items():
        data = source.function().encode()
        yield name, "U8", [len(data)], len(data), partial(iter, [data])


def _header(manifest: dict[str, Any], entries: list[_Entry], checksums: dict[str, str]) -> bytes:
    text = json.dumps({**manifest, "checksums": checksums}, separators=(",", ":"))
    header: dict[str, Any] = {
        "__metadata__": {
            "format": "torch-nnapi",
            "version": version_of(manifest),
            "checksum": f"{zlib.crc32(text.encode()):08x}",
            "manifest": text,
        }
    }
    offset = 0
    for name, dtype, shape, size, _ in entries:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    data = json.dumps(header, separators=(",", ":")).encode()
    # The data begin at a multiple of 64 bytes after the 8 bytes of the header's length.
    data += b" " * (-(len(data) + 8) % 64)
    return len(data).to_bytes(8, "little") + data
