"""What a caller may give as the model and as its arguments: anything else gets one error, which says what to give."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
import torch
import torch.utils._pytree as pytree
from torch._subclasses.fake_tensor import FakeTensor
from torch.export import ExportedProgram
from torch.nn.parameter import is_lazy

from nnapi_core.errors import ConversionError


def check_model(model: Any) -> None:
    """Raises `ConversionError` for what is neither a module nor an exported program, or has weights without numbers."""
    if isinstance(model, ExportedProgram):
        return
    if not isinstance(model, torch.nn.Module):
        raise ConversionError(_no_module(model))
    for kind, tensors in (
        ("parameter", model.named_parameters()),
        ("buffer", model.named_buffers()),
    ):
        for name, tensor in tensors:
            if is_lazy(tensor):
                raise ConversionError(
                    f"the {kind} {name!r} has no shape yet; run the model once before it is converted"
                )
            if (problem := _problem(tensor)) is not None:
                raise ConversionError(f"the {kind} {name!r} is {problem}")


def _no_module(model: Any) -> str:
    """What the model is, and what to give in its place."""
    if isinstance(model, type):
        return f"{model.__name__} is a class; give an instance of it: {model.__name__}(…).eval()"
    if isinstance(model, (str, PathLike)):
        return (
            f"{str(model)!r} is a path; give what torch.export.load or the module's own code reads from it "
            "(the command nnapi-convert takes paths)"
        )
    if isinstance(model, Mapping):
        return (
            f"the model is of {type(model).__name__}, which holds weights, not what they are for; make the module "
            "and give it these with load_state_dict"
        )
    if callable(model):
        name = getattr(model, "__name__", type(model).__name__)
        return f"{name} is a function; give an nn.Module whose forward calls it"
    return f"the model is of {type(model).__name__}; give an nn.Module or a torch.export.ExportedProgram"


def check_arguments(args: Any, kwargs: Any = None) -> None:
    """Raises `ConversionError` where ``args`` is no tuple of arguments, or a tensor among them has no plain numbers.

    Likewise for ``kwargs``, which are arguments by name.
    """
    if isinstance(args, (torch.Tensor, np.ndarray)):
        raise ConversionError(
            f"example_args is a {type(args).__name__}; give a tuple of the arguments: (x,)"
        )
    if isinstance(args, Mapping):
        raise ConversionError(
            f"example_args is a {type(args).__name__}; give a tuple of the arguments, and ({{…}},) where the model "
            "takes a dict"
        )
    if not isinstance(args, (tuple, list)):
        raise ConversionError(
            f"example_args is {args!r}; give a tuple of the arguments that the model is called with"
        )
    if not isinstance(kwargs or {}, Mapping) or not all(
        isinstance(one, str) for one in kwargs or {}
    ):
        raise ConversionError(f"kwargs is {kwargs!r}; give a dict of arguments by name")
    leaves = pytree.tree_flatten_with_path(tuple(args))[0]
    for path, leaf in [*leaves, *pytree.tree_flatten_with_path(dict(kwargs or {}))[0]]:
        where = f"argument {pytree.keystr(path)}"
        if isinstance(leaf, (np.ndarray, np.generic)):
            raise ConversionError(
                f"{where} is a numpy {type(leaf).__name__}; give a tensor: torch.from_numpy(…)"
            )
        if isinstance(leaf, torch.Tensor) and (problem := _problem(leaf)) is not None:
            raise ConversionError(f"{where} is {problem}")


def _problem(tensor: torch.Tensor) -> str | None:
    """What a tensor is that is not plain numbers in memory, and what to do."""
    if isinstance(tensor, FakeTensor):
        return "a fake tensor, which has no numbers; make it outside of FakeTensorMode"
    if tensor.is_nested:
        return "a nested tensor; pad its parts to one shape: torch.nested.to_padded_tensor(…)"
    if tensor.layout is not torch.strided:
        return f"a sparse tensor ({tensor.layout}); give it dense: .to_dense()"
    if tensor.is_quantized:
        return (
            "a quantised tensor; give floats (.dequantize()): a quantised model begins with a QuantStub, and "
            "quantized_io=True converts it with integers at its borders"
        )
    if tensor.is_meta:
        return "on the device 'meta', which has no numbers; make it on the CPU, with its values"
    if tensor.device.type != "cpu":
        return f"on the device {str(tensor.device)!r}; move it to the CPU: .cpu()"
    return None
