"""Torch's own operator database as cases: every sample converts and is right, or is refused with a reason."""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import define, field

from nnapi_core.errors import ConversionError
from nnapi_core.testing import Case, check_lowering

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

DTYPES = (torch.float32, torch.int32, torch.int64, torch.bool)
# Samples of an operator and dtype that are tried: enough to meet its forms, few enough for every run.
SAMPLES = int(os.environ.get("OP_DB_SAMPLES", "4"))
MOST_RANK = 4
LEVEL = 1000008


# Their values are whatever lies in memory: there is nothing to compare.
UNINITIALISED = {
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
}


def entries() -> dict[str, Any]:
    """The database by full name (``nn.functional.pad_reflect``)."""
    return {info.formatted_name: info for info in op_db}


@define
class Outcome:
    """What became of the samples of one operator."""

    right: Counter[str] = field(factory=Counter)
    refused: Counter[str] = field(factory=Counter)
    reasons: Counter[str] = field(factory=Counter)

    @property
    def row(self) -> str:
        """As it stands in docs/coverage.md: dtype right/tried, and the commonest reason."""
        reason = self.reasons.most_common(1)
        return f"{self.counts} | {reason[0][0] if reason else ''}"

    @property
    def counts(self) -> str:
        """Right of those tried, by dtype."""
        tried = self.right + self.refused
        counts = ", ".join(f"{d} {self.right[d]}/{tried[d]}" for d in sorted(tried))
        return counts or "no samples"


def walk(info: Any) -> Outcome:
    """Tries the samples. Raises `AssertionError` for a wrong result; lets any other exception through."""
    outcome = Outcome()
    if info.formatted_name in UNINITIALISED:
        outcome.reasons["its values are undefined"] += 1
        return outcome
    for dtype in DTYPES:
        if dtype not in info.dtypes:
            continue
        for function, args in _samples(info, dtype):
            name = str(dtype).removeprefix("torch.")
            reasons = _try(info, function, args)
            if reasons is None:
                outcome.right[name] += 1
            else:
                outcome.refused[name] += 1
                outcome.reasons[reasons] += 1
    return outcome


def _samples(info: Any, dtype: torch.dtype) -> Iterator[tuple[Any, list[torch.Tensor]]]:
    torch.manual_seed(0)
    taken = 0
    for sample in info.sample_inputs("cpu", dtype, requires_grad=False):
        flat, spec = pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
        tensors = [one for one in flat if isinstance(one, torch.Tensor)]
        if not tensors or any(
            one.dim() > MOST_RANK or one.layout != torch.strided for one in tensors
        ):
            continue
        yield _function(info.op, flat, spec), [one.detach().clone() for one in tensors]
        taken += 1
        if taken == SAMPLES:
            return


def samples_of(info: Any, dtype: torch.dtype) -> list[tuple[Any, list[torch.Tensor]]]:
    """Functions of tensors, with some to call them on."""
    return list(_samples(info, dtype))


def _function(op: Any, flat: list[Any], spec: pytree.TreeSpec) -> Any:
    def call(*tensors: torch.Tensor) -> Any:
        given = iter(tensors)
        values = [next(given) if isinstance(one, torch.Tensor) else one for one in flat]
        first, args, kwargs = pytree.tree_unflatten(values, spec)
        return op(first, *args, **kwargs)

    return call


def _try(info: Any, function: Any, args: list[torch.Tensor]) -> str | None:
    """None if it is right, else why it was refused."""
    finite = [one[one.isfinite()].abs() for one in args if one.dtype.is_floating_point]
    magnitude = max((float(one.max()) for one in finite if one.numel()), default=0.0)
    try:
        function(*(one.clone() for one in args))
    except Exception as error:
        return _short(f"torch refuses it here: {error}")
    case = Case(function, args, LEVEL, terms=_longest(args), magnitude=magnitude)
    try:
        torch.manual_seed(0)
        outcome = check_lowering(case)
    except ConversionError as refusal:
        return _short(str(refusal))
    except AssertionError as error:
        shapes = [list(one.shape) for one in args]
        raise AssertionError(
            f"{info.formatted_name} on {shapes} {args[0].dtype}: {error}"
        ) from error
    return None if outcome.supported else _short(outcome.reasons[0].split(": ", 1)[-1])


def _longest(args: list[torch.Tensor]) -> int:
    """No reduction of these arguments sums more terms than this."""
    return max((one.numel() for one in args), default=1)


def _short(reason: str) -> str:
    # Where a lowering stands is of this machine.
    plain = re.sub(r" \(/[^)]*\)", "", " ".join(reason.split()))
    return plain[:90].replace("|", "/")
