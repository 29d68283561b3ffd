"""A small GPT with its cache writes on NNAPI what it writes in torch, letter by letter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import nnapi_core
import nnapi_runtime
from tests.core.artifact.stock_methods import Stock

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import generate

METHODS = ("prefill", "step")
PROMPTS = ["0123456789abcdef", "Redistribution and use in source and binary"]
CHOICES: dict[str, Callable[[], generate.Choose]] = {
    "greedy": lambda: generate.greedy,
    "sampled": lambda: generate.sampling(1.0, seed=3),
}


@pytest.fixture(scope="module")
def model() -> Any:
    """Not trained: scores of letters are far apart all the same, and differ at every place."""
    torch.manual_seed(0)
    made = generate.Gpt(width=32, heads=2, depth=2)
    with torch.no_grad():
        for one in made.parameters():
            one *= 3
    return made.eval()


@pytest.mark.parametrize("integers", [False, True])
def test_every_face_writes_what_torch_writes(model: Any, integers: bool, tmp_path: Path) -> None:
    made = nnapi_core.quantize_weights(model) if integers else model
    converted = generate.convert(made)
    converted.save(tmp_path / "m.nnapi")
    converted.save(tmp_path / "m.ptl")
    assert {row.device for row in converted.report.nodes} <= {"nnapi", "folded"}
    readers: dict[str, Any] = {
        "converted": converted,
        "file": nnapi_runtime.load(tmp_path / "m.nnapi"),
        "fork": nnapi_runtime.load(tmp_path / "m.nnapi").fork(),
        "stock": Stock(tmp_path / "m.ptl", "", METHODS),
        "stock in torch": Stock(tmp_path / "m.ptl", "_cpu", METHODS),
    }
    for prompt in PROMPTS:
        for choice in CHOICES.values():
            wanted = generate.generate(generate.Eager(made), prompt, 12, choice())
            assert len(set(wanted)) > 3
            for name, reader in readers.items():
                assert generate.generate(reader, prompt, 12, choice()) == wanted, (name, prompt)


def test_the_cache_gives_what_all_letters_at_once_give(model: Any) -> None:
    prompt = PROMPTS[-1]
    written = generate.generate(generate.Eager(model), prompt, 12)
    letters = torch.tensor([generate.encoded(prompt + written)])
    with torch.no_grad():
        scores = model(letters[:, :-1])[0, len(prompt) - 1 :]
    assert written == "".join(chr(generate.greedy(one)) for one in scores)


def test_training_learns_and_the_texts_are_there() -> None:
    text = generate.texts()
    assert len(text) > 100_000
    small = generate.Gpt(width=32, heads=2, depth=1)
    untrained = generate.train(small, text, 600, batches=1)
    assert generate.train(small, text, 600, batches=25) < untrained - 0.5
