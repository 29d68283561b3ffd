"""What a model is called with keeps its structure, in every artifact: by key, by place, by name."""

from __future__ import annotations

import tempfile
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.utils._pytree as pytree
from hypothesis import given
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_core.cli import main
from nnapi_core.errors import ConversionError

REFUSED = (ConversionError, nnapi_runtime.ArgumentError, RuntimeError, torch.jit.Error)

NamedPair = namedtuple("NamedPair", ["first", "second"])


@dataclass
class Boxed:
    value: torch.Tensor
    weight: torch.Tensor


torch.export.register_dataclass(Boxed, serialized_type_name="tests.Boxed")


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values)


class Difference(nn.Module):
    def forward(self, d: dict[str, torch.Tensor]) -> torch.Tensor:
        return d["a"] - d["b"]


class Masked(nn.Module):
    def forward(
        self, x: torch.Tensor, mask: torch.Tensor | None = None, *, factor: int = 2
    ) -> torch.Tensor:
        x = x * factor
        return x if mask is None else x * mask


class Several(nn.Module):
    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return xs[0] - xs[1] * xs[2]


def stock(path: Path) -> Any:
    """A TorchScript artifact, in this process."""
    import ctypes

    ctypes.CDLL(str(nnapi_runtime.host_library()), mode=ctypes.RTLD_GLOBAL)
    return torch.jit.load(str(path))


def everywhere(converted: nnapi_core.Converted, folder: Path) -> list[Any]:
    """The conversion, and both kinds of its files, as callables."""
    converted.save(folder / "m.nnapi")
    converted.save(folder / "m.ptl")
    script = stock(folder / "m.ptl")
    return [converted, nnapi_runtime.load(folder / "m.nnapi"), script, script.forward_cpu]


def test_dicts_go_by_key(tmp_path: Path) -> None:
    a, b = numbers(1, 2), numbers(10, 30)
    converted = nnapi_core.convert(Difference(), ({"a": a, "b": b},))
    for run in everywhere(converted, tmp_path):
        assert torch.equal(run({"b": b, "a": a}), a - b)
        assert torch.equal(run(d={"b": b, "a": a}), a - b)
        for wrong in ({"a": a}, {"a": a, "c": b}, {"a": a, "b": b, "c": b}):
            with pytest.raises(REFUSED) as error:
                run(wrong)
            assert "keys" in str(error.value)


def test_named_arguments_and_defaults(tmp_path: Path) -> None:
    x, mask = numbers(1, 2), numbers(0, 1)
    converted = nnapi_core.convert(Masked(), (x,), kwargs={"mask": mask})
    for run in everywhere(converted, tmp_path):
        assert torch.equal(run(x, mask=mask), 2 * x * mask)
        assert torch.equal(run(x=x, mask=mask), 2 * x * mask)
        assert torch.equal(run(x, mask=mask, factor=2), 2 * x * mask)
    session = nnapi_runtime.load(tmp_path / "m.nnapi")
    for args, kwargs, said in [
        ((x,), {}, "'mask' is missing"),
        ((x,), {"mask": None}, "'mask' is None; give a tensor"),
        ((x, mask), {}, "1 arguments by place, not 2"),
        ((x,), {"mask": mask, "x": x}, "given twice"),
        ((x,), {"mask": mask, "factor": 3}, "converted for 2"),
        ((x,), {"mask": mask, "factor": 2.0}, "converted for 2"),
        ((x,), {"mask": mask, "size": 1}, "there is no 'size'"),
        ((3.5,), {"mask": mask}, "'x' is 3.5; give a tensor"),
        (([x],), {"mask": mask}, "'x' is a list"),
    ]:
        with pytest.raises(nnapi_runtime.ArgumentError, match=said):
            session(*args, **kwargs)
        with pytest.raises(ConversionError, match=said):
            converted(*args, **kwargs)


@pytest.mark.parametrize("given_none", [False, True])
def test_none_stays_a_parameter(given_none: bool, tmp_path: Path) -> None:
    x = numbers(1, 2)
    converted = nnapi_core.convert(Masked(), (x, None) if given_none else (x,))
    for run in everywhere(converted, tmp_path):
        assert torch.equal(run(x, None), 2 * x)
        assert torch.equal(run(x, mask=None), 2 * x)
        assert torch.equal(run(x), 2 * x)
        with pytest.raises(REFUSED) as error:
            run(x, x)
        assert "part of it" in str(error.value)


class Between(nn.Module):
    def forward(
        self, x: torch.Tensor, scale: float = 2.0, y: torch.Tensor | None = None, add: int = 1
    ) -> torch.Tensor:
        x = x * scale + add
        return x if y is None else x * y


@pytest.mark.parametrize(
    "kwargs", [{}, {"scale": 2.0}, {"y": None, "add": 1}, {"scale": 2.0, "y": None}]
)
def test_what_was_given_as_it_is_by_default_may_be_left_out(
    kwargs: dict[str, Any], tmp_path: Path
) -> None:
    x = numbers(1, 2)
    for run in everywhere(nnapi_core.convert(Between(), (x,), kwargs=kwargs), tmp_path):
        assert torch.equal(run(x), 2 * x + 1)
        assert torch.equal(run(x, **kwargs), 2 * x + 1)


