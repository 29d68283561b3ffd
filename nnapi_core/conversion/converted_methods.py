"""What `convert_methods` gives: the methods of a model, which run here, and can be saved together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, NoReturn

from attrs import define, field

from nnapi_core.artifact.contents import Contents
from nnapi_core.artifact.stock_borders import within_stock
from nnapi_core.conversion.converted import ConversionFiles, Converted, open_session
from nnapi_core.errors import ConversionError
from nnapi_core.report.report import Report


@define(eq=False, repr=False)
class ConvertedMethod(Converted):
    """One of the methods: called as a `Converted` is. Its state is that of all."""

    name: str = ""
    methods: ConvertedMethods | None = field(default=None, repr=False)

    def open_session(self, **options: Any) -> Any:
        """Another `nnapi_runtime.Session`, as this method of it."""
        return self._all_methods().open_session(**options).method(self.name)

    def session(self, *, num_threads: int | None = None) -> Any:
        """The `nnapi_runtime.Session` that runs all methods, as this one of it."""
        return self._all_methods().session(num_threads=num_threads).method(self.name)

    def reset(self) -> None:
        """Makes the state what it was when the model was converted."""
        self._all_methods().reset()

    def for_stock(self) -> NoReturn:
        """A file has all methods. Raises `ConversionError`."""
        raise self._only_together()

    def held_by(self, path: str | PathLike[str]) -> NoReturn:
        """A file has all methods. Raises `ConversionError`."""
        raise self._only_together()

    def save(self, path: str | PathLike[str]) -> NoReturn:
        """A file has all methods. Raises `ConversionError`."""
        raise self._only_together()

    def _only_together(self) -> ConversionError:
        return ConversionError(
            f"{self.name!r} is one of several methods, which are saved together; save what convert_methods gave"
        )

    def _all_methods(self) -> ConvertedMethods:
        assert self.methods is not None
        return self.methods


@define(eq=False, repr=False)
class ConvertedMethods(ConversionFiles):
    """The methods of a model by their names: ``converted.encode(x)``. They share weights and state."""

    cases: Mapping[str, Sequence[ConvertedMethod]]
    """By method, one for each of the sizes that it was made for."""
    contents: Contents = field(repr=False)
    """Of all of them."""
    report: Report
    """Of all of them: names of nodes begin with the method's. ``converted.encode.report`` is a method's own."""
    make_for_stock: Callable[[], ConvertedMethods] | None = field(default=None, repr=False)
    """Makes it again within stock PyTorch's format, where that can be done."""
    _stock: ConvertedMethods | None = field(default=None, repr=False)
    _session: Any = field(default=None, repr=False)

    def __repr__(self) -> str:
        level, size = self.report.feature_level, self.report.weight_bytes / 1e6
        return f"<ConvertedMethods: {', '.join(self.methods)}; {size:.2f} MB of weights, feature level {level}>"

    @property
    def methods(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self.cases)

    def __getattr__(self, name: str) -> ConvertedMethod:
        try:
            cases = object.__getattribute__(self, "cases")
        except AttributeError:  # it is being copied
            cases = {}
        if name not in cases:
            raise AttributeError(f"{type(self).__name__!r} has no attribute or method {name!r}")
        method: ConvertedMethod = cases[name][0]
        return method

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.methods})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raises `ConversionError` where there are several methods; the only one is run."""
        if len(self.cases) > 1:
            listed = ", ".join(map(repr, self.methods))
            raise ConversionError(
                f"the model has several methods: {listed}; call one of them by its name: "
                f"converted.{self.methods[0]}(...)"
            )
        return next(iter(self.cases.values()))[0](*args, **kwargs)

    def reset(self) -> None:
        """Makes the state of all methods what it was when the model was converted."""
        if self._session is not None:
            self._session.reset()

    def session(self, *, num_threads: int | None = None) -> Any:
        """The `nnapi_runtime.Session` that runs the methods here; with ``num_threads`` another, which begins anew."""
        if self._session is None or num_threads is not None:
            self._session = self.open_session(num_threads=num_threads)
        return self._session

    def open_session(self, **options: Any) -> Any:
        """Another `nnapi_runtime.Session` of the methods, with its options."""
        return open_session(self.contents, **options)

    def for_stock(self) -> ConvertedMethods:
        """The conversion that ``.pt`` and ``.ptl`` files hold: this one, where stock PyTorch's format can say it.

        Otherwise another, with more pieces: what the format cannot say stays in torch, and its report says so.
        """
        every = [case.contents for cases in self.cases.values() for case in cases]
        if self.make_for_stock is None or all(map(within_stock, every)):
            return self
        if self._stock is None:
            self._stock = self.make_for_stock()
        return self._stock
