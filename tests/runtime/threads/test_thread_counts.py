"""Results are bitwise the same however many threads compute them: whole models, and one operation at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from tests.runtime import c_api
from tests.runtime.kernels.test_kernel_variants import results

LEVEL = 1000006
COUNTS = (1, 2, 3, 5)


@pytest.fixture(autouse=True)
def a_pool_of_five() -> Iterator[None]:
    c_api.library().nnapi_host_set_num_threads(max(COUNTS))
    yield
    c_api.library().nnapi_host_set_num_threads(0)


class Images(nn.Module):
    """Convolutions of all kinds, on few pixels and on many, and what stands between them in mobile networks."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, 2, 1)
        self.wide = nn.Conv2d(16, 200, 1)
        self.depthwise = nn.Conv2d(200, 200, 3, 2, 1, groups=200)
        self.squeeze = nn.Conv2d(200, 40, 1)
        self.excite = nn.Conv2d(40, 200, 1)
        self.deep = nn.Conv2d(200, 104, 3, 4, 1)
        self.window = nn.Conv2d(104, 104, 3, padding=1)
        self.last = nn.Linear(104, 500)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.hardswish(self.wide(nn.functional.relu6(self.first(x))))
        x = nn.functional.relu(self.depthwise(x))
        gate = self.excite(nn.functional.relu(self.squeeze(x.mean((2, 3), keepdim=True))))
        x = x * nn.functional.hardsigmoid(gate) + x
        small = nn.functional.relu(self.deep(x))
        large = nn.functional.interpolate(small, size=(40, 40), mode="bilinear")
        large = self.window(large) + large
        pooled = nn.functional.max_pool2d(large, 3, 2).mean((2, 3))
        return self.last(pooled)


class Sequences(nn.Module):
    """Attention, a norm, and recurrence."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(96)
        self.join = nn.Linear(96, 288)
        self.gru = nn.GRU(96, 130, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.join(self.norm(x)).reshape(1, -1, 3, 3, 32).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        rows = nn.functional.gelu(mixed.permute(0, 2, 1, 3).reshape(1, -1, 96))
        states, _ = self.gru(rows[:, :6])
        return torch.cat([rows.flatten(), states.flatten()]).softmax(0)


OPERATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "exp": torch.exp,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hardswish": nn.functional.hardswish,
    "broadcast": lambda x: x * x[:, :, :1] + x[:, :1],
    "softmax": lambda x: x.softmax(-1),
    "softmax over the first": lambda x: x.softmax(1),
    "mean of rows": lambda x: x.mean(-1),
    "mean of columns": lambda x: x.mean(1),
    "transpose": lambda x: x.transpose(1, 2) * 2,
    "concat": lambda x: torch.cat([x, x * 2], 2),
}


def results_agree(artifact: Path, x: torch.Tensor) -> None:
    expected, *others = (
        nnapi_runtime.load(artifact, num_threads=count)(x.numpy()) for count in COUNTS
    )
    assert np.isfinite(expected).all()
    for count, result in zip(COUNTS[1:], others, strict=True):
        assert result.tobytes() == expected.tobytes(), f"{count} threads"


@pytest.mark.parametrize("quantised", [False, True], ids=["float", "integers"])
def test_images(quantised: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model: nn.Module = Images().eval()
    x = torch.randn(1, 3, 58, 66)
    if quantised:
        model = nnapi_core.quantize(model, [(x,)], feature_level=LEVEL)
    nnapi_core.convert(model, (x,), feature_level=LEVEL).save(tmp_path / "m.nnapi")
    results_agree(tmp_path / "m.nnapi", x)


def test_sequences(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 70, 96)
    nnapi_core.convert(Sequences().eval(), (x,), feature_level=LEVEL).save(tmp_path / "m.nnapi")
    results_agree(tmp_path / "m.nnapi", x)


@pytest.mark.parametrize("name", OPERATIONS)
def test_one_operation(name: str, tmp_path: Path) -> None:
    class One(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return OPERATIONS[name](x)

    x = torch.randn(1, 333, 431, generator=torch.Generator().manual_seed(0))
    nnapi_core.convert(One(), (x,), feature_level=LEVEL).save(tmp_path / "m.nnapi")
    results_agree(tmp_path / "m.nnapi", x)


def test_convolutions_of_all_types(tmp_path: Path) -> None:
    """The random cases of `kernel_cases`, which are small: whatever is cut at all."""
    expected = results(tmp_path, NNAPI_NUM_THREADS="1")
    for count in COUNTS[1:]:
        for key, actual in results(tmp_path, NNAPI_NUM_THREADS=str(count)).items():
            assert actual.tobytes() == expected[key].tobytes(), f"{key}, {count} threads"
