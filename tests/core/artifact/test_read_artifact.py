"""Looking at a file: whatever was done to it, it is shown, or refused with its name."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
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
from nnapi_core.cli.artifact_page import artifact_report
from nnapi_core.errors import ArtifactError, ConversionError
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


VECTOR = OperandType(OperandCode.TENSOR_FLOAT32, (2,))


def chain(count: int) -> Model:
    operations = tuple(Operation(ops.RELU, (i,), (i + 1,)) for i in range(count))
    return Model((Operand(VECTOR),) * (count + 1), operations, (0,), (count,))


def read_by_a_process_of_its_own(path: Path) -> dict[str, int]:
    """By reader, bytes of memory that it took besides what its imports did."""
    command = [sys.executable, "-c", _READERS, str(path)]
    # Not pytest's own peak, which may be higher than the readers'.
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return {key: int(value) for key, value in json.loads(found.stdout).items()}


_READERS = """
import json, resource, sys
from nnapi_core.artifact.artifact_graph import pictures
from nnapi_core.artifact.inspect_text import described_lines
from nnapi_core.artifact.model_explorer import model_explorer_json
from nnapi_core.cli.artifact_page import artifact_report

path = sys.argv[1]
peak = lambda: 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before, found = peak(), {}
readers = {
    "inspect": lambda: described_lines(path),
    "graph": lambda: model_explorer_json("x", pictures(path)),
    "report": lambda: artifact_report(path, "x.json"),
}
for name, reader in readers.items():
    written = sum(len(one) for one in reader())
    assert written < 40_000_000, (name, written)
    found[name] = peak() - before
print(json.dumps(found))
"""


@pytest.mark.parametrize("name", ["", "n" * 100_000], ids=["short", "long"])
def test_many_operations_take_little_memory(name: str, tmp_path: Path) -> None:
    """Ten times the file and 256 MB, however often a name or a type stands in what is shown."""
    split = Split.of(with_model(tmp_path, chain(40_000)))
    (stage,) = split.manifest["stages"]
    stage["operations"] = []
    old = stage["model"]
    stage["model"] = f"{old}{name}"
    split.header[stage["model"]] = split.header.pop(old)
    split.manifest["checksums"][stage["model"]] = split.manifest["checksums"].pop(old)
    path = tmp_path / "many.nnapi"
    path.write_bytes(split.joined())
    for taken in read_by_a_process_of_its_own(path).values():
        assert taken < 10 * path.stat().st_size + (128 << 20)


def test_a_page_has_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "many.nnapi"
    path.write_bytes(without_origins(with_model(tmp_path, chain(20_000))))
    with pytest.raises(ConversionError, match="at most 16,384") as refused:
        artifact_report(str(path), "x.html")
    assert "--graph" in str(refused.value)


def without_origins(content: bytes) -> bytes:
    split = Split.of(content)
    for stage in split.manifest["stages"]:
        stage["operations"] = []
    return split.joined()


def test_an_operand_of_very_many_dimensions_is_not_shown(tmp_path: Path) -> None:
    wide = Operand(OperandType(OperandCode.TENSOR_FLOAT32, (1,) * 33))
    model = Model((Operand(VECTOR), wide), (Operation(ops.RELU, (1,), (1,)),), (0,), (0,))
    with pytest.raises(ArtifactError, match="33 dimensions; at most 32"):
        deserialize(serialize(model, WeightTable()), [])


def test_a_model_that_many_pieces_name_is_not_shown_for_ever(tmp_path: Path) -> None:
    split = Split.of(without_origins(with_model(tmp_path, chain(30_000))))
    (stage,) = split.manifest["stages"]
    again = json.dumps(stage)
    given = stage["inputs"][0]["value"]
    for number in range(20):
        more = json.loads(again)
        more["inputs"][0]["value"], more["outputs"][0]["value"] = given, f"more_{number}"
        split.manifest["stages"].append(more)
    path = tmp_path / "often.nnapi"
    path.write_bytes(split.joined())
    with pytest.raises(ArtifactError, match="operations are not shown"):
        describe(path)


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
