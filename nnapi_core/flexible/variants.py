"""Several conversions of one model in one artifact, each for sizes of its own, over shared weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from nnapi_core.artifact.contents import Contents
from nnapi_core.errors import Unsupported
from nnapi_core.flexible.sample_sizes import Region


@frozen(eq=False)
class Variant:
    """One conversion, and the sizes that it is for. Its weights are numbered in a table that all variants share."""

    region: Region
    contents: Contents


def combined(variants: Sequence[Variant], sizes: list[dict[str, Any]]) -> Contents:
    """All of them as one; ``sizes`` as the manifest has them."""
    renamed = [_renamed(one.contents, number) for number, one in enumerate(variants)]
    first = renamed[0]
    # How arguments are structured is said once, outside.
    input_tree = first.manifest["input_tree"]
    documents = [
        {key: value for key, value in one.manifest.items() if key != "input_tree"}
        for one in renamed
    ]
    inputs = [
        _free_shape(column, sizes) for column in zip(*(d["inputs"] for d in documents), strict=True)
    ]
    if any(one["output_tree"] != documents[0]["output_tree"] for one in documents):
        raise Unsupported("the structure of the results depends on the free sizes")
    manifest = {
        "feature_level": max(one["feature_level"] for one in documents),
        "relaxed": documents[0]["relaxed"],
        "inputs": inputs,
        "outputs": [
            _free_shape(column, ())
            for column in zip(*(d["outputs"] for d in documents), strict=True)
        ],
        "input_tree": input_tree,
        "output_tree": documents[0]["output_tree"],
        "constants": {},
        "stages": [],
        "sizes": sizes,
        "variants": [
            {"ranges": _ranges(one.region, sizes), "manifest": document}
            for one, document in zip(variants, documents, strict=True)
        ],
    }
    return Contents(
        manifest,
        {name: words for one in renamed for name, words in one.models.items()},
        first.weights,
        {name: module for one in renamed for name, module in one.torch_programs.items()},
        {name: model for one in renamed for name, model in one.lowered.items()},
        first.borders,
    )


def _ranges(region: Region, sizes: Sequence[dict[str, Any]]) -> dict[str, list[int | None]]:
    return {size["name"]: [span.least, span.most] for size, span in zip(sizes, region, strict=True)}


def _free_shape(
    entries: Sequence[dict[str, Any]], sizes: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """An input or output of all variants: a dimension that differs, or is free in one, is free."""
    first = {key: value for key, value in entries[0].items() if key != "dims"}
    if first.get("name") is None:
        return first
    columns = zip(*(entry["shape"] for entry in entries), strict=True)
    free = {size["dim"] for size in sizes if size["of"] == first["name"]}
    shape = [
        column[0] if len(set(column)) == 1 and dim not in free else None
        for dim, column in enumerate(columns)
    ]
    return {**first, "shape": shape}


def _renamed(contents: Contents, number: int) -> Contents:
    """With models and programs whose names no other variant has."""

    def name(old: str) -> str:
        kind, _, rest = old.partition(".")
        return f"{kind}.{number}.{rest}"

    pieces = [
        {**piece, key: name(piece[key])}
        for piece in contents.manifest["stages"]
        for key in ("model" if piece["kind"] == "nnapi" else "program",)
    ]
    manifest = {**contents.manifest, "stages": pieces}
    if "cpu" in manifest:
        manifest["cpu"] = {**manifest["cpu"], "program": name(manifest["cpu"]["program"])}
    return Contents(
        manifest,
        {name(old): words for old, words in contents.models.items()},
        contents.weights,
        {name(old): module for old, module in contents.torch_programs.items()},
        {name(old): model for old, model in contents.lowered.items()},
        contents.borders,
    )
