"""Conversion stays cheap: what is imported, and what is held in memory."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.conversion import LAYERS, Cost, measured, row


def test_the_package_is_imported_without_torch_or_numpy() -> None:
    program = "import sys, nnapi_core; print({'torch', 'numpy', 'sympy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_one_layer_at_a_time_is_in_memory() -> None:
    figures = measured("198 MB of convolutions, `convert` and `.nnapi`")
    layer = 512 * 512 * 9 * 4 / 1e6
    assert "failed" not in figures
    assert figures["megabytes"] < 2 * layer < LAYERS * layer


def test_cost_sees_memory_and_time() -> None:
    with Cost() as cost:
        block = bytearray(30_000_000)
        block[::4096] = b"x" * len(block[::4096])
    assert 25 < cost.megabytes < 60
    assert 0 <= cost.seconds < 60


def test_a_failure_is_a_row_with_its_reason() -> None:
    assert measured("no such task")["failed"].startswith("KeyError")
    assert "failed: out of luck" in row("x", {"failed": "out of luck"})
