"""torchao's int8 weights of linear layers become what `nnapi_core.quantize_weights` makes; other uses are refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import nnapi_core
from tests.core.artifact.every_form import check_everywhere
from tests.core.quantisation.test_weight_only import close

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")

from torchao.quantization import Int8WeightOnlyConfig, PerRow, PerTensor, quantize_


@settings(max_examples=6)
@given(
    st.lists(st.integers(1, 20), min_size=2, max_size=4),
    st.lists(st.integers(1, 4), min_size=0, max_size=2),
    st.booleans(),
    st.booleans(),
    st.sampled_from([PerRow(), PerTensor()]),
    st.sampled_from([27, 29, 30]),
)
def test_every_form_computes_with_the_integers_of_torchao(
    widths: list[int], batch: list[int], bias: bool, twice: bool, of: Any, level: int
) -> None:
    torch.manual_seed(len(widths))
    layers: list[nn.Module] = []
    for inner, outer in itertools.pairwise(widths):
        layers += [nn.Linear(inner, outer, bias=bias), nn.ReLU()]
    if twice:
        shared = nn.Linear(widths[-1], widths[-1], bias=bias)
        layers += [shared, nn.Sigmoid(), shared]
    module = nn.Sequential(*layers).eval()
    quantize_(module, Int8WeightOnlyConfig(granularity=of))
    calls = [(torch.randn(*batch, widths[0]),) for _ in range(2)]
    exported = torch.export.export(module, calls[0])
    for given_model in (module, exported):
        converted = nnapi_core.convert(given_model, calls[0], feature_level=level)
        assert {row.device for row in converted.report.nodes} == {"nnapi", "folded"}
        assert converted.report.operations["DEQUANTIZE"] == len(widths) - 1 + twice
    check_everywhere(converted, module, calls, close)
    assert "access_subclass" in str(exported.graph), "what was given was changed"


def sums(layer: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return layer(x) + layer.weight.qdata.sum()


def rows(layer: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return (x @ layer.weight.qdata.to(torch.float32).t()) + layer.weight.scale.view(-1)


@pytest.mark.parametrize("use", [sums, rows])
def test_other_uses_of_such_a_weight_are_refused(use: Callable[..., torch.Tensor]) -> None:
    class Uses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return use(self.layer, x)

    module = Uses().eval()
    quantize_(module, Int8WeightOnlyConfig())
    with pytest.raises(
        nnapi_core.ConversionError, match=r"'layer.weight' of torchao what is no linear layer"
    ):
        nnapi_core.convert(module, (torch.randn(2, 3),))


def test_the_methods_of_a_module_share_such_a_weight() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 64)

        def one(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x).relu()

        def other(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x).sigmoid()

    module = Two().eval()
    quantize_(module, Int8WeightOnlyConfig())
    x = torch.randn(2, 64)
    methods = {"one": (module.one, (x,)), "other": (module.other, (x,))}
    converted = nnapi_core.convert_methods(methods)
    close(converted.one(x), module.one(x))
    close(converted.other(x), module.other(x))
    assert sum(one.nbytes for one in converted.contents.weights.constants) < 64 * 64 + 4 * 300
