"""Each peer's file for each model, made in the peer's environment and kept for as long as its sources stay the same."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

from benchmarks.speed.environments import PYTHONS, ROOT, last_line, variables
from benchmarks.speed.peers import peer
from benchmarks.speed.prepare import artifact_path, expected_path

TIMEOUT = 240
_MODELS = (
    "benchmarks/speed/cases.py",
    "benchmarks/networks.py",
    "benchmarks/architectures.py",
)


def ensure_expected(folder: Path, case: str) -> None:
    """Raises RuntimeError where torch itself fails."""
    reason = _made(
        expected_path(folder, case), _sources(), "ours", "expected", case, "fp32", folder
    )
    if reason:
        raise RuntimeError(f"{case} does not run in torch: {reason}")


def ensure(folder: Path, case: str, precision: str, name: str) -> str:
    """Makes the file if need be. Returns the reason why there is none, else nothing."""
    sources = _sources(f"benchmarks/speed/peers/{name}.py")
    if name == "ours":
        sources += [*ROOT.glob("nnapi_core/**/*.py"), *ROOT.glob("nnapi_ops/**/*.py")]
    path = artifact_path(folder, case, precision, name)
    return _made(path, sources, peer(name).PREPARED_IN, name, case, precision, folder)


def _sources(*more: str) -> list[Path]:
    return [ROOT / one for one in (*_MODELS, *more)]


def _made(path: Path, sources: Iterable[Path], environment: str, *what: str | Path) -> str:
    """The note beside the file says what it was made of, and what went wrong."""
    note = path.with_name(f"{path.name}.json")
    key = _key(sources)
    if note.exists():
        said = json.loads(note.read_text())
        if said["key"] == key and (said["reason"] or path.exists()):
            return str(said["reason"])
    if not PYTHONS[environment].exists():
        return f"{PYTHONS[environment].parent.parent.name} is not there: make peers"
    path.parent.mkdir(parents=True, exist_ok=True)
    reason = _run(environment, *what)
    note.write_text(json.dumps({"key": key, "reason": reason}))
    return reason


def _key(sources: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for source in sorted(sources):
        digest.update(str(source.relative_to(ROOT)).encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


def _run(environment: str, name: str, case: str, precision: str, folder: Path) -> str:
    command = [PYTHONS[environment], "-W", "ignore", "-m", "benchmarks.speed.prepare"]
    try:
        done = subprocess.run(
            [*command, name, case, precision, str(folder)],
            env=variables(2, folder),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return f"took more than {TIMEOUT} s to prepare"
    if done.returncode == 0:
        return ""
    return last_line(done.stderr) or f"exit code {done.returncode}"
