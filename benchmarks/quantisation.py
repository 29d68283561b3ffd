"""Quantises real architectures, compares them with float torch and PT2E, and writes docs/quantised_models.md.

    python -m benchmarks.quantisation             # all: a quarter of an hour
    python -m benchmarks.quantisation U-Net       # those whose names contain it; prints only

Needs the extras ``quant`` and ``dev`` (scikit-learn's photographs, Pillow to read them).
"""

from __future__ import annotations

import gc
import math
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn

import nnapi_core
from benchmarks.networks import Denoiser
from benchmarks.photographs import CLASSES, crops, settle, trained
from nnapi_core.testing.rounded_layers import compare_layers
from tests.models.definitions import ResNet, UNet

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mobilenet_v2 import MobileNetV2, seeded

LEVELS = (29, 30)
PAGE = Path(__file__).parents[1] / "docs" / "quantised_models.md"

_PAGE = """\
# Quantised models

Written by `python -m benchmarks.quantisation`; [quantisation.md](quantisation.md) says how to do it.

{table}

* *islands*: nodes computed in floats at the level, with float borders (core) and with integer ones (full); below, why.
* *SNR*: of the result on the host runtime, in dB, against eager float torch and against PT2E's graph in torch; and of
  PT2E's graph against float torch, which is what quantising by itself costs.
* *same class*: how often the class is the one of float torch.
* *layers*: rounded tensors. Each is compared with what torch makes of the integers that NNAPI gave to that layer, so
  that nothing is counted twice: the largest difference in steps, the least share of a layer within one
  step, and the share of all elements that is equal.

MobileNetV2 and ResNet-50 have learned to tell scikit-learn's two photographs and the way up from crops of
{size} × {size} pixels, in a minute: with random weights alone a deep network amplifies any noise. They are
calibrated and compared on other crops. The U-Net has random weights and the batch norms of crops, the denoiser
random weights and tones in noise.

## What stays in floats

{islands}

## Sizes

MobileNetV2 with a thousand classes, in MB; `.ptl` with one scale for each weight tensor, as stock PyTorch's format
asks.

{sizes}
"""

Batch = tuple[Tensor, ...]


@frozen(eq=False)
class Subject:
    """``make`` gives the float module, batches to calibrate it with, and batches to compare it on."""

    name: str
    make: Callable[[], tuple[nn.Module, list[Batch], list[Batch]]]
    has_classes: bool = False


SIZE = 64


def _on_photographs(module: nn.Module, steps: int) -> tuple[nn.Module, list[Batch], list[Batch]]:
    trained(module, size=SIZE, steps=steps)
    sets = (crops(16, SIZE, seed=2)[0], crops(32, SIZE, seed=3)[0])
    given, compared = ([(one[None],) for one in images] for images in sets)
    return module, given, compared


def _u_net() -> tuple[nn.Module, list[Batch], list[Batch]]:
    module = seeded(UNet())
    images = crops(12, 96, seed=2)[0]
    settle(module, images[:8])
    batches: list[Batch] = [(one[None],) for one in images]
    return module.eval(), batches[:8], batches[8:]


