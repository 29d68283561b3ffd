"""Random models written as source, in each spelling, for each target and in every form: right, or refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

import nnapi_runtime
from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.converted import Converted
from nnapi_core.errors import ConversionError
from nnapi_core.graph.export.export_torchscript import load_torchscript
from nnapi_core.nnapi.device_profile import DeviceProfile
from tests.core.artifact.every_form import without_nnapi
from tests.core.conversion.random_source import Eager, Source, sources
from tests.core.conversion.test_across_features import (
    LEVELS,
    REGISTRY,
    close,
    many,
    note_refusal,
)

PROFILES = [
    None,
    *map(DeviceProfile.shipped, ("nnapi-reference", "onert-nnapi", "verisilicon-nn-sl")),
]
SPELLINGS = ("module", "exported", "decomposed", "script")
targets = st.tuples(
    st.sampled_from(LEVELS), st.sampled_from(PROFILES), st.sampled_from(["cpu", "host"])
)
Target = tuple[int, DeviceProfile | None, Any]


def spelt(source: Source, spelling: str, args: tuple[torch.Tensor, ...], folder: Path) -> Any:
    if spelling == "module":
        return source.module()
    if spelling == "script":
        source.script().save(str(folder / "m.pt"))
        return load_torchscript(str(folder / "m.pt"))
    program = torch.export.export(source.module(), args, strict=False)
    return program.run_decompositions() if spelling == "decomposed" else program


def converted_for(model: Any, args: tuple[torch.Tensor, ...], target: Target) -> Converted:
    level, profile, fallback = target
    return convert(
        model,
        args,
        feature_level=level,
        device_profile=profile,
        fallback=fallback,
        registry=REGISTRY,
    )


def check_calls(
    run: Callable[..., Any], source: Source, calls: Sequence[tuple[torch.Tensor, ...]], where: str
) -> None:
    """In a row, as eager torch has them."""
    eager = Eager(source.module())
    for args in calls:
        actual = run(*(one.clone() for one in args))
        for one, wanted in zip(actual, eager(*args), strict=True):
            try:
                close(torch.as_tensor(one), wanted)
            except AssertionError as error:
                raise AssertionError(f"{where}: {error}") from error


def forms(converted: Converted, folder: Path) -> Iterator[tuple[str, Callable[..., Any]]]:
    """A session of each kind, new."""
    yield "converted", converted.open_session()
    path = folder / "m.nnapi"
    converted.save(path)
    yield "file", nnapi_runtime.load(path)
    yield "in torch", without_nnapi(path)
    yield "for stock", converted.for_stock().open_session()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converted.save(folder / "m.ptl")
    yield "ptl in torch", torch.jit.load(str(folder / "m.ptl")).forward_cpu  # type: ignore[no-untyped-call]


@many
@given(sources(), st.sampled_from(SPELLINGS), targets, st.integers(0, 99))
def test_every_spelling_and_target(
    source: Source, spelling: str, target: Target, seed: int
) -> None:
    calls = list(source.calls(seed, 3))
    with TemporaryDirectory() as folder, torch.no_grad():
        try:
            model = spelt(source, spelling, calls[0], Path(folder))
            converted = converted_for(model, calls[0], target)
        except ConversionError as error:
            note_refusal(error)
            return
        check_calls(converted.open_session(), source, calls, spelling)


@many
@given(sources(decided=True, most=5), targets, st.integers(0, 99))
def test_conditions_of_the_data(source: Source, target: Target, seed: int) -> None:
    calls = list(source.calls(seed, 4))
    with TemporaryDirectory() as folder, torch.no_grad():
        try:
            model = spelt(source, "script", calls[0], Path(folder))
            converted = converted_for(model, calls[0], target)
        except ConversionError as error:
            note_refusal(error)
            return
        check_calls(converted.open_session(), source, calls, "script")


@many
@given(sources(most=5), targets, st.integers(0, 99), st.integers(0, 3))
def test_named_arguments_in_every_form(
    source: Source, target: Target, seed: int, by_place: int
) -> None:
    calls = list(source.calls(seed, 3))
    count = min(by_place, len(source.types))

    def named(args: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
        # Their order is another's than the parameters'.
        return dict(reversed([*zip(source.names, args, strict=True)][count:]))

    level, profile, fallback = target
    with TemporaryDirectory() as folder, torch.no_grad():
        try:
            converted = convert(
                source.module(),
                calls[0][:count],
                named(calls[0]),
                feature_level=level,
                device_profile=profile,
                fallback=fallback,
                registry=REGISTRY,
            )
            for name, run in forms(converted, Path(folder)):
                if name == "ptl in torch":
                    check_calls(run, source, calls, name)
                else:
                    check_calls(
                        lambda *args, run=run: run(*args[:count], **named(args)),
                        source,
                        calls,
                        name,
                    )
        except ConversionError as error:
            note_refusal(error)


def test_a_phone_calls_by_the_order_of_the_parameters() -> None:
    class Difference(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
            return (x - y) * scale

    one, two = torch.ones(2), torch.full((2,), 2.0)
    converted = convert(Difference(), (), {"scale": one, "y": two, "x": one})
    with TemporaryDirectory() as folder:
        converted.save(Path(folder) / "m.ptl")
        stock = torch.jit.load(str(Path(folder) / "m.ptl"))  # type: ignore[no-untyped-call]
        assert torch.equal(stock.forward_cpu(one, two, two), Difference()(one, two, two))
