"""Writes ``.pt`` and ``.ptl``: a TorchScript module that runs in stock PyTorch Mobile.

The module's ``forward`` is generated: it brings the arguments into the order and type that the NNAPI model
takes, runs the pieces, and puts the results together as the original module does.
"""

from __future__ import annotations

import base64
import json
import math  # noqa: F401 - which texts name, and TorchScript finds here
import typing
import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from nnapi_core.artifact.atomic_write import written_whole
from nnapi_core.artifact.choice_methods import choice_of_shapes, choice_source
from nnapi_core.artifact.contents import Contents
from nnapi_core.artifact.forward_and_cpu_method_text import (
    BufferNames,
    initial_state_of,
    method_source,
    reset_source,
    state_of,
    submodule_of,
)
from nnapi_core.artifact.graph_to_torchscript import Source
from nnapi_core.artifact.manifest_pieces import every_piece
from nnapi_core.artifact.stock_borders import stock_piece
from nnapi_core.artifact.stock_module import NAMESPACE
from nnapi_core.artifact.streamed_weights import StreamedWeights
from nnapi_core.artifact.torch_writer import write_by_torch
from nnapi_core.artifact.torchscript_sizes import example_shapes

CPU_METHOD = "forward_cpu"
"""Computes what ``forward`` does, in torch, for phones without NNAPI or whose driver refuses the model."""

# TorchScript reads real annotations.
_TENSORS = typing.List[torch.Tensor]  # noqa: UP006


def save_torchscript(contents: Contents, path: str | PathLike[str]) -> None:
    """Writes a lite (``.ptl``) or full (``.pt``) TorchScript file; raises `ConversionError` for what
    stock PyTorch's format cannot say."""
    with warnings.catch_warnings():
        # TorchScript is deprecated as a way to write models; as a container for phones it stays.
        warnings.simplefilter("ignore")
        with written_whole(path) as temporary, StreamedWeights(temporary.parent) as weights:
            # First, for it adds weights.
            manifest, sources = contents.written()
            tensors = [weights.add(one) for one in contents.weights.constants]
            module = scripted(contents, manifest, sources, tensors)
            lite = Path(path).suffix == ".ptl"
            save = module._save_for_lite_interpreter if lite else module.save
            size = sum(one.nbytes for one in contents.weights.constants)
            write_by_torch(save, temporary, Path(path).name, size)


def check_torchscript(contents: Contents) -> None:
    """Raises `ConversionError` as `save_torchscript` would; reads no weight and writes nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        manifest, sources = contents.written()
        scripted(contents, manifest, sources, [torch.empty(0)] * len(contents.weights.constants))


def scripted(
    contents: Contents,
    manifest: dict[str, Any],
    sources: dict[str, Source],
    weights: list[torch.Tensor],
) -> Any:
    """The TorchScript module of a conversion (as ``contents.written()`` says it), over its numbered weights."""
    # A class of its own: TorchScript shares the methods of a class between its instances.
    weights = list(weights)
    root = type("ConvertedModel", (torch.nn.Module,), {"__module__": NAMESPACE})()
    if "methods" in manifest:
        return _with_methods(root, contents, manifest, sources, weights)
    # So that a tool can make inputs for the file: shapes (the example's where they are free) and dtypes, in order.
    root.example_shapes = example_shapes(manifest)
    root.example_dtypes = [one["dtype"] for one in manifest["inputs"]]
    root.input_tree = json.dumps(manifest.get("input_tree"))
    if "state" in manifest:
        root.state_names = [one["name"] for one in manifest["state"]]
    if "variants" in manifest:
        return _with_variants(root, contents, manifest, sources, weights)
    states = _taken_states(manifest.get("state", ()), weights)
    _add_pieces(root, contents, manifest, sources, weights, BufferNames())
    begin_as_zeros = _add_states(root, states)
    module = torch.jit.script(root)
    module.define(method_source(manifest, "forward", manifest["stages"]))
    if "cpu" in manifest:
        module.define(method_source(manifest, CPU_METHOD, [manifest["cpu"]]))
    if "state" in manifest:
        module.define(reset_source(begin_as_zeros))
    return module


def _taken_states(
    states: Sequence[dict[str, Any]], weights: list[torch.Tensor]
) -> list[torch.Tensor]:
    """What states begin as, taken from the weights: no piece reads it, and it is stored as the module's own."""
    initial = [weights[one["weight"]] for one in states]
    for one in states:
        weights[one["weight"]] = torch.empty(0)
    return initial


def _add_states(root: Any, initial: Sequence[torch.Tensor]) -> list[bool]:
    """Gives the module its states; says of each whether it begins as zeros."""
    begin_as_zeros = [not bool(one.any()) for one in initial]
    for place, (tensor, zeros) in enumerate(zip(initial, begin_as_zeros, strict=True)):
        root.register_buffer(state_of(place), tensor)
        if not zeros:
            # Apart from the state: a caller may get that, and write into it.
            root.register_buffer(initial_state_of(place), tensor.clone())
    return begin_as_zeros


