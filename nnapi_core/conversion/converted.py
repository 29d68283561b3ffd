"""What `convert` gives: a model that runs here, and can be saved."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

import torch
import torch.utils._pytree as pytree
from attrs import Factory, define, field, fields, frozen

from nnapi_core.artifact.contents import Contents
from nnapi_core.artifact.manifest_pieces import every_piece
from nnapi_core.artifact.save_nnapi import save_nnapi
from nnapi_core.artifact.save_ptl_and_pt import check_torchscript, save_torchscript
from nnapi_core.artifact.stock_borders import within_stock
from nnapi_core.conversion.list_of_steps import State
from nnapi_core.conversion.options import ConversionOptions
from nnapi_core.conversion.run_steps import Pipeline
from nnapi_core.errors import ConversionError, FormatWarning
from nnapi_core.graph.program import Program, source_of
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition
from nnapi_core.lowering.partition.lower import Target
from nnapi_core.nnapi.model import Model
from nnapi_core.plugins.registry import Registry
from nnapi_core.report.report import Report
from nnapi_runtime.errors import ArgumentError
from nnapi_runtime.input_tree import InputTree


@frozen(eq=False, repr=False)
class Background:
    """What a conversion was made from, for those who look into it."""

    program: Program
    partition: Partition
    registry: Registry
    options: ConversionOptions

    def __repr__(self) -> str:
        return f"<Background: {self.program!r}, {len(self.partition.pieces)} piece(s)>"

    @property
    def target(self) -> Target:
        return self.options.target

    def optimised(self, model: Model) -> Model:
        """What the conversion's steps make of a model."""
        state = State(self.options, self.registry)
        return Pipeline.of(self.registry).optimised(model, state)


class ConversionFiles:
    """How a conversion is written, by the suffix of a file; for those that have what is annotated here."""

    __slots__ = ()
    contents: Contents
    report: Report

    def summary(self) -> str:
        """What runs where, in a few lines of text: totals, and each node that is not on NNAPI with its reason."""
        return self.report.summary()

    def _repr_html_(self) -> str:
        return self.report._repr_html_()

    def __copy__(self) -> Self:
        made = object.__new__(type(self))
        for one in fields(type(self)):  # type: ignore[arg-type]  # both that derive from this are of attrs
            object.__setattr__(made, one.name, getattr(self, one.name))
        return made

    def __reduce__(self) -> Any:
        raise TypeError(
            "a conversion is not pickled: it holds the module's graph. Save it as .nnapi, and pickle the session that "
            "nnapi_runtime.load gives, or the path"
        )

    def for_stock(self) -> Any:
        """The conversion that ``.pt`` and ``.ptl`` files hold."""
        raise NotImplementedError

    def held_by(self, path: str | PathLike[str]) -> Self:
        """The conversion that a file of this name holds, by its suffix: its report, level and results are the file's.

        Raises `ConversionError` for a name with another suffix, and for what the format cannot hold, as `save` does.
        """
        if _is_ours(path):
            self.contents.written()
            return self
        held: Self = self.for_stock()
        check_torchscript(held.contents)
        return held

    def save(self, path: str | PathLike[str]) -> None:
        """Writes ``.nnapi`` (our executor), or ``.pt`` and ``.ptl`` (TorchScript for stock PyTorch Mobile).

        Of several methods all are in the file, and their weights and state once. A `FormatWarning` names the nodes that
        run in torch in that file and on NNAPI here. Raises `ConversionError` for what the format cannot hold; then
        nothing is written.
        """
        if _is_ours(path):
            save_nnapi(self.contents, path)
            return
        held = self.for_stock()
        save_torchscript(held.contents, path)
        warn_of_moved(path, self.report, held.report)


def _is_ours(path: str | PathLike[str]) -> bool:
    """Is it a .nnapi file, not one of TorchScript? Raises `ConversionError` for what is neither."""
    suffix = Path(path).suffix
    if suffix not in (".nnapi", ".pt", ".ptl"):
        raise ConversionError(f"{path}: artifacts end in .nnapi, .ptl or .pt, not {suffix!r}")
    return suffix == ".nnapi"


