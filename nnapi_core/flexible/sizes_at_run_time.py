"""One model with unspecified dimensions, which NNAPI infers when it runs."""

from __future__ import annotations

from torch.export import ExportedProgram

from nnapi_core.artifact.contents import Contents, make_contents
from nnapi_core.errors import Unsupported
from nnapi_core.flexible.lower_at_sizes import AtSizes, Sampler
from nnapi_core.graph.sizes.free_sizes import size_expression, tree_of, user_inputs


def run_time_parts(sampler: Sampler, exported: ExportedProgram) -> tuple[AtSizes, Contents]:
    """Raises `Unsupported` where a node needs its sizes, or torch's shapes are not kept through the lowering."""
    if any(size.is_data_dependent for size in sampler.sizes):
        raise Unsupported("sizes that are counted when the model runs")
    dims = {
        node.name: [str(dim) for dim in node.meta["val"].shape] for node in user_inputs(exported)
    }
    lowered = sampler.lower(exported, {})
    if lowered.partition.refusals:
        node, refusal = next(iter(lowered.partition.refusals.items()))
        raise Unsupported(f"{node.name} ({node.target}): {refusal}")
    for node in user_inputs(exported):
        if [str(dim) for dim in node.meta["val"].shape] != dims[node.name]:
            raise Unsupported("a decomposition fixed a size", input=node.name)
    parts = make_contents(lowered.program, lowered.partition, relaxed=sampler.relaxed)
    nodes = {node.name: node for node in lowered.program.graph.nodes}
    names = {size.symbol: size.name for size in sampler.sizes}
    entries = [*parts.manifest["inputs"], *parts.manifest["outputs"]]
    for piece in parts.manifest["stages"]:
        entries += [*piece["inputs"], *piece["outputs"]]
    for entry in entries:
        shape = entry.get("shape")
        if shape is None or None not in shape:
            continue
        value = nodes[entry.get("value") or entry["name"]].meta["val"]
        expressions = [tree_of(size_expression(size), names) for size in value.shape]
        if any(one is None for one in expressions):
            raise Unsupported("a shape that is no expression of the sizes", shape=value.shape)
        entry["dims"] = expressions
    parts.manifest["sizes"] = sampler.described(lowered)
    parts.manifest["relations"] = [one.described() for one in sampler.relations]
    return lowered, parts
