"""Options as callers give them: of the right type and in their range, or an `ArgumentError` that says which."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from typing import Any, SupportsFloat

from nnapi_runtime.errors import ArgumentError


def path_text(path: Any, what: str = "a path") -> str:
    """As C++ takes it: whole, and in UTF-8. ``what`` it is of is said in the error."""
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str):
        raise ArgumentError(
            f"{what} is text, or a pathlib.Path; this is of the type {type(path).__name__}"
        )
    if "\0" in text:
        raise ArgumentError(f"{what} is {text!a}, which is no path: it has a NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ArgumentError(
            f"{what} is {text!a}, which is not UTF-8; rename the file or folder"
        ) from None
    return text


def optional_path(path: Any, what: str) -> str | None:
    return None if path is None else path_text(path, what)


def whole_number(value: Any, what: str, below: int, said: str) -> int:
    """From 1 on, or 0 for None. ``said`` is what it must be."""
    if value is None:
        return 0
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if not 1 <= number < below:
        raise ArgumentError(f"{what} is {value!r}; it must be {said}, or None")
    return number


def nanoseconds(value: Any, what: str) -> int:
    """Of seconds. 0: no limit of ours."""
    if value is None:
        return 0
    try:
        seconds = float(value) if isinstance(value, SupportsFloat) else 0.0  # no text
    except (TypeError, ValueError, OverflowError):
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise ArgumentError(f"{what} is {value!r}; it must be seconds above 0, or None")
    return max(1, round(seconds * 1e9))


def names_of_devices(devices: str | Sequence[str] | None) -> list[str]:
    """What `load` calls ``devices``."""
    if devices is None:
        return []
    listed: Any = [devices] if isinstance(devices, str) else devices
    try:
        return [path_text(one, "a device's name") for one in listed]
    except TypeError:
        raise ArgumentError(
            f"devices is {devices!r}; it must be the names of devices, a type of them, or None"
        ) from None
