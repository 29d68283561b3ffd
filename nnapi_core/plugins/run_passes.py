"""Runs the plugins' passes, and holds what they leave against what a pass may do."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch._ops import HigherOrderOperator, OpOverload
from torch.fx import Node
from torch.utils._pytree import tree_leaves

from nnapi_core.errors import ConversionError, PluginError
from nnapi_core.nnapi.model import Model
from nnapi_core.plugins.calls import called
from nnapi_core.plugins.contributions import Pass


def run_graph_passes(passes: Iterable[Pass], program: Any) -> None:
    """Each on ``program``, a `Program`. Raises `PluginError` for one that fails, or does not leave a valid graph."""
    for one in passes:
        where, graph = _where(one), program.graph
        border, targets = _border(program), {node: node.target for node in graph.nodes}
        given = called(where, one.function, program)
        if given is not None:
            raise PluginError(
                f"{where} returned {type(given).__name__}; a graph pass changes the graph in place and "
                "returns None"
            )
        if program.graph is not graph:
            raise PluginError(f"{where} put another graph in the place of the program's")
        called(f"{where} leaves a graph that is not valid: lint", graph.lint)
        for node in graph.nodes:
            if targets.get(node) != node.target:
                _check_new(where, node)
        if _border(program) != border:
            raise PluginError(f"{where} changed what the model takes or returns")


def run_model_passes(
    passes: Iterable[Pass], model: Model, check: Callable[[Model, Model], Model]
) -> Model:
    """Each on what the one before it made. Raises `PluginError` for one that fails, or whose model ``check`` refuses.

    ``check`` is given the new model and the one before, and returns the new one.
    """
    for one in passes:
        where = _where(one)
        given = called(where, one.function, model)
        if not isinstance(given, Model):
            raise PluginError(f"{where} returned {type(given).__name__}, not a Model")
        if given is not model:
            try:
                model = check(given, model)
            except ConversionError as error:
                raise PluginError(f"{where} made a model that is not valid: {error}") from error
    return model


def _where(one: Pass) -> str:
    return f"plugin {one.plugin}: the {one.phase.value} pass {one.name!r}"


def _border(program: Any) -> tuple[list[str], list[str]]:
    """The user's tensors that go in, and the types of all that is returned."""
    here = set(program.graph.nodes)
    results = [_type(one) if isinstance(one, Node) else repr(one) for one in program.results]
    return [node.name for node in program.inputs if node in here], results


def _type(node: Node) -> str:
    value = node.meta.get("val")
    if isinstance(value, torch.Tensor):
        return f"{value.dtype} {list(map(str, value.shape))}"
    return type(value).__name__


def _check_new(where: str, node: Node) -> None:
    """A new call has the value that tracing gives one, and is one of an operator."""
    if node.op not in ("placeholder", "call_function", "get_attr", "output"):
        raise PluginError(f"{where} leaves the node {node.name} of kind {node.op}")
    if node.op != "call_function":
        return
    if "val" not in node.meta:
        raise PluginError(
            f'{where} leaves the call {node.name} without node.meta["val"], the value that tracing '
            "gives it"
        )
    operators = isinstance(node.target, OpOverload | HigherOrderOperator)
    tensors = any(isinstance(one, torch.Tensor) for one in tree_leaves(node.meta["val"]))
    if tensors and not operators and node.target is not operator.getitem:
        raise PluginError(
            f"{where} leaves the call {node.name} of {node.target}, which is no operator overload"
        )
