"""Damage to `.nnapi` files that knows their fields: JSON, words, weights, texts; checksums mostly fit again."""

from __future__ import annotations

import copy
import json
import pickle
import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

NUMBERS = [
    *(0, 1, 2, 3, 7, -1, -2, 16, 255, 256, 65535, 65536, 2**24, 2**31 - 1, 2**31, -(2**31)),
    *(2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 0.0, -0.5, 1e308, 0.1),
]
OTHERS = [
    *(
        None,
        True,
        False,
        "",
        [],
        {},
        "x",
        "float32",
        "int64",
        "no such dtype",
        "weights.0",
        "model.0",
    ),
    *(
        "torch.0",
        "torch.cpu",
        "nnapi",
        "while",
        "\0",
        "\x1b[31m",
        "\ud800",
        "é" * 5,
        "a" * 3000,
        "%",
    ),
    *(
        [[["leaf"]]],
        ["*", 4, "s"],
        ["//", 1, 0],
        {"name": "x"},
        ["permute", [0, 0]],
        ["reshape", [-1]],
    ),
]
WORDS = [
    *(
        "weights",
        "weights[0]",
        "torch.ops.aten.",
        "float('inf')",
        "None",
        "-1",
        "9223372036854775807",
    ),
    *(
        "True",
        "[",
        "]",
        "(",
        ")",
        "\n",
        "    ",
        "while",
        "return",
        "if",
        "\0",
        "\x7f",
        "1e308",
        "eval",
    ),
    *(
        "torch.save",
        "from_file",
        "resize_",
        "out=",
        "**",
        "//",
        "'",
        "int(",
        "not ",
        "math.exp",
        "0",
    ),
    *(
        "torch.ops.aten.full([4294967296, 4294967296], fill_value=1)",
        "torch.jit.annotate(List[int], [])",
    ),
]
MOST_COPIED = 1 << 16
TOKEN = re.compile(r"[A-Za-z0-9_]+|\s+|.", re.DOTALL)


class File:
    """A file's parts, which can be put together again."""

    def __init__(self, raw: bytes) -> None:
        size = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + size])
        body = raw[8 + size :]
        self.metadata = header.pop("__metadata__")
        self.manifest: Any = json.loads(self.metadata["manifest"])
        ordered = sorted(header.items(), key=lambda pair: pair[1]["data_offsets"])
        self.entries: list[tuple[str, dict[str, Any]]] = ordered
        self.data = [body[slice(*entry["data_offsets"])] for _, entry in ordered]

    @staticmethod
    def of(raw: bytes) -> File:
        """A file of its own each time, to be changed; the same bytes are parsed once."""
        made: File = pickle.loads(_parsed(raw))
        return made

    def packed(self, *, sums: bool, aligned: bool = True) -> bytes:
        """``sums``: with checksums that fit; ``aligned``: with offsets that fit."""
        position, header = 0, {}
        for (name, entry), data in zip(self.entries, self.data, strict=True):
            places = [position, position + len(data)] if aligned else entry["data_offsets"]
            shape = [len(data)] if entry["dtype"] == "U8" and aligned else entry["shape"]
            header[name] = {**entry, "shape": shape, "data_offsets": places}
            position += len(data)
            if (
                sums
                and isinstance(self.manifest, dict)
                and isinstance(self.manifest.get("checksums"), dict)
            ):
                self.manifest["checksums"][name] = f"{zlib.crc32(data):08x}"
        text = json.dumps(self.manifest)
        metadata = {**self.metadata, "manifest": text}
        if sums:
            metadata["checksum"] = f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"
        packed = json.dumps({"__metadata__": metadata, **header}).encode()
        packed += b" " * (-(len(packed) + 8) % 64)
        return len(packed).to_bytes(8, "little") + packed + b"".join(self.data)


@lru_cache(64)
def _parsed(raw: bytes) -> bytes:
    return pickle.dumps(File(raw))


def mutated(raw: bytes, chance: random.Random) -> tuple[str, bytes]:
    """What kind of damage it is, and the file."""
    kind = chance.choice(list(KINDS))
    try:
        return kind, KINDS[kind](raw, chance)
    except RecursionError:  # nested too deeply for this writer
        return "bytes", _bytes(raw, chance)


def _manifest(raw: bytes, chance: random.Random) -> bytes:
    file = File.of(raw)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        file.manifest = _json(file.manifest, chance)
    return file.packed(sums=True)


def _header(raw: bytes, chance: random.Random) -> bytes:
    file = File.of(raw)
    place = chance.randrange(len(file.entries))
    name, entry = file.entries[place]
    match chance.randrange(4):
        case 0:
            entry = _json(entry, chance)
        case 1:
            name = chance.choice(
                ["weights.0", "weights.99", "model.0", "torch.0", "", "x", "__metadata__"]
            )
        case 2:
            file.metadata = _json(file.metadata, chance)
        case 3:
            other = chance.randrange(len(file.entries))
            file.data[place], file.data[other] = file.data[other], file.data[place]
    if not isinstance(entry, dict) or not isinstance(file.metadata, dict):
        return _bytes(raw, chance)
    file.entries[place] = (name, entry)
    try:
        return file.packed(sums=True, aligned=chance.random() < 0.5)
    except (KeyError, TypeError, ValueError):  # damage that this cannot pack
        return _bytes(raw, chance)


