"""What a file may ask for: memory in proportion to the file and to what the caller gives."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnapi_runtime
from nnapi_core.nnapi.builder import Builder, TypedConstant
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.model import Model, Operand, Operation
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.serialize import WeightTable, serialize
from nnapi_core.nnapi.types import Dim, OperandCode, OperandType, SymbolicDim
from nnapi_runtime import ArgumentError, NnapiError
from tests.runtime.small_models import LEVEL, border, float_type, nnapi_file, spec

ROOT = Path(__file__).parents[3]


def file_of(model: Model, weights: WeightTable | None = None) -> bytes:
    """A file of one piece."""
    table = weights or WeightTable()
    words = serialize(model, table)
    tensors = {f"weights.{i}": one.array() for i, one in enumerate(table.constants)}
    tensors["model.0"] = np.frombuffer(words, np.uint8)

    def shape(operand: int) -> list[int | None]:
        dims = model.operands[operand].type.dims
        return [dim if isinstance(dim, int) else None for dim in dims]

    names = {
        **{one: f"in{one}" for one in model.inputs},
        **{one: f"out{one}" for one in model.outputs},
    }
    manifest: dict[str, Any] = {
        "feature_level": 30,
        "relaxed": False,
        "inputs": [spec(names[one], shape(one)) for one in model.inputs],
        "outputs": [spec(names[one], shape(one)) for one in model.outputs],
        "output_tree": ["list", [["leaf"]] * len(model.outputs)],
        "constants": {},
        "stages": [
            {
                "kind": "nnapi",
                "model": "model.0",
                "inputs": [border(names[one], shape(one)) for one in model.inputs],
                "outputs": [border(names[one], shape(one)) for one in model.outputs],
                "operations": [],
            }
        ],
    }
    return nnapi_file(manifest, tensors)


def filled(side: int, *, given: Dim = 1) -> Model:
    """side² floats out of nothing, of which the largest remains; and the input, unchanged."""
    builder = Builder(LEVEL)
    x = builder.variable(float_type(given))
    dims = TypedConstant(
        Constant.of(np.array([side, side], np.int32)), OperandType(OperandCode.TENSOR_INT32, (2,))
    )
    (large,) = builder.emit(ops.FILL, {"shape": dims, "value": 1.0}, [float_type(side, side)])
    axes = TypedConstant(
        Constant.of(np.array([0, 1], np.int32)), OperandType(OperandCode.TENSOR_INT32, (2,))
    )
    arguments = {"input": large, "axes": axes, "keep_dims": False}
    (most,) = builder.emit(ops.REDUCE_MAX, arguments, [float_type(1)])
    (same,) = builder.emit(ops.RELU, {"input": x}, [float_type(given)])
    return builder.finish([x], [most, same])


def test_results_out_of_proportion_are_one_error(tmp_path: Path) -> None:
    path = tmp_path / "m.nnapi"
    path.write_bytes(file_of(filled(20_000)))
    assert path.stat().st_size < 3000
    with pytest.raises(
        NnapiError, match=r"m.nnapi: .*1600000000 bytes at once; the memory limit is 2684"
    ):
        nnapi_runtime.load(path)


def test_in_proportion_to_inputs(tmp_path: Path) -> None:
    """The same results are in order for inputs that are a thousandth of them."""
    path = tmp_path / "m.nnapi"
    path.write_bytes(file_of(filled(9000, given=16_000)))
    most, _ = nnapi_runtime.load(path)(np.zeros(16_000, np.float32))
    assert most == 1
    path.write_bytes(file_of(filled(9000)))
    with pytest.raises(NnapiError, match="memory limit"):
        nnapi_runtime.load(path)


def test_sizes_of_a_run(tmp_path: Path) -> None:
    """Where the inputs' shapes are not known before, the run ends."""
    path = tmp_path / "m.nnapi"
    path.write_bytes(file_of(filled(9000, given=SymbolicDim("n"))))
    session = nnapi_runtime.load(path)
    with pytest.raises(NnapiError, match=r"324000000 bytes at once; the memory limit is 2684"):
        session(np.zeros(1, np.float32))
    assert session(np.zeros(100_000, np.float32))[0] == 1


def test_the_caller_may_allow_more_or_less(tmp_path: Path) -> None:
    path = tmp_path / "m.nnapi"
    path.write_bytes(file_of(filled(1000)))
    assert nnapi_runtime.load(path)(np.zeros(1, np.float32))[0] == 1
    with pytest.raises(NnapiError, match="the memory limit is 1000000 bytes"):
        nnapi_runtime.load(path, memory_limit=1_000_000)
    path.write_bytes(file_of(filled(9000)))
    session = nnapi_runtime.load(path, memory_limit=400_000_000)
    assert session(np.zeros(1, np.float32))[0] == 1
    for wrong in (0, -1, 2**63):
        with pytest.raises(ArgumentError, match="memory_limit is"):
            nnapi_runtime.load(path, memory_limit=wrong)


