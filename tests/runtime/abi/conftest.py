"""Compilations of one addition, which tests of what is done with a compilation run."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import c_void_p

import pytest

from tests.runtime import c_api


@pytest.fixture
def compilation() -> Iterator[c_void_p]:
    """a + b of [4], made by createForDevices."""
    model = c_api.adder(4)
    handle = c_api.compile_model(model, explicit_device=True)
    yield handle
    c_api.free("Compilation", handle)
    model.free()


@pytest.fixture
def dynamic() -> Iterator[c_void_p]:
    """a + b, no dimension known."""
    model = c_api.adder(0, output=(0,))
    handle = c_api.compile_model(model)
    yield handle
    c_api.free("Compilation", handle)
    model.free()
