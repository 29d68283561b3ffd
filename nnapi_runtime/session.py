"""A converted model, ready to be called: its stages one after another, on NNAPI and in torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any

from nnapi_runtime.border import check_quantisation
from nnapi_runtime.bound import Bound
from nnapi_runtime.compilation_cache import CompilationCache
from nnapi_runtime.control import ControlRunner
from nnapi_runtime.errors import (
    ArgumentError,
    FallbackWarning,
    LibraryError,
    ModelError,
    NnapiError,
)
from nnapi_runtime.flexible_stage import FlexibleRunner
from nnapi_runtime.free_sizes import check_dims, sizes_of
from nnapi_runtime.manifest import (
    AnyStage,
    ControlStage,
    Manifest,
    NnapiStage,
    Result,
    Shape,
    TensorSpec,
    TorchStage,
)
from nnapi_runtime.stages import Cost, NnapiRunner, Runner, TorchRunner, Values
from nnapi_runtime.tensors import (
    Value,
    copied,
    dtype_name,
    flatten,
    is_tensor,
    to_array,
    to_tensor,
    write,
)
from nnapi_runtime.variants import VariantSessions


class Session:
    """Called with torch tensors or numpy arrays, it returns what the model would, of the same kind.

    Arguments may be nested as the model's are. Threads may share a session.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any],
        models: Mapping[str, Any],
        weights: Sequence[Any],
        torch_programs: Mapping[str, Callable[..., Any] | Any],
        *,
        library: str | PathLike[str] | None = None,
        num_threads: int | None = None,
        loop_timeout: float | None = None,
        cache_dir: str | PathLike[str] | None = None,
        fallback: bool = True,
        name: str = "the model",
    ) -> None:
        """From the parts of a .nnapi file (docs/file_format.md).

        ``manifest`` is the JSON document, ``models`` words by their names in the manifest,
        ``weights`` the numbered buffers, as arrays or anything with the buffer protocol; nothing of
        these is copied. ``torch_programs`` are callables or TorchScript text by name. ``loop_timeout``
        is the seconds that a loop may take. The library keeps what compiling made in ``cache_dir``, which
        needs the checksums of a file. Raises `NnapiError`, whose text begins with ``name``.

        With ``fallback``, all of a model that the library refuses, or that there is no library for, runs in
        torch, if its parts say how; a `FallbackWarning` and the attribute ``fallback`` tell.
        """
        self.name = name
        self.fallback: str | None = None
        """Why the model runs in torch; None: it runs on NNAPI."""
        if num_threads is not None and not 1 <= num_threads < 2**31:
            raise ArgumentError(f"num_threads is {num_threads}; it must be at least 1, or None")
        try:
            self._manifest = Manifest.parse(manifest)
            options = {
                "library": library,
                "relaxed": self._manifest.relaxed,
                "num_threads": num_threads or 0,
                "loop_timeout": _nanoseconds(loop_timeout),
            }
            sums = manifest.get("checksums") if cache_dir is not None else None
            cache = None if cache_dir is None else CompilationCache.of(cache_dir, sums)
            self._whole = partial(self._in_torch, weights, torch_programs if fallback else {})
            try:
                self._runners = self._staged(models, weights, torch_programs, options, cache)
            except NnapiError as error:
                self._runners = [self._whole(error)]
            self._variants = VariantSessions(
                () if self.fallback else self._manifest.variants,
                lambda inner: Session(
                    {**inner, "checksums": sums},
                    models,
                    weights,
                    torch_programs,
                    library=library,
                    num_threads=num_threads,
                    loop_timeout=loop_timeout,
                    cache_dir=cache_dir,
                    fallback=fallback,
                    name=name,
                ),
            )
        except NnapiError as error:
            raise error.within(name) from error.__cause__

    def _staged(
        self,
        models: Mapping[str, Any],
        weights: Sequence[Any],
        torch_programs: Mapping[str, Any],
        options: Mapping[str, Any],
        cache: CompilationCache | None,
    ) -> list[Runner]:
        def runner_of(stage: AnyStage) -> Runner:
            if isinstance(stage, ControlStage):
                return ControlRunner(stage, runner_of, options["loop_timeout"])
            if isinstance(stage, TorchStage):
                return TorchRunner(stage, _part(torch_programs, stage.program), weights)
            words = _part(models, stage.model)

            def options_for(sizes: str) -> dict[str, Any]:
                kept = {} if cache is None else {"cache": cache.entry(f"{stage.model}{sizes}")}
                return {**options, **kept}

            if stage.patches is None:
                return NnapiRunner(stage, words, weights, options_for(""))
            return FlexibleRunner(stage, words, weights, options_for, self._manifest.sizes)

        return [runner_of(stage) for stage in self._manifest.stages]

    def _in_torch(
        self, weights: Sequence[Any], torch_programs: Mapping[str, Any], error: NnapiError
    ) -> Runner:
        """All of the model, which NNAPI does not run. Raises ``error`` where torch cannot run it either."""
        stage = self._manifest.cpu
        if not _is_refusal(error) or stage is None or stage.program not in torch_programs:
            raise error
        try:
            runner = TorchRunner(stage, torch_programs[stage.program], weights)
        except NnapiError as missing:
            raise error.with_text(f"{error}; and to run it without NNAPI, {missing}") from None
        self.fallback = str(error)
        warnings.warn(
            f"{self.name}: runs in torch, not on NNAPI: {error}", FallbackWarning, stacklevel=4
        )
        return runner

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Name, dtype and shape of each argument; a dimension of None is free."""
        return self._manifest.inputs

    @property
    def example_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of arguments that the model takes: where dimensions are free, the example's."""
        manifest = self._manifest
        if manifest.variants:
            manifest = Manifest.parse(manifest.variants[0].manifest)
        sizes = {size.name: size.example for size in manifest.sizes}
        return [
            tuple(one.at(sizes) for one in spec.dims) if spec.dims else _fixed_shape(spec.shape)
            for spec in manifest.inputs
        ]

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The tensors among the results, in order."""
        return tuple(result.spec for result in self._manifest.results if result.spec)

    @property
    def feature_level(self) -> int:
        """NNAPI's feature level that the model needs."""
        return self._manifest.feature_level

    def __call__(self, *args: Any) -> Any:
        values = self._bind(args)
        if self._manifest.variants:
            chosen: Session = self._variants.choose(sizes_of(self._manifest.sizes, values))
            return chosen(*args)
        as_tensors = any(is_tensor(values[spec.name]) for spec in self.inputs)
        try:
            for runner in self._runners:
                runner.run(values, as_tensors)
        except NnapiError as error:
            # Where sizes are free, models are compiled when the sizes are known.
            self._runners = [self._whole(error)]
            return self(*args)
        results = [self._result(values, result, as_tensors) for result in self._manifest.results]
        return self._manifest.output_tree.build(self._returned(results, values))

    def _returned(self, results: list[Any], values: Values) -> list[Any]:
        """The results that are returned, after the others are written into their arguments."""
        into = [one.into for one in self._manifest.results]
        if not any(into):
            return results
        # A result may be an argument, or a view of it, as it was.
        results = [copied(value) for value in results]
        for value, name in zip(results, into, strict=True):
            if name is not None:
                write(values[name], value, name)
        return [value for value, name in zip(results, into, strict=True) if name is None]

    def profile(self, *args: Any) -> list[Cost]:
        """Runs once more, and says what each NNAPI operation and each torch stage cost."""
        values = self._bind(args)
        if self._manifest.variants:
            chosen: Session = self._variants.choose(sizes_of(self._manifest.sizes, values))
            return chosen.profile(*args)
        return [cost for runner in self._runners for cost in runner.profile(values)]

    def bound(self) -> Bound:
        """Arrays for arguments and results that stay in one place, and are computed on without further ado.

        Raises `ArgumentError` where the model is more than one NNAPI piece from its arguments to its results.
        """
        runner, results = self._runners[0] if self._runners else None, self._manifest.results
        wanted = (
            [spec.name for spec in self.inputs],
            [one.spec and one.spec.name for one in results],
        )
        if (
            not isinstance(runner, NnapiRunner)
            or any(one.into for one in results)
            or len(self._runners) != 1
            or (list(runner.stage.reads()), list(runner.stage.writes())) != wanted
        ):
            raise ArgumentError(
                f"{self.name} is not one NNAPI piece that takes its arguments and gives its results; "
                "call the session"
            )
        return runner.bound()

    def _bind(self, args: tuple[Any, ...]) -> Values:
        given = list(flatten(args))
        if len(given) != len(self.inputs):
            names = ", ".join(repr(spec.name) for spec in self.inputs)
            raise ArgumentError(
                f"{self.name} takes {len(self.inputs)} tensors ({names}), not {len(given)}"
            )
        for spec, value in zip(self.inputs, given, strict=True):
            _check(spec, value)
        self._check_sizes(given)
        if self.fallback is not None:
            self._check_quantisation(given)
        values = dict(self._manifest.constants)
        values.update((spec.name, value) for spec, value in zip(self.inputs, given, strict=True))
        return values

    def _check_sizes(self, given: Sequence[Value]) -> None:
        """Sizes must be in their ranges, and every dimension what they say it is."""
        if not self._manifest.sizes:
            return
        named = {spec.name: value for spec, value in zip(self.inputs, given, strict=True)}
        sizes = sizes_of(self._manifest.sizes, named)
        for spec in self.inputs:
            if spec.dims is not None:
                check_dims(spec.name, named[spec.name].shape, spec.dims, sizes)
        for relation in self._manifest.relations:
            relation.check(sizes)

    def _check_quantisation(self, given: list[Value]) -> None:
        """What the borders of NNAPI stages check where they run."""
        values = dict(zip((spec.name for spec in self.inputs), given, strict=True))
        for stage in self._manifest.stages:
            for border in stage.inputs if isinstance(stage, NnapiStage) else ():
                if border.value in values:
                    check_quantisation(border, values[border.value])

    def _result(self, values: Values, result: Result, as_tensors: bool) -> Any:
        if result.spec is None:
            return None
        value = values[result.spec.name]
        if result.python is not None:
            return result.python(value.reshape(()).item())
        if result.spec.name in self._manifest.constants:
            value = value.copy()  # callers may write into what they get
        return to_tensor(value) if as_tensors else to_array(value)


