"""Numbers are computed as TorchScript computes them: compared with TorchScript itself."""

from __future__ import annotations

import itertools
import math
import struct
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from nnapi_core.testing import tensors  # noqa: F401 - its profile
from nnapi_runtime.torch_program.numbers import (
    COMPARISONS,
    FUNCTIONS,
    INFIX,
    LOGIC,
    greatest,
    least,
)

WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)
FLOAT = st.floats() | st.integers(-5, 5).map(float)


def in_torchscript(expression: str) -> dict[tuple[type, type], Callable[[Any, Any], Any]]:
    """The function of ``a`` and ``b``, by their types."""
    found: dict[tuple[type, type], Callable[[Any, Any], Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for a, b in itertools.product((int, float), repeat=2):
            text = f"def run(a: {a.__name__}, b: {b.__name__}):\n    return {expression}\n"
            found[a, b] = torch.jit.CompilationUnit(text).run
    return found


OURS: dict[str, Callable[[Any, Any], Any]] = {
    **{f"(a {sign} b)": function for sign, function in {**INFIX, **COMPARISONS}.items()},
    "min(a, b)": least,
    "max(a, b)": greatest,
}
THEIRS = {expression: in_torchscript(expression) for expression in OURS}


def bits(value: Any) -> Any:
    """What tells zeros and kinds apart, but not one NaN from another."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    return type(value), value


@pytest.mark.parametrize("expression", OURS)
@given(a=WHOLE | FLOAT, b=WHOLE | FLOAT)
@example(a=2**63 - 1, b=1)
@example(a=-(2**63), b=-1)
@example(a=2**53 + 1, b=1.0)
@example(a=-0.0, b=3)
@example(a=0.0, b=-0.0)
@example(a=math.nan, b=1)
@example(a=-8.0, b=1 / 3)
@example(a=0.0, b=-3)
@example(a=-0.0, b=-3.0)
@example(a=-1e300, b=3)
def test_as_in_torchscript(expression: str, a: int | float, b: int | float) -> None:
    whole = isinstance(a, int) and isinstance(b, int)
    if whole and expression in ("(a // b)", "(a % b)") and (b == 0 or (a, b) == (-(2**63), -1)):
        # TorchScript itself divides by zero, or beyond 64 bits, and the processor stops it.
        with pytest.raises(ZeroDivisionError) if b == 0 else warnings.catch_warnings():
            assert -(2**63) <= OURS[expression](a, b) < 2**63
        return
    if expression == "(a ** b)" and a == 0 and b < 0:
        for power in (OURS[expression], THEIRS[expression][type(a), type(b)]):
            with pytest.raises((ZeroDivisionError, RuntimeError), match="negative power"):
                power(a, b)
        return
    expected = THEIRS[expression][type(a), type(b)](a, b)
    assert bits(OURS[expression](a, b)) == bits(expected)


IN_TORCHSCRIPT: dict[tuple[str, type], Callable[[Any], Any]] = {}
for _name in FUNCTIONS:
    for _kind in (int, float, bool):
        _text = f"def run(a: {_kind.__name__}):\n    return {_name} (a)\n"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            IN_TORCHSCRIPT[_name, _kind] = torch.jit.CompilationUnit(_text).run


@pytest.mark.parametrize("name", FUNCTIONS)
@given(value=WHOLE | FLOAT | st.booleans())
@example(value=-(2**63))
@example(value=-0.0)
@example(value=0)
@example(value=-0.5)
@example(value=2.5)
@example(value=-1)
@example(value=1000.0)
@example(value=2**53 + 1)
@example(value=2**63 - 1)
@example(value=-(2.0**63))
def test_functions_as_in_torchscript(name: str, value: int | float | bool) -> None:
    function, kind = FUNCTIONS[name]
    # What becomes a float64 on the way: every number that is floored.
    beyond = (isinstance(value, float) or name == "math.floor") and not (
        -(2**63) <= float(value) < 2**63
    )
    if name in ("int", "math.floor", "math.ceil") and beyond:
        # There, what the processor makes of it.
        with pytest.raises((ValueError, OverflowError)):
            function(value)
        return
    found = function(value)
    assert bits(found) == bits(IN_TORCHSCRIPT[name, type(value)](value))
    assert kind in (None, type(found).__name__)


@pytest.mark.parametrize("sign", LOGIC)
def test_logic(sign: str) -> None:
    text = f"def run(a: bool, b: bool):\n    return a {sign} b\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torch.jit.CompilationUnit(text).run
    for a, b in itertools.product((True, False), repeat=2):
        assert LOGIC[sign](a, b) is theirs(a, b)
