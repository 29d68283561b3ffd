"""Models of transformers generate on NNAPI what ``model.generate`` does, over the cache of nnapi_core.generation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_core.generation import CachedDecoder, CachedEncoderDecoder, generate
from nnapi_core.generation.cached_models import _cache_argument
from nnapi_core.generation.relative_bias import BucketsByPlace, biased_layers
from tests.core.artifact.stock_methods import Stock

transformers = pytest.importorskip(
    "transformers", reason="models of transformers need the extra `models`"
)
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import transformers_generate as example  # noqa: E402

TOKENS = 16
LEVELS = {"llama": 29, "qwen3": 1000006, "gemma3": 30, "whisper": 30, "t5": 29}


@pytest.mark.parametrize("name", example.TASKS)
def test_the_same_tokens_as_model_generate(name: str, tmp_path: Path) -> None:
    task = example.TASKS[name]()
    wanted = task.wanted(TOKENS)
    assert len(set(wanted)) > 2
    made = task.cached(task.model)
    assert generate(made, task.prompt, TOKENS, encoder=task.encoder) == wanted
    made.reset()
    converted = nnapi_core.convert_methods(made.methods(), feature_level=LEVELS[name])
    assert example.share(converted) == 1
    converted.save(tmp_path / "m.nnapi")
    session = nnapi_runtime.load(tmp_path / "m.nnapi")
    for _ in range(2):  # The second time nothing is left of the first.
        assert generate(session, task.prompt, TOKENS, encoder=task.encoder) == wanted
    # Scores as well, for tokens that generation would not have chosen.
    made.reset()
    place = torch.tensor([task.prompt.shape[1] + TOKENS - 1])
    generate(made, task.prompt, TOKENS, encoder=task.encoder)
    with torch.no_grad():
        for number in (3, 17, 40):
            token = torch.tensor([[number]])
            torch.testing.assert_close(
                session.step(token, place), made.step(token, place), rtol=1e-3, atol=1e-3
            )


def test_stock_pytorch_generates_the_same(tmp_path: Path) -> None:
    task = example.TASKS["whisper"]()
    wanted = task.wanted(TOKENS)
    converted = nnapi_core.convert_methods(task.cached(task.model).methods(), feature_level=30)
    converted.save(tmp_path / "m.ptl")
    for end in ("", "_cpu"):
        stock = Stock(tmp_path / "m.ptl", end, ("prefill", "step"))
        assert generate(stock, task.prompt, TOKENS, encoder=task.encoder) == wanted


def test_a_text_ends_after_its_last_token() -> None:
    task = example.TASKS["llama"]()
    made, wanted = task.cached(task.model), task.wanted(8)
    found = generate(made, task.prompt, 8, end={wanted[3]})
    assert found == wanted[: wanted.index(wanted[3]) + 1]
    with pytest.raises(ValueError, match=r"give \(1, n\) with n >= 1"):
        generate(made, task.prompt[:, :0], 8)


@pytest.mark.parametrize("name", ["T5", "UMT5"])
def test_biases_by_place_are_those_of_the_model(name: str) -> None:
    config = getattr(transformers, f"{name}Config")(
        vocab_size=8, d_model=16, d_kv=4, d_ff=8, num_layers=2, num_heads=2
    )
    model = getattr(transformers, f"{name}ForConditionalGeneration")(config).eval()
    found = biased_layers(model.get_decoder())
    assert len(found) == (1 if name == "T5" else 2)
    for layer in found:
        table = BucketsByPlace(layer, 300)
        for start, count in ((0, 1), (0, 300), (7, 5), (299, 1)):
            wanted = layer.compute_bias(count, 300, past_seen_tokens=start)
            assert torch.equal(table.bias(layer, torch.arange(start, start + count)), wanted)


def test_a_model_of_pictures_says_what_it_does_not_give() -> None:
    config = transformers.ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    model = transformers.ViTModel(config).eval()
    with pytest.raises(nnapi_core.ConversionError, match="ViTModel"):
        CachedDecoder(model, room=32)


class WithStaticCache(nn.Module):
    """transformers' own cache, its tensors registered as buffers."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        config = model.config
        self.kept = transformers.StaticCache(config=config, max_cache_len=40)
        heads, width = config.num_key_value_heads, config.head_dim
        self.kept.early_initialization(1, heads, width, torch.float32, torch.device("cpu"))
        for number, layer in enumerate(self.kept.layers):
            for name in ("keys", "values", "cumulative_length"):
                self.register_buffer(f"{name}_{number}", getattr(layer, name))

    def read(self, tokens: torch.Tensor) -> torch.Tensor:
        known = {_cache_argument(self.model): self.kept}
        scores: torch.Tensor = self.model(input_ids=tokens, use_cache=True, **known).logits[:, -1]
        return scores


def test_a_static_cache_that_is_registered_is_state_as_it_is() -> None:
    task = example.TASKS["llama"]()
    wanted = task.wanted(TOKENS)
    made = WithStaticCache(task.model).eval()
    converted = nnapi_core.convert_methods(
        {"prefill": (made.read, (task.prompt,)), "step": (made.read, (torch.zeros(1, 1).long(),))},
        feature_level=30,
    )
    assert "cumulative_length_0" in {row.name for row in converted.report.states}
    session = converted.session()
    for _ in range(2):
        session.reset()
        found = [int(session.prefill(task.prompt).argmax())]
        while len(found) < TOKENS:
            found.append(int(session.step(torch.tensor([[found[-1]]])).argmax()))
        assert found == wanted


def recurrent() -> nn.Module:
    config = transformers.MambaConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1)
    made: nn.Module = transformers.MambaForCausalLM(config).eval()
    return made


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: CachedDecoder(nn.Linear(2, 2), room=8), "Linear is no model of transformers"),
        (
            lambda: CachedDecoder(example.llama().model.train(), room=8),
            "training mode; call .eval",
        ),
        (
            lambda: CachedDecoder(example.llama().model, room=8, chunk=9),
            "chunks of 9 tokens in a room for 8",
        ),
        (lambda: CachedDecoder(example.t5().model, room=16), "make a CachedEncoderDecoder"),
        (
            lambda: CachedEncoderDecoder(example.llama().model, (), room=16),
            "make a CachedDecoder",
        ),
        (
            lambda: CachedEncoderDecoder(example.t5().model, (), room=16),
            r"give \(inputs,\) or \(inputs, mask\)",
        ),
        (
            lambda: CachedEncoderDecoder(example.whisper().model, (), room=999),
            "knows 128 places",
        ),
        (lambda: CachedDecoder(recurrent(), room=16), "Mamba.*keys and values by place"),
    ],
)
def test_what_is_no_such_model_says_what_to_do(make: Any, why: str) -> None:
    with pytest.raises(nnapi_core.ConversionError, match=why):
        make()
