"""Which of the three ways a model with free sizes goes: at run time, at load time, or as a set of fixed sizes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from attrs import frozen
from torch.export import ExportedProgram

from nnapi_core.artifact.contents import Contents, make_contents
from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.flexible.align_models import DiffersBySize
from nnapi_core.flexible.lower_at_sizes import AtSizes, Lower, Sampler
from nnapi_core.flexible.sample_sizes import Region, Span, without_ones
from nnapi_core.flexible.sizes_at_load_time import parts_for
from nnapi_core.flexible.sizes_at_run_time import run_time_parts
from nnapi_core.flexible.sizes_of_one import check_single
from nnapi_core.flexible.strategy import Strategy
from nnapi_core.flexible.variants import Variant, combined
from nnapi_core.graph.sizes.free_sizes import FreeSize, free_sizes
from nnapi_core.graph.sizes.size_relations import Relation
from nnapi_core.graph.sizes.specialise import SymbolicProgram
from nnapi_core.nnapi.serialize import WeightTable

# So many fixed sizes are made without being asked for.
_MOST_VARIANTS = 8


@frozen(eq=False)
class Flexible:
    """A conversion for a range of sizes, and how it came to its way."""

    contents: Contents
    at_example: AtSizes
    example_contents: Contents
    """What serves the example's sizes."""
    strategy: Strategy
    sizes: tuple[FreeSize, ...]
    relations: tuple[Relation, ...]
    reasons: tuple[str, ...]
    """Why the ways before it were not taken."""


def convert_flexible(
    exported: ExportedProgram,
    dim_specs: Sequence[Any],
    lower: Lower,
    *,
    model: tuple[Any, tuple[Any, ...], Mapping[str, Any]],
    relaxed: bool,
    fixed: Sequence[Mapping[str, int]] | None,
    strategy: Strategy | None,
) -> Flexible:
    """The first way that takes the model. Raises `Unsupported` where none does.

    ``model`` is the module that was exported, and its arguments; ``fixed`` are the sizes to make models for;
    ``strategy`` asks for one way.
    """
    sizes = free_sizes(exported, dim_specs)
    sampler = Sampler.of(SymbolicProgram(exported), sizes, lower, relaxed=relaxed)
    if isinstance(model[0], torch.nn.Module):
        example = dict(zip((size.symbol for size in sizes), sampler.example, strict=True))
        check_single(model[0], exported, model[1:], sizes, example)
    if fixed is not None or strategy is Strategy.FIXED:
        return _fixed(sampler, _listed(sizes, fixed), ())
    reasons: list[str] = []
    if strategy in (None, Strategy.RUN_TIME):
        try:
            at_example, contents = run_time_parts(sampler, exported)
            return _told(sampler, contents, at_example, contents, Strategy.RUN_TIME, ())
        except Unsupported as refusal:
            reasons.append(f"not at {Strategy.RUN_TIME.value}: {refusal}")
            if strategy is not None:
                raise
    try:
        return _load_time(sampler, reasons)
    except Unsupported as refusal:
        few = _few(sizes)
        if few is None or strategy is not None:
            raise Unsupported(
                f"{refusal}; give a list of sizes= to make one model for each of them"
            ) from refusal
        reasons.append(f"not at {Strategy.LOAD_TIME.value}: {refusal}")
        return _fixed(sampler, list(filter(sampler.takes, few)), reasons)


def _load_time(sampler: Sampler, reasons: Sequence[str]) -> Flexible:
    """In as few variants as there are forms, with nodes whose form differs by size given back to the CPU."""
    region = tuple(
        Span.of(size, number) for size, number in zip(sampler.sizes, sampler.example, strict=True)
    )
    while True:
        weights = WeightTable(by_content=True)
        try:
            found = _solved(sampler, region, weights)
            break
        except DiffersBySize as difference:
            name = difference.origin.node.partition(".")[0]
            if not name or name in sampler.given_back:
                raise
            sampler.give_back({name: difference})
    at_example, chosen = next((one for one in found if one[0].point == sampler.example), found[0])
    contents = chosen.contents
    if len(found) > 1:
        contents = combined([variant for _, variant in found], sampler.described(at_example))
    return _told(sampler, contents, at_example, chosen.contents, Strategy.LOAD_TIME, reasons)


def _solved(
    sampler: Sampler, region: Region, weights: WeightTable
) -> list[tuple[AtSizes, Variant]]:
    try:
        lowered, contents = parts_for(sampler, region, weights)
        return [(lowered, Variant(region, contents))]
    except DiffersBySize as difference:
        for rest, apart in without_ones(region):
            try:
                lowered, contents = parts_for(sampler, rest, weights)
            except DiffersBySize:
                continue
            result = [(lowered, Variant(rest, contents))]
            for one in apart:
                result += _solved(sampler, one, weights)
            return result
        raise difference


def _fixed(sampler: Sampler, points: Sequence[tuple[int, ...]], reasons: Sequence[str]) -> Flexible:
    weights = WeightTable(by_content=True)
    variants = []
    for point in points:
        if not sampler.takes(point):
            wrong = next(one for one in sampler.relations if not one.holds(sampler.named(point)))
            raise ConversionError(f"{sampler.named(point)}: the sizes must be so that {wrong}")
        one = sampler.at(point)
        region = tuple(Span(number, number, number) for number in point)
        contents = make_contents(
            one.program, one.partition, relaxed=sampler.relaxed, weights=weights
        )
        variants.append(Variant(region, contents))
    contents = combined(variants, sampler.described(sampler.at(points[0])))
    first = sampler.at(points[0])
    return _told(sampler, contents, first, variants[0].contents, Strategy.FIXED, reasons)


def _told(
    sampler: Sampler,
    contents: Contents,
    at_example: AtSizes,
    example_contents: Contents,
    strategy: Strategy,
    reasons: Sequence[str],
) -> Flexible:
    relations = tuple(sampler.relations)
    return Flexible(
        contents, at_example, example_contents, strategy, sampler.sizes, relations, tuple(reasons)
    )


def _few(sizes: Sequence[FreeSize]) -> list[tuple[int, ...]] | None:
    """All the sizes that there are, if they are few."""
    ranges = []
    for size in sizes:
        if size.most is None or size.is_data_dependent:
            return None
        ranges.append(range(max(size.least, 1), size.most + 1))
    if math.prod(map(len, ranges)) > _MOST_VARIANTS:
        return None
    return list(itertools.product(*ranges))


def _listed(
    sizes: Sequence[FreeSize], fixed: Sequence[Mapping[str, int]] | None
) -> list[tuple[int, ...]]:
    """The user's list, checked."""
    names = {size.name for size in sizes}
    if not fixed:
        raise ConversionError(f"fixed sizes are to be listed: sizes=[{{{', '.join(names)}}}, …]")
    points = []
    for one in fixed:
        if one.keys() != names:
            raise ConversionError(
                f"sizes are given for {sorted(one)}; the model has {sorted(names)}"
            )
        for size in sizes:
            number = one[size.name]
            if number < max(size.least, 1) or (size.most is not None and number > size.most):
                most = "" if size.most is None else f" to {size.most}"
                raise ConversionError(
                    f"{size.name} = {number} is outside of its range, {max(size.least, 1)}{most}"
                )
        points.append(tuple(one[size.name] for size in sizes))
    return list(dict.fromkeys(points))
