"""NaN, infinities and numbers near the ends of float32: as torch has them, or the report says what becomes of them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.utils._pytree as pytree
from hypothesis import assume, given
from hypothesis import strategies as st

from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.converted import Converted
from nnapi_core.errors import ConversionError
from nnapi_core.plugins.registry import Registry
from nnapi_core.report.rows import NodeRow
from tests.ops.op_db import UNINITIALISED, entries, samples_of

REGISTRY = Registry.collect()
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
VALUES = (float("nan"), float("inf"), float("-inf"), 1e25, -3e38, 1e-40)
# torch's LAPACK does not come back from an infinite matrix.
NO_END = "linalg_", "svd", "eig"
NAMES = sorted(
    name
    for name, info in entries().items()
    if torch.float32 in info.dtypes
    and name not in UNINITIALISED
    and "jiterator" not in name
    and not any(word in name for word in NO_END)
)


class Called(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(*args)


def with_special(
    args: list[torch.Tensor], value: float, places: torch.Generator, *, several: bool
) -> list[torch.Tensor]:
    """The arguments, with ``value`` at one place of each float tensor, or at a third of its places."""
    changed = []
    for one in args:
        one = one.clone()
        if one.dtype.is_floating_point and one.numel():
            flat = one.reshape(-1).clone()
            count = max(1, len(flat) // 3) if several else 1
            flat[torch.randperm(len(flat), generator=places)[:count]] = value
            one = flat.reshape(one.shape)
        changed.append(one)
    return changed


def difference(actual: Any, expected: Any) -> str | None:
    """The first element that is not torch's, within what rounding does to such numbers."""
    pairs = zip(pytree.tree_leaves(actual), pytree.tree_leaves(expected), strict=True)
    for a, b in pairs:
        if not isinstance(b, torch.Tensor):
            continue
        if b.dtype.is_complex:
            a, b = torch.view_as_real(a.resolve_conj()), torch.view_as_real(b.resolve_conj())
        if not b.dtype.is_floating_point:
            same = a == b
        else:
            a, b = a.double(), b.double()
            finite = b[b.isfinite()].abs()
            largest = min(float(finite.max()) if finite.numel() else 0.0, 1e30)
            near = (a - b).abs() <= 1e-3 * b.abs() + 1e-4 * largest + 1e-5
            same = (a == b) | (a.isnan() & b.isnan()) | near
        if not bool(same.all()):
            index = tuple((~same).nonzero()[0].tolist())
            return f"{a[index]} at {index}, torch has {b[index]}"
    return None


def check(name: str, number: int, value: float, seed: int, *, several: bool) -> None:
    samples = samples_of(entries()[name], torch.float32)
    if not samples:
        return
    function, args = samples[number % len(samples)]
    given = with_special(args, value, torch.Generator().manual_seed(seed), several=several)
    try:
        function(*(one.clone() for one in args))
        expected = function(*(one.clone() for one in given))
    except Exception:
        return  # torch refuses them
    try:
        converted = convert(
            Called(function).eval(), tuple(args), registry=REGISTRY, feature_level=1000008
        )
        actual = converted(*(one.clone() for one in given))
    except ConversionError:
        return
    wrong = difference(actual, expected)
    rows = converted.report.nodes
    if wrong is None or any(map(is_random, rows)):
        return
    assert any(row.special_values for row in rows), f"{name}: {wrong}, and no row says so"
    assert_torch_where_it_runs_in_torch(converted)


def is_random(row: NodeRow) -> bool:
    namespace, name, overload = row.target.split(".")
    operator = getattr(getattr(getattr(torch.ops, namespace), name), overload)
    return torch.Tag.nondeterministic_seeded in operator.tags


def assert_torch_where_it_runs_in_torch(converted: Converted) -> None:
    """Nothing is said of nodes that torch runs: they are torch's own."""
    assert not any(row.special_values for row in converted.report.nodes if row.device != "nnapi")


