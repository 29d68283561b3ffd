"""Compilation caches: packed weights come back as they were; damaged and hostile files are as none."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime import c_api
from tests.runtime.c_api import Model, codes, good, set_input, set_output

TOKEN = bytes(range(32))
SHAPE = (1, 6, 5, 8)
HEADER = "<8sQQQQ24x"  # magic, key, bytes of the file, pieces, checksum
HEADER_BYTES = struct.calcsize(HEADER)


def convolved(directory: Path, seed: int = 0, token: bytes = TOKEN) -> np.ndarray[Any, Any]:
    """Compiles two convolutions with a cache, and computes once."""
    generator = np.random.default_rng(seed)

    def random(*shape: int) -> np.ndarray[Any, Any]:
        return generator.standard_normal(shape).astype("f4")

    model = Model()
    x = model.floats(*SHAPE)
    y = x
    weights = [random(16, 3, 3, 8), random(8, 1, 1, 16)]
    for weight in weights:
        out = model.floats(*SHAPE[:3], weight.shape[0])
        operands = [
            y,
            *(
                model.constant(codes.TENSOR_FLOAT32, one)
                for one in (weight, weight[:, 0, 0, 0].copy())
            ),
        ]
        operands += [model.int32(number) for number in (1, 1, 1, 0)]
        model.operation("CONV_2D", operands, [out])
        y = out
    model.finish([x], [y])
    return computed_once(model, directory, token, SHAPE, (*SHAPE[:3], 8))


def computed_once(
    model: Model,
    directory: Path,
    token: bytes,
    shape: tuple[int, ...],
    result_shape: tuple[int, ...],
) -> np.ndarray[Any, Any]:
    """Compiles with a cache, and computes on one fixed input."""
    handle = c_api.new_compilation(model)
    good("Compilation_setCaching", handle, str(directory).encode(), token)
    good("Compilation_finish", handle)
    result = np.zeros(result_shape, "f4")
    with c_api.execution(handle) as run:
        set_input(run, 0, np.random.default_rng(1).standard_normal(shape).astype("f4"))
        set_output(run, 0, result)
        good("Execution_compute", run)
    was_mapped.seen = str(directory) in Path("/proc/self/maps").read_text()  # type: ignore[attr-defined]
    c_api.free("Compilation", handle)
    model.free()
    return result


def was_mapped() -> bool:
    """Was a file of the cache in memory during the last computation?"""
    return bool(was_mapped.seen)  # type: ignore[attr-defined]


def file_in(directory: Path) -> Path:
    (file,) = directory.iterdir()
    return file


def hash64(*parts: bytes) -> int:
    """The library's own hash: with it, files can be forged whose checksum is right."""
    value = 0xCBF29CE484222325

    def mix(value: int, word: int) -> int:
        value = ((value ^ word) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        return value ^ (value >> 29)

    for part in parts:
        value = mix(value, len(part))
        at = 0
        if len(part) >= 256:
            chains = [1, 2, 3, 4]
            for at in range(0, len(part) - 31, 32):
                words = struct.unpack_from("<4Q", part, at)
                chains = [mix(*pair) for pair in zip(chains, words, strict=True)]
            at += 32
            for chain in chains:
                value = mix(value, chain)
        while len(part) - at >= 8:
            value = mix(value, struct.unpack_from("<Q", part, at)[0])
            at += 8
        value = mix(value, int.from_bytes(part[at:], "little"))
    return value


def forged(content: bytes, **changes: int) -> bytes:
    """The file with other header fields, or another first place, and a checksum that agrees."""
    magic, key, size, pieces, _ = struct.unpack_from(HEADER, content)
    body = bytearray(content[HEADER_BYTES:])
    for name, place in (("offset", 0), ("bytes", 8)):
        if name in changes:
            struct.pack_into("<Q", body, place, changes[name])
    head = struct.pack(
        "<8sQQQ", magic, key, changes.get("size", size), changes.get("pieces", pieces)
    )
    return head + struct.pack("<Q24x", hash64(head, bytes(body))) + bytes(body)


def test_packed_weights_come_from_the_cache(tmp_path: Path) -> None:
    first = convolved(tmp_path)
    assert not was_mapped()
    file = file_in(tmp_path)
    assert TOKEN.hex() in file.name
    written = file.stat()
    assert written.st_size > 4 * (16 * 72 + 8 * 16)
    np.testing.assert_array_equal(convolved(tmp_path), first)
    assert was_mapped()
    assert file.stat().st_mtime_ns == written.st_mtime_ns


def test_the_forger_knows_the_checksum(tmp_path: Path) -> None:
    """Else the tests of forged files would test nothing."""
    convolved(tmp_path)
    content = file_in(tmp_path).read_bytes()
    assert forged(content) == content


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": 1 << 63},
        {"offset": (1 << 64) - 64},
        {"offset": 65},
        {"bytes": 1 << 63},
        {"bytes": (1 << 64) - 1},
        {"pieces": 1 << 60},
        {"pieces": (1 << 64) - 1},
        {"size": 64},
        {"size": 1 << 40},
    ],
)
def test_forged_places_are_refused(changes: dict[str, int], tmp_path: Path) -> None:
    expected = convolved(tmp_path)
    file = file_in(tmp_path)
    content = file.read_bytes()
    file.write_bytes(forged(content, **changes))
    np.testing.assert_array_equal(convolved(tmp_path), expected)
    assert not was_mapped()
    assert file.read_bytes() == content, "a useless file is written anew"


