"""From cycles of loops to times of networks. Nothing here was measured on an Arm core."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.arm.inner_loops import InnerLoop, cycles, largest_loop
from benchmarks.arm.layer_shapes import NETWORKS, Layer

PREDICTED: dict[str, Callable[[], list[Layer]]] = NETWORKS
LANES = 4
VECTORS = 4  # of the widest panel
BYTES_IN_A_NANOSECOND = 8.0  # that one core reads from memory which is not near

# Rows of the tallest tiles by the vectors of a panel, as the instruction sets' files have them.
FLOAT_ROWS = {1: 8, 2: 8, 3: 7, 4: 6}
BYTE_ROWS = {
    "neon": {1: 8, 2: 6, 3: 5, 4: 4},
    "dotprod": {1: 8, 2: 8, 3: 7, 4: 6},
    "i8mm": {1: 8, 2: 8, 3: 6, 4: 6},
}


@dataclass(frozen=True)
class Core:
    """A core, as a model that LLVM has describes it.

    title: the core's name, and in brackets what shares the model.
    model: llvm-mca's name of it.
    clock: in GHz, as phones have it.
    rates: multiplications of whole vectors that it can start in a cycle, by instruction. Where a multiplication needs
        an addition beside it in the same pipe, half as many.
    outside: instructions in a cycle outside of the innermost loops, where the model is not asked.
    tiles: which loops are of interest: kind, instruction set, vectors of the panel.
    """

    title: str
    model: str
    clock: float
    rates: dict[str, float]
    outside: float
    tiles: list[tuple[str, str, int]] = field(default_factory=list)


ELDER = [("float", "neon", 4), ("float", "neon", 3), ("bytes", "neon", 4), ("bytes", "neon", 3)]
WITH_DOT = [("float", "dotprod", 4), ("float", "dotprod", 3)]
WITH_DOT += [("bytes", "dotprod", 4), ("bytes", "dotprod", 3)]
WITH_I8MM = [("float", "i8mm", 4), ("bytes", "i8mm", 4), ("bytes", "i8mm", 3)]

CORES = {
    # Its pipes are 64 bits wide: a vector takes both.
    "a53": Core("Cortex-A53", "cortex-a53", 1.8, {"fmla": 1, "smull": 0.5}, 1, ELDER),
    "a57": Core("Cortex-A57 (A72)", "cortex-a57", 2.4, {"fmla": 1, "smull": 1}, 2, ELDER),
    # LLVM's model starts two multiplications of whole vectors at once, which Arm's core cannot; so
    # no loop counts as faster than one in a cycle.
    "a55": Core("Cortex-A55", "cortex-a55", 2.0, {"fmla": 1, "sdot": 1}, 1, WITH_DOT),
    "a76": Core(
        "Neoverse N1 (Cortex-A76)", "neoverse-n1", 2.6, {"fmla": 2, "sdot": 2}, 2, WITH_DOT
    ),
    "n2": Core(
        "Neoverse N2 (Cortex-A710)",
        "neoverse-n2",
        2.8,
        {"fmla": 2, "sdot": 2, "smmla": 2},
        2,
        WITH_I8MM,
    ),
}

# Which of a core's instruction sets make the two kinds of results.
NETWORK_SETS = {
    "a53": ("neon", "neon"),
    "a57": ("neon", "neon"),
    "a55": ("dotprod", "dotprod"),
    "a76": ("dotprod", "dotprod"),
    "n2": ("i8mm", "i8mm"),
}


def tile_loop(
    loops: list[InnerLoop], kind: str, instruction_set: str, vectors: int
) -> tuple[InnerLoop, int]:
    """The main loop of the tallest tile for a panel of so many vectors, and the tile's rows."""
    rows = (FLOAT_ROWS if kind == "float" else BYTE_ROWS[instruction_set])[vectors]
    if kind == "float":
        name = f"float_tile<true, {rows}, {vectors}, false>"
    elif instruction_set == "i8mm":
        name = f"matrix_tile<true, {rows}, {vectors}>"
    else:
        name = f"byte_tile<true, {rows}, {vectors}, false>"
    return largest_loop(loops, name), rows


