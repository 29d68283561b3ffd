"""``nnapi-convert quantize`` and ``nnapi-convert evaluate``: a model calibrated, and models over a data set."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import torch

import nnapi_runtime
from nnapi_core.artifact.atomic_write import check_writable, write_texts, written_whole
from nnapi_core.cli.model_source import function_of, model_of
from nnapi_core.cli.plugin_files import registry_of
from nnapi_core.cli.print_text import say
from nnapi_core.cli.progress import working
from nnapi_core.conversion.presets import preset
from nnapi_core.errors import ConversionError
from nnapi_core.graph.calibration_record import CalibrationRecord
from nnapi_core.quantisation import scheme_of
from nnapi_core.verification.evaluate import Evaluation
from nnapi_core.verification.evaluate import evaluate as evaluate_models

SCHEMA_VERSION = 1


def quantize(options: Namespace) -> int:
    """Writes a quantised program."""
    from nnapi_core.quantisation.calibration import quantize as quantize_module

    _check_suffix(options.output, ".pt2", "a quantised program")
    check_writable(options.output)
    if options.report:
        _check_suffix(options.report, ".json", "a report of a calibration")
        check_writable(options.report)
    registry = registry_of(options)
    module = model_of(options.model)
    with working("reading the data"):
        batches = _called(function_of(options.data, "--data"), options.data)
    with working("quantising"):
        program = quantize_module(
            module,
            batches,
            **_scheme_options(options),
            calibration=options.calibration,
            bias_correction=options.bias_correction,
            recurrent=options.recurrent,
            float_nodes=options.float_nodes,
            float_types=options.float_types,
            target_snr=options.target_snr,
            metric=_metric(options),
            at_least=options.at_least,
            registry=registry,
        )
    record = CalibrationRecord.of(program)
    assert record is not None
    for note in record.notes():
        say(note)
    with written_whole(options.output) as temporary:
        torch.export.save(program, temporary)
    if options.report:
        document = {"schema_version": SCHEMA_VERSION, **attrs.asdict(record)}
        write_texts(options.report, [json.dumps(document, indent=1)])
    say(f"wrote {options.output}; convert it with: nnapi-convert {options.output} -o OUT")
    return 0


def evaluate(options: Namespace) -> int:
    """Prints what a metric says of each model."""
    if options.report:
        _check_suffix(options.report, ".json", "a report of an evaluation")
        check_writable(options.report)
    registry_of(options)  # operators of plugins are known to torch once these are imported
    metric = function_of(options.metric, "--metric")
    data = function_of(options.data, "--data")
    found: list[Evaluation] = []
    for text in dict.fromkeys(options.files):
        with working(f"reading {text}"):
            model = _runnable(text)
        with working(f"evaluating {text}") as steps:
            found += evaluate_models(
                {text: model}, data, metric, lambda _, done, total: steps.count(done, total)
            )
    say(_table(found))
    if options.report:
        rows = [attrs.asdict(one) for one in found]
        document = {"schema_version": SCHEMA_VERSION, "models": rows}
        write_texts(options.report, [json.dumps(document, indent=1)])
    return 0


def _scheme_options(options: Namespace) -> dict[str, Any]:
    target = None if options.target is None else preset(options.target)
    if options.scheme is not None:
        scheme = scheme_of(options.scheme)
    else:
        scheme = target.scheme if target else scheme_of("uint8-per-channel")
    level = options.feature_level
    if level is None and target is not None and options.scheme is None:
        return target.quantize_options()
    return scheme.quantize_options() if level is None else scheme.at_level(level)


def _metric(options: Namespace) -> Callable[[Callable[..., Any]], float] | None:
    if options.metric is None:
        return None
    if options.metric_data is None:
        raise ConversionError("--metric needs --metric-data: what it is measured on")
    metric = function_of(options.metric, "--metric")
    data = function_of(options.metric_data, "--metric-data")

    def measured(model: Callable[..., Any]) -> float:
        (found,) = evaluate_models({"the quantised model": model}, data, metric)
        if len(found.values) != 1:
            raise ConversionError(
                f"--metric {options.metric} returns {len(found.values)} numbers, not one to be at least --at-least"
            )
        return next(iter(found.values.values()))

    return measured


def _runnable(text: str) -> Callable[..., Any]:
    suffix = Path(text).suffix
    if suffix == ".nnapi":
        return nnapi_runtime.load(text)
    if suffix in (".pt", ".ptl"):
        raise ConversionError(
            f"{text}: .pt and .ptl run in stock PyTorch with a device's NNAPI; evaluate the .nnapi of the same model"
        )
    model = model_of(text)
    called: Callable[..., Any] = model if isinstance(model, torch.nn.Module) else model.module()

    def run(*args: Any, **kwargs: Any) -> Any:
        with torch.no_grad():
            return called(*args, **kwargs)

    return run


def _called(function: Callable[[], Any], text: str) -> Any:
    try:
        return function()
    except Exception as error:
        raise ConversionError(f"--data {text} raised {type(error).__name__}: {error}") from error


def _check_suffix(path: str, suffix: str, what: str) -> None:
    if Path(path).suffix != suffix:
        raise ConversionError(f"{path}: {what} is {suffix}")


def _table(evaluations: list[Evaluation]) -> str:
    """Each number beside the first model's."""
    rows = []
    for one in evaluations:
        for name, value in one.values.items():
            first = evaluations[0].values.get(name)
            beside = "" if first is None or one is evaluations[0] else f"  ({value - first:+.4g})"
            rows.append(
                f"{one.name}  {name} {value:.6g}{beside}  {one.items} items, {one.seconds:.1f} s"
            )
    return "\n".join(rows)
