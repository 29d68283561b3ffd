"""Random graphs: a conversion equals eager torch, its pieces are convex, and its weights are stored once."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

import nnapi_runtime
from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.converted import Converted
from nnapi_core.lowering.partition.group_nodes_into_pieces import IslandRule
from nnapi_core.plugins.registry import Registry
from nnapi_runtime.nnapi_file import read_file
from tests.core.conversion.random_graphs import Drawing, drawings

LEVELS = (29, 27, 28, 30, 1000006)
REGISTRY = Registry.collect()


def equal(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    if not expected.dtype.is_floating_point:
        assert torch.equal(actual, expected)
        return
    # The chains are short, and no value is above 1e4.
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def values_are_made_before_they_are_read(converted: Converted) -> None:
    """Pieces run one after the other, each once: what that order allows is convex."""
    manifest = converted.contents.manifest
    made = {one["name"] for one in manifest["inputs"]} | set(manifest["constants"])
    for stage in manifest["stages"]:
        torch_piece = stage["kind"] == "torch"
        reads = stage["inputs"] if torch_piece else [one["value"] for one in stage["inputs"]]
        writes = stage["outputs"] if torch_piece else [one["value"] for one in stage["outputs"]]
        assert made.issuperset(reads), (reads, made)
        assert made.isdisjoint(writes)
        made.update(writes)


def weights_are_stored_once(converted: Converted) -> None:
    """No two numbered weights have the same elements in the same order, and CPU pieces hold none of their own."""
    table = [one.array() for one in converted.contents.weights.constants]
    contents = [(one.dtype.str, one.tobytes()) for one in table]
    assert len(set(contents)) == len(contents)
    for module in converted.contents.torch_programs.values():
        held = sum(one.nbytes for one in module.buffers())
        assert all(one.nbytes <= 128 for one in module.buffers()), held


@given(drawings(), st.sampled_from(LEVELS), st.integers(1, 3))
def test_a_conversion_equals_eager(drawing: Drawing, level: int, min_island: int) -> None:
    module, args = drawing.module, drawing.args
    torch_args = [one.clone() for one in args]
    with torch.no_grad():
        expected = module(*torch_args)
    converted = convert(
        module,
        args,
        feature_level=level,
        islands=IslandRule(min_island=min_island),
        registry=REGISTRY,
    )
    given_args = [one.clone() for one in args]
    actual = converted(*given_args)
    for one, wanted in zip(actual, expected, strict=True):
        equal(one, wanted)
    for one, changed in zip(given_args, torch_args, strict=True):
        # Those that the model writes into too.
        equal(one, changed)
    assert converted.report.feature_level <= level
    values_are_made_before_they_are_read(converted)
    weights_are_stored_once(converted)


@given(drawings(max_steps=8))
def test_a_file_runs_as_the_conversion_does(tmp_path_factory: Any, drawing: Drawing) -> None:
    module, args = drawing.module, drawing.args
    converted = convert(module, args, registry=REGISTRY)
    path = tmp_path_factory.mktemp("drawn") / "drawn.nnapi"
    converted.save(path)
    results = []
    for run in (nnapi_runtime.load(path), converted):
        given_args = [one.clone() for one in args]
        results.append([*run(*given_args), *given_args])
    for one, wanted in zip(*results, strict=True):
        assert torch.equal(one, wanted)
    programs = sum(len(one) for one in read_file(path).torch_programs.values())
    table = sum(one.nbytes for one in converted.contents.weights.constants)
    words = sum(len(one) for one in converted.contents.models.values())
    header = path.stat().st_size - programs - table - words
    assert 0 < header < 40_000
    with torch.no_grad():
        expected = module(*(one.clone() for one in args))
    # A program without an NNAPI piece needs no library.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nnapi_runtime.FallbackWarning)
        in_torch = nnapi_runtime.load(path, library="/no_such.so")
    for one, wanted in zip(in_torch(*args), expected, strict=True):
        equal(one, wanted)
