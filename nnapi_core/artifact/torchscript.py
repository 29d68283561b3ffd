"""Writes ``.pt`` and ``.ptl``: a TorchScript module that runs in stock PyTorch Mobile.

The module's ``forward`` is generated: it brings the arguments into the order and type that the NNAPI model
takes, runs the stages, and puts the results together as the original module does.
"""

from __future__ import annotations

import base64
import typing
import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnapi_core.artifact.atomic import written_whole
from nnapi_core.artifact.method_source import (
    constant_of,
    every_stage,
    method_source,
    submodule_of,
)
from nnapi_core.artifact.parts import Parts
from nnapi_core.artifact.size_source import choice_source, example_shapes
from nnapi_core.artifact.stock_parts import stock_stage
from nnapi_core.artifact.streamed_weights import StreamedWeights
from nnapi_core.artifact.torch_source import Source

CPU_METHOD = "forward_cpu"
"""Computes what ``forward`` does, in torch, for phones without NNAPI or whose driver refuses the model."""

# TorchScript reads real annotations.
_TENSORS = typing.List[torch.Tensor]  # noqa: UP006


def save_torchscript(parts: Parts, path: str | PathLike[str]) -> None:
    """Writes a lite (``.ptl``) or full (``.pt``) TorchScript file; raises `ConversionError` for what
    stock PyTorch's format cannot say."""
    with warnings.catch_warnings():
        # TorchScript is deprecated as a way to write models; as a container for phones it stays.
        warnings.simplefilter("ignore")
        with written_whole(path) as temporary, StreamedWeights(temporary.parent) as weights:
            # First, for it adds weights.
            manifest, sources = parts.written()
            tensors = [weights.add(one) for one in parts.weights.constants]
            module = scripted(parts, manifest, sources, tensors)
            if Path(path).suffix == ".ptl":
                module._save_for_lite_interpreter(str(temporary))
            else:
                module.save(str(temporary))


def scripted(
    parts: Parts, manifest: dict[str, Any], sources: dict[str, Source], weights: list[torch.Tensor]
) -> Any:
    """The TorchScript module of a conversion (as ``parts.written()`` says it), over its numbered weights."""
    # A class of its own: TorchScript shares the methods of a class between its instances.
    root = type("ConvertedModel", (torch.nn.Module,), {})()
    # So that a tool can make inputs for the file: shapes (the example's where they are free) and dtypes, in order.
    root.example_shapes = example_shapes(manifest)
    root.example_dtypes = [one["dtype"] for one in manifest["inputs"]]
    if "variants" in manifest:
        return _with_variants(root, parts, manifest, sources, weights)
    for stage in every_stage(manifest["stages"]):
        if stage["kind"] == "nnapi":
            made = torch.jit.script(stock_stage(parts.models, manifest, stage, weights))
        else:
            made = _torch_stage(stage, sources, weights)
        setattr(root, submodule_of(stage), made)
    if "cpu" in manifest:
        setattr(
            root, submodule_of(manifest["cpu"]), _torch_stage(manifest["cpu"], sources, weights)
        )
    for name, constant in manifest["constants"].items():
        data = np.frombuffer(base64.b64decode(constant["data"]), constant["dtype"]).copy()
        root.register_buffer(constant_of(name), torch.from_numpy(data).reshape(constant["shape"]))
    module = torch.jit.script(root)
    module.define(method_source(manifest, "forward", manifest["stages"]))
    if "cpu" in manifest:
        module.define(method_source(manifest, CPU_METHOD, [manifest["cpu"]]))
    return module


def _with_variants(
    root: Any,
    parts: Parts,
    manifest: dict[str, Any],
    sources: dict[str, Source],
    weights: list[torch.Tensor],
) -> Any:
    """The module that passes its arguments on to the variant for their sizes."""
    documents = [one["manifest"] for one in manifest["variants"]]
    for number, document in enumerate(documents):
        setattr(root, f"variant_{number}", scripted(parts, document, sources, weights))
    module = torch.jit.script(root)
    module.define(choice_source(manifest, "forward"))
    if all("cpu" in document for document in documents):
        module.define(choice_source(manifest, CPU_METHOD))
    return module


def _torch_stage(
    stage: dict[str, Any], sources: dict[str, Source], weights: list[torch.Tensor]
) -> Any:
    """A part that torch runs, over the same weights."""
    part = type("TorchStage", (torch.nn.Module,), {"__annotations__": {"weights": _TENSORS}})()
    part.weights = weights
    module = torch.jit.script(part)
    module.define(sources[stage["program"]].method([_read(one) for one in stage["weights"]]))
    return module


def _read(weight: dict[str, Any]) -> str:
    """A numbered weight as a torch stage reads it."""
    steps = (
        f".{kind}({dims})" if dims else ".reshape(torch.jit.annotate(List[int], []))"
        for kind, dims in weight["steps"]
    )
    return f"self.weights[{weight['weight']}]{''.join(steps)}"
