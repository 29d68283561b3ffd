"""The innermost loops of an instruction set's file, as its compiler wrote them, and their cycles by llvm-mca."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "nnapi_runtime"
COMPILER = "aarch64-linux-gnu-g++"
# As CMakeLists.txt has them.
FLAGS = ["-std=c++20", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC"]
FLAGS += ["-fvisibility=hidden", "-fvisibility-inlines-hidden"]
NEWEST_LLVM, OLDEST_LLVM = 30, 14
ITERATIONS = 100
PRODUCTS = re.compile(r"\s(fmla|sdot|smmla|smull|smlal)2?\s")


@dataclass(frozen=True)
class InnerLoop:
    """A loop without another one in it.

    function: its demangled name, without the names of spaces and without parameters.
    products: multiplications in one pass, by instruction.
    instructions: the text of one pass.
    """

    function: str
    products: dict[str, int]
    instructions: tuple[str, ...]

    @property
    def count(self) -> int:
        return sum(self.products.values())

    @property
    def spills(self) -> int:
        """Accesses of the stack."""
        return sum("[sp" in line or "[x29" in line for line in self.instructions)


def tool(names: list[str], package: str) -> str:
    """The first of the tools that is installed. Raises SystemExit if none is, with what to install."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise SystemExit(f"{names[0]} is missing: apt-get install {package}")


def assembly(source: Path) -> str:
    """What the cross compiler makes of one of the runtime's files."""
    compiler = tool([COMPILER], "g++-aarch64-linux-gnu")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "loops.s"
        includes = [f"-I{RUNTIME / 'src'}", f"-I{RUNTIME / 'include'}"]
        subprocess.run(
            [compiler, *FLAGS, *includes, "-S", str(source), "-o", str(target)], check=True
        )
        return target.read_text()


def demangled(names: list[str]) -> list[str]:
    command = [tool(["aarch64-linux-gnu-c++filt", "c++filt"], "binutils")]
    run = subprocess.run(
        command, input="\n".join(names), capture_output=True, text=True, check=True
    )
    spaces = re.compile(r"nnapi::host::(\(anonymous namespace\)::)?")
    return [
        spaces.sub("", line).split("(")[0].removeprefix("void ") for line in run.stdout.splitlines()
    ]


def inner_loops(text: str) -> list[InnerLoop]:
    """All innermost loops of compiled code that multiply."""
    found: list[tuple[str, dict[str, int], tuple[str, ...]]] = []
    for part in re.split(r"^(?=_Z\w+:)", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        labels: dict[str, int] = {}
        ends: dict[int, int] = {}  # of loops, by where they begin
        for number, line in enumerate(lines):
            if label := re.match(r"(\.L\w+):", line):
                labels[label[1]] = number
            jump = re.match(r"\s+(?:b\.?\w*|cbn?z|tbn?z)\s.*?(\.L\w+)\s*$", line)
            if jump and jump[1] in labels:
                ends[labels[jump[1]]] = number
        bodies = [
            tuple(filter(is_instruction, lines[begin : end + 1]))
            for begin, end in ends.items()
            if not any(begin < other < end for other in ends)
        ]
        for instructions in bodies:
            products: dict[str, int] = {}
            for line in instructions:
                if match := PRODUCTS.search(line):
                    products[match[1]] = products.get(match[1], 0) + 1
            if products:
                found.append((lines[0].rstrip(":"), products, instructions))
    names = demangled([name for name, *_ in found])
    return [InnerLoop(name, *rest) for name, (_, *rest) in zip(names, found, strict=True)]


def is_instruction(line: str) -> bool:
    return line.startswith("\t") and not line.startswith("\t.")


def largest_loop(loops: list[InnerLoop], function: str) -> InnerLoop:
    """The loop of a function that multiplies most. Raises KeyError without one."""
    fitting = [loop for loop in loops if loop.function == function]
    if not fitting:
        raise KeyError(f"no loop of {function} multiplies")
    return max(fitting, key=lambda loop: loop.count)


def cycles(loop: InnerLoop, core: str) -> float:
    """Of one pass on a core that LLVM has a model of, where all passes follow each other and memory is near."""
    return cycles_of("\n".join(loop.instructions), core)


@cache
def cycles_of(text: str, core: str) -> float:
    numbers = range(NEWEST_LLVM, OLDEST_LLVM - 1, -1)
    command = [tool([f"llvm-mca-{number}" for number in numbers] + ["llvm-mca"], "llvm-19")]
    command += ["-mtriple=aarch64-linux-gnu", f"-mcpu={core}", "-mattr=+dotprod,+i8mm"]
    command += [f"-iterations={ITERATIONS}", "-instruction-info=false", "-resource-pressure=false"]
    run = subprocess.run(command, input=text + "\n", capture_output=True, text=True, check=True)
    total = re.search(r"Total Cycles:\s+(\d+)", run.stdout)
    assert total, run.stdout
    return int(total[1]) / ITERATIONS
