"""Where files are timed: this machine, or a device that adb reaches."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from attrs import field, frozen

from benchmarks.speed.environments import ROOT, last_line, variables

_SAID = re.compile(r"Microseconds per iter: (\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")
# PyTorch's own, built with `BUILD_PYTORCH_MOBILE=1 ./scripts/build_android.sh -DBUILD_BINARY=ON`.
PROGRAM = "speed_benchmark_torch"
PLACE = "/data/local/tmp/torch-nnapi"


class TimingError(Exception):
    """The reason, in one line."""


@frozen
class Runs:
    warmup: int
    count: int

    def arguments(self, model: str, threads: int) -> list[str]:
        """Of speed_benchmark_torch."""
        return [
            f"--model={model}",
            "--use_bundled_input=0",
            f"--pthreadpool_size={threads}",
            f"--warmup={self.warmup}",
            f"--iter={self.count}",
        ]


def milliseconds(output: str) -> float:
    found = _SAID.search(output)
    if found is None:
        raise TimingError(last_line(output) or "it printed nothing")
    return float(found[1]) / 1e3


@frozen
class Here:
    """This machine: PyTorch Mobile's interpreter as torch has it, NNAPI the host runtime."""

    runs: Runs
    name: str = "this machine"

    def time(self, file: Path, threads: int) -> float:
        """Milliseconds. Raises `TimingError`."""
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.mobile.speed_benchmark"]
        done = subprocess.run(
            [*command, *self.runs.arguments(str(file), threads)],
            env=variables(threads, ROOT / "build" / "mobile"),
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise TimingError(last_line(done.stderr) or f"exit code {done.returncode}")
        return milliseconds(done.stdout)


@frozen
class Device:
    """A device with Android: files are pushed, and PyTorch's own runner times them."""

    runs: Runs
    adb: str = "adb"
    serial: str | None = None
    program: Path | None = None
    """The runner, to be pushed; None: it is there already."""
    _pushed: set[Path] = field(factory=set, init=False)

    @property
    def name(self) -> str:
        model = self._adb("shell", "getprop ro.product.model").strip()
        release = self._adb("shell", "getprop ro.build.version.release").strip()
        return f"{model}, Android {release}"

    def prepare(self) -> None:
        """Raises `TimingError` where there is no device, or no runner on it."""
        self._adb("shell", f"mkdir -p {PLACE}")
        if self.program is not None:
            self._adb("push", str(self.program), f"{PLACE}/{PROGRAM}")
            self._adb("shell", f"chmod 755 {PLACE}/{PROGRAM}")
        if "yes" not in self._adb("shell", f"test -x {PLACE}/{PROGRAM} && echo yes || echo no"):
            raise TimingError(f"{PLACE}/{PROGRAM} is not on the device: give it with --program")

    def time(self, file: Path, threads: int) -> float:
        """Milliseconds. Raises `TimingError`."""
        if file not in self._pushed:
            self._adb("push", str(file), f"{PLACE}/{file.name}")
            self._pushed.add(file)
        arguments = self.runs.arguments(f"{PLACE}/{file.name}", threads)
        return milliseconds(self._adb("shell", shlex.join([f"{PLACE}/{PROGRAM}", *arguments])))

    def _adb(self, *arguments: str) -> str:
        chosen = [] if self.serial is None else ["-s", self.serial]
        try:
            done = subprocess.run(
                [self.adb, *chosen, *arguments],
                env=os.environ,
                capture_output=True,
                text=True,
                timeout=600,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TimingError(f"{self.adb}: {error}") from None
        if done.returncode:
            raise TimingError(last_line(done.stderr) or last_line(done.stdout) or "adb failed")
        return done.stdout
