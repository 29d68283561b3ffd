"""Programs as the converter writes them, to run and to damage."""

from __future__ import annotations

import torch

HEAD = "def run(v1_x: Tensor, weights: List[Tensor]) -> List[Tensor]:\n"

PLAIN = (
    HEAD
    + """\
    v2_add = torch.ops.aten.add(v1_x, other=weights[0], alpha=2)
    v3_clamp = torch.ops.aten.clamp(v2_add, min=float('-inf'), max=1.5)
    v4_to = torch.ops.aten.to(v3_clamp, dtype=torch.float64)
    v5_max = torch.ops.aten.max(v4_to, dim=1)
    v6_split = torch.ops.aten.split_with_sizes(v1_x, split_sizes=[1, 1])
    v7_index = torch.ops.aten.index(v1_x, indices=torch.jit.annotate(List[Optional[Tensor]], [None, v5_max[1]]))
    v8_sum = torch.ops.aten.sum(v1_x, dim=torch.jit.annotate(Optional[List[int]], []))
    v9_div = torch.ops.aten.div(v1_x, other=3, rounding_mode='floor')
    v10_full = torch.ops.aten.full([2, 3], fill_value=-1e-05, dtype=torch.float32, layout=torch.strided, device=torch.device('cpu'), pin_memory=False)
    v11_and = torch.ops.aten.__and__(torch.ops.aten.gt(v1_x, other=0), other=torch.tensor(True))
    v12_half = torch.ops.aten.mul(v1_x, other=weights[1].to(torch.bfloat16))
    return torch.jit.annotate(List[Tensor], [v2_add, v3_clamp, v5_max[0], v5_max[1], v6_split[0], v6_split[1], v7_index, v8_sum, v9_div, v10_full, v11_and, v12_half])
"""  # noqa: E501
)

SIZES = (
    HEAD
    + """\
    v2_reshape = torch.ops.aten.reshape(v1_x, shape=[(v1_x.size(0) * v1_x.size(1))])
    v3_expand = torch.ops.aten.expand(v2_reshape, size=[max((v1_x.size(0) - 1), 1), -1])
    v4_full = torch.ops.aten.full([((v1_x.size(1) + 3) // 2), min(v1_x.size(0), 7)], fill_value=((v1_x.size(1) % 2) / 3), dtype=torch.float32)
    return torch.jit.annotate(List[Tensor], [v2_reshape, v3_expand, v4_full])
"""  # noqa: E501
)

NUMBERS = (
    HEAD
    + """\
    v2_sum = torch.ops.aten.sum(v1_x)
    v3_full = torch.ops.aten.full([int(math.floor(float(v1_x.size(0)) * (2.5 + v1_x.size(1))))], fill_value=(float(v2_sum)))
    v4_add = torch.ops.aten.add(v1_x, other=(-(abs(float(v2_sum)))), alpha=int(round((v1_x.size(1) / 2))))
    v5_mul = torch.ops.aten.mul(v1_x, other=complex(float('-0.5'), float('inf')))
    if bool(((v1_x.size(0) > 1) and ((v1_x.size(0) == 7) or (not (bool(v2_sum)))))):
        v6_cond = v4_add
    else:
        v6_cond = v1_x
    v7_full = torch.ops.aten.full([2], fill_value=(math.sqrt(math.exp(float((v1_x.size(0) ** 3)))) % 7.25), dtype=torch.float64)
    v8_full = torch.ops.aten.full([int(v1_x.size(0) ** 2), int(abs(float(v2_sum)))], fill_value=int(math.ceil((v1_x.size(1) / 2))))
    return torch.jit.annotate(List[Tensor], [v3_full, v4_add, torch.ops.aten.view_as_real(v5_mul), v6_cond, v7_full, v8_full])
"""  # noqa: E501
)

BRANCHES = (
    HEAD
    + """\
    v2_sum = torch.ops.aten.sum(v1_x)
    v3_gt = torch.ops.aten.gt(v2_sum, other=0)
    if bool(v3_gt):
        v6_sin = torch.ops.aten.sin(v1_x)
        v4_cond = v6_sin
        v5_cond = weights[0]
    else:
        v7_cos = torch.ops.aten.cos(v1_x)
        v4_cond = v7_cos
        v5_cond = v1_x
    if bool(v3_gt):
        pass
    else:
        pass
    return torch.jit.annotate(List[Tensor], [v4_cond, v5_cond])
"""
)

LOOP = (
    HEAD
    + """\
    v2_i = torch.ops.aten.full(torch.jit.annotate(List[int], []), fill_value=0, dtype=torch.int64)
    v3_while = v2_i
    v4_while = v1_x
    v5_while = v1_x
    v7_lt = torch.ops.aten.lt(v3_while, other=5)
    v6_going = bool(v7_lt)
    while v6_going:
        v8_add = torch.ops.aten.add(v3_while, other=1)
        v9_mul = torch.ops.aten.mul(v4_while, other=weights[0])
        if bool(torch.ops.aten.gt(v8_add, other=2)):
            v10_cond = v5_while
        else:
            v11_neg = torch.ops.aten.neg(v5_while)
            v10_cond = v11_neg
        v3_while, v4_while, v5_while = v8_add, v10_cond, v9_mul
        v12_lt = torch.ops.aten.lt(v3_while, other=5)
        v6_going = bool(v12_lt)
    return torch.jit.annotate(List[Tensor], [v3_while, v4_while, v5_while])
"""
)

ENDLESS = (
    HEAD
    + """\
    v2_x = v1_x
    v3_going = bool(torch.ops.aten.eq(torch.ops.aten.sum(v2_x), other=torch.ops.aten.sum(v2_x)))
    while v3_going:
        v4_neg = torch.ops.aten.neg(v2_x)
        v2_x = v4_neg
        v3_going = bool(torch.ops.aten.eq(torch.ops.aten.sum(v2_x), other=torch.ops.aten.sum(v2_x)))
    return torch.jit.annotate(List[Tensor], [v2_x])
"""
)

TEXTS = {"plain": PLAIN, "sizes": SIZES, "numbers": NUMBERS, "branches": BRANCHES, "loop": LOOP}


def arguments() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """What all of `TEXTS` take: inputs and weights."""
    some = torch.Generator().manual_seed(2)
    return [torch.randn(2, 3, generator=some)], [
        torch.randn(2, 3, generator=some),
        torch.tensor([0.3]),
    ]
