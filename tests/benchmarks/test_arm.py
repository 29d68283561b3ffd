"""Loops are found in assembly as compilers write it; the layers of the predicted networks are what they are."""

from __future__ import annotations

import pytest

from benchmarks.arm.inner_loops import inner_loops, largest_loop
from benchmarks.arm.layer_shapes import mobilenet_v2, resnet_50
from benchmarks.arm.predict import CORES, panels

ASSEMBLY = """\
	.text
_ZN5nnapi4host12_GLOBAL__N_14tileILi6EEEvv:
	mov	x0, 0
.L1:
	ldr	q0, [x1]
.L2:
	ldr	q1, [sp, 16]
	fmla	v2.4s, v1.4s, v0.s[0]
	fmla	v3.4s, v1.4s, v0.s[1]
	cbz	x5, .L3
	sdot	v4.4s, v1.16b, v0.4b[2]
.L3:
	subs	x2, x2, 1
	bne	.L2
	fmla	v2.4s, v1.4s, v0.s[0]
	b	.L1
"""


def test_the_innermost_loop_is_found_with_its_branches() -> None:
    (loop,) = inner_loops(ASSEMBLY)
    assert loop.products == {"fmla": 2, "sdot": 1} and loop.count == 3
    assert len(loop.instructions) == 7 and loop.spills == 1
    assert largest_loop([loop], "tile<6>") is loop
    with pytest.raises(KeyError, match="no loop of tile<5>"):
        largest_loop([loop], "tile<5>")


def test_networks_have_as_many_products_as_published() -> None:
    assert sum(layer.products for layer in mobilenet_v2()) == 300_774_272
    assert sum(layer.products for layer in resnet_50()) == 4_089_184_256


@pytest.mark.parametrize(
    ("outputs", "widths"), [(16, [4]), (24, [3, 3]), (1, [1]), (72, [3, 4, 3, 4, 4])]
)
def test_panels_are_cut_as_the_runtime_cuts_them(outputs: int, widths: list[int]) -> None:
    assert panels(outputs) == widths


def test_every_core_says_what_it_multiplies() -> None:
    for core in CORES.values():
        assert core.clock > 0 and core.tiles and all(rate > 0 for rate in core.rates.values())
