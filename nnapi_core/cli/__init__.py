"""``nnapi-convert``: convert, explain, inspect and bench from a terminal.

Exit 0: done. 1: refused, with every reason printed. 2: wrong usage. 3: less is on NNAPI than ``--min-share`` asks,
or two artifacts differ for ``diff --exit-code``.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from nnapi_core.cli.complete import complete
from nnapi_core.cli.convert_arguments import parse
from nnapi_core.cli.print_text import complain, prepare_streams
from nnapi_core.errors import ConversionError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command, and returns the exit code."""
    complete()
    prepare_streams()
    options = parse(list(sys.argv[1:] if argv is None else argv))
    # Imported here: `--help` and wrong usage need no torch.
    from nnapi_core.cli import commands

    # The commands print what is worth a warning themselves.
    logging.getLogger("nnapi_core").addHandler(logging.NullHandler())
    try:
        code = int(getattr(commands, options.command.replace("-", "_"))(options))
        sys.stdout.flush()
        return code
    except commands.ShareError as error:
        complain(str(error))
        return 3
    except (ConversionError, commands.RuntimeFailure) as error:
        complain(str(error))
    except BrokenPipeError:
        # Whoever read has seen enough.
        _discard_output()
    except OSError as error:
        # Those of files name their file: what is left is what is printed.
        named = error.filename is not None
        complain(str(error) if named else f"standard output: {error.strerror or error}")
        _discard_output()
    except MemoryError:
        complain("there is not enough memory; nothing was written")
    except KeyboardInterrupt:
        complain("interrupted; nothing was written")
        return 130
    return 1


def _discard_output() -> None:
    """What is still to be printed goes nowhere, so that the interpreter's end does not fail on it again."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
