"""Weights as integers, activations in floats: `quantize_weights`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.ao.quantization.fx._decomposed  # registers the operator
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from nnapi_core.errors import ConversionError
from nnapi_core.graph.deep_copies import copied_module
from nnapi_core.graph.export.check_arguments import check_model

_GREATEST = 127
_LAYERS = (nn.Linear, NonDynamicallyQuantizableLinear)


class WeightOnlyLinear(nn.Linear):
    """An `nn.Linear` whose weight is int8 with a scale for each output, and a float when it is asked for."""

    def __init__(
        self, layer: nn.Linear, weight_integers: torch.Tensor, weight_scales: torch.Tensor
    ) -> None:
        """In the place of ``layer``, whose bias it shares."""
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.bias = layer.bias
        self.training = layer.training
        self.register_buffer("weight_integers", weight_integers)
        self.register_buffer("weight_scales", weight_scales)

    @property
    def weight(self) -> torch.Tensor:  # type: ignore[override]
        """The numbers that the integers are."""
        found: torch.Tensor = torch.ops.quantized_decomposed.dequantize_per_channel(
            self.weight_integers, self.weight_scales, None, 0, -_GREATEST, _GREATEST, torch.int8
        )
        return found


def quantize_weights(module: nn.Module) -> nn.Module:
    """A copy of a module whose linear layers have weights of int8, with a scale for each output (weight-only).

    Activations, biases and all other layers stay in floats, and nothing is calibrated: a weight is rounded to one of
    255 steps between the largest of its row and minus that. The copy is an `nn.Module` that computes with the rounded
    weights, to be tried in torch and given to `nnapi_core.convert` or `nnapi_core.convert_methods`; a file of it
    holds the integers. It shares with ``module``, which is not changed, all parameters but these weights. Layers that
    shared a weight do so afterwards.

    Raises `ConversionError` for what is no module of float32 weights, or has no `nn.Linear`.
    """
    check_model(module)
    if not isinstance(module, nn.Module):
        raise ConversionError(
            f"the model is of {type(module).__name__}; weights are quantised before an export: give the nn.Module"
        )
    made = copied_module(module)
    rounded: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    replaced: dict[int, WeightOnlyLinear] = {}
    layers = list(_linear_layers(made))
    if not layers:
        raise ConversionError(
            f"{type(module).__name__} has no nn.Linear, whose weights quantize_weights makes integers; "
            "nnapi_core.quantize makes integers of convolutions and activations as well"
        )
    for name, layer in layers:
        weight = layer.weight
        if id(weight) not in rounded:
            rounded[id(weight)] = _rounded(name, weight)
        replaced[id(layer)] = WeightOnlyLinear(layer, *rounded[id(weight)])
    if id(made) in replaced:
        return replaced[id(made)]
    for part in made.modules():
        for name, inner in part._modules.items():
            if id(inner) in replaced:
                part._modules[name] = replaced[id(inner)]
    return made


def _linear_layers(module: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    """Those that are nothing but that; subclasses may do else with their weights."""
    for name, part in module.named_modules():
        if type(part) in _LAYERS:
            assert isinstance(part, nn.Linear)
            yield name, part


def _rounded(name: str, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Integers, and the scale of each row."""
    weight = weight.detach()
    if weight.dtype is not torch.float32:
        raise ConversionError(
            f"the weight of {name or 'the layer'!r} is {weight.dtype}; weights of float32 become integers: call "
            ".float() first"
        )
    if not bool(weight.isfinite().all()):
        raise ConversionError(
            f"the weight of {name or 'the layer'!r} has numbers that are not finite"
        )
    largest = weight.abs().amax(1) if weight.shape[1] else torch.zeros(weight.shape[0])
    least = torch.finfo(torch.float32).tiny
    scales = torch.where(largest > 0, (largest / _GREATEST).clamp(min=least), 1.0)
    integers = torch.round(weight / scales[:, None]).clamp(-_GREATEST, _GREATEST)
    return integers.to(torch.int8), scales
