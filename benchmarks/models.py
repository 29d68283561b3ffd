"""Converts real architectures, compares them with eager torch, and writes docs/models.md.

    python -m benchmarks.models                  # all of them: some minutes
    python -m benchmarks.models resnet BERT      # those whose names contain one of these; prints only

Needs the extra ``models`` (timm and transformers). Nothing is downloaded: weights are random and seeded.
"""

from __future__ import annotations

import gc
import json
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Hashable
from pathlib import Path

import torch
from attrs import field, frozen

import nnapi_core
from benchmarks.architectures import ARCHITECTURES, Architecture
from benchmarks.conversion import CHAIN, chain
from nnapi_core.plugins.registry import Registry
from nnapi_core.report import Report
from nnapi_core.verification.verify import Verification, verify

LEVELS = (27, 28, 29, 30, 31, 1000006)
NEWEST = LEVELS[-1]
PAGE = Path(__file__).parents[1] / "docs" / "models.md"


_PAGE = """\
# Real models

Written by `python -m benchmarks.models`. Weights are random and seeded, batch 1. Every model is exported once and
converted for the feature levels {levels} with `fallback="cpu"`; each result runs on the host
runtime and is compared with eager torch.

{table}

* *nodes*: those of the functional graph that run at all; what depends on weights alone is computed at conversion.
* *27 …*: at that feature level, the share of the nodes that run on NNAPI, and in brackets that of the
  multiply-accumulates where it is another.
* *pieces*: NNAPI models and torch programs that run one after the other, at each level where they differ.
* *largest error*: of any element at any level, over the largest value.
* *MB*: of the `.nnapi` file. *seconds*: of conversion after `torch.export`, CPU time. Both, like the transposes, at
  level {newest}.

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
    mac_share: float
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


def measured(architecture: Architecture, registry: Registry) -> Row:
    module, args = architecture.make()
    with torch.no_grad():
        expected = module(*args)
    exported = torch.export.export(module, args, strict=False)
    newest = nnapi_core.explain(exported, args, feature_level=NEWEST, registry=registry)
    at: dict[int, Conversion] = {}
    compared: dict[Hashable, Verification] = {}
    megabytes = 0.0
    for level in LEVELS:
        start = time.process_time()
        converted = nnapi_core.convert(exported, args, feature_level=level, registry=registry)
        seconds = time.process_time() - start
        # The newest one is run in any case, from its file.
        if level == NEWEST:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.nnapi"
                converted.save(path)
                megabytes = path.stat().st_size / 1e6
        same = _content(converted)
        if same not in compared:
            compared[same] = verify(converted, args, expected)
        at[level] = _conversion(converted.report, compared[same], seconds)
        del converted
        gc.collect()
    return Row(architecture, at, newest.transposes, megabytes)


def _content(converted: nnapi_core.Converted) -> Hashable:
    """Conversions for two levels that say the same run the same: one comparison is enough."""
    manifest = {**converted.contents.manifest, "feature_level": 0}
    keys = tuple(one.key for one in converted.contents.weights.constants)
    named = [str(key) for key in keys if not isinstance(key, int)]
    return json.dumps(manifest), tuple(converted.contents.models.values()), tuple(named)


def _conversion(report: Report, result: Verification, seconds: float) -> Conversion:
    return Conversion(
        nodes=sum(row.device != "folded" for row in report.nodes),
        share=report.share,
        mac_share=report.mac_share,
        pieces=len(report.stages),
        transposes=report.transposes,
        error=max(output.relative for output in result.outputs),
        limit=result.limit,
        seconds=seconds,
        # The level itself stands beside each count.
        refusals=Counter(
            re.sub(r" \(target=\d+\)", "", f"`{row.target}`: {row.reason}")
            for row in report.refused()
        ),
    )


def table(rows: list[Row]) -> list[str]:
    levels = " | ".join(map(str, LEVELS))
    lines = [
        f"| model | from | | nodes | {levels} | pieces | transposes | as lowered | largest error | MB | seconds |",
        f"|---|---|---|--:|{'--:|' * len(LEVELS)}--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        now = row.at[NEWEST]
        pieces = [row.at[level].pieces for level in LEVELS]
        error = max(one.error for one in row.at.values())
        cells = [
            row.architecture.name,
            row.architecture.source,
            row.architecture.note,
            now.nodes,
            *(_share(row.at[level]) for level in LEVELS),
            " / ".join(map(str, pieces)) if len(set(pieces)) > 1 else pieces[0],
            now.transposes,
            row.lowered_transposes,
            f"{error:.1e}",
            f"{row.megabytes:.1f}",
            f"{now.seconds:.1f}",
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def _share(one: Conversion) -> str:
    nodes, macs = f"{100 * one.share:.1f}", f"{100 * one.mac_share:.1f}"
    return f"{nodes} %" if nodes == macs else f"{nodes} % ({macs} %)"


def left_on_the_cpu(rows: list[Row]) -> list[str]:
    """A line for each reason of a model, with how many nodes it holds at each level."""
    lines = []
    for row in rows:
        reasons = dict.fromkeys(reason for one in row.at.values() for reason in one.refusals)
        for reason in reasons:
            counts = {level: row.at[level].refusals[reason] for level in LEVELS}
            at = ", ".join(f"{count} at {level}" for level, count in counts.items() if count)
            lines.append(f"* {row.architecture.name}: {reason} ({at})")
    return lines or ["None."]


def page(rows: list[Row], chain: dict[int, float]) -> str:
    return _PAGE.format(
        levels=", ".join(map(str, LEVELS)),
        newest=NEWEST,
        table="\n".join(table(rows)),
        before=sum(row.lowered_transposes for row in rows),
        after=sum(row.at[NEWEST].transposes for row in rows),
        left="\n".join(left_on_the_cpu(rows)),
        chain=", ".join(
            f"{1000 * seconds / length:.2f} s ({length} nodes)" for length, seconds in chain.items()
        ),
    )


def main(names: list[str]) -> int:
    warnings.simplefilter("ignore")
    chosen = [one for one in ARCHITECTURES if not names or any(name in one.name for name in names)]
    registry = Registry.collect()
    rows = []
    for architecture in chosen:
        row = measured(architecture, registry)
        rows.append(row)
        print(*table([row])[2:], *left_on_the_cpu([row]), sep="\n", flush=True)
    wrong = [
        f"{row.architecture.name} at {level}: error {one.error:.1e}, allowed {one.limit:.0e}"
        for row in rows
        for level, one in row.at.items()
        if not one.error <= one.limit
    ]
    if not names:
        PAGE.write_text(page(rows, {length: chain(length)["seconds"] for length in CHAIN}))
        print(f"wrote {PAGE}")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
