"""A converted model, ready to be called: the session of the C++ side, and what only torch can do for it."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal, cast

from nnapi_runtime import _loader
from nnapi_runtime._loader import Bound, Cost, Placement, TensorSpec
from nnapi_runtime.check_options import (
    names_of_devices,
    nanoseconds,
    optional_path,
    whole_number,
)
from nnapi_runtime.errors import ArgumentError, FallbackWarning, ModelError, spelt_out
from nnapi_runtime.input_tree import InputTree
from nnapi_runtime.nnapi_file import NnapiFile, read_file
from nnapi_runtime.state import State
from nnapi_runtime.torch_piece import TorchPieces

Fallback = Literal["torch", "host", "none"]
"""Where what an NNAPI library refuses runs: all of the model in torch, or that part on our own library."""


class Session:
    """Called with torch tensors or numpy arrays, it returns what the model would, of the same kind.

    A file of several methods is called by their names: ``session.encode(x)``.

    A model that takes none gives tensors where torch is imported, and arrays elsewhere. Arguments may be nested as the
    model's are. Threads may share a session; where the model keeps state, their calls take turns, in any order. A call
    that fails leaves the state as it was.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any],
        models: Mapping[str, Any],
        weights: Sequence[Any],
        torch_programs: Mapping[str, Callable[..., Any] | Any],
        *,
        library: str | PathLike[str] | None = None,
        devices: str | Sequence[str] | None = None,
        num_threads: int | None = None,
        loop_timeout: float | None = None,
        cache_dir: str | PathLike[str] | None = None,
        timeout: float | None = None,
        memory_limit: int | None = None,
        torch: Literal["checked", "never"] = "checked",
        fallback: Fallback | bool = "torch",
        name: str = "the model",
    ) -> None:
        """From the parts of a .nnapi file (docs/file_format.md).

        ``manifest`` is the JSON document, ``models`` words by their names in the manifest,
        ``weights`` the numbered buffers, as arrays or anything with the buffer protocol; nothing of
        these is copied. ``torch_programs`` are callables or TorchScript text by name. ``loop_timeout``
        is the seconds that a loop may take, ``timeout`` those of a call, ``devices`` and ``memory_limit`` are as in
        `load`. The library
        keeps what compiling made in ``cache_dir``, which needs the checksums of a file. Raises `NnapiError`, whose text
        begins with ``name``.

        With ``fallback`` ("torch"), all of a model that the library refuses, or that there is no library for, runs in
        torch, if its parts say how; a `FallbackWarning` and the attribute ``fallback`` tell. With "host", those pieces
        run on `host_library()` that the library refuses, and ``placements`` tells. ``torch="never"`` neither falls
        back to torch nor takes a model of which torch runs a part: torch is not imported.
        """
        try:
            text = json.dumps(manifest)
        except (TypeError, ValueError, RecursionError) as error:
            raise ModelError(f"{name}: the manifest is not JSON: {error}") from None
        try:
            artifact = _loader.artifact_of_parts(
                text, dict(models), weights, list(torch_programs), name
            )
        except ModelError as error:
            raise error.within(name) from None
        self._open(
            artifact,
            torch_programs,
            weights,
            library=library,
            devices=devices,
            num_threads=num_threads,
            loop_timeout=loop_timeout,
            cache_dir=cache_dir,
            timeout=timeout,
            memory_limit=memory_limit,
            torch=torch,
            fallback=fallback,
        )

    def __repr__(self) -> str:
        return spelt_out(self._described())

    def _described(self) -> str:
        if isinstance(self._native, _Closed):
            return f"<Session of {self.name}, closed>"
        if self._method is None:
            return f"<Session of {self.name}: methods {', '.join(self.methods)}>"
        specs = (
            ", ".join(f"{one.name}: {one.dtype} {_shape(one.shape)}" for one in side)
            for side in (self.inputs, self.outputs)
        )
        return f"<Session of {self.name}: {' → '.join(specs)}; feature level {self.feature_level}>"

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives back what the session holds: compiled models, and the map of its file once nobody else has it.

        Any later call is an `ArgumentError`. Sessions of its methods, and those that `fork` gave, go on.
        """
        self._native = cast(_loader.Session, _Closed(self.name))

    def __copy__(self) -> Session:
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """By the path of its file, with its options: the copy loads that anew; its state begins as the file has it."""
        if self._origin is None:
            raise TypeError(
                f"a session of {self.name} is not pickled: it is of no file. Save the conversion as .nnapi, and pickle "
                "what nnapi_runtime.load gives"
            )
        return _loaded_again, (*self._origin, self._method)

    @classmethod
    def of_file(cls, file: NnapiFile, **options: Any) -> Session:
        """Of a file that `read_file` gave. The options are those of a session of parts, but for the name."""
        session = cls.__new__(cls)
        session._open(file.artifact, file.torch_programs, file.weights, **options)
        return session

    def _open(
        self,
        artifact: _loader.Artifact,
        torch_programs: Mapping[str, Callable[..., Any] | Any],
        weights: Sequence[Any],
        *,
        library: str | PathLike[str] | None = None,
        devices: str | Sequence[str] | None = None,
        num_threads: int | None = None,
        loop_timeout: float | None = None,
        cache_dir: str | PathLike[str] | None = None,
        timeout: float | None = None,
        memory_limit: int | None = None,
        torch: Literal["checked", "never"] = "checked",
        fallback: Fallback | bool = "torch",
        check_file: str | PathLike[str] | None = None,
        check_timeout: float | None = None,
    ) -> None:
        self.name = artifact.name
        self._origin: tuple[str, dict[str, Any]] | None = None
        """The path of the file that it was loaded from, and the options of `of_file`."""
        if isinstance(fallback, bool):
            fallback = "torch" if fallback else "none"
        if fallback not in ("torch", "host", "none"):
            raise ArgumentError(f'fallback is {fallback!r}; it must be "torch", "host" or "none"')
        if torch not in ("checked", "never"):
            raise ArgumentError(f'torch is {torch!r}; it must be "checked" or "never"')
        loop_nanoseconds = nanoseconds(loop_timeout, "loop_timeout")
        native: dict[str, Any] = {
            "library": optional_path(library, "library"),
            "devices": names_of_devices(devices),
            "num_threads": whole_number(num_threads, "num_threads", 2**31, "at least 1"),
            "loop_timeout": loop_nanoseconds,
            "timeout": nanoseconds(timeout, "timeout"),
            "memory_limit": whole_number(memory_limit, "memory_limit", 2**63, "bytes"),
            "cache_dir": optional_path(cache_dir, "cache_dir"),
            "fallback": fallback,
            "check_file": optional_path(check_file, "check_file"),
            "check_timeout": nanoseconds(check_timeout, "check_timeout"),
        }
        if torch == "never" and artifact.external_programs:
            raise ModelError(
                f"{self.name}: torch runs {', '.join(map(repr, artifact.external_programs))}, and this was loaded "
                'with torch="never"; load it with torch="checked", or convert the model with fallback="error"'
            )
        self._input_trees: dict[str, InputTree | None] = {}
        """By method. None: the file is of a version that did not say it, and any nesting of the tensors does."""
        try:
            # All of the manifest would be many objects of Python's.
            for method, (tree, tensors) in artifact.input_trees.items():
                parsed = None if tree is None else InputTree.parse(tree, tensors)
                self._input_trees[method] = parsed
        except ModelError as error:
            raise error.within(self.name) from None
        pieces = TorchPieces(torch_programs, weights, loop_nanoseconds)
        self._native = _loader.Session(
            artifact,
            pieces.prepare if torch == "checked" else None,
            partial(_warn, artifact.name),
            **native,
        )
        self._method = self.methods[0] if len(self.methods) == 1 else None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the file, in order; of a file of one model: ``("forward",)``.

        ``session.encode`` is the method ``encode``, and so is ``session.method("encode")``.
        """
        return tuple(self._native.methods)

    def method(self, name: str) -> Session:
        """This session as one of its methods: called, it runs that; its `inputs`, `outputs` and so on are the method's.

        The methods of a file share their state, and `reset` and `fork` are for all of them. Of a method that was made
        for several sizes, `inputs` and `outputs` have the shapes of the first. Raises `ArgumentError` for another name.
        """
        made = copy(self)
        try:
            made._native = self._native.method(name)
        except TypeError:  # no text, or none in UTF-8
            raise ArgumentError(f"{self.name} has no method {name!a}") from None
        made._method = name
        return made

    def __getattr__(self, name: str) -> Session:
        # Asked for what there is not otherwise; while a session is copied, there is nothing yet.
        native = self.__dict__.get("_native")
        if native is None or name.startswith("_") or name not in native.methods:
            raise AttributeError(f"{type(self).__name__!r} has no attribute or method {name!r}")
        return self.method(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.methods})

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Name, dtype and shape of each argument; a dimension of None is free."""
        return tuple(self._native.inputs)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The tensors among the results, in order."""
        return tuple(self._native.outputs)

    @property
    def example_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of arguments that the model takes: where dimensions are free, the example's."""
        return self._native.example_shapes

    @property
    def feature_level(self) -> int:
        """NNAPI's feature level that the model needs."""
        return self._native.feature_level

    @property
    def fallback(self) -> str | None:
        """Why the model runs in torch; None: it runs on NNAPI."""
        return self._native.fallback

    @property
    def placements(self) -> list[Placement]:
        """Where each NNAPI operation and each torch piece runs, and why not where it was meant to."""
        return self._native.placements

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Takes what the model takes, structured as it was when it was converted; returns what it returns.

        Raises `ArgumentError` for arguments that are not, and `NnapiError` where the run fails.
        """
        return self._native(*self._tensors(args, kwargs))

    def run_tensors(self, tensors: Sequence[Any]) -> Any:
        """Runs on the tensors among the arguments alone, in the order of `inputs`."""
        return self._native(*tensors)

    def arguments_of(self, tensors: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """Arguments by place and by name that hold these tensors, which are in the order of `inputs`."""
        tree = self._input_tree()
        return (tensors, {}) if tree is None else tree.arguments(tensors)

    @property
    def state(self) -> State:
        """What the model keeps from one call to the next, by the names of the module's buffers."""
        return State(self._native)

    def reset(self) -> None:
        """Makes the state what it was when the model was converted."""
        self._native.reset()

    def fork(self) -> Session:
        """Another session over the same compiled models and weights; it goes on from this state by itself."""
        made = copy(self)
        made._native = self._native.fork()
        return made

    def profile(self, *args: Any, **kwargs: Any) -> list[Cost]:
        """Runs once more, and says what each NNAPI operation and each torch piece cost. Leaves the state as it is."""
        return self._native.profile(*self._tensors(args, kwargs))

    def _tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any]:
        tree = self._input_tree()
        if tree is not None:
            try:
                return tree.flatten(args, kwargs)
            except ArgumentError as error:
                raise error.within(self.name) from None
        if kwargs:
            raise ArgumentError(
                f"{self.name}: its file says no names of arguments; give {', '.join(kwargs)} by place"
            )
        return args

    def _input_tree(self) -> InputTree | None:
        """Raises `ArgumentError` where there are several methods, and this is none of them."""
        if self._method is None:
            listed = ", ".join(map(repr, self.methods))
            raise ArgumentError(
                f"{self.name} has several methods: {listed}; call one of them by its name: "
                f"session.{self.methods[0]}(...)"
            )
        return self._input_trees[self._method]

    def bound(self) -> Bound:
        """Arrays for arguments and results that stay in one place, and are computed on without further ado.

        Raises `ArgumentError` where the model is more than one NNAPI piece from its arguments to its results.
        """
        return self._native.bound()


class _Closed:
    """In the place of a session's C++ side: whatever is asked of it is refused."""

    methods = ()

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        raise ArgumentError(f"the session of {self._name} is closed; load the file again")

    def __call__(self, *_: object) -> Any:
        raise ArgumentError(f"the session of {self._name} is closed; load the file again")


def _shape(shape: Sequence[int | None]) -> str:
    return f"({', '.join('?' if dim is None else str(dim) for dim in shape)})"


def _loaded_again(path: str, options: dict[str, Any], method: str | None) -> Session:
    session = Session.of_file(read_file(path), **options)
    session._origin = path, options
    return session if method is None or session._method == method else session.method(method)


def _warn(name: str, why: str) -> None:
    """Told why the model runs in torch; the warning is for the line that loads or calls it."""
    frame, level = sys._getframe(), 1
    here = str(Path(__file__).parent)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(here):
        frame, level = frame.f_back, level + 1
    said = FallbackWarning(f"{name}: runs in torch, not on NNAPI: {why}")
    warnings.warn(said, stacklevel=level)
