"""A conversion that does not run is not handed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.export import Dim

from nnapi_core.artifact.contents import Contents
from nnapi_core.conversion import list_of_steps, self_check
from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.converted import Converted
from nnapi_core.errors import ConversionError


class Mixed(nn.Module):
    """NNAPI, torch, NNAPI."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.layer(torch.special.i0(torch.tanh(self.layer(x))))) + 1


def without_a_value(manifest: dict[str, Any]) -> None:
    manifest["stages"][-1]["inputs"][0]["value"] = "nothing"


def of_another_dtype(manifest: dict[str, Any]) -> None:
    manifest["outputs"][0]["dtype"] = "int32"


def of_another_rank(manifest: dict[str, Any]) -> None:
    manifest["outputs"][0]["shape"].append(1)


def of_another_shape(manifest: dict[str, Any]) -> None:
    manifest["stages"][0]["inputs"][0]["shape"] = [7, 4]


DAMAGES = [without_a_value, of_another_dtype, of_another_rank, of_another_shape]


@given(st.sampled_from(DAMAGES), st.booleans())
def test_what_does_not_run_is_an_error(damage: Callable[..., None], is_flexible: bool) -> None:
    made = list_of_steps.make_contents

    def damaged(*args: Any, **options: Any) -> Contents:
        parts = made(*args, **options)
        damage(parts.manifest)
        return parts

    args = (torch.randn(3, 4),)
    if is_flexible:
        # The mistake is in the sizes' own way, so that only one of them shows it.
        shapes = ({0: Dim("n", min=2, max=5)},)
        assert "not run" not in str(
            convert(Mixed().eval(), args, dynamic_shapes=shapes).report.notes
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_of_steps, "make_contents", damaged)
        with pytest.raises(
            ConversionError, match=r"finished conversion .*mistake of the conversion"
        ):
            convert(Mixed().eval(), args)
        convert(Mixed().eval(), args, self_check=False)


def test_a_corner_of_the_ranges_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    run = Converted.run_tensors

    def watched(self: Any, tensors: Any) -> Any:
        seen.append(tuple(tensors[0].shape))
        return run(self, tensors)

    monkeypatch.setattr(Converted, "run_tensors", watched)
    sizes = {0: Dim("n", min=2, max=8), 1: 2 * Dim("half", min=2, max=4)}

    class Halves(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x.reshape(x.shape[0], x.shape[1] // 2, 2))

    convert(Halves(), (torch.randn(5, 6),), dynamic_shapes=(sizes,))
    assert seen == [(5, 6), (2, 4)]


def test_what_torch_refuses_there_is_no_mistake_of_the_conversion() -> None:
    class Looked(nn.Module):
        def forward(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
            return torch.special.i0(x)[places]

    converted = convert(Looked(), (torch.randn(3), torch.tensor([9])))
    assert torch.equal(
        converted(torch.zeros(3), torch.tensor([1])), torch.special.i0(torch.zeros(1))
    )


def test_an_exported_program_is_run_on_its_own_example() -> None:
    program = torch.export.export(nn.ReLU(), (torch.randn(2, 3),))
    assert not convert(program).report.notes
    with pytest.raises(
        ConversionError, match=r"takes 'input.*' of shape \[2, 3\]; the argument has \[4, 3\]"
    ):
        convert(program, (torch.randn(4, 3),))
    with pytest.raises(ConversionError, match="takes 1 tensors; there are 2"):
        convert(program, (torch.randn(2, 3), torch.randn(2, 3)))


def test_what_cannot_be_saved_is_said_before() -> None:
    class Bits(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x).view(torch.int32) & 255

    converted = convert(Bits(), (torch.randn(2, 3),))
    assert any("cannot be saved" in note for note in converted.report.notes)


def test_large_models_are_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check, "MOST_BYTES", 1 << 10)
    (note,) = convert(nn.Linear(64, 64), (torch.randn(1, 64),)).report.notes
    assert "not run before it was handed over" in note
