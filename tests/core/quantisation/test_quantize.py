"""Quantising a model: what comes out at each level, who else's graphs are read, and what is refused with a recipe."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_core.cli import main
from nnapi_core.nnapi.types import ChannelQuant, OperandCode
from nnapi_core.verification.verify import verify

pytest.importorskip("torchao", reason="quantisation needs the extra `quant`")

from torchao.quantization import (
    Int8DynamicActivationInt8WeightConfig,
    Int8WeightOnlyConfig,
    IntxWeightOnlyConfig,
    PerGroup,
    quantize_,
)
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
    X86InductorQuantizer,
    get_default_x86_inductor_quantization_config,
)
from torchao.testing.pt2e._xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)

RECIPE = r"nnapi_core\.quantize\(module, calibration_batches\)"
X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.ReLU6(),
        nn.Flatten(),
        nn.Linear(8 * 36, 32),
        nn.Linear(32, 5),
    ).eval()


def batches(count: int = 4) -> list[tuple[torch.Tensor]]:
    generator = torch.Generator().manual_seed(2)
    return [(torch.randn(X.shape, generator=generator),) for _ in range(count)] + [(X,)]


def snr(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """In dB."""
    noise = (actual.double() - expected.double()).square().sum()
    return float(10 * torch.log10(expected.double().square().sum() / noise))


def codes(converted: nnapi_core.Converted) -> list[OperandCode]:
    (lowered,) = converted.contents.lowered.values()
    return [operand.type.code for operand in lowered.model.operands]


# ---- the public API


@pytest.mark.parametrize("level", [29, 30, 1000006])
@pytest.mark.parametrize("quantized_io", [False, True])
def test_quantize_then_convert(level: int, quantized_io: bool) -> None:
    module = network()
    program = nnapi_core.quantize(module, batches(), feature_level=level)
    converted = nnapi_core.convert(
        program, (X,), feature_level=level, fallback="error", quantized_io=quantized_io
    )
    assert converted.report.float_islands() == []
    dtype = torch.int8 if level >= 30 else torch.uint8
    code = (
        OperandCode.TENSOR_QUANT8_ASYMM_SIGNED if level >= 30 else OperandCode.TENSOR_QUANT8_ASYMM
    )
    assert code in codes(converted)
    assert OperandCode.TENSOR_QUANT8_SYMM_PER_CHANNEL in codes(converted)
    assert (OperandCode.TENSOR_FLOAT32 in codes(converted)) == (not quantized_io)
    (stage,) = converted.contents.manifest["stages"]
    ins, outs = stage["inputs"][0], stage["outputs"][0]
    if quantized_io:
        given = torch.round(X / ins["scale"] + ins["zero_point"])
        low, high = torch.iinfo(dtype).min, torch.iinfo(dtype).max
        integers = converted(given.clamp(low, high).to(dtype))
        assert integers.dtype is dtype
        actual = (integers.to(torch.int32) - outs["zero_point"]) * outs["scale"]
    else:
        assert (ins["scale"], outs["scale"]) == (0.0, 0.0)
        actual = converted(X)
    with torch.no_grad():
        assert snr(actual, module(X)) > 25
        assert snr(actual, program.module()(X)) > 40


def test_a_scale_for_each_channel_from_29_on_unless_it_is_off() -> None:
    for level, per_channel, expected in ((28, True, False), (29, True, True), (29, False, False)):
        program = nnapi_core.quantize(
            network(), batches(), feature_level=level, per_channel=per_channel
        )
        converted = nnapi_core.convert(program, (X,), feature_level=level, quantized_io=True)
        assert converted.report.float_islands() == []
        (lowered,) = converted.contents.lowered.values()
        quants = [operand.type.quant for operand in lowered.model.operands]
        assert any(isinstance(one, ChannelQuant) for one in quants) == expected


def test_signed_integers_become_unsigned_for_an_older_device() -> None:
    program = nnapi_core.quantize(network(), batches(), feature_level=30)
    newer = nnapi_core.convert(program, (X,), feature_level=30, fallback="error")
    older = nnapi_core.convert(program, (X,), feature_level=29, fallback="error")
    assert OperandCode.TENSOR_QUANT8_ASYMM_SIGNED in codes(newer)
    assert OperandCode.TENSOR_QUANT8_ASYMM_SIGNED not in codes(older)
    assert older.report.feature_level == 29
    assert torch.equal(newer(X), older(X))


def test_free_batch() -> None:
    program = nnapi_core.quantize(
        network(), batches(), dynamic_shapes=({0: torch.export.Dim("n", min=1, max=16)},)
    )
    converted = nnapi_core.convert(program, (X,), fallback="error")
    more = torch.cat([X, X.flip(3), X.flip(2)])
    torch.testing.assert_close(converted(more)[:2], converted(X))
    assert converted.report.float_islands() == []


def test_the_module_is_not_changed() -> None:
    module = network().train()
    before = copy.deepcopy(module.state_dict())
    nnapi_core.quantize(module, batches())
    prepared = nnapi_core.prepare_qat(module, (X,))
    optimiser = torch.optim.SGD(prepared.parameters(), 0.1)
    prepared(X).square().mean().backward()
    optimiser.step()
    assert module.training and all(one.training for one in module.modules())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_training_with_integers_in_mind() -> None:
    layers = list(network())
    up = nn.Sequential(nn.ConvTranspose2d(8, 4, 2, 2), nn.BatchNorm2d(4), nn.Flatten())
    module = nn.Sequential(*layers[:5], up, nn.Linear(4 * 144, 5))
    prepared = nnapi_core.prepare_qat(module, (X,))
    optimiser = torch.optim.Adam(prepared.parameters(), 1e-3)
    target = torch.randn(2, 5)
    losses = []
    for _ in range(15):
        prepared.train()
        optimiser.zero_grad()
        loss = (prepared(X) - target).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    program = nnapi_core.finish_qat(prepared, (X,))
    converted = nnapi_core.convert(program, (X,), fallback="error")
    assert converted.report.float_islands() == []
    assert snr(converted(X), program.module()(X)) > 35


# ---- what is written


@pytest.mark.parametrize("level", [28, 29, 30])
def test_quantised_borders_are_written_and_read_back(level: int, tmp_path: Path) -> None:
    program = nnapi_core.quantize(network(), batches(), feature_level=level)
    converted = nnapi_core.convert(program, (X,), feature_level=level, quantized_io=True)
    converted.save(tmp_path / "m.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "m.nnapi")
    (stage,) = converted.contents.manifest["stages"]
    scale, zero = stage["inputs"][0]["scale"], stage["inputs"][0]["zero_point"]
    dtype = torch.qint8 if level >= 30 else torch.quint8
    typed = torch.quantize_per_tensor(X, scale, zero, dtype)
    result = loaded(typed.int_repr())
    assert result.dtype is (torch.int8 if level >= 30 else torch.uint8)
    assert torch.equal(result, converted(typed.int_repr()))
    assert torch.equal(result, loaded(typed))
    with pytest.raises(Exception, match=f"the model takes {scale}"):
        loaded(torch.quantize_per_tensor(X, scale * 2, zero, dtype))


def test_sizes(tmp_path: Path) -> None:
    """Integers take a quarter of the weights' bytes, half precision takes half."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 256, 3), nn.ReLU(), nn.Conv2d(256, 256, 3)).eval()
    converted = {
        "float": nnapi_core.convert(module, (X,)),
        "relaxed": nnapi_core.convert(module, (X,), relax_float32_to_float16=True),
        "half": nnapi_core.convert(copy.deepcopy(module).half(), (X.half(),)),
        "integers": nnapi_core.convert(nnapi_core.quantize(module, batches()), (X,)),
    }
    size = {}
    for name, one in converted.items():
        one.save(tmp_path / f"{name}.nnapi")
        size[name] = (tmp_path / f"{name}.nnapi").stat().st_size
    assert size["relaxed"] == pytest.approx(size["float"], rel=0.01)
    assert size["half"] == pytest.approx(size["float"] / 2, rel=0.02)
    assert size["integers"] == pytest.approx(size["float"] / 4, rel=0.1)
    assert converted["relaxed"].contents.manifest["relaxed"]
    with torch.no_grad():
        expected = module(X)
    assert converted["half"](X.half()).dtype is torch.float16
    assert snr(converted["half"](X.half()).float(), expected) > 50
    assert snr(converted["relaxed"](X), expected) > 50


