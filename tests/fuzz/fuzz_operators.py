"""Every operator that a file may call, on arguments of the right types and any value: it computes, or is refused.

    python -m tests.fuzz.fuzz_operators --cases 100000 --jobs 2

A case is a program as a stranger could write it: some tensors, a call on them, sometimes a call on what that gave.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
import warnings
from functools import partial
from typing import Any

from tests.fuzz.arguments import parse
from tests.fuzz.pool import Answer, Case, run

WHOLE = [
    *(0, 1, 2, 3, 5, -1, -2, -3, 7, 64, 1000, 2**31 - 1, 2**31, -(2**31)),
    2**62,
    2**63 - 1,
    -(2**63),
]
FLOATS = [
    "0.0",
    "-0.5",
    "1.0",
    "2.5",
    "1e30",
    "-1e-30",
    "float('inf')",
    "float('nan')",
    "float('-inf')",
]
NAMED = {
    "ScalarType": [
        "float32",
        "float64",
        "int64",
        "int32",
        "uint8",
        "bool",
        "bfloat16",
        "complex64",
        "float16",
    ],
    "Layout": ["strided"],
    "MemoryFormat": ["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"],
}
SHAPES = [
    (),
    (1,),
    (0,),
    (2,),
    (3,),
    (2, 3),
    (3, 3),
    (2, 2, 3),
    (1, 3, 4, 4),
    (2, 0, 3),
    (1, 2, 2, 3, 3),
    (4, 1),
]
WORDS = [
    "none",
    "mean",
    "sum",
    "floor",
    "trunc",
    "tanh",
    "reflect",
    "constant",
    "ij",
    "xy",
    "i,i->i",
    "reduced",
    "x",
    "",
]


def text_of(chance: random.Random) -> tuple[str, str]:
    """An operator, and a program that calls it."""
    from nnapi_runtime.torch_program.operators import allowed
    from nnapi_runtime.torch_program.overloads import overloads

    count = 6
    names = [f"v{i}_x" for i in range(count)]
    lines, called = [], ""
    for place in range(chance.choice((1, 1, 2))):
        called = chance.choice(sorted(allowed()))
        overload = chance.choice(overloads(f"aten::{called}"))
        given = []
        for at, one in enumerate(overload.parameters):
            if one.has_default and chance.random() < 0.5:
                continue
            value = _value(one.type, names, chance)
            if value is not None:
                given.append(value if at == 0 else f"{one.name}={value}")
        result = f"r{place}"
        lines.append(f"{result} = torch.ops.aten.{called}({', '.join(given)})")
        match overload.results:
            case ("Tensor",):
                names = [*names, result, result]
            case ("Tensor", *_):
                names = [*names, f"{result}[0]", f"{result}[{len(overload.results) - 1}]"]
    head = ", ".join(f"v{i}_x: Tensor" for i in range(count))
    body = "".join(f"    {line}\n" for line in lines)
    returned = next((one for one in reversed(names) if one.startswith("r")), "v0_x")
    return called, (
        f"def run({head}, weights: List[Tensor]) -> List[Tensor]:\n{body}"
        f"    return torch.jit.annotate(List[Tensor], [{returned}])\n"
    )


def _value(kind: str, names: list[str], chance: random.Random) -> str | None:
    """Text for a parameter of type ``kind``; None: nothing can be said."""
    if kind.startswith("Optional["):
        return "None" if chance.random() < 0.3 else _value(kind[9:-1], names, chance)
    if kind.startswith("List["):
        items = [
            _value(kind[5:-1], names, chance)
            for _ in range(chance.choice((0, 1, 1, 2, 2, 2, 3, 4, 9)))
        ]
        return f"torch.jit.annotate({kind}, [{', '.join(one for one in items if one is not None)}])"
    match kind:
        case "Tensor":
            return chance.choice(names)
        case "int":
            return str(chance.choice(WHOLE if chance.random() < 0.3 else WHOLE[:9]))
        case "float":
            return chance.choice(FLOATS)
        case "number":
            return chance.choice(
                [*FLOATS, *map(str, WHOLE), "complex(float('1.0'), float('-2.0'))"]
            )
        case "bool":
            return chance.choice(["True", "False"])
        case "str":
            return repr(chance.choice(WORDS))
        case "Device":
            return "torch.device('cpu')"
    return f"torch.{chance.choice(NAMED[kind])}" if kind in NAMED else None


def tensors(chance: random.Random) -> list[Any]:
    """Six of any shapes and types, whole numbers among them that may serve as indices."""
    import torch

    made = []
    for _ in range(6):
        shape = chance.choice(SHAPES)
        some = torch.Generator().manual_seed(chance.getrandbits(32))
        match chance.randrange(6):
            case 0 | 1:
                made.append(torch.randn(shape, generator=some))
            case 2:
                limit = chance.choice((1, 3, 10, 2**40))
                made.append(torch.randint(-limit, limit, shape, generator=some))
            case 3:
                made.append(torch.rand(shape, generator=some) > 0.5)
            case 4:
                dtype = chance.choice(
                    [torch.float64, torch.bfloat16, torch.complex64, torch.int32, torch.uint8]
                )
                made.append((torch.randn(shape, generator=some) * 4).abs().to(dtype))
            case 5:
                made.append(
                    torch.full(shape, chance.choice((float("nan"), float("inf"), -1.0, 0.0)))
                )
    return made


def prepare(seed: int) -> Case:
    warnings.simplefilter("ignore")
    import torch

    from nnapi_runtime import NnapiError
    from nnapi_runtime.torch_program import TorchProgram

    torch.set_num_threads(1)

    def case(number: int) -> Answer:
        chance = random.Random(seed * 1_000_003 + number)
        name, text = text_of(chance)
        given = tensors(chance)
        try:
            with torch.no_grad():
                program = TorchProgram.parse(text, "drawn")
                program(given, [], time.monotonic_ns() + 5 * 10**9)
            became = "ran"
        except NnapiError:
            became = "refused"
        except BaseException:
            became = traceback.format_exc()
        return Answer(name, len(text), (("torch", became),))

    for number in range(200):
        case(-1 - number)  # what is loaded on demand
    return case


def main() -> int:
    options = parse(__doc__ or "")
    outcome = run(partial(prepare, options.seed), *options.limits())
    print(f"{outcome.cases} programs")
    print("\n".join(outcome.lines()))
    for number, what in outcome.failures:
        options.folder.mkdir(parents=True, exist_ok=True)
        _, text = text_of(random.Random(options.seed * 1_000_003 + number))
        (options.folder / f"{options.seed}-{number}.txt").write_text(f"{what}\n\n{text}")
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
