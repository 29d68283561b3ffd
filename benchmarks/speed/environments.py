"""The Pythons that peers live in, and what is installed there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from attrs import field, frozen

from benchmarks.speed.peers import NAMES, peer

ROOT = Path(__file__).parents[2]
PYTHONS = {
    "ours": Path(sys.executable),
    "peers": ROOT / ".venv-peers" / "bin" / "python",
    "litert": ROOT / ".venv-peers-litert" / "bin" / "python",
}


@frozen
class Installed:
    """A peer and its versions, or the reason why it is missing."""

    name: str
    versions: dict[str, str] = field(factory=dict)
    reason: str = ""


def variables(threads: int, folder: Path) -> dict[str, str]:
    """The environment of a process that prepares or runs a model."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": str(threads),
        "NNAPI_NUM_THREADS": str(threads),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def installed(name: str, folder: Path) -> Installed:
    """Asks the peer's own environment."""
    environment = peer(name).ENVIRONMENT
    python = PYTHONS[environment]
    if not python.exists():
        return Installed(name, reason=f"{python.parent.parent.name} is not there: make peers")
    question = (
        "import json, sys; from benchmarks.speed.peers import peer; "
        "print('versions', json.dumps(peer(sys.argv[1]).versions()))"
    )
    done = subprocess.run(
        [python, "-W", "ignore", "-c", question, name],
        env=variables(1, folder),
        capture_output=True,
        text=True,
        timeout=120,
    )
    for line in done.stdout.splitlines():
        if line.startswith("versions "):
            return Installed(name, json.loads(line.removeprefix("versions ")))
    return Installed(name, reason=last_line(done.stderr) or f"exit code {done.returncode}")


def all_installed(folder: Path, names: tuple[str, ...] = NAMES) -> list[Installed]:
    return [installed(name, folder) for name in names]


def last_line(text: str) -> str:
    """What an error ends with, in one short line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
