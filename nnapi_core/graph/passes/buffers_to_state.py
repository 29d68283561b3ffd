"""What a program writes into its own tensors: it becomes state, said as buffers, or is refused.

``torch.export`` writes what ``forward`` assigns (``self.cache = new``) as a copy into the old tensor, after all else.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping

import torch
import torch.utils._pytree as pytree
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature, InputKind, InputSpec
from torch.fx import Graph, GraphModule, Node

from nnapi_core.errors import ConversionError
from nnapi_core.graph.passes.aliasing import memory_of, mutated
from nnapi_core.graph.program import source_of

OWN_INPUTS = {InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR}
"""What an exported program takes besides the caller's arguments, and keeps."""

_COPY = torch.ops.aten.copy_.default
# torch.export names the copies that stand for assignments after the overload; traced ones are ``copy_``.
_ASSIGNED = "copy__default"


def states_of(exported: ExportedProgram, graph: Graph) -> list[str]:
    """What the program changes of its own, by name. ``graph`` is a flat copy of its graph."""
    own = _own_tensors(exported, graph)
    written = _written(graph, own)
    changed = {*exported.graph_signature.buffers_to_mutate.values()}
    return [
        str(spec.target) for node, spec in own.items() if node in written or spec.target in changed
    ]


def with_states(
    exported: ExportedProgram, graph: Graph, attributes: Mapping[str, object]
) -> ExportedProgram:
    """The program, where all of its own tensors that it writes into are buffers.

    ``graph`` and ``attributes`` are a flat copy of it. Raises `ConversionError` for what cannot be kept as the module
    keeps it.
    """
    own = _own_tensors(exported, graph)
    _refuse_training(graph, own)
    _refuse_writes_in_branches(graph, attributes)
    written = _written(graph, own)
    _refuse_parameters(own, written)
    assigned = [node for node in _assignments(graph) if node.args[0] in own]
    _check_assignments(own, assigned)
    _refuse_shared(exported, own, written)
    names = {own[node].target for node in written}
    return _with_buffers(exported, names)


def with_values_apart(exported: ExportedProgram) -> ExportedProgram:
    """The program, where no two of its tensors are given one value: torch's own checks take them for one result."""
    module = copy.deepcopy(exported.graph_module)
    for node in module.graph.find_nodes(op="call_function", target=_COPY):
        source = node.args[1]
        with module.graph.inserting_before(node):
            apart = module.graph.call_function(torch.ops.aten.clone.default, (source,))
        apart.meta.update({"nn_module_stack": node.meta.get("nn_module_stack"), **source.meta})
        node.update_arg(1, apart)
    module.recompile()
    changed = copy.copy(exported)
    changed._graph_module = module
    return changed


def _own_tensors(exported: ExportedProgram, graph: Graph) -> dict[Node, InputSpec]:
    """The placeholders of what the program keeps, a state or not."""
    specs = exported.graph_signature.input_specs
    placeholders = graph.find_nodes(op="placeholder")
    pairs = zip(placeholders, specs, strict=True)
    return {node: spec for node, spec in pairs if spec.kind in OWN_INPUTS}


def _written(graph: Graph, own: dict[Node, InputSpec]) -> set[Node]:
    return {
        place
        for node in graph.nodes
        for tensor in mutated(node)
        for place in memory_of(tensor)
        if place in own
    }


def _assignments(graph: Graph) -> Iterator[Node]:
    for node in graph.nodes:
        if node.target is _COPY and node.name.startswith(_ASSIGNED):
            yield node


def _refuse_parameters(own: dict[Node, InputSpec], written: set[Node]) -> None:
    for node in written:
        if own[node].kind is InputKind.PARAMETER:
            raise ConversionError(
                f"the model writes into the parameter {own[node].target!r}; say that it is the model's state with "
                "register_buffer, or pass it in and return it"
            )


def _refuse_training(graph: Graph, own: dict[Node, InputSpec]) -> None:
    for node in graph.nodes:
        if not isinstance(node.target, torch._ops.OpOverload):
            continue
        given = dict(
            zip((one.name for one in node.target._schema.arguments), node.args, strict=False)
        )
        given |= node.kwargs
        statistics = given.get("running_mean")
        if statistics in own and (given.get("training") or given.get("use_input_stats")):
            raise ConversionError(
                f"the model is in training mode: it changes {own[statistics].target!r}, the statistics of a "
                "normalisation, when it runs; call .eval() before it is converted or exported"
            )


def _refuse_writes_in_branches(graph: Graph, attributes: Mapping[str, object]) -> None:
    """A graph that control flow calls gets its tensors as they are, and gives new ones."""
    for node, tensor in _written_by_calls(graph, attributes.get):
        if any(place.op == "placeholder" for place in memory_of(tensor)):
            where = source_of(node)
            raise ConversionError(
                f"a graph that {node.name} ({node.target}) calls{f' at {where}' if where else ''} writes into "
                f"{tensor}, from outside of it; return the new value from all branches, and write it into the buffer "
                "after that"
            )


