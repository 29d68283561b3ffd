"""How a window slides over an image, as operands say it and as torch does."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from hypothesis import strategies as st

# Operands of a window that takes each position of an image as it is, by name.
EVERY_POSITION = dict.fromkeys(
    ("padding_left", "padding_right", "padding_top", "padding_bottom"), 0
) | {
    "stride_width": 1,
    "stride_height": 1,
}


def same_padding(size: int, extent: int, stride: int) -> tuple[int, int]:
    """The documented rule: ceil(size / stride) windows, the odd element of padding behind."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


@frozen
class SlidingWindow:
    """Sizes are (height, width); `pads` are top, bottom, left, right."""

    filter: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[int, int, int, int]
    operands: dict[str, Any]

    @property
    def torch_pads(self) -> tuple[int, int, int, int]:
        top, bottom, left, right = self.pads
        return left, right, top, bottom

    def outputs(self, height: int, width: int) -> tuple[int, int]:
        padded = height + sum(self.pads[:2]), width + sum(self.pads[2:])
        sizes = [
            (size - (k - 1) * d - 1) // s + 1
            for size, k, d, s in zip(padded, self.filter, self.dilation, self.stride, strict=True)
        ]
        return sizes[0], sizes[1]


def draw_window(
    data: st.DataObject, height: int, width: int, *, dilated: bool = False, nchw: bool | None
) -> SlidingWindow:
    """A window that fits the image, with explicit or implicit padding. Without `nchw`, operands say none."""

    def pair(low: int, high: int, label: str) -> tuple[int, int]:
        sizes = st.integers(low, high)
        return data.draw(st.tuples(sizes, sizes), label=label)

    kernel = pair(1, 4, "filter")
    stride = pair(1, 3, "stride")
    dilation = pair(1, 3, "dilation") if dilated and data.draw(st.booleans()) else (1, 1)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    operands: dict[str, Any] = {"stride_width": stride[1], "stride_height": stride[0]}
    form = data.draw(st.sampled_from(["explicit", "same", "valid"]), label="padding")
    if form == "same":
        operands["padding_scheme"] = 1
        pads = [
            *same_padding(height, extent[0], stride[0]),
            *same_padding(width, extent[1], stride[1]),
        ]
    else:
        pads = [0, 0, 0, 0]
        for axis, size in enumerate((height, width)):
            if form == "explicit":
                pads[2 * axis] = data.draw(st.integers(0, extent[axis] - 1))
                pads[2 * axis + 1] = data.draw(st.integers(0, extent[axis] - 1))
            missing = extent[axis] - size - pads[2 * axis] - pads[2 * axis + 1]
            if missing > 0:  # as many taps as fit
                kernel = tuple(1 if i == axis else k for i, k in enumerate(kernel))  # type: ignore[assignment]
                pads[2 * axis] = pads[2 * axis + 1] = 0
        if form == "valid":
            operands["padding_scheme"] = 2
        else:
            names = ("padding_top", "padding_bottom", "padding_left", "padding_right")
            operands |= dict(zip(names, pads, strict=True))
    if nchw is not None:
        operands["nchw"] = nchw
    if dilation != (1, 1):
        operands |= {"dilation_width": dilation[1], "dilation_height": dilation[0]}
    return SlidingWindow(kernel, stride, dilation, (pads[0], pads[1], pads[2], pads[3]), operands)
