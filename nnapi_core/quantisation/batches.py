"""Are the calibration batches arguments of one and the same kind?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
import torch.utils._pytree as pytree

from nnapi_core.errors import ConversionError

Batch = tuple[Any, ...]

# So many batches are held, for what looks at the same ones many times.
SAMPLE = 8

_PLAIN = (type(None), bool, int, float, complex, str)


def as_arguments(batch: Any) -> Batch:
    """Raises `ConversionError` for what is not a tuple (or list) of arguments."""
    if not isinstance(batch, (tuple, list)) or hasattr(batch, "_fields"):
        raise ConversionError(
            f"the arguments of the module are given as a tuple, as in (images,), not as {type(batch).__name__}"
        )
    return tuple(batch)


class CalibrationBatches:
    """Batches that are walked through as often as they are needed, and not held.

    What can be iterated once only is held up to its first `SAMPLE` batches, which then stand for all of them.
    ``free_sizes``: may the sizes of dimensions differ? Raises `ConversionError`, with the number of the batch and the
    place in it, for one that is not like the first or holds a NaN.
    """

    def __init__(self, batches: Iterable[Any], *, free_sizes: bool) -> None:
        if not isinstance(batches, Iterable):
            raise ConversionError(f"calibration_batches is {batches!r}, not a list of tuples")
        self._source = batches
        self._free_sizes = free_sizes
        self._rest: Iterator[Any] | None = None
        iterator = self._iterator()
        self._once = iterator is batches
        self.sample: list[Batch] = []
        """The first batches."""
        for batch in islice(_running(iterator), SAMPLE):
            # A copy, as who makes the batches may use their memory again.
            self.sample.append(copied(as_arguments(batch)))
        if not self.sample:
            raise ConversionError(
                "calibration_batches is empty; give a few typical argument tuples"
            )
        if self._once:
            self._rest = iterator
        self._like = _leaves(self.sample[0])
        self.count = 0
        """How many there are, once they were walked through."""
        for number, batch in enumerate(self.sample):
            self._check(batch, number)

    @property
    def first(self) -> Batch:
        return self.sample[0]

    def all(self) -> Iterator[Batch]:
        """Every batch, as a tuple. The second time, of what can be iterated once only, the sample."""
        count = 0
        for batch in self._again():
            checked = as_arguments(batch)
            self._check(checked, count)
            count += 1
            yield checked
        self.count = max(self.count, count)

    def _again(self) -> Iterator[Any]:
        if not self._once:
            yield from _running(self._iterator())
            return
        yield from self.sample
        rest, self._rest = self._rest, None
        if rest is not None:
            yield from _running(rest)

    def _iterator(self) -> Iterator[Any]:
        try:
            return iter(self._source)
        except Exception as error:
            raise _failing(error) from error

    def _check(self, batch: Batch, number: int) -> None:
        places, first = self._like
        names, leaves = _leaves(batch)
        if names != places:
            raise ConversionError(
                f"calibration batch {number} has the arguments {_listed(names)}, batch 0 {_listed(places)}"
            )
        for name, one, like in zip(names, leaves, first, strict=True):
            where = f"argument {name} of calibration batch {number}"
            _check_alike(one, like, where, free_sizes=self._free_sizes)


def _running(iterator: Iterator[Any]) -> Iterator[Any]:
    """Makes what the user's iterator raises a `ConversionError`."""
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except ConversionError:
            raise
        except Exception as error:
            raise _failing(error) from error
        yield batch


def _failing(error: Exception) -> ConversionError:
    return ConversionError(
        f"the calibration batches cannot be read ({type(error).__name__}: {error})"
    )


def copied(batch: Batch) -> Batch:
    """For a run of a module that may write into its arguments."""
    result: Batch = pytree.tree_map_only(torch.Tensor, torch.clone, batch)
    return result


def _leaves(batch: Batch) -> tuple[list[str], list[Any]]:
    found, _ = pytree.tree_flatten_with_path(batch)
    return [pytree.keystr(path) for path, _ in found], [value for _, value in found]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _check_alike(one: Any, like: Any, where: str, *, free_sizes: bool) -> None:
    if not isinstance(one, torch.Tensor) or not isinstance(like, torch.Tensor):
        if type(one) is not type(like) or (isinstance(one, _PLAIN) and one != like):
            raise ConversionError(f"{where} is {_said(one)}, in batch 0 {_said(like)}")
        return
    if one.device.type == "meta" or one.layout is not torch.strided:
        raise ConversionError(
            f"{where} has no numbers to calibrate with ({one.device}, {one.layout})"
        )
    if one.dtype is not like.dtype or one.dim() != like.dim():
        raise ConversionError(f"{where} is {_said(one)}, in batch 0 {_said(like)}")
    if one.shape != like.shape and not free_sizes:
        raise ConversionError(
            f"{where} has the shape {list(one.shape)}, in batch 0 {list(like.shape)}; "
            "give batches of equal shapes, or dynamic_shapes"
        )
    if one.is_floating_point() and (count := int(one.isnan().sum())):
        raise ConversionError(
            f"{where} holds NaN ({count} of {one.numel()} elements), which no range can hold; "
            "leave such batches out, or replace the NaN"
        )


def _said(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a {value.dtype} tensor of shape {list(value.shape)}"
    return repr(value)
