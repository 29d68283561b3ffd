"""Strategies of models written as source: state, conditions, loops, writes in place, integers, booleans and bytes.

The same text is a module of Python and one of TorchScript, so that a model can be compared with itself spelt otherwise.
All tensors have one shape. Floats are compared only where rounding cannot flip what is compared: they are whole.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from attrs import frozen
from hypothesis import strategies as st
from torch import nn

SHAPE = (2, 3)
# Letters are the types: F floats, W floats that are whole, I int64, B booleans, U bytes.
EXPRESSIONS = {
    "F": [
        "{F} + {F}", "{F} - 2 * {F}", "{F} * {F}", "torch.relu({F})", "torch.sigmoid({F})", "{F} @ self.matrix",
        "torch.softmax({F}, -1)", "torch.where({B}, {F}, {F})", "torch.cat([{F}, {F}], 1)[:, 1:4]", "{W} * 0.5",
        "{F}.t().reshape(2, 3)", "torch.tanh({F}).masked_fill({B}, 2.0)", "{F}.mean(-1, keepdim=True) + {F}",
        "self.table[{I} % 4][:, :, 0]", "torch.nextafter({F}, {F})", "{F} + self.seen", "{F} + self.kept.float()",
        "torch.clamp({F}, -1.0, 1.0)", "torch.stack([{F}, {F}]).sum(0)", "{F}.roll(1, -1)", "self.linear({F})",
    ],
    "W": ["{W} + {W}", "torch.relu({W})", "torch.maximum({W}, {W})", "{I}.float()", "{U}.float()", "{B}.float() - 1.0"],
    "I": [
        "{I} + {I}", "{I} * 2 - 1", "{B}.long()", "{W}.long()", "{I}.clamp(-3, 3)", "{I} % 5", "{U}.long() + 1",
        "torch.where({B}, {I}, {I})", "torch.minimum({I}, {I})", "self.kept + {I}", "{I} // 2", "torch.gcd({I}, {I})",
    ],
    "B": ["{I} > {I}", "{W} >= 1.0", "{B} & {B}", "~{B}", "{I} == 2", "{U} > 3", "{B} | {B}"],
    "U": ["{U} // 2", "{U}.clamp(0, 100)", "{U} & 3", "{U}.flip(0)", "{B}.to(torch.uint8)", "torch.maximum({U}, {U})"],
}  # fmt: skip
# A statement of several lines; ``{new}`` is what it makes, of the type before the colon.
STATEMENTS = [
    ("F", "{new} = {F}.clone()\n{new}.add_({F})"),
    ("F", "{new} = {F} * 1.0\n{new}[:, 1:] *= 2.0"),
    ("F", "{new} = {F} + 1.0\n{new}[0] = {F}[1]"),
    ("F", "{new} = {F}\nfor i in range(3):\n    {new} = torch.relu({new}) - 0.5 * i"),
    ("F", "{new} = {F}\nif {new}.size(0) > 1:\n    {new} = {new} + 1.0\nelse:\n    {new} = {new} * 3.0"),
    ("F", "{new} = {F}\nif self.doubled:\n    {new} = {new} * 2.0"),
    ("F", "{new} = {F}\nn = 0\nwhile n < 2:\n    {new} = torch.sigmoid({new}) + {F}\n    n += 1"),
    ("I", "{new} = {I} + 0\n{new}[{B}] = 1"),
    ("I", "{new} = {I}\nfor row in [1, 2]:\n    {new} = {new} * row - 1"),
    ("F", "self.seen.mul_(0.5).add_({F}.clamp(-2.0, 2.0))\n{new} = self.seen * 1.0"),
    ("F", "{new} = self.seen + {F}\nself.seen.copy_({W}.clamp(-9.0, 9.0))"),
    ("I", "self.kept.add_({I}.clamp(0, 2))\n{new} = self.kept + 0"),
    ("I", "{new} = self.kept * 1\nself.kept[1] = {I}[0].clamp(-9, 9)"),
]  # fmt: skip
# What the data decides: TorchScript alone has a word for it.
DECIDED = [
    ("F", "if bool(({W} > 0.0).all()):\n    {new} = {F} + 1.0\nelse:\n    {new} = {F} * 2.0"),
    ("F", "{new} = {F}\nif int({I}[0, 0]) > 1:\n    {new} = torch.relu({new})"),
]
DTYPES = {
    "F": torch.float32,
    "W": torch.float32,
    "I": torch.int64,
    "B": torch.bool,
    "U": torch.uint8,
}


class Parts(nn.Module):
    """What the source names: weights, and two buffers that it may write into."""

    def __init__(self, doubled: bool = False) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.matrix = nn.Parameter(torch.randn(3, 3, generator=generator) / 2)
        self.table = nn.Parameter(torch.randn(4, 2, generator=generator))
        self.linear = nn.Linear(3, 3)
        with torch.no_grad():
            self.linear.weight.copy_(torch.randn(3, 3, generator=generator) / 2)
            self.linear.bias.copy_(torch.randn(3, generator=generator))
        self.doubled = doubled
        self.register_buffer("seen", torch.zeros(SHAPE))
        self.register_buffer("kept", torch.ones(SHAPE, dtype=torch.int64))


@frozen
class Source:
    """A model: its ``forward`` as text, and the types of its arguments."""

    types: str
    body: str
    doubled: bool

    def __repr__(self) -> str:
        return f"Source({self.types}, doubled={self.doubled}\n{self.text}\n)"

    @property
    def names(self) -> list[str]:
        return [f"x{place}" for place in range(len(self.types))]

    @property
    def text(self) -> str:
        given = "".join(f", {name}: torch.Tensor" for name in self.names)
        lines = "\n".join("    " + line for line in self.body.splitlines())
        return f"def forward(self{given}):\n{lines}\n"

    @property
    def keeps_state(self) -> bool:
        return any(
            f"self.{name}{how}" in self.body
            for name in ("seen", "kept")
            for how in (".mul_", ".add_", ".copy_", "[1] =")
        )

    def module(self) -> nn.Module:
        """Of Python."""
        found: dict[str, Any] = {"torch": torch}
        exec(self.text, found)
        return type("Written", (Parts,), {"forward": found["forward"]})(self.doubled).eval()

    def script(self) -> Any:
        """Of TorchScript: compiled from the text, not traced."""
        # A class of its own: instances of one class share what is compiled.
        parts = type("Written", (Parts,), {"__constants__": ["doubled"]})(self.doubled)
        made = torch.jit.script(parts.eval())  # type: ignore[no-untyped-call]
        made.define(self.text)
        return made

    def calls(self, seed: int, count: int) -> Iterator[tuple[torch.Tensor, ...]]:
        """Arguments of some calls: small whole numbers."""
        generator = torch.Generator().manual_seed(seed)
        for _ in range(count):
            yield tuple(
                torch.randint(0 if kind in "BU" else -4, 2 if kind == "B" else 6, SHAPE, generator=generator)
                .to(DTYPES[kind])
                for kind in self.types
            )  # fmt: skip


@st.composite
def sources(draw: st.DrawFn, *, decided: bool = False, most: int = 6) -> Source:
    """Shrinks towards one argument and few lines. ``decided``: conditions of the data, too."""
    types = "W" + draw(st.text("WIBU", max_size=3))
    known: dict[str, list[str]] = {kind: [] for kind in DTYPES}
    for place, kind in enumerate(types):
        known[kind].append(f"x{place}")
    lines = []
    statements = STATEMENTS + DECIDED if decided else STATEMENTS
    simple = [(kind, "{new} = " + one) for kind, many in EXPRESSIONS.items() for one in many]
    kinds = st.sampled_from(simple) | st.sampled_from(simple) | st.sampled_from(statements)
    for place, (kind, text) in enumerate(
        draw(st.lists(kinds, min_size=1, max_size=most)), start=len(types)
    ):
        new = f"x{place}"
        lines.append(_filled(draw, text, new, known))
        known[kind].append(new)
    made = [f"x{place}" for place in range(len(types), len(types) + len(lines))]
    results = ", ".join(made[-4:])
    return Source(types, "\n".join([*lines, f"return ({results},)"]), draw(st.booleans()))


def _filled(draw: st.DrawFn, text: str, new: str, known: dict[str, list[str]]) -> str:
    text = text.replace("{new}", new)
    for kind in DTYPES:
        while "{" + kind + "}" in text:
            text = text.replace("{" + kind + "}", draw(_names(kind, known)), 1)
    return text


def _names(kind: str, known: dict[str, list[str]]) -> st.SearchStrategy[str]:
    """A tensor of the type; where there is none, one that is made of the first argument."""
    names = known[kind] + (known["W"] if kind == "F" else [])
    if names:
        return st.sampled_from(names[-3:]) | st.sampled_from(names)
    made = {"I": "x0.long()", "B": "(x0 > 1.0)", "U": "(x0 > 0.0).to(torch.uint8)"}
    return st.just(made[kind])


class Eager:
    """A copy of a module that is called in turn, and changes its own state alone."""

    def __init__(self, module: nn.Module) -> None:
        self.module = copy.deepcopy(module)

    def __call__(self, *args: torch.Tensor) -> list[torch.Tensor]:
        with torch.no_grad():
            return [one.clone() for one in self.module(*(one.clone() for one in args))]
