"""Lets timm be imported without torchvision.

timm imports torchvision (and PIL, which comes with it) for data sets, image transforms and feature extraction.
None of its architectures use these, and torchvision's wheels on PyPI want a CUDA build of torch. So while timm is
imported, every module below these names is hollow: whatever is asked of it is a class without content.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_PACKAGES = ("torchvision", "PIL")


class _Hollow(type):
    """Of a class without content, whose attributes are such classes again."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        setattr(cls, name, _Hollow(name, (), {}))
        return cls.__dict__[name]


class _HollowModule(ModuleType):
    __version__ = "0.0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        setattr(self, name, _Hollow(name, (), {}))
        return self.__dict__[name]


class _Finder(MetaPathFinder, Loader):
    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.split(".")[0] not in self._packages:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _HollowModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def torchvision_stand_in() -> Iterator[None]:
    """Hollow modules for what is not installed of torchvision and PIL; gone again afterwards."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    finder = _Finder(missing)
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in list(sys.modules):
            if name.split(".")[0] in missing:
                del sys.modules[name]
