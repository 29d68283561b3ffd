"""What is quantised, and how: `SCHEMES` names the ways; `nnapi_core.quantize` takes them."""

from nnapi_core.quantisation.schemes import SCHEMES, Scheme, scheme_of

__all__ = ["SCHEMES", "Scheme", "scheme_of"]
