"""``nnapi-convert``: convert, explain, inspect and bench from a terminal.

Exit 0: done. 1: refused, with every reason printed. 2: wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nnapi_core.cli.arguments import parse
from nnapi_core.errors import ConversionError

COMMANDS = ("convert", "explain", "inspect", "bench", "plugins")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command, and returns the exit code."""
    options = parse(list(sys.argv[1:] if argv is None else argv))
    # Imported here: `--help` and wrong usage need no torch.
    from nnapi_core.cli import commands

    try:
        return int(getattr(commands, options.command)(options))
    except (ConversionError, commands.RuntimeFailure) as error:
        print(f"nnapi-convert: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nnapi-convert: interrupted; nothing was written", file=sys.stderr)
        return 130
