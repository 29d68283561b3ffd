"""torchvision's ``nms`` where what follows makes a fixed size of its result.

How many boxes are kept is known only when the model runs. So the result becomes the positions of ``nnapi::nms``, with
zeros at the end and a count, wherever each of its uses ends in one of these:

* it, or the rows that it picks, are joined with a filler and cut to a size that the filler makes up to, or padded to one
  (they may have been cut to the first ``k`` before);
* a number is written at its positions (``mask[kept] = True``, ``index_fill``, ``scatter``).

All uses are taken, or none; the reason names the one that is in the way.
"""

from __future__ import annotations

from typing import Any

import torch
from attrs import frozen
from torch.fx import Node

from nnapi_core.plugin import Pass, Phase, Unsupported, hookimpl
from nnapi_ops.detection._rows_after_nms import Maker

aten = torch.ops.aten

_WRITES = {aten.index_put.default, aten.index_fill.int_Scalar, aten.scatter.value}
_PADS = {aten.pad.default, aten.constant_pad_nd.default}
_CUT_DEFAULTS = (None, 0, None, None, 1)


def find_nms_of_fixed_size(program: Any) -> None:
    """Rewrites the torch graph of ``program``; says in ``unsplit`` why an ``nms`` stays."""
    for node in list(program.graph.nodes):
        if node.target is torch.ops.torchvision.nms.default:
            try:
                uses = _Uses(node)
            except Unsupported as refusal:
                program.unsplit[node] = refusal
            else:
                uses.rewrite()


@frozen(eq=False)
class _Kept:
    """A tensor with a row for each box that is kept, ``most`` at most, and the one that it comes from."""

    node: Node
    source: Node
    most: int


class _Uses:
    """What becomes of the result of one ``nms``. Raises `Unsupported` where a use needs the number of boxes."""

    def __init__(self, nms: Node) -> None:
        boxes: Any = nms.args[0]
        count = boxes.meta["val"].shape[0]
        if not isinstance(count, int) or not count:
            raise Unsupported("suppression of a free number of boxes, or of none", boxes=count)
        self.nms, self.most = nms, count
        self.kept: list[_Kept] = []
        """Those that are cut or picked; each comes after its source."""
        self.ends: dict[Node, _Kept] = {}
        """Calls whose results have fixed sizes, and what they read."""
        self._padded: set[Node] = set()
        self._follow(_Kept(nms, nms, count))
        if not self._padded <= self.ends.keys():
            raise Unsupported("how many boxes are kept says how much another tensor is padded")

    # ---- looking

    def _follow(self, one: _Kept) -> None:
        for user in one.node.users:
            found = None if user.kwargs else self._kept_by(user, one)
            if user.target is aten.sym_size.int:
                self._check_number(user)
            elif found is not None:
                self.kept.append(found)
                self._follow(found)
            elif not user.kwargs and user.target is aten.cat.default and _joins(user, one.node):
                self.ends |= dict.fromkeys(user.users, one)
            elif not user.kwargs and (
                _writes_number(user, one.node) or _fills_up(user, one) or _is_best(user)
            ):
                self.ends[user] = one
            else:
                raise Unsupported(
                    "how many boxes are kept is known only when the model runs, and nothing makes a fixed size of "
                    f"what {user.name} ({user.target}) reads; cut it to a number of boxes that a filler makes "
                    "up to, or call nnapi::nms, which does"
                )

    def _kept_by(self, user: Node, one: _Kept) -> _Kept | None:
        if user.target is aten.slice.Tensor and not _is_fixed(user) and _is_start(user):
            most: Any = user.args[3]
            return _Kept(user, one.node, min(one.most, most))
        return _Kept(user, one.node, one.most) if _picks_rows(user, one.node) else None

    def _check_number(self, number: Node) -> None:
        """The count itself may be asserted, and say how much to pad."""
        for user in number.users:
            if user.target in _PADS:
                self._padded.add(user)
            elif user.op == "call_function" and not hasattr(user.target, "_schema"):
                if isinstance(user.target, torch._ops.OperatorBase):
                    raise Unsupported(f"{user.name} ({user.target}) reads how many boxes are kept")
                self._check_number(user)
            elif user.target is not aten._assert_scalar.default:
                raise Unsupported(
                    f"{user.name} ({user.target}) reads how many boxes are kept, which is known only when the "
                    "model runs; nnapi::nms gives the number as a tensor"
                )

    # ---- rewriting

    def rewrite(self) -> None:
        make = Maker(self.nms)
        positions, count = make.results(torch.ops.nnapi.nms.default, *self.nms.args, self.most)
        padded = {self.nms: positions}
        for one in self.kept:
            make.place = one.node
            rows = padded[one.source]
            if one.node.target is aten.slice.Tensor:
                padded[one.node] = make(aten.slice.Tensor, rows, 0, 0, one.most)
            else:
                padded[one.node] = make(aten.index_select.default, one.node.args[0], 0, rows)
        for end, one in self.ends.items():
            make.place = end
            made = make.fixed(end, padded[one.node], count, one.most)
            end.replace_all_uses_with(made)
        self._erase()

    def _erase(self) -> None:
        """What is left of the old calls: these, and what was asserted of the count."""
        dead, pending = set(), [self.nms]
        while pending:
            node = pending.pop()
            dead.add(node)
            pending += [user for user in node.users if user not in dead]
        for node in reversed(list(self.nms.graph.nodes)):
            if node in dead:
                self.nms.graph.erase_node(node)


