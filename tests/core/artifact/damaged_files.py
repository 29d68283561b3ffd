"""Files that were changed in one place, by someone who knows the format: every checksum is right again."""

from __future__ import annotations

import copy
import json
import random
import zlib
from pathlib import Path
from typing import Any

from attrs import define

HOSTILE: list[Any] = [
    None, True, False, 0, 1, -1, 2, 255, 256, 2**31 - 1, 2**31, 2**32 - 1, 2**63, -(2**63), 10**30, 0.5, 1e308, -0.0,
    float("nan"), "", "x", "\x1b[2J", "\ud800", "input_1", "float32", "object", "O", "nnapi", "torch", "while", "if",
    [], {}, [[]], [0], ["x"], {"x": 1}, [None], [[["leaf"]]], ["*", 2, "s"], ["//", 1, 0], ["leaf"], "0" * 300,
]  # fmt: skip


@define
class Split:
    """A ``.nnapi`` file taken apart."""

    header: dict[str, Any]
    manifest: dict[str, Any]
    body: bytearray

    @classmethod
    def of(cls, content: bytes) -> Split:
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        manifest = json.loads(header["__metadata__"]["manifest"])
        return cls(header, manifest, bytearray(content[8 + size :]))

    def joined(self) -> bytes:
        """With checksums that agree, as far as there are any."""
        sums = self.manifest.get("checksums")
        for name, entry in self.header.items():
            try:
                begin, end = entry["data_offsets"]
                if isinstance(sums, dict) and name in sums:
                    sums[name] = f"{zlib.crc32(self.body[begin:end]):08x}"
            except (KeyError, TypeError, ValueError):
                continue
        text = json.dumps(self.manifest)
        metadata = self.header.get("__metadata__")
        if isinstance(metadata, dict):
            metadata["manifest"] = text
            metadata["checksum"] = f"{zlib.crc32(text.encode()):08x}"
        header = json.dumps(self.header).encode()
        header += b" " * (-(len(header) + 8) % 64)
        return len(header).to_bytes(8, "little") + header + bytes(self.body)


def damaged(content: bytes, seed: int) -> bytes:
    """One to three changes: of a value in the header or manifest, or of a word of a model."""
    drawn = random.Random(seed)
    split = Split.of(content)
    for _ in range(drawn.randint(1, 3)):
        where = drawn.random()
        if where < 0.6:
            _change(split.manifest, drawn)
        elif where < 0.7:
            _change(split.header, drawn)
        else:
            _change_words(split, drawn)
    return split.joined()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every list or object, and a key of it."""
    found: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        one = pending.pop()
        keys = one.keys() if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], (dict, list)):
                pending.append(one[key])
    return found


def _change(document: dict[str, Any], drawn: random.Random) -> None:
    places = _places(document)
    if not places:
        return
    container, key = drawn.choice(places)
    match drawn.randrange(5):
        case 0 | 1:
            container[key] = copy.deepcopy(drawn.choice(HOSTILE))
        case 2:
            del container[key]
        case 3:
            other, other_key = drawn.choice(places)
            container[key] = copy.deepcopy(other[other_key])
        case 4:
            nested: Any = container[key]
            for _ in range(drawn.choice([1, 70, 300, 600])):
                nested = [nested]
            container[key] = nested


def _change_words(split: Split, drawn: random.Random) -> None:
    names = [name for name in split.header if name.startswith("model.")]
    try:
        begin, end = split.header[drawn.choice(names)]["data_offsets"]
        at = begin + 4 * drawn.randrange((end - begin) // 4)
    except (IndexError, KeyError, TypeError, ValueError):
        return
    numbers = [0, 1, 2, 3, 15, 16, 64, 255, 2**16, 2**24 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1]
    old = int.from_bytes(split.body[at : at + 4], "little")
    new = drawn.choice([*numbers, old + 1, old - 1, old ^ (1 << drawn.randrange(32))])
    split.body[at : at + 4] = (new % 2**32).to_bytes(4, "little")


def looked_at(path: Path, folder: Path) -> int:
    """What ``inspect``, ``--graph`` and ``--report`` do. How many of the three refused, which is all they may."""
    from nnapi_core.artifact.artifact_graph import pictures
    from nnapi_core.artifact.inspect_text import describe
    from nnapi_core.artifact.model_explorer import model_explorer_json
    from nnapi_core.cli.artifact_page import artifact_report
    from nnapi_core.errors import ConversionError

    refused = 0
    for look in (
        lambda: describe(path),
        lambda: list(model_explorer_json("x", pictures(path))),
        lambda: list(artifact_report(str(path), str(folder / "x.html"))),
        lambda: list(artifact_report(str(path), str(folder / "x.json"))),
    ):
        try:
            look()
        except ConversionError as error:
            if str(path) not in str(error):
                raise AssertionError(f"an error that does not name the file: {error}") from error
            refused += 1
    return refused
