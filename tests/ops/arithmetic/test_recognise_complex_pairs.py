"""Complex numbers between real ones: spectra, and rotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnapi_core import convert
from nnapi_core.testing import Case, check_lowering, tensors
from tests.ops.lowering_strategies import check_from, levels, operations

ENDS: dict[str, Callable[[torch.Tensor], Any]] = {
    "pairs": torch.view_as_real,
    "magnitude": torch.abs,
    "power": lambda c: c.real**2 + c.imag**2,
    "parts": lambda c: (c.real, c.imag),
    "own power": lambda c: (c * c.conj()).real,
    "moved": lambda c: (c.transpose(-1, -2)[..., 1:] * 0.5 - c.mT[..., :-1]).abs(),
}


@settings(max_examples=8)
@given(st.sampled_from(list(ENDS)), st.data(), st.booleans(), st.booleans(), st.booleans(), levels)
def test_stft(
    end: str, data: st.DataObject, center: bool, normalized: bool, batched: bool, level: int
) -> None:
    length = data.draw(st.sampled_from([4, 9, 16]))
    width = data.draw(st.sampled_from([length, length - 1]))
    hop = data.draw(st.sampled_from([None, 2, 5]))
    window = data.draw(st.sampled_from([None, torch.hann_window, torch.hamming_window]))
    x = data.draw(tensors(shape=((2, 40) if batched else (40,))))

    def function(x: torch.Tensor) -> Any:
        spectrum = torch.stft(
            x,
            length,
            hop,
            width,
            None if window is None else window(width),
            center=center,
            normalized=normalized,
            return_complex=True,
        )
        return ENDS[end](spectrum)

    # What is squared is the sum of a window.
    check_from(29, function, [x], level, terms=256, magnitude=(4 * length) ** 2)


def test_a_spectrum_is_one_convolution() -> None:
    window = torch.hann_window(16)

    def mel(x: torch.Tensor) -> torch.Tensor:
        power = torch.stft(x, 16, 4, window=window, return_complex=True).abs() ** 2
        return (power.transpose(1, 2) + 1e-6).log()

    outcome = check_lowering(Case(mel, (torch.randn(1, 80),), 29, terms=64, magnitude=64))
    assert outcome.supported, outcome.reasons
    assert operations(outcome)["CONV_2D"] == 1


@settings(max_examples=5)
@given(st.data(), levels)
def test_rotations_by_constant_angles(data: st.DataObject, level: int) -> None:
    x = data.draw(tensors(shape=(1, 3, 2, 8))).contiguous()
    angles = torch.outer(torch.arange(3.0), torch.rand(4))
    turns = torch.polar(torch.ones_like(angles), angles)[:, None]

    def rotary(x: torch.Tensor) -> torch.Tensor:
        pairs = torch.view_as_complex(x.reshape(1, 3, 2, 4, 2))
        return torch.view_as_real(pairs * turns).flatten(3)

    check_from(29, rotary, [x], level, terms=4, magnitude=16)


def test_what_ends_complex_stays_in_torch() -> None:
    class Spectrum(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            spectrum = torch.stft(x, 16, 4, return_complex=True)
            return spectrum, spectrum.abs()

    x = torch.randn(1, 80)
    converted = convert(Spectrum(), (x,))
    for found, expected in zip(converted(x), Spectrum()(x), strict=True):
        torch.testing.assert_close(found, expected)
    reasons = [row.reason for row in converted.report.nodes if row.device == "cpu"]
    assert any("view_as_real" in one for one in reasons), reasons
