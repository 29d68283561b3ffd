"""Every other function on quantised tensors: right, in integers or as an island of floats."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings

from tests.ops.quantisation.between_dequantize_and_quantize import dtypes, grids, sandwich, seeds

# Functions that nobody thought of in integers: right all the same, in integers or as islands.
OTHERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": F.gelu, "silu": F.silu, "mish": F.mish, "elu": F.elu, "softplus": F.softplus,
    "hardsigmoid": F.hardsigmoid, "leaky_relu": lambda x: F.leaky_relu(x, 0.1), "abs": torch.abs,
    "neg": torch.neg, "square": torch.square, "exp": lambda x: torch.exp(x * 0.01),
    "sin": torch.sin, "floor": torch.floor, "ceil": torch.ceil, "trunc": torch.trunc,
    "round": torch.round, "frac": torch.frac, "nan_to_num": torch.nan_to_num,
    "threshold": lambda x: F.threshold(x, 0.5, 0.2), "remainder": lambda x: x.remainder(1.5),
    "clamp": lambda x: x.clamp(-1.0, 2.0),
    "clamp_min": lambda x: x.clamp_min(0.3), "log_softmax": lambda x: x.log_softmax(-1),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[1:]), "group_norm": lambda x: F.group_norm(x, 2),
    "normalize": lambda x: F.normalize(x + 0.01, dim=1), "sum": lambda x: x.sum(1),
    "amax": lambda x: x.amax((2, 3)), "var": lambda x: x.var(1), "cumsum": lambda x: x.cumsum(1),
    "sort": lambda x: x.sort(1).values, "topk": lambda x: x.topk(2, 1).values,
    "roll": lambda x: x.roll(1, 2), "stack": lambda x: torch.stack([x, x + 1.0], 1),
    "maximum": lambda x: torch.maximum(x, x.flip(2)), "minimum": lambda x: torch.minimum(x, x * 0.5),
    "where": lambda x: torch.where(x > 0.5, x, x * 0.25),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0.7),
    "div": lambda x: x / 3.0, "rsub": lambda x: 1.0 - x, "addcmul": lambda x: torch.addcmul(x, x, x),
    "lerp": lambda x: torch.lerp(x, x.flip(1), 0.3), "index": lambda x: x[:, [2, 0, 1]],
    "pad with a number": lambda x: F.pad(x, (1, 1), value=0.4),
    "reflect": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "lp_pool": lambda x: F.lp_pool2d(x.abs(), 2, 2),
    "bicubic": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "outer": lambda x: x[:, :1] * x, "matmul": lambda x: x @ x.mT, "prod": lambda x: (x * 0.1).prod(1),
    "glu": lambda x: F.glu(x, 1), "sign": torch.sign, "pow": lambda x: x**3, "unfold": lambda x: F.unfold(x, 2),
    "batch_norm": lambda x: F.batch_norm(x, torch.arange(4.0), torch.arange(1.0, 5.0)),
    "twice": lambda x: (x + 0.3) * 0.7, "split": lambda x: torch.cat(x.split(2, 1)[::-1], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(OTHERS))
@settings(max_examples=3, deadline=None)
@given(data=st.data(), dtype=dtypes, level=st.sampled_from((28, 29, 30, 1000006)), seed=seeds)
def test_other_functions(
    name: str, data: st.DataObject, dtype: torch.dtype, level: int, seed: int
) -> None:
    sandwich(OTHERS[name], [data.draw(grids(dtype))], [(2, 4, 6, 6)], seed, level)
