"""A finished conversion is run once before it is handed over: it may be right for each part and yet not run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree

import nnapi_runtime
from nnapi_core.artifact.contents import Contents
from nnapi_core.artifact.graph_to_torchscript import torch_source
from nnapi_core.conversion.hidden_state import check_no_hidden_state
from nnapi_core.conversion.options import Source
from nnapi_core.errors import ConversionError
from nnapi_core.graph.export.run_without_side_effects import apart
from nnapi_runtime.nnapi_file import shapes_at

# Weights of more bytes are not compiled only to be looked at: that takes their memory twice, and seconds.
MOST_BYTES = 64 << 20
# A loop around pieces that does not end would otherwise end with the library's own limit alone.
MOST_SECONDS = 2.0
# Of the session's refusal of an int64 tensor.
_BEYOND = "which NNAPI's int32 cannot"


def check_runs(
    contents: Contents,
    run: Callable[[Sequence[torch.Tensor]], Any],
    source: Source,
) -> list[str]:
    """Runs a conversion at the example, and at a corner of its ranges; returns notes for its report.

    ``run`` takes the tensors among the arguments of ``source``, in order. Raises `ConversionError`
    where the conversion fails although torch runs the model. What is larger than `MOST_BYTES` is not run.
    """
    notes = _unsaid(contents)
    if not is_run(contents):
        size = _weight_bytes(contents) >> 20
        return [
            *notes,
            f"not run before it was handed over: it has {size} MB of weights, more than {MOST_BYTES >> 20}",
        ]
    tensors = _tensors(contents, source)
    if tensors is None:
        return [*notes, "not run before it was handed over: there are no example arguments"]
    calls = list(_calls(contents, tensors))
    if "state" in contents.manifest:
        calls += [(f"at the example, in call {number}", tensors) for number in (2, 3)]
    for where, given in calls:
        try:
            results = run([one.clone() for one in given])
        except nnapi_runtime.LibraryError:
            return [*notes, "not run before it was handed over: there is no NNAPI library here"]
        except Exception as error:
            if str(getattr(error, "code", "")).startswith("MISSED_DEADLINE"):
                # Torch might not come back from it either.
                return [*notes, f"not run to its end before it was handed over: {error}"]
            if _torch_runs(source, given):
                if isinstance(error, nnapi_runtime.ArgumentError) and _BEYOND in str(error):
                    raise ConversionError(
                        f"{where}, {error}. Keep the integers that NNAPI computes with smaller: clamp them, or take "
                        "what is left of a division, before; or convert what computes them apart"
                    ) from error
                raise ConversionError(
                    f"the finished conversion does not run {where}: {type(error).__name__}: {error}. This is a "
                    "mistake of the conversion; self_check=False hands it over all the same"
                ) from error
            continue
        _check_types(contents, pytree.tree_leaves(results), where)
    # After the runs: of a loop that does not end in them, torch would not come back.
    return notes + _state(source, contents)


def is_run(contents: Contents) -> bool:
    """Is it small enough to be run?"""
    return _weight_bytes(contents) <= MOST_BYTES


def _weight_bytes(contents: Contents) -> int:
    return sum(one.nbytes for one in contents.weights.constants)


def _state(source: Source, contents: Contents) -> list[str]:
    """A note where it could not be seen whether the model keeps a state; `ConversionError` where it does."""
    if not isinstance(source.module, torch.nn.Module):
        return []
    kept = [one["name"] for one in contents.manifest.get("state", ())]
    unseen = check_no_hidden_state(source.module, source.args, source.kwargs, kept)
    return [f"not known whether it keeps a state that is no buffer: {unseen}"] if unseen else []


def _unsaid(contents: Contents) -> list[str]:
    """What no file can hold, though it runs here."""
    notes = []
    for piece in _pieces(contents.manifest):
        if piece["kind"] != "torch":
            continue
        try:
            torch_source(contents.torch_programs[piece["program"]], len(piece["inputs"]))
        except ConversionError as refusal:
            notes.append(f"it cannot be saved: {refusal}")
    return notes


def loops_outside(manifest: Mapping[str, Any]) -> bool:
    """Are there loops that the session runs, around pieces?"""
    return any(piece["kind"] == "while" for piece in _pieces(manifest))


def _pieces(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All of them: of every variant, control flow and what is in it."""
    for variant in manifest.get("variants", ()):
        yield from _pieces(variant["manifest"])
    pending = list(manifest["stages"])
    for piece in pending:
        yield piece
        pending += [one for branch in piece.get("branches", ()) for one in branch["stages"]]


