"""The command line's words."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import nnapi_core
from nnapi_core.cli.data_arguments import evaluate_parser, quantize_parser
from nnapi_core.cli.free_dims import free_dim, size_values
from nnapi_core.cli.input_specs import input_spec, method_spec
from nnapi_core.cli.session_options import add_session_options
from nnapi_core.nnapi.android_versions import ANDROID_LEVELS

_LEVELS = (27, 28, 29, 30, 31, 1000006, 1000007, 1000008)
COMMANDS = ("convert", "explain", "inspect", "run", "bench", "plugins", "quantize", "evaluate")
_TRUST = """\
A .pt2, .pt or .ptl file is a program, as Python is: it is run where it is opened. Open only what
you trust. A .nnapi file is data. See SECURITY.md.
"""
_EPILOG = f"""\
MODEL is one of
  file.pt2                    an exported program
  file.pt, file.ptl           TorchScript, with --input
  package.module:callable     returns an nn.Module, or (module, example_args)
  path/file.py:callable       the same

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 less is on NNAPI than --min-share asks.

{_TRUST}"""

_COMMANDS = """commands:
  nnapi-convert [convert] MODEL -o OUT   convert a model, and write it
  nnapi-convert explain MODEL            which node runs where, and why not on NNAPI
  nnapi-convert inspect FILE             what an artifact holds
  nnapi-convert run FILE                 one run of an artifact on this machine: results, and what ran where
  nnapi-convert bench FILE               latency of an artifact on this machine
  nnapi-convert plugins                  the plugins, and what they lower
  nnapi-convert quantize MODEL -o OUT    calibrate a float model for 8-bit integers
  nnapi-convert evaluate FILE...         a metric of models over a data set
