"""Random networks, quantised: right at every level and for every driver, or refused in one clear error."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch
from attrs import frozen
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import nnapi_core
from nnapi_core.errors import ConversionError
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode
from nnapi_core.verification.verify import verify

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
CHANNELS = 4
ALL_TYPES = frozenset(OperandCode)

Step = Callable[["Drawn", torch.Tensor, torch.Tensor], torch.Tensor]
# Of a network's latest tensor, and of one before it with the same shape.
STEPS: dict[str, Step] = {
    "conv": lambda m, x, y: m.conv(x),
    "depthwise": lambda m, x, y: m.depthwise(x),
    "conv and norm": lambda m, x, y: m.norm(m.conv(x)),
    "norm read twice": lambda m, x, y: m.norm(z := m.conv(x)) + z,
    "relu": lambda m, x, y: torch.relu(x),
    "relu6": lambda m, x, y: functional.relu6(x),
    "elu": lambda m, x, y: functional.elu(m.conv(x)),
    "hardswish": lambda m, x, y: functional.hardswish(x),
    "sigmoid": lambda m, x, y: torch.sigmoid(x),
    "squeezed": lambda m, x, y: x * functional.hardsigmoid(functional.adaptive_avg_pool2d(x, 1)),
    "add": lambda m, x, y: x + y,
    "multiply": lambda m, x, y: x * y,
    "max pool": lambda m, x, y: functional.max_pool2d(x, 3, 1, 1),
    "average pool": lambda m, x, y: functional.avg_pool2d(x, 3, 1, 1),
    "halves": lambda m, x, y: torch.cat([x[:, 2:], y[:, :2]], 1),
    "rows": lambda m, x, y: m.linear(x.flatten(2)).reshape(x.shape),
    "transposed conv": lambda m, x, y: m.transposed(x)[..., 3:9, 4:10],
    "transposed, in groups": lambda m, x, y: m.transposed_in_groups(x)[..., 1:7, 2:8],
    "dilated": lambda m, x, y: m.dilated(x),
    "in groups": lambda m, x, y: m.in_groups(x),
    "shuffled": lambda m, x, y: functional.pixel_shuffle(m.wide(x), 2)[..., 2:8, 1:7],
    "padded": lambda m, x, y: functional.pad(x, (1, 0, 2, 0))[..., :6, :6],
    "resized": lambda m, x, y: functional.interpolate(x, scale_factor=2.0)[..., ::2, ::2],
    "bilinear": lambda m, x, y: functional.interpolate(x[..., :3, :3], (6, 6), mode="bilinear"),
    "leaky": lambda m, x, y: functional.leaky_relu(x, 0.1),
    "prelu": lambda m, x, y: m.prelu(x),
    "tanh": lambda m, x, y: torch.tanh(x),
    "softmax": lambda m, x, y: torch.softmax(x, -1),
    "silu": lambda m, x, y: functional.silu(x),
    "subtract": lambda m, x, y: x - y,
    "maximum": lambda m, x, y: torch.maximum(x, y),
    "mean": lambda m, x, y: x - x.mean((2, 3), keepdim=True),
    "largest": lambda m, x, y: y + x.amax(1, keepdim=True),
    "permuted": lambda m, x, y: x.permute(0, 1, 3, 2),
    "stacked": lambda m, x, y: torch.stack([x, y], 2).flatten(1, 2)[:, 1:5],
    "clamped": lambda m, x, y: x.clamp(-1, 2),
    "scaled": lambda m, x, y: x * 1.5 + 0.25,
    "gated": lambda m, x, y: functional.glu(torch.cat([x, y], 1), 1),
    "product": lambda m, x, y: torch.matmul(x, y.transpose(-1, -2)) / 6,
    "rolled": lambda m, x, y: x.roll(1, -1),
    "in torch": lambda m, x, y: torch.special.i0(torch.tanh(x)) - 1,
}


class Drawn(nn.Module):
    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.names = names
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.depthwise = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS)
        self.transposed = nn.ConvTranspose2d(CHANNELS, CHANNELS, 3, 2, output_padding=1)
        self.transposed_in_groups = nn.ConvTranspose2d(CHANNELS, CHANNELS, (2, 3), (1, 2), groups=2)
        self.dilated = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=2, dilation=2)
        self.in_groups = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=2, bias=False)
        self.wide = nn.Conv2d(CHANNELS, 4 * CHANNELS, 1)
        self.prelu = nn.PReLU(CHANNELS)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.linear = nn.Linear(36, 36)
        self.norm.running_mean = torch.randn(CHANNELS) / 2
        self.norm.running_var = torch.rand(CHANNELS) + 0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = [self.conv(x)]
        for name in self.names:
            made.append(STEPS[name](self, made[-1], made[max(len(made) - 3, 0)]))
        return made[-1]


@frozen
class Device:
    """A feature level, and the operations that the driver has not got."""

    level: int
    without: tuple[str, ...]

    def profile(self) -> DeviceProfile | None:
        if not self.without:
            return None
        kept = {spec.name: ALL_TYPES for spec in ops if spec.name not in self.without}
        return DeviceProfile("drawn", self.level, kept)


DEVICES = st.builds(
    Device,
    st.sampled_from([27, 28, 29, 30, 1000008]),
    st.lists(
        st.sampled_from(
            [
                "ADD",
                "MUL",
                "CONCATENATION",
                "LOGISTIC",
                "MAX_POOL_2D",
                "RELU",
                "QUANTIZE",
                "RESHAPE",
            ]
        ),
        max_size=2,
        unique=True,
    ).map(tuple),
)


@settings(
    max_examples=int(os.environ.get("GRAPHS", 1000))
    if NIGHTLY
    else max(settings().max_examples // 4, 4)
)
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5).map(tuple), DEVICES)
def test_right_or_refused(names: tuple[str, ...], device: Device) -> None:
    module = Drawn(names).eval()
    generator = torch.Generator().manual_seed(1)
    batches = [(torch.randn(1, CHANNELS, 6, 6, generator=generator),) for _ in range(3)]
    try:
        program = nnapi_core.quantize(module, batches, feature_level=device.level)
        converted = nnapi_core.convert(
            program,
            batches[0],
            feature_level=device.level,
            device_profile=device.profile(),
        )
    except ConversionError as refusal:
        if "mistake of the conversion" in str(refusal) or "failed: " in str(refusal):
            raise
        event(f"refused: {str(refusal)[:60]}")
        return
    expected = program.module()(*batches[0])
    result = verify(converted, batches[0], expected)
    assert result.passed, result.culprit
