"""Models of transformers as modules with two methods, ``prefill`` and ``step``, over a cache that is state."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from nnapi_core.errors import ConversionError
from nnapi_core.generation.relative_bias import BucketsByPlace, biased_layers, biases_by_place

_KINDS = {"StaticLayer", "StaticSlidingWindowLayer"}
"""The layers of transformers' cache that hold keys and values by place."""


class CachedDecoder(nn.Module):
    """A causal language model (Llama, Qwen3, Gemma3, …) that reads tokens from a place on, and keeps what it read.

        made = CachedDecoder(model, room=256)
        converted = nnapi_core.convert_methods(made.methods(), feature_level=30)
        generate(converted, prompt, 64, chunk=made.chunk)

    Both methods take tokens (1, n) int64 and the place (1,) int64 of the first of them, from 0 on, and return scores
    (1, vocabulary) of what comes after the last. ``prefill`` has n = ``chunk`` tokens, ``step`` one.
    """

    def __init__(self, model: nn.Module, *, room: int, chunk: int = 16) -> None:
        """``model``: of a class of transformers ``…ForCausalLM``, in evaluation mode.

        ``room``: how many tokens are kept, a prompt and what comes after it; places beyond it are taken for the last.
        ``chunk``: how many tokens of a prompt ``prefill`` reads at once, at most ``room``; what is left of a prompt
        after whole chunks is read by steps.

        Raises `ConversionError` where the model keeps other than keys and values by place (recurrent states, layers
        that share a cache), or has an encoder.
        """
        super().__init__()
        _check(model, room, chunk)
        if getattr(model.config, "is_encoder_decoder", False):
            raise ConversionError(
                f"{type(model).__name__} has an encoder; make a CachedEncoderDecoder of it"
            )
        self.model: Any = model
        self.room, self.chunk = room, chunk
        self.cache: Any = _room_for_tokens(
            _caches_of(model, (torch.zeros(1, 1, dtype=torch.int64),))[0], room
        )

    def methods(self) -> dict[str, tuple[Any, ...]]:
        """What `nnapi_core.convert_methods` takes."""
        place = torch.zeros(1, dtype=torch.int64)
        return {
            "prefill": (self.prefill, (torch.zeros(1, self.chunk, dtype=torch.int64), place)),
            "step": (self.step, (torch.zeros(1, 1, dtype=torch.int64), place)),
        }

    def prefill(self, tokens: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Reads ``chunk`` tokens."""
        return self._read(tokens, start)

    def step(self, token: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Reads one token."""
        return self._read(token, start)

    def reset(self) -> None:
        """Forgets what it read."""
        _forget(self)

    def _read(self, tokens: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        from transformers.cache_utils import Cache

        from nnapi_core.generation.cache_layers import reading_at

        places = _places(tokens, start, self.room)
        layers: list[Any] = list(self.cache)
        known = {_cache_argument(self.model): Cache(layers=layers)}
        with reading_at(self.cache, places):
            read = self.model(input_ids=tokens, position_ids=places[None], use_cache=True, **known)
        scores: torch.Tensor = read.logits[:, -1]
        return scores


class CachedEncoderDecoder(nn.Module):
    """An encoder whose result a decoder reads (Whisper, T5, …).

        made = CachedEncoderDecoder(model, (features,), room=256)
        converted = nnapi_core.convert_methods(made.methods(), feature_level=30)
        generate(converted, first_tokens, 64, encoder=(features,))

    ``prefill`` takes what the encoder reads, and the decoder's first token (1, 1) int64; ``step`` a token (1, 1) int64
    and its place (1,) int64, from 1 on. Both return scores (1, vocabulary) of the next token. Keys and values of the
    encoder's result are computed once, and kept as those of the tokens are.
    """

    def __init__(self, model: nn.Module, inputs: Sequence[torch.Tensor], *, room: int) -> None:
        """``model``: of a class of transformers ``…ForConditionalGeneration``, in evaluation mode.

        ``inputs``: an example of what the encoder reads, of the shape that it always has: features (1, bins, frames) of
        Whisper, or tokens (1, n) int64 and, where they are padded, a mask (1, n) int64 that is 1 where a token is.
        ``room``: how many tokens of the decoder are kept; places beyond it are taken for the last.

        Raises `ConversionError` as `CachedDecoder` does.
        """
        super().__init__()
        _check(model, room, 1)
        if not getattr(model.config, "is_encoder_decoder", False):
            raise ConversionError(
                f"{type(model).__name__} has no encoder; make a CachedDecoder of it"
            )
        if not 1 <= len(inputs) <= 2:
            raise ConversionError(
                f"{len(inputs)} inputs of an encoder; give (inputs,) or (inputs, mask)"
            )
        self.model: Any = model
        self.room = room
        self.inputs = tuple(inputs)
        tokens, sources = _caches_of(model, self.inputs)
        self.cache: Any = _room_for_tokens(tokens, room)
        self.encoded: Any = nn.ModuleList(_encoded_source(keys, values) for keys, values in sources)
        self.biases = nn.ModuleList(BucketsByPlace(one, room) for one in self._biased())
        with torch.no_grad():
            self.encoded_shape = self._encode(*self.inputs).shape
        if len(inputs) == 2:
            self.mask: torch.Tensor
            self.register_buffer("mask", torch.ones_like(inputs[1]), persistent=False)

    def methods(self) -> dict[str, tuple[Any, ...]]:
        """What `nnapi_core.convert_methods` takes."""
        token, place = torch.zeros(1, 1, dtype=torch.int64), torch.ones(1, dtype=torch.int64)
        return {
            "prefill": (self.prefill, (*self.inputs, token)),
            "step": (self.step, (token, place)),
        }

    def prefill(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Of what the encoder reads, and the first token."""
        *given, token = inputs
        if len(given) == 2:
            self.mask.copy_(given[1])
        return self._read(token, torch.zeros(1, dtype=torch.int64), self._encode(*given))

    def step(self, token: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Reads one token."""
        return self._read(token, start, None)

    def reset(self) -> None:
        """Forgets what it read."""
        _forget(self)

    def _biased(self) -> list[Any]:
        return biased_layers(self.model.get_decoder())

    def _encode(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        known = {} if mask is None else {"attention_mask": mask}
        found: torch.Tensor = self.model.get_encoder()(inputs, **known).last_hidden_state
        return found

    def _read(
        self, token: torch.Tensor, start: torch.Tensor, encoded: torch.Tensor | None
    ) -> torch.Tensor:
        from transformers.cache_utils import Cache, EncoderDecoderCache
        from transformers.modeling_outputs import BaseModelOutput

        from nnapi_core.generation.cache_layers import reading_at

        places = _places(token, start, self.room)
        for layer in self.encoded:
            layer.is_read = encoded is None
        cache = EncoderDecoderCache(
            Cache(layers=list(self.cache)), Cache(layers=list(self.encoded))
        )
        # With keys and values at hand, the decoder asks its encoder's result for its shape alone.
        source = torch.zeros(self.encoded_shape) if encoded is None else encoded
        known = {_cache_argument(self.model): cache}
        if len(self.inputs) == 2:
            known["attention_mask"] = self.mask
        biased = biases_by_place(self._biased(), self.biases, places)
        with reading_at(self.cache, places), biased:
            read = self.model(
                encoder_outputs=BaseModelOutput(last_hidden_state=source),
                decoder_input_ids=token,
                use_cache=True,
                **known,
            )
        scores: torch.Tensor = read.logits[:, -1]
        return scores


Layers = list[tuple[torch.Tensor, torch.Tensor]]


def _check(model: Any, room: int, chunk: int) -> None:
    from transformers import PreTrainedModel, StaticCache

    if not isinstance(model, PreTrainedModel):
        raise ConversionError(f"{type(model).__name__} is no model of transformers")
    if model.training:
        raise ConversionError("the model is in training mode; call .eval() first")
    if not 1 <= chunk <= room:
        raise ConversionError(
            f"chunks of {chunk} tokens in a room for {room}; give 1 <= chunk <= room"
        )
    most = getattr(model.config, "max_target_positions", None)
    if most is not None and room > most:
        raise ConversionError(
            f"room for {room} tokens, where {type(model).__name__} knows {most} places "
            "(config.max_target_positions); give no more"
        )
    try:
        layers = StaticCache(config=model.config, max_cache_len=room).layers
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise ConversionError(
            f"transformers has no static cache for {type(model).__name__}: {type(error).__name__}: {error}"
        ) from error
    for number, layer in enumerate(layers):
        if type(layer).__name__ not in _KINDS:
            raise ConversionError(
                f"layer {number} of {type(model).__name__} keeps a {type(layer).__name__}, which is not keys and "
                "values by place; write its step as a module whose buffers are its state (docs/state.md)"
            )


def _caches_of(model: Any, inputs: Sequence[torch.Tensor]) -> tuple[Layers, Layers]:
    """Keys and values of one token, and of what an encoder read, as the model itself makes them."""
    names = [str(model.main_input_name), "attention_mask"]
    given = dict(zip(names, inputs, strict=False))
    if model.config.is_encoder_decoder:
        given["decoder_input_ids"] = torch.zeros(1, 1, dtype=torch.int64)
    try:
        with torch.no_grad():
            cache = getattr(model(**given, use_cache=True), _cache_argument(model))
        if not model.config.is_encoder_decoder:
            return _tensors(cache), []
        return _tensors(cache.self_attention_cache), _tensors(cache.cross_attention_cache)
    except Exception as error:
        raise ConversionError(
            f"{type(model).__name__} does not read {', '.join(given)} and give keys and values of attention: "
            f"{type(error).__name__}: {error}"
        ) from error


def _tensors(cache: Any) -> Layers:
    return [(layer.keys, layer.values) for layer in cache.layers]


def _cache_argument(model: Any) -> str:
    """What the model calls it: ``cache``, or ``past_key_values`` in versions of transformers before that."""
    named = inspect.signature(model.forward).parameters
    return "cache" if "cache" in named else "past_key_values"


def _room_for_tokens(layers: Layers, room: int) -> nn.ModuleList:
    from nnapi_core.generation.cache_layers import TokensSoFar

    return nn.ModuleList(
        TokensSoFar(*(one.expand(-1, -1, room, -1) for one in layer)) for layer in layers
    )


def _encoded_source(keys: torch.Tensor, values: torch.Tensor) -> nn.Module:
    from nnapi_core.generation.cache_layers import EncodedSource

    return EncodedSource(keys, values)


def _places(tokens: torch.Tensor, start: torch.Tensor, room: int) -> torch.Tensor:
    """Of the tokens, within the cache, so that 32 bits hold them."""
    count = tokens.shape[1]
    return start.clamp(0, room - count) + torch.arange(count)


def _forget(module: Any) -> None:
    for layer in (*module.cache, *getattr(module, "encoded", ())):
        layer.keys.zero_()
        layer.values.zero_()
