"""Writes ``.pt`` and ``.ptl``: a TorchScript module that runs in stock PyTorch Mobile.

The module's ``forward`` is generated: it brings the arguments into the order and type that the NNAPI model
takes, runs the stages, and puts the results together as the original module does.
"""

from __future__ import annotations

import base64
import typing
import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnapi_core.artifact.atomic import written_whole
from nnapi_core.artifact.parts import Parts
from nnapi_core.artifact.size_source import Names, SizeSource, choice_source, example_shapes
from nnapi_core.artifact.stock_parts import is_flexible, stock_stage, stored_dims, torch_dims
from nnapi_core.artifact.streamed_weights import StreamedWeights
from nnapi_core.artifact.torch_source import Source
from nnapi_core.errors import ConversionError
from nnapi_core.lowering.value import MOST_DIMS
from nnapi_core.nnapi.types import OperandCode

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
    for number, stage in enumerate(manifest["stages"]):
        if stage["kind"] == "nnapi":
            scripted_stage = torch.jit.script(stock_stage(parts.models, manifest, stage, weights))
            setattr(root, f"stage_{number}", scripted_stage)
        else:
            setattr(root, f"stage_{number}", _torch_stage(stage, sources, weights))
    if "cpu" in manifest:
        root.whole = _torch_stage(manifest["cpu"], sources, weights)
    for name, constant in manifest["constants"].items():
        data = np.frombuffer(base64.b64decode(constant["data"]), constant["dtype"]).copy()
        root.register_buffer(f"constant_{name}", torch.from_numpy(data).reshape(constant["shape"]))
    module = torch.jit.script(root)
    module.define(
        method_source(
            manifest,
            "forward",
            [(f"stage_{number}", stage) for number, stage in enumerate(manifest["stages"])],
        )
    )
    if "cpu" in manifest:
        module.define(method_source(manifest, CPU_METHOD, [("whole", manifest["cpu"])]))
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


def method_source(
    manifest: dict[str, Any], name: str, stages: Sequence[tuple[str, dict[str, Any]]]
) -> str:
    """The text of a method that runs ``stages``, which are submodules by their names."""
    names = Names()
    sizes = SizeSource(manifest, names)
    quants = _quantised(manifest)
    arguments = "".join(f", {names[one['name']]}: Tensor" for one in manifest["inputs"])
    lines = [f"def {name}(self{arguments}):", *sizes.of_inputs()]
    for submodule, stage in stages:
        results = f"{submodule}_results"
        if stage["kind"] == "nnapi":
            lines += sizes.of_values([border["value"] for border in stage["inputs"]])
            given = ", ".join(_entering(names, border, sizes) for border in stage["inputs"])
            told = sizes.told(stage) if is_flexible(stage) else ""
            lines.append(f"    {results} = self.{submodule}([{given}]{told})")
            for position, border in enumerate(stage["outputs"]):
                leaving = _leaving(f"{results}[{position}]", border, sizes)
                lines.append(f"    {names[border['value']]} = {leaving}")
        else:
            given = ", ".join(
                names[one] + (".int_repr()" if one in quants else "") for one in stage["inputs"]
            )
            lines.append(f"    {results} = self.{submodule}({given})")
            for position, one in enumerate(stage["outputs"]):
                result = f"{results}[{position}].contiguous()"
                if one in quants:
                    scale, zero_point = quants[one]
                    result = f"torch._make_per_tensor_quantized_tensor({result}, {scale!r}, {zero_point})"
                lines.append(f"    {names[one]} = {result}")
    flat = [_result(names, manifest, one) for one in manifest["outputs"]]
    lines.append(f"    return {_tree(manifest['output_tree'], flat)}")
    return "\n".join(lines) + "\n"


def _quantised(manifest: dict[str, Any]) -> dict[str, tuple[float, int]]:
    """The values that stock PyTorch passes as quantised tensors, where the model's graph has plain integers."""
    return {
        border["value"]: (border["scale"], border["zero_point"])
        for stage in manifest["stages"]
        if stage["kind"] == "nnapi"
        for border in (*stage["inputs"], *stage["outputs"])
        if border["type"] == OperandCode.TENSOR_QUANT8_ASYMM
    }


def _entering(names: Names, border: dict[str, Any], sizes: SizeSource) -> str:
    text = names[border["value"]]
    order = border["order"]
    if order != sorted(order):
        text += f".permute({order})"
    if border["dtype"] == "int64":
        text += ".to(torch.int32)"
    if not 0 < len(order) <= MOST_DIMS:
        text += f".reshape({sizes.list_of(stored_dims(border))})"
    return sizes.never_empty(f"{text}.contiguous()", border)


def _leaving(text: str, border: dict[str, Any], sizes: SizeSource) -> str:
    order = border["order"]
    if order != sorted(order):
        inverse = [order.index(dim) for dim in range(len(order))]
        text += f".permute({inverse})"
    if border["dtype"] == "int64":
        text += ".to(torch.int64)"
    if not 0 < len(order) <= MOST_DIMS:
        text += f".reshape({sizes.list_of(torch_dims(border))})"
    return sizes.truly_empty(text, border)


def _result(names: Names, manifest: dict[str, Any], output: dict[str, Any]) -> str:
    name = output["name"]
    if name is None:
        return "None"
    if name in manifest["constants"]:
        python = output.get("python")
        text = f"self.constant_{name}"
        return f"{python}({text})" if python else text
    return names[name]


def _tree(tree: Sequence[Any], results: list[str]) -> str:
    """The expression that puts flat results together; takes them off the list."""
    match tree[0]:
        case "leaf":
            return results.pop(0)
        case "none":
            return "None"
        case "tuple":
            return f"({''.join(_tree(child, results) + ', ' for child in tree[1])})"
    children = tree[-1]
    if any(child[0] != "leaf" for child in children):
        raise ConversionError(
            f"the model returns a {tree[0]} with something other than tensors in it, which TorchScript "
            "cannot return; return a tuple, or save it as .nnapi"
        )
    parts = [_tree(child, results) for child in children]
    if tree[0] == "list":
        return f"[{', '.join(parts)}]"
    return (
        "{" + ", ".join(f"{key!r}: {part}" for key, part in zip(tree[1], parts, strict=True)) + "}"
    )
