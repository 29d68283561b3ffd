"""The methods of one model in one artifact, over shared weights and state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnapi_core.artifact.contents import Contents
from nnapi_core.errors import ConversionError


def joined(methods: Mapping[str, Sequence[Contents]]) -> Contents:
    """All of them as one; a method has contents for each of its sizes. They were made together.

    Raises `ConversionError` where the sizes of a method differ in more than the shapes of what it takes and gives.
    """
    every = [one for sizes in methods.values() for one in sizes]
    for name, sizes in methods.items():
        for number, other in enumerate(sizes[1:], 2):
            _check_alike(name, number, sizes[0].manifest, other.manifest)
    manifest = {
        "feature_level": max(one.manifest["feature_level"] for one in every),
        "relaxed": every[0].manifest["relaxed"],
        "methods": [
            {"name": name, "manifests": [one.manifest for one in sizes]}
            for name, sizes in methods.items()
        ],
    }
    return Contents(
        manifest,
        {name: words for one in every for name, words in one.models.items()},
        every[0].weights,
        {name: module for one in every for name, module in one.torch_programs.items()},
        {name: model for one in every for name, model in one.lowered.items()},
        every[0].borders,
    )


def _check_alike(name: str, number: int, first: dict[str, Any], other: dict[str, Any]) -> None:
    for key, what in (
        ("input_tree", "the structure of its arguments"),
        ("inputs", "its arguments"),
        ("output_tree", "the structure of its results"),
        ("outputs", "its results"),
    ):
        if _without_sizes(key, first[key]) != _without_sizes(key, other[key]):
            raise ConversionError(
                f"with the arguments of number {number}, {what} of the method {name!r} differ in more than shapes from "
                "those of the first; make them methods of different names"
            )
    shapes = [[one["shape"] for one in manifest["inputs"]] for manifest in (first, other)]
    if shapes[0] == shapes[1]:
        raise ConversionError(
            f"the method {name!r} has arguments of the shapes {shapes[0]} twice; give each of its sizes once"
        )


def _without_sizes(key: str, value: Any) -> Any:
    if key not in ("inputs", "outputs"):
        return value
    return [
        {
            # What a result is called says where it comes from.
            **{name: one[name] for name in one if name not in ("shape", "name")},
            "rank": len(one.get("shape", ())),
            "name": one["name"] if key == "inputs" else one["name"] is None,
        }
        for one in value
    ]
