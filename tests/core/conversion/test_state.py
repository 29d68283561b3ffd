"""What a model keeps in its buffers is kept by every face of a conversion, over calls, resets and forks, as eager torch
keeps it."""

from __future__ import annotations

import copy
import ctypes
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.jit.mobile import _load_for_lite_interpreter

import nnapi_runtime
from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.converted import Converted, torch_nodes
from nnapi_core.verification.verify import verify
from tests.core.artifact.every_form import without_nnapi
from tests.core.conversion.c_client import CSession
from tests.core.conversion.stateful_modules import (
    CELLS,
    SIDE,
    Before,
    Cache,
    Counter,
    Heads,
    Image,
    Ring,
    Several,
)

few = settings(max_examples=max(settings().max_examples // 2, 4))
Args = tuple[torch.Tensor, torch.Tensor]


def arguments(seed: int) -> Args:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, generator=generator), torch.tensor([seed % SIDE])


def kept_by(module: nn.Module) -> dict[str, torch.Tensor]:
    """Buffers, and tensors that are plain attributes."""
    found = dict(module.named_buffers())
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if isinstance(value, torch.Tensor):
                found[f"{path}.{name}" if path else name] = value
    return found


class Eager:
    """The module as a session."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.new = copy.deepcopy(module), module

    def __call__(self, *args: torch.Tensor) -> list[torch.Tensor]:
        with torch.no_grad():
            return [one.clone() for one in self.module(*args)]

    def reset(self) -> None:
        self.module = copy.deepcopy(self.new)

    def fork(self) -> Eager:
        made = Eager(self.new)
        made.module = copy.deepcopy(self.module)
        return made


class InC:
    """The C API, with tensors."""

    def __init__(self, session: CSession) -> None:
        self.session = session
        self.reset = session.reset

    def __call__(self, *args: torch.Tensor) -> list[torch.Tensor]:
        return [torch.from_numpy(one) for one in self.session(*(one.numpy() for one in args))]

    def fork(self) -> InC:
        return InC(self.session.fork())

    @property
    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        return self.session.state


class Stock:
    """A .ptl file in the lite interpreter, which has no forks."""

    def __init__(self, path: Path, method: str) -> None:
        ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
        self.module = _load_for_lite_interpreter(str(path))
        self.method = method

    def __call__(self, *args: torch.Tensor) -> list[torch.Tensor]:
        return list(self.module.run_method(self.method, *args))

    def reset(self) -> None:
        self.module.run_method("reset")


def faces(converted: Converted, folder: Path) -> dict[str, Any]:
    """A session of each kind."""
    converted.save(folder / "m.nnapi")
    converted.save(folder / "m.ptl")
    found: dict[str, Any] = {
        "converted": converted.open_session(),
        "file": nnapi_runtime.load(folder / "m.nnapi"),
        "in torch": without_nnapi(folder / "m.nnapi"),
        "for stock": converted.for_stock().open_session(),
        "ptl": Stock(folder / "m.ptl", "forward"),
        "ptl in torch": Stock(folder / "m.ptl", "forward_cpu"),
    }
    if not torch_nodes(converted):
        found["c"] = InC(CSession(folder / "m.nnapi"))
    return found


Step = tuple[str, int, int]
"""What to do, with which of the sessions, and the seed of its arguments."""
steps = st.lists(
    st.tuples(st.sampled_from(["call", "call", "call", "reset", "fork"]), st.integers(0, 2), st.integers(0, 9)),
    min_size=3,
    max_size=8,
)  # fmt: skip


def play(session: Any, script: Sequence[Step], *, forks: bool) -> list[list[torch.Tensor]]:
    """The results of all calls."""
    sessions, results = [session], []
    for what, which, seed in script:
        if which >= len(sessions) if forks else which or what == "fork":
            continue
        one = sessions[which]
        if what == "call":
            results.append(list(one(*arguments(seed))))
            for tensor in results[-1]:
                assert isinstance(tensor, torch.Tensor)
        elif what == "reset":
            one.reset()
        else:
            sessions.append(one.fork())
    return results


def same(
    actual: Sequence[Sequence[torch.Tensor]], expected: Sequence[Sequence[torch.Tensor]]
) -> None:
    assert len(actual) == len(expected)
    for ours, wanted in zip(actual, expected, strict=True):
        for one, other in zip(ours, wanted, strict=True):
            assert one.dtype == other.dtype
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def check_faces(module: nn.Module, script: Sequence[Step], **options: Any) -> Converted:
    module = module.eval()
    before = {name: one.clone() for name, one in kept_by(module).items()}
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        converted = convert(module, arguments(0), **options)
        for name, one in kept_by(module).items():
            assert torch.equal(one, before[name]), f"converting changed {name}"
        for name, session in faces(converted, Path(folder)).items():
            forks = not isinstance(session, Stock)
            eager = Eager(module)
            expected = play(eager, script, forks=forks)
            actual = play(session, script, forks=forks)
            same(actual, expected)
            if forks:
                kept = kept_by(eager.module)
                for key, value in session.state.items():
                    torch.testing.assert_close(
                        torch.as_tensor(value),
                        kept[key],
                        rtol=1e-4,
                        atol=1e-4,
                        msg=f"{name}: {key}",
                    )
    return converted


@few
@given(
    st.lists(st.sampled_from(CELLS), min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from([27, 29, 30]),
    st.sampled_from(["cpu", "host"]),
    steps,
)
def test_every_face_keeps_what_torch_keeps(
    cells: list[Callable[[], nn.Module]],
    in_series: bool,
    level: int,
    fallback: str,
    script: list[Step],
) -> None:
    torch.manual_seed(0)
    module = Several([cell() for cell in cells], in_series)
    check_faces(module, script, feature_level=level, fallback=fallback)


SCRIPT: list[Step] = [
    ("call", 0, 1), ("call", 0, 2), ("fork", 0, 0), ("call", 1, 3), ("call", 0, 4), ("reset", 0, 0), ("call", 0, 5),
    ("call", 1, 6),
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(CELLS)))
def test_each_cell_on_its_own(place: int) -> None:
    torch.manual_seed(0)
    converted = check_faces(Several([CELLS[place]()], False), SCRIPT)
    assert len(converted.report.states) == len(kept_by(CELLS[place]()))


@pytest.mark.parametrize("how", ["index_copy", "index_put", "slice"])
def test_writes_at_a_computed_place_are_operations_of_nnapi(how: str) -> None:
    converted = check_faces(Several([Cache(how), Heads()], False), SCRIPT, fallback="error")
    assert {row.device for row in converted.report.nodes} <= {"nnapi", "folded"}
    assert [row.name for row in converted.report.states] == ["cells.0.rows", "cells.1.keys"]
    assert "cells.1.keys" in converted.report.to_json()
    assert "cells.1.keys" in converted.report.to_html()


def test_the_state_of_a_session_is_read_and_written() -> None:
    session = convert(Several([Ring(), Counter()], False), arguments(0)).session()
    assert list(session.state) == ["cells.0.latest", "cells.1.count"]
    kept = dict(session.state)
    first = session(*arguments(1))
    changed = session.state["cells.0.latest"]
    changed += 1  # a copy
    assert not np.array_equal(session.state["cells.0.latest"], changed)
    after = dict(session.state)
    session.state.update(kept)
    same([session(*arguments(1))], [first])
    session.state["cells.0.latest"] = torch.from_numpy(after["cells.0.latest"]).t().contiguous().t()
    np.testing.assert_array_equal(session.state["cells.0.latest"], after["cells.0.latest"])
    with pytest.raises(KeyError, match=r"is no state of the model, which keeps 'cells\.0\.latest'"):
        session.state["latest"] = changed
    for value in (changed[:1], changed.astype(np.float64), 1.0):
        with pytest.raises(nnapi_runtime.ArgumentError, match=r"cells\.0\.latest"):
            session.state["cells.0.latest"] = value
    with pytest.raises(nnapi_runtime.ArgumentError):
        session.state.update({"cells.1.count": np.float32(9), "cells.0.latest": changed[:1]})
    assert session.state["cells.1.count"] == after["cells.1.count"]


def test_what_a_call_returns_stays_as_it_is() -> None:
    """Results are no views of the state, which later calls write into."""
    for module in (Several([Before(), Ring(), Image()], False), Several([Cache("slice")], False)):
        session, eager = convert(module.eval(), arguments(0)).session(), Eager(module)
        kept = [session(*arguments(seed)) for seed in range(5)]
        for result in kept[:2]:
            for tensor in result:
                tensor.add_(100)
        expected = [eager(*arguments(seed)) for seed in range(5)]
        same(kept[2:], expected[2:])
        same([session(*arguments(5))], [eager(*arguments(5))])


def test_a_call_that_fails_and_a_profile_leave_the_state() -> None:
    session = convert(Several([Counter(torch.int32)], False), arguments(0)).session()
    session(*arguments(0))
    before = session.state["cells.0.count"]
    with pytest.raises(nnapi_runtime.ArgumentError):
        session(torch.zeros(2, 3), torch.zeros(1, dtype=torch.int64))
    session.profile(*arguments(0))
    assert session.state["cells.0.count"] == before == 3


def test_threads_take_turns() -> None:
    session = convert(Several([Counter(torch.int32)], False), arguments(0)).session()
    other = session.fork()
    x = torch.ones(1, 3), torch.zeros(1, dtype=torch.int64)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: session(*x)[0][0, 0].item(), range(40)))
    assert sorted(made) == [3 + 2 * number for number in range(40)]
    assert other.state["cells.0.count"] == 1


def test_verify_runs_a_sequence_and_leaves_no_trace() -> None:
    module = Several([Counter(), Ring()], True)
    converted = convert(module, arguments(0))
    eager = Eager(module)
    expected = [eager(*arguments(0)) for _ in range(4)]
    assert verify(converted, arguments(0), expected[0], steps=expected[1:], by_node=True).passed
    wrong = verify(converted, arguments(0), expected[0], steps=[*expected[1:3], expected[0]])
    assert not wrong.passed
    same([converted(*arguments(0))], [expected[0]])
