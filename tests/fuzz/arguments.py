"""What every fuzzer of Python's takes."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    cases: int
    seconds: float
    jobs: int
    seed: int
    first: int
    folder: Path

    def limits(self) -> tuple[range, float, int]:
        """The numbers of cases, seconds, processes."""
        return range(self.first, self.first + self.cases), self.seconds, self.jobs


def parse(description: str) -> Options:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=1 << 40)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--folder", type=Path, default=Path("build-fuzz/found"))
    return Options(**vars(parser.parse_args()))
