"""Random graphs where features meet: right, or refused in one clear error, in every form and spelling."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.export import Dim, ExportedProgram

import nnapi_runtime
from nnapi_core.conversion.convert import convert
from nnapi_core.errors import ConversionError
from nnapi_core.graph.export.export_module import export
from nnapi_core.graph.export.export_torchscript import load_torchscript
from nnapi_core.plugins.registry import Registry
from tests.core.artifact.every_form import check_everywhere, without_nnapi
from tests.core.conversion.random_graphs import Drawing, drawings
from tests.ops.test_special_values import difference, with_special

LEVELS = (29, 27, 28, 30, 1000008)
REGISTRY = Registry.collect()
# Of a night's run: the four tests have 20,000 graphs together.
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
GRAPHS = int(os.environ.get("GRAPHS", "5000" if NIGHTLY else settings().max_examples))
# To say what a failure depends on would take hundreds of conversions more.
many = settings(
    max_examples=GRAPHS, phases=[one for one in settings().phases if one is not Phase.explain]
)


def note_refusal(error: ConversionError) -> None:
    """The end of a case. Raises ``error`` where it is no refusal, but what a conversion finds wrong with itself."""
    if "mistake of the conversion" in str(error) or "failed: " in str(error):
        raise error
    event(f"refused: {str(error)[:60]}")


def results_of(call: Any, args: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """Results, and then the arguments, which a model may write into."""
    given = [one.clone() for one in args]
    with torch.no_grad():
        return [*call(*given), *given]


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert actual.dtype == expected.dtype
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


# ---- spellings

SPELLINGS = ("exported", "decomposed", "traced")


def spelt(spelling: str, module: nn.Module, args: tuple[torch.Tensor, ...]) -> ExportedProgram:
    with torch.no_grad(), warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        if spelling == "traced":
            path = str(Path(folder) / "m.pt")
            torch.jit.trace(module, tuple(one.clone() for one in args), check_trace=False).save(
                path
            )  # type: ignore[no-untyped-call]
            return export(load_torchscript(path), tuple(one.clone() for one in args))
        program = torch.export.export(module, args, strict=False)
        return program.run_decompositions() if spelling == "decomposed" else program


@many
@given(drawings(max_steps=8), st.sampled_from(SPELLINGS), st.sampled_from(LEVELS))
def test_every_spelling_is_the_same_model(drawing: Drawing, spelling: str, level: int) -> None:
    module, args = drawing.module, drawing.args
    plain = convert(module, args, feature_level=level, registry=REGISTRY)
    try:
        program = spelt(spelling, module, args)
        other = convert(program, args, feature_level=level, registry=REGISTRY)
    except ConversionError as error:
        note_refusal(error)
        return
    expected = results_of(module, args)
    for converted in (plain, other):
        for one, wanted in zip(results_of(converted, args), expected, strict=True):
            close(one, wanted)
    if spelling == "exported":
        assert other.report.operations == plain.report.operations
        assert other.report.stages == plain.report.stages


# ---- nested arguments and results, in every artifact


class Nested(nn.Module):
    """A drawn model whose arguments and results lie in other structures."""

    def __init__(self, drawing: Drawing, form: str) -> None:
        super().__init__()
        self.inner = drawing.module
        self.form = form

    def forward(self, *args: Any) -> Any:
        results = self.inner(*tensors_in(args))
        match self.form:
            case "tuple":
                return (results[0], tuple(results[1:]))
            case "list":
                return list(results)
            case "dict":
                return {f"result_{place}": one for place, one in enumerate(results)}
        return results


def tensors_in(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    inner = value.values() if isinstance(value, dict) else value
    return [tensor for one in inner for tensor in tensors_in(one)]


def nested(args: tuple[torch.Tensor, ...], form: str) -> tuple[Any, ...]:
    match form:
        case "tuple":
            return (args[0], tuple(args[1:])) if len(args) > 1 else (args,)
        case "list":
            return (list(args),)
        case "dict":
            return ({f"x_{place}": one for place, one in enumerate(args)},)
    return args


@many
@given(
    drawings(max_steps=6).filter(lambda one: not any("into x" in s.kind.name for s in one.steps)),
    st.sampled_from(["flat", "tuple", "list", "dict"]),
    st.sampled_from(["flat", "tuple", "list", "dict"]),
    st.sampled_from(LEVELS),
)
def test_nested_arguments_in_every_artifact(
    drawing: Drawing, taken: str, given_back: str, level: int
) -> None:
    module, args = Nested(drawing, given_back), nested(drawing.args, taken)
    try:
        converted = convert(module, args, feature_level=level, registry=REGISTRY)
        check_everywhere(converted, module, [args], close)
    except ConversionError as error:
        note_refusal(error)


# ---- free sizes, with constants as large as they are


@many
@given(drawings(max_steps=8), st.sampled_from(LEVELS), st.booleans())
def test_free_sizes(drawing: Drawing, level: int, named: bool) -> None:
    module, args = drawing.module, drawing.args
    last = args[0].dim() - 1
    size = Dim("size", min=2, max=9) if named else Dim.AUTO
    shapes = {"inputs": tuple({last: size} for _ in args)}
    try:
        converted = convert(
            module, args, dynamic_shapes=shapes, feature_level=level, registry=REGISTRY
        )
    except ConversionError as error:
        note_refusal(error)
        return
    free = [one for one in converted.report.sizes if one.where.endswith(f":{last}")]
    example = args[0].shape[last]
    others = [n for n in (2, 3, 7) if free and n >= free[0].least and (free[0].most or n) >= n]
    for count in (example, *others):
        resized = tuple(one.repeat_interleave(4, last).narrow(last, 0, count) for one in args)
        try:
            expected = results_of(module, resized)
        except (RuntimeError, IndexError):
            continue  # torch does not run it there
        try:
            actual = results_of(converted, resized)
        except nnapi_runtime.ArgumentError as refusal:
            if "must be" in str(refusal):
                continue
            raise
        for one, wanted in zip(actual, expected, strict=True):
            close(one, wanted)


# ---- NaN and infinities


@many
@given(
    drawings(max_steps=6),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 1e25, 1e-40]),
    st.integers(0, 99),
    st.sampled_from(LEVELS),
)
def test_special_values(drawing: Drawing, value: float, seed: int, level: int) -> None:
    module, args = drawing.module, drawing.args
    converted = convert(module, args, feature_level=level, registry=REGISTRY)
    places = torch.Generator().manual_seed(seed)
    changed = tuple(with_special(list(args), value, places, several=bool(seed % 2)))
    expected = results_of(module, changed)
    try:
        actual = results_of(converted, changed)
    except nnapi_runtime.ArgumentError as refusal:
        # What torch makes a NaN into as an int64 does not enter a piece.
        if "which NNAPI's int32 cannot" in str(refusal):
            return
        raise
    wrong = difference(actual, expected)
    if wrong is not None:
        assert any(row.special_values for row in converted.report.nodes), wrong
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m.nnapi"
        converted.save(path)
        # Torch alone computes torch's own.
        assert difference(results_of(without_nnapi(path), changed), expected) is None


def test_views_in_torch_of_what_nnapi_passes_on() -> None:
    class Flattened(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            y, z = x.transpose(0, -1), x + 1
            z[..., 0] = 5
            z[..., -1:].mul_(2)
            strided = y.contiguous().as_strided((2, 2), (3, 1))
            return torch.gcd(x, x // 2), z, y.flatten().mode(-1)[0], strided.mode(-1)[0]

    x = torch.arange(24, dtype=torch.int32).reshape(2, 3, 4)
    converted = convert(Flattened(), (x,), feature_level=28)
    check_everywhere(converted, Flattened(), [(x,), (x.flip(1),)], close)