@pytest.mark.parametrize("changes", [{"pieces": 1}, {"pieces": 0}, {"bytes": 64}])
def test_other_pieces_than_the_model_packs_are_left_aside(
    changes: dict[str, int], tmp_path: Path
) -> None:
    expected = convolved(tmp_path)
    file = file_in(tmp_path)
    content = file.read_bytes()
    file.write_bytes(forged(content, **changes))
    np.testing.assert_array_equal(convolved(tmp_path), expected)
    assert file.read_bytes() == content


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_as_none(tmp_path: Path, data: st.DataObject) -> None:
    expected = convolved(tmp_path)
    file = file_in(tmp_path)
    content = file.read_bytes()
    if data.draw(st.booleans(), "truncated"):
        damaged = content[: data.draw(st.integers(0, len(content) - 1), "length")]
    else:
        at = data.draw(st.integers(0, len(content) - 1), "place")
        if HEADER_BYTES - 24 <= at < HEADER_BYTES:
            at = 0  # the unused rest of the header may hold anything
        flipped = content[at] ^ data.draw(st.integers(1, 255), "bits")
        damaged = content[:at] + bytes([flipped]) + content[at + 1 :]
    file.write_bytes(damaged)
    np.testing.assert_array_equal(convolved(tmp_path), expected)
    assert not was_mapped()
    assert file.read_bytes() == content


def test_shared_weights_are_kept_once(tmp_path: Path) -> None:
    steps, width = 6, 32
    weight = np.random.default_rng(0).standard_normal((width, width)).astype("f4")

    def computed() -> np.ndarray[Any, Any]:
        model = Model()
        x = model.floats(4, width)
        matrix = model.constant(codes.TENSOR_FLOAT32, weight)
        bias = model.constant(codes.TENSOR_FLOAT32, np.zeros(width, "f4"))
        y = x
        for _ in range(steps):
            out = model.floats(4, width)
            model.operation("FULLY_CONNECTED", [y, matrix, bias, model.int32(0)], [out])
            y = out
        model.finish([x], [y])
        return computed_once(model, tmp_path, TOKEN, (4, width), (4, width))

    first = computed()
    packed = steps * weight.nbytes
    assert weight.nbytes < file_in(tmp_path).stat().st_size < packed / 2
    np.testing.assert_array_equal(computed(), first)
    assert was_mapped()


def test_another_model_under_the_same_token_is_right(tmp_path: Path) -> None:
    one, other = convolved(tmp_path), convolved(tmp_path, seed=7)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(convolved(tmp_path), one)


@pytest.mark.parametrize("obstacle", ["folder", "fifo", "link into nowhere", "empty"])
def test_what_is_no_file_is_as_none(obstacle: str, tmp_path: Path) -> None:
    place = tmp_path / f"{TOKEN.hex()}.nnapi-cache"
    if obstacle == "folder":
        place.mkdir()
    elif obstacle == "fifo":
        os.mkfifo(place)
    elif obstacle == "empty":
        place.touch()
    else:
        place.symlink_to(tmp_path / "nowhere" / "file")
    (tmp_path / "other").mkdir()
    np.testing.assert_array_equal(convolved(tmp_path), convolved(tmp_path / "other"))
    assert [one.name for one in tmp_path.iterdir() if one.name not in (place.name, "other")] == []


def test_other_instructions_do_not_take_it_for_theirs(tmp_path: Path) -> None:
    expected = convolved(tmp_path)
    program = (
        "from pathlib import Path; import numpy as np; import sys;"
        "from tests.runtime.weights.test_compilation_cache import convolved, was_mapped;"
        "result = convolved(Path(sys.argv[1])); assert not was_mapped();"
        "np.save(Path(sys.argv[1]) / 'result.npy', result)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "NNAPI_HOST_ISA": "portable"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result = np.load(tmp_path / "result.npy")
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)
