"""Compares an artifact, as it lies on disk, with the model that it was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
import torch.utils._pytree as pytree

import nnapi_runtime
from nnapi_core.artifact.inspect_text import check_is_artifact, opened_torchscript, stock_models
from nnapi_core.artifact.read_artifact import read_artifact
from nnapi_core.errors import ArtifactError
from nnapi_core.nnapi.model import Model
from nnapi_core.verification.difference import difference
from nnapi_core.verification.verify import OutputError, Verification, default_limit


def opened_artifact(path: str | PathLike[str], method: str | None = None) -> Callable[..., Any]:
    """What runs a .nnapi file here, or a .pt or .ptl in stock PyTorch over our library; ``method`` of it.

    Raises `ArtifactError` for what is no artifact, has several methods where none is named, or has not got that one.
    """
    check_is_artifact(path, "verify")
    if Path(path).suffix == ".nnapi":
        session = nnapi_runtime.load(path, fallback="none")
        return session.method(_asked(path, session.methods, method))
    load_library_for_stock()
    module = opened_torchscript(path)
    methods = list(getattr(module, "method_names", ["forward"]))
    called: Callable[..., Any] = getattr(module, _asked(path, methods, method))
    return called


def load_library_for_stock() -> None:
    """Our library, the way stock PyTorch finds one."""
    import ctypes

    ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)


def _asked(path: str | PathLike[str], methods: Sequence[str], method: str | None) -> str:
    if method is None and len(methods) == 1:
        return methods[0]
    if method is None or method not in methods:
        listed = ", ".join(map(repr, methods))
        said = "has several methods" if method is None else f"has no method {method!r}; it has"
        raise ArtifactError(f"{path} {said}: {listed}; --method says which one is compared")
    return method


def verify_artifact(
    path: str | PathLike[str],
    args: tuple[Any, ...],
    expected: Sequence[Any],
    *,
    kwargs: Mapping[str, Any] | None = None,
    method: str | None = None,
    limit: float | None = None,
) -> Verification:
    """Runs the artifact as often as there are ``expected`` results, with the same arguments, and compares each call.

    ``limit`` is on the relative error of each output: without it 1e-4, 2/255 where the file computes in integers, and
    1e-2 where float16 is involved. Each output is as far off as in its worst call. Raises `ArtifactError` for
    what is no artifact, or gives another number of results, and `NnapiError` where it cannot be run on these arguments.
    """
    run = opened_artifact(path, method)
    if limit is None:
        limit = default_limit(*_kind(path), pytree.tree_leaves(list(expected)))
    worst: list[OutputError] = []
    for wanted in map(pytree.tree_leaves, expected):
        given, by_name = pytree.tree_map_only(torch.Tensor, torch.clone, (args, dict(kwargs or {})))
        try:
            got = pytree.tree_leaves(run(*given, **by_name))
        except nnapi_runtime.NnapiError:
            raise
        except (RuntimeError, TypeError, ValueError) as error:
            raise ArtifactError(f"{path} does not run on these arguments: {error}") from error
        if len(got) != len(wanted):
            raise ArtifactError(
                f"{path} gives {len(got)} results, and the model {len(wanted)}: it was not made from this model"
            )
        away = [difference(*pair) for pair in zip(got, wanted, strict=True)]
        named = [
            OutputError(f"result {place}", one.max_abs, one.relative)
            for place, one in enumerate(away)
        ]
        worst = [
            max(pair, key=lambda one: one.relative)
            for pair in zip(worst or named, named, strict=True)
        ]
    return Verification(tuple(worst), limit)


def _kind(path: str | PathLike[str]) -> tuple[bool, bool]:
    """Does it compute in integers, and may it in float16?"""
    if Path(path).suffix == ".nnapi":
        artifact = read_artifact(path)
        relaxed = any(one.get("relaxed", False) for _, one in artifact.manifests())
        return any(map(_is_quantised, artifact.models.values())), relaxed
    found = stock_models(path, opened_torchscript(path))
    return any(_is_quantised(one[0]) for one in found if one is not None), False


def _is_quantised(model: Model) -> bool:
    every = (model, *model.submodels())
    return any(operand.type.code.is_quantised for one in every for operand in one.operands)
