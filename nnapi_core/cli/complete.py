"""Completion in the shell, by argcomplete (the extra ``completion``)."""

from __future__ import annotations

import argparse
import os

from nnapi_core.cli.convert_arguments import all_parsers


def complete() -> None:
    """Answers the shell and ends, where it is the shell that asks: bash, zsh and others set _ARGCOMPLETE.

    ``eval "$(register-python-argcomplete nnapi-convert)"`` has it ask.
    """
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser_of_all())


def parser_of_all() -> argparse.ArgumentParser:
    """One parser with each command as a subcommand, as completion takes it."""
    parser = argparse.ArgumentParser(prog="nnapi-convert")
    parser.add_argument("--version", action="store_true")
    commands = parser.add_subparsers()
    for name, make in all_parsers().items():
        commands.add_parser(name, parents=[make()], conflict_handler="resolve", add_help=False)
    return parser
