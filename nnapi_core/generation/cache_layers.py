"""A cache of transformers whose tensors are buffers of a module.

transformers' own ``StaticCache`` is no module. torch.export makes its tensors constants without a name, which two
methods would not share, and it counts tokens twice: in a tensor, and for sliding windows in a Python number that an
export takes for a constant. Here the place is an argument of each call, and the caller's to count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import CacheLayerMixin


class _KeysAndValues(nn.Module, CacheLayerMixin):  # type: ignore[misc]
    """What both kinds have: a tensor of keys and one of values, (1, heads, tokens, width of a head)."""

    is_compileable = True
    is_sliding = False
    is_initialized = True

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        nn.Module.__init__(self)
        self.register_buffer("keys", torch.zeros_like(keys), persistent=False)
        self.register_buffer("values", torch.zeros_like(values), persistent=False)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing is left to do."""

    def get_max_length(self) -> int:
        return self.keys.shape[2]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many keys a mask is for, and the place of the first: all of them, those of sliding windows too."""
        return self.keys.shape[2], 0


class TokensSoFar(_KeysAndValues):
    """Attention to what was read so far. Windows are the mask's affair, so that a window has no end to wrap around."""

    places: torch.Tensor
    """Of the tokens that are read now: there only during a call, by `reading_at`."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.keys.index_copy_(2, self.places, key_states)
        self.values.index_copy_(2, self.places, value_states)
        return self.keys, self.values

    def get_seq_length(self) -> torch.Tensor:
        return self.places[0]


@contextmanager
def reading_at(layers: Iterable[Any], places: torch.Tensor) -> Iterator[None]:
    """Inside, what `TokensSoFar` are given belongs to ``places``."""
    layers = list(layers)
    for layer in layers:
        layer.places = places
    try:
        yield
    finally:
        for layer in layers:
            del layer.places


class EncodedSource(_KeysAndValues):
    """Attention to what an encoder has read, which is computed once."""

    is_read = False

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.keys.copy_(key_states)
        self.values.copy_(value_states)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self.keys.shape[2] if self.is_read else 0
