"""`nnapi_core.convert_methods`: from several methods of a module to a `ConvertedMethods`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from attrs import evolve, frozen

import nnapi_runtime
from nnapi_core.artifact.contents import Contents, make_contents_together
from nnapi_core.artifact.join_methods import joined
from nnapi_core.conversion.conversion import Conversion, Outcome
from nnapi_core.conversion.convert import refusal_error
from nnapi_core.conversion.converted import Background
from nnapi_core.conversion.converted_methods import ConvertedMethod, ConvertedMethods
from nnapi_core.conversion.hidden_state import check_no_state_between
from nnapi_core.conversion.list_of_steps import Kind, Progress, State
from nnapi_core.conversion.options import ConversionOptions, Source
from nnapi_core.conversion.self_check import MOST_SECONDS, check_runs, is_run, loops_outside
from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.graph.export.assigned_attributes import refuse_assigned
from nnapi_core.graph.export.module_method import ModuleMethod
from nnapi_core.graph.passes.functionalise import states_changed
from nnapi_core.graph.sizes.free_sizes import takes_free_sizes
from nnapi_core.lowering.partition.group_nodes_into_pieces import DEFAULT_RULE, IslandRule
from nnapi_core.nnapi.device_profile import DeviceProfile
from nnapi_core.plugins.calls import call_report_hooks
from nnapi_core.plugins.registry import Registry
from nnapi_core.report.join_reports import joined as joined_reports

# What a session, a conversion or a TorchScript module means by these names.
_TAKEN = frozenset(
    name
    for owner in (nnapi_runtime.Session, ConvertedMethods, torch.jit.ScriptModule)
    for name in dir(owner)
    if name != "forward"
)
_TAKEN_BEGINNINGS = ("constant_", "initial_state_", "stage_", "state_")
_TAKEN_ENDS = ("_cpu", "_example_shapes", "_example_dtypes", "_input_tree")


def convert_methods(
    methods: Mapping[str, tuple[Any, ...]],
    *,
    feature_level: int = 29,
    fallback: Literal["cpu", "host", "error"] = "cpu",
    relax_float32_to_float16: bool = False,
    device_profile: DeviceProfile | None = None,
    islands: IslandRule = DEFAULT_RULE,
    registry: Registry | None = None,
    self_check: bool = True,
    progress: Progress = lambda done, total: None,
    trace: str | PathLike[str] | None = None,
) -> ConvertedMethods:
    """Converts several methods of one module to NNAPI, over the same weights and state.

    ``methods`` has by the name of a method what is called and what with: ``(module.encode, args)``, or
    ``(module.encode, args, kwargs)``. What is called is a bound method of the module, or the module itself; ``args`` is
    a tuple as `nnapi_core.convert` takes it, ``kwargs`` a dict of arguments by name. A list of such tuples converts the
    method for several sizes: a call runs what was made for the shapes of its arguments.

    What one method writes into the module's buffers the others read, as in torch. Parameters and buffers are in a file
    once. The other arguments are those of `nnapi_core.convert`; sizes are fixed. ``trace`` gets a folder a method.

    Raises `ConversionError` for methods of different modules, functions, names that a method cannot have, and for what
    `nnapi_core.convert` refuses of one; its text begins with the method's name.
    """
    options = ConversionOptions(
        feature_level=feature_level,
        fallback=fallback,
        relax_float32_to_float16=relax_float32_to_float16,
        device_profile=device_profile,
        islands=islands,
        self_check=self_check,
    )
    registry = registry or Registry.collect()
    cases = []
    for name, method, source, number in _read(methods):
        folder = None if trace is None else Path(trace) / (name + (f"-{number}" if number else ""))
        conversion = Conversion.of(source, options, registry, progress=progress, trace=folder)
        cases.append(_Case(name, method, conversion, conversion.state(options)))
    _export(cases)
    for case in cases:
        with _named(case.name):
            case.run([Kind.READ, Kind.GRAPH, Kind.PARTITION, Kind.MODEL])
    refused = {case.name: case.state.partition for case in cases if case.state.partition.refusals}
    if fallback == "error" and refused:
        raise Unsupported(
            "\n".join(f"{name}: {refusal_error(one)}" for name, one in refused.items())
        )
    converted = _checked(cases)
    if fallback != "error":
        converted.make_for_stock = lambda: _checked([case.for_stock() for case in cases])
    return converted


@frozen(eq=False)
class _Case:
    """A method at one of its sizes, on its way through the steps."""

    name: str
    method: ModuleMethod
    conversion: Conversion
    state: State

    def run(self, kinds: Sequence[Kind]) -> None:
        self.conversion.pipeline.after("export").run(self.state, kinds)

    def for_stock(self) -> _Case:
        """The same graph, in pieces for stock PyTorch's format."""
        state = self.conversion.state(evolve(self.state.options, stock=True))
        state.program = self.state.program
        made = _Case(self.name, self.method, self.conversion, state)
        made.run([Kind.PARTITION, Kind.MODEL])
        return made

    @property
    def source(self) -> Source:
        return self.conversion.source