@pytest.mark.parametrize("quantized_io", [False, True])
def test_verifies(quantized_io: bool) -> None:
    """Against torch's floats, whether the borders are floats or integers; and it sees what is wrong."""
    program = nnapi_core.quantize(network(), batches())
    converted = nnapi_core.convert(program, (X,), quantized_io=quantized_io)
    with torch.no_grad():
        expected = program.module()(X)
    assert verify(converted, (X,), expected).passed
    assert not verify(converted, (X,), expected + 0.1 * expected.abs().max()).passed


def test_command_line_verifies_integer_borders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.export.save(nnapi_core.quantize(network(), batches()), tmp_path / "m.pt2")
    out = tmp_path / "m.nnapi"
    assert main([str(tmp_path / "m.pt2"), "-o", str(out), "--quantized-io", "--verify"]) == 0
    assert "agrees with torch" in capsys.readouterr().out
    assert out.exists()


# ---- graphs of other quantisers


def by_pt2e(quantizer: Any) -> torch.export.ExportedProgram:
    prepared = prepare_pt2e(torch.export.export(network(), (X,)).module(), quantizer)
    for batch in batches():
        prepared(*batch)
    return torch.export.export(convert_pt2e(prepared), (X,))


@pytest.mark.parametrize("level", [29, 30])
@pytest.mark.parametrize("per_channel", [False, True])
def test_xnnpack_graphs(level: int, per_channel: bool) -> None:
    """int8 activations, and linear layers with a scale for each unit."""
    config = get_symmetric_quantization_config(is_per_channel=per_channel)
    program = by_pt2e(XNNPACKQuantizer().set_global(config))
    converted = nnapi_core.convert(program, (X,), feature_level=level, fallback="error")
    assert converted.report.float_islands() == []
    signed = OperandCode.TENSOR_QUANT8_ASYMM_SIGNED in codes(converted)
    assert signed == (level >= 30)
    with torch.no_grad():
        assert snr(converted(X), program.module()(X)) > 35


