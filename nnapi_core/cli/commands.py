"""What each command does."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from nnapi_core.artifact.atomic import written_whole
from nnapi_core.artifact.inspect import describe
from nnapi_core.artifact.model_explorer import model_explorer_json
from nnapi_core.artifact.picture import pictures
from nnapi_core.cli.artifact_report import artifact_report, check_report_name
from nnapi_core.cli.bench import bench_file
from nnapi_core.cli.dynamic import dynamic_shapes
from nnapi_core.cli.model_source import load_model
from nnapi_core.cli.progress import working
from nnapi_core.cli.terminal import show_explanation, show_summary, show_verification
from nnapi_core.driver import Converted
from nnapi_core.driver import convert as convert_module
from nnapi_core.driver import explain as explain_module
from nnapi_core.errors import ConversionError
from nnapi_core.lowering.pieces import IslandRule
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.plugins.registry import Registry
from nnapi_core.report import Report
from nnapi_core.verify import verify
from nnapi_runtime import NnapiError as RuntimeFailure

__all__ = ["RuntimeFailure", "bench", "convert", "explain", "inspect", "plugins"]

_ARTIFACTS = (".nnapi", ".ptl", ".pt")


def convert(options: Namespace) -> int:
    if Path(options.output).suffix not in _ARTIFACTS:
        raise ConversionError(f"{options.output}: artifacts end in {', '.join(_ARTIFACTS)}")
    if not Path(options.output).resolve().parent.is_dir():
        raise ConversionError(f"{options.output}: the folder does not exist")
    check_report_name(options.report)
    registry = Registry.collect(blocked=options.blocked)
    with working("reading the model"):
        source = load_model(options.model, options.input)
    with working("converting") as steps:
        converted = convert_module(
            source.module,
            source.args,
            fallback=options.fallback,
            dynamic_shapes=dynamic_shapes(source.module, source.args, options.dynamic),
            sizes=options.sizes,
            relax_float32_to_float16=options.relax_fp16,
            **_target(options),
            registry=registry,
            progress=steps.count,
        )
    show_summary(converted.report)
    failed = False
    if options.verify:
        with working("comparing with torch") as steps:
            result = verify(
                converted,
                source.args,
                source.run(),
                by_node=options.report is not None,
                progress=steps.count,
            )
        converted.report.add_errors({one.name: (one.relative, one.own) for one in result.nodes})
        show_verification(result)
        failed = not result.passed
    _write_report(converted.report, options.report)
    if failed:
        raise ConversionError(f"the result differs from torch; {options.output} was not written")
    with working(f"writing {options.output}"):
        converted.save(options.output)
    _say_written(converted, options.output)
    return 0


def _target(options: Namespace) -> dict[str, Any]:
    path = options.device_profile
    return {
        "feature_level": options.feature_level,
        "quantized_io": options.quantized_io,
        "device_profile": None if path is None else DeviceProfile.read(path),
        "islands": IslandRule(options.min_island, options.max_pieces),
    }


def _say_written(converted: Converted, path: str) -> None:
    size = Path(path).stat().st_size
    print(f"wrote {path} ({size / 1e6:.2f} MB, feature level {converted.report.feature_level})")


def explain(options: Namespace) -> int:
    check_report_name(options.report)
    registry = Registry.collect(blocked=options.blocked)
    with working("reading the model"):
        source = load_model(options.model, options.input)
    with working("asking every plugin"):
        report = explain_module(
            source.module,
            source.args,
            dynamic_shapes=dynamic_shapes(source.module, source.args, options.dynamic),
            sizes=options.sizes,
            registry=registry,
            **_target(options),
        )
    show_explanation(report)
    _write_report(report, options.report)
    return 0


def inspect(options: Namespace) -> int:
    check_report_name(options.report)
    if options.graph and Path(options.graph).suffix != ".json":
        raise ConversionError(f"{options.graph}: a graph for Model Explorer is .json")
    print(describe(options.file))
    if options.report:
        _write(options.report, artifact_report(options.file, options.report))
    if options.graph:
        name = Path(options.file).name
        _write(options.graph, model_explorer_json(name, pictures(options.file)))
    return 0


def bench(options: Namespace) -> int:
    print(bench_file(options))
    return 0


def plugins(options: Namespace) -> int:
    registry = Registry.collect(blocked=options.blocked)
    for name, lowerings in registry.plugins.items():
        if lowerings:
            overloads = sorted(str(o) for one in lowerings for o in one.overloads)
            print(f"{name}: {len(overloads)} overloads\n  " + "\n  ".join(overloads))
    return 0


def _write_report(report: Report, path: str | None) -> None:
    if path is None:
        return
    if Path(path).suffix == ".json":
        text = report.to_json()
    else:
        text = report.to_html()
    _write(path, text)


def _write(path: str, text: str) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(text, "utf-8")