def _read(
    methods: Mapping[str, tuple[Any, ...]],
) -> Iterator[tuple[str, ModuleMethod, Source, int | None]]:
    """Name, method, and arguments; numbered where there are several sizes of one. Raises `ConversionError`."""
    if not isinstance(methods, Mapping) or not methods:
        raise ConversionError(
            f"the methods are {methods!r}; give a dict: {{'encode': (module.encode, (x,)), …}}"
        )
    found: dict[str, ModuleMethod] = {}
    for name, value in methods.items():
        _check_name(name)
        if not isinstance(value, tuple) or len(value) not in (2, 3):
            raise ConversionError(
                f"the method {name!r} is given as {type(value).__name__}; give (module.{name}, args) or "
                f"(module.{name}, args, kwargs)"
            )
        called, given, *named = value
        method = found[name] = ModuleMethod.of(name, called)
        first = next(iter(found.values()))
        if method.module is not first.module:
            raise ConversionError(
                f"the methods {next(iter(found))!r} and {name!r} are of different modules, "
                f"{type(first.module).__name__} and {type(method.module).__name__}; give bound methods of one module, "
                "which has the others as parts"
            )
        several = given if isinstance(given, list) else [given]
        if not several or not all(isinstance(one, tuple) for one in several):
            raise ConversionError(
                f"the arguments of the method {name!r} are {type(given).__name__}; give a tuple, or for several sizes "
                "a list of tuples"
            )
        for number, args in enumerate(several):
            source = Source(method.view(), args, None, (named or [{}])[0] or {})
            yield name, method, source, number if len(several) > 1 else None


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii() or name[0] == "_":
        raise ConversionError(
            f"a method cannot be called {name!r}; give a name of letters, digits and _ that begins with a letter"
        )
    if (
        name in (*_TAKEN, "method_names")
        or name.startswith(_TAKEN_BEGINNINGS)
        or name.endswith(_TAKEN_ENDS)
    ):
        raise ConversionError(
            f"a method cannot be called {name!r}, which means something else of a session or a TorchScript module; "
            "give it another name"
        )


class _named:  # noqa: N801  (read as a statement)
    """Errors inside begin with the method's name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConversionError) and error.args:
            error.args = (f"the method {self._name!r}: {error.args[0]}", *error.args[1:])


def _export(cases: Sequence[_Case]) -> None:
    """Exports all of them, and tells each what the others change."""
    kept: dict[str, str] = {}
    for case in cases:
        with _named(case.name):
            case.conversion.pipeline.until("export").run(case.state, [Kind.EXPORT])
            for name in states_changed(case.state.exported):
                kept.setdefault(name, case.name)
    for case in cases:
        with _named(case.name):
            case.state.kept = tuple(kept)
            if numbers := sorted(case.state.notes.numbers & kept.keys()):
                raise ConversionError(
                    f"it asks for the numbers of {numbers[0]!r} (item(), int(), bool()), which "
                    f"{kept[numbers[0]]!r} changes: they would be part of the conversion; compute with the tensor"
                )
            for other in cases:
                refuse_assigned(case.state.exported, case.method.module, other.state.notes.assigned)
            case.run([Kind.EXPORT])
            if case.state.sizes_are_free and takes_free_sizes(case.state.exported):
                raise Unsupported("free sizes of one of several methods; give each of its sizes")


def _checked(cases: Sequence[_Case]) -> ConvertedMethods:
    """The methods as one model, which were run if that is asked."""
    options = cases[0].state.options
    made = make_contents_together(
        [(case.state.program, case.state.partition) for case in cases],
        relaxed=options.relax_float32_to_float16,
    )
    by_name: dict[str, list[Contents]] = {}
    for case, contents in zip(cases, made, strict=True):
        by_name.setdefault(case.name, []).append(contents)
    whole = joined(by_name)
    methods: dict[str, list[ConvertedMethod]] = {}
    reports = {}
    for case, contents in zip(cases, made, strict=True):
        one = _method(case, contents)
        number = len(methods.setdefault(case.name, []))
        methods[case.name].append(one)
        reports[case.name + (f"_{number + 1}" if number else "")] = one.report
    weight_bytes = sum(one.nbytes for one in whole.weights.constants)
    converted = ConvertedMethods(methods, whole, joined_reports(reports, weight_bytes))
    for cases_of_one in methods.values():
        for one in cases_of_one:
            one.methods = converted
    if options.self_check:
        every = [one for cases_of_one in methods.values() for one in cases_of_one]
        converted.report.notes += _self_check(converted, list(zip(cases, every, strict=True)))
    call_report_hooks(cases[0].conversion.registry.report_hooks, converted.report)
    return converted


def _method(case: _Case, contents: Contents) -> ConvertedMethod:
    state = case.state
    report = Outcome(state.program, state.partition, state.options, contents).report()
    background = Background(state.program, state.partition, case.conversion.registry, state.options)
    return ConvertedMethod(contents, report, background, name=case.name)


def _self_check(
    converted: ConvertedMethods, cases: Sequence[tuple[_Case, ConvertedMethod]]
) -> list[str]:
    """Runs each method, and looks whether they share more than buffers; returns notes for the report."""
    notes = []
    session = None
    if any(loops_outside(one.contents.manifest) for _, one in cases):
        session = converted.open_session(timeout=MOST_SECONDS)
    for case, one in cases:
        run: Callable[[Sequence[torch.Tensor]], Any] = one.run_tensors
        if session is not None:
            run = session.method(case.name).run_tensors
        with _named(case.name):
            notes += [f"{case.name}: {note}" for note in check_runs(one.contents, run, case.source)]
        converted.reset()
    if len(converted.cases) > 1 and is_run(converted.contents):
        called = {
            case.name: (case.method, case.source.args, case.source.kwargs) for case, _ in cases
        }
        unseen = check_no_state_between(called, cases[0][0].state.kept)
        notes += (
            [f"not known whether the methods share a state that is no buffer: {unseen}"]
            if unseen
            else []
        )
    return notes