def test_an_argument_before_one_that_must_be_given_is_not_left_out(tmp_path: Path) -> None:
    x = numbers(1, 2)
    converted = nnapi_core.convert(Between(), (x, 2.0, x, 3))
    for run in everywhere(converted, tmp_path):
        assert torch.equal(run(x, 2.0, x, 3), (2 * x + 3) * x)
        for args, named in (((x,), {}), ((x,), {"y": x}), ((x, 2.0, x), {})):
            with pytest.raises(REFUSED):
                run(*args, **named)


def test_starred_arguments_go_by_place(tmp_path: Path) -> None:
    xs = numbers(1), numbers(2), numbers(3)
    converted = nnapi_core.convert(Several(), xs)
    for run in everywhere(converted, tmp_path):
        assert torch.equal(run(*xs), numbers(-5))
        with pytest.raises(REFUSED):
            run(*xs, xs[0])


def test_named_tuples_and_dataclasses(tmp_path: Path) -> None:
    class Model(nn.Module):
        def forward(self, pair: NamedPair, boxed: Boxed) -> tuple[NamedPair, Boxed]:
            return (
                NamedPair(pair.first - pair.second, pair.first * 2),
                Boxed(boxed.value - boxed.weight, boxed.weight),
            )

    class Other(NamedTuple):
        first: torch.Tensor
        second: torch.Tensor

    a, b = numbers(1, 2), numbers(5, 7)
    converted = nnapi_core.convert(Model(), (NamedPair(a, b), Boxed(a, b)))
    pair, boxed = converted(NamedPair(a, b), Boxed(a, b))
    assert isinstance(pair, NamedPair) and isinstance(boxed, Boxed)
    assert torch.equal(pair.first, a - b) and torch.equal(boxed.value, a - b)
    converted.save(tmp_path / "m.nnapi")
    session = nnapi_runtime.load(tmp_path / "m.nnapi")
    pair, boxed = session(Other(second=b, first=a), boxed=Boxed(a, b))
    assert torch.equal(pair.first, a - b) and torch.equal(pair[1], a * 2)
    assert torch.equal(boxed.value, a - b) and torch.equal(boxed.weight, b)
    assert repr(pair).startswith("NamedPair(first=tensor(") and pair._asdict().keys() == {
        "first", "second",
    }  # fmt: skip
    with pytest.raises(nnapi_runtime.ArgumentError, match="'pair' is a tuple; give a NamedPair"):
        session((a, b), Boxed(a, b))
    converted.save(tmp_path / "m.ptl")
    first, second = stock(tmp_path / "m.ptl")((a, b), (a, b))
    assert torch.equal(first[0], a - b) and torch.equal(second[0], a - b)


