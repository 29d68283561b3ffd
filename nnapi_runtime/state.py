"""What a model keeps from one call to the next, as a mapping of names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nnapi_runtime import _loader
from nnapi_runtime.errors import ArgumentError
from nnapi_runtime.tensors import Array, is_tensor


class State(Mapping[str, Array]):
    """The state of a session: ``state["cache"]`` is a copy, as an array; ``state["cache"] = value`` writes.

    ``dict(session.state)`` is what to keep for later, and ``session.state.update(kept)`` what brings it back.
    """

    def __init__(self, session: _loader.Session) -> None:
        self._session = session
        self._specs = {one.name: one for one in session.states}

    def __getitem__(self, name: str) -> Array:
        array: Array = self._session.state(name)
        return array

    def __setitem__(self, name: str, value: Any) -> None:
        """Of an array or tensor of the state's own dtype and shape. Raises `ArgumentError` for another, or a number."""
        if name not in self._specs:
            listed = ", ".join(map(repr, self._specs)) or "nothing"
            raise KeyError(f"{name!r} is no state of the model, which keeps {listed}")
        if not is_tensor(value) and not isinstance(value, np.ndarray | np.generic):
            raise ArgumentError(
                f"the state {name!r} is given {type(value).__name__}, neither a torch tensor nor a numpy array"
            )
        self._session.set_state(name, value if is_tensor(value) else np.asarray(value))

    def update(self, values: Mapping[str, Any]) -> None:
        """Writes all of ``values``; raises as writing one does, and then writes none of them."""
        before = {name: self[name] for name in values if name in self._specs}
        try:
            for name, value in values.items():
                self[name] = value
        except Exception:
            for name, value in before.items():
                self[name] = value
            raise

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def __repr__(self) -> str:
        said = (f"{one.name}: {one.dtype} {list(one.shape)}" for one in self._specs.values())
        return f"State({', '.join(said)})"
