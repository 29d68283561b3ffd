"""One run of an artifact on this machine: what it gives, and what ran where."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

import nnapi_runtime
from nnapi_core.artifact.atomic_write import check_writable, written_whole
from nnapi_core.cli.bench import asked_methods, example_input
from nnapi_core.cli.progress import working
from nnapi_core.cli.session_options import opened
from nnapi_core.errors import ArtifactError, ConversionError

Array = np.ndarray[Any, np.dtype[Any]]


def run_file(options: Namespace) -> str:
    """The text that ``nnapi-convert run`` prints. Writes the results where ``--output`` says.

    Raises `ConversionError` for files that are not there or not what they should be, and `NnapiError` where loading or
    running fails.
    """
    if Path(options.file).suffix != ".nnapi":
        raise ConversionError(
            f"{options.file}: run takes .nnapi; a .pt or .ptl runs in stock PyTorch, and bench times it"
        )
    if options.output:
        if Path(options.output).suffix != ".npz":
            raise ConversionError(f"{options.output}: results are written as .npz")
        check_writable(options.output)
    with working("loading and running"):
        whole = opened(options)
        methods = asked_methods(whole.methods, options)
        if len(methods) > 1:
            listed = ", ".join(whole.methods)
            raise ConversionError(
                f"{options.file} has several methods: {listed}; --method says which one runs"
            )
        session = whole.method(methods[0][0])
        args, kwargs = session.arguments_of(_inputs(session, options.input))
        results = [np.asarray(one) for one in _leaves(session(*args, **kwargs))]
    names = [spec.name for spec in session.outputs]
    # Some may be written into arguments, and one may be returned twice.
    if len(names) != len(results) or len(set(names)) < len(names):
        names = [f"result_{number}" for number in range(len(results))]
    named = dict(zip(names, results, strict=True))
    if options.output:
        # As numpy.savez does, which takes some names for its own.
        with written_whole(options.output) as temporary, ZipFile(temporary, "w") as archive:
            for name, array in named.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
    return "\n".join([*(_described(name, one) for name, one in named.items()), *_placed(session)])


def _inputs(session: nnapi_runtime.Session, files: list[str]) -> list[Array]:
    """The arrays of .npy files, and where there are none numbers of the right shapes."""
    if not files:
        return [
            example_input(shape, one.dtype)
            for shape, one in zip(session.example_shapes, session.inputs, strict=True)
        ]
    if len(files) != len(session.inputs):
        listed = ", ".join(f"{one.name} ({one.dtype} {one.shape})" for one in session.inputs)
        raise ConversionError(f"--input is given {len(files)} times, and the model takes {listed}")
    arrays = []
    for name in files:
        try:
            arrays.append(np.load(name, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise ArtifactError(
                f"{name} is not an array as numpy.save writes one: {error}"
            ) from error
        if not isinstance(arrays[-1], np.ndarray):
            raise ArtifactError(f"{name} holds several arrays; give each as a .npy file")
    return arrays


def _leaves(result: Any) -> list[Any]:
    """The arrays and numbers among the results, in order."""
    if result is None:
        return []
    if isinstance(result, dict):
        return [leaf for one in result.values() for leaf in _leaves(one)]
    if isinstance(result, (tuple, list)):
        return [leaf for one in result for leaf in _leaves(one)]
    return [result]


def _described(name: str, array: Array) -> str:
    text = f"{name}: {array.dtype} {tuple(array.shape)}"
    if array.size == 0 or array.dtype.kind not in "fiu":
        return text
    numbers = array.astype(np.float64)
    return f"{text}, from {numbers.min():.6g} to {numbers.max():.6g}, mean {numbers.mean():.6g}"


def _placed(session: nnapi_runtime.Session) -> list[str]:
    """How many operations ran where, and why not where they were meant to."""
    if session.fallback is not None:
        return [f"all of it ran in torch: {session.fallback}"]
    places = Counter((one.library, one.reason) for one in session.placements)
    return [
        f"{count} operation{'s' if count > 1 else ''} on {library}{': ' + reason if reason else ''}"
        for (library, reason), count in places.items()
    ]
