"""Latency of an artifact on this machine."""

from __future__ import annotations

import time
import warnings
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import nnapi_runtime
from nnapi_core.artifact.atomic import written_whole
from nnapi_core.cli.artifact_report import artifact_report, check_report_name
from nnapi_core.cli.profile import profile_rows, profile_text
from nnapi_core.cli.profile_picture import profile_svg
from nnapi_core.cli.progress import working
from nnapi_core.errors import ArtifactError, ConversionError
from nnapi_runtime.machine import Machine
from nnapi_runtime.nnapi_file import read_file


def bench_file(options: Namespace) -> str:
    """The text that ``nnapi-convert bench`` prints."""
    path = options.file
    check_report_name(options.report)
    if options.picture and Path(options.picture).suffix != ".svg":
        raise ConversionError(f"{options.picture}: a picture is .svg")
    if not Path(path).is_file():
        raise ArtifactError(f"{path}: there is no such file")
    if Path(path).suffix == ".nnapi":
        session = nnapi_runtime.load(path, num_threads=options.threads)
        inputs = [
            _example(shape, one.dtype)
            for shape, one in zip(session.example_shapes, session.inputs, strict=True)
        ]
        text = f"{path}: {_latency(lambda: session(*inputs), options)}"
        if options.profile:
            text += "\n" + _profile(session, inputs, options)
        return text
    if Path(path).suffix not in (".pt", ".ptl"):
        raise ConversionError(f"{path}: bench takes .nnapi, .ptl and .pt")
    if options.profile:
        raise ConversionError(
            "--profile needs a .nnapi file: stock PyTorch does not time operations"
        )
    run = _stock(path, options.threads)
    return f"{path} in stock PyTorch: {_latency(run, options)}"


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


def _example(shape: Any, dtype: str) -> np.ndarray[Any, np.dtype[Any]]:
    generator = np.random.default_rng(0)
    sizes = [1 if dim is None else dim for dim in shape]
    if dtype.startswith("float"):
        return generator.standard_normal(sizes).astype(dtype)
    return generator.integers(0, 2, sizes).astype(dtype)


def _profile(session: nnapi_runtime.Session, inputs: list[Any], options: Namespace) -> str:
    machine = Machine.measure(options.threads)
    file = read_file(options.file)
    rows = profile_rows(lambda: session.profile(*inputs), file, options.runs, machine)
    if options.report:
        text = artifact_report(options.file, options.report, rows)
        with written_whole(options.report) as temporary:
            temporary.write_text(text, "utf-8")
    if options.picture:
        with written_whole(options.picture) as temporary:
            temporary.write_text(profile_svg(Path(options.file).name, rows), "utf-8")
    return profile_text(rows, machine)


def _stock(path: str, threads: int | None) -> Callable[[], Any]:
    """A TorchScript artifact, with our library loaded the way stock PyTorch finds one."""
    import ctypes

    import torch

    ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
    if threads is not None:
        torch.set_num_threads(threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = torch.jit.load(path)  # type: ignore[no-untyped-call]
        except Exception as error:
            raise ArtifactError(f"{path} is not a TorchScript file: {error}") from error
    shapes = getattr(module, "example_shapes", None)
    if shapes is None:
        raise ArtifactError(f"{path} was not written by nnapi-convert")
    inputs = [
        torch.from_numpy(_example(shape, dtype))
        for shape, dtype in zip(shapes, module.example_dtypes, strict=True)
    ]
    return lambda: module(*inputs)
