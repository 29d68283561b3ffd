"""One model for all sizes, whose dimensions are written into it when they are known.

The model is lowered at several sizes. Where the results are the same but for numbers, and each number is an
expression of the sizes, one of them and the expressions are all that an artifact needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from nnapi_core.artifact.parts import WHOLE, Parts, make_parts
from nnapi_core.errors import Unsupported
from nnapi_core.flexible import manifests
from nnapi_core.flexible.at_sizes import AtSizes, Sampler
from nnapi_core.flexible.empty import given_back_for_empty
from nnapi_core.flexible.fit import Fitter
from nnapi_core.flexible.known_sizes import known_sizes
from nnapi_core.flexible.samples import Point, Region, points
from nnapi_core.flexible.torch_parts import merged_module
from nnapi_core.flexible.words import check_explained, parts_of_weights, patches
from nnapi_core.lowering.alignment import Aligned, DiffersBySize, align
from nnapi_core.lowering.device import Device
from nnapi_core.nnapi.expression import named_sizes
from nnapi_core.nnapi.model import Model, Origin
from nnapi_core.nnapi.serialize import WeightTable


def parts_for(sampler: Sampler, region: Region, weights: WeightTable) -> tuple[AtSizes, Parts]:
    """The model for all sizes of ``region``. Raises `DiffersBySize`, or `Unsupported`."""
    chosen = points(region, sampler.example, sampler.takes)
    if not chosen:
        raise Unsupported("no sizes of the range satisfy what torch found they must")
    while True:
        lowered, parts = _parts_at(sampler, region, chosen, weights)
        empty: dict[str, Unsupported] = {}
        for stage, described in zip(
            lowered.partition.stages, parts.manifest["stages"], strict=True
        ):
            if stage.device is Device.NNAPI:
                example = sampler.named(lowered.point)
                empty |= given_back_for_empty(stage, described, sampler.sizes, example)
        if not empty:
            return lowered, parts
        sampler.give_back(empty)


def _parts_at(
    sampler: Sampler, region: Region, chosen: Sequence[Point], weights: WeightTable
) -> tuple[AtSizes, Parts]:
    lowered = _alike(sampler, chosen)
    fitter = Fitter(sampler.vocabulary(), [sampler.named(point) for point in chosen])
    aligned = {
        number: _aligned([one.models[number] for one in lowered], fitter)
        for number, stage in enumerate(lowered[0].partition.stages)
        if stage.device is Device.NNAPI
    }
    _check_bounded(sampler, region, aligned, fitter)
    every = []
    for index, one in enumerate(lowered):
        models = [
            aligned[number].models[index] if number in aligned else None
            for number in range(len(one.models))
        ]
        every.append(
            make_parts(one.program, one.partition, models, relaxed=sampler.relaxed, weights=weights)
        )
    return lowered[0], _merged(sampler, lowered[0], every, aligned, weights, fitter)


def _merged(
    sampler: Sampler,
    lowered: AtSizes,
    every: Sequence[Parts],
    aligned: Mapping[int, Aligned],
    weights: WeightTable,
    fitter: Fitter,
) -> Parts:
    first = every[0]
    whole = [one.manifest["cpu"] for one in every]
    manifest = manifests.merged(
        [{key: one.manifest[key] for key in one.manifest if key != "cpu"} for one in every], fitter
    )
    manifest = {**manifest, "sizes": sampler.described(lowered)}
    stages, torch_stages = [], {}
    for number, stage in enumerate(manifest["stages"]):
        if stage["kind"] == "nnapi":
            name = stage["model"]
            stage = {
                **stage,
                "patches": patches([one.models[name] for one in every], fitter),
                "parts": parts_of_weights(aligned[number], weights, fitter),
            }
        else:
            name = stage["program"]
            modules = [one.torch_stages[name] for one in every]
            torch_stages[name] = merged_module(modules, stage["inputs"], fitter, manifest["sizes"])
        stages.append(stage)
    if all(one == whole[0] for one in whole):
        modules = [one.torch_stages[WHOLE] for one in every]
        with suppress(Unsupported):
            torch_stages[WHOLE] = merged_module(
                modules, whole[0]["inputs"], fitter, manifest["sizes"]
            )
            manifest["cpu"] = whole[0]
    manifest["stages"] = stages
    manifest["sizes"] = known_sizes(manifest)
    manifest["relations"] = [one.described() for one in sampler.relations]
    return Parts(
        manifest,
        first.models,
        weights,
        torch_stages,
        first.lowered,
        first.input_values,
    )


def _aligned(models: Sequence[Model | None], fitter: Fitter) -> Aligned:
    aligned = align([model for model in models if model is not None])
    check_explained(aligned, fitter)
    return aligned


def _check_bounded(
    sampler: Sampler, region: Region, aligned: Mapping[int, Aligned], fitter: Fitter
) -> None:
    """A constant as large as a size needs a largest size."""
    open_ended = {
        size.name for size, span in zip(sampler.sizes, region, strict=True) if span.most is None
    }
    for part in (part for one in aligned.values() for part in one.parts):
        for column in zip(*part.shapes, strict=True):
            expression = fitter.fit(column)
            unbounded = named_sizes(expression) & open_ended if expression is not None else None
            if unbounded:
                raise Unsupported(
                    "the model holds a constant as large as a size without a maximum; give the Dim a max",
                    sizes=sorted(unbounded),
                    node=part.origin.node,
                )


def _alike(sampler: Sampler, chosen: Sequence[Point]) -> list[AtSizes]:
    """Lowered at all the points, with the same nodes on the CPU everywhere."""
    while True:
        lowered = [sampler.at(point) for point in chosen]
        refusals = [{n.name: r for n, r in one.partition.refusals.items()} for one in lowered]
        every: dict[str, Unsupported] = {}
        for one in refusals:
            every.update(one)
        new = {name: r for name, r in every.items() if any(name not in one for one in refusals)}
        if not new or set(new) <= set(sampler.given_back):
            break
        sampler.give_back(new)
    plans = {
        tuple((s.device, tuple(n.name for n in s.nodes)) for s in one.partition.stages)
        for one in lowered
    }
    if len(plans) > 1:
        raise DiffersBySize("which parts run on NNAPI depends on the free sizes", Origin())
    return lowered
