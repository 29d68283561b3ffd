"""What transformers' own Llama, Qwen3, Gemma3, Whisper and T5 generate, small and with random weights, and on NNAPI.

python examples/transformers_generate.py llama gemma3 --tokens 64 --level 29
python examples/transformers_generate.py whisper --int8 -o whisper.nnapi

A model of your own goes the same way: give it to CachedDecoder or CachedEncoderDecoder (docs/language_models.md).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from attrs import frozen
from torch import nn
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GenerationMixin,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

import nnapi_core
import nnapi_runtime
from nnapi_core.generation import CachedDecoder, CachedEncoderDecoder, generate

SYMBOLS = 64
ROOM = 128
PROMPT = 21
"""Tokens: one chunk, and five that are read one by one."""

_DECODER: dict[str, Any] = {
    "vocab_size": SYMBOLS,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": ROOM,
}


@frozen
class Task:
    """A model, and what it is asked."""

    model: Any
    prompt: torch.Tensor
    encoder: tuple[torch.Tensor, ...] = ()

    def cached(self, model: nn.Module) -> CachedDecoder | CachedEncoderDecoder:
        if self.encoder:
            return CachedEncoderDecoder(model, self.encoder, room=ROOM)
        return CachedDecoder(model, room=ROOM)

    def wanted(self, count: int) -> list[int]:
        """What ``model.generate`` says."""
        known = {"attention_mask": self.encoder[1]} if len(self.encoder) > 1 else {}
        inputs = self.encoder[0] if self.encoder else self.prompt
        begins = {"decoder_input_ids": self.prompt} if self.encoder else {}
        # Whisper has a `generate` of its own that wants the names of languages; this is the one it is made of.
        found = GenerationMixin.generate(
            self.model, inputs, **known, **begins, do_sample=False, max_new_tokens=count
        )
        tokens: list[int] = found[0, self.prompt.shape[1] :].tolist()
        return tokens


def llama() -> Task:
    return Task(_apart(LlamaForCausalLM, LlamaConfig(**_DECODER)), _tokens(PROMPT))


def qwen3() -> Task:
    return Task(_apart(Qwen3ForCausalLM, Qwen3Config(**_DECODER)), _tokens(PROMPT))


def gemma3() -> Task:
    """A window of 8 tokens in one of its layers, which the prompt alone is longer than."""
    kinds = ["sliding_attention", "full_attention"]
    config = Gemma3TextConfig(
        **_DECODER | {"num_hidden_layers": 2},
        sliding_window=8,
        layer_types=kinds,
        query_pre_attn_scalar=8,
        tie_word_embeddings=False,
    )
    return Task(_apart(Gemma3ForCausalLM, config), _tokens(PROMPT))


def whisper() -> Task:
    config = WhisperConfig(
        vocab_size=SYMBOLS, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, num_mel_bins=16, max_source_positions=20,
        max_target_positions=ROOM, pad_token_id=0, bos_token_id=1, decoder_start_token_id=2, tie_word_embeddings=False,
    )  # fmt: skip
    # Four tokens to begin with, as language, task and the like are.
    features = torch.randn(1, 16, 40, generator=torch.Generator().manual_seed(1))
    return Task(
        _apart(WhisperForConditionalGeneration, config, seed=2, times=3), _tokens(4), (features,)
    )


def t5() -> Task:
    """Of twelve tokens that the encoder reads, three are padding."""
    config = T5Config(
        vocab_size=SYMBOLS, d_model=32, d_kv=8, d_ff=48, num_layers=1, num_heads=4, pad_token_id=0,
        decoder_start_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    text, mask = _tokens(12), torch.ones(1, 12, dtype=torch.int64)
    mask[:, 9:] = 0
    model = _apart(T5ForConditionalGeneration, config, seed=2, but="shared", times=5)
    return Task(model, torch.zeros(1, 1, dtype=torch.int64), (text, mask))


TASKS: dict[str, Callable[[], Task]] = {
    one.__name__: one for one in (llama, qwen3, gemma3, whisper, t5)
}


def _tokens(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(1, SYMBOLS, (1, count), generator=generator)


def _apart(
    make: Callable[[Any], nn.Module],
    config: Any,
    *,
    seed: int = 0,
    but: str = " ",
    times: float = 6,
) -> Any:
    """Random weights, always the same, and so large that scores are far apart; nothing ends a text."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        model = make(config)
        for name, one in model.named_parameters():
            if one.ndim > 1 and but not in name:
                one *= times
    model.generation_config.eos_token_id = None
    return model.eval()


def share(converted: nnapi_core.ConvertedMethods) -> float:
    """Of the operators that are computed when the model runs, how many NNAPI does."""
    rows = [row for row in converted.report.nodes if row.device != "folded"]
    return sum(row.device == "nnapi" for row in rows) / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--tokens", type=int, default=64, help="how many to generate")
    parser.add_argument("--level", type=int, default=30, help="NNAPI's feature level")
    parser.add_argument("--int8", action="store_true", help="weights of linear layers as integers")
    parser.add_argument("-o", "--output", default="generates.nnapi", metavar="FILE.nnapi")
    options = parser.parse_args()
    for name in options.models or TASKS:
        task = TASKS[name]()
        wanted = task.wanted(options.tokens)
        model = nnapi_core.quantize_weights(task.model) if options.int8 else task.model
        made = task.cached(model)
        converted = nnapi_core.convert_methods(made.methods(), feature_level=options.level)
        converted.save(options.output)
        session = nnapi_runtime.load(options.output)
        begin = time.perf_counter()
        found = generate(session, task.prompt, options.tokens, encoder=task.encoder)
        rate = options.tokens / (time.perf_counter() - begin)
        same = next(
            (at for at, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1]),
            len(found),
        )
        print(
            f"{name}: {same} of {options.tokens} tokens as model.generate has them, {share(converted):.1%} of the "
            f"operators on NNAPI at level {options.level}, {rate:.0f} tokens a second"
        )


if __name__ == "__main__":
    main()
