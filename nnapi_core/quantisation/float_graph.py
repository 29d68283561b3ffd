"""The float graph that torchao is given: functional, spelt in integers, batch norms folded by our own guarded pass.

torchao folds every batch norm that it sees behind a convolution or linear layer, whoever else reads that layer's
result, weight or bias. Those that `fold_batch_norm` leaves are therefore called by another name while torchao works.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from attrs import frozen
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.deep_copies import functional_copy
from nnapi_core.graph.passes.aliasing import mutated
from nnapi_core.graph.passes.fold_batch_norm import LAYERS, fold_batch_norm, replace_arguments
from nnapi_core.graph.passes.fold_constants import fold_constants
from nnapi_core.graph.passes.functionalise import rename_written
from nnapi_core.quantisation.module_constants import ModuleConstants
from nnapi_core.quantisation.rewrite_for_integers import spell_batch_norms, spell_in_integers

aten = torch.ops.aten


def batch_norm(*args: Any) -> torch.Tensor:
    """``aten.batch_norm`` under a name that torchao does not know."""
    result: torch.Tensor = aten.batch_norm.default(*args)
    return result


@frozen(eq=False)
class FloatGraph:
    """``folded`` names the layers that took a batch norm, and the batch norms that they took. ``words`` names the nodes
    that an operator is spelt in, with that operator; ``results`` the operator, with the last of them."""

    module: GraphModule
    folded: dict[str, str]
    words: dict[str, str]

    @property
    def results(self) -> dict[str, str]:
        return {operator: word for word, operator in self.words.items()}


def float_graph(
    exported: ExportedProgram,
    *,
    level: int,
    by_channel: bool,
    not_rewritten: frozenset[str] = frozenset(),
    recurrent: bool = False,
) -> FloatGraph:
    """Of a program in evaluation mode, which is not changed.

    ``by_channel``: may the weights of a convolution have a scale for each channel? ``not_rewritten`` are the names of
    operators that are not to be spelt in others. Which these are changes the name of no other node. ``recurrent``: are
    recurrent layers spelt in their steps?
    """
    module = functional(exported)
    words = spell_in_integers(module, level, not_rewritten, recurrent=recurrent)
    held = ModuleConstants(module)
    fold_constants(held)
    folded = fold_batch_norm(held)
    if by_channel:
        words |= spell_batch_norms(held, not_rewritten)
    stated: dict[Node, Node] = {}
    for node in list(module.graph.nodes):
        if node.target in LAYERS:
            _state_computed(held, node, stated)
    hide_batch_norms(module)
    module.graph.eliminate_dead_code()
    module.recompile()
    return FloatGraph(module, folded, words)


def functional(exported: ExportedProgram) -> GraphModule:
    """The module of a program, without writes between its inputs and its results."""
    module = exported.module()
    if any(map(mutated, module.graph.nodes)) and not rename_written(module.graph):
        module = functional_copy(exported).module()
        for node in module.graph.find_nodes(
            op="call_function", target=aten._native_batch_norm_legit_no_training.default
        ):
            _state_as_batch_norm(node)
    module.recompile()
    return module


def hide_batch_norms(module: torch.nn.Module) -> None:
    """In the graphs that control flow calls, too."""
    _rename(module, aten.batch_norm.default, batch_norm)


def show_batch_norms(module: torch.nn.Module) -> None:
    """But for those without statistics: they are the same in training and evaluation, which torch's switch is not."""
    _rename(module, batch_norm, aten.batch_norm.default)


def _rename(module: torch.nn.Module, target: Any, name: Any) -> None:
    for one in module.modules():
        if isinstance(one, GraphModule):
            for node in one.graph.find_nodes(op="call_function", target=target):
                if name is batch_norm:
                    node.args, node.kwargs = tuple(bind_args(node).values()), {}
                elif node.args[3] is None or node.args[4] is None:
                    continue
                node.target = name
            one.recompile()


def _state_as_batch_norm(node: Node) -> None:
    """The form of inference, with three results, as the one that everything else here knows."""
    args = bind_args(node)
    if any(user.target is not operator.getitem or user.args[1] != 0 for user in node.users):
        return
    with node.graph.inserting_before(node):
        whole = node.graph.call_function(
            aten.batch_norm.default,
            (
                args["input"], args["weight"], args["bias"], args["running_mean"], args["running_var"],
                False, args["momentum"], args["eps"], False,
            ),
        )  # fmt: skip
    for user in list(node.users):
        whole.meta = dict(user.meta)
        user.replace_all_uses_with(whole)
        node.graph.erase_node(user)


def _state_computed(held: ModuleConstants, layer: Node, stated: dict[Node, Node]) -> None:
    """A weight or bias that is computed from constants (a parametrization) becomes a constant itself.

    ``stated`` holds those that are one already: layers that share a weight go on sharing it.
    """
    for name in ("weight", "bias"):
        node = bind_args(layer)[name]
        if isinstance(node, Node) and node.op == "call_function" and node in held.constants:
            if node not in stated:
                load = held.constants[node].load
                stated[node] = held.add_constant(f"{node.name}_value", node.meta["val"], load, node)
            replace_arguments(layer, **{name: stated[node]})
