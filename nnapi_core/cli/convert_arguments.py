"""The command line's words."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import nnapi_core
from nnapi_core.cli.artifact_arguments import (
    TRUST,
    at_least_one,
    bench_parser,
    diff_parser,
    inspect_parser,
    run_parser,
)
from nnapi_core.cli.data_arguments import evaluate_parser, quantize_parser
from nnapi_core.cli.free_dims import free_dim, size_values
from nnapi_core.cli.input_specs import input_spec, method_spec
from nnapi_core.nnapi.android_versions import ANDROID_LEVELS

_LEVELS = (27, 28, 29, 30, 31, 1000006, 1000007, 1000008)
COMMANDS = (
    "convert", "explain", "verify", "inspect", "diff", "run", "bench", "plugins", "new-plugin", "quantize", "evaluate",
)  # fmt: skip
_EPILOG = f"""\
MODEL is one of
  file.pt2                    an exported program
  file.pt, .ptl, .jit         TorchScript, with --input
  package.module:callable     returns an nn.Module, or (module, example_args)
  path/file.py:callable       the same

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 less is on NNAPI than --min-share asks.

{TRUST}"""

_COMMANDS = """commands:
  nnapi-convert [convert] MODEL -o OUT   convert a model, and write it
  nnapi-convert explain MODEL            which node runs where, and why not on NNAPI
  nnapi-convert verify FILE MODEL        an artifact beside the model that it was made from
  nnapi-convert inspect FILE             what an artifact holds
  nnapi-convert diff A B                 what two artifacts differ in
  nnapi-convert run FILE                 one run of an artifact on this machine: results, and what ran where
  nnapi-convert bench FILE               latency of an artifact on this machine
  nnapi-convert plugins                  the plugins, and what they lower
  nnapi-convert new-plugin NAME          write a package for a plugin: operator, test, CI
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
        if command in ("explain", "verify"):
            _check_methods(_PARSERS[command], options)
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
        if getattr(options, name, None):
            said = name.replace("_", "-")
            parser().error(f"--{said} goes not with --method, which has the inputs of each method")


def _plugin_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plugin-file",
        dest="plugin_files",
        action="append",
        default=[],
        metavar="FILE.py",
        help="a plugin that is not installed; repeat for several. It is a program; run only what you trust",
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


def _input_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        action="append",
        type=input_spec,
        default=[],
        metavar="SHAPE[:DTYPE]",
        help="an example input, in order; repeat for several (1x3x224x224, 1x16:int64; a number: =16000)",
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


def _model_options(parser: argparse.ArgumentParser) -> None:
    _input_options(parser)
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
    _plugin_options(parser)
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
        type=at_least_one,
        default=2,
        metavar="N",
        help="NNAPI pieces of fewer nodes and no multiply-accumulates go back to the CPU (default 2)",
    )
    parser.add_argument(
        "--max-pieces", type=at_least_one, metavar="N", help="at most so many NNAPI pieces"
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
        f"       nnapi-convert {'|'.join(COMMANDS[1:])} ...",
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
    _plugin_options(parser)
    return parser


def _verify_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert verify",
        description="Run an artifact here, and compare it with the model that it was made from. Exit code 1 where it "
        "differs.",
        epilog=TRUST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help=".nnapi, .ptl or .pt")
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="as of convert: file.pt2, file.pt, module:callable or path/file.py:callable",
    )
    _input_options(parser)
    parser.add_argument(
        "--calls",
        type=at_least_one,
        default=1,
        metavar="N",
        help="calls, one after the other, of a model that keeps state (default 1)",
    )
    parser.add_argument(
        "--limit",
        type=_positive,
        metavar="X",
        help="on the largest difference over the largest value (default: 1e-4; 2/255 with integers, 1e-2 with float16)",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, with a schema version")
    _plugin_options(parser)
    return parser


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def _new_plugin_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert new-plugin",
        description="Write a package for a plugin: an operator with its lowering, its test, and a CI workflow.",
    )
    parser.add_argument("name", metavar="NAME", help="of the plugin: acme")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", help="new or empty (default: NAME-nnapi)"
    )
    return parser


def _explain_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert explain",
        description="Say which node would run where, and why not on NNAPI. Writes no artifact.",
        epilog=TRUST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="as a file of this name would hold it (.nnapi, .ptl, .pt); nothing is written",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="the report as JSON, with a schema version, and nothing else",
    )
    _model_options(parser)
    return parser


def _with_plugins(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    _plugin_options(parser)
    return parser


def all_parsers() -> dict[str, Callable[[], argparse.ArgumentParser]]:
    """By command, what makes its parser."""
    return {"convert": _convert_parser, **_PARSERS}


_PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "explain": _explain_parser,
    "verify": _verify_parser,
    "inspect": inspect_parser,
    "diff": diff_parser,
    "run": run_parser,
    "bench": bench_parser,
    "plugins": _plugins_parser,
    "new-plugin": _new_plugin_parser,
    "quantize": lambda: _with_plugins(quantize_parser(feature_level)),
    "evaluate": lambda: _with_plugins(evaluate_parser()),
}