def tones(count: int, seed: int) -> list[Batch]:
    """Four sines in noise, a quarter of a second each."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(4096) / 16000
    waves: list[Batch] = []
    for _ in range(count):
        pitch = 100 + 2000 * torch.rand(4, 1, generator=generator)
        loudness = torch.rand(4, 1, generator=generator) / 3
        clean = (loudness * torch.sin(2 * math.pi * pitch * time)).sum(0)
        noise = 0.05 * torch.randn(time.shape, generator=generator)
        waves.append(((clean + noise)[None, None],))
    return waves


def _denoiser() -> tuple[nn.Module, list[Batch], list[Batch]]:
    torch.manual_seed(0)
    return Denoiser().eval(), tones(8, 0), tones(4, 1)


def _mobile_net() -> tuple[nn.Module, list[Batch], list[Batch]]:
    return _on_photographs(MobileNetV2(CLASSES), 80)


def _res_net() -> tuple[nn.Module, list[Batch], list[Batch]]:
    return _on_photographs(ResNet(classes=CLASSES), 60)


SUBJECTS = (
    Subject("U-Net", _u_net),
    Subject("speech denoiser", _denoiser),
    Subject("MobileNetV2", _mobile_net, has_classes=True),
    Subject("ResNet-50", _res_net, has_classes=True),
)


@frozen
class Row:
    name: str
    level: int
    islands: tuple[int, int]
    reasons: tuple[str, ...]
    integer_operations: int
    snr_float: float
    snr_graph: float
    snr_of_graph: float
    same_class: float | None
    layers: int
    worst_step: int
    least_share: float
    equal: float

    @property
    def cells(self) -> list[str]:
        return [
            self.name,
            str(self.level),
            " / ".join(map(str, self.islands)),
            str(self.integer_operations),
            f"{self.snr_float:.1f}",
            f"{self.snr_graph:.1f}",
            f"{self.snr_of_graph:.1f}",
            "" if self.same_class is None else f"{100 * self.same_class:.0f} %",
            str(self.layers),
            str(self.worst_step),
            f"{100 * self.least_share:.2f} %",
            f"{100 * self.equal:.2f} %",
        ]


def snr(actual: Tensor, expected: Tensor) -> float:
    """In dB."""
    noise = (actual.double() - expected.double()).square().sum()
    return float(10 * torch.log10(expected.double().square().sum() / noise))


def measured(subject: Subject) -> list[Row]:
    module, given, compared = subject.make()
    with torch.no_grad():
        expected = torch.cat([module(*one) for one in compared])
    rows = []
    for level in LEVELS:
        program = nnapi_core.quantize(module, given, feature_level=level)
        core = nnapi_core.convert(program, compared[0], feature_level=level)
        islands = core.report.float_islands()
        graph: Any = program.module()
        with torch.no_grad():
            reference = torch.cat([graph(*one) for one in compared])
        actual = torch.cat([core(*one) for one in compared])
        layers = compare_layers(program, compared[0], feature_level=level)
        elements = sum(one.steps.numel() for one in layers)
        rows.append(
            Row(
                name=subject.name,
                level=level,
                islands=(len(islands), _islands_of_full(program, compared[0], level)),
                reasons=tuple(f"`{one.target}`: {one.reason}" for one in islands),
                integer_operations=_integer_operations(core),
                snr_float=snr(actual, expected),
                snr_graph=snr(actual, reference),
                snr_of_graph=snr(reference, expected),
                same_class=_same(actual, expected) if subject.has_classes else None,
                layers=len(layers),
                worst_step=max(one.worst for one in layers),
                least_share=min(one.share_within_one for one in layers),
                equal=sum(one.share_equal * one.steps.numel() for one in layers) / elements,
            )
        )
        gc.collect()
    return rows


def _islands_of_full(program: torch.export.ExportedProgram, args: Batch, level: int) -> int:
    full = nnapi_core.convert(program, args, feature_level=level, quantized_io=True)
    return len(full.report.float_islands())


def _integer_operations(converted: nnapi_core.Converted) -> int:
    return sum(
        any(lowered.model.operands[index].type.quant is not None for index in one.outputs)
        for lowered in converted.contents.lowered.values()
        for one in lowered.model.operations
    )


def _same(actual: Tensor, expected: Tensor) -> float:
    return float((actual.argmax(1) == expected.argmax(1)).float().mean())


def sizes() -> list[str]:
    """Of the files of one model in every form."""
    module, args = seeded(MobileNetV2()), (crops(1, 96, seed=4)[0],)
    by_channel = nnapi_core.quantize(module, [args])
    by_tensor = nnapi_core.quantize(module, [args], per_channel=False)
    forms = {
        "none (float)": [(".nnapi", module, args, {}), (".ptl", module, args, {})],
        "float16": [(".nnapi", seeded(MobileNetV2()).half(), (args[0].half(),), {})],
        "core (float borders)": [(".nnapi", by_channel, args, {}), (".ptl", by_tensor, args, {})],
        "full (integer borders)": [
            (".nnapi", by_channel, args, {"quantized_io": True}),
            (".ptl", by_tensor, args, {"quantized_io": True}),
        ],
    }
    lines = ["| | .nnapi | .ptl |", "|---|--:|--:|"]
    with tempfile.TemporaryDirectory() as folder:
        for name, files in forms.items():
            found = []
            for suffix, source, example, options in files:
                path = Path(folder) / f"model{suffix}"
                nnapi_core.convert(source, example, fallback="error", **options).save(path)
                found.append(f"{path.stat().st_size / 1e6:.2f}")
            lines.append("| " + " | ".join([name, *found] + [""] * (2 - len(found))) + " |")
    return lines


def table(rows: list[Row]) -> list[str]:
    return [
        "| model | level | islands core / full | integer operations | SNR to float | SNR to PT2E | PT2E to float | "
        "same class | layers | worst step | least share within 1 | equal |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *("| " + " | ".join(row.cells) + " |" for row in rows),
    ]


def island_lines(rows: list[Row]) -> list[str]:
    lines = [f"* {row.name}, level {row.level}: {one}" for row in rows for one in row.reasons]
    return lines or ["Nothing."]


def main(names: list[str]) -> int:
    warnings.simplefilter("ignore")
    rows = []
    for subject in SUBJECTS:
        if not names or any(name in subject.name for name in names):
            rows += (found := measured(subject))
            print(*table(found)[2:], *island_lines(found), sep="\n", flush=True)
    if not names:
        text = _PAGE.format(
            size=SIZE,
            table="\n".join(table(rows)),
            islands="\n".join(island_lines(rows)),
            sizes="\n".join(sizes()),
        )
        PAGE.write_text(text)
        print(f"wrote {PAGE}")
    wrong = [row for row in rows if row.least_share < 0.995]
    print("\n".join(f"{row.name} at {row.level}: {row.least_share}" for row in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
