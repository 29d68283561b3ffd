"""Trains a small GPT on licences, converts it with its cache, and lets it write, in torch and on NNAPI.

python examples/generate.py --prompt "This program is"
python examples/generate.py --seconds 120 --sample 0.8 --int8 -o licences.nnapi
"""

from __future__ import annotations

import argparse
import copy
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

import nnapi_core
import nnapi_runtime

LETTERS = 128
CONTEXT = 256
CHUNK = 16
"""Letters of a prompt that are read at once."""


class Block(nn.Module):
    """Attention over what was read so far, whose keys and values are kept, and two layers on each letter."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.layers = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        shape = (1, heads, CONTEXT, width // heads)
        self.register_buffer("keys", torch.zeros(shape), persistent=False)
        self.register_buffer("values", torch.zeros(shape), persistent=False)

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor, places: torch.Tensor | None
    ) -> torch.Tensor:
        """``x`` (batch, letters, width). ``mask`` is added to scores; ``places``: None reads all of ``x`` at once."""
        normal = self.before_attention(x)
        query, key, value = (
            self._split(layer(normal)) for layer in (self.query, self.key, self.value)
        )
        if places is not None:
            self.keys.index_copy_(2, places, key)
            self.values.index_copy_(2, places, value)
            key, value = self.keys, self.values
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 + mask
        seen = torch.softmax(scores, -1) @ value
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.layers(self.before_layers(x))

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Gpt(nn.Module):
    """Letters as numbers below `LETTERS`, to scores of the letter after them."""

    def __init__(self, width: int = 96, heads: int = 4, depth: int = 3) -> None:
        super().__init__()
        self.letters, self.places = nn.Embedding(LETTERS, width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.normal, self.scores = nn.LayerNorm(width), nn.Linear(width, LETTERS, bias=False)

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        """(batch, letters), to be trained: scores after each letter, without a cache."""
        places = torch.arange(letters.shape[1])
        hidden = torch.full((len(places), len(places)), float("-inf")).triu(1)
        x = self.letters(letters) + self.places(places)
        for block in self.blocks:
            x = block(x, hidden, None)
        return self.scores(self.normal(x))

    def prefill(self, letters: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """(1, CHUNK) letters from place ``start`` (1,) on: scores (1, LETTERS) after the last."""
        return self._read(letters, start)

    def step(self, letter: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """The same for one letter (1, 1)."""
        return self._read(letter, start)

    def _read(self, letters: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        # Within the cache, so that 32 bits hold it.
        places = start.clamp(0, CONTEXT - 1) + torch.arange(letters.shape[1])
        later = torch.arange(CONTEXT)[None] > places[:, None]
        mask = later.to(torch.float32) * -1e9
        x = self.letters(letters) + self.places(places)
        for block in self.blocks:
            x = block(x, mask, places)
        return self.scores(self.normal(x[:, -1]))


class Reader(Protocol):
    """What generates: a module, a conversion or a session."""

    prefill: Any
    step: Any

    def reset(self) -> None: ...


class Eager:
    """The module as torch runs it, with a cache of its own."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self._new = copy.deepcopy(model), model
        self.prefill: Any = self._called("prefill")
        self.step: Any = self._called("step")

    def reset(self) -> None:
        self.model = copy.deepcopy(self._new)

    def _called(self, name: str) -> Callable[..., torch.Tensor]:
        @torch.no_grad()
        def call(*args: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = getattr(self.model, name)(*args)
            return result

        return call


Choose = Callable[[torch.Tensor], int]
"""Of scores, the next letter."""


def greedy(scores: torch.Tensor) -> int:
    return int(scores.argmax())


def sampling(temperature: float, seed: int = 0) -> Choose:
    """Letters as likely as their scores say, always the same for a seed: noise decides, and then the largest."""
    generator = torch.Generator().manual_seed(seed)

    def choose(scores: torch.Tensor) -> int:
        noise = torch.rand(scores.shape, generator=generator).clamp(1e-9, 1 - 1e-7)
        return int((scores / temperature - torch.log(-torch.log(noise))).argmax())

    return choose


def encoded(text: str) -> list[int]:
    return [min(ord(letter), LETTERS - 1) for letter in text]


def generate(reader: Reader, prompt: str, count: int, choose: Choose = greedy) -> str:
    """``count`` letters after a prompt of any length, at most `CONTEXT` with it."""
    if not prompt or len(prompt) + count > CONTEXT:
        raise ValueError(f"a prompt and what comes after it have 1 to {CONTEXT} letters")
    reader.reset()
    letters = torch.tensor([encoded(prompt)])
    start = 0
    while start < len(prompt):
        # What is left of the prompt after whole chunks is read letter by letter.
        whole = len(prompt) - start >= CHUNK
        many = CHUNK if whole else 1
        read = reader.prefill if whole else reader.step
        scores = read(letters[:, start : start + many], torch.tensor([start]))
        start += many
    written = [choose(scores)]
    for place in range(start, start + count - 1):
        scores = reader.step(torch.tensor([[written[-1]]]), torch.tensor([place]))
        written.append(choose(scores))
    return "".join(map(chr, written))


def texts() -> str:
    """Licences as Debian installs them, or the reference of Python that comes with every Python."""
    folder = Path("/usr/share/common-licenses")
    files = sorted({one.resolve() for one in folder.glob("*")}) if folder.is_dir() else []
    if files:
        return "\n".join(one.read_text("utf-8", "replace") for one in files)
    from pydoc_data.topics import topics

    return "\n".join(topics.values())


def train(model: Gpt, text: str, seconds: float, batches: int | None = None) -> float:
    """Trains for so long, or so many batches; the last loss, in nats a letter."""
    torch.manual_seed(0)
    letters = torch.tensor(encoded(text))
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
    end = time.monotonic() + seconds
    length, loss = 96, torch.tensor(float("inf"))
    for number in itertools.count():
        if time.monotonic() > end or number == batches:
            break
        begins = torch.randint(len(letters) - length - 1, (16,)).tolist()
        rows = torch.stack([letters[begin : begin + length + 1] for begin in begins])
        scores = model(rows[:, :-1])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), rows[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if number % 100 == 0:
            print(f"after {number} batches: {loss.item():.2f} nats a letter", flush=True)
    return loss.item()


def convert(model: nn.Module, feature_level: int = 30) -> nnapi_core.ConvertedMethods:
    """Prompts by chunks and steps of one letter, over one cache. NNAPI adds whole numbers from level 30 on."""
    start = torch.zeros(1, dtype=torch.int64)
    return nnapi_core.convert_methods(
        {
            "prefill": (model.prefill, (torch.zeros(1, CHUNK, dtype=torch.int64), start)),
            "step": (model.step, (torch.zeros(1, 1, dtype=torch.int64), start)),
        },
        feature_level=feature_level,
    )


def agreeing(one: str, other: str) -> int:
    """How many letters are the same from the first on."""
    return sum(
        1
        for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=True))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--prompt", default="This program is free software")
    parser.add_argument("--letters", type=int, default=160, help="how many to write")
    parser.add_argument("--seconds", type=float, default=60, help="of training")
    parser.add_argument(
        "--sample", type=float, metavar="TEMPERATURE", help="draw letters, not the likeliest"
    )
    parser.add_argument("--int8", action="store_true", help="weights of linear layers as integers")
    parser.add_argument("-o", "--output", default="licences.nnapi", metavar="FILE.nnapi")
    options = parser.parse_args()

    model = Gpt()
    train(model, texts(), options.seconds)
    model.eval()
    made = nnapi_core.quantize_weights(model) if options.int8 else model
    convert(made).save(options.output)
    session = nnapi_runtime.load(options.output)

    written = {}
    for name, reader in (("torch", Eager(model)), ("NNAPI", session)):
        choose = greedy if options.sample is None else sampling(options.sample)
        begin = time.perf_counter()
        written[name] = generate(reader, options.prompt, options.letters, choose)
        rate = options.letters / (time.perf_counter() - begin)
        print(f"\n{name}, {rate:.0f} letters a second:\n{options.prompt}{written[name]}")
    same = agreeing(*written.values())
    size = Path(options.output).stat().st_size / 1e6
    print(f"\n{same} of {options.letters} letters are the same; {options.output} has {size:.2f} MB")


if __name__ == "__main__":
    main()
