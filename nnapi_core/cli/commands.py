"""What each command does."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nnapi_core.artifact.artifact_graph import pictures
from nnapi_core.artifact.atomic_write import check_writable, write_texts
from nnapi_core.artifact.inspect_text import described_lines
from nnapi_core.artifact.model_explorer import model_explorer_json
from nnapi_core.cli.artifact_page import artifact_report, check_report_name
from nnapi_core.cli.bench import bench_file
from nnapi_core.cli.convert_methods import MethodSource, load_methods, verify_methods
from nnapi_core.cli.dynamic_sizes import dynamic_shapes
from nnapi_core.cli.model_source import Source, load_model
from nnapi_core.cli.plugin_files import registry_of
from nnapi_core.cli.plugins.list_plugins import described_plugins, plugins_json, plugins_text
from nnapi_core.cli.plugins.new_plugin import write_plugin
from nnapi_core.cli.print_text import complain, say
from nnapi_core.cli.progress import working
from nnapi_core.cli.quantize_and_evaluate import evaluate, quantize
from nnapi_core.cli.report_terminal import show_explanation, show_summary, show_verification
from nnapi_core.cli.run import run_file
from nnapi_core.cli.verify_file import verify_file
from nnapi_core.conversion.convert import convert as convert_module
from nnapi_core.conversion.convert_methods import convert_methods
from nnapi_core.conversion.converted import Converted, moved_to_torch, torch_nodes
from nnapi_core.conversion.converted_methods import ConvertedMethods
from nnapi_core.conversion.explain import explain as explain_module
from nnapi_core.conversion.presets import preset
from nnapi_core.errors import ConversionError
from nnapi_core.lowering.partition.group_nodes_into_pieces import IslandRule
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.report.report import Report
from nnapi_core.verification.compare_artifacts import as_json, compare, compare_text
from nnapi_core.verification.verify import Verification
from nnapi_core.verification.verify import verify as verify_conversion
from nnapi_runtime import NnapiError as RuntimeFailure

__all__ = [
    "RuntimeFailure",
    "ShareError",
    "bench",
    "convert",
    "diff",
    "evaluate",
    "explain",
    "inspect",
    "new_plugin",
    "plugins",
    "quantize",
    "run",
    "verify",
]


class ShareError(ConversionError):
    """Less is on NNAPI than was asked for."""


# Of a model with state: what a call leaves shows in the next ones.
_VERIFIED_CALLS = 4
_ARTIFACTS = (".nnapi", ".ptl", ".pt")


def convert(options: Namespace) -> int:
    _check_artifact_name(options.output)
    if options.no_torch and Path(options.output).suffix != ".nnapi":
        raise ConversionError(
            f"{options.output}: stock PyTorch runs .pt and .ptl; --no-torch is for .nnapi"
        )
    check_writable(options.output)
    check_report_name(options.report)
    registry = registry_of(options)
    with working("reading the model"):
        source = _source(options)
    with working("converting") as steps:
        converted = _converted(
            source,
            options,
            fallback=options.fallback,
            relax_float32_to_float16=options.relax_fp16,
            self_check=not options.no_self_check,
            registry=registry,
            progress=steps.count,
        )
    held = _held(converted, options.output)
    needed = _torch_nodes(held)
    if options.no_torch and needed:
        raise ConversionError(
            f"{options.output} was not written: it would need torch where it runs, for {len(needed)} node(s):\n"
            + "\n".join(needed)
            + (
                ""
                if options.fallback == "host"
                else "\n--fallback host lets our own library run what it can of these"
            )
        )
    if needed and Path(options.output).suffix == ".nnapi":
        held.report.notes.append(
            f"torch runs {len(needed)} node(s): {options.output} needs torch where it runs; --no-torch refuses that"
        )
    show_summary(held.report)
    _check_share(held.report, options.min_share, f"; {options.output} was not written")
    failed = False
    if options.verify:
        for title, result in _verified(held, source, by_node=options.report is not None):
            before = f"{title}." if title else ""
            held.report.add_errors(
                {f"{before}{one.name}": (one.relative, one.own) for one in result.nodes}
            )
            if title:
                say(f"{title}:")
            show_verification(result)
            failed = failed or not result.passed
    _write_report(held.report, options.report)
    if failed:
        raise ConversionError(f"the result differs from torch; {options.output} was not written")
    with working(f"writing {options.output}"):
        held.save(options.output)
    _say_written(held, options.output)
    return 0


def _source(options: Namespace) -> Source | MethodSource:
    if options.method:
        return load_methods(options.model, options.method)
    return load_model(options.model, options.input)


def _converted(
    source: Source | MethodSource, options: Namespace, **asked: Any
) -> Converted | ConvertedMethods:
    """``asked`` is what both kinds of conversion take."""
    target = _target(options)
    if isinstance(source, MethodSource):
        return convert_methods(source.methods(), **target, **asked)
    return convert_module(
        source.module,
        source.args,
        source.kwargs,
        dynamic_shapes=dynamic_shapes(source.module, source.args, options.dynamic),
        sizes=options.sizes,
        quantized_io=options.quantized_io,
        **target,
        **asked,
    )


def _torch_nodes(converted: Converted | ConvertedMethods) -> list[str]:
    if isinstance(converted, Converted):
        return torch_nodes(converted)
    every = (case for cases in converted.cases.values() for case in cases)
    return [line for case in every for line in torch_nodes(case)]


def _verified(
    held: Converted | ConvertedMethods, source: Source | MethodSource, *, by_node: bool
) -> Iterator[tuple[str, Verification]]:
    """Comparisons with torch, and what they are of: a method, or all of them."""
    rounds = _VERIFIED_CALLS if held.report.states else 1
    with working("comparing with torch") as steps:
        if isinstance(held, Converted):
            assert isinstance(source, Source)
            expected, *later = source.run(rounds)
            result = verify_conversion(
                held,
                source.args,
                expected,
                kwargs=source.kwargs,
                steps=later,
                by_node=by_node,
                progress=steps.count,
            )
            found = [("", result)]
        else:
            assert isinstance(source, MethodSource)
            found = list(
                verify_methods(held, source, rounds=rounds, by_node=by_node, progress=steps.count)
            )
    yield from found


def _held(converted: Converted | ConvertedMethods, path: str) -> Converted | ConvertedMethods:
    """What the file will hold. Nodes that its format leaves to torch are warned of."""
    with working(f"looking at what {path} can hold"):
        held = converted.held_by(path)
    moved = moved_to_torch(converted.report, held.report)
    if moved:
        complain(f"warning: {path}: {moved}")
    return held


def _target(options: Namespace) -> dict[str, Any]:
    target: dict[str, Any] = {"feature_level": 29, "device_profile": None}
    if options.target is not None:
        target = preset(options.target).convert_options()
    if options.feature_level is not None:
        target["feature_level"] = options.feature_level
    if options.device_profile is not None:
        target["device_profile"] = DeviceProfile.read(options.device_profile)
    return {
        **target,
        "islands": IslandRule(options.min_island, options.max_pieces),
        "trace": options.trace,
    }


def _say_written(converted: Converted | ConvertedMethods, path: str) -> None:
    size = Path(path).stat().st_size
    say(f"wrote {path} ({size / 1e6:.2f} MB, feature level {converted.report.feature_level})")


def explain(options: Namespace) -> int:
    if options.output is not None:
        _check_artifact_name(options.output)
    check_report_name(options.report)
    registry = registry_of(options)
    with working("reading the model"):
        source = _source(options)
    with working("asking every plugin"):
        if options.output is None and isinstance(source, Source):
            report = explain_module(
                source.module,
                source.args,
                source.kwargs,
                dynamic_shapes=dynamic_shapes(source.module, source.args, options.dynamic),
                sizes=options.sizes,
                quantized_io=options.quantized_io,
                registry=registry,
                **_target(options),
            )
        else:
            # What a file can hold is known when all of it is made, and so is what methods share.
            converted = _converted(source, options, self_check=False, registry=registry)
            report = converted.report
    if options.output is not None:
        report = _held(converted, options.output).report
    if options.json:
        say(report.to_json())
    else:
        show_explanation(report)
    _write_report(report, options.report)
    _check_share(report, options.min_share)
    return 0


def inspect(options: Namespace) -> int:
    check_report_name(options.report)
    if options.graph and Path(options.graph).suffix != ".json":
        raise ConversionError(f"{options.graph}: a graph for Model Explorer is .json")
    if options.graph:
        check_writable(options.graph)
    for line in described_lines(options.file):
        say(line)
    if options.report:
        write_texts(options.report, artifact_report(options.file, options.report))
    if options.graph:
        name = Path(options.file).name
        write_texts(options.graph, model_explorer_json(name, pictures(options.file)))
    return 0


def run(options: Namespace) -> int:
    say(run_file(options))
    return 0


def bench(options: Namespace) -> int:
    say(bench_file(options))
    return 0


def plugins(options: Namespace) -> int:
    listed = described_plugins(registry_of(options))
    say(plugins_json(listed) if options.json else plugins_text(listed))
    return 0


def verify(options: Namespace) -> int:
    registry_of(options)  # operators of plugins are known to torch once these are imported
    if not verify_file(options):
        raise ConversionError(f"{options.file} differs from {options.model}")
    return 0


def diff(options: Namespace) -> int:
    found = compare(options.a, options.b)
    if options.json:
        say(json.dumps(as_json(options.a, options.b, found), indent=1))
    else:
        say(compare_text(options.a, options.b, found))
    return 3 if found and options.exit_code else 0


def new_plugin(options: Namespace) -> int:
    written = write_plugin(options.name, options.output)
    for one in written:
        say(f"wrote {one}")
    return 0


def _check_share(report: Report, least: float | None, consequence: str = "") -> None:
    """Raises `ShareError`."""
    share = 100 * report.share
    if least is not None and share < least:
        raise ShareError(
            f"{share:.1f}% of the nodes that run are on NNAPI, less than --min-share {least:g}{consequence}"
        )


def _check_artifact_name(path: str) -> None:
    if Path(path).suffix not in _ARTIFACTS:
        raise ConversionError(f"{path}: artifacts end in {', '.join(_ARTIFACTS)}")


def _write_report(report: Report, path: str | None) -> None:
    if path is None:
        return
    write_texts(path, [report.to_json() if Path(path).suffix == ".json" else report.to_html()])