Each has --help.
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Exits with 2 on wrong usage, as argparse does."""
    command = argv[0] if argv and argv[0] in COMMANDS else "convert"
    if command == "convert":
        options = _convert_parser().parse_args(argv[1:] if argv[:1] == ["convert"] else argv)
        if options.plugins:
            command, options.json = "plugins", False
        elif options.model is None:
            _convert_parser().error("a MODEL is needed")
        elif options.output is None:
            _convert_parser().error("-o OUT says where to write; `explain` needs no output")
        _check_methods(_convert_parser, options)
    else:
        options = _PARSERS[command]().parse_args(argv[1:])
        if command == "explain":
            _check_methods(_explain_parser, options)
        if command == "bench" and (options.picture or options.report):
            options.profile = True
    options.command = command
    return options


def _check_methods(
    parser: Callable[[], argparse.ArgumentParser], options: argparse.Namespace
) -> None:
    """Exits with 2 where methods are asked for beside what is not for methods."""
    if not getattr(options, "method", None):
        return
    for name in ("input", "dynamic", "sizes", "quantized_io"):
        if getattr(options, name):
            said = name.replace("_", "-")
            parser().error(f"--{said} goes not with --method, which has the inputs of each method")


def _blocked_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-p",
        dest="blocked",
        action="append",
        default=[],
        metavar="no:NAME",
        type=_blocked,
        help="leave a plugin out",
    )


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
        "--method",
        action="append",
        type=method_spec,
        default=[],
        metavar="NAME[=ATTRIBUTE][:INPUT+...]",
        help="convert a method of the module, with example inputs, each as --input has it: --method encode:1x80x300 "
        "--method decode=step:1x1:int64+1x512. Repeat for several, which share weights and state, or for another size "
        "of one. Without inputs: those that the callable returns, (module, {NAME: example_args})",
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
        type=feature_level,
        metavar="N",
        help="what the oldest device offers, by level or by name: 27 (android8.1), 28 (android9), 29 (android10, "
        "default), 30 (android11), 31 (android12), 1000006 (android13), 1000007 (android14), 1000008 (android15)",
    )
    parser.add_argument(
        "--min-share",
        type=_percentage,
        metavar="PERCENT",
        help="exit with 3, and write nothing, where fewer of the nodes that run are on NNAPI",
    )
    _blocked_option(parser)
    parser.add_argument(
        "--quantized-io",
        action="store_true",
        help="a quantised model takes and gives integers (typed in the artifact), not floats",
    )
    parser.add_argument("--report", metavar="FILE", help="write the report as .json or .html")
    parser.add_argument(
        "--trace",
        metavar="FOLDER",
        help="write what the model looks like after each step, with its time, into a new folder",
    )
    parser.add_argument(
        "--device-profile",
        metavar="FILE",
        help="what a given driver takes (docs/device_profiles.md), or the name of a profile that is shipped; the rest "
        "goes to the CPU",
    )
    parser.add_argument(
        "--target",
        metavar="NAME",
        help="level and device profile of a kind of device (docs/targets.md): android10, verisilicon-nn-sl, "
        "onert-nnapi, ...; --feature-level and --device-profile go before it",
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


def feature_level(text: str) -> int:
    """``29``, or ``android10``."""
    level = (
        ANDROID_LEVELS.get(text.lower().removeprefix("android").strip(" -_"))
        if text[:1].isalpha()
        else None
    )
    if level is None and text.isascii() and text.isdigit() and int(text) in _LEVELS:
        level = int(text)
    if level is None:
        names = ", ".join(f"{level}" for level in _LEVELS)
        androids = ", ".join(f"android{version}" for version in ANDROID_LEVELS)
        raise argparse.ArgumentTypeError(f"{text!r} is none of {names}; or of {androids}")
    return level


def _percentage(text: str) -> float:
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage from 0 to 100")
    return number


def _blocked(text: str) -> str:
    if not text.startswith("no:") or len(text) == 3:
        raise argparse.ArgumentTypeError(f"{text!r}: write no:NAME to leave a plugin out")
    return text[3:]


def _convert_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert",
        usage="nnapi-convert [convert] MODEL -o OUT [options]\n"
        "       nnapi-convert explain|inspect|run|bench|plugins|quantize|evaluate ...",
        description=f"Convert a PyTorch model to Android NNAPI.\n\n{_COMMANDS}",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="the versions of this package and of torch"
    )
    parser.add_argument("model", nargs="?", metavar="MODEL")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help=".nnapi (our executor), .ptl or .pt (stock PyTorch)"
    )
    _model_options(parser)
    parser.add_argument(
        "--fallback",
        choices=("cpu", "host", "error"),
        default="cpu",
        help="what NNAPI cannot express stays in torch (cpu), runs on our own library beside the phone's as far as "
        "that can (host), or is an error that lists it all",
    )
    parser.add_argument(
        "--no-torch",
        action="store_true",
        help="refuse to write a .nnapi file of which torch runs a part, naming each node; best with --fallback host",
    )
    parser.add_argument(
        "--relax-fp16", action="store_true", help="let float32 be computed as float16"
    )
    parser.add_argument(
        "--verify", action="store_true", help="run the result here and compare it with torch"
    )
    parser.add_argument(
        "--no-self-check",
        action="store_true",
        help="do not run what was made before it is written (it costs one compilation and a run or two)",
    )
    parser.add_argument(
        "--plugins", action="store_true", help="list the plugins and what they lower"
    )
    return parser


class _Version(argparse.Action):
    """Prints the versions and ends: looked up only when it is asked."""

    def __call__(self, *_: Any) -> None:
        from importlib.metadata import version

        print(f"torch-nnapi {nnapi_core.__version__} (torch {version('torch')})")
        raise SystemExit(0)


def _plugins_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert plugins",
        description="List the plugins: what they lower, decompose and rewrite.",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, with a schema version")
    _blocked_option(parser)
    return parser


def _explain_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert explain",
        description="Say which node would run where, and why not on NNAPI. Writes no artifact.",
        epilog=_TRUST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="as a file of this name would hold it (.nnapi, .ptl, .pt); nothing is written",
    )
    _model_options(parser)
    return parser


def _inspect_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert inspect",
        description="Say what an artifact holds: operands, operations, weights, feature level.",
        epilog=_TRUST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help=".nnapi, .ptl or .pt")
    parser.add_argument(
        "--report", metavar="OUT", help="the graph of a .nnapi file, as .html or .json"
    )
    parser.add_argument(
        "--graph", metavar="OUT.json", help="the graph of a .nnapi file for Model Explorer"
    )
    return parser


def _run_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert run",
        description="Run an artifact once on this machine: what it gives, and what ran where and why.",
    )
    parser.add_argument("file", metavar="FILE", help=".nnapi")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="FILE.npy",
        help="an input, in order; repeat for several (default: random numbers, the same each time)",
    )
    parser.add_argument("-o", "--output", metavar="FILE.npz", help="write the results, by name")
    parser.add_argument("--method", metavar="NAME", help="of a file of several methods")
    parser.add_argument("--threads", type=_at_least_one, metavar="N", help="default: all cores")
    add_session_options(parser)
    return parser


def _bench_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert bench",
        description="Latency of an artifact on this machine.",
        epilog=_TRUST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help=".nnapi, .ptl or .pt")
    parser.add_argument("--warmup", type=_at_least_one, default=5, metavar="N")
    parser.add_argument("--runs", type=_at_least_one, default=30, metavar="N")
    parser.add_argument("--threads", type=_at_least_one, metavar="N", help="default: all cores")
    parser.add_argument(
        "--method", metavar="NAME", help="of a file of several methods; default: each of them"
    )
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
    add_session_options(parser)
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if not 1 <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1 and below 2^31")
    return number


_PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "explain": _explain_parser,
    "inspect": _inspect_parser,
    "run": _run_parser,
    "bench": _bench_parser,
    "plugins": _plugins_parser,
    "quantize": partial(quantize_parser, feature_level),
    "evaluate": evaluate_parser,
}
