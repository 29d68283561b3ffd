"""``torch.compile(module, backend="nnapi")``: graphs of TorchDynamo run converted, on the host runtime.

What NNAPI cannot express stays in torch, as with `convert`; a graph that cannot be converted at all runs eagerly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

import torch
from attrs import define, field

from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.converted import Converted
from nnapi_core.conversion.log import log
from nnapi_core.errors import ConversionError

_not_compiled: Callable[..., Any] = torch.compiler.disable

_FEATURE_LEVEL = 1000008
"""Of our own library, which runs what is made here."""


def nnapi(
    graph: torch.fx.GraphModule,
    example_inputs: Sequence[Any],
    *,
    options: dict[str, Any] | None = None,
) -> Callable[..., Any]:
    """The backend: called by TorchDynamo with a graph and arguments like those that it will be called with.

    ``options`` (`torch.compile`'s) are keywords of `nnapi_core.convert`: ``feature_level`` (default: that of our own
    library, 1000008), ``fallback``, ``relax_float32_to_float16``, ``device_profile``, ``islands``. With
    ``fallback="error"``, what cannot be expressed is a `ConversionError`; otherwise it runs eagerly, and the logger
    ``nnapi_core`` says why.

    A graph is converted once for each combination of shapes, dtypes and numbers that it is called with. Parameters and
    buffers become constants: after one of them was changed, the graph is converted anew. Where gradients are wanted,
    the graph runs eagerly.
    """
    weights = [_is_weight(one) for one in example_inputs]
    # Converting traces the graph, which Dynamo must not look at.
    free = [
        isinstance(one, torch.Tensor) and not is_weight
        for one, is_weight in zip(example_inputs, weights, strict=True)
    ]
    run: Callable[..., Any] = _not_compiled(_Graph(graph, weights, free, dict(options or {})).run)
    return run


@define(eq=False)
class _Graph:
    module: torch.fx.GraphModule
    weights: list[bool]
    """Which arguments are parameters and buffers: Dynamo hands them on with the others."""
    free: list[bool]
    """Which are other tensors. The rest are numbers."""
    options: dict[str, Any]
    _converted: dict[Any, Converted | None] = field(factory=dict)
    """By shapes, dtypes and numbers. None: it runs eagerly."""
    _converted_for: list[Any] = field(factory=list)
    """The state of the weights that all of these hold."""

    def run(self, *args: Any) -> Any:
        tensors = [one for one in args if isinstance(one, torch.Tensor)]
        if torch.is_grad_enabled() and any(one.requires_grad for one in tensors):
            log.warning(
                "a graph runs eagerly, since gradients are wanted; call it within torch.no_grad()"
            )
            return self.module(*args)
        weights = list(map(_state, compress(args, self.weights)))
        if weights != self._converted_for:
            self._converted.clear()
            self._converted_for = weights
        given = list(compress(args, self.free))
        numbers = [one for one in args if not isinstance(one, torch.Tensor)]
        key = (*((one.shape, one.dtype, one.device) for one in given), *numbers)
        if key not in self._converted:
            self._converted[key] = self._convert(args)
        converted = self._converted[key]
        return self.module(*args) if converted is None else converted(*given)

    def _convert(self, args: Sequence[Any]) -> Converted | None:
        examples = tuple(one.detach().clone() for one in compress(args, self.free))
        try:
            if _returns_views(self.module, args):
                raise ConversionError("it gives a view of an argument, or writes into one")
            return convert(
                _Fixed(self.module, args, self.free),
                examples,
                **{"feature_level": _FEATURE_LEVEL, **self.options},
            )
        except ConversionError as error:
            if self.options.get("fallback") == "error":
                raise
            log.warning("a graph runs eagerly, not on NNAPI: %s", error)
            return None


class _Fixed(torch.nn.Module):
    """The graph, called with the arguments that are not fixed."""

    def __init__(
        self, graph: torch.fx.GraphModule, args: Sequence[Any], free: Sequence[bool]
    ) -> None:
        super().__init__()
        self.graph = graph
        self.free = free
        for place, (one, is_free) in enumerate(zip(args, free, strict=True)):
            if is_free:
                continue
            if isinstance(one, torch.Tensor):
                self.register_buffer(f"fixed_{place}", one.detach())
            else:
                setattr(self, f"fixed_{place}", one)

    def forward(self, *args: torch.Tensor) -> Any:
        given = iter(args)
        return self.graph(
            *(
                next(given) if is_free else getattr(self, f"fixed_{place}")
                for place, is_free in enumerate(self.free)
            )
        )


def _is_weight(one: Any) -> bool:
    return isinstance(one, torch.nn.Parameter) or hasattr(one, "_dynamo_static_input_type")


def _state(weight: torch.Tensor) -> tuple[int, int, int]:
    """Changes where the weight is another, or was written to (but for one made in inference mode, which cannot say)."""
    return id(weight), weight.data_ptr(), 0 if weight.is_inference() else weight._version


def _returns_views(module: torch.fx.GraphModule, args: Sequence[Any]) -> bool:
    """Would a caller that writes into a result change an argument, or find an argument changed?"""
    copies = [one.clone() if isinstance(one, torch.Tensor) else one for one in args]
    before = [one._version if isinstance(one, torch.Tensor) else 0 for one in copies]
    with torch.no_grad():
        results = module(*copies)
    tensors = [one for one in copies if isinstance(one, torch.Tensor)]
    owned = {one.untyped_storage().data_ptr() for one in tensors if one.numel()}
    if any(
        isinstance(one, torch.Tensor) and one._version != version
        for one, version in zip(copies, before, strict=True)
    ):
        return True
    flat = torch.utils._pytree.tree_leaves(results)
    return any(
        isinstance(one, torch.Tensor) and one.untyped_storage().data_ptr() in owned for one in flat
    )
