"""The override is taken for Acme's drivers alone."""

from __future__ import annotations

import torch
from attrs import evolve
from hypothesis import given, settings

import nnapi_core
from nnapi_core.plugin import DeviceProfile
from nnapi_core.testing import Case, check_lowering, tensors


def operations(profile: DeviceProfile) -> set[str]:
    converted = nnapi_core.convert(
        torch.nn.Hardswish(), (torch.randn(2, 3),), feature_level=30, device_profile=profile
    )
    return set(converted.report.operations)


def test_only_on_acmes_drivers() -> None:
    reference = DeviceProfile.shipped("nnapi-reference")
    assert operations(reference) == {"HARD_SWISH"}
    assert operations(evolve(reference, name="acme-npu-2")) == {"ADD", "MUL"}


@settings(max_examples=10)
@given(tensors(min_rank=1, max_rank=3))
def test_others_get_what_it_replaces(x: torch.Tensor) -> None:
    assert check_lowering(Case(torch.nn.Hardswish(), (x,), feature_level=30)).supported
