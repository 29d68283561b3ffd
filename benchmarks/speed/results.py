"""What one command measured, as a value that is kept as JSON."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen

from benchmarks.speed.environments import Installed
from benchmarks.speed.race import Heat, Time
from nnapi_runtime.machine import Machine


@frozen
class Results:
    date: str
    processor: str
    machines: dict[int, Machine]
    """What the machine can do at most, by number of threads."""
    bandwidth: dict[str, float]
    peers: list[Installed]
    macs: dict[str, int]
    """Multiply-accumulates of each model."""
    heats: list[Heat] = field(factory=list)

    def heat(self, case: str, precision: str, threads: int) -> Heat | None:
        wanted = (case, precision, threads)
        return next(
            (one for one in self.heats if (one.case, one.precision, one.threads) == wanted), None
        )

    def of_peak(self, heat: Heat, name: str) -> float:
        """Share of the machine's peak in that arithmetic that a peer reached."""
        machine = self.machines[heat.threads]
        peak = machine.float32 if heat.precision == "fp32" else machine.int8
        return 2 * self.macs.get(heat.case, 0) / (heat.times[name].median / 1e3) / peak

    def save(self, path: Path) -> None:
        machines = {
            threads: {name: getattr(one, name) for name in Machine.__slots__}
            for threads, one in self.machines.items()
        }
        path.write_text(json.dumps({**asdict(self), "machines": machines}, indent=1))

    @classmethod
    def load(cls, path: Path) -> Results:
        said: dict[str, Any] = json.loads(path.read_text())
        return cls(
            date=said["date"],
            processor=said["processor"],
            machines={
                int(threads): Machine(**{**one, "instructions": tuple(one["instructions"])})
                for threads, one in said["machines"].items()
            },
            bandwidth=said["bandwidth"],
            peers=[Installed(**one) for one in said["peers"]],
            macs=said["macs"],
            heats=[
                Heat(**{**one, "times": {name: Time(**t) for name, t in one["times"].items()}})
                for one in said["heats"]
            ],
        )


def today() -> str:
    return time.strftime("%Y-%m-%d")


def processor() -> str:
    """Its name and features that matter for speed."""
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name", platform.machine())
    known = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimd", "asimddp")
    flags = fields.get("flags", fields.get("Features", "")).split()
    return f"{name} ({platform.machine()}; {', '.join(one for one in known if one in flags)})"
