"""Looking at a file: whatever was done to it, it is shown, or refused with its name."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import nnapi_core
from nnapi_core.artifact.artifact_graph import pictures
from nnapi_core.artifact.inspect_text import describe
from nnapi_core.artifact.read_artifact import read_artifact
from nnapi_core.errors import ArtifactError
from nnapi_core.nnapi.model import Model, Operand, Operation
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.serialize import WeightTable, deserialize, serialize
from nnapi_core.nnapi.types import OperandCode, OperandType
from tests.core.artifact.damaged_files import Split, damaged, looked_at
from tests.core.conversion.methodical_modules import Speech


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = torch.relu(self.linear(x))
        y = torch.cond(x.sum() > 0, lambda a: a * 2, lambda a: torch.tanh(a), (x,))
        return torch.special.i0(y) + 1, y


def loop(x: torch.Tensor) -> Any:
    return torch.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (torch.tensor(0), x))


class Loop(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = loop(x)[1]
        return result


def free(least: int, most: int) -> dict[str, Any]:
    return {"dynamic_shapes": ({0: torch.export.Dim("rows", min=least, max=most)},)}


KINDS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], dict[str, Any]]] = {
    "conv": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2)), (1, 3, 8, 8), {}),
    "mixed": (lambda: Branching(), (3, 4), {"feature_level": 30}),
    "branches outside": (lambda: Branching(), (3, 4), {"feature_level": 29}),
    "while": (lambda: Loop(), (3, 4), {"feature_level": 30}),
    "lstm": (lambda: nn.LSTM(4, 4), (5, 1, 4), {}),
    "free at load": (lambda: nn.Linear(4, 4), (3, 4), {**free(2, 9), "shape_strategy": "load time"}),
    "free at run": (lambda: nn.Linear(4, 4), (3, 4), {**free(2, 9), "shape_strategy": "run time"}),
    "variants": (lambda: nn.Linear(4, 4), (3, 4), {**free(2, 9), "sizes": [{"rows": 3}, {"rows": 5}]}),
}  # fmt: skip


class Files(tuple[bytes, ...]):
    """Of each kind; they are not printed."""

    def __repr__(self) -> str:
        return f"<{len(self)} files>"


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Files:
    from nnapi_core.flexible.strategy import Strategy

    folder = tmp_path_factory.mktemp("whole")
    found = []
    for number, (made, shape, options) in enumerate(KINDS.values()):
        torch.manual_seed(0)
        if "shape_strategy" in options:
            options = {**options, "shape_strategy": Strategy(options["shape_strategy"])}
        path = folder / f"{number}.nnapi"
        nnapi_core.convert(made().eval(), (torch.randn(*shape),), **options).save(path)
        found.append(path.read_bytes())
    found.append(methods(folder / "methods.nnapi"))
    return Files(found)


def methods(path: Path) -> bytes:
    """Of several, with state, one of them at two sizes."""
    torch.manual_seed(0)
    module = Speech(4).eval()
    sizes = [(torch.randn(1, 4),), (torch.randn(3, 4),)]
    nnapi_core.convert_methods(
        {
            "encode": (module.encode, sizes[0]),
            "decode": (module.decode, sizes[0], {"scale": 0.5}),
            "embed": (module.embed, sizes),
        }
    ).save(path)
    return path.read_bytes()


def test_whole_files_are_shown(contents: Files, tmp_path: Path) -> None:
    path = tmp_path / "m.nnapi"
    for content in contents:
        path.write_bytes(content)
        assert looked_at(path, tmp_path) == 0
        assert Split.of(content).joined() is not None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(number=st.integers(0, len(KINDS)), seed=st.integers(0, 2**32))
def test_damaged_files_are_shown_or_refused(
    contents: Files, tmp_path: Path, number: int, seed: int
) -> None:
    path = tmp_path / "m.nnapi"
    path.write_bytes(damaged(contents[number], seed))
    looked_at(path, tmp_path)


def branch(inner: Model | None) -> Model:
    """``x > x`` chooses between one model and itself; the innermost one adds."""
    matrix = OperandType(OperandCode.TENSOR_FLOAT32, (2,))
    if inner is None:
        operands = (Operand(matrix), Operand(matrix))
        return Model(operands, (Operation(ops.RELU, (0,), (1,)),), (0,), (1,))
    truth = OperandType(OperandCode.TENSOR_BOOL8, (1,))
    model = OperandType(OperandCode.MODEL)
    inner_model = Operand(model, submodel=inner)
    operands = (Operand(truth), inner_model, inner_model, Operand(matrix), Operand(matrix))
    return Model(operands, (Operation(ops.IF, (0, 1, 2, 3), (4,)),), (0, 3), (4,))


def test_a_model_that_is_referred_to_often_is_drawn_once(tmp_path: Path) -> None:
    content = with_model(tmp_path, nested(40))
    (tmp_path / "m.nnapi").write_bytes(content)
    assert len(content) < 20_000
    assert len(pictures(tmp_path / "m.nnapi")) == 40
    describe(tmp_path / "m.nnapi")


def nested(depth: int) -> Model:
    model: Model | None = None
    for _ in range(depth):
        model = branch(model)
    assert model is not None
    return model


def with_model(folder: Path, model: Model) -> bytes:
    """A file of one piece, whose words are ``model``."""
    path = folder / "with.nnapi"
    nnapi_core.convert(nn.ReLU(), (torch.ones(2),)).save(path)
    split = Split.of(path.read_bytes())
    (stage,) = split.manifest["stages"]
    words = serialize(model, WeightTable())
    border = stage["inputs"][0]
    stage["inputs"] = [border] * len(model.inputs)
    stage["operations"] = stage["operations"][:1]
    entry = split.header[stage["model"]]
    begin, end = entry["data_offsets"]
    split.body[begin:end] = words
    moved = len(words) - (end - begin)
    for one in split.header.values():
        if "data_offsets" in one and one["data_offsets"][0] > begin:
            one["data_offsets"] = [place + moved for place in one["data_offsets"]]
    entry.update(shape=[len(words)], data_offsets=[begin, end + moved])
    return split.joined()


def test_models_in_models_have_a_limit() -> None:
    deserialize(serialize(nested(64), WeightTable()), [])
    with pytest.raises(ArtifactError, match="more than 64 deep"):
        deserialize(serialize(nested(65), WeightTable()), [])


@pytest.mark.parametrize("unit", ["[],", '{"":0},', "0,", '"",'])
def test_a_header_takes_little_memory(unit: str, tmp_path: Path) -> None:
    """Ten times the file, and 256 MB: each value of JSON becomes an object."""
    path = tmp_path / "m.nnapi"
    size = 60_000_000
    text = b'{"__metadata__": [' + (unit * (size // len(unit))).encode() + b"0]}"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArtifactError, match="values"):
        read_artifact(path)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < 10 * size + (256 << 20)


def test_what_is_no_file(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.nnapi")
    for name in ("pipe.nnapi", "none.nnapi", ".", "a\0b.nnapi"):
        with pytest.raises(ArtifactError):
            read_artifact(tmp_path / name)