def share(loop: InnerLoop, core: Core) -> tuple[float, float]:
    """Cycles of a pass, and the share of the core's multiplications that they make use of."""
    least = sum(count / core.rates.get(name, 1) for name, count in loop.products.items())
    taken = max(cycles(loop, core.model), least)
    return taken, least / taken


def panels(outputs: int) -> list[int]:
    """Vectors of each panel, as matmul/weight_panels.cpp cuts them."""
    vectors = math.ceil(outputs / LANES)
    count = math.ceil(vectors / VECTORS)
    edges = [panel * vectors // count for panel in range(count + 1)]
    return [after - before for before, after in itertools.pairwise(edges)]


def milliseconds(
    layers: list[Layer], loops: list[InnerLoop], kind: str, instruction_set: str, core: Core
) -> float:
    """Of all convolutions, one after the other on one thread. Memory is near, but for the weights of fully connected
    layers; what is between convolutions does not count."""
    total = sum(layer_cycles(layer, loops, kind, instruction_set, core) for layer in layers)
    return total / (core.clock * 1e6)


def layer_cycles(
    layer: Layer, loops: list[InnerLoop], kind: str, instruction_set: str, core: Core
) -> float:
    if layer.depthwise:
        return depthwise_cycles(layer, loops, kind, instruction_set, core)
    if layer.size == 1:  # each weight is read, and used once
        return layer.products * (4 if kind == "float" else 1) / BYTES_IN_A_NANOSECOND * core.clock
    # Few channels: neighbouring taps count as one.
    wide = layer.window if layer.inputs < 2 * LANES else 1
    depth, taps = layer.inputs * wide, layer.window**2 // wide
    step = LANES if kind == "float" else 8 if instruction_set == "neon" else 16
    total = 0.0
    for vectors in panels(layer.outputs):
        loop, rows = tile_loop(loops, kind, instruction_set, max(vectors, 2))
        # A rest of the depth counts as a pass, a rest of the pixels as its share of a tile.
        passes = taps * math.ceil(depth / step)
        tile = passes * share(loop, core)[0] + around(kind, rows, max(vectors, 2)) / core.outside
        total += tile * layer.size**2 / rows
    return total


def around(kind: str, rows: int, vectors: int) -> int:
    """Instructions of a tile around its loop, as the source has them: each sum's start, scaling, clamps and store; each
    row's addresses, and of 8 bits its packing; and what leads to the tile."""
    of_sums, of_rows = (4, 4) if kind == "float" else (5, 14)
    return rows * (of_sums * vectors + of_rows) + 40


def depthwise_cycles(
    layer: Layer, loops: list[InnerLoop], kind: str, instruction_set: str, core: Core
) -> float:
    """By the loops for rows of 3x3 windows, or by strips of four pixels."""
    pixels = layer.size**2
    if kind == "float":
        # Of the nine products of a window, two begin a sum.
        loop = widest(loops, r"float_rows?\b|FloatRowBlock<true, \d>::run", "fmla")
        outputs, width = loop.products["fmla"] / 7, LANES
    elif instruction_set == "neon":
        # Each pass is one tap of four pixels.
        loop = widest(loops, r"neon_byte_strip", "smlal")
        outputs, width = loop.products["smlal"] / (4 * layer.window**2), 16
    else:
        loop = widest(loops, r"dot_byte_row|DotColumns<true>::run", "sdot")
        outputs, width = loop.products["sdot"] / 12, 16
    return cycles(loop, core.model) / outputs * pixels * math.ceil(layer.outputs / width)


def widest(loops: list[InnerLoop], function: str, instruction: str) -> InnerLoop:
    """The loop that multiplies most among those of such functions. Raises KeyError without one."""
    fitting = [
        loop
        for loop in loops
        if re.search(function, loop.function) and instruction in loop.products
    ]
    if not fitting:
        raise KeyError(f"no loop of {function} has {instruction}")
    return max(fitting, key=lambda loop: loop.count)
