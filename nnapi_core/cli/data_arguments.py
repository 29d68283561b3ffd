"""Words of the commands that read a data set: quantize and evaluate."""

from __future__ import annotations

import argparse
from collections.abc import Callable

TRUST = "A .pt2 file and a module:function are programs; open only what you trust. See SECURITY.md."


def quantize_parser(feature_level: Callable[[str], int]) -> argparse.ArgumentParser:
    """``feature_level`` reads a level."""
    parser = argparse.ArgumentParser(
        prog="nnapi-convert quantize",
        description="Calibrate a float model, and write it as a quantised program, which nnapi-convert converts.",
        epilog=TRUST,
    )
    parser.add_argument("model", metavar="MODEL", help="file.pt2 or module:callable")
    parser.add_argument("-o", "--output", metavar="OUT.pt2", required=True)
    parser.add_argument(
        "--data",
        metavar="MODULE:FUNCTION",
        required=True,
        help="a function that returns an iterable of argument tuples, as in (images,)",
    )
    parser.add_argument(
        "--scheme",
        metavar="NAME",
        help="uint8-per-channel (default), uint8-per-tensor, int8-per-channel, int8-per-tensor",
    )
    parser.add_argument("--target", metavar="NAME", help="quantise for a kind of device")
    parser.add_argument("--feature-level", type=feature_level, metavar="N")
    parser.add_argument(
        "--calibration",
        default="mse",
        metavar="NAME",
        help="how ranges are found: mse (default), min-max, percentile, histogram, best",
    )
    parser.add_argument(
        "--bias-correction",
        action="store_true",
        help="give layers biases that take back what rounding adds on average",
    )
    parser.add_argument(
        "--recurrent",
        action="store_true",
        help="compute LSTM, GRU and plain recurrent layers of up to 128 steps in integers, not in floats",
    )
    parser.add_argument(
        "--float",
        dest="float_nodes",
        action="append",
        default=[],
        metavar="NODE",
        help="a node or submodule that stays in floats, with * for any part; repeat for several",
    )
    parser.add_argument(
        "--float-types",
        action="append",
        default=[],
        metavar="TYPE",
        help="an operator or class of modules that stays in floats (softmax, LayerNorm); repeat for several",
    )
    parser.add_argument(
        "--target-snr",
        type=float,
        metavar="DB",
        help="leave as few layers in floats as it takes to be so close to the float model",
    )
    parser.add_argument(
        "--metric",
        metavar="MODULE:FUNCTION",
        help="function(model, items) returns a number; leave as few layers in floats as --at-least takes",
    )
    parser.add_argument("--metric-data", metavar="MODULE:FUNCTION", help="the items of --metric")
    parser.add_argument("--at-least", type=float, metavar="X")
    parser.add_argument("--report", metavar="FILE.json", help="ranges, sensitivities, the curve")
    return parser


def evaluate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert evaluate",
        description="A metric of models over a data set: of the float model, the quantised program, the artifact.",
        epilog=TRUST,
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="file.nnapi, file.pt2 or module:callable; all are compared with the first",
    )
    parser.add_argument(
        "--data",
        metavar="MODULE:FUNCTION",
        required=True,
        help="a function that returns an iterable; it is called for each model",
    )
    parser.add_argument(
        "--metric",
        metavar="MODULE:FUNCTION",
        required=True,
        help="function(model, items) returns a number, or a dict of numbers",
    )
    parser.add_argument("--report", metavar="FILE.json", help="the same numbers as JSON")
    return parser
