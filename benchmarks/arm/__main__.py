"""Cycles of the innermost loops on cores of 64-bit Arm, by llvm-mca, and what follows for two networks: *predicted*.

    python -m benchmarks.arm            # prints the tables
    python -m benchmarks.arm --write    # and puts them into docs/arm.md

Compiles the loops anew, which takes a few minutes. Needs g++-aarch64-linux-gnu and an llvm-mca (llvm-19).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.arm.inner_loops import RUNTIME, InnerLoop, assembly, inner_loops
from benchmarks.arm.predict import CORES, NETWORK_SETS, PREDICTED, milliseconds, share, tile_loop
from benchmarks.generated_sections import replace_between_marks

PAGE = Path(__file__).parents[2] / "docs" / "arm.md"
FILES = {"neon": "neon", "dotprod": "dot_product", "i8mm": "i8mm"}


def loops_of_all(folder: Path | None) -> dict[str, list[InnerLoop]]:
    """By instruction set; compiled, or read where ``folder`` has them already."""
    made = {}
    for name, file in FILES.items():
        source = RUNTIME / "src/host/kernels/simd/arm" / f"{file}.cpp"
        text = (folder / f"{file}.s").read_text() if folder else assembly(source)
        made[name] = inner_loops(text)
    return made


def loop_table(loops: dict[str, list[InnerLoop]]) -> str:
    lines = ["| core | loop | tile | cycles | products | of the limit | instructions | spills |"]
    lines += ["|---|---|---|--:|--:|--:|--:|--:|"]
    for core in CORES.values():
        for kind, instruction_set, vectors in core.tiles:
            loop, rows = tile_loop(loops[instruction_set], kind, instruction_set, vectors)
            taken, limit = share(loop, core)
            lines.append(
                f"| {core.title} | {instruction_set}, {kind} | {rows} x {4 * vectors} | {taken:.1f} | {loop.count} | "
                f"{limit:.0%} | {len(loop.instructions)} | {loop.spills} |"
            )
    return "\n".join(lines)


def network_table(loops: dict[str, list[InnerLoop]]) -> str:
    lines = [
        "| core, one thread | network | float32 | 8 bits | float32 : 8 bits |",
        "|---|---|--:|--:|--:|",
    ]
    for name, (floats, steps) in NETWORK_SETS.items():
        core = CORES[name]
        for network, layers in PREDICTED.items():
            float_time = milliseconds(layers(), loops[floats], "float", floats, core)
            step_time = milliseconds(layers(), loops[steps], "bytes", steps, core)
            lines.append(
                f"| {core.title} at {core.clock} GHz | {network} | {float_time:.1f} ms | {step_time:.1f} ms ({steps}) "
                f"| {float_time / step_time:.1f} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/arm.md")
    parser.add_argument(
        "--assembly", type=Path, help="a folder with neon.s and so on, compiled before"
    )
    arguments = parser.parse_args()
    loops = loops_of_all(arguments.assembly)
    tables = {"loops": loop_table(loops), "networks": network_table(loops)}
    for name, table in tables.items():
        print(table, end="\n\n")
        if arguments.write:
            replace_between_marks(PAGE, name, table)


if __name__ == "__main__":
    main()