@given(
    st.sampled_from(NAMES),
    st.integers(0, 3),
    st.sampled_from(VALUES),
    st.integers(0, 99),
    st.booleans(),
)
def test_as_torch_or_said(name: str, number: int, value: float, seed: int, several: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(name, number, value, seed, several=several)


@pytest.mark.skipif(not NIGHTLY, reason="every operator takes minutes: in the nightly run")
@pytest.mark.parametrize("name", NAMES if NIGHTLY else ["abs"])
def test_every_operator(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(3):
            for value in VALUES:
                for several in (False, True):
                    check(name, number, value, number, several=several)


# What is rewritten for NNAPI, and is torch's own in torch: on the CPU, and where there is no NNAPI.
REWRITTEN: dict[str, Callable[[torch.Tensor], Any]] = {
    "median": lambda x: torch.median(x, 1).values,
    "median of all": torch.median,
    "quantile": lambda x: torch.quantile(x, 0.25, 1),
    "kthvalue": lambda x: torch.kthvalue(x, 2, 1).values,
    "topk of the least": lambda x: torch.topk(x, 2, 1, largest=False).values,
    "max_pool3d": lambda x: torch.nn.functional.max_pool3d(x.reshape(1, 1, 2, 2, 4), 2, 1),
    "avg_pool3d": lambda x: torch.nn.functional.avg_pool3d(x.reshape(1, 1, 2, 2, 4), 2, 1),
    "cdist": lambda x: torch.cdist(x, x + 1, 1.0),
    "pdist": lambda x: torch.nn.functional.pdist(x, 3.0),
    "grid_sample": lambda x: torch.nn.functional.grid_sample(
        x.reshape(1, 1, 4, 4), x[:, :2].reshape(1, 2, 2, 2), align_corners=False
    ),
    "conv3d": lambda x: torch.nn.functional.conv3d(
        x.reshape(1, 1, 2, 2, 4), torch.full((1, 1, 2, 1, 2), 0.5)
    ),
    "std": lambda x: torch.std(x, 1),
    "logaddexp": lambda x: torch.logaddexp(x, x.flip(0)),
    "xlogy": lambda x: torch.xlogy(x, x.flip(0)),
    "nansum": lambda x: torch.nansum(x, 1),
    "smooth l1": lambda x: torch.nn.functional.smooth_l1_loss(x, x.flip(0)),
    "baddbmm": lambda x: torch.baddbmm(x[None], x[None], x[None]),
}  # fmt: skip


@given(
    st.sampled_from(sorted(REWRITTEN)), st.sampled_from(VALUES), st.integers(0, 99), st.booleans()
)
def test_what_torch_runs_is_torchs_own(name: str, value: float, seed: int, several: bool) -> None:
    function = REWRITTEN[name]

    class InTorch(torch.nn.Module):
        """The operator beside one that NNAPI has not got, so that it is no piece of its own."""

        def forward(self, x: torch.Tensor) -> Any:
            return function(torch.nextafter(x, x))

    x = torch.randn(4, 4, generator=torch.Generator().manual_seed(seed))
    (x,) = with_special([x], value, torch.Generator().manual_seed(seed), several=several)
    converted = convert(InTorch(), (x,), registry=REGISTRY, feature_level=27)
    whole = converted.contents.torch_programs["torch.cpu"]
    held = [constant.array() for constant in converted.contents.weights.constants]
    assert not held
    expected = InTorch()(x)
    with torch.no_grad():
        torch.testing.assert_close(whole(x)[0], expected, rtol=0, atol=0, equal_nan=True)
    rows = [row for row in converted.report.nodes if row.device != "folded"]
    assume(all(row.device == "cpu" for row in rows))
    torch.testing.assert_close(converted(x), expected, rtol=0, atol=0, equal_nan=True)


def test_the_smallest_case() -> None:
    x = torch.tensor([[1, float("nan"), 2, 0, 4]])
    converted = convert(Called(REWRITTEN["median"]), (x,))
    (row,) = converted.report.nodes
    assert (row.target, row.device) == ("aten.median.dim", "nnapi")
    assert "NaN is sorted among the elements" in row.special_values
    assert bool(converted.contents.torch_programs["torch.cpu"](x)[0].isnan())
    assert bool(convert(Called(REWRITTEN["median"]), (x,), feature_level=27)(x).isnan())
