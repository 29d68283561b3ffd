"""The command line's words."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from attrs import frozen

from nnapi_core.cli.dynamic import free_dim, size_values

_LEVELS = (27, 28, 29, 30, 31, 1000006, 1000007, 1000008)
_DTYPES = ("float32", "float16", "int32", "int64", "bool", "uint8", "int8")

_EPILOG = """\
MODEL is one of
  file.pt2                    an exported program
  file.pt, file.ptl           TorchScript, with --input
  package.module:callable     returns an nn.Module, or (module, example_args)
  path/file.py:callable       the same

Other commands: nnapi-convert explain MODEL, inspect FILE, bench FILE; each has --help.
"""


@frozen
class InputSpec:
    """One ``--input``: a shape and a dtype by name."""

    shape: tuple[int, ...]
    dtype: str


def input_spec(text: str) -> InputSpec:
    """``1x3x224x224``, ``1,3,224,224:float16``, ``:int64`` for a scalar."""
    shape, _, dtype = text.partition(":")
    dtype = dtype or "float32"
    if dtype not in _DTYPES:
        raise argparse.ArgumentTypeError(
            f"{text!r}: the dtype is {dtype!r}, not one of {', '.join(_DTYPES)}"
        )
    if shape and not re.fullmatch(r"\d+([x,]\d+)*", shape):
        raise argparse.ArgumentTypeError(
            f"{text!r}: write the shape as 1x3x224x224, with an optional dtype as in 1x16:int64"
        )
    return InputSpec(tuple(int(n) for n in re.split("[x,]", shape) if n), dtype)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Exits with 2 on wrong usage, as argparse does."""
    command = argv[0] if argv and argv[0] in ("explain", "inspect", "bench") else "convert"
    if command == "convert":
        options = _convert_parser().parse_args(argv)
        if options.plugins:
            command = "plugins"
        elif options.model is None:
            _convert_parser().error("a MODEL is needed")
        elif options.output is None:
            _convert_parser().error("-o OUT says where to write; `explain` needs no output")
    else:
        options = _PARSERS[command]().parse_args(argv[1:])
        if command == "bench" and (options.picture or options.report):
            options.profile = True
    options.command = command
    return options


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        action="append",
        type=input_spec,
        default=[],
        metavar="SHAPE[:DTYPE]",
        help="an example input, in order; repeat for several (1x3x224x224, 1x16:int64)",
    )
    parser.add_argument(
        "--dynamic",
        action="append",
        type=free_dim,
        default=[],
        metavar="INPUT:DIM=MIN..MAX",
        help="a dimension that is free in this range; repeat for several. In steps: x:2=32..512/32; "
        "named: height=x:2=32..512; the same in several inputs: x:0,y:0=1..8",
    )
    parser.add_argument(
        "--sizes",
        action="append",
        type=size_values,
        metavar="NAME=N,...",
        help="make models for these sizes of the free dimensions only; repeat for each",
    )
    parser.add_argument(
        "--feature-level",
        type=int,
        default=29,
        choices=_LEVELS,
        metavar="N",
        help="what the oldest device offers: 27 (Android 8.1), 28, 29 (default), 30, 31, 1000006…8",
    )
    parser.add_argument(
        "-p",
        dest="blocked",
        action="append",
        default=[],
        metavar="no:NAME",
        type=_blocked,
        help="leave a plugin out",
    )
    parser.add_argument(
        "--quantized-io",
        action="store_true",
        help="a quantised model takes and gives integers (typed in the artifact), not floats",
    )
    parser.add_argument("--report", metavar="FILE", help="write the report as .json or .html")
    parser.add_argument(
        "--device-profile",
        metavar="FILE",
        help="what a given driver takes (docs/device_profiles.md); the rest goes to the CPU",
    )
    parser.add_argument(
        "--min-island",
        type=_at_least_one,
        default=2,
        metavar="N",
        help="NNAPI pieces of fewer nodes and no multiply-accumulates go back to the CPU (default 2)",
    )
    parser.add_argument(
        "--max-pieces", type=_at_least_one, metavar="N", help="at most so many NNAPI pieces"
    )


def _blocked(text: str) -> str:
    if not text.startswith("no:") or len(text) == 3:
        raise argparse.ArgumentTypeError(f"{text!r}: write no:NAME to leave a plugin out")
    return text[3:]


def _convert_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert",
        description="Convert a PyTorch model to Android NNAPI.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", nargs="?", metavar="MODEL")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help=".nnapi (our executor), .ptl or .pt (stock PyTorch)"
    )
    _model_options(parser)
    parser.add_argument(
        "--fallback",
        choices=("cpu", "error"),
        default="cpu",
        help="what NNAPI cannot express stays in torch (cpu), or is an error that lists it all",
    )
    parser.add_argument(
        "--relax-fp16", action="store_true", help="let float32 be computed as float16"
    )
    parser.add_argument(
        "--verify", action="store_true", help="run the result here and compare it with torch"
    )
    parser.add_argument(
        "--plugins", action="store_true", help="list the plugins and what they lower"
    )
    return parser


def _explain_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert explain",
        description="Say which node would run where, and why not on NNAPI. Writes no artifact.",
    )
    parser.add_argument("model", metavar="MODEL")
    _model_options(parser)
    return parser


def _inspect_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert inspect",
        description="Say what an artifact holds: operands, operations, weights, feature level.",
    )
    parser.add_argument("file", metavar="FILE", help=".nnapi, .ptl or .pt")
    parser.add_argument(
        "--report", metavar="OUT", help="the graph of a .nnapi file, as .html or .json"
    )
    parser.add_argument(
        "--graph", metavar="OUT.json", help="the graph of a .nnapi file for Model Explorer"
    )
    return parser


def _bench_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert bench", description="Latency of an artifact on this machine."
    )
    parser.add_argument("file", metavar="FILE", help=".nnapi, .ptl or .pt")
    parser.add_argument("--warmup", type=_at_least_one, default=5, metavar="N")
    parser.add_argument("--runs", type=_at_least_one, default=30, metavar="N")
    parser.add_argument("--threads", type=_at_least_one, metavar="N", help="default: all cores")
    parser.add_argument(
        "--profile",
        action="store_true",
        help="time, GFLOP/s and share of this machine's peak by operation (.nnapi)",
    )
    parser.add_argument("--picture", metavar="FILE.svg", help="the profile as a picture")
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="the graph with the time of each operation, as .html or .json (.nnapi)",
    )
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


_PARSERS = {"explain": _explain_parser, "inspect": _inspect_parser, "bench": _bench_parser}
