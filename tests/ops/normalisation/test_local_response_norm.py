"""Local response normalisation, which torch spells out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nnapi_core import convert
from nnapi_core.testing import Case, check_lowering, feature_levels, tensors
from tests.ops.lowering_strategies import operations


@settings(max_examples=15)
@given(
    st.data(),
    st.sampled_from([(6,), (4, 5), (1, 7)]),
    st.sampled_from([1, 3, 5, 9, 2, 4]),
    st.sampled_from([(1e-4, 0.75, 1.0), (0.2, 0.5, 2.0), (1.0, 1.0, 0.5)]),
    feature_levels(29),
)
def test_local_response_norm(
    data: st.DataObject,
    sizes: tuple[int, ...],
    size: int,
    numbers: tuple[float, float, float],
    level: int,
) -> None:
    x = data.draw(tensors(shape=(2, data.draw(st.integers(1, 6)), *sizes)))
    case = Case(lambda x: functional.local_response_norm(x, size, *numbers), (x,), level, terms=32)
    done = operations(check_lowering(case))
    # An even number of neighbours is not centred, as NNAPI's is.
    assert (done == {"LOCAL_RESPONSE_NORMALIZATION": 1}) is (size % 2 == 1)


def test_images_have_it_since_the_first_level() -> None:
    x = torch.randn(1, 5, 6, 6)
    case = Case(lambda x: functional.local_response_norm(x, 5), (x,), 27, terms=32)
    assert operations(check_lowering(case)) == {"LOCAL_RESPONSE_NORMALIZATION": 1}


LOOKALIKES: list[Any] = [
    lambda x: x / (1.0 + 0.1 * torch.roll(x, 1, 1)).pow(0.5),
    lambda x: torch.relu(x) / functional.avg_pool2d(x * x, 3, 1, 1).mul(0.1).add(1.0).pow(0.75),
]


@pytest.mark.parametrize("function", LOOKALIKES)
def test_what_looks_alike(function: Any) -> None:
    check_lowering(Case(function, (torch.rand(1, 3, 6, 6),), 29, terms=64))


class Response(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.local_response_norm(x, 3)


def test_what_stays_in_torch_is_spelled_out() -> None:
    x = torch.randn(2, 5, 6)
    converted = convert(Response(), (x,), feature_level=27)
    stage = converted.contents.torch_programs["torch.0"]
    targets = [node.target for node in stage.graph.nodes if node.op == "call_function"]
    assert targets
    assert all(target.namespace == "aten" for target in targets if hasattr(target, "namespace"))
    torch.testing.assert_close(converted(x), functional.local_response_norm(x, 3))
