"""One module for each thing that is raced. Every one says

``NAME``           in tables
``ENVIRONMENT``    whose Python runs it: "ours" (.venv) or "peers" (.venv-peers)
``PREPARED_IN``    whose Python makes its file: one of these, or "litert" (.venv-peers-litert)
``ARTIFACT``       the file's name
``PRECISIONS``     what it can do

``versions()``     what it needs, by name; raises ImportError where that is not installed
``prepare(case, precision, path)``    writes the file
``load(case, precision, path, threads, input)``  a `Run`

A module imports what it needs inside these functions, so that all can be listed anywhere. What is timed is the leanest
call that a user of it can make again and again with the same buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import numpy as np
from attrs import frozen

NAMES = ("ours", "torch_eager", "torch_compiled", "onnx_runtime", "litert", "executorch")


@frozen
class Run:
    """A loaded model: ``call`` computes once, ``result`` is what it computed last."""

    call: Callable[[], object]
    result: Callable[[], np.ndarray]


def peer(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")