def test_x86_graphs() -> None:
    """uint8 activations; the last layer's result is not quantised, and the report says so."""
    config = get_default_x86_inductor_quantization_config()
    program = by_pt2e(X86InductorQuantizer().set_global(config))
    converted = nnapi_core.convert(program, (X,), fallback="error")
    (island,) = converted.report.float_islands()
    assert "its result is not quantised" in island.reason
    with torch.no_grad():
        assert snr(converted(X), program.module()(X)) > 35


# ---- refusals


def test_refuses_dynamic_quantisation() -> None:
    config = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True)
    program = by_pt2e(XNNPACKQuantizer().set_global(config))
    with pytest.raises(nnapi_core.ConversionError, match=f"(?s)dynamic.*{RECIPE}"):
        nnapi_core.convert(program, (X,))


@pytest.mark.parametrize(
    "config, kind",
    [
        (Int8DynamicActivationInt8WeightConfig(), "dynamic"),
        (Int8WeightOnlyConfig(granularity=PerGroup(2)), "weight-only"),
        (IntxWeightOnlyConfig(weight_dtype=torch.int4), "int4"),
    ],
)
@pytest.mark.parametrize("exported", [False, True])
def test_refuses_weights_in_a_format_of_their_own(config: Any, kind: str, exported: bool) -> None:
    module = network()
    quantize_(module, config)
    given = torch.export.export(module, (X,)) if exported else module
    with pytest.raises(nnapi_core.ConversionError, match=f"(?s)'6.weight'.*{kind}.*{RECIPE}"):
        nnapi_core.convert(given, (X,))


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32])
def test_refuses_other_integers(dtype: torch.dtype) -> None:
    limits = torch.iinfo(dtype)

    class Wide(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            arguments = (0.1, 0, limits.min, limits.max, dtype)
            ops = torch.ops.quantized_decomposed
            rounded = ops.quantize_per_tensor(x, *arguments)
            return ops.dequantize_per_tensor(rounded, *arguments).relu()

    with pytest.raises(nnapi_core.ConversionError, match=f"(?s){dtype}.*uint8 and int8.*{RECIPE}"):
        nnapi_core.convert(Wide(), (X,))


def test_refuses_what_cannot_be_calibrated() -> None:
    module = network()
    for given, said in (
        ([], "is empty"),
        ([X], r"as in \(images,\), not as Tensor"),
        (3, "not a list of tuples"),
        ([(X,), (X[:1],)], "batch 1 .* equal shapes, or dynamic_shapes"),
        ([(X, X)], "cannot trace"),
    ):
        with pytest.raises(nnapi_core.ConversionError, match=said):
            nnapi_core.quantize(module, given)  # type: ignore[arg-type]
    with pytest.raises(nnapi_core.ConversionError, match="feature level 5 is not one of 27"):
        nnapi_core.quantize(module, batches(), feature_level=5)
    with pytest.raises(nnapi_core.ConversionError, match=r"module\.float\(\)"):
        nnapi_core.quantize(module.half(), [(X.half(),)])


def test_refuses_borders_without_integers() -> None:
    with pytest.raises(
        nnapi_core.ConversionError, match="quantized_io: the input 'input_1' has no"
    ):
        nnapi_core.convert(network(), (X,), quantized_io=True)
