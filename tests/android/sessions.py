"""Models for clients of the session other than Python's, and what Python's session gives for them.

Nothing of them runs in torch, which those clients have not got.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from attrs import field, frozen
from torch import nn
from torch.export import Dim

import nnapi_core
import nnapi_runtime


@frozen
class SmallModel:
    """A module, arguments for it, and how it is converted."""

    name: str
    module: nn.Module
    args: tuple[torch.Tensor, ...]
    options: dict[str, Any] = field(factory=dict)
    quantize: bool = False


class Calls(nn.Module):
    """A function, with the modules that it uses."""

    def __init__(self, function: Callable[..., Any], *modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.used = nn.ModuleList(modules)

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(*self.used, *args)


class Named(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a * 2 - b


class Batch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(16, 24), nn.GELU(), nn.Linear(24, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layers(x), -1)


class Image(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.max_pool2d(torch.relu(self.conv(x)), 2)


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, count: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        def goes_on(i: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return i < count

        def turn(i: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return i + 1, torch.tanh(self.linear(x))

        start = torch.zeros((), dtype=torch.int64)
        return torch._higher_order_ops.while_loop(goes_on, turn, (start, x))[1]


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda x: self.linear(x), lambda x: x * 0.5, (x,))


def _recurrent(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return layer(x)[0]


def small_models() -> Iterator[SmallModel]:
    """At least twenty, of every kind of artifact that needs no torch. Their weights are seeded."""
    torch.manual_seed(0)
    image = torch.randn(1, 3, 8, 8)
    rows = torch.randn(4, 16)
    steps = torch.randn(5, 2, 6)
    convolutions = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 16, 3, groups=16, padding=1), nn.Hardswish(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip
    plain = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
    )
    residual = nn.Conv2d(3, 3, 3, padding=1)
    at_30 = {"feature_level": 30}
    newest = {"feature_level": 1000006}

    yield SmallModel("mlp", Batch(), (rows,))
    yield SmallModel("convolutions", convolutions, (image,))
    yield SmallModel("two_arguments", Named(), (torch.randn(2, 3), torch.randn(2, 3)))
    yield SmallModel("integers", plain, (image,), quantize=True)
    yield SmallModel("integers_30", plain, (image,), at_30, quantize=True)
    borders = {"quantized_io": True}
    yield SmallModel("integer_borders", plain, (image,), borders, quantize=True)
    yield SmallModel("lstm", Calls(_recurrent, nn.LSTM(6, 7)), (steps,))
    yield SmallModel("lstm_30", Calls(_recurrent, nn.LSTM(6, 7)), (steps,), at_30)
    yield SmallModel("gru", Calls(_recurrent, nn.GRU(6, 7)), (steps,))
    yield SmallModel(
        "attention",
        nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval(),
        (torch.randn(1, 5, 16),),
    )
    batch = Dim("batch", min=1, max=64)
    yield SmallModel("free_batch", Batch(), (rows,), {"dynamic_shapes": {"x": {0: batch}}})
    height, width = Dim("height", min=2, max=32), Dim("width", min=2, max=32)
    sizes = {"dynamic_shapes": {"x": {2: 2 * height, 3: 2 * width}}}
    yield SmallModel("free_image", Image(), (image,), sizes)
    yield SmallModel("loop", Loop(), (torch.tensor(3), torch.randn(2, 8)), newest)
    yield SmallModel("branches", Branches(), (torch.ones(2, 8),), newest)
    yield SmallModel("branches_other", Branches(), (-torch.ones(2, 8),), newest)
    relaxed = {"relax_float32_to_float16": True}
    yield SmallModel("relaxed", convolutions, (image,), relaxed)
    yield SmallModel("residual", Calls(lambda c, x: torch.relu(c(x)) + x, residual), (image,))
    yield SmallModel("several", Calls(lambda x: (x + 1, (x * 2).sum(1))), (rows,))
    yield SmallModel("a_result_is_none", Calls(lambda x: (x + 1, None)), (rows,))
    yield SmallModel("comparison", Calls(lambda x: x > 0.5), (rows,))
    yield SmallModel("indices", Calls(lambda x: torch.topk(x, 3, dim=1)), (rows,))
    yield SmallModel("embedding", nn.Embedding(11, 6), (torch.tensor([[3, 0, 10]]),))
    yield SmallModel("written", Calls(lambda x: x.add_(1) * 2), (rows.clone(),))
    yield SmallModel("resized", nn.Upsample(scale_factor=2, mode="bilinear"), (image,))


def write_cases(folder: Path) -> list[str]:
    """Writes each model as ``<name>.nnapi``, and ``cases.txt`` with arguments and results as files.

    A line of it is ``model NAME``, or ``in DTYPE SHAPE FILE`` or ``out DTYPE SHAPE FILE`` of the model before; the
    dtype of a result that is None is ``none``. Returns the models' names.
    """
    lines, names = [], []
    for one in small_models():
        module: Any = one.module.eval()
        if one.quantize:
            level = one.options.get("feature_level", 29)
            module = nnapi_core.quantize(module, [one.args], feature_level=level)
        path = folder / f"{one.name}.nnapi"
        converted = nnapi_core.convert(module, one.args, fallback="error", **one.options)
        converted.save(path)
        names.append(one.name)
        lines.append(f"model {one.name}")
        session = nnapi_runtime.load(path)
        args = [
            _as_given(value, spec.dtype)
            for value, spec in zip(one.args, session.inputs, strict=True)
        ]
        lines += [_written(folder, one.name, "in", i, value) for i, value in enumerate(args)]
        results = session(*args)
        flat = list(results) if isinstance(results, (tuple, list)) else [results]
        # What a model writes into its arguments comes after what it returns, for clients that write nothing.
        if one.name == "written":
            flat += args
        lines += [_written(folder, one.name, "out", i, value) for i, value in enumerate(flat)]
    (folder / "cases.txt").write_text("\n".join(lines) + "\n")
    _write_methods(folder / "methods.nnapi")
    return names


def _write_methods(path: Path) -> None:
    """Two methods over one state: ``remember`` keeps what it gets, ``recall`` gives twice that."""

    class Memory(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("kept", torch.ones(1, 4))

        def remember(self, x: torch.Tensor) -> torch.Tensor:
            self.kept = x + 0.0
            return x * 3

        def recall(self, y: torch.Tensor) -> torch.Tensor:
            return self.kept * 2 + y

    module, x = Memory(), torch.zeros(1, 4)
    methods = {"remember": (module.remember, (x,)), "recall": (module.recall, (x,))}
    nnapi_core.convert_methods(methods, fallback="error").save(path)


def _as_given(value: torch.Tensor, dtype: str) -> torch.Tensor:
    """The argument, or integers in its place where the model takes those."""
    wanted = getattr(torch, dtype)
    if value.dtype == wanted:
        return value.clone()
    return torch.arange(value.numel()).remainder(256).to(wanted).reshape(value.shape)


def _written(folder: Path, name: str, side: str, place: int, value: torch.Tensor | None) -> str:
    if value is None:
        return f"{side} none  "
    file = f"{name}.{side}{place}"
    (folder / file).write_bytes(value.contiguous().numpy().tobytes())
    shape = ",".join(map(str, value.shape))
    return f"{side} {str(value.dtype).removeprefix('torch.')} {shape} {file}"