def test_results_that_are_returned(tmp_path: Path) -> None:
    builder = Builder(LEVEL)
    x = builder.variable(float_type(1))
    dims = TypedConstant(
        Constant.of(np.array([9000, 9000], np.int32)), OperandType(OperandCode.TENSOR_INT32, (2,))
    )
    (large,) = builder.emit(ops.FILL, {"shape": dims, "value": 1.0}, [float_type(9000, 9000)])
    (same,) = builder.emit(ops.RELU, {"input": x}, [float_type(1)])
    path = tmp_path / "m.nnapi"
    path.write_bytes(file_of(builder.finish([x], [large, same])))
    session = nnapi_runtime.load(path)
    with pytest.raises(NnapiError, match="the outputs take 324000004 bytes; the memory limit is"):
        session(np.zeros(1, np.float32))


def layers(count: int, size: int, *, apart: int) -> bytes:
    """Fully connected layers, whose weights begin ``apart`` floats after each other in one buffer."""
    values = np.random.default_rng(0).standard_normal(size * size + count * apart)
    whole = Constant.of((values / size).astype(np.float32))
    table = WeightTable()
    table.will_read([whole])
    table.number(whole)
    bias = Operand(float_type(size), constant=Constant.of(np.zeros(size, np.float32)))
    none = Operand(OperandType(OperandCode.INT32), constant=Constant.of(np.int32(0)))
    operands, operations = [Operand(float_type(1, size)), bias, none], []
    x = 0
    for layer in range(count):
        weights = whole.crop(0, layer * apart, size * size).reshape((size, size))
        operands += [
            Operand(float_type(size, size), constant=weights),
            Operand(float_type(1, size)),
        ]
        place = len(operands)
        operations.append(Operation(ops.FULLY_CONNECTED, (x, place - 2, 1, 2), (place - 1,)))
        x = place - 1
    return file_of(Model(tuple(operands), tuple(operations), (0,), (x,)), table)


MEASURED = """
import sys
import numpy as np
import nnapi_runtime

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) << 10

before = peak()
session = nnapi_runtime.load(sys.argv[1], num_threads=1)
loaded = peak() - before
session(np.ones((1, 500), np.float32))
print(loaded, peak() - before)
"""


def test_weights_that_overlap_are_not_packed_without_end(tmp_path: Path) -> None:
    """Each layer's weights take 1 MB, packed; 1,000 of them lie within 1.02 MB."""
    path = tmp_path / "m.nnapi"
    path.write_bytes(layers(1000, 500, apart=4))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    most = 10 * path.stat().st_size + (256 << 20)
    assert [int(one) < most for one in done.stdout.split()] == [True, True], done.stdout


@pytest.mark.parametrize("apart", [4, 500 * 500])
def test_results_are_the_same_however_weights_lie(apart: int, tmp_path: Path) -> None:
    path = tmp_path / "m.nnapi"
    path.write_bytes(layers(60, 500, apart=apart))
    x = np.ones((1, 500), np.float32)
    (result,) = nnapi_runtime.load(path)(x)
    weights = nnapi_runtime.nnapi_file.read_file(path).weights
    flat = np.asarray(weights[0]).reshape(-1)
    for layer in range(60):
        x = x @ flat[layer * apart : layer * apart + 250_000].reshape(500, 500).T
    np.testing.assert_allclose(result, x, rtol=1e-3, atol=1e-30)


READ = """
import resource, sys
import nnapi_runtime
from nnapi_core.artifact.inspect_text import describe

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10

before = peak()
{how}(sys.argv[1])
print(peak() - before)
"""


@pytest.mark.parametrize("how", ["nnapi_runtime.load", "describe"])
@pytest.mark.parametrize("unit", ["[]", '""'])
def test_a_manifest_of_many_values(unit: str, how: str, tmp_path: Path) -> None:
    """Each is a few bytes of text, and might become an object of Python's."""
    path = tmp_path / "m.nnapi"
    parts: dict[str, Any] = {"stages": [], "inputs": [], "outputs": [], "checksums": {}}
    text = json.dumps(
        {"feature_level": 29, "relaxed": False, "output_tree": ["tuple", []], **parts}
    )
    text = f'{text[:-1]}, "more": [{",".join([unit] * 4_000_000)}]}}'
    metadata = {
        "format": "torch-nnapi",
        "version": "1",
        "checksum": f"{zlib.crc32(text.encode()):08x}",
    }
    head = json.dumps({"__metadata__": {**metadata, "manifest": text}}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head)
    done = subprocess.run(
        [sys.executable, "-c", READ.format(how=how), str(path)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1000:]
    assert int(done.stdout) < 10 * path.stat().st_size + (256 << 20)
