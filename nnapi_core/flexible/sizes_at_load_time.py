"""One model for all sizes, whose dimensions are written into it when they are known.

The model is lowered at several sizes. Where the results are the same but for numbers, and each number is an
expression of the sizes, one of them and the expressions are all that an artifact needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from attrs import evolve

from nnapi_core.artifact.contents import WHOLE, Contents, make_contents
from nnapi_core.errors import Unsupported
from nnapi_core.flexible import merge_manifests
from nnapi_core.flexible.align_models import Aligned, DiffersBySize, align
from nnapi_core.flexible.empty_tensors import given_back_for_empty
from nnapi_core.flexible.fit_expressions import Fitter
from nnapi_core.flexible.known_sizes import known_sizes
from nnapi_core.flexible.lower_at_sizes import AtSizes, Sampler
from nnapi_core.flexible.merge_torch_pieces import merged_module
from nnapi_core.flexible.patched_models import check_explained, parts_of_weights, patches
from nnapi_core.flexible.sample_sizes import Point, Region, points
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition, Piece
from nnapi_core.lowering.partition.device import Device
from nnapi_core.nnapi.model import Model, Origin
from nnapi_core.nnapi.serialize import WeightTable
from nnapi_core.nnapi.size_expression import named_sizes


def parts_for(sampler: Sampler, region: Region, weights: WeightTable) -> tuple[AtSizes, Contents]:
    """The model for all sizes of ``region``. Raises `DiffersBySize`, or `Unsupported`."""
    chosen = points(region, sampler.example, sampler.takes)
    if not chosen:
        raise Unsupported("no sizes of the range satisfy what torch found they must")
    while True:
        lowered, parts = _parts_at(sampler, region, chosen, weights)
        empty: dict[str, Unsupported] = {}
        for piece, described in zip(
            lowered.partition.pieces, parts.manifest["stages"], strict=True
        ):
            if piece.device is Device.NNAPI:
                example = sampler.named(lowered.point)
                empty |= given_back_for_empty(piece, described, sampler.sizes, example)
        if not empty:
            return lowered, parts
        sampler.give_back(empty)


def _parts_at(
    sampler: Sampler, region: Region, chosen: Sequence[Point], weights: WeightTable
) -> tuple[AtSizes, Contents]:
    lowered = _alike(sampler, chosen)
    fitter = Fitter(sampler.vocabulary(), [sampler.named(point) for point in chosen])
    aligned = {
        number: _aligned([one.partition.pieces[number] for one in lowered], fitter)
        for number, piece in enumerate(lowered[0].partition.pieces)
        if piece.device is Device.NNAPI
    }
    _check_bounded(sampler, region, aligned, fitter)
    every = []
    for index, one in enumerate(lowered):
        models = {number: both.models[index] for number, both in aligned.items()}
        pieces = _with_models(one.partition, models)
        every.append(make_contents(one.program, pieces, relaxed=sampler.relaxed, weights=weights))
    return lowered[0], _merged(sampler, lowered[0], every, aligned, weights, fitter)


def _merged(
    sampler: Sampler,
    lowered: AtSizes,
    every: Sequence[Contents],
    aligned: Mapping[int, Aligned],
    weights: WeightTable,
    fitter: Fitter,
) -> Contents:
    first = every[0]
    whole = [one.manifest["cpu"] for one in every]
    manifest = merge_manifests.merged(
        [{key: one.manifest[key] for key in one.manifest if key != "cpu"} for one in every], fitter
    )
    manifest = {**manifest, "sizes": sampler.described(lowered)}
    pieces, torch_programs = [], {}
    for number, piece in enumerate(manifest["stages"]):
        if piece["kind"] == "nnapi":
            name = piece["model"]
            piece = {
                **piece,
                "patches": patches([one.models[name] for one in every], fitter),
                "parts": parts_of_weights(aligned[number], weights, fitter),
            }
        else:
            name = piece["program"]
            modules = [one.torch_programs[name] for one in every]
            torch_programs[name] = merged_module(
                modules, piece["inputs"], fitter, manifest["sizes"]
            )
        pieces.append(piece)
    if all(one == whole[0] for one in whole):
        modules = [one.torch_programs[WHOLE] for one in every]
        with suppress(Unsupported):
            torch_programs[WHOLE] = merged_module(
                modules, whole[0]["inputs"], fitter, manifest["sizes"]
            )
            manifest["cpu"] = whole[0]
    manifest["stages"] = pieces
    manifest["sizes"] = known_sizes(manifest)
    manifest["relations"] = [one.described() for one in sampler.relations]
    return Contents(
        manifest,
        first.models,
        weights,
        torch_programs,
        first.lowered,
        first.borders,
    )


def _with_models(partition: Partition, models: Mapping[int, Model]) -> Partition:
    """The same pieces, with these models for those of these numbers."""
    pieces = [
        piece.with_model(models[number]) if number in models else piece
        for number, piece in enumerate(partition.pieces)
    ]
    return evolve(partition, pieces=pieces)


def _aligned(pieces: Sequence[Piece], fitter: Fitter) -> Aligned:
    aligned = align([piece.lowered.model for piece in pieces if piece.lowered is not None])
    check_explained(aligned, fitter)
    return aligned


def _check_bounded(
    sampler: Sampler, region: Region, aligned: Mapping[int, Aligned], fitter: Fitter
) -> None:
    """A constant as large as a size needs a largest size."""
    open_ended = {
        size.name for size, span in zip(sampler.sizes, region, strict=True) if span.most is None
    }
    for part in (part for one in aligned.values() for part in one.leading_slices):
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
        tuple((s.device, tuple(n.name for n in s.nodes)) for s in one.partition.pieces)
        for one in lowered
    }
    if len(plans) > 1:
        raise DiffersBySize("which parts run on NNAPI depends on the free sizes", Origin())
    return lowered
