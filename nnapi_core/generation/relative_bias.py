"""Biases of T5's attention by distance, looked up by place.

T5 computes the bucket of a distance with a logarithm, which for a distance of 0 is an infinity that becomes a whole
number and is thrown away. NNAPI has no number for that. All distances within the cache are known beforehand: here they
are a table of buckets, from which a step takes the row of its place.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import nn


class BucketsByPlace(nn.Module):
    """The buckets of distances from each place of a decoder to each."""

    buckets: torch.Tensor

    def __init__(self, attention: Any, room: int) -> None:
        """``attention``: a layer of T5's decoder that has ``relative_attention_bias``; ``room``: how many places."""
        super().__init__()
        places = torch.arange(room)
        known = {
            "bidirectional": False,
            "num_buckets": getattr(attention, "relative_attention_num_buckets", None),
            "max_distance": getattr(attention, "relative_attention_max_distance", None),
        }
        # UMT5's takes these from its layer.
        named = inspect.signature(attention._relative_position_bucket).parameters
        found = attention._relative_position_bucket(
            places[None] - places[:, None],
            **{name: value for name, value in known.items() if name in named},
        )
        self.register_buffer("buckets", found, persistent=False)

    def bias(self, attention: Any, places: torch.Tensor) -> torch.Tensor:
        """(1, heads, places, room), what ``attention.compute_bias`` gives."""
        values: torch.Tensor = attention.relative_attention_bias(self.buckets[places])
        return values.permute(2, 0, 1)[None]


def biased_layers(decoder: nn.Module) -> list[Any]:
    """The layers of a decoder that compute such biases: the first one, or all, or none."""
    return [
        layer
        for layer in decoder.modules()
        if getattr(layer, "has_relative_attention_bias", False)
        and hasattr(layer, "_relative_position_bucket")
    ]


@contextmanager
def biases_by_place(layers: list[Any], tables: Any, places: torch.Tensor) -> Iterator[None]:
    """Inside, ``layers`` take their biases from ``tables``."""
    if not layers:
        yield
        return
    layer, table = layers[0], tables[0]

    def bias(*sizes: Any, **others: Any) -> torch.Tensor:
        found: torch.Tensor = table.bias(layer, places)
        return found

    with (
        patch.object(layer, "compute_bias", bias),
        biases_by_place(layers[1:], tables[1:], places),
    ):
        yield
