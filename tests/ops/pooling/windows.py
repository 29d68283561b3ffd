"""Images, and windows that slide over them."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st

from nnapi_core.testing import tensors


@st.composite
def windows(
    draw: st.DrawFn, *, spatial: int, dilated: bool
) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Sizes of an image, and options of a pooling that torch accepts for it."""
    kernel = [draw(st.integers(1, 4)) for _ in range(spatial)]
    padding = [draw(st.integers(0, size // 2)) for size in kernel]
    options: dict[str, Any] = {
        "kernel_size": kernel,
        "padding": padding,
        "ceil_mode": draw(st.booleans()),
    }
    if draw(st.booleans()):
        options["stride"] = [draw(st.integers(1, 4)) for _ in range(spatial)]
    dilation = [1] * spatial
    if dilated:
        options["dilation"] = dilation = [draw(st.sampled_from([1, 1, 2])) for _ in range(spatial)]
    sizes = tuple(
        max(1, (k - 1) * d + 1 - 2 * p) + draw(st.integers(0, 7))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    )
    return sizes, options


@st.composite
def pooled(
    draw: st.DrawFn, *, spatial: int, dilated: bool, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, dict[str, Any]]:
    sizes, options = draw(windows(spatial=spatial, dilated=dilated))
    batch = draw(st.sampled_from([(3,), (1, 3), (2, 5)]))
    return draw(tensors(shape=(*batch, *sizes), dtype=dtype)), options
