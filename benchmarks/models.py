"""Converts real architectures, compares them with eager torch, and writes docs/models.md.

    python -m benchmarks.models                  # all of them: some minutes
    python -m benchmarks.models resnet BERT      # those whose names contain one of these; prints only

Needs the extra ``models`` (timm and transformers). Nothing is downloaded: weights are random and seeded.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import torch
from attrs import field, frozen

import nnapi_core
from benchmarks.architectures import ARCHITECTURES, Architecture
from nnapi_core.verify import verify

LEVELS = (1000006, 30, 29)
CHAIN = (1000, 2500, 5000)
PAGE = Path(__file__).parents[1] / "docs" / "models.md"


_PAGE = """\
# Real models

Written by `python -m benchmarks.models`. Weights are random and seeded, batch 1. Every model is converted for the
feature levels {levels} with `fallback="cpu"`, runs on the host runtime, and is compared with eager torch.

{table}

* *nodes*: those of the functional graph that run at all; what depends on weights alone is computed at conversion.
* *on NNAPI*: their share at level {newest}, then at 30 and 29.
* *pieces*: NNAPI models and torch programs that run one after the other (where they differ: at each level).
* *largest error*: of any element at any level, over the largest value.
* *MB*: of the `.nnapi` file. *seconds*: of conversion after `torch.export`, CPU time.

## Transposes

Operator by operator the lowerings ask for {before} transposes in all of these models; {after} are left. Chains of
reshapes and transposes become the shortest that move the elements the same way, and regions of operations that work in
any order of dimensions are computed in the one that a minimum cut finds to need the fewest transposes.

## What stays on the CPU

{left}

## Long graphs

A chain of additions and products takes {chain} a thousand nodes, without `torch.export`.
"""


@frozen
class Conversion:
    """One model at one feature level."""

    nodes: int
    share: float
    pieces: int
    transposes: int
    error: float
    limit: float
    seconds: float
    refusals: Counter[str]


@frozen
class Row:
    """One model at every level; ``lowered_transposes`` and ``megabytes`` are those at the newest."""

    architecture: Architecture
    at: dict[int, Conversion] = field(factory=dict)
    lowered_transposes: int = 0
    megabytes: float = 0.0


def measured(architecture: Architecture) -> Row:
    module, args = architecture.make()
    with torch.no_grad():
        expected = module(*args)
    exported = torch.export.export(module, args, strict=False)
    newest = nnapi_core.explain(exported, args, feature_level=LEVELS[0])
    at: dict[int, Conversion] = {}
    megabytes = 0.0
    for level in LEVELS:
        start = time.process_time()
        converted = nnapi_core.convert(exported, args, feature_level=level)
        seconds = time.process_time() - start
        if level == LEVELS[0]:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.nnapi"
                converted.save(path)
                megabytes = path.stat().st_size / 1e6
        result = verify(converted, args, expected)
        report = converted.report
        at[level] = Conversion(
            nodes=sum(row.device != "folded" for row in report.nodes),
            share=report.share,
            pieces=len(report.stages),
            transposes=report.transposes,
            error=max(output.relative for output in result.outputs),
            limit=result.limit,
            seconds=seconds,
            refusals=Counter(f"`{row.target}`: {row.reason}" for row in report.refused()),
        )
        del converted
        gc.collect()
    return Row(architecture, at, newest.transposes, megabytes)


class Chain(torch.nn.Module):
    """Additions and products, one after the other."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for index in range(self.length // 2):
            x = (x + 0.5) * (1.0 + index % 3)
        return x


def chain_seconds(length: int) -> float:
    """Seconds of conversion, without torch.export, of a chain of that many nodes."""
    args = (torch.zeros(1, 8),)
    exported = torch.export.export(Chain(length), args, strict=False)
    start = time.process_time()
    nnapi_core.convert(exported, args, fallback="error")
    return time.process_time() - start


def table(rows: list[Row]) -> list[str]:
    newest, *older = LEVELS
    lines = [
        "| model | from | | nodes | on NNAPI | at 30 | at 29 | pieces | transposes | as lowered | "
        "largest error | MB | seconds |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        now = row.at[newest]
        shares = [
            f"{100 * now.share:.1f} %",
            *(f"{100 * row.at[one].share:.1f} %" for one in older),
        ]
        pieces = [row.at[level].pieces for level in LEVELS]
        error = max(one.error for one in row.at.values())
        cells = [
            row.architecture.name,
            row.architecture.source,
            row.architecture.note,
            now.nodes,
            *shares,
            " / ".join(map(str, pieces)) if len(set(pieces)) > 1 else pieces[0],
            now.transposes,
            row.lowered_transposes,
            f"{error:.1e}",
            f"{row.megabytes:.1f}",
            f"{now.seconds:.1f}",
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def left_on_the_cpu(rows: list[Row]) -> list[str]:
    lines = []
    for row in rows:
        for level in LEVELS:
            for reason, count in row.at[level].refusals.most_common():
                lines.append(f"* {row.architecture.name}, level {level}: {count} × {reason}")
    return lines or ["None."]


def page(rows: list[Row], chain: dict[int, float]) -> str:
    return _PAGE.format(
        levels=", ".join(map(str, LEVELS)),
        newest=LEVELS[0],
        table="\n".join(table(rows)),
        before=sum(row.lowered_transposes for row in rows),
        after=sum(row.at[LEVELS[0]].transposes for row in rows),
        left="\n".join(left_on_the_cpu(rows)),
        chain=", ".join(
            f"{1000 * seconds / length:.2f} s ({length} nodes)" for length, seconds in chain.items()
        ),
    )


def main(names: list[str]) -> int:
    warnings.simplefilter("ignore")
    chosen = [one for one in ARCHITECTURES if not names or any(name in one.name for name in names)]
    rows = []
    for architecture in chosen:
        row = measured(architecture)
        rows.append(row)
        print(*table([row])[2:], *left_on_the_cpu([row]), sep="\n", flush=True)
    wrong = [
        f"{row.architecture.name} at {level}: error {one.error:.1e}, allowed {one.limit:.0e}"
        for row in rows
        for level, one in row.at.items()
        if not one.error <= one.limit
    ]
    if not names:
        PAGE.write_text(page(rows, {length: chain_seconds(length) for length in CHAIN}))
        print(f"wrote {PAGE}")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