def test_what_cannot_be_said_is_refused_by_name() -> None:
    class Keyed(nn.Module):
        def forward(self, d: dict[Any, torch.Tensor]) -> torch.Tensor:
            return d[2.5] + 1

    class Typed(nn.Module):
        def forward(self, x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
            return x.to(dtype)

    with pytest.raises(ConversionError, match=r"2\.5"):
        nnapi_core.convert(Keyed(), ({2.5: numbers(1)},))
    with pytest.raises(ConversionError, match=r"torch\.dtype"):
        nnapi_core.convert(Typed(), (numbers(1), torch.float16))


# Random structures: each has its tensors in an order of its own.
leaves = st.integers(0, 3).map(lambda size: torch.arange(float(size + 1)))
constants = st.sampled_from([None, 2, 1.5, True, "text"])


@st.composite
def containers(draw: st.DrawFn, depth: int = 2) -> Any:
    if depth == 0 or draw(st.booleans()):
        return draw(leaves)
    kind = draw(st.sampled_from(["tuple", "list", "dict", "named", "same"]))
    members = draw(st.lists(st.one_of(containers(depth - 1), constants), min_size=1, max_size=3))
    if kind == "dict":
        keys = draw(st.permutations(["a", "b", "c"]))
        return dict(zip(keys, members, strict=False))
    if kind == "named":
        return NamedPair(members[0], draw(leaves))
    if kind == "same":
        return {"x": draw(leaves), "y": draw(leaves)}
    return tuple(members) if kind == "tuple" else members


class Weighed(nn.Module):
    """The sum of all tensors, each with a weight by its path: two that are exchanged give something else."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        total = torch.zeros(1)
        for path, leaf in pytree.tree_flatten_with_path((args, kwargs))[0]:
            if isinstance(leaf, torch.Tensor):
                weight = sum(ord(c) * (i + 1) for i, c in enumerate(pytree.keystr(path))) % 97 + 1
                total = total + leaf.sum() * weight
        return total


def shuffled(value: Any, draw: st.DrawFn) -> Any:
    """The same with dicts in another order."""
    if isinstance(value, dict):
        keys = draw(st.permutations(list(value)))
        return {key: shuffled(value[key], draw) for key in keys}
    if isinstance(value, NamedPair):
        return NamedPair(*(shuffled(one, draw) for one in value))
    if isinstance(value, (tuple, list)):
        return type(value)(shuffled(one, draw) for one in value)
    return value


@given(st.data())
def test_any_structure_in_every_artifact(data: st.DataObject) -> None:
    args = tuple(data.draw(st.lists(containers(), min_size=1, max_size=3)))
    kwargs = data.draw(st.dictionaries(st.sampled_from(["u", "v", "w"]), containers(), max_size=2))
    if not any(isinstance(one, torch.Tensor) for one in pytree.tree_leaves((args, kwargs))):
        args = (*args, numbers(1))
    wanted = Weighed()(*args, **kwargs)
    converted = nnapi_core.convert(Weighed(), args, kwargs)
    other = shuffled(list(args), data.draw)
    by_name = shuffled(kwargs, data.draw)
    with tempfile.TemporaryDirectory() as folder:
        converted.save(Path(folder) / "m.nnapi")
        session = nnapi_runtime.load(Path(folder) / "m.nnapi")
        for run in (converted, session):
            assert torch.allclose(run(*args, **kwargs), wanted)
            assert torch.allclose(run(*other, **by_name), wanted)
        arrays = pytree.tree_map_only(torch.Tensor, torch.Tensor.numpy, (other, by_name))
        assert np.allclose(session(*arrays[0], **arrays[1]), wanted)
        converted.save(Path(folder) / "m.ptl")
        script = stock(Path(folder) / "m.ptl")
        flat = [one for one in pytree.tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
        given_flat, by_keyword = session.arguments_of(flat)
        assert torch.allclose(session(*given_flat, **by_keyword), wanted)
        simple = all(isinstance(one, torch.Tensor) for one in (*args, *kwargs.values()))
        if simple:
            assert torch.allclose(script(*args, **kwargs), wanted)


def test_the_command_line_knows_named_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models.py").write_text(
        "import torch\n"
        "class Masked(torch.nn.Module):\n"
        "    def forward(self, x, *, d):\n"
        "        return x * d['m'] - d['n']\n"
        "def make():\n"
        "    x = torch.arange(4.0)\n"
        "    return Masked(), (x,), {'d': {'m': x + 1, 'n': x}}\n"
    )
    for suffix in ("nnapi", "ptl"):
        assert main(["models.py:make", "-o", f"m.{suffix}", "--verify"]) == 0
        assert "agrees with torch" in capsys.readouterr().out
        assert main(["bench", f"m.{suffix}", "--runs", "2", "--warmup", "1"]) == 0
        assert "median" in capsys.readouterr().out


def test_files_without_a_tree_take_any_nesting(tmp_path: Path) -> None:
    """As they were written before."""
    a, b = numbers(1, 2), numbers(10, 30)
    converted = nnapi_core.convert(Difference(), ({"a": a, "b": b},))
    parts = converted.contents
    manifest = {key: value for key, value in parts.manifest.items() if key != "input_tree"}
    weights = [constant.array() for constant in parts.weights.constants]
    session = nnapi_runtime.Session(manifest, parts.models, weights, parts.torch_programs)
    assert torch.equal(session(a, [b]), a - b)
    with pytest.raises(nnapi_runtime.ArgumentError, match="no names of arguments"):
        session(d={"a": a, "b": b})


@pytest.mark.parametrize(
    "tree",
    [
        None, {}, [[]], [{}], [{"tree": ["leaf"], "name": 3}], [{"tree": ["leaf"], "optional": True}],
        [{"tree": ["leaf"], "name": None, "by_place": False}], [{"tree": ["dict", ["a"], []]}],
        [{"tree": ["dict", ["a", "a"], [["leaf"], ["leaf"]]]}], [{"tree": ["value", [1]]}],
        [{"tree": ["other"]}], [{"tree": ["leaf", 1]}], [{"tree": ["tuple", "leaf"]}],
        [{"tree": ["named", 1, [2], [["leaf"]]]}], [{"name": "x", "tree": ["leaf"]}] * 2,
        [{"tree": [["leaf"]]}], [{"tree": ["dict", [None, "b"], [["leaf"], ["leaf"]]]}],
    ],
)  # fmt: skip
def test_damaged_trees_are_refused(tree: Any) -> None:
    converted = nnapi_core.convert(Difference(), ({"a": numbers(1), "b": numbers(2)},))
    parts = converted.contents
    with pytest.raises(nnapi_runtime.ModelError, match="input_tree"):
        nnapi_runtime.Session({**parts.manifest, "input_tree": tree}, parts.models, [], {})
    deep: Any = ["leaf"]
    for _ in range(2000):
        deep = ["tuple", [deep]]
    with pytest.raises(nnapi_runtime.ModelError):
        nnapi_runtime.Session(
            {**parts.manifest, "input_tree": [{"tree": deep}]}, parts.models, [], {}
        )
