"""The one body of `convert`, `explain` and `Converted.for_stock`: a source, options, and the steps to run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from os import PathLike

from attrs import evolve, frozen
from torch.export import ExportedProgram

from nnapi_core.artifact.contents import Contents
from nnapi_core.conversion.list_of_steps import Kind, Progress, State
from nnapi_core.conversion.options import ConversionOptions, Source
from nnapi_core.conversion.run_steps import Pipeline
from nnapi_core.conversion.trace import Trace
from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.flexible.choose_strategy import Flexible, convert_flexible
from nnapi_core.flexible.lower_at_sizes import AtSizes
from nnapi_core.graph.passes.functionalise import states_changed
from nnapi_core.graph.program import Program
from nnapi_core.graph.sizes.free_sizes import dim_specs, takes_free_sizes
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition
from nnapi_core.plugins.registry import Registry
from nnapi_core.report.make_report import Emitted, flexible_report, make_report
from nnapi_core.report.report import Report


@frozen(eq=False)
class Outcome:
    """What a run of the steps came to; where sizes are free, as it is at the example's."""

    program: Program
    partition: Partition
    options: ConversionOptions
    made: Contents | None
    """None where the steps ended before."""
    flexible: Flexible | None = None

    @property
    def contents(self) -> Contents:
        if self.made is None:
            raise ValueError("the steps ended before there was anything to write")
        return self.made

    def report(self) -> Report:
        level = self.options.feature_level
        if self.flexible is not None:
            return flexible_report(self.flexible, level)
        emitted = (
            Emitted.planned(self.program, self.partition)
            if self.made is None
            else Emitted.of(self.made)
        )
        return make_report(self.program, self.partition, emitted, level)


@frozen(eq=False)
class Conversion:
    """What is converted, how, and by which steps."""

    source: Source
    options: ConversionOptions
    registry: Registry
    pipeline: Pipeline
    progress: Progress

    @classmethod
    def of(
        cls,
        source: Source,
        options: ConversionOptions,
        registry: Registry | None = None,
        *,
        progress: Progress = lambda done, total: None,
        trace: str | PathLike[str] | None = None,
        until: str | None = None,
    ) -> Conversion:
        """``registry``: all installed plugins, unless given. ``until`` names the last step."""
        registry = registry or Registry.collect()
        pipeline = Pipeline.of(registry, trace=None if trace is None else Trace.into(trace))
        if until is not None:
            pipeline = pipeline.until(until)
        return cls(source, options, registry, pipeline, progress)

    def run(self) -> Outcome:
        """All the steps; where sizes are free, those on the graph once for each of the sizes that are looked at."""
        state = self.state(self.options)
        self.pipeline.run(state, [Kind.EXPORT])
        flexible = self._flexible(state)
        if flexible is not None:
            one = flexible.at_example
            return Outcome(one.program, one.partition, self.options, flexible.contents, flexible)
        self.pipeline.run(state, [Kind.READ, Kind.GRAPH])
        return self._partitioned(state)

    def can_run_again(self, outcome: Outcome) -> bool:
        """Work on its graph may have changed what torch knows of an exported program's sizes."""
        return outcome.flexible is None or not isinstance(self.source.module, ExportedProgram)

    def for_stock(self, outcome: Outcome) -> Outcome:
        """The same for stock PyTorch's format."""
        narrowed = evolve(self, options=evolve(self.options, stock=True))
        if outcome.flexible is None:
            # The graph is the same: it is the pieces that differ.
            state = self.state(narrowed.options)
            state.program = outcome.program
            return narrowed._partitioned(state)
        again = narrowed.run()
        if again.flexible is None:
            raise ConversionError("the sizes are not free any more; save it as .nnapi")
        return again

    def _partitioned(self, state: State) -> Outcome:
        """The steps from the partition on."""
        self.pipeline.run(state, [Kind.PARTITION, Kind.MODEL, Kind.ARTIFACT])
        made = getattr(state, "contents", None)
        return Outcome(state.program, state.partition, state.options, made)

    def state(self, options: ConversionOptions) -> State:
        """That of no steps."""
        return State(options, self.registry, self.source, progress=self.progress)

    def _flexible(self, state: State) -> Flexible | None:
        """A conversion with free sizes; None where there are none but those that torch alone counts and uses."""
        options, source, exported = self.options, self.source, state.exported
        asked = options.sizes is not None or options.shape_strategy is not None
        if not state.sizes_are_free:
            if asked:
                raise ConversionError(
                    "the model has no free dimensions; name them in dynamic_shapes="
                )
            return None
        if states := states_changed(exported):
            if not asked and not takes_free_sizes(exported):
                return None
            raise Unsupported(
                "free sizes of a model that keeps state; convert it for each of the sizes, or pass the state in and "
                "return it",
                state=", ".join(states),
            )
        try:
            return convert_flexible(
                exported,
                dim_specs(source.module, source.args, source.dynamic_shapes, source.kwargs),
                partial(self._at_sizes, state),
                model=(source.module, source.args, source.kwargs),
                relaxed=options.relax_float32_to_float16,
                fixed=options.sizes,
                strategy=options.shape_strategy,
            )
        except Unsupported:
            if asked or takes_free_sizes(exported):
                raise
            return None

    def _at_sizes(
        self, state: State, exported: ExportedProgram, given_back: Mapping[str, Unsupported]
    ) -> AtSizes:
        """The steps over one set of sizes."""
        one = self.state(state.options)
        one.exported, one.given_back, one.sizes_are_free = exported, given_back, True
        self.pipeline.run(one, [Kind.READ, Kind.GRAPH, Kind.PARTITION, Kind.MODEL])
        return AtSizes(one.program, one.partition)
