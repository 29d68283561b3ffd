"""Results of any structure and dtype, of models with and without arguments: right in every artifact, or refused."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
import torch.utils._pytree as pytree
from hypothesis import given
from hypothesis import strategies as st
from torch.jit.mobile import _load_for_lite_interpreter

import nnapi_core
import nnapi_runtime

# What numpy has not, is refused where arrays are given.
NOT_ARRAYS = (torch.bfloat16, torch.float8_e5m2)
DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64,
    torch.bool, torch.complex64, torch.complex128, *NOT_ARRAYS,
)  # fmt: skip

CONSTANTS = st.builds(
    lambda dtype, shape: torch.ones(shape).cumsum(-1).to(dtype),
    st.sampled_from(DTYPES),
    st.sampled_from([(3,), (), (0, 2), (2, 2)]),
)
LEAVES = st.one_of(
    st.sampled_from(["argument", "computed", None, 3, 2.5, True]),
    CONSTANTS,
)
STRUCTURES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["u", "v", 3]), inner, max_size=2),
    ),
    max_leaves=6,
)


class Returning(torch.nn.Module):
    def __init__(self, structure: Any) -> None:
        super().__init__()
        self.leaves, self.spec = pytree.tree_flatten(structure)

    def forward(self, x: torch.Tensor | None = None) -> Any:
        given = torch.ones(2) if x is None else x
        named = {"argument": given, "computed": given * 2}
        return pytree.tree_unflatten(
            [named[one] if isinstance(one, str) else one for one in self.leaves], self.spec
        )


def same(actual: Any, expected: Any) -> None:
    found, wanted = pytree.tree_leaves(actual), pytree.tree_leaves(expected)
    for one, other in zip(found, wanted, strict=True):
        assert type(one) is type(other)
        if isinstance(other, torch.Tensor):
            assert one.dtype is other.dtype and one.shape == other.shape
            assert torch.equal(
                one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8)
            )
        else:
            assert one == other


@given(STRUCTURES, st.booleans())
def test_right_or_refused(structure: Any, takes_one: bool) -> None:
    module = Returning(structure)
    args = (torch.tensor([1.5, -2]),) if takes_one else ()
    expected = module(*args)
    converted = nnapi_core.convert(module, args)
    same(converted(*args), expected)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "m.nnapi"
        converted.save(path)
        session = nnapi_runtime.load(path)
        found = session(*args)
        same(found, expected)
        assert pytree.tree_structure(found) == pytree.tree_structure(expected)
        for suffix, load in ((".pt", torch.jit.load), (".ptl", _load_for_lite_interpreter)):
            try:
                converted.save(path.with_suffix(suffix))
            except nnapi_core.ConversionError as refusal:
                if "the model returns a" not in str(refusal):
                    raise
                continue
            same(load(str(path.with_suffix(suffix)))(*args), expected)


@given(CONSTANTS)
def test_constants_beside_arrays(constant: torch.Tensor) -> None:
    converted = nnapi_core.convert(Returning((constant, "computed")), (torch.ones(2),))
    session = converted.session()
    array = np.ones(2, np.float32)
    if constant.dtype in NOT_ARRAYS:
        with pytest.raises(nnapi_runtime.ArgumentError, match="which numpy has not"):
            session(array)
        return
    found, computed = session(array)
    assert np.array_equal(computed, 2 * array)
    assert isinstance(found, np.ndarray) and np.array_equal(found, constant.numpy())
    assert found.dtype == constant.numpy().dtype
