"""Sizes that an artifact is not for are refused, with their names, in our executor and in stock PyTorch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

import nnapi_core
import nnapi_runtime
from nnapi_core import ConversionError
from nnapi_core.flexible.strategy import Strategy
from tests.core.flexible.networks import Calls
from tests.models.definitions import UNet
from tests.models.stock_runs import StockRuns

ROWS = Dim("rows", min=2, max=8)


class Upsampled(nn.Module):
    """Of images, and of one that must be of the same batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(self.conv(x), scale_factor=2) + y


def upsampled(**options: Any) -> Any:
    batch = Dim("batch", min=1, max=4)
    return nnapi_core.convert(
        Upsampled().eval(),
        (torch.randn(2, 3, 16, 8), torch.randn(2, 4, 1, 1)),
        dynamic_shapes=({0: batch, 2: 4 * ROWS}, {0: batch}),
        **options,
    )


WRONG = {
    ((5, 3, 16, 8), (5, 4, 1, 1)): "batch is 5.* from 1 to 4",
    ((2, 3, 36, 8), (2, 4, 1, 1)): "rows is 9.* from 2 to 8",
    ((2, 3, 4, 8), (2, 4, 1, 1)): "rows is 1.* from 2 to 8",
    ((2, 3, 18, 8), (2, 4, 1, 1)): r"dimension 2 of 'x' is 18; it must be 4 \* rows",
    ((2, 3, 16, 8), (3, 4, 1, 1)): "dimension 0 of 'y' is 3; it must be batch",
}


@pytest.mark.parametrize("shapes", WRONG)
def test_what_is_out_of_range_is_named(shapes: tuple[tuple[int, ...], ...]) -> None:
    model = upsampled()
    with pytest.raises(nnapi_runtime.ArgumentError, match=WRONG[shapes]):
        model(*map(torch.randn, shapes))


@pytest.mark.parametrize("suffix", [".pt", ".ptl"])
def test_stock_pytorch_says_the_same(suffix: str, tmp_path: Path) -> None:
    runs = StockRuns(tmp_path)
    model = upsampled()
    for number, shapes in enumerate(WRONG):
        runs.add(f"case{number}", model, [tuple(map(torch.randn, shapes))], suffix)
    runs.run(with_library=True)
    for number, text in enumerate(WRONG.values()):
        for method in ("forward", "forward_cpu"):
            error = runs.error(f"case{number}", method)
            assert error is not None
            with pytest.raises(AssertionError, match=text):
                raise AssertionError(error)


def test_fixed_sizes_say_what_they_are_for(tmp_path: Path) -> None:
    sizes = [{"batch": 1, "rows": 2}, {"batch": 3, "rows": 4}]
    model = upsampled(sizes=sizes)
    assert model.report.shape_strategy == Strategy.FIXED.value
    model.save(tmp_path / "model.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "model.nnapi")
    for one in sizes:
        batch, rows = one["batch"], one["rows"]
        loaded(torch.randn(batch, 3, 4 * rows, 8), torch.randn(batch, 4, 1, 1))
    with pytest.raises(nnapi_runtime.ArgumentError, match="batch 1, rows 2; batch 3, rows 4"):
        loaded(torch.randn(1, 3, 16, 8), torch.randn(1, 4, 1, 1))


def test_weights_are_stored_once_for_all_sizes() -> None:
    one, many = (
        upsampled(sizes=[{"batch": 1, "rows": 2}]),
        upsampled(sizes=[{"batch": n, "rows": 2} for n in (1, 2, 3)]),
    )
    assert one.report.weight_bytes == many.report.weight_bytes > 0


def test_sizes_are_checked_when_they_are_listed() -> None:
    with pytest.raises(ConversionError, match="rows = 9 is outside of its range, 2 to 8"):
        upsampled(sizes=[{"batch": 1, "rows": 9}])
    with pytest.raises(ConversionError, match="sizes are given for"):
        upsampled(sizes=[{"rows": 2}])
    with pytest.raises(ConversionError, match="no free dimensions"):
        nnapi_core.convert(nn.ReLU(), (torch.randn(2),), sizes=[{"batch": 1}])


def test_a_constant_as_large_as_a_size_needs_a_maximum() -> None:
    module = Calls(lambda x: x + torch.arange(x.shape[0] * 64).reshape(x.shape[0], 64))
    free = {0: Dim("length", min=2)}
    with pytest.raises(ConversionError, match="give the Dim a max"):
        nnapi_core.convert(module, (torch.randn(5, 64),), dynamic_shapes=(free,))
    bounded = {0: Dim("length", min=2, max=9)}
    model = nnapi_core.convert(module, (torch.randn(5, 64),), dynamic_shapes=(bounded,))
    x = torch.randn(7, 64)
    torch.testing.assert_close(model(x), module(x))


SINGLE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "squeezed": lambda x: x.squeeze() * 2,
    "another way in Python": lambda x: x * 2 if x.shape[0] == 1 else x * 3,
}


