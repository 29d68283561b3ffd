"""Calls that give what calls of a tensor with as many rows as boxes are kept gave, of one with rows to spare."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import Node, map_arg

aten = torch.ops.aten


class Maker:
    """Puts calls into the graph that ``nms`` is in, before ``place``, and says what they give."""

    def __init__(self, nms: Node) -> None:
        self.place = nms
        self._trace = nms.meta.get("stack_trace", "")
        self._mode = nms.meta["val"].fake_mode

    def __call__(self, target: Any, *args: Any) -> Node:
        given = map_arg(args, lambda one: one.meta["val"])
        with self._mode:
            return self._call(target, args, target(*given))

    def results(self, target: Any, *args: Any) -> list[Node]:
        """The same of a call with several results."""
        whole = self(target, *args)
        return [
            self._call(operator.getitem, (whole, k), value)
            for k, value in enumerate(whole.meta["val"])
        ]

    def _call(self, target: Any, args: tuple[Any, ...], value: Any) -> Node:
        with self.place.graph.inserting_before(self.place):
            node = self.place.graph.call_function(target, args)
        node.meta.update(stack_trace=self._trace, val=value)
        return node

    def fixed(self, end: Node, rows: Node, count: Node, most: int) -> Node:
        """What ``end`` gives, of ``rows``, which are ``most`` in number; anything follows after ``count``."""
        args: Any = end.args
        if end.target is aten.index_put.default:
            return self(aten.where.self, self._hit(args[0], rows, count, most), args[2], args[0])
        if end.target in (aten.index_fill.int_Scalar, aten.scatter.value):
            value = self._number((), args[3], args[0])
            return self(aten.where.self, self._hit(args[0], rows, count, most), value, args[0])
        size = end.meta["val"].shape[0]
        if end.target is aten.slice.Tensor:
            if args[0].target is not aten.cat.default:
                return self(aten.slice.Tensor, rows, 0, 0, size)
            filler = args[0].args[0][1]
        else:
            at = 3 if end.target is aten.pad.default else 2
            number = args[at] if len(args) > at else None
            filler = self._number((size, *rows.meta["val"].shape[1:]), number or 0, rows)
        # The first of the filler comes where the rows end.
        places = self(aten.arange.default, size)
        behind = self(aten.add.Tensor, places, self(aten.rsub.Scalar, count, most))
        from_ = self(aten.where.self, self(aten.lt.Tensor, places, count), places, behind)
        joined = self(aten.cat.default, [rows, filler])
        return self(aten.index_select.default, joined, 0, from_)

    def _number(self, shape: tuple[int, ...], number: Any, like: Node) -> Node:
        whole = self(aten.full.default, list(shape), number)
        return self(aten.to.dtype, whole, like.meta["val"].dtype)

    def _hit(self, base: Node, positions: Node, count: Node, most: int) -> Node:
        """Which elements of ``base`` are at one of the positions."""
        is_row = self(aten.lt.Tensor, self(aten.arange.default, most), count)
        nowhere = self(aten.full.default, [most], -1)
        at = self(aten.unsqueeze.default, self(aten.where.self, is_row, positions, nowhere), 1)
        each = self(aten.arange.default, base.meta["val"].shape[0])
        return self(aten.any.dim, self(aten.eq.Tensor, at, each), 0)
