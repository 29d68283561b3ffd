"""Strategies of random models: graphs of operators that NNAPI has and that it has not got.

Diamonds, shared inputs, calls with several results, writes into tensors and into views of them, shared weights, and
several dtypes. Values are kept small and finite. What rounding could flip (comparisons, casts to integers, indices
of maxima) is only asked of values that are exact: small whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from attrs import field, frozen
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

EXACT_LIMIT = 2**20
LIMIT = 1e4


@frozen(eq=False)
class Known:
    """A tensor of the graph that is drawn: its value on the example, and whether rounding could change it."""

    value: torch.Tensor
    exact: bool

    @property
    def is_float(self) -> bool:
        return self.value.dtype.is_floating_point


@frozen(eq=False)
class Kind:
    """A kind of step: what it asks of its operands, and what it computes of them and the module's weights."""

    name: str
    function: Callable[..., Any]
    takes: tuple[Callable[[Known], bool], ...]
    keeps_exact: bool = True
    only_exact: bool = False


@frozen(eq=False)
class Step:
    kind: Kind
    operands: tuple[int, ...]


class Drawn(nn.Module):
    """Runs its steps; each adds its results to the tensors that later ones may read."""

    def __init__(self, steps: list[Step], results: list[int]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.matrix = nn.Parameter(torch.randn(6, 6, generator=generator) / 3)
        self.kernel = nn.Parameter(torch.randn(6, 6, 3, 3, generator=generator) / 6)
        self.offset = nn.Parameter(torch.randint(-3, 4, (40,), generator=generator).float())
        self.steps = steps
        self.results = results

    def run(self, step: Step, values: list[torch.Tensor]) -> list[torch.Tensor]:
        result = step.kind.function(self, *(values[index] for index in step.operands))
        return list(result) if isinstance(result, (tuple, list)) else [result]

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values = list(inputs)
        for step in self.steps:
            values += self.run(step, values)
        return tuple(values[index] for index in self.results)


def anything(known: Known) -> bool:
    return True


def number(known: Known) -> bool:
    return known.value.dtype is not torch.bool


def real(known: Known) -> bool:
    return known.is_float


def single(known: Known) -> bool:
    return known.value.dtype is torch.float32


def boolean(known: Known) -> bool:
    return known.value.dtype is torch.bool


def whole(known: Known) -> bool:
    return not known.is_float and number(known)


def image(known: Known) -> bool:
    return single(known) and known.value.dim() == 4


def narrow(known: Known) -> bool:
    return number(known) and known.value.dim() >= 1


def squeezed(module: Drawn, x: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(x)


def added_into(module: Drawn, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    z = x * 2
    z += y
    return z


def written_through_a_view(module: Drawn, x: torch.Tensor) -> torch.Tensor:
    z = x + 1
    z[..., 0] = 5
    z[..., -1:].mul_(2)
    return z


def written_into_the_copy(module: Drawn, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    z = x.clone()
    before = z * 3
    z.clamp_(-2, 2)
    return before, z


def written_into_an_argument(module: Drawn, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Of the model, where ``x`` is one."""
    x.add_(y)
    return x - 1


# What the default target (feature level 29) expresses, as far as dtypes allow.
ON_NNAPI = [
    Kind("add", lambda m, x, y: x + y, (number, number)),
    Kind("mul", lambda m, x, y: x * y, (number, number)),
    Kind("sub", lambda m, x, y: x - 2 * y, (number, number)),
    Kind("relu", lambda m, x: torch.relu(x), (number,)),
    Kind("max", lambda m, x, y: torch.maximum(x, y), (number, number)),
    Kind("sigmoid", squeezed, (real,), keeps_exact=False),
    Kind("tanh", lambda m, x: torch.tanh(x) * 3, (real,), keeps_exact=False),
    Kind("softmax", lambda m, x: torch.softmax(x, -1), (real,), keeps_exact=False),
    Kind("flatten", lambda m, x: x.flatten(), (anything,)),
    Kind("transpose", lambda m, x: x.transpose(0, -1), (narrow,)),
    Kind("slice", lambda m, x: x[..., :-1] if x.shape[-1] > 1 else x[..., :1], (narrow,)),
    Kind("cat", lambda m, x, y: torch.cat([x.flatten(), y.flatten()]), (single, single)),
    Kind("chunk", lambda m, x: x.chunk(2, -1), (narrow,)),
    Kind("mean", lambda m, x: x.mean(-1, keepdim=True), (single,), keeps_exact=False),
    Kind("amax", lambda m, x: x.amax(-1, keepdim=True), (number,)),
    Kind("conv", lambda m, x: functional.conv2d(pad(x), m.kernel), (image,), keeps_exact=False),
    Kind("pool", lambda m, x: functional.max_pool2d(x, 2, 1, 1), (image,)),
    Kind("linear", lambda m, x: functional.linear(to_six(x), m.matrix), (single,), False),
    Kind("bias", lambda m, x: x + m.offset[: x.shape[-1]], (single,)),
    Kind("view", lambda m, x: x.reshape(1, 1, *x.shape[-2:]), (lambda one: number(one) and one.value.dim() == 2,)),
    Kind("into", added_into, (single, single)),
    Kind("into x", written_into_an_argument, (single, single)),
    Kind("through view", written_through_a_view, (number,)),
    Kind("copy", written_into_the_copy, (number,)),
    Kind("to int", lambda m, x: x.to(torch.int32), (number,), only_exact=True),
    Kind("to long", lambda m, x: x.long(), (number,), only_exact=True),
    Kind("to float", lambda m, x: x.float(), (anything,)),
    Kind("compare", lambda m, x, y: x > y, (number, number), only_exact=True),
    Kind("equal", lambda m, x, y: x == y, (whole, whole), only_exact=True),
    Kind("and", lambda m, x, y: x & y, (boolean, boolean)),
    Kind("not", lambda m, x: ~x, (boolean,)),
    Kind("where", lambda m, c, x, y: torch.where(c, x, y), (boolean, single, single)),
    Kind("argmax", lambda m, x: x.argmax(-1), (narrow,), only_exact=True),
]  # fmt: skip

# What it does not, at no level.
ON_THE_CPU = [
    Kind("i0", lambda m, x: torch.special.i0(x.clamp(-2, 2)), (single,), keeps_exact=False),
    Kind("nextafter", lambda m, x: torch.nextafter(x, m.matrix.sum()), (single,), False),
    Kind("frexp", lambda m, x: torch.frexp(x.clamp(1, 2))[0], (single,), keeps_exact=False),
    Kind("frexp of exact", lambda m, x: torch.frexp(x), (single,), only_exact=True),
    Kind("unfold", lambda m, x: x.unfold(-1, 1, 1) * 1.5, (single,), keeps_exact=False),
    Kind("gcd", lambda m, x: torch.gcd(x, x // 2), (whole,), only_exact=True),
    Kind("to double", lambda m, x: x.double(), (number,)),
    Kind("mv", lambda m, x: torch.nextafter(to_six(x), m.matrix[0]), (single,), keeps_exact=False),
    Kind("mode", lambda m, x: x.mode(-1)[0], (narrow,), only_exact=True),
    Kind("as strided", lambda m, x: x.contiguous().as_strided((1, 2), (0, 0)), (single,)),
]


def pad(x: torch.Tensor) -> torch.Tensor:
    """An image of six channels, large enough for the kernel."""
    return functional.pad(x[:1, :1].expand(1, 6, *x.shape[2:]), (1, 1, 1, 1))


def to_six(x: torch.Tensor) -> torch.Tensor:
    return x.flatten()[:1].expand(2, 6)


@frozen(eq=False)
class Drawing:
    """A model, its inputs, and the kinds of its steps, for messages."""

    module: Drawn
    args: tuple[torch.Tensor, ...]
    steps: list[Step] = field(repr=False)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{one.dtype}{list(one.shape)}" for one in self.args)
        steps = "; ".join(f"{one.kind.name}{list(one.operands)}" for one in self.steps)
        return f"Drawing(({shapes}) {steps} → {self.module.results})"


@st.composite
def drawings(draw: st.DrawFn, *, max_steps: int = 14) -> Drawing:
    """Shrinks towards one input and few steps that NNAPI has."""
    args = tuple(draw(inputs()))
    known = [Known(one.clone(), True) for one in args]
    module = Drawn([], [])
    steps: list[Step] = []
    kinds = st.sampled_from(ON_NNAPI) | st.sampled_from(ON_NNAPI) | st.sampled_from(ON_THE_CPU)
    for kind in draw(st.lists(kinds, min_size=1, max_size=max_steps)):
        step = draw(operands_for(kind, known))
        if step is None:
            continue
        new = results_of(module, step, known)
        if new is not None:
            steps.append(step)
            known += new
    made = range(len(args), len(known))
    read = {index for step in steps for index in step.operands}
    ends = [index for index in made if index not in read] or [0]
    some = draw(st.lists(st.sampled_from(made or range(1)), max_size=2, unique=True))
    # A result that is returned twice, or an argument, are models too.
    results = [*ends[-6:], *some]
    return Drawing(Drawn(steps, results), args, steps)


@st.composite
def inputs(draw: st.DrawFn) -> list[torch.Tensor]:
    shape = draw(st.sampled_from([(2, 3), (4,), (1, 2, 4, 5), (2, 3, 4)]))
    dtypes = draw(
        st.lists(
            st.sampled_from([torch.float32] * 3 + [torch.int64, torch.int32]),
            min_size=1,
            max_size=3,
        )
    )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    return [torch.randint(-4, 5, shape, generator=generator).to(dtype) for dtype in dtypes]


@st.composite
def operands_for(draw: st.DrawFn, kind: Kind, known: list[Known]) -> Step | None:
    """Operands that the kind takes, of shapes that broadcast; None where there are none."""
    chosen: list[int] = []
    for takes in kind.takes:
        fitting = [
            index
            for index, one in enumerate(known)
            if takes(one)
            and (one.exact or not kind.only_exact)
            and all(one.value.shape == known[other].value.shape for other in chosen)
        ]
        if not fitting:
            return None
        # Late ones more often: chains are deeper than they are wide.
        chosen.append(draw(st.sampled_from(fitting[-3:]) | st.sampled_from(fitting)))
    return Step(kind, tuple(chosen))


def results_of(module: Drawn, step: Step, known: list[Known]) -> list[Known] | None:
    """What the step gives on the example; None, and nothing is changed, where it is empty, large, or not finite."""
    operands = [known[index].value for index in step.operands]
    before = [one.clone() for one in operands]
    exact = step.kind.keeps_exact and all(known[index].exact for index in step.operands)
    limit = EXACT_LIMIT if exact else LIMIT
    try:
        with torch.no_grad():
            values = module.run(step, [one.value for one in known])
    except (RuntimeError, IndexError):
        # Torch itself refuses these operands (an image too small, a dtype).
        values = []
    if not values or not all(within(one, limit) for one in (*values, *operands)):
        for one, old in zip(operands, before, strict=True):
            if not torch.equal(one, old):
                one.copy_(old)
        return None
    for one, old in zip(operands, before, strict=True):
        if not torch.equal(one, old):
            # Views of what was written are as exact as what was written.
            place = one.untyped_storage().data_ptr()
            for index, other in enumerate(known):
                if other.value.untyped_storage().data_ptr() == place:
                    known[index] = Known(other.value, other.exact and exact)
    return [Known(value, exact) for value in values]


def within(value: torch.Tensor, limit: float) -> bool:
    if not 0 < value.numel() <= 4096 or value.dim() > 5 or not bool(value.isfinite().all()):
        return False
    return value.dtype is torch.bool or float(value.abs().max()) <= limit