@pytest.mark.parametrize("name", SINGLE)
def test_a_size_of_one_that_is_special_to_the_model(name: str) -> None:
    """torch.export lets such a program be declared for 1."""
    module, x = Calls(SINGLE[name]), torch.randn(3, 4)
    with pytest.raises(ConversionError, match="at batch = 1 the model computes something else"):
        nnapi_core.convert(module, (x,), dynamic_shapes=({0: Dim("batch", min=1, max=4)},))
    free = {0: Dim("batch", min=2, max=4)}
    model = nnapi_core.convert(module, (x,), dynamic_shapes=(free,))
    for batch in (2, 4):
        torch.testing.assert_close(model(x := torch.randn(batch, 4)), module(x))


BY_SIZE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "a loop over a size": lambda x: torch.stack([x[i] * (i + 1) for i in range(2)]).cumsum(1),
    "a number": lambda x: x / x.shape[1],
}


@pytest.mark.parametrize("name", BY_SIZE)
def test_what_depends_on_a_size_by_more_than_numbers_stays_in_torch(name: str) -> None:
    module = nn.Sequential(nn.Linear(4, 4), Calls(BY_SIZE[name])).eval()
    free = {1: Dim("length", min=3, max=30)}
    model = nnapi_core.convert(module, (torch.randn(2, 5, 4),), dynamic_shapes=(free,))
    assert any("free sizes" in row.reason for row in model.report.refused())
    for length in (3, 9, 30):
        x = torch.randn(2, length, 4)
        with torch.no_grad():
            torch.testing.assert_close(model(x), module(x), rtol=1e-4, atol=1e-4)
    with pytest.raises(ConversionError, match="free sizes"):
        nnapi_core.convert(
            module, (torch.randn(2, 5, 4),), dynamic_shapes=(free,), fallback="error"
        )


def test_relations_that_torch_derived_are_kept() -> None:
    module = UNet(4).eval()
    free = {0: Dim.AUTO, 2: Dim.DYNAMIC}
    model = nnapi_core.convert(
        module, (torch.randn(2, 3, 16, 16),), dynamic_shapes=(free,), feature_level=30
    )
    assert any("(2 * (x:2 // 2)) == x:2" in note for note in model.report.notes)
    for height in (16, 20, 52):
        x = torch.randn(3, 3, height, 16)
        with torch.no_grad():
            torch.testing.assert_close(model(x), module(x), rtol=1e-4, atol=1e-4)
    with pytest.raises(nnapi_runtime.ArgumentError, match=r"x:2 // 4.*x:2 is 18"):
        model(torch.randn(3, 3, 18, 16))


def damaged(change: Callable[[dict[str, Any]], None]) -> nnapi_runtime.Session:
    parts = upsampled().contents
    manifest = json.loads(json.dumps(parts.manifest))
    change(manifest)
    weights = [constant.array() for constant in parts.weights.constants]
    return nnapi_runtime.Session(manifest, parts.models, weights, {}, fallback=False)


def _entry(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["stages"][0]["patches"]


DAMAGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a size of nothing": lambda m: m["sizes"][0].update(of="z"),
    "an unknown name": lambda m: _entry(m)["values"].append("columns"),
    "an unknown operator": lambda m: _entry(m)["values"].append(["**", "rows", 2]),
    "too few dimensions": lambda m: m["inputs"][0]["dims"].pop(),
    "a number that is none": lambda m: _entry(m)["which"].__setitem__(0, 999),
    "a factor of 0": lambda m: m["sizes"][0].update(factor=0),
    "an endless expression": lambda m: _entry(m)["values"].append(_nested(500)),
}


def _nested(depth: int) -> Any:
    tree: Any = "rows"
    for _ in range(depth):
        tree = ["+", tree, 1]
    return tree


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_sizes_are_refused(name: str) -> None:
    with pytest.raises(nnapi_runtime.ModelError):
        damaged(DAMAGES[name])


DAMAGES_THAT_SHOW: dict[str, Callable[[dict[str, Any]], None]] = {
    "a place beyond the words": lambda m: _entry(m)["positions"].__setitem__(0, 1 << 20),
    "a division by zero": lambda m: _entry(m)["values"].__setitem__(0, ["//", "rows", 0]),
    "no int32": lambda m: _entry(m)["values"].__setitem__(0, ["*", "rows", 1 << 40]),
    "a wrong number": lambda m: _entry(m)["values"].__setitem__(0, ["+", "rows", 1]),
    "a part of no weight": lambda m: m["stages"][0]["parts"].append({"weight": 99, "dims": []}),
}


@pytest.mark.parametrize("name", DAMAGES_THAT_SHOW)
def test_damaged_patches_are_refused_when_they_are_needed(name: str) -> None:
    """Or before."""
    arguments = torch.randn(2, 3, 16, 8), torch.randn(2, 4, 1, 1)
    with pytest.raises(nnapi_runtime.NnapiError):
        damaged(DAMAGES_THAT_SHOW[name])(*arguments)
