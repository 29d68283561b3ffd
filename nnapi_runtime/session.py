"""A converted model, ready to be called: its stages one after another, on NNAPI and in torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

from nnapi_runtime.bound import Bound
from nnapi_runtime.errors import ArgumentError, ModelError, NnapiError
from nnapi_runtime.flexible_stage import FlexibleRunner
from nnapi_runtime.free_sizes import check_dims, sizes_of
from nnapi_runtime.manifest import Manifest, NnapiStage, Result, TensorSpec
from nnapi_runtime.stages import Cost, NnapiRunner, Runner, TorchRunner, Values
from nnapi_runtime.tensors import Value, dtype_name, flatten, is_tensor, to_array, to_tensor
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
        name: str = "the model",
    ) -> None:
        """From the parts of a .nnapi file (docs/file_format.md).

        ``manifest`` is the JSON document, ``models`` words by their names in the manifest,
        ``weights`` the numbered buffers, as arrays or anything with the buffer protocol; nothing of
        these is copied. ``torch_programs`` are callables or .pt2 bytes by name. Raises
        `NnapiError`, whose text begins with ``name``.
        """
        self.name = name
        if num_threads is not None and not 1 <= num_threads < 2**31:
            raise ArgumentError(f"num_threads is {num_threads}; it must be at least 1, or None")
        try:
            self._manifest = Manifest.parse(manifest)
            options = {
                "library": library,
                "relaxed": self._manifest.relaxed,
                "num_threads": num_threads or 0,
            }
            self._runners: list[Runner] = []
            for stage in self._manifest.stages:
                if not isinstance(stage, NnapiStage):
                    program = _part(torch_programs, stage.program)
                    self._runners.append(TorchRunner(stage, program, weights))
                    continue
                words = _part(models, stage.model)
                if stage.patches is None:
                    self._runners.append(NnapiRunner(stage, words, weights, options))
                else:
                    sizes = self._manifest.sizes
                    self._runners.append(FlexibleRunner(stage, words, weights, options, sizes))
            self._variants = VariantSessions(
                self._manifest.variants,
                lambda inner: Session(
                    inner,
                    models,
                    weights,
                    torch_programs,
                    library=library,
                    num_threads=num_threads,
                    name=name,
                ),
            )
        except NnapiError as error:
            raise error.within(name) from error.__cause__

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Name, dtype and shape of each argument; a dimension of None is free."""
        return self._manifest.inputs

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
        for runner in self._runners:
            runner.run(values, as_tensors)
        results = [self._result(values, result, as_tensors) for result in self._manifest.results]
        return self._manifest.output_tree.build(results)

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

    def _result(self, values: Values, result: Result, as_tensors: bool) -> Any:
        if result.spec is None:
            return None
        value = values[result.spec.name]
        if result.python is not None:
            return result.python(value.reshape(()).item())
        if result.spec.name in self._manifest.constants:
            value = value.copy()  # callers may write into what they get
        return to_tensor(value) if as_tensors else to_array(value)


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
