"""Names in a file are its author's: nothing that a session says of them moves a terminal's cursor."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnapi_runtime
from nnapi_runtime import NnapiError
from tests.fuzz.mutate_files import File

FOLDER = Path(__file__).parents[2] / "data/fuzz"


def texts_of(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, (dict, list)):
            pending += one.values() if isinstance(one, dict) else one


def said_of(path: Path, given: np.ndarray[Any, Any]) -> Iterator[str]:
    """What a session, its warnings and its errors say, on NNAPI and without it."""
    for library in (None, "/no/such.so"):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                session = nnapi_runtime.load(path, library=library)
                yield repr(session)
                for name in session.methods:
                    method = session.method(name)
                    yield repr(method)
                    for args in ((given,), (), (given[:, :1],), (5,)):
                        try:
                            method(*args)
                        except NnapiError as error:
                            yield str(error)
            except NnapiError as error:
                yield str(error)
        yield from (str(one.message) for one in warned)


@pytest.mark.parametrize("name", ["state", "methods", "numbers"])
def test_a_name_with_an_escape(name: str, tmp_path: Path) -> None:
    content = (FOLDER / f"{name}.nnapi").read_bytes()
    given = np.load(FOLDER / f"{name}.npz")["in0"]
    path = tmp_path / "m.nnapi"
    file = File.of(content)
    sums = file.manifest.pop("checksums")
    whole = json.dumps(file.manifest)
    count = 0
    for text in sorted(set(texts_of(file.manifest))):
        renamed = whole.replace(json.dumps(text), json.dumps(f"\x1b[31m{text}"))
        file.manifest = {**json.loads(renamed), "checksums": sums}
        path.write_bytes(file.packed(sums=True))
        for said in said_of(path, given):
            assert "\x1b" not in said, ascii(said)
            count += 1
    assert count > 40
