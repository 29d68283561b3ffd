"""``--method``: several methods of a module, and the arguments to try each with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import field, frozen

from nnapi_core.cli.input_specs import MethodSpec
from nnapi_core.cli.model_source import check_memory, example, module_of
from nnapi_core.conversion.converted_methods import ConvertedMethods
from nnapi_core.conversion.list_of_steps import Progress
from nnapi_core.errors import ConversionError
from nnapi_core.graph.export.run_without_side_effects import apart
from nnapi_core.verification.difference import difference
from nnapi_core.verification.verify import OutputError, Verification, verify


@frozen(eq=False)
class Call:
    """A method, and arguments for one call."""

    name: str
    attribute: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(factory=dict)

    def of(self, module: torch.nn.Module) -> Callable[..., Any]:
        """What is called of the module, or of a copy of it."""
        called: Callable[..., Any] = (
            module if self.attribute == "forward" else getattr(module, self.attribute)
        )
        return called


@frozen(eq=False)
class MethodSource:
    """A module, and what is called of it; several times of one name: at several sizes."""

    module: torch.nn.Module
    calls: Sequence[Call]

    def methods(self) -> dict[str, tuple[Any, ...]]:
        """As `nnapi_core.convert_methods` takes them."""
        found: dict[str, tuple[Any, ...]] = {}
        for name in dict.fromkeys(call.name for call in self.calls):
            same = [call for call in self.calls if call.name == name]
            args = [call.args for call in same]
            found[name] = (
                same[0].of(self.module),
                args if len(args) > 1 else args[0],
                same[0].kwargs,
            )
        return found


def load_methods(text: str, specs: Sequence[MethodSpec]) -> MethodSource:
    """Of ``module:callable``, whose example arguments may be a dict by method.

    Raises `ConversionError` for what is no module, and for methods that it has not or that do not run.
    """
    check_memory([one for spec in specs for one in spec.inputs or ()])
    module, given = module_of(text)
    examples = given if isinstance(given, Mapping) else {}
    calls = []
    for spec in specs:
        if not callable(getattr(module, spec.attribute, None)):
            raise ConversionError(f"--method {spec.name}: {text} has no method {spec.attribute!r}")
        if spec.inputs is not None:
            args = tuple(example(one, seed) for seed, one in enumerate(spec.inputs))
            calls.append(Call(spec.name, spec.attribute, args))
        elif spec.name in examples:
            calls.append(Call(spec.name, spec.attribute, *_given(spec.name, examples[spec.name])))
        else:
            raise ConversionError(
                f"--method {spec.name}: say its inputs ({spec.name}={spec.attribute}:1x16), or let {text} return "
                f"(module, {{{spec.name!r}: example_args}})"
            )
    source = MethodSource(module, calls)
    for call, result in in_torch(source, calls):
        if isinstance(result, Exception):
            shapes = ", ".join(str(list(one.shape)) for one in call.args if torch.is_tensor(one))
            raise ConversionError(
                f"--method {call.name}: {call.attribute} does not run on inputs of shape {shapes}: "
                f"{type(result).__name__}: {result}"
            ) from result
    return source


def _given(name: str, example_args: Any) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Arguments, or (arguments, arguments by name)."""
    if not isinstance(example_args, tuple):
        raise ConversionError(f"--method {name}: its example arguments are no tuple")
    if (
        len(example_args) == 2
        and isinstance(example_args[0], tuple)
        and isinstance(example_args[1], dict)
    ):
        args, kwargs = example_args
        return args, kwargs
    return example_args, {}


def in_torch(source: MethodSource, calls: Sequence[Call]) -> Iterator[tuple[Call, Any]]:
    """Eager torch, call after call on one copy of the module; an exception in the place of a result."""
    called = apart(source.module)
    if not isinstance(called, torch.nn.Module):
        called = source.module
    for call in calls:
        # The model may write into its arguments, and into what it returned.
        args, kwargs = pytree.tree_map_only(torch.Tensor, torch.clone, (call.args, call.kwargs))
        try:
            with torch.no_grad():
                made = call.of(called)(*args, **kwargs)
        except Exception as error:
            yield call, error
            return
        yield call, pytree.tree_map_only(torch.Tensor, torch.clone, made)


def verify_methods(
    converted: ConvertedMethods,
    source: MethodSource,
    *,
    rounds: int,
    by_node: bool,
    progress: Progress,
) -> Iterator[tuple[str, Verification]]:
    """Each method by itself, in ``rounds`` calls, and then all of them in turn: what one leaves, the next finds."""
    limits = []
    for name in converted.methods:
        call = next(one for one in source.calls if one.name == name)
        made = [result for _, result in in_torch(source, [call] * rounds)]
        result = verify(
            converted.cases[name][0],
            call.args,
            made[0],
            kwargs=call.kwargs,
            steps=made[1:],
            by_node=by_node,
            progress=progress,
        )
        limits.append(result.limit)
        yield name, result
    if len(source.calls) > 1:
        errors = _in_turn(converted, source, rounds)
        yield "all in turn", Verification(tuple(errors), max(limits))


def _in_turn(
    converted: ConvertedMethods, source: MethodSource, rounds: int
) -> Iterator[OutputError]:
    """How far each result is off, where it is farthest, of calls of all methods one after the other."""
    session = converted.session().fork()
    session.reset()
    worst: dict[str, OutputError] = {}
    for call, expected in in_torch(source, [*source.calls] * rounds):
        tensors = converted.cases[call.name][0].tensors_of(call.args, call.kwargs)
        got = session.method(call.name).run_tensors([one.clone() for one in tensors])
        pairs = zip(pytree.tree_leaves(got), pytree.tree_leaves(expected), strict=True)
        for place, (actual, wanted) in enumerate(pairs):
            away = difference(actual, wanted)
            name = f"{call.name}, result {place}"
            if name not in worst or worst[name].relative < away.relative:
                worst[name] = OutputError(name, away.max_abs, away.relative)
    yield from worst.values()
