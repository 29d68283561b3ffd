"""Prints a dependency group of pyproject.toml, a requirement a line: older pips than 25.1 know no groups."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"

print(*tomllib.loads(PROJECT.read_text("utf-8"))["dependency-groups"][sys.argv[1]], sep="\n")