# ---- what a use is


def _size(node: Node) -> Any:
    """Of the first dimension."""
    return node.meta["val"].shape[0]


def _is_fixed(node: Node) -> bool:
    return isinstance(_size(node), int)


def _is_start(cut: Node) -> bool:
    """``x[:k]`` along the first dimension."""
    every: Any = [*cut.args, *_CUT_DEFAULTS[len(cut.args) :]]
    _, dim, start, end, step = every
    return dim == 0 and not start and isinstance(end, int) and end >= 0 and step == 1


def _is_best(cut: Node) -> bool:
    """``x[:1]``, which there always is."""
    return cut.target is aten.slice.Tensor and _is_start(cut) and _size(cut) == 1


def _picks_rows(user: Node, index: Node) -> bool:
    """Rows of a tensor that is there anyway, at the positions."""
    args: Any = user.args
    if user.target is aten.index.Tensor:
        return args[0] is not index and list(args[1]) == [index]
    if user.target is aten.index_select.default:
        return args[0] is not index and args[1] == 0 and args[2] is index
    return False


def _writes_number(user: Node, index: Node) -> bool:
    """One number at the positions, into a tensor of one dimension."""
    args: Any = user.args
    if user.target not in _WRITES or args[0] is index:
        return False
    base = args[0].meta["val"]
    if base.dim() != 1 or not _is_fixed(args[0]):
        return False
    if user.target is not aten.index_put.default:
        return args[2] is index
    number = args[2].meta["val"]
    if number.numel() != 1 or number.dtype is not base.dtype:
        return False
    accumulates = len(args) > 3 and bool(args[3])
    return not accumulates and list(args[1]) == [index]


def _joins(user: Node, first: Node) -> bool:
    """``cat([x, filler])``, of which only beginnings are read that the filler makes up to."""
    args: Any = user.args
    if len(args[0]) != 2 or args[0][0] is not first or args[1:] not in ((), (0,)):
        return False
    filler = args[0][1]
    if not _is_fixed(filler) or filler.meta["val"].dtype is not first.meta["val"].dtype:
        return False
    return all(
        cut.target is aten.slice.Tensor
        and not cut.kwargs
        and _is_start(cut)
        and _is_fixed(cut)
        and _size(cut) <= _size(filler)
        for cut in user.users
    )


def _fills_up(user: Node, kept: _Kept) -> bool:
    """A padding behind the rows, up to a size that all of them fit."""
    args: Any = user.args
    if user.target not in _PADS:
        return False
    if user.target is aten.pad.default and len(args) > 2 and args[2] != "constant":
        return False
    behind = len(args[1]) == 2 * kept.node.meta["val"].dim()
    zeros = all(isinstance(one, int) and one == 0 for one in args[1][:-1])
    return behind and zeros and _is_fixed(user) and _size(user) >= kept.most


@hookimpl
def nnapi_passes() -> list[Pass]:
    return [Pass("nms_of_fixed_size", Phase.GRAPH, find_nms_of_fixed_size)]
