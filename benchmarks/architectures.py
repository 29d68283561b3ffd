"""The architectures of docs/models.md: published ones from timm and transformers, and three of our own.

Weights are random and seeded. Language, speech and segmentation models are the libraries' own classes with fewer
layers and narrower than the published ones; image models are as published, at a resolution that is quick to run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn

from benchmarks.networks import Denoiser, Tagger
from benchmarks.torchvision_stand_in import torchvision_stand_in
from tests.models.definitions import UNet

# Nothing is ever downloaded.
os.environ["HF_HUB_OFFLINE"] = "1"


@frozen(eq=False)
class Architecture:
    """``build`` makes the module and its arguments; ``note`` says how it differs from the published one."""

    name: str
    source: str
    build: Callable[[], tuple[nn.Module, tuple[Any, ...]]]
    note: str = ""

    def make(self) -> tuple[nn.Module, tuple[Any, ...]]:
        """The module in evaluation mode with seeded weights, and its arguments."""
        torch.manual_seed(0)
        module, args = self.build()
        return randomised(module, args), args


def randomised(module: nn.Module, args: tuple[Any, ...]) -> nn.Module:
    """Gives every parameter and statistic a value that matters.

    Initialisation leaves biases at 0, scales at 1 and whole residual branches at nearly nothing; a converter that
    forgot these would go unnoticed.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.numel() and bool((parameter == parameter.flatten()[0]).all()):
                if name.endswith("bias"):
                    parameter.normal_(0.0, 0.1, generator=generator)
                else:
                    parameter.uniform_(0.5, 1.5, generator=generator)
        _measure_statistics(module, args)
    return module.eval()


def _measure_statistics(module: nn.Module, args: tuple[Any, ...]) -> None:
    """Batch norms take the statistics of one batch, as training would give them."""
    norms = [one for one in module.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    module.eval()
    for norm in norms:
        norm.train()
        norm.momentum = None
        norm.reset_running_stats()
    module(*(torch.cat([one, one.flip(-1)]) for one in args))


def _image(name: str, size: int = 224, **options: Any) -> Architecture:
    def build() -> tuple[nn.Module, tuple[Any, ...]]:
        with torchvision_stand_in():
            import timm
        return timm.create_model(name, pretrained=False, **options), (
            torch.randn(1, 3, size, size),
        )

    return Architecture(name, "timm", build, f"{size}×{size}")


def _transformers(
    name: str,
    model: str,
    config: str,
    args: Callable[[], tuple[Any, ...]],
    note: str,
    *,
    part: Callable[[nn.Module], nn.Module] = lambda whole: whole,
    **options: Any,
) -> Architecture:
    def build() -> tuple[nn.Module, tuple[Any, ...]]:
        import transformers

        made = getattr(transformers, model)(getattr(transformers, config)(**options))
        return Tensors(part(made)), args()

    return Architecture(name, "transformers", build, note)


class Tensors(nn.Module):
    """A model of transformers whose result is its first tensor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *args: Tensor) -> Tensor:
        return self.model(*args, return_dict=False)[0]


def _tokens(count: int, vocabulary: int = 1000) -> Callable[[], tuple[Any, ...]]:
    return lambda: (
        torch.randint(0, vocabulary, (1, count)),
        torch.ones(1, count, dtype=torch.int64),
    )


_SMALL = {
    "vocab_size": 1000,
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 512,
}

ARCHITECTURES = (
    _image("mobilenetv2_100"),
    _image("mobilenetv3_large_100"),
    _image("mobilenetv4_conv_small"),
    _image("mobilenetv4_hybrid_medium"),
    _image("efficientnet_b0"),
    _image("efficientnet_lite0"),
    _image("mnasnet_100"),
    _image("ghostnet_100"),
    _image("resnet18"),
    _image("resnet50", 160),
    _image("regnetx_004"),
    _image("densenet121", 160),
    _image("inception_v3", 171),
    _image("vgg11"),
    _image("hrnet_w18_small", 128),
    _image("repvgg_a0", 160),
    _image("convnext_tiny", 128),
    _image("mobilevit_s", 128),
    _image("vit_tiny_patch16_224"),
    _image("swin_tiny_patch4_window7_224"),
    _transformers(
        "SegFormer",
        "SegformerForSemanticSegmentation",
        "SegformerConfig",
        lambda: (torch.randn(1, 3, 128, 128),),
        "B0, 128×128",
    ),
    Architecture(
        "U-Net",
        "ours",
        lambda: (UNet(32), (torch.randn(1, 3, 128, 128),)),
        "two scales, 128×128",
    ),
    Architecture(
        "LSTM tagger",
        "ours",
        lambda: (Tagger(), (torch.randint(0, 1000, (1, 24)),)),
        "bidirectional, 2 layers, 24 words",
    ),
    _transformers("BERT", "BertModel", "BertConfig", _tokens(48), "2 layers, 48 tokens", **_SMALL),
    _transformers(
        "DistilBERT",
        "DistilBertModel",
        "DistilBertConfig",
        _tokens(48),
        "2 layers, 48 tokens",
        vocab_size=1000,
        dim=128,
        n_layers=2,
        n_heads=4,
        hidden_dim=512,
    ),
    _transformers(
        "GPT-2",
        "GPT2LMHeadModel",
        "GPT2Config",
        lambda: (torch.randint(0, 1000, (1, 32)),),
        "2 layers, prefill of 32 tokens",
        vocab_size=1000,
        n_embd=128,
        n_layer=2,
        n_head=4,
        use_cache=False,
    ),
    _transformers(
        "Llama",
        "LlamaForCausalLM",
        "LlamaConfig",
        lambda: (torch.randint(0, 1000, (1, 32)),),
        "2 layers, grouped queries, prefill of 32 tokens",
        **_SMALL,
        num_key_value_heads=2,
        use_cache=False,
    ),
    _transformers(
        "Wav2Vec2",
        "Wav2Vec2Model",
        "Wav2Vec2Config",
        lambda: (torch.randn(1, 8000),),
        "2 layers, half a second",
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=512,
        conv_dim=(128,) * 7,
    ),
    _transformers(
        "Whisper encoder",
        "WhisperModel",
        "WhisperConfig",
        lambda: (torch.randn(1, 80, 400),),
        "2 layers, 4 seconds",
        part=lambda whole: whole.get_encoder(),
        d_model=128,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=512,
        decoder_ffn_dim=512,
        max_source_positions=200,
    ),
    Architecture(
        "speech denoiser",
        "ours",
        lambda: (Denoiser(), (torch.randn(1, 1, 4096),)),
        "convolutional encoder and decoder, 2 GRU layers, 4096 samples",
    ),
)
