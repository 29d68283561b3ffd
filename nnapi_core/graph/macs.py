"""How much a node computes, in multiply-accumulates."""

from __future__ import annotations

import re
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch._ops import OpOverload
from torch.fx import Node
from torch.utils.flop_counter import FlopCounterMode

from nnapi_core.graph.bind_args import bind_args
from nnapi_core.graph.program import Program

# Rare ones are asked of torch's counter, which runs them on fake tensors.
_OTHERS = re.compile(r"einsum|lstm|gru|rnn|attention|aten\.bilinear|conv_tbc")
_FACTORS = {
    "mm": "mat2",
    "addmm": "mat2",
    "bmm": "mat2",
    "baddbmm": "batch2",
    "matmul": "other",
    "mv": "vec",
}


def macs_of(program: Program, node: Node) -> int:
    """The same; of a call that is rewritten for NNAPI, what it becomes counts where it has no number itself."""
    inner = program.rewritten.get(node)
    if inner is None:
        return macs(node)
    return macs(node) or sum(macs_of(inner.program, one) for one in inner.program.operations())


def macs(node: Node) -> int:
    """Multiply-accumulates of one call; 0 for what has no products, or a size that is not known."""
    target, out = node.target, node.meta.get("val")
    if not isinstance(target, OpOverload):
        return 0
    name = target.overloadpacket.__name__
    try:
        if isinstance(out, torch.Tensor) and (name.startswith("conv") or name == "linear"):
            return _layer(name, bind_args(node), out)
        if isinstance(out, torch.Tensor) and name in _FACTORS:
            factor = bind_args(node)[_FACTORS[name]].meta["val"]
            return int(out.numel() * factor.shape[-2 if factor.dim() > 1 else -1])
        if name == "scaled_dot_product_attention":
            query, key, value = (
                bind_args(node)[one].meta["val"] for one in ("query", "key", "value")
            )
            return int(
                query.numel()
                // query.shape[-1]
                * key.shape[-2]
                * (query.shape[-1] + value.shape[-1])
            )
        if name in ("lstm", "gru", "rnn_tanh", "rnn_relu") and target._overloadname == "input":
            return _recurrent(bind_args(node))
        return _counted(node) if _OTHERS.search(str(target)) else 0
    except Exception:
        # A free dimension has no number, and a count is not worth an error.
        return 0


def _layer(name: str, args: dict[str, Any], out: torch.Tensor) -> int:
    """Each element of the result is a product with all weights of its channel; transposed: each of the input."""
    weight = args["weight"].meta["val"]
    transposed = "transpose" in name or args.get("transposed", False)
    many = args["input"].meta["val"] if transposed else out
    return int(many.numel() * (weight.numel() // weight.shape[0]))


def _recurrent(args: dict[str, Any]) -> int:
    """Each row of each step is a product with all weights of every layer and direction."""
    rows = args["input"].meta["val"]
    weights = [one.meta["val"] for one in args["params"] if one.meta["val"].dim() == 2]
    return int(rows.numel() // rows.shape[-1] * sum(one.numel() for one in weights))


def _counted(node: Node) -> int:
    args, kwargs = pytree.tree_map_only(Node, lambda one: one.meta["val"], (node.args, node.kwargs))
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        node.target(*args, **kwargs)  # type: ignore[operator]
    return int(counter.get_total_flops()) // 2