def _tensors(contents: Contents, source: Source) -> list[torch.Tensor] | None:
    """The tensors among the arguments, as the conversion takes them; None where there are none to take.

    Raises `ConversionError` where they are not what an exported program takes.
    """
    leaves = pytree.tree_leaves(_arguments(source))
    given = [one for one in leaves if isinstance(one, torch.Tensor)]
    wanted = contents.manifest["inputs"]
    if not given and wanted:
        return None
    if len(given) != len(wanted):
        raise ConversionError(
            f"the program takes {len(wanted)} tensors; there are {len(given)} among the arguments"
        )
    # Where sizes are listed, the example's need not be among them.
    for tensor, spec in () if "variants" in contents.manifest else zip(given, wanted, strict=True):
        dims = tuple(tensor.shape)
        fits = len(dims) == len(spec["shape"]) and all(
            size in (None, dim) for size, dim in zip(spec["shape"], dims, strict=True)
        )
        if not fits:
            raise ConversionError(
                f"the program takes {spec['name']!r} of shape {spec['shape']}; the argument has {list(dims)}"
            )
    return [_of_type(tensor, spec["dtype"]) for tensor, spec in zip(given, wanted, strict=True)]


def _of_type(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """The tensor; where the conversion takes integers for it, some of these."""
    tensor = tensor.detach()
    dtype = getattr(torch, name)
    return tensor if tensor.dtype is dtype else torch.zeros_like(tensor, dtype=dtype)


def _calls(
    contents: Contents, tensors: list[torch.Tensor]
) -> Iterator[tuple[str, list[torch.Tensor]]]:
    """Arguments to call with, and where in the ranges they are."""
    manifest = contents.manifest
    if "variants" in manifest:
        for variant in {0, len(manifest["variants"]) - 1}:
            inner = manifest["variants"][variant]["manifest"]
            if not inner.get("sizes"):
                shapes = [tuple(one["shape"]) for one in inner["inputs"]]
                yield f"at {shapes}", _as_large(tensors, shapes)
        return
    yield "at the example", tensors
    sizes = {one["name"]: max(one["min"], 1) for one in manifest.get("sizes", ())}
    if not sizes:
        return
    try:
        shapes = shapes_at(manifest, sizes)
    except nnapi_runtime.ArgumentError:  # these sizes do not go together
        return
    named = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    yield f"at {named}", _as_large(tensors, shapes)


def _as_large(
    tensors: Sequence[torch.Tensor], shapes: Sequence[Sequence[int | None]]
) -> list[torch.Tensor]:
    """The tensors repeated or cut to other sizes."""
    found = []
    for tensor, shape in zip(tensors, shapes, strict=True):
        for dim, size in enumerate(shape):
            places = torch.arange(tensor.shape[dim] if size is None else size)
            tensor = tensor.index_select(dim, places % max(tensor.shape[dim], 1))
        found.append(tensor)
    return found


def _torch_runs(source: Source, given: list[torch.Tensor]) -> bool:
    """Does torch run the model there?"""
    model = source.module
    flat, spec = pytree.tree_flatten(_arguments(source))
    tensors = iter(given)
    values = [next(tensors) if isinstance(one, torch.Tensor) else one for one in flat]
    try:
        with torch.no_grad():
            args, kwargs = pytree.tree_unflatten([_own(one) for one in values], spec)
            apart(model)(*args, **kwargs)
    except Exception:
        return False
    return True


def _arguments(source: Source) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Those that are given, else those that an exported program remembers."""
    remembered = getattr(source.module, "example_inputs", None)
    if not source.args and not source.kwargs and remembered is not None:
        args, kwargs = remembered
        return args, kwargs
    return source.args, source.kwargs


def _own(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) else value


def _check_types(contents: Contents, results: Sequence[Any], where: str) -> None:
    """Raises `ConversionError` where a result is of another dtype or rank than was announced."""
    promised = [
        one
        for one in contents.manifest["outputs"]
        if one["name"] is not None and "into" not in one and "python" not in one
    ]
    tensors = [one for one in results if isinstance(one, torch.Tensor)]
    has = [(str(one.dtype).removeprefix("torch."), one.dim()) for one in tensors]
    wanted = [(one["dtype"], len(one["shape"])) for one in promised]
    if has != wanted:
        raise ConversionError(
            f"the finished conversion gives other tensors {where} than the model: {has}, not {wanted} (dtypes and "
            "ranks). This is a mistake of the conversion"
        )
