"""Sizes of 1, which torch.export does not look at.

It traces a program as for larger sizes, and lets it be declared for 1 as well, where ``squeeze`` or the model's own
Python may go another way. So the program is compared with the model there.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram

from nnapi_core.errors import ConversionError
from nnapi_core.graph.sizes.free_sizes import FreeSize, size_expression, user_inputs


def check_single(
    module: torch.nn.Module,
    exported: ExportedProgram,
    arguments: tuple[tuple[Any, ...], Mapping[str, Any]],
    sizes: Sequence[FreeSize],
    example: Mapping[sympy.Symbol, int],
) -> None:
    """Raises `ConversionError` where the exported program is not the model at a size of 1."""
    ones = [size for size in sizes if size.least <= 1 and not size.is_data_dependent]
    program = exported.module()
    for count in {1, len(ones)} - {0}:
        for chosen in itertools.combinations(ones, count):
            numbers = {**example, **{size.symbol: 1 for size in chosen}}
            given = _cut(exported, arguments, numbers)
            if given is not None and not _same(module, _Watched(program, numbers), given):
                names = " and ".join(size.name for size in chosen)
                raise ConversionError(
                    f"at {names} = 1 the model computes something else than at larger sizes, which torch.export "
                    "does not see; give the dimension a min of 2, or convert for 1 by itself"
                )


def _cut(
    exported: ExportedProgram,
    arguments: tuple[tuple[Any, ...], Mapping[str, Any]],
    numbers: Mapping[sympy.Symbol, int],
) -> tuple[tuple[Any, ...], Mapping[str, Any]] | None:
    """The arguments with fewer elements; None where the example has too few."""
    flat, spec = pytree.tree_flatten(arguments)
    tensors = [index for index, value in enumerate(flat) if isinstance(value, torch.Tensor)]
    known = {symbol: sympy.Integer(number) for symbol, number in numbers.items()}
    for index, node in zip(tensors, user_inputs(exported), strict=True):
        for dim, size in enumerate(node.meta["val"].shape):
            wanted = int(size_expression(size).xreplace(known))
            if wanted > flat[index].shape[dim]:
                return None
            flat[index] = flat[index].narrow(dim, 0, wanted)
    cut: tuple[tuple[Any, ...], Mapping[str, Any]] = pytree.tree_unflatten(flat, spec)
    return cut


class _Watched(torch.fx.Interpreter):
    """Runs a program, and fails where a tensor has another shape than torch derived for the sizes."""

    def __init__(self, program: torch.fx.GraphModule, numbers: Mapping[sympy.Symbol, int]) -> None:
        super().__init__(program)
        self._numbers = {symbol: sympy.Integer(number) for symbol, number in numbers.items()}

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        # Several results are right if their number is; each is looked at where it is picked.
        derived = n.meta.get("val")
        if isinstance(derived, torch.Tensor) and isinstance(result, torch.Tensor):
            shape = [size_expression(size).xreplace(self._numbers) for size in derived.shape]
            known = all(size.is_Integer for size in shape)
            if len(shape) != result.dim() or (known and list(map(int, shape)) != [*result.shape]):
                raise ValueError(f"{n.name} is of shape {list(result.shape)}, not {shape}")
        return result


def _same(
    module: torch.nn.Module,
    program: _Watched,
    arguments: tuple[tuple[Any, ...], Mapping[str, Any]],
) -> bool:
    def run(*args: Any, **kwargs: Any) -> Any:
        # A graph's inputs have places, and no names.
        return program.run(*args, *kwargs.values())

    results = []
    for one in (module, run):
        args, kwargs = pytree.tree_map_only(torch.Tensor, torch.clone, arguments)
        try:
            with torch.random.fork_rng(), torch.no_grad():
                torch.manual_seed(0)
                results.append(pytree.tree_leaves(one(*args, **kwargs)))
        except Exception:
            # A guard of torch's, or a model that does not take it.
            return False
    return len(results[0]) == len(results[1]) and all(map(_close, *results))


def _close(a: Any, b: Any) -> bool:
    if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor):
        return type(a) is type(b) and a == b
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.allclose(a.double(), b.double(), rtol=1e-3, atol=1e-4, equal_nan=True)