@define(eq=False, repr=False)
class Converted(ConversionFiles):
    """A converted model: callable on the host runtime, and ready to be saved."""

    contents: Contents
    report: Report
    background: Background = field(repr=False)
    make_for_stock: Callable[[], Converted] | None = field(default=None, repr=False)
    """Makes it again within stock PyTorch's format, where that can be done."""
    _stock: Converted | None = field(default=None, repr=False)
    _session: Any = field(default=None, repr=False)
    _input_tree: InputTree = field(
        default=Factory(lambda self: _input_tree_of(self.contents.manifest), takes_self=True),
        init=False,
        repr=False,
    )

    def __repr__(self) -> str:
        report, count = self.report, Counter(row.device for row in self.report.nodes)
        return (
            f"<Converted: {count['nnapi']} nodes on NNAPI, {count['cpu']} on the CPU, {count['folded']} folded; "
            f"{len(report.stages)} piece(s), {report.weight_bytes / 1e6:.2f} MB of weights, feature level "
            f"{report.feature_level}>"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs on `nnapi_runtime`; takes and returns what the module does.

        What the module keeps in its buffers, this keeps in the state of its `session`, from one call to the next.
        Raises `ConversionError` where an argument is structured otherwise than the example's, or one that is not a
        tensor differs from it: its value is part of the conversion.
        """
        results = self.run_tensors(self.tensors_of(args, kwargs))
        spec = self.contents.borders.output_spec
        # In the classes that the module returns, which a file does not know.
        return pytree.tree_unflatten(pytree.tree_leaves(results), spec)

    def reset(self) -> None:
        """Makes the state what it was when the model was converted. `session` has more to do with it."""
        if self._session is not None:
            self._session.reset()

    def run_tensors(self, tensors: Sequence[torch.Tensor]) -> Any:
        """Runs on the tensors among the arguments, in order."""
        return self.session().run_tensors(tensors)

    def tensors_of(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """The tensors among the arguments, in order. Raises `ConversionError` as a call does."""
        try:
            return self._input_tree.flatten(args, kwargs or {})
        except ArgumentError as error:
            raise ConversionError(str(error)) from None

    def session(self, *, num_threads: int | None = None) -> Any:
        """The `nnapi_runtime.Session` that runs the model here; with ``num_threads`` another, which begins anew."""
        if self._session is None or num_threads is not None:
            self._session = self.open_session(num_threads=num_threads)
        return self._session

    def open_session(self, **options: Any) -> Any:
        """Another `nnapi_runtime.Session` of the model, with its options; nothing of it runs in torch but what must."""
        return open_session(self.contents, **options)

    def for_stock(self) -> Converted:
        """The conversion that ``.pt`` and ``.ptl`` files hold: this one, where stock PyTorch's format can say it.

        Otherwise another, with more pieces: what the format cannot say stays in torch, and its report says so.
        """
        if self.make_for_stock is None or within_stock(self.contents):
            return self
        if self._stock is None:
            self._stock = self.make_for_stock()
        return self._stock


def open_session(contents: Contents, **options: Any) -> Any:
    """A `nnapi_runtime.Session` of what a conversion made, with its options."""
    import nnapi_runtime

    return nnapi_runtime.Session(
        contents.manifest,
        contents.models,
        [constant.array() for constant in contents.weights.constants],
        dict(contents.torch_programs),
        fallback=False,
        **options,
    )


def warn_of_moved(path: str | PathLike[str], here: Report, held: Report) -> None:
    """A `FormatWarning`, for the caller of ``save``, where a file runs nodes in torch that are on NNAPI here."""
    moved = moved_to_torch(here, held)
    if moved:
        warnings.warn(f"{path}: {moved}", FormatWarning, stacklevel=3)


def _input_tree_of(manifest: Mapping[str, Any]) -> InputTree:
    return InputTree.parse(manifest["input_tree"], len(manifest["inputs"]))


def moved_to_torch(here: Report, held: Report) -> str:
    """Which nodes a file runs in torch that are on NNAPI here, and why; empty where there are none."""
    on_nnapi = {row.name for row in here.nodes if row.device == "nnapi"}
    moved = [row for row in held.nodes if row.device == "cpu" and row.name in on_nnapi]
    if not moved:
        return ""
    named = "".join(
        f"\n  {row.name} ({row.target}) at {row.source or 'unknown line'}: {row.reason}"
        for row in moved
    )
    return f"stock PyTorch's format runs {len(moved)} node(s) in torch that a .nnapi file runs on NNAPI:{named}"


def torch_nodes(converted: Converted) -> list[str]:
    """A line for each node that a .nnapi file runs in torch: what, where, and why; none where it needs no torch."""
    manifest = converted.contents.manifest
    manifests = [manifest, *(one["manifest"] for one in manifest.get("variants", ()))]
    programs = [
        piece["program"]
        for one in manifests
        for piece in every_piece(one["stages"])
        if piece["kind"] == "torch"
    ]
    if not programs:
        return []
    lines = list(_in_torch(converted.background.partition))
    return lines or [f"  all nodes of {name}" for name in programs]


def _in_torch(partition: Partition) -> Iterator[str]:
    for piece in partition.pieces:
        for branch in piece.branches:
            yield from _in_torch(branch)
        if piece.branches or piece.lowered is not None:
            continue
        for node in piece.nodes:
            where = source_of(node) or "unknown line"
            why = partition.refusals.get(node, "it is computed with the others")
            yield f"  {node.name} ({node.target}) at {where}: {why}"
