"""Does a model remember what it was called with? What torch.export sees of one is a single call.

Buffers are its state in the open. Numbers, lists and tensors that are plain attributes, and names outside of the
module, are part of the exported program with the values that they had: a counter would stand still.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.utils._pytree as pytree

from nnapi_core.errors import ConversionError
from nnapi_core.graph.deep_copies import copied_module
from nnapi_core.graph.export.module_method import ModuleMethod


def check_no_hidden_state(
    module: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    kept: Collection[str] = (),
) -> str | None:
    """Calls a copy of the module twice, from the same buffers and random numbers.

    ``kept`` names what a conversion keeps, which may be attributes that are no buffers.
    Raises `ConversionError` where the second result is another. Returns why that could not be seen, or None.
    """
    try:
        twin = _twin(module)
    except Exception as error:
        return f"it cannot be copied ({type(error).__name__}: {error})"
    try:
        with torch.no_grad(), _as_it_is_written(twin):
            with _same_buffers(twin, kept):
                first = _call(twin, args, kwargs)
            with _same_buffers(twin, kept):
                second = _call(twin, args, kwargs)
    except Exception as error:
        return f"it does not run twice ({type(error).__name__}: {error})"
    if not _alike(first, second):
        raise ConversionError(
            "the model gives other results when it is called again with the same arguments: it keeps a state that is "
            "no buffer, in attributes or outside of the module, and a conversion would keep the first value for ever. "
            "Say that it is state with register_buffer, or pass it in and return it"
        )
    return None


def check_no_state_between(
    methods: Mapping[str, tuple[ModuleMethod, tuple[Any, ...], Mapping[str, Any]]],
    kept: Collection[str],
) -> str | None:
    """Calls the methods of a copy one after the other, and each of them alone, from the same buffers.

    Raises `ConversionError` where what one gives depends on whether others were called. Returns why that could not be
    seen, or None.
    """
    (module,) = {id(one.module): one.module for one, _, _ in methods.values()}.values()
    try:
        alone = {}
        for name, (method, args, kwargs) in methods.items():
            twin = _twin(module)
            with torch.no_grad(), _as_it_is_written(twin):
                alone[name] = _call(method.view(twin), args, kwargs)
        twin = _twin(module)
        together = []
        with torch.no_grad(), _as_it_is_written(twin):
            for name, (method, args, kwargs) in [*methods.items()] * 2:
                with _same_buffers(twin, kept):
                    together.append((name, _call(method.view(twin), args, kwargs)))
    except Exception as error:
        return f"its methods do not run one after the other ({type(error).__name__}: {error})"
    for name, results in together:
        if not _alike(alone[name], results):
            raise ConversionError(
                f"the method {name!r} gives other results after other methods were called: they share a state that is "
                "no buffer, in attributes or outside of the module, and a conversion would keep the first value for "
                "ever. Say that it is state with register_buffer, or pass it in and return it"
            )
    return None


def _twin(module: torch.nn.Module) -> torch.nn.Module:
    """A copy over the same parameters."""
    return copied_module(module)


@contextmanager
def _same_buffers(module: torch.nn.Module, kept: Collection[str]) -> Iterator[None]:
    """Afterwards the buffers are what they were before, those that were replaced too.

    They are the same tensors: an object of the module, such as a cache, may hold them, too.
    """
    before = [
        (one, {name: _written_in_place(value) for name, value in one._buffers.items()})
        for one in module.modules()
    ]
    values = [
        (value, value._version, _clone(value))
        for _, buffers in before
        for value in buffers.values()
        if value is not None
    ]
    plain = [(owner, name, _clone(vars(owner)[name])) for owner, name in _plain(module, kept)]
    try:
        yield
    finally:
        for one, buffers in before:
            one._buffers.update(buffers)
        for tensor, version, value in values:
            if tensor._version != version:
                tensor.copy_(value)
        for owner, name, value in plain:
            setattr(owner, name, value)


def _written_in_place(tensor: torch.Tensor | None) -> torch.Tensor | None:
    """The tensor; a copy of one that only ``torch.inference_mode`` may write into."""
    return tensor.clone() if tensor is not None and tensor.is_inference() else tensor


def _plain(module: torch.nn.Module, kept: Collection[str]) -> Iterator[tuple[Any, str]]:
    """Those of ``kept`` that are plain attributes, of the module, its parts or their members."""
    for path in kept:
        *parts, name = path.split(".")
        owner: Any = module
        for part in parts:
            owner = getattr(owner, part, None)
        if name in getattr(owner, "__dict__", ()):
            yield owner, name


def _call(module: torch.nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
    given, named = pytree.tree_map(_clone, (tuple(args), dict(kwargs)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        # A result may be what the next call writes into.
        return [_clone(one) for one in pytree.tree_leaves(module(*given, **named))]


def _clone(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _alike(first: list[Any], second: list[Any]) -> bool:
    return len(first) == len(second) and all(map(_is_alike, first, second))


def _is_alike(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if not isinstance(one, torch.Tensor):
        return one == other if isinstance(one, (bool, int, float, str)) else True
    if one.dtype is not other.dtype or one.shape != other.shape:
        return False
    if one.layout is not torch.strided:
        return True
    # Threads may add in another order.
    return torch.allclose(_numbers(one), _numbers(other), rtol=1e-3, atol=1e-5, equal_nan=True)


def _numbers(value: torch.Tensor) -> torch.Tensor:
    if value.is_quantized:
        value = value.dequantize()
    return value if value.is_complex() else value.double()


def _as_it_is_written(module: torch.nn.Module) -> AbstractContextManager[Any]:
    """What torch.compile would compile runs as plain Python."""
    compiled = any(
        isinstance(one, torch._dynamo.OptimizedModule) or one._compiled_call_impl is not None
        for one in module.modules()
    )
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()
