"""Several methods of a module in one conversion: they share weights and state in every face, as they do in torch."""

from __future__ import annotations

import copy
import ctypes
import warnings
from collections.abc import Sequence
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

import nnapi_core
import nnapi_runtime
from nnapi_core.conversion.converted import torch_nodes
from tests.core.artifact.every_form import without_nnapi
from tests.core.conversion.c_client import CSession
from tests.core.conversion.methodical_modules import SIDE, STEPS, WRITES, Scripted, Speech

few = settings(max_examples=max(settings().max_examples // 2, 4))
NAMES = ("first", "second", "third")


def arguments(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, generator=generator), torch.tensor([seed % SIDE])


class Eager:
    """The module as a session."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.new = copy.deepcopy(module), module

    def call(self, name: str, *args: torch.Tensor) -> list[torch.Tensor]:
        with torch.no_grad():
            return [one.clone() for one in getattr(self.module, name)(*args)]

    def reset(self) -> None:
        self.module = copy.deepcopy(self.new)

    def fork(self) -> Eager:
        made = Eager(self.new)
        made.module = copy.deepcopy(self.module)
        return made


class Ours:
    def __init__(self, session: Any) -> None:
        self.session, self.reset = session, session.reset

    def call(self, name: str, *args: torch.Tensor) -> list[torch.Tensor]:
        return list(getattr(self.session, name)(*args))

    def fork(self) -> Ours:
        return Ours(self.session.fork())


class InC:
    """The C API, with tensors."""

    def __init__(self, session: CSession) -> None:
        self.session, self.reset = session, session.reset
        self.methods = {name: session.method(name) for name in session.methods}

    def call(self, name: str, *args: torch.Tensor) -> list[torch.Tensor]:
        return [torch.from_numpy(one) for one in self.methods[name](*(x.numpy() for x in args))]

    def fork(self) -> InC:
        # A fork of a method is one of all of them.
        return InC(self.methods["second"].fork())


class Stock:
    """A .ptl file in the lite interpreter, which has no forks."""

    def __init__(self, path: Path, end: str) -> None:
        ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
        self.module = _load_for_lite_interpreter(str(path))
        self.end = end

    def call(self, name: str, *args: torch.Tensor) -> list[torch.Tensor]:
        return list(self.module.run_method(name + self.end, *args))

    def reset(self) -> None:
        if self.module.find_method("reset"):
            self.module.run_method("reset")


def faces(converted: nnapi_core.ConvertedMethods, folder: Path) -> dict[str, Any]:
    """A session of each kind."""
    converted.save(folder / "m.nnapi")
    converted.save(folder / "m.ptl")
    found: dict[str, Any] = {
        "converted": Ours(converted.open_session()),
        "file": Ours(nnapi_runtime.load(folder / "m.nnapi")),
        "in torch": Ours(without_nnapi(folder / "m.nnapi")),
        "for stock": Ours(converted.for_stock().open_session()),
        "ptl": Stock(folder / "m.ptl", ""),
        "ptl in torch": Stock(folder / "m.ptl", "_cpu"),
    }
    if not any(torch_nodes(one) for cases in converted.cases.values() for one in cases):
        found["c"] = InC(CSession(folder / "m.nnapi"))
    return found


Step = tuple[str, int, int]
"""What to call or do, with which of the sessions, and the seed of its arguments."""


def play(session: Any, script: Sequence[Step], *, forks: bool) -> list[list[torch.Tensor]]:
    """The results of all calls."""
    sessions, results = [session], []
    for what, which, seed in script:
        if which >= len(sessions) if forks else which or what == "fork":
            continue
        one = sessions[which]
        if what == "reset":
            one.reset()
        elif what == "fork":
            sessions.append(one.fork())
        else:
            results.append(one.call(what, *arguments(seed)))
    return results


def check_faces(
    module: nn.Module, names: Sequence[str], script: Sequence[Step], **options: Any
) -> Any:
    module = module.eval()
    before = {name: one.clone() for name, one in module.named_buffers()}
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        converted = nnapi_core.convert_methods(
            {name: (getattr(module, name), arguments(0)) for name in names}, **options
        )
        for name, one in module.named_buffers():
            assert torch.equal(one, before[name]), f"converting changed {name}"
        for name, session in faces(converted, Path(folder)).items():
            forks = not isinstance(session, Stock)
            expected = play(Eager(module), script, forks=forks)
            actual = play(session, script, forks=forks)
            assert len(actual) == len(expected)
            for number, (ours, wanted) in enumerate(zip(actual, expected, strict=True)):
                for one, other in zip(ours, wanted, strict=True):
                    said = f"{name}, call {number} of {script}"
                    torch.testing.assert_close(
                        one, other, rtol=1e-4, atol=1e-4, msg=lambda text, s=said: f"{s}: {text}"
                    )
    return converted


@few
@given(
    st.lists(st.lists(st.sampled_from(STEPS), max_size=4), min_size=3, max_size=3),
    st.sampled_from([27, 29, 30]),
    st.sampled_from(["cpu", "host"]),
    st.lists(
        st.tuples(
            st.sampled_from([*NAMES, *NAMES, "reset", "fork"]), st.integers(0, 2), st.integers(0, 9)
        ),
        min_size=4,
        max_size=9,
    ),
)
def test_every_face_shares_what_torch_shares(
    steps: list[list[str]], level: int, fallback: str, script: list[Step]
) -> None:
    torch.manual_seed(0)
    module = Scripted(dict(zip(NAMES, steps, strict=True)))
    check_faces(module, NAMES, script, feature_level=level, fallback=fallback)


SCRIPT: list[Step] = [
    ("first", 0, 1), ("second", 0, 2), ("fork", 0, 0), ("first", 1, 3), ("second", 0, 4), ("second", 1, 4),
    ("reset", 0, 0), ("second", 0, 5), ("first", 0, 6), ("second", 0, 6),
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_one_method_writes_and_another_reads(write: str) -> None:
    torch.manual_seed(0)
    module = Scripted({"first": ["linear", write], "second": ["recall", "rows", "times"]})
    converted = check_faces(module, ("first", "second"), SCRIPT)
    states = {"assign": "memory", "in_place": "memory", "row": "cache", "count": "count"}
    assert [one.name for one in converted.report.states] == [states[write]] * 2


def speech(wide: int = 8) -> tuple[Speech, torch.Tensor]:
    torch.manual_seed(0)
    return Speech(wide).eval(), torch.randn(1, wide)


def test_a_file_holds_weights_once(tmp_path: Path) -> None:
    module, x = speech(256)
    nnapi_core.convert_methods({"encode": (module.encode, (x,))}).save(tmp_path / "one.nnapi")
    both = nnapi_core.convert_methods(
        {"encode": (module.encode, (x,)), "embed": (module.embed, (x,))}
    )
    for form in ("nnapi", "ptl", "pt"):
        both.save(tmp_path / f"both.{form}")
        nnapi_core.convert_methods({"encode": (module.encode, (x,))}).save(tmp_path / f"one.{form}")
        sizes = [(tmp_path / f"{name}.{form}").stat().st_size for name in ("one", "both")]
        assert sizes[0] > 256 * 256 * 4
        assert sizes[1] < 1.1 * sizes[0] + 20_000, form


def test_what_two_methods_compute_of_weights_is_stored_once(tmp_path: Path) -> None:
    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64)

        def plain(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(self.conv(x))

        def rectified(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.norm(self.conv(x)))

    module, x = Normed().eval(), torch.randn(1, 32, 8, 8)
    converted = nnapi_core.convert_methods(
        {"plain": (module.plain, (x,)), "rectified": (module.rectified, (x,))}
    )
    converted.save(tmp_path / "m.nnapi")
    # The folded weights, and those that torch would read without NNAPI.
    assert (tmp_path / "m.nnapi").stat().st_size < 2.2 * 32 * 64 * 9 * 4 + 20_000
    torch.testing.assert_close(converted.rectified(x), module.rectified(x), rtol=1e-4, atol=1e-4)


def test_a_session_names_its_methods(tmp_path: Path) -> None:
    module, x = speech()
    converted = nnapi_core.convert_methods(
        {"encode": (module.encode, (x,)), "decode": (module.decode, (x,), {"scale": 3.0})}
    )
    assert converted.methods == ("encode", "decode")
    assert repr(converted).startswith("<ConvertedMethods: encode, decode; ")
    converted.save(tmp_path / "m.nnapi")
    session = nnapi_runtime.load(tmp_path / "m.nnapi")
    assert session.methods == ("encode", "decode")
    assert {"encode", "decode"} <= set(dir(session)) & set(dir(converted))
    assert [one.name for one in session.decode.inputs] == ["y"]
    assert session.encode.outputs[0].shape == (1,)
    wrong = [
        lambda: session(x),
        lambda: session.inputs,
        lambda: session.run_tensors([x]),
        lambda: session.profile(x),
    ]
    for call in wrong:
        with pytest.raises(
            nnapi_runtime.ArgumentError, match="several methods: 'encode', 'decode'"
        ):
            call()
    with pytest.raises(nnapi_core.ConversionError, match="several methods: 'encode', 'decode'"):
        converted(x)
    with pytest.raises(
        nnapi_runtime.ArgumentError, match="no method 'other'; it has 'encode', 'decode'"
    ):
        session.method("other")
    for face in (session, converted):
        with pytest.raises(AttributeError, match="other"):
            face.other  # noqa: B018
        with pytest.raises(
            (nnapi_runtime.ArgumentError, nnapi_core.ConversionError), match="scale"
        ):
            face.decode(x, scale=2.0)
    want_code, want = module.encode(x), module.decode(x, 3.0)
    module.memory.zero_()
    for face in (session, converted):
        torch.testing.assert_close(face.encode(x), want_code, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(face.decode(x, scale=3.0), want, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(session.state["memory"], session.encode.state["memory"])
    assert len(session.placements) == len(session.encode.placements) + len(
        session.decode.placements
    )
    fork = session.encode.fork()
    session.reset()
    assert not session.state["memory"].any()
    assert fork.state["memory"].any()
    assert fork.methods == session.methods


def test_a_file_of_one_model_has_the_method_forward(tmp_path: Path) -> None:
    module, x = speech()
    nnapi_core.convert(module, (x,)).save(tmp_path / "m.nnapi")
    assert b'"version":"1"' in (tmp_path / "m.nnapi").read_bytes()
    session = nnapi_runtime.load(tmp_path / "m.nnapi")
    assert session.methods == ("forward",)
    torch.testing.assert_close(session.forward(x), session(x), rtol=0, atol=0)
    one = nnapi_core.convert_methods({"encode": (module.encode, (x,))})
    one.save(tmp_path / "m.nnapi")
    assert b'"version":"3"' in (tmp_path / "m.nnapi").read_bytes()
    session = nnapi_runtime.load(tmp_path / "m.nnapi")
    torch.testing.assert_close(session(x), session.encode(x), rtol=0, atol=0)
    torch.testing.assert_close(one(x), one.encode(x), rtol=0, atol=0)


def test_sizes_of_a_method(tmp_path: Path) -> None:
    module, x = speech()
    rows = [torch.randn(count, 8) for count in (1, 3, 5)]
    converted = nnapi_core.convert_methods(
        {"encode": (module.encode, (x,)), "embed": (module.embed, [(one,) for one in rows])}
    )
    converted.save(tmp_path / "m.nnapi")
    converted.save(tmp_path / "m.pt")
    ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stock = torch.jit.load(str(tmp_path / "m.pt"))
    session = nnapi_runtime.load(tmp_path / "m.nnapi")
    for one in rows:
        for embed in (session.embed, converted.embed, stock.embed, stock.embed_cpu):
            torch.testing.assert_close(embed(one), module.embed(one), rtol=1e-4, atol=1e-4)
    with pytest.raises(
        nnapi_runtime.ArgumentError,
        match=r"shape \(2, 8\); it was made for: \(1, 8\); \(3, 8\); \(",
    ):
        session.embed(torch.randn(2, 8))
    with pytest.raises(Exception, match=r"it was made for: \(1, 8\); \(3, 8\); \(5, 8\)"):
        stock.embed(torch.randn(2, 8))
    with pytest.raises(nnapi_core.ConversionError, match="twice"):
        nnapi_core.convert_methods({"embed": (module.embed, [(x,), (x,)])})
    with pytest.raises(nnapi_core.ConversionError, match="differ in more than shapes"):
        nnapi_core.convert_methods({"embed": (module.embed, [(x,), (torch.randn(8),)])})
