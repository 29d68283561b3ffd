"""Results as the Markdown of docs/performance.md."""

from __future__ import annotations

from benchmarks.speed.cases import CASES
from benchmarks.speed.peers import peer
from benchmarks.speed.race import Heat
from benchmarks.speed.results import Results

OURS = "ours"


def markdown(results: Results) -> str:
    """Machine, peers, a table for each precision, and what was missing."""
    parts = [_machine(results), _peers(results)]
    for precision in ("fp32", "int8"):
        if any(heat.precision == precision for heat in results.heats):
            parts.append(_times(results, precision))
    parts += [_errors(results), _missing(results)]
    return "\n\n".join(part for part in parts if part)


def _machine(results: Results) -> str:
    lines = [f"Measured {results.date} on {results.processor}.", ""]
    lines += ["| threads | float32 | int8 |", "|--:|--:|--:|"]
    for threads, machine in sorted(results.machines.items()):
        lines.append(
            f"| {threads} | {machine.float32 / 1e9:.1f} GFLOP/s | {machine.int8 / 1e9:.0f} GOP/s |"
        )
    names = next(iter(results.machines.values())).instructions
    lines += ["", f"These are the machine's peaks, measured in registers ({', '.join(names)})."]
    reads = ", ".join(f"{rate / 1e9:.0f} GB/s {place}" for place, rate in results.bandwidth.items())
    return "\n".join([*lines, f"One thread reads {reads}."])


def _peers(results: Results) -> str:
    return "Versions: " + "; ".join(
        f"{peer(one.name).NAME} ({', '.join(f'{n} {v}' for n, v in one.versions.items())})"
        for one in results.peers
        if one.versions
    )


def _times(results: Results, precision: str) -> str:
    heats = [heat for heat in results.heats if heat.precision == precision]
    cases = [name for name in CASES if any(heat.case == name for heat in heats)]
    threads = sorted({heat.threads for heat in heats})
    counts = " / ".join(f"{count}T" for count in threads)
    lines = [
        f"### {precision}, milliseconds ({counts})",
        "",
        f"| | {' | '.join(CASES[case].title for case in cases)} |",
        "|---|" + "--:|" * len(cases),
    ]

    def row(title: str, cell: object) -> None:
        cells = []
        for case in cases:
            found = [results.heat(case, precision, count) for count in threads]
            cells.append(" / ".join(cell(heat) if heat else "–" for heat in found))  # type: ignore[operator]
        lines.append(f"| {title} | {' | '.join(cells)} |")

    for one in results.peers:
        if any(one.name in heat.times for heat in heats):
            name = one.name
            row(peer(name).NAME, lambda heat, name=name: _milliseconds(heat, name))
    row("**ours ÷ best peer**", _ratio)
    row("ours, share of peak", lambda heat: _share(results, heat))
    return "\n".join(lines)


def _milliseconds(heat: Heat, name: str) -> str:
    if name not in heat.times:
        return "–"
    time = heat.times[name]
    digits = 3 if time.median < 1 else 2 if time.median < 20 else 1
    return f"{time.median:.{digits}f}{'~' if time.disturbed else ''}"


def best_peer(heat: Heat) -> str | None:
    others = [name for name in heat.times if name != OURS]
    return min(others, key=lambda name: heat.times[name].median, default=None)


def _ratio(heat: Heat) -> str:
    best = best_peer(heat)
    if best is None or OURS not in heat.times:
        return "–"
    return f"**{heat.times[OURS].median / heat.times[best].median:.2f}**"


def _share(results: Results, heat: Heat) -> str:
    return f"{results.of_peak(heat, OURS):.0%}" if OURS in heat.times else "–"


def _errors(results: Results) -> str:
    worst: dict[tuple[str, str], float] = {}
    for heat in results.heats:
        for name, time in heat.times.items():
            key = heat.precision, name
            worst[key] = max(worst.get(key, 0.0), time.error)
    said = [
        f"{precision}: "
        + ", ".join(
            f"{peer(name).NAME} {error:.0e}" for (p, name), error in worst.items() if p == precision
        )
        for precision in ("fp32", "int8")
        if any(p == precision for p, _ in worst)
    ]
    text = "Everyone's results are compared with eager torch in float; largest errors over the largest value: "
    return text + "; ".join(said) + "."


def _missing(results: Results) -> str:
    lines = [f"* {peer(one.name).NAME}: {one.reason}" for one in results.peers if one.reason]
    absent = {one.name for one in results.peers if one.reason}
    seen = set()
    for heat in results.heats:
        for name, reason in heat.missing.items():
            if name not in absent and (name, heat.case, heat.precision) not in seen:
                seen.add((name, heat.case, heat.precision))
                title = CASES[heat.case].title
                lines.append(f"* {peer(name).NAME}, {title}, {heat.precision}: {reason}")
    return "Not measured, and why:\n\n" + "\n".join(lines) if lines else ""
