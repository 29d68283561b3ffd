"""Language models of transformers with a cache that a conversion keeps.

It stands here, and not among the examples, because a file is made from it: the names of its state and of its methods
are part of what a caller on a phone sees. transformers itself is imported when one of the two classes is first made.
"""

from __future__ import annotations

from nnapi_core.generation.cached_models import CachedDecoder, CachedEncoderDecoder
from nnapi_core.generation.generate import Reader, generate

__all__ = ["CachedDecoder", "CachedEncoderDecoder", "Reader", "generate"]
