"""Latency of an artifact on this machine."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import nnapi_runtime
from nnapi_core.artifact.atomic_write import check_writable, write_texts
from nnapi_core.artifact.inspect_text import opened_torchscript
from nnapi_core.artifact.read_artifact import check_is_file, read_artifact
from nnapi_core.cli.artifact_page import artifact_report, check_report_name
from nnapi_core.cli.progress import working
from nnapi_core.cli.session_options import opened
from nnapi_core.errors import ArtifactError, ConversionError
from nnapi_core.report.profile import profile_rows, profile_text
from nnapi_core.report.profile_svg import profile_svg
from nnapi_core.verification.verify_artifact import load_library_for_stock
from nnapi_runtime._loader import Cost
from nnapi_runtime.input_tree import InputTree
from nnapi_runtime.machine import Machine


def bench_file(options: Namespace) -> str:
    """The text that ``nnapi-convert bench`` prints."""
    path = options.file
    check_report_name(options.report)
    if options.picture and Path(options.picture).suffix != ".svg":
        raise ConversionError(f"{options.picture}: a picture is .svg")
    if options.picture:
        check_writable(options.picture)
    check_is_file(path)
    if Path(path).suffix == ".nnapi":
        session = opened(options)
        return "\n".join(
            _of_session(session.method(name), f"{path}{said}", name, options)
            for name, said in asked_methods(session.methods, options)
        )
    if options.library or options.device or options.check_driver:
        raise ConversionError(
            f"{path}: --library, --device and --check-driver are for .nnapi files"
        )
    if Path(path).suffix not in (".pt", ".ptl"):
        raise ConversionError(f"{path}: bench takes .nnapi, .ptl and .pt")
    if options.profile:
        raise ConversionError(
            "--profile needs a .nnapi file: stock PyTorch does not time operations"
        )
    module = _stock(path, options.threads)
    return "\n".join(
        f"{path}{said} in stock PyTorch: {_latency(_stock_run(module, path, name), options)}"
        for name, said in asked_methods(_methods_of(module), options)
    )


def _methods_of(module: Any) -> list[str]:
    """Those of a TorchScript artifact. Raises `ArtifactError` for another module."""
    names = getattr(module, "method_names", ["forward"])
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise ArtifactError("the file was not written by nnapi-convert")
    return names


def asked_methods(methods: Sequence[str], options: Namespace) -> list[tuple[str, str]]:
    """The methods that ``--method`` names, or all; and what is said of each.

    Raises `ConversionError` for one that there is not.
    """
    asked = list(methods)
    if options.method is not None:
        if options.method not in asked:
            listed = ", ".join(map(repr, asked))
            raise ConversionError(
                f"{options.file} has no method {options.method!r}; it has {listed}"
            )
        asked = [options.method]
    elif len(asked) > 1 and getattr(options, "profile", False):
        raise ConversionError(
            f"{options.file} has several methods: {', '.join(asked)}; --method says which one is profiled"
        )
    return [(name, f", {name}" if len(methods) > 1 else "") for name in asked]


def _of_session(session: nnapi_runtime.Session, said: str, name: str, options: Namespace) -> str:
    """Of a session that is one method."""
    inputs = [
        example_input(shape, one.dtype)
        for shape, one in zip(session.example_shapes, session.inputs, strict=True)
    ]
    args, kwargs = session.arguments_of(inputs)
    text = f"{said}: {_latency(lambda: session(*args, **kwargs), options)}"
    if options.profile:
        text += "\n" + _profile(lambda: session.profile(*args, **kwargs), options, name)
    return text


def _latency(run: Callable[[], Any], options: Namespace) -> str:
    times = []
    with working("running", by_itself=False) as steps:
        for number in range(-options.warmup, options.runs):
            # Shown between the runs, not in them.
            steps.count(number + options.warmup, options.warmup + options.runs)
            start = time.perf_counter()
            run()
            if number >= 0:
                times.append((time.perf_counter() - start) * 1e3)
    median, p90 = np.percentile(times, [50, 90])
    return f"median {median:.3f} ms, p90 {p90:.3f} ms over {options.runs} runs"


def example_input(shape: Any, dtype: str) -> np.ndarray[Any, np.dtype[Any]]:
    """Random numbers, the same each time; a free dimension is 1. Raises `ArtifactError` where none can be made."""
    generator = np.random.default_rng(0)
    sizes = [1 if dim is None else dim for dim in shape]
    try:
        if dtype.startswith("float"):
            return generator.standard_normal(sizes).astype(dtype)
        return generator.integers(0, 2, sizes).astype(dtype)
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise ArtifactError(f"no input of {dtype} {sizes} can be made: {error}") from error


def _profile(measure: Callable[[], list[Cost]], options: Namespace, method: str) -> str:
    machine = Machine.measure(options.threads)
    file = read_artifact(options.file)
    rows = profile_rows(measure, file, options.runs, machine, method)
    if options.report:
        write_texts(options.report, artifact_report(options.file, options.report, rows, method))
    if options.picture:
        write_texts(options.picture, [profile_svg(Path(options.file).name, rows)])
    return profile_text(rows, machine)


def _stock(path: str, threads: int | None) -> Any:
    """A TorchScript artifact as a module, with our library loaded the way stock PyTorch finds one."""
    import torch

    load_library_for_stock()
    if threads is not None:
        torch.set_num_threads(threads)
    return opened_torchscript(path)


def _stock_run(module: Any, path: str, method: str) -> Callable[[], Any]:
    """A method on example arguments."""
    import torch

    own = f"{method}_" if hasattr(module, "method_names") else ""
    # TorchScript keeps no empty lists: a method without arguments has neither shapes nor dtypes.
    has_none = getattr(module, f"{own}input_tree", None) == "[]"
    shapes = getattr(module, f"{own}example_shapes", [] if has_none else None)
    dtypes = getattr(module, f"{own}example_dtypes", [] if has_none else None)
    called = getattr(module, method, None)
    if shapes is None or dtypes is None or called is None:
        raise ArtifactError(f"{path} was not written by nnapi-convert")
    try:
        inputs = [
            torch.from_numpy(example_input(shape, dtype))
            for shape, dtype in zip(shapes, dtypes, strict=True)
        ]
    except (AttributeError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path} was not written by nnapi-convert: {error}") from error

    tree = json.loads(getattr(module, f"{own}input_tree", "null"))
    args: Any = inputs
    kwargs: dict[str, Any] = {}
    if tree is not None:
        args, kwargs = InputTree.parse(tree, len(inputs)).arguments(inputs)

    def run() -> Any:
        try:
            return called(*args, **kwargs)
        except RuntimeError as error:
            raise ArtifactError(f"{path} fails: {error}") from error

    return run