def _written_by_calls(
    graph: Graph, module_of: Callable[[str], object]
) -> Iterator[tuple[Node, Node]]:
    """The operands that graphs write into that ``graph`` calls, with the calls."""
    for node in graph.nodes:
        flat = pytree.tree_leaves((node.args, node.kwargs))
        named = [
            (place, module_of(str(one.target))) for place, one in enumerate(flat) if _is_name(one)
        ]
        graphs = [(place, one) for place, one in named if isinstance(one, GraphModule)]
        operands = flat[graphs[-1][0] + 1 :] if graphs else []
        for _, module in graphs:
            for position in _written_positions(module):
                if position < len(operands) and isinstance(operands[position], Node):
                    yield node, operands[position]


def _is_name(value: object) -> bool:
    return isinstance(value, Node) and value.op == "get_attr"


def _written_positions(module: GraphModule) -> Iterator[int]:
    """Which of its parameters a graph writes into."""
    parameters = list(module.graph.find_nodes(op="placeholder"))
    named = dict(module.named_children())
    inner = (tensor for _, tensor in _written_by_calls(module.graph, named.get))
    own = (tensor for node in module.graph.nodes for tensor in mutated(node))
    places = {place for tensor in (*own, *inner) for place in memory_of(tensor)}
    return (position for position, one in enumerate(parameters) if one in places)


def check_assigned(name: str, old: torch.Tensor, new: torch.Tensor) -> None:
    """Raises `ConversionError` where a buffer would become another kind of tensor."""
    if (old.shape, old.dtype) != (new.shape, new.dtype):
        raise ConversionError(
            f"forward makes {name!r} a tensor of {new.dtype} of shape {list(new.shape)}, which was {old.dtype} of "
            f"shape {list(old.shape)}; a state keeps its dtype and shape: give the buffer room for all that it will "
            "hold, and write into it"
        )


def _check_assignments(own: dict[Node, InputSpec], assigned: list[Node]) -> None:
    """After ``self.a = self.b`` both names are one tensor; a copy would let them go apart."""
    for node in assigned:
        target, source = node.args
        assert isinstance(target, Node) and isinstance(source, Node)
        name = str(own[target].target)
        check_assigned(name, target.meta["val"], source.meta["val"])
        shared = {one for one in memory_of(source) if one.op == "placeholder"} - {target}
        if shared:
            names = ", ".join(sorted(one.name for one in shared))
            raise ConversionError(
                f"forward makes {name!r} the same tensor as {names}, or a view of it; assign a clone()"
            )


def _refuse_shared(
    exported: ExportedProgram, own: dict[Node, InputSpec], written: set[Node]
) -> None:
    """Two tensors of the module over the same memory, one of which it writes into, would go apart."""
    changed = {*exported.graph_signature.buffers_to_mutate.values()}
    users: dict[int, list[Node]] = {}
    for node, spec in own.items():
        address = address_of(_tensor(exported, str(spec.target)))
        if (node.users or node in written) and address is not None:
            users.setdefault(address, []).append(node)
    for nodes in users.values():
        if len(nodes) > 1 and any(one in written or own[one].target in changed for one in nodes):
            names = ", ".join(repr(own[one].target) for one in nodes)
            raise ConversionError(
                f"{names} lie in the same memory, and the model writes into it, which changes all of them; let one of "
                "them be the state, and compute the others from it in forward"
            )


def address_of(tensor: torch.Tensor | None) -> int | None:
    """Where its numbers lie; None where it has none of its own, as sparse tensors and those of torch.func."""
    try:
        return None if tensor is None or not tensor.numel() else tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):
        return None


def _tensor(exported: ExportedProgram, name: str) -> torch.Tensor | None:
    found = exported.state_dict.get(name)
    found = exported.constants.get(name) if found is None else found
    return found if isinstance(found, torch.Tensor) else None


def _with_buffers(exported: ExportedProgram, names: set[str | None]) -> ExportedProgram:
    """Tensors that are plain attributes, and written into, become buffers."""
    signature = exported.graph_signature
    plain = [
        spec
        for spec in signature.input_specs
        if spec.kind is InputKind.CONSTANT_TENSOR and spec.target in names
    ]
    if not plain:
        return exported
    inputs = [
        InputSpec(InputKind.BUFFER, spec.arg, spec.target, persistent=False)
        if spec in plain
        else spec
        for spec in signature.input_specs
    ]
    changed = copy.copy(exported)
    changed._graph_signature = ExportGraphSignature(inputs, list(signature.output_specs))
    return changed
