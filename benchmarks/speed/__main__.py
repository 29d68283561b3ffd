"""Ours and every installed peer, one model at a time: times, ratios, and the machine's peak.

python -m benchmarks.speed --prepare-only        # makes everyone's files: minutes, once
python -m benchmarks.speed --minutes 10 --write  # races, and writes docs/performance.md
python -m benchmarks.speed --cases mobilenetv2 --peers ours litert --threads 1
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.generated_sections import replace_between_marks
from benchmarks.speed.artifacts import ensure, ensure_expected
from benchmarks.speed.cases import CASES
from benchmarks.speed.environments import ROOT, all_installed
from benchmarks.speed.peers import NAMES
from benchmarks.speed.plot import svg
from benchmarks.speed.prepare import artifact_path
from benchmarks.speed.race import Heat, race
from benchmarks.speed.results import Results, processor, today
from benchmarks.speed.table import markdown
from nnapi_core.artifact.read_artifact import read_artifact
from nnapi_core.report.profile import works_of
from nnapi_runtime import _loader
from nnapi_runtime.machine import Machine

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--cases", nargs="+", choices=tuple(CASES), default=list(CASES))
    parser.add_argument("--peers", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument(
        "--precisions", nargs="+", choices=("fp32", "int8"), default=["fp32", "int8"]
    )
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7, help="quiet rounds of each peer")
    parser.add_argument("--seconds", type=float, default=0.15, help="of one measurement")
    parser.add_argument("--minutes", type=float, default=8, help="for all races together")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "speed")
    parser.add_argument("--prepare-only", action="store_true")
    parser.add_argument("--write", action="store_true", help="the results into docs/performance.md")
    return parser.parse_args(argv)


def prepare(options: argparse.Namespace, present: list[str]) -> dict[tuple[str, str, str], str]:
    """Reasons why there is no file, by case, precision and peer."""
    reasons = {}
    for case in options.cases:
        ensure_expected(options.folder, case)
        for precision in (one for one in CASES[case].precisions if one in options.precisions):
            for name in present:
                started = time.monotonic()
                reason = ensure(options.folder, case, precision, name)
                if time.monotonic() - started > 1 or reason:
                    say(f"prepared {case} {precision} for {name}: {reason or 'done'}")
                if reason:
                    reasons[case, precision, name] = reason
    return reasons


def heats_of(options: argparse.Namespace) -> list[tuple[str, str, int]]:
    return [
        (case, precision, threads)
        for case in options.cases
        for precision in CASES[case].precisions
        if precision in options.precisions
        for threads in options.threads
    ]


def macs(folder: Path, cases: list[str]) -> dict[str, int]:
    counted = {}
    for case in cases:
        path = artifact_path(folder, case, "fp32", "ours")
        if path.exists():
            counted[case] = sum(work.macs for work in works_of(read_artifact(path)))
    return counted


def run(options: argparse.Namespace) -> Results | None:
    peers = all_installed(options.folder, tuple(options.peers))
    for one in peers:
        say(f"{one.name}: {one.reason or one.versions}")
    present = [one.name for one in peers if not one.reason]
    reasons = prepare(options, present)
    if options.prepare_only:
        return None
    results = Results(
        date=today(),
        processor=processor(),
        machines={threads: Machine.measure(threads) for threads in options.threads},
        bandwidth={
            "from a cache of 8 MB": _loader.read_bandwidth(8 << 20),
            "from memory": _loader.read_bandwidth(256 << 20),
        },
        peers=peers,
        macs=macs(options.folder, options.cases),
    )
    end = time.monotonic() + 60 * options.minutes
    heats = heats_of(options)
    for number, (case, precision, threads) in enumerate(heats):
        absent = {name: reasons.get((case, precision, name), "") for name in present}
        names = [name for name in present if not absent[name]]
        share = (end - time.monotonic()) / (len(heats) - number)
        heat = race(
            case,
            precision,
            threads,
            names,
            options.folder,
            rounds=options.rounds,
            seconds=options.seconds,
            deadline=time.monotonic() + share,
        )
        heat.missing.update({name: reason for name, reason in absent.items() if reason})
        results.heats.append(heat)
        say(line(heat))
        # The peak that shares are taken of is the highest that was ever seen.
        machine, now = results.machines[threads], Machine.measure(threads)
        results.machines[threads] = Machine(
            threads,
            max(machine.float32, now.float32),
            max(machine.int8, now.int8),
            now.instructions,
        )
        results.save(options.folder / "results.json")
    return results


def line(heat: Heat) -> str:
    times = ", ".join(
        f"{name} {one.median:.3f}{'~' if one.disturbed else ''} ({one.quiet}/{one.rounds})"
        for name, one in sorted(heat.times.items(), key=lambda item: item[1].median)
    )
    missing = "".join(f"; no {name}: {reason}" for name, reason in heat.missing.items())
    return f"{heat.case} {heat.precision} {heat.threads}T: {times}{missing}"


def say(text: str) -> None:
    print(text, flush=True)


def main(argv: list[str]) -> int:
    options = arguments(argv)
    options.folder = options.folder.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    results = run(options)
    if results is None:
        return 0
    text = markdown(results)
    say("\n" + text)
    (options.folder / "results.md").write_text(text + "\n")
    (options.folder / "results.svg").write_text(svg(results))
    if options.write:
        replace_between_marks(PAGE, "speed", text)
        PICTURE.write_text(svg(results))
        say(f"\nwrote {PAGE} and {PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
