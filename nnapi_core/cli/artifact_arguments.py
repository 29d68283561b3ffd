"""Words of the commands that take artifacts: inspect, diff, run and bench."""

from __future__ import annotations

import argparse

from nnapi_core.cli.session_options import add_session_options

TRUST = """\
A .pt2, .pt or .ptl file is a program, as Python is: it is run where it is opened. Open only what
you trust. A .nnapi file is data. See SECURITY.md.
"""


def inspect_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert inspect",
        description="Say what an artifact holds: operands, operations, weights, feature level.",
        epilog=TRUST,
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


def run_parser() -> argparse.ArgumentParser:
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
    parser.add_argument("--threads", type=at_least_one, metavar="N", help="default: all cores")
    add_session_options(parser)
    return parser


def bench_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert bench",
        description="Latency of an artifact on this machine.",
        epilog=TRUST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help=".nnapi, .ptl or .pt")
    parser.add_argument("--warmup", type=at_least_one, default=5, metavar="N")
    parser.add_argument("--runs", type=at_least_one, default=30, metavar="N")
    parser.add_argument("--threads", type=at_least_one, metavar="N", help="default: all cores")
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


def at_least_one(text: str) -> int:
    number = int(text)
    if not 1 <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1 and below 2^31")
    return number


def diff_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nnapi-convert diff",
        description="Say what two artifacts differ in: inputs and outputs, levels, operations, weights, sizes.",
        epilog=TRUST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in ("A", "B"):
        parser.add_argument(name.lower(), metavar=name, help=".nnapi, .ptl or .pt")
    parser.add_argument("--json", action="store_true", help="as JSON, with a schema version")
    parser.add_argument("--exit-code", action="store_true", help="exit with 3 where they differ")
    return parser