def _is_refusal(error: NnapiError) -> bool:
    """Is there no library, or does it not take the model? What fails in a run is no refusal."""
    making = "ANeuralNetworksModel_", "ANeuralNetworksCompilation_"
    return isinstance(error, LibraryError) or (error.call or "").startswith(making)


def _nanoseconds(seconds: float | None) -> int:
    """0: NNAPI's own limit."""
    if seconds is None:
        return 0
    if not 0 < seconds < 1e9:
        raise ArgumentError(f"loop_timeout is {seconds}; it must be seconds above 0, or None")
    return max(1, round(seconds * 1e9))


def _fixed_shape(shape: Shape) -> tuple[int, ...]:
    return tuple(1 if size is None else size for size in shape)


def _part(parts: Mapping[str, Any], name: str) -> Any:
    if name not in parts:
        raise ModelError(f"{name!r}, which the manifest names, is missing")
    return parts[name]


def _check(spec: TensorSpec, value: Value) -> None:
    shape = tuple(value.shape)
    fits = len(shape) == len(spec.shape) and all(
        wanted is None or has == wanted for has, wanted in zip(shape, spec.shape, strict=True)
    )
    # A quantised tensor may stand for its integers; its parameters are checked at the border.
    dtypes = {spec.dtype, f"q{spec.dtype}"}
    if not fits or dtype_name(value) not in dtypes:
        wanted = ", ".join("any" if dim is None else str(dim) for dim in spec.shape)
        raise ArgumentError(
            f"input {spec.name!r} must be {spec.dtype} of shape ({wanted}), "
            f"not {dtype_name(value)} of shape ({', '.join(map(str, shape))})"
        )