def _json(value: Any, chance: random.Random) -> Any:
    """With one thing in it changed."""
    holders: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, (dict, list)):
            keys = list(one) if isinstance(one, dict) else list(range(len(one)))
            holders += [(one, key) for key in keys]
            pending += [one[key] for key in keys]
    if not holders:
        return _any(OTHERS, chance)
    holder, key = chance.choice(holders)
    old = holder[key]
    match chance.randrange(8):
        case 0 | 1 | 2:
            is_number = isinstance(old, (int, float))
            holder[key] = _any(NUMBERS if is_number else OTHERS, chance)
        case 3:
            holder[key] = _any([*NUMBERS, *OTHERS], chance)
        case 4:
            del holder[key]
        case 5:
            other, place = chance.choice(holders)
            holder[key] = _copies(other[place], 1)[0] if place in _keys(other) else None
        case 6 if isinstance(holder, list):
            holder[key:key] = _copies(old, chance.choice((1, 2, 40)))
        case 6 if isinstance(old, int):
            holder[key] = old + chance.choice((-1, 1))
        case _:
            depth = chance.choice((1, 3, 60, 700))
            for _ in range(depth if chance.random() < 0.1 else 1):
                old = [old]
            holder[key] = old
    return value


def _any(values: Sequence[Any], chance: random.Random) -> Any:
    """A copy, since later damage may be done to it."""
    return copy.deepcopy(chance.choice(values))


def _copies(value: Any, count: int) -> list[Any]:
    """Of what is small: copies of copies would grow without bounds."""
    text = json.dumps(value)
    return [json.loads(text if len(text) * count < MOST_COPIED else "[]") for _ in range(count)]


def _keys(holder: Any) -> Any:
    return holder if isinstance(holder, dict) else range(len(holder))


def _part(
    raw: bytes, prefix: str, change: Callable[[bytes], bytes], chance: random.Random
) -> bytes:
    file = File.of(raw)
    places = [place for place, (name, _) in enumerate(file.entries) if name.startswith(prefix)]
    if not places:
        return _manifest(raw, chance)
    place = chance.choice(places)
    file.data[place] = change(file.data[place])
    return file.packed(sums=True)


def _model(raw: bytes, chance: random.Random) -> bytes:
    def change(data: bytes) -> bytes:
        words = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            at = chance.randrange(0, max(4, len(words) - 3), 4)
            if len(words) < at + 4:
                break
            value = int.from_bytes(words[at : at + 4], "little")
            match chance.randrange(5):
                case 0:
                    value = (
                        int(chance.choice(NUMBERS))
                        if chance.random() < 0.9
                        else chance.getrandbits(32)
                    )
                case 1:
                    value += chance.choice((-1, 1, 2))
                case 2:
                    value = chance.randrange(16)
                case 3:
                    other = chance.randrange(0, len(words) - 3, 4)
                    value = int.from_bytes(words[other : other + 4], "little")
                case 4:
                    words[at:at] = words[at : at + 4 * chance.choice((1, 3))]
                    continue
            words[at : at + 4] = struct.pack("<I", value % 2**32)
        return bytes(words)

    return _part(raw, "model.", change, chance)


def _weights(raw: bytes, chance: random.Random) -> bytes:
    def change(data: bytes) -> bytes:
        some = bytearray(data)
        for _ in range(min(len(some), 8)):
            some[chance.randrange(len(some))] = chance.choice(
                (0, 255, 127, 128, chance.getrandbits(8))
            )
        return bytes(some)

    return _part(raw, "weights.", change, chance)


def _text(raw: bytes, chance: random.Random) -> bytes:
    return _part(raw, "torch.", lambda data: mutated_text(data.decode(), chance).encode(), chance)


def mutated_text(text: str, chance: random.Random) -> str:
    """Some tokens of a text deleted, doubled, swapped or replaced, or numbers changed."""
    tokens = TOKEN.findall(text)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        place, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        match chance.randrange(6):
            case 0:
                tokens[place] = ""
            case 1:
                tokens[place] *= chance.choice((2, 3, 50))
            case 2:
                tokens[place], tokens[other] = tokens[other], tokens[place]
            case 3:
                tokens[place] = chance.choice(WORDS)
            case 4:
                tokens[place] = tokens[other]
            case 5:
                numbers = [at for at, one in enumerate(tokens) if one.isdecimal()] or [place]
                tokens[chance.choice(numbers)] = str(chance.choice(NUMBERS))
    return "".join(tokens)


def _bytes(raw: bytes, chance: random.Random) -> bytes:
    some = bytearray(raw)
    match chance.randrange(4):
        case 0:
            for _ in range(chance.choice((1, 4, 16))):
                some[chance.randrange(len(some))] ^= 1 << chance.randrange(8)
        case 1:
            del some[chance.randrange(len(some)) :]
        case 2:
            some += bytes(chance.choice((1, 64, 5000)))
        case 3:
            at, length = chance.randrange(len(some)), chance.choice((1, 8, 200))
            del some[at : at + length]
    return bytes(some)


KINDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "manifest": _manifest,
    "header": _header,
    "model": _model,
    "weights": _weights,
    "text": _text,
    "bytes": _bytes,
}
