"""The steps of a conversion with the plugins' passes in their places, and how they are run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from time import perf_counter

from attrs import field, frozen
from torch.export import ExportedProgram

from nnapi_core.conversion.list_of_steps import STEPS, Kind, State, Step, on_graph, on_models
from nnapi_core.conversion.log import log
from nnapi_core.conversion.options import ConversionOptions
from nnapi_core.conversion.trace import Trace
from nnapi_core.errors import PluginError
from nnapi_core.graph.program import Program
from nnapi_core.nnapi.check_model import check_rewritten
from nnapi_core.nnapi.model import Model
from nnapi_core.plugins.contributions import Pass, Phase
from nnapi_core.plugins.registry import Registry
from nnapi_core.plugins.run_passes import run_graph_passes, run_model_passes

_KINDS = {Phase.GRAPH: Kind.GRAPH, Phase.MODEL: Kind.MODEL}
# Where a pass stands that does not say it.
_GRAPH_PASSES_COME_BEFORE = "fold_batch_norm"
_MODEL_PASSES_COME_AFTER = "fuse_activations"


@frozen(eq=False)
class Pipeline:
    """Steps in order."""

    steps: tuple[Step, ...]
    trace: Trace | None = field(default=None, kw_only=True)
    """Writes what there is after each step."""

    @classmethod
    def of(cls, registry: Registry, *, trace: Trace | None = None) -> Pipeline:
        """All the steps, and the plugins' passes. Raises `PluginError` for a pass that names no place for itself."""
        before: dict[str, list[Step]] = {}
        after: dict[str, list[Step]] = {}
        for one in registry.passes:
            _check_place(one)
            first, last = one.before, one.after
            if first is None and last is None:
                if one.phase is Phase.GRAPH:
                    first = _GRAPH_PASSES_COME_BEFORE
                else:
                    last = _MODEL_PASSES_COME_AFTER
            if first is not None:
                before.setdefault(first, []).append(_step_of(one))
            if last is not None:
                after.setdefault(last, []).append(_step_of(one))
        steps: list[Step] = []
        for step in STEPS:
            steps += [*before.get(step.name, ()), step, *after.get(step.name, ())]
        return cls(tuple(steps), trace=trace)

    def until(self, name: str) -> Pipeline:
        """Those up to the one of this name."""
        names = [step.name for step in self.steps]
        return Pipeline(self.steps[: names.index(name) + 1], trace=self.trace)

    def after(self, name: str) -> Pipeline:
        """Those that come after the one of this name."""
        names = [step.name for step in self.steps]
        return Pipeline(self.steps[names.index(name) + 1 :], trace=self.trace)

    def run(self, state: State, kinds: Collection[Kind]) -> None:
        """Runs the steps of ``kinds`` on ``state``."""
        state.run_on_branch = Pipeline(self.steps)._run_on_branch
        for step in self._of(kinds):
            started = perf_counter()
            step.function(state)
            seconds = perf_counter() - started
            log.debug("%s: %.3f s", step.name, seconds)
            if self.trace is not None:
                self.trace.write(step, state, seconds)

    def optimised(self, model: Model, state: State) -> Model:
        """What the steps on models make of one."""
        for step in self._of([Kind.MODEL]):
            assert step.model is not None
            model = step.model(state, model)
        return model

    def _run_on_branch(self, state: State) -> None:
        self.run(state, [Kind.GRAPH])

    def _of(self, kinds: Collection[Kind]) -> Iterator[Step]:
        return (step for step in self.steps if step.kind in kinds)


def _step_of(one: Pass) -> Step:
    says = f"a pass of plugin {one.plugin}"
    if one.phase is Phase.GRAPH:
        return on_graph(one.name, says, partial(run_graph_passes, [one]))

    def rewrite(state: State, model: Model) -> Model:
        target = state.options.target
        check = partial(check_rewritten, level=target.level, profile=target.profile)
        return run_model_passes([one], model, check)

    return on_models(one.name, says, rewrite)


def _check_place(one: Pass) -> None:
    where = f"plugin {one.plugin}: the {one.phase.value} pass {one.name!r}"
    if one.before is not None and one.after is not None:
        raise PluginError(f"{where} says before= and after=; one of them gives its place")
    for word, name in (("before", one.before), ("after", one.after)):
        known = [step.name for step in STEPS if step.kind is _KINDS[one.phase]]
        if name is not None and name not in known:
            raise PluginError(
                f"{where} is to come {word} {name!r}; {one.phase.value} passes stand among the steps "
                + ", ".join(known)
            )


def prepare(
    exported: ExportedProgram, registry: Registry, options: ConversionOptions | None = None
) -> Program:
    """The graph as it is partitioned. ``exported`` is not changed."""
    state = State(options or ConversionOptions(), registry)
    state.exported = exported
    Pipeline.of(registry).run(state, [Kind.READ, Kind.GRAPH])
    return state.program
