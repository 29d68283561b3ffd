"""Model → Model: what can be said with fewer operations is."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from attrs import evolve

from nnapi_core.nnapi.model import Model


class SkippedPassWarning(UserWarning):
    """A rewrite that makes models faster failed on one, and was not made."""


def rewritten(rewrite: Callable[[Model], Model], model: Model) -> Model:
    """What ``rewrite`` makes of a model, and of the models in it, without what nothing reads then.

    Equal constants are shared by the builder already.
    """
    operands = tuple(
        operand
        if operand.submodel is None
        else evolve(operand, submodel=rewritten(rewrite, operand.submodel))
        for operand in model.operands
    )
    return _passed(rewrite, evolve(model, operands=operands)).pruned()


def _passed(rewrite: Callable[[Model], Model], model: Model) -> Model:
    """What a rewrite makes of the model; the model itself, and a warning, where it fails: it is right without."""
    try:
        return rewrite(model)
    except Exception as error:
        warnings.warn(
            f"{rewrite.__name__} failed ({type(error).__name__}: {error}) and was left out; the conversion "
            "is right, and may be slower",
            SkippedPassWarning,
            stacklevel=2,
        )
        return model
