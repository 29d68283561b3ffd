"""Programs compute what TorchScript computes from their text, let go what they need no more, and end in time."""

from __future__ import annotations

import math  # noqa: F401 - TorchScript finds the texts' `math` in the caller's frame
import signal
import subprocess
import sys
import time
import warnings
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_runtime.errors import NnapiError
from nnapi_runtime.torch_program import TorchProgram
from tests.runtime.torch_program.texts import ENDLESS, HEAD, LOOP, TEXTS, arguments


def in_torchscript(text: str, inputs: Sequence[Any], weights: Sequence[Any]) -> list[torch.Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results: list[torch.Tensor] = torch.jit.CompilationUnit(text).run(*inputs, list(weights))
    return results


def same(found: Sequence[torch.Tensor], expected: Sequence[torch.Tensor]) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert (a.dtype, a.shape, a.stride()) == (b.dtype, b.shape, b.stride())
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", TEXTS)
def test_as_in_torchscript(name: str) -> None:
    inputs, weights = arguments()
    program = TorchProgram.parse(TEXTS[name], name)
    for factor in (1, -1, 0):
        given = [one * factor for one in inputs]
        same(program(given, weights), in_torchscript(TEXTS[name], given, weights))


# ---- random programs

_UNARY = [
    "neg",
    "sin",
    "relu",
    "abs",
    "sigmoid",
    "cumsum(dim=0)",
    "t",
    "contiguous",
    "flip(dims=[0])",
]
_BINARY = ["add", "sub", "mul", "maximum", "minimum", "atan2"]


class Drawn:
    """A random program over square matrices, as the converter would write it."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.count = 1

    def new(self) -> str:
        self.count += 1
        return f"v{self.count}_a"

    def one_of(self, values: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(values))

    def operand(self, names: list[str]) -> str:
        return str(self.one_of([*names, *names, "weights[0]", "weights[1]", "v1_x.contiguous()"]))

    def number(self, names: list[str], depth: int = 2) -> str:
        if depth == 0 or self.draw(st.booleans()):
            return str(
                self.one_of(["-3", "2", "7", f"{self.one_of(names)}.size(0)", "v1_x.size(1)"])
            )
        a, b = self.number(names, depth - 1), self.number(names, depth - 1)
        sign = self.one_of(["+", "-", "*", "min", "max", "//", "%"])
        if sign in ("//", "%"):
            return f"({a} {sign} 3)"
        return f"{sign}({a}, {b})" if sign in ("min", "max") else f"({a} {sign} {b})"

    def operation(self, names: list[str]) -> str:
        match self.draw(st.integers(0, 4)):
            case 0:
                name, _, rest = self.one_of(_UNARY).partition("(")
                given = f", {rest}" if rest else ")"
                return f"torch.ops.aten.{name}({self.operand(names)}{given}"
            case 1 | 2:
                name = self.one_of(_BINARY)
                return f"torch.ops.aten.{name}({self.operand(names)}, other={self.operand(names)})"
            case 3:
                return f"torch.ops.aten.add({self.operand(names)}, other={self.number(names)})"
        return f"torch.ops.aten.max({self.operand(names)}, dim=1, keepdim=True)[0].contiguous()"

    def block(self, names: list[str], depth: int) -> list[str]:
        """Statements; their names join ``names``."""
        lines: list[str] = []
        for _ in range(self.draw(st.integers(1, 4))):
            kind = self.draw(st.integers(0, 5)) if depth else 0
            if kind < 4:
                name = self.new()
                lines.append(f"{name} = {self.operation(names)}")
                names.append(name)
            elif kind == 4:
                lines += self.choice(names, depth - 1)
            else:
                lines += self.loop(names, depth - 1)
        return lines

    def choice(self, names: list[str], depth: int) -> list[str]:
        results = [self.new(), self.new()]
        lines = []
        sign, limit = self.one_of(["<", "==", ">="]), self.one_of([-2, 0, 4])
        tested = self.one_of(
            [f"torch.ops.aten.gt(torch.ops.aten.sum({self.one_of(names)}), other={limit})",
             f"({self.number(names)} {sign} {limit})"]
        )  # fmt: skip
        for head in (f"if bool({tested}):", "else:"):
            inner = list(names)
            body = self.block(inner, depth)
            body += [f"{one} = {self.one_of(inner)}" for one in results]
            lines += [head, *(f"    {line}" for line in body)]
        names += results
        return lines

    def loop(self, names: list[str], depth: int) -> list[str]:
        step, first, second, going = (self.new() for _ in range(4))
        lines = [
            f"{step} = torch.ops.aten.full(torch.jit.annotate(List[int], []), fill_value=0)",
            f"{first} = {self.one_of(names)}",
            f"{second} = {self.one_of(names)}",
            f"{going} = bool(torch.ops.aten.lt({step}, other=3))",
            f"while {going}:",
        ]
        inner = [*names, first, second]
        body = self.block(inner, depth)
        body.append(
            f"{step}, {first}, {second} = torch.ops.aten.add({step}, other=1), {second}, {self.one_of(inner)}"
        )
        body.append(f"{going} = bool(torch.ops.aten.lt({step}, other=3))")
        names += [first, second]
        return [*lines, *(f"    {line}" for line in body)]


@st.composite
def programs(draw: Any) -> str:
    drawn = Drawn(draw)
    names = ["v1_x"]
    lines = drawn.block(names, 2)
    results = ", ".join(draw(st.lists(st.sampled_from(names), min_size=1, max_size=4)))
    lines.append(f"return torch.jit.annotate(List[Tensor], [{results}])")
    return HEAD + "".join(f"    {line}\n" for line in lines)


@given(text=programs())
def test_random_programs(text: str) -> None:
    some = torch.Generator().manual_seed(0)
    x, *weights = (torch.randn(3, 3, generator=some) for _ in range(3))
    try:
        expected = in_torchscript(text, [x], weights)
    except RuntimeError:
        # Its shapes do not fit: then they fit nobody.
        with pytest.raises(NnapiError):
            TorchProgram.parse(text, "random")([x], weights)
        return
    same(TorchProgram.parse(text, "random")([x], weights), expected)


# ---- memory, time, errors


def test_what_is_needed_no_more_is_let_go() -> None:
    lines = [
        f"    v{i}_a = torch.ops.aten.add(v{i - 1}_{'a' if i > 2 else 'x'}, other=1)\n"
        for i in range(2, 40)
    ]
    text = f"{HEAD}{''.join(lines)}    return torch.jit.annotate(List[Tensor], [v39_a])\n"
    program = TorchProgram.parse(text, "chain")
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0

    def watched(step: Any) -> Any:
        def call(*given: Any) -> Any:
            nonlocal most
            most = max(most, sum(one() is not None for one in alive))
            made = step.call(*given)
            alive.append(weakref.ref(made))
            return made

        return step._replace(call=call)

    object.__setattr__(program.code, "block", tuple(map(watched, program.code.block)))
    (found,) = program([torch.zeros(3)], [])
    assert found.tolist() == [38.0] * 3
    assert most <= 2


def test_a_run_ends_at_its_deadline() -> None:
    program = TorchProgram.parse(ENDLESS, "torch.3")
    start = time.monotonic()
    with pytest.raises(
        NnapiError, match=r"'torch\.3', line \d.*: the run has not ended.* timeout="
    ) as caught:
        program([torch.ones(2)], [], time.monotonic_ns() + 200_000_000)
    assert caught.value.code == "MISSED_DEADLINE_TRANSIENT"
    with pytest.raises(NnapiError, match=r"a loop has not ended.*loop_timeout="):
        program([torch.ones(2)], [], None, 200_000_000)
    assert time.monotonic() - start < 60
    (found,) = program([torch.full((2,), torch.nan)], [], time.monotonic_ns() + 10**10, 1)
    assert found.isnan().all()
    inputs, weights = arguments()
    assert TorchProgram.parse(LOOP, "loop")(inputs, weights, None, 0)[0] == 5


def test_control_c_ends_a_run() -> None:
    # A run in the background may have been told to ignore the signal, which processes inherit.
    script = f"""
import signal, torch
from nnapi_runtime.torch_program import TorchProgram
signal.signal(signal.SIGINT, signal.default_int_handler)
program = TorchProgram.parse({ENDLESS!r}, "endless")
print("ready", flush=True)
try:
    program([torch.ones(2)], [])
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert out == "interrupted\n"
    assert process.returncode == 0


def lines(statement: str) -> str:
    return f"{HEAD}    {statement}\n    return torch.jit.annotate(List[Tensor], [v2_a])\n"


ABSURD = {
    "full": "v2_a = torch.ops.aten.full([1099511627776], fill_value=1.0)",
    "many dimensions": "v2_a = torch.ops.aten.zeros([2, 1048576, 1048576, 1048576, 1048576])",
    "arange": "v2_a = torch.ops.aten.arange(1000000000000)",
    "linspace": "v2_a = torch.ops.aten.linspace(0, end=1, steps=1000000000000)",
    "eye": "v2_a = torch.ops.aten.eye(1048576)",
    "repeat": "v2_a = torch.ops.aten.repeat(v1_x, repeats=[1048576, 1048576])",
    "expand": "v2_a = torch.ops.aten.expand(torch.ops.aten.sum(v1_x), size=[1048576, 1048576])",
    "as_strided": "v2_a = torch.ops.aten.as_strided(v1_x, size=[1048576, 1048576], stride=[0, 0])",
    "pad": "v2_a = torch.ops.aten.constant_pad_nd(v1_x, pad=[0, 1099511627776])",
    "pad of nothing": "v2_a = torch.ops.aten.constant_pad_nd(torch.ops.aten.zeros([0]), pad=[2147483647, 7])",
    "like": "v2_a = torch.ops.aten.new_zeros(v1_x, size=[1099511627776])",
    "upsample": "v2_a = torch.ops.aten.upsample_nearest2d(torch.ops.aten.reshape(v1_x, shape=[1, 1, 2, 3]), "
    "output_size=[1048576, 1048576])",
    "outer": "v2_a = torch.ops.aten.mul(torch.ops.aten.arange(524288), "
    "other=torch.ops.aten.reshape(torch.ops.aten.arange(524288), shape=[-1, 1]))",
    "matrices": "v2_a = torch.ops.aten.mm(torch.ops.aten.ones([524288, 1]), mat2=torch.ops.aten.ones([1, 524288]))",
    "a size of sizes": "v2_a = torch.ops.aten.full([((v1_x.size(0) * 2097152) * (v1_x.size(1) * 2097152))], "
    "fill_value=0)",
    "negative": "v2_a = torch.ops.aten.full([-1], fill_value=0)",
    "a wrapped number": "v2_a = torch.ops.aten.full([(9223372036854775807 * 2)], fill_value=0)",
    "random": "v2_a = torch.ops.aten.rand([1099511627776])",
    "one hot": "v2_a = torch.ops.aten.one_hot(torch.ops.aten.arange(1000), num_classes=10000000000)",
    "uninitialised": "v2_a = torch.ops.aten.empty([1099511627776])",
}  # fmt: skip


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_sizes_are_one_error(name: str) -> None:
    program = TorchProgram.parse(lines(ABSURD[name]), "torch.5")
    with pytest.raises(NnapiError, match=r"^'torch\.5', line 2 \(a\): ") as caught:
        program([torch.ones(2, 3)], [])
    assert "\n" not in str(caught.value)


def test_sizes_in_proportion_are_computed() -> None:
    text = lines("v2_a = torch.ops.aten.mul(v1_x, other=torch.ops.aten.t(v1_x))")
    (found,) = TorchProgram.parse(text, "outer")([torch.ones(3000, 1)], [])
    assert found.shape == (3000, 3000)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("v2_a = torch.ops.aten.reshape(v1_x, shape=[7])", "shape '\\[7\\]' is invalid"),
        ("v2_a = torch.ops.aten.permute(v1_x, dims=[0])", "dim"),
        ("v2_a = torch.ops.aten.unbind(v1_x)[9]", "list index out of range"),
        (
            "v2_a = torch.ops.aten.select(v1_x, dim=0, index=(v1_x.size(0) // (v1_x.size(1) - 3)))",
            "zero",
        ),
        (
            "v2_a = torch.ops.aten.index_select(v1_x, dim=0, index=torch.ops.aten.arange(9))",
            "index",
        ),
    ],
)
def test_what_torch_refuses_says_where(statement: str, message: str) -> None:
    program = TorchProgram.parse(lines(statement), "torch.2")
    with pytest.raises(NnapiError, match=rf"^'torch\.2', line 2 \(a\): .*{message}"):
        program([torch.ones(2, 3)], [])


def test_other_counts_are_refused() -> None:
    program = TorchProgram.parse(TEXTS["plain"], "torch.2")
    inputs, weights = arguments()
    for some, read in (([], weights), ([*inputs, *inputs], weights), (inputs, weights[:1])):
        with pytest.raises(NnapiError, match=r"'torch\.2' takes 1 tensors and reads 2 weights"):
            program(some, read)


def test_results_share_no_constant() -> None:
    program = TorchProgram.parse(
        lines("v2_a = torch.ops.aten.expand(torch.tensor(True), size=[1])"), "one"
    )
    program([torch.ones(1)], [])[0].fill_(False)
    assert bool(program([torch.ones(1)], [])[0])
