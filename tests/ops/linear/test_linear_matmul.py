"""Linear layers and products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core.testing import Case, check_lowering, feature_levels, tensors
from tests.ops.with_constants import WithConstants

_side = st.integers(1, 6)
_sides = st.tuples(_side, _side, _side)
_floats = st.sampled_from([torch.float32, torch.float32, torch.float16])
_factor = st.sampled_from([1, 0, 2, -0.5])


def check(
    function: Callable[..., Any],
    args: tuple[torch.Tensor, ...],
    level: int,
    terms: int,
    constants: tuple[int, ...] = (),
) -> bool:
    """Right or refused; ``constants`` are positions of the arguments that become constants."""

    def ordered(*tensors: torch.Tensor) -> Any:
        given = iter(tensors)
        places = [i for i in range(len(args)) if i not in constants] + list(constants)
        by_place = dict(zip(places, given, strict=True))
        return function(*(by_place[index] for index in range(len(args))))

    layer = WithConstants(ordered, *(args[index] for index in constants))
    inputs = tuple(one for index, one in enumerate(args) if index not in constants)
    case = Case(layer, inputs, level, terms, magnitude=20.0 * terms)
    return check_lowering(case).supported


@given(st.data(), st.sampled_from([(), (3,), (2, 3), (2, 1, 3), (1, 2, 2, 3)]), _floats)
def test_linear(data: st.DataObject, batch: tuple[int, ...], dtype: torch.dtype) -> None:
    inner, units = data.draw(_side), data.draw(_side)
    level = data.draw(feature_levels(27 if dtype is torch.float32 else 29))
    x = data.draw(tensors(shape=(*batch, inner), dtype=dtype))
    weight = data.draw(tensors(shape=(units, inner), dtype=dtype))
    bias = data.draw(tensors(shape=(units,), dtype=dtype))
    args = (x, weight, bias)[: data.draw(st.sampled_from([2, 3]))]
    constants = data.draw(st.sampled_from([tuple(range(1, len(args))), ()]))
    assert check(functional.linear, args, level, inner, constants)


def test_a_vector_of_weights() -> None:
    assert check(functional.linear, (torch.randn(3, 4), torch.randn(4)), 28, 4, (1,))


@given(st.data(), _sides, feature_levels(), st.sampled_from([(), (0,), (1,)]))
def test_mm(
    data: st.DataObject, sides: tuple[int, int, int], level: int, constants: tuple[int, ...]
) -> None:
    rows, inner, columns = sides
    a = data.draw(tensors(shape=(rows, inner)))
    b = data.draw(tensors(shape=(inner, columns)))
    assert check(torch.mm, (a, b), level, inner, constants) or level == 27


@settings(max_examples=40)
@given(
    st.data(),
    st.sampled_from(
        [
            ((4,), (4,)),
            ((4,), (3, 4, 2)),
            ((3, 4), (4,)),
            ((2, 3, 4), (4,)),
            ((2, 3, 4), (4, 5)),
            ((3, 4), (2, 4, 5)),
            ((2, 3, 4), (2, 4, 5)),
            ((1, 3, 4), (2, 4, 5)),
            ((2, 1, 3, 4), (3, 4, 5)),
            ((2, 3, 1, 4), (2, 3, 4, 5)),
            ((40, 3, 4), (40, 4, 2)),
            ((5, 8, 3, 4), (5, 8, 4, 1)),
        ]
    ),
    st.sampled_from([(), (0,), (1,)]),
    feature_levels(),
)
def test_matmul(
    data: st.DataObject,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    constants: tuple[int, ...],
    level: int,
) -> None:
    args = tuple(data.draw(tensors(shape=shape)) for shape in shapes)
    assert check(torch.matmul, args, level, 4, constants) or level == 27


@given(st.data(), st.integers(1, 40), _sides, feature_levels())
def test_bmm(data: st.DataObject, batch: int, sides: tuple[int, int, int], level: int) -> None:
    rows, inner, columns = sides
    a = data.draw(tensors(shape=(batch, rows, inner)))
    b = data.draw(tensors(shape=(batch, inner, columns)))
    assert check(torch.bmm, (a, b), level, inner) or level == 27


@given(st.data(), _sides, _factor, _factor, feature_levels(28))
def test_sums_with_products(
    data: st.DataObject, sides: tuple[int, int, int], beta: float, alpha: float, level: int
) -> None:
    rows, inner, columns = sides
    a = data.draw(tensors(shape=(2, rows, inner)))
    b = data.draw(tensors(shape=(2, inner, columns)))
    addend = data.draw(st.sampled_from([(columns,), (1, columns), (rows, 1), (rows, columns)]))
    c = data.draw(tensors(shape=addend))
    forms: list[tuple[Any, tuple[torch.Tensor, ...]]] = [
        (torch.addmm, (c, a[0], b[0])),
        (torch.baddbmm, (c, a, b)),
        (torch.addbmm, (c, a, b)),
        (torch.addmv, (a[0, :, 0], a[0], b[0, :, 0])),
    ]
    function, args = data.draw(st.sampled_from(forms))
    assert check(lambda *args: function(*args, beta=beta, alpha=alpha), args, level, 2 * inner)


def test_a_bias_is_part_of_the_layer() -> None:
    layer = WithConstants(lambda x, b, w: torch.addmm(b, x, w), torch.randn(5), torch.randn(4, 5))
    converted = check_lowering(Case(layer, (torch.randn(3, 4),), 27, 4, 20)).converted
    assert converted is not None
    assert converted.report.operations == {"FULLY_CONNECTED": 1}


@pytest.mark.parametrize("function", [torch.dot, torch.mv, torch.inner])
def test_vectors(function: Any) -> None:
    a = torch.randn(4) if function is torch.dot else torch.randn(3, 4)
    assert check(function, (a, torch.randn(4)), 28, 4)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bhqd,bhkd->bhqk", [(1, 2, 3, 4), (1, 2, 5, 4)]),
        ("bchw,cd->bdhw", [(2, 3, 4, 4), (3, 5)]),
        ("nctkv,kvw->nctw", [(1, 2, 3, 2, 4), (2, 4, 5)]),
        ("i,j->ij", [(3,), (4,)]),
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
    ],
)
def test_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    args = tuple(torch.randn(shape) for shape in shapes)
    assert check(lambda *args: torch.einsum(equation, *args), args, 1000006, 8)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("level", [29, 1000006])
def test_integers(dtype: torch.dtype, level: int) -> None:
    a, b = torch.arange(12, dtype=dtype).reshape(3, 4), torch.arange(8, dtype=dtype).reshape(4, 2)
    addend = torch.tensor([5, -7], dtype=dtype)
    # What the numbers are bounded by is known only of clamped ones.
    assert check(lambda a, b: torch.mm(a.clamp(0, 99), b.clamp(0, 99)), (a, b), level, 4)
    assert check(
        lambda c, a, b: torch.addmm(c.clamp(-9, 9), a.clamp(0, 99), b.clamp(0, 99), alpha=2),
        (addend, a, b),
        level,
        4,
    )
    unbounded = check(torch.mm, (a, b), level, 4)
    assert unbounded is (dtype is torch.int32 and level == 1000006)


@pytest.mark.parametrize("level", [29, 30, 31])
def test_large_batches_are_one_grouped_convolution(level: int) -> None:
    a, b = torch.randn(50, 3, 4), torch.randn(50, 4, 5)
    converted = check_lowering(Case(torch.bmm, (a, b), level, 4, 20)).converted
    assert converted is not None
    assert converted.report.operations["GROUPED_CONV_2D"] == 1
