"""What casts and moves of values need of a `Context`: its level, and how it emits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from nnapi_core.lowering.value import TensorSpec, Value
from nnapi_core.nnapi.opset import OperationSpec


class Emitter(Protocol):
    """The part of `nnapi_core.lowering.context.Context` that its own casts and moves stand on."""

    @property
    def level(self) -> int: ...

    def emit(
        self, spec: OperationSpec, *, out: TensorSpec | None = None, **operands: Any
    ) -> Value: ...

    def emit_many(
        self, spec: OperationSpec, *, outs: Sequence[TensorSpec], **operands: Any
    ) -> tuple[Value, ...]: ...

    def constant(self, data: Any, dtype: torch.dtype = torch.float32) -> Value: ...
