"""What a calibration is given, what it finds in it, and what it says of the program that it made."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import nnapi_core
from nnapi_core.cli import main
from nnapi_core.graph.calibration_record import CalibrationRecord
from tests.core.quantisation.test_quantised_graphs import settled, snr

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")

from nnapi_core.quantisation import calibrated_graph, calibration, comparison

SHAPE = (2, 3, 8, 8)


def example(seed: int = 0) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


class Reused(nn.Module):
    """The result of a convolution is read by its batch norm and by something else."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return self.norm(y) + y


class Function(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self.conv(x))


# ---- batches


@given(
    place=st.integers(0, 2),
    element=st.integers(0, 3 * 64 - 1),
    value=st.sampled_from([math.nan, -math.nan]),
)
def test_nan_is_named_with_its_batch(place: int, element: int, value: float) -> None:
    batches = [(example(seed),) for seed in range(3)]
    batches[place][0].view(-1)[element] = value
    said = rf"argument \[0\] of calibration batch {place} holds NaN \(1 of 384 elements\)"
    with pytest.raises(nnapi_core.ConversionError, match=said):
        nnapi_core.quantize(Reused(), batches)


X = torch.zeros(SHAPE)


@pytest.mark.parametrize(
    "second, said",
    [
        ((X.double(),), r"\[0\] of calibration batch 1 is a torch.float64 tensor"),
        (
            (X[0],),
            r"of shape \[3, 8, 8\], in batch 0 a torch.float32 tensor of shape \[2, 3, 8, 8\]",
        ),
        ((X[:1],), r"give batches of equal shapes, or dynamic_shapes"),
        ((X, X), r"batch 1 has the arguments \[0\], \[1\], batch 0 \[0\]"),
        (({"x": X},), r"batch 1 has the arguments \[0\]\['x'\], batch 0 \[0\]"),
        ((None,), r"\[0\] of calibration batch 1 is None, in batch 0 a torch.float32 tensor"),
        ((X.to("meta"),), r"\[0\] of calibration batch 1 has no numbers"),
        ({"x": X}, r"as in \(images,\), not as dict"),
        (None, r"as in \(images,\), not as NoneType"),
        ((), r"batch 1 has the arguments none"),
    ],
)
def test_batches_that_are_not_like_the_first(second: Any, said: str) -> None:
    with pytest.raises(nnapi_core.ConversionError, match=said):
        nnapi_core.quantize(Reused(), [(example(),), second])


def test_batches_from_a_generator_and_for_a_module_that_writes_into_them() -> None:
    class Writes(Reused):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.mul_(2))

    given_ = [(example(seed),) for seed in range(3)]
    program = nnapi_core.quantize(settled(Writes()), (one for one in given_))
    assert all(torch.equal(one[0], example(seed)) for seed, one in enumerate(given_))
    record = CalibrationRecord.of(program)
    assert record is not None and record.batches == 3
    assert nnapi_core.quantize(settled(Reused()), given_, dynamic_shapes=None) is not None


def test_what_is_no_module() -> None:
    for wrong in (torch.relu, "model.pt2", 3):
        with pytest.raises(nnapi_core.ConversionError, match=r"a torch\.nn\.Module is"):
            nnapi_core.quantize(wrong, [(example(),)])  # type: ignore[arg-type]
        with pytest.raises(nnapi_core.ConversionError, match=r"a torch\.nn\.Module is"):
            nnapi_core.prepare_qat(wrong, (example(),))  # type: ignore[arg-type]


def test_an_exported_program_is_quantised_as_its_module_is() -> None:
    module = settled(Reused())
    program = torch.export.export(module, (example(),))
    quantised = nnapi_core.quantize(program, [(example(),)])
    with torch.no_grad():
        assert snr(quantised.module()(example()), module(example())) > 30


# ---- values that no range holds


def masked(y: torch.Tensor) -> torch.Tensor:
    mask = torch.full((8, 8), -math.inf).triu(1)
    return (y + mask).softmax(-1) @ y


NOT_FINITE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "a mask": masked,
    "filled": lambda y: y.masked_fill(torch.eye(8).bool(), -math.inf).softmax(-1),
    "overflow": lambda y: torch.cat([(y + 100).exp().clamp(max=2), y], 1),
    "all of it": lambda y: torch.cat([torch.full_like(y, math.inf).clamp(max=1), y], 1),
    "no range": lambda y: torch.cat([(y * 2e38) * 1e-38, y], 1),
    "not a number": lambda y: torch.cat([(y - 0.5).sqrt().nan_to_num(0.0), y], 1),
}


@pytest.mark.parametrize("name", sorted(NOT_FINITE))
@pytest.mark.parametrize("level", [28, 29])
def test_tensors_that_are_not_finite_stay_floats(name: str, level: int) -> None:
    module = Function(NOT_FINITE[name]).eval()
    x = example()
    program = nnapi_core.quantize(module, [(x,)], feature_level=level)
    record = CalibrationRecord.of(program)
    assert record is not None and record.floats
    with torch.no_grad():
        expected = module(x)
    converted = nnapi_core.convert(program, (x,), feature_level=level)
    assert snr(converted(x), expected) > 25
    notes = [one for one in converted.report.notes if "left in floats" in one]
    assert len(notes) == len(record.floats)


