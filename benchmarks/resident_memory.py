"""Memory that a process holds by itself."""

from __future__ import annotations

from pathlib import Path


def resident() -> int:
    """Bytes of memory that this process holds by itself; pages of files do not count."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no RssAnon")
