"""Torch graphs as TorchScript text: what stock PyTorch computes from it is what the model computes, and what the
runtime's own interpreter of it computes is the same to the bit."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.utils._pytree as pytree
from torch.fx import Node

from nnapi_core.artifact.graph_to_torchscript import tensor_to_keep, torch_source
from nnapi_core.artifact.torch_piece import torch_piece
from nnapi_core.conversion.run_steps import prepare
from nnapi_core.errors import ConversionError
from nnapi_core.graph.export.export_module import export
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Piece
from nnapi_core.lowering.partition.device import Device
from nnapi_core.nnapi.serialize import WeightTable
from nnapi_core.plugins.registry import Registry
from nnapi_runtime.torch_program import TorchProgram
from tests.ops.op_db import UNINITIALISED, entries

REGISTRY = Registry.collect()
# Which of several equal elements the indices name is open.
TIES = {"kthvalue", "msort", "sort", "argsort", "topk", "mode", "median", "nanmedian"}
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


class Wrapped(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(*args)


def in_torchscript(
    module: torch.nn.Module, args: tuple[torch.Tensor, ...]
) -> tuple[list[torch.Tensor], bool]:
    """The tensors that the text of the whole graph computes, and whether they are random.

    Results come first, then what is written into arguments. Raises `ConversionError` where there is no text.
    """
    program = prepare(export(module, args), REGISTRY)
    targets = [getattr(node.target, "tags", ()) for node in program.operations()]
    is_random = any(torch.Tag.nondeterministic_seeded in tags for tags in targets)
    results = tuple(one for one in program.results if isinstance(one, Node))
    whole = Piece(Device.CPU, tuple(program.operations()), tuple(program.inputs), results)
    table = WeightTable()
    graph, read = torch_piece(program, whole, table)
    source = torch_source(graph, len(program.inputs))
    weights = []
    for one in read:
        weight = torch.from_numpy(table.constants[one.number].array().copy())
        for step in one.steps:
            moved = step.permutation is not None
            weight = weight.permute(step.permutation) if moved else weight.reshape(step.after)
        weights.append(weight)
    weights += [tensor_to_keep(one) for one in source.held]
    text = source.function()
    state = torch.get_rng_state()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        found: list[torch.Tensor] = torch.jit.CompilationUnit(text).run(*args, weights)
        torch.set_rng_state(state)
        interpreted = TorchProgram.parse(text.encode(), "whole")(args, weights)
    for one, other in zip(found, interpreted, strict=True):
        same_bits(one, other)
    return found, is_random


def same_bits(a: torch.Tensor, b: torch.Tensor) -> None:
    """Equal in dtype, shape, strides and every bit."""
    assert (a.dtype, a.shape, a.stride()) == (b.dtype, b.shape, b.stride())
    numbers = [
        torch.view_as_real(x) if x.dtype.is_complex else x
        for x in (a.resolve_conj(), b.resolve_conj())
    ]
    torch.testing.assert_close(*numbers, rtol=0, atol=0, equal_nan=True)


def check(module: torch.nn.Module, *args: torch.Tensor) -> None:
    given = [one.clone() for one in args]
    with torch.no_grad():
        torch.manual_seed(0)
        expected = module(*given)
    torch.manual_seed(0)
    found, is_random = in_torchscript(module, args)
    wanted = [one for one in pytree.tree_leaves(expected) if isinstance(one, torch.Tensor)]
    wanted += [one for one, before in zip(given, args, strict=True) if not same(one, before)]
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        # An operator that is decomposed draws other numbers, of the same distribution.
        if not is_random:
            torch.testing.assert_close(a, b, equal_nan=True)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


BF16 = torch.tensor([1.0, 2.5, -3.0, 0.1], dtype=torch.bfloat16)
COMPLEX = torch.tensor([1 + 2j, 3 - 1j, 0.5j, -2.0])
WEIGHT = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))

FORMS: dict[str, Callable[[torch.Tensor], Any]] = {
    "a number for a tensor": lambda x: (x + 2, x * 2.5, 2 - x, x.add(x, alpha=3), x**2, 2**x),
    "truth as a number": lambda x: ((x > 0) & True, (x > 0) | False, (x > 0) ^ True),
    "infinite numbers": lambda x: (x.clamp(min=-torch.inf), x.masked_fill(x > 0, -torch.inf)),
    "results by name": lambda x: (x.max(1), x.sort(1).values, torch.var_mean(x, 1)),
    "lists of tensors": lambda x: (torch.cat([x, x]), x.split([1, 1]), x.unbind(0), x.chunk(2, 1)),
    "gaps in lists": lambda x: (x[:, torch.tensor([1, 0])], x[torch.tensor([0, 1]), None]),
    "empty lists": lambda x: (x.sum().reshape(()), x.sum(()), torch.zeros([]) + x.mean()),
    "dtypes": lambda x: (x.to(torch.float64), torch.zeros(2, dtype=torch.int32), x.bool().sum()),
    "words": lambda x: (torch.div(x, 3, rounding_mode="floor"), torch.nn.functional.gelu(x, approximate="tanh")),
    "views of what is permuted": lambda x: (x.t().contiguous().view(-1), (x @ WEIGHT.t()).view(-1)),
    "strides": lambda x: x.as_strided((2, 2), (1, 2)) + 1,
    "other floats": lambda x: (x + BF16, x * COMPLEX),
    "nothing at all": lambda x: x,
}  # fmt: skip


# Complex numbers, as scalars of every kind of argument and in memory that is not contiguous.
COMPLEX_FORMS: dict[str, Callable[[torch.Tensor], Any]] = {
    "factor": lambda x: torch.view_as_real(x * 1j),
    "exponent": lambda x: torch.view_as_real(torch.exp(-2j * x)),
    "reversed": lambda x: torch.view_as_real((1 - 2j) - torch.fft.fft(x)),
    "quotient": lambda x: torch.view_as_real((1 + 2j) / torch.fft.fft(x)),
    "power": lambda x: torch.view_as_real(torch.fft.fft(x) ** 2j),
    "alpha": lambda x: torch.view_as_real(torch.add(torch.fft.fft(x), x, alpha=2j)),
    "filled": lambda x: torch.view_as_real(torch.full_like(torch.fft.fft(x), 1 + 2j) * x),
    "masked": lambda x: torch.view_as_real(torch.fft.fft(x).masked_fill(x > 0, complex("inf"))),
    "chosen": lambda x: torch.view_as_real(torch.where(x > 0, 1j, torch.fft.fft(x))),
    "compared": lambda x: torch.fft.fft(x) == 1j,
    "constant": lambda x: (x * torch.tensor([1j, 2, 0, -1j])).abs(),
    "conjugate of a constant": lambda x: (x * torch.fft.fft(torch.ones(4)).conj()).imag,
    "transposed": lambda x: torch.view_as_real(torch.fft.fft(x).T),
    "of a slice": lambda x: torch.view_as_complex(torch.stack([x, x], -1)[:, ::2]).abs(),
}


@pytest.mark.parametrize("form", COMPLEX_FORMS)
def test_complex_numbers(form: str) -> None:
    check(
        Wrapped(COMPLEX_FORMS[form]), torch.randn(2, 4, generator=torch.Generator().manual_seed(1))
    )


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_arguments(form: str) -> None:
    check(Wrapped(FORMS[form]), torch.randn(2, 4, generator=torch.Generator().manual_seed(1)))


def test_what_torchscript_cannot_say_is_refused() -> None:
    with pytest.raises(ConversionError, match="TorchScript"):
        check(Wrapped(lambda x: x.view(torch.int32) + 1), torch.randn(3))


@pytest.mark.skipif(not NIGHTLY, reason="every operator takes minutes: in the nightly run")
@pytest.mark.parametrize(
    "name", sorted(set(entries()) - UNINITIALISED - TIES) if NIGHTLY else ["abs"]
)
def test_every_operator(name: str) -> None:
    info = entries()[name]
    for dtype in (torch.float32, torch.int64):
        for function, args in samples(info, dtype, 2) if dtype in info.dtypes else ():
            try:
                function(*(one.clone() for one in args))
            except Exception as error:
                print(f"torch refuses it: {error}")
                continue
            try:
                check(Wrapped(function), *args)
            except ConversionError as refusal:
                print(f"refused: {refusal}")


def samples(info: Any, dtype: torch.dtype, most: int) -> list[tuple[Any, tuple[Any, ...]]]:
    found: list[tuple[Any, tuple[Any, ...]]] = []
    torch.manual_seed(0)
    for sample in info.sample_inputs("cpu", dtype, requires_grad=False):
        flat, spec = pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
        tensors = [one for one in flat if isinstance(one, torch.Tensor)]
        if not tensors or any(one.layout != torch.strided for one in tensors):
            continue

        def call(*given: torch.Tensor, flat: Any = flat, spec: Any = spec) -> Any:
            left = iter(given)
            values = [next(left) if isinstance(one, torch.Tensor) else one for one in flat]
            first, args, kwargs = pytree.tree_unflatten(values, spec)
            return info.op(first, *args, **kwargs)

        found.append((call, tuple(one.detach().clone() for one in tensors)))
        if len(found) == most:
            break
    return found
