"""Damaged model words are refused with one error, or they run: nothing crashes, hangs or takes all memory."""

from __future__ import annotations

import json
import os
import random
import resource
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nnapi_runtime import Executor, ModelError, NnapiError
from tests.runtime import small_models
from tests.runtime.small_models import Packed, pack

SAMPLES = {
    "dense": lambda: pack(small_models.dense()),
    "dynamic": lambda: pack(small_models.dense(None)),
    "version2": lambda: pack(small_models.conv(), version=2),
    "per_channel": lambda: pack(small_models.quantised_conv()),
    "submodels": lambda: pack(small_models.choice()),
}
INTERESTING = (0, 1, 2, 0x7F, 0xFF, 0xFFFF, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)


def survive(words: bytes, weights: list[np.ndarray]) -> str:
    """Reads, compiles and runs the words: "refused" or "ran"."""
    try:
        executor = Executor(words, weights)
        inputs = []
        for border in executor.inputs:
            shape = [2 if dim is None else dim for dim in border.shape or ()]
            if np.prod(shape, dtype=np.float64) > 1e6:
                return "refused"
            inputs.append(np.zeros(shape, border.dtype))
        executor.run(inputs)
    except NnapiError:
        return "refused"
    return "ran"


def damaged(sample: Packed, seed: int, count: int) -> list[bytes]:
    """Every word replaced by values that are likely to hurt, and random changes of several bytes."""
    words, variants = sample.words, []
    for position in range(0, len(words), 4):
        old = struct.unpack_from("<I", words, position)[0]
        for value in {*INTERESTING, old + 1 & 0xFFFFFFFF, old - 1 & 0xFFFFFFFF} - {old}:
            variants.append(words[:position] + struct.pack("<I", value) + words[position + 4 :])
    dice = random.Random(seed)
    for _ in range(count):
        changed = bytearray(words)
        for _ in range(dice.choice((1, 1, 1, 2, 4, 16))):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        variants.append(bytes(changed))
    return variants


def main(name: str, count: int) -> None:
    """In a process of its own: prints how many variants were refused and how many ran."""
    if "libasan" not in os.environ.get("LD_PRELOAD", ""):  # which reserves terabytes
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    sample = SAMPLES[name]()
    outcomes = {"refused": 0, "ran": 0}
    truncated = [sample.words[:length] for length in range(len(sample.words))]
    for words in truncated:
        outcome = survive(words, sample.weights)
        assert outcome == "refused", f"ran when cut to {len(words)} bytes"
    for words in [sample.words, *damaged(sample, seed=len(name), count=count)]:
        outcomes[survive(words, sample.weights)] += 1
    print(json.dumps({"truncated": len(truncated), **outcomes}))


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_words_are_refused_or_run(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.runtime.loader.test_reader", name, "2000"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert run.returncode == 0, run.stderr[-3000:]
    counts = json.loads(run.stdout)
    print(name, counts)
    assert counts["truncated"] > 100
    assert counts["refused"] > 1000
    assert counts["ran"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (b"", "end at byte 0, within the version"),
        (struct.pack("<i", 3), "version 3; versions 1 and 2"),
        (struct.pack("<6i", 1, 1 << 24, 0, 0, 0, 0), "16777216 as the number of operands"),
        (struct.pack("<6i", 1, -1, 0, 0, 0, 0), "4294967295 as the number of operands"),
        (struct.pack("<6i", 1, 9, 0, 0, 0, 0), "within the operands: 9 times 16 bytes"),
        (struct.pack("<6iiIfi", 1, 1, 0, 0, 0, 0, 3, 0xFFFFFFFF, 0, 0), "within the dimensions"),
        (struct.pack("<6iI", 1, 0, 0, 0, 1, 0, 7), "operand 7 is named by the model's inputs"),
        (struct.pack("<2i", 2, 0), "announce no model"),
    ],
)
def test_errors_say_where(words: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Executor(words, [])


def value_words(source: int, content: bytes, *, twice: bool = False) -> bytes:
    """Version 2, one model: an operand of one float, and its value."""
    n = 2 if twice else 1
    head = struct.pack("<2i6i", 2, 1, 1, n, 0, 0, 0, 0) + struct.pack("<iIfi", 3, 1, 0, 0)
    value = struct.pack("<iiI", 0, source, len(content))
    return head + value * n + struct.pack("<I", 1) + content * n


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (value_words(3, b""), "operand 0 has the unknown source 3"),
        (value_words(0, b"abcd", twice=True), "operand 0 is given twice"),
        (value_words(2, b"abcd"), "data of 4 bytes; its source .2. has 12"),
        (value_words(2, struct.pack("<3I", 1, 0, 4)), "in weight 1; there are 1"),
        (value_words(2, struct.pack("<3I", 0, 0xFFFFFFFC, 8)), "8 bytes from byte 4294967292"),
        (value_words(2, struct.pack("<3I", 0, 2, 4)), "not start at a multiple of its 4-byte"),
        (value_words(5, struct.pack("<I", 0)), "is model 0; it must come after model 0"),
        (value_words(5, struct.pack("<I", 1)), "there are 1"),
    ],
)
def test_values_are_checked(words: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Executor(words, [np.zeros(16, np.uint8)])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
