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


def test_a_text_ends_after_its_last_token() -> None:
    task = example.TASKS["llama"]()
    made, wanted = task.cached(task.model), task.wanted(8)
    found = generate(made, task.prompt, 8, end={wanted[3]})
    assert found == wanted[: wanted.index(wanted[3]) + 1]
    with pytest.raises(ValueError, match=r"give \(1, n\) with n >= 1"):
        generate(made, task.prompt[:, :0], 8)


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
