"""Tokens one after the other, from what has the methods ``prefill`` and ``step``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

import torch


class Reader(Protocol):
    """What generates: a module of `nnapi_core.generation`, what it was converted to, or a session of its file."""

    prefill: Any
    step: Any

    def reset(self) -> None: ...


def greedy(scores: torch.Tensor) -> int:
    """The token with the highest score, the first of equals, as ``generate(do_sample=False)`` takes it."""
    return int(scores.argmax())


@torch.no_grad()
def generate(
    reader: Reader,
    prompt: torch.Tensor,
    count: int,
    *,
    chunk: int = 16,
    encoder: Sequence[torch.Tensor] = (),
    end: Collection[int] = (),
    choose: Callable[[torch.Tensor], int] = greedy,
) -> list[int]:
    """At most ``count`` tokens that come after a prompt.

    ``prompt``: tokens (1, n) int64, of any length n >= 1 that fits the cache together with ``count``; of a decoder
    with an encoder those that it begins with. ``chunk``: how many of them ``prefill`` reads at once, as it was
    converted. ``encoder``: what the encoder reads, where there is one. ``end``: tokens after which nothing comes, which
    are part of the result. ``choose``: of scores (1, vocabulary), the token.

    Raises ``ValueError`` for an empty prompt.
    """
    if prompt.ndim != 2 or prompt.shape[0] != 1 or not prompt.shape[1] or count < 1:
        raise ValueError(
            f"a prompt of shape {list(prompt.shape)} and {count} tokens after it; give (1, n) with n >= 1, and 1 or "
            "more"
        )
    reader.reset()
    length, start = prompt.shape[1], 0
    if encoder:
        scores = reader.prefill(*encoder, prompt[:, :1])
        start = 1
    while start < length:
        whole = not encoder and length - start >= chunk
        many = chunk if whole else 1
        read = reader.prefill if whole else reader.step
        scores = read(prompt[:, start : start + many], torch.tensor([start]))
        start += many
    found = [choose(scores)]
    while len(found) < count and found[-1] not in end:
        scores = reader.step(torch.tensor([[found[-1]]]), torch.tensor([start]))
        found.append(choose(scores))
        start += 1
    return found