@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e15, 1e20])
def test_small_and_large_numbers_keep_their_bits(size: float) -> None:
    class Scaled(Reused):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x * size)

    module = Scaled().eval()
    with torch.no_grad():
        assert module.conv.bias is not None
        module.conv.bias.zero_()
        expected = module(example())
    program = nnapi_core.quantize(module, [(example(),)])
    with torch.no_grad():
        assert snr(program.module()(example()), expected) > 35


# ---- ranges that are one


def test_ranges_that_are_known_are_not_joined_with_others() -> None:
    """Below level 29 joined tensors have one range; a sigmoid's ends at 1."""
    functions: list[Callable[[torch.Tensor], Any]] = [
        lambda y: torch.cat([y.sigmoid(), y * 3, y.tanh()], 1),
        lambda y: torch.cat([F.max_pool2d(y.sigmoid(), 3, 1, 1), y], 1),
        lambda y: torch.cat([F.max_pool2d(y, 3, 1, 1), y, F.avg_pool2d(y, 3, 1, 1)], 1) * 2,
        lambda y: F.pad(y.sigmoid(), (1, 1), value=5.0),
        lambda y: F.hardtanh(y.sigmoid(), 1.5, 2.0) + y,
        lambda y: torch.cat([y, torch.cat([y.sigmoid(), y.sigmoid()], 1)], 1),
    ]
    for function in functions:
        for level in (27, 28, 29, 30):
            module = Function(function).eval()
            program = nnapi_core.quantize(module, [(example(),)], feature_level=level)
            converted = nnapi_core.convert(program, (example(),), feature_level=level)
            with torch.no_grad():
                assert snr(converted(example()), module(example())) > 28


def test_writes_through_views() -> None:
    def function(y: torch.Tensor) -> torch.Tensor:
        F.relu_(y[:, :4])
        return y * 2 + 1

    module = Function(function).eval()
    program = nnapi_core.quantize(module, [(example(),)])
    with torch.no_grad():
        assert snr(program.module()(example()), module(example())) > 30


# ---- what is compared


def shifted(step: Callable[..., Any]) -> Callable[..., Any]:
    """A rewrite after which a layer has another bias."""

    def rewritten(graph: Any, *rest: Any) -> Any:
        made = step(graph, *rest)
        name = next(n.target for n in made.graph.nodes if n.op == "get_attr" and "bias" in n.target)
        owner, _, bias = name.rpartition(".")
        other = nn.Parameter(made.get_parameter(name).detach() + 0.5)
        made.get_submodule(owner).register_parameter(bias, other)
        return made

    return rewritten


def test_a_wrong_rewrite_is_refused_with_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the graph that is prepared, and of the one that is finished."""
    for module, step, said in (
        (calibrated_graph, "prepare_pt2e", r"conv2d .* prepared for calibration"),
        (calibration, "convert_pt2e", r"conv2d .* quantised by torchao"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(module, step, shifted(getattr(module, step)))
            with pytest.raises(nnapi_core.ConversionError, match=said):
                nnapi_core.quantize(Function(torch.relu).eval(), [(example(),)])


def test_growing_rounding_is_no_difference() -> None:
    assert not comparison.differs((torch.ones(3),), (torch.ones(3) * (1 + 1e-5),))
    assert comparison.differs((torch.ones(3),), (torch.ones(3) * 1.01,))
    assert comparison.differs((torch.tensor([1.0, math.nan]),), (torch.tensor([1.0, 2.0]),))
    assert not comparison.differs(
        (torch.tensor([math.inf, 1.0]),), (torch.tensor([math.inf, 1.0]),)
    )


@pytest.mark.parametrize("quantized_io", [False, True])
def test_verification_states_the_distance_to_the_float_module(
    quantized_io: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = settled(Reused())
    program = nnapi_core.quantize(module, [(example(seed),) for seed in range(2)])
    torch.export.save(program, tmp_path / "m.pt2")
    argv = [str(tmp_path / "m.pt2"), "-o", str(tmp_path / "m.nnapi"), "--verify"]
    assert main(argv + ["--quantized-io"] * quantized_io) == 0
    record = CalibrationRecord.of(program)
    assert record is not None
    with torch.no_grad():
        here = snr(program.module()(example()), module(example()))
    assert abs(record.snr[0] - here) < 2
    assert f"{record.snr[0]:.1f} dB from the float module on 2 calib" in capsys.readouterr().out


def test_importing_torchao_says_nothing_that_is_of_no_use() -> None:
    text = (
        "import logging, nnapi_core.quantisation.quantizer as q\n"
        "logging.getLogger('torchao').warning('Failed to be quiet')"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines() == ["Failed to be quiet"]
    assert logging.getLogger("torchao").filters == []