def _add_pieces(
    root: Any,
    contents: Contents,
    manifest: dict[str, Any],
    sources: dict[str, Source],
    weights: list[torch.Tensor],
    buffers: BufferNames,
) -> None:
    """Gives the module what runs the pieces of a manifest, and its constants."""
    for piece in every_piece(manifest["stages"]):
        if piece["kind"] == "nnapi":
            made = torch.jit.script(stock_piece(contents.models, manifest, piece, weights))
        else:
            made = _torch_piece(piece, sources, weights)
        setattr(root, submodule_of(piece), made)
    if "cpu" in manifest:
        setattr(
            root, submodule_of(manifest["cpu"]), _torch_piece(manifest["cpu"], sources, weights)
        )
    for name, constant in manifest["constants"].items():
        root.register_buffer(buffers.constant(name), _tensor_of(constant))


def _with_methods(
    root: Any,
    contents: Contents,
    manifest: dict[str, Any],
    sources: dict[str, Source],
    weights: list[torch.Tensor],
) -> Any:
    """The module of several methods, over one list of weights and one of states."""
    listed = [
        (method, place, one)
        for method in manifest["methods"]
        for place, one in enumerate(method["manifests"])
    ]
    states = {state["name"]: state for _, _, one in listed for state in one.get("state", ())}
    places = {name: place for place, name in enumerate(states)}
    root.method_names = [method["name"] for method in manifest["methods"]]
    for method in manifest["methods"]:
        name, first = method["name"], method["manifests"][0]
        setattr(root, f"{name}_example_shapes", example_shapes(first))
        setattr(root, f"{name}_example_dtypes", [one["dtype"] for one in first["inputs"]])
        setattr(root, f"{name}_input_tree", json.dumps(first["input_tree"]))
    if states:
        root.state_names = list(states)
    initial = _taken_states(list(states.values()), weights)
    texts = []
    for number, (method, place, one) in enumerate(listed):
        own = tuple(places[state["name"]] for state in one.get("state", ()))
        buffers = BufferNames(number, own)
        _add_pieces(root, contents, one, sources, weights, buffers)
        said, name = one, method["name"]
        if len(method["manifests"]) > 1:
            # Its tensors are taken out of the arguments once, where it is chosen.
            said = {key: value for key, value in one.items() if key != "input_tree"}
            name = _of_size(name, place)
        texts.append(method_source(said, name, one["stages"], buffers))
        if "cpu" in one:
            texts.append(method_source(said, f"{name}_cpu", [one["cpu"]], buffers))
    for method in manifest["methods"]:
        every = method["manifests"]
        for end in ("", "_cpu") if all("cpu" in one for one in every) else ("",):
            if len(every) > 1:
                called = [f"{_of_size(method['name'], i)}{end}" for i in range(len(every))]
                texts.append(choice_of_shapes(every, f"{method['name']}{end}", called))
    begin_as_zeros = _add_states(root, initial)
    module = torch.jit.script(root)
    for text in texts:
        module.define(text)
    if states:
        module.define(reset_source(begin_as_zeros))
    return module


def _of_size(name: str, place: int) -> str:
    """What runs a method at one of its sizes; no method of a user's begins so."""
    return f"_{name}_{place}"


def _tensor_of(constant: dict[str, Any]) -> torch.Tensor:
    data = bytearray(base64.b64decode(constant["data"]))
    dtype = getattr(torch, constant["dtype"])
    flat = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
    return flat.clone().reshape(constant["shape"])


def _with_variants(
    root: Any,
    contents: Contents,
    manifest: dict[str, Any],
    sources: dict[str, Source],
    weights: list[torch.Tensor],
) -> Any:
    """The module that passes its arguments on to the variant for their sizes."""
    documents = [one["manifest"] for one in manifest["variants"]]
    for number, document in enumerate(documents):
        setattr(root, f"variant_{number}", scripted(contents, document, sources, weights))
    module = torch.jit.script(root)
    module.define(choice_source(manifest, "forward"))
    if all("cpu" in document for document in documents):
        module.define(choice_source(manifest, CPU_METHOD))
    return module


def _torch_piece(
    piece: dict[str, Any], sources: dict[str, Source], weights: list[torch.Tensor]
) -> Any:
    """A part that torch runs, over the same weights."""
    members = {"__module__": NAMESPACE, "__annotations__": {"weights": _TENSORS}}
    part = type("TorchStage", (torch.nn.Module,), members)()
    part.weights = weights
    module = torch.jit.script(part)
    module.define(sources[piece["program"]].method([_read(one) for one in piece["weights"]]))
    return module


def _read(weight: dict[str, Any]) -> str:
    """A numbered weight as a torch piece reads it."""
    steps = (
        f".{kind}({dims})" if dims else ".reshape(torch.jit.annotate(List[int], []))"
        for kind, dims in weight["steps"]
    )
    return f"self.weights[{weight['weight']}]{''.join(steps)}"
