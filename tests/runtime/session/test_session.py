"""Sessions: values across the border and back, stages in NNAPI and torch, errors in the caller's words."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.builder import Builder
from nnapi_core.nnapi.model import Model
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime import ArgumentError, ModelError, NnapiError, Session
from tests.runtime.small_models import (
    CONV_BIAS,
    CONV_WEIGHT,
    LEVEL,
    border,
    conv,
    dense,
    dense_manifest,
    dense_result,
    invalid,
    pack,
    spec,
)


def session(manifest: dict[str, Any], *models: Model, **programs: Any) -> Session:
    """The models must share no weights, but only the first may have any."""
    packed = [pack(model) for model in models]
    words = {f"model.{i}": one.words for i, one in enumerate(packed)}
    torch_programs = {f"torch.{name[1:]}": program for name, program in programs.items()}
    return Session(manifest, words, packed[0].weights if packed else [], torch_programs)


def manifest(
    inputs: list[Any], outputs: list[Any], stages: list[Any], **others: Any
) -> dict[str, Any]:
    tree = ["leaf"] if len(outputs) == 1 else ["tuple", [["leaf"]] * len(outputs)]
    plain = {"feature_level": 29, "relaxed": False, "output_tree": tree, "constants": {}}
    return {**plain, "inputs": inputs, "outputs": outputs, "stages": stages, **others}


def stage(inputs: list[Any], outputs: list[Any], model: int = 0) -> dict[str, Any]:
    described = {"model": f"model.{model}", "operations": []}
    return {"kind": "nnapi", "inputs": inputs, "outputs": outputs, **described}


CONV_STAGE = stage(
    [border("x", [1, 2, 8, 8], order=[0, 2, 3, 1])],
    [border("y", [1, 5, 6, 6], order=[0, 2, 3, 1])],
)
CONV = manifest([spec("x", [1, 2, 8, 8])], [spec("y", [1, 5, 6, 6])], [CONV_STAGE])


def conv_result(x: torch.Tensor) -> torch.Tensor:
    weight = torch.from_numpy(CONV_WEIGHT).permute(0, 3, 1, 2)
    return torch.conv2d(x, weight, torch.from_numpy(CONV_BIAS))


def test_image_order_there_and_back() -> None:
    x = torch.randn(1, 2, 8, 8, requires_grad=True)
    y = session(CONV, conv())(x)
    torch.testing.assert_close(y, conv_result(x).detach(), rtol=1e-5, atol=1e-5)
    assert y.is_contiguous()


def test_strided_tensor() -> None:
    x = torch.randn(8, 8, 2, 1).permute(3, 2, 0, 1)
    torch.testing.assert_close(session(CONV, conv())(x), conv_result(x), rtol=1e-5, atol=1e-5)


def test_arrays_in_arrays_out() -> None:
    x = np.random.default_rng(0).standard_normal((4, 64), dtype=np.float32)
    y = session(dense_manifest(), dense())(x)
    assert isinstance(y, np.ndarray)
    np.testing.assert_allclose(y, dense_result(x), rtol=1e-5, atol=1e-5)


def test_free_dimension() -> None:
    model = session(dense_manifest(None), dense(None))
    assert model.inputs[0].shape == (None, 64)
    for batch in (1, 5, 3):
        x = np.random.default_rng(batch).standard_normal((batch, 64), dtype=np.float32)
        np.testing.assert_allclose(model(x), dense_result(x), rtol=1e-5, atol=1e-5)


ELEMENTS = [
    ("float32", OperandCode.TENSOR_FLOAT32),
    ("float64", OperandCode.TENSOR_FLOAT32),
    ("float16", OperandCode.TENSOR_FLOAT16),
    ("int64", OperandCode.TENSOR_INT32),
    ("int16", OperandCode.TENSOR_INT32),
    ("bool", OperandCode.TENSOR_BOOL8),
    ("uint8", OperandCode.TENSOR_QUANT8_ASYMM),
    ("int8", OperandCode.TENSOR_QUANT8_ASYMM_SIGNED),
]
orders = st.integers(0, 4).flatmap(lambda rank: st.permutations(range(rank)))


def identity(type_: OperandType) -> Model:
    """The larger of x and x."""
    builder = Builder(LEVEL)
    x = builder.variable(type_)
    operation = ops.LOGICAL_OR if type_.code == OperandCode.TENSOR_BOOL8 else ops.MAXIMUM
    (out,) = builder.emit(operation, {"a": x, "b": x}, [type_])
    return builder.finish([x], [out])


@given(order=orders, out_order=orders, data=st.data())
def test_crossing_is_undone(order: list[int], out_order: list[int], data: st.DataObject) -> None:
    """Into NNAPI's order and out again is where it began, for any order, dtype and strides."""
    shape = data.draw(st.lists(st.integers(1, 4), min_size=len(order), max_size=len(order)))
    dtype, code = data.draw(st.sampled_from(ELEMENTS))
    quant = Quant(0.5, 10) if code.name.startswith("TENSOR_QUANT8") else None
    type_ = OperandType(code, tuple(shape[axis] for axis in order) or (1,), quant)
    said = {"dtype": dtype, "type": int(code), "order": order}
    if quant is not None:
        said |= {"scale": 0.5, "zero_point": 10}
    one = stage([border("x", list(shape), **said)], [border("y", list(shape), **said)])
    model = session(
        manifest([spec("x", list(shape), dtype)], [spec("y", list(shape), dtype)], [one]),
        identity(type_),
    )
    x = torch.arange(int(np.prod(shape))).remainder(100).to(getattr(torch, dtype)).reshape(shape)
    if len(out_order) == len(shape):
        inverse = [out_order.index(axis) for axis in range(len(shape))]
        x = x.permute(out_order).contiguous().permute(inverse)
    y = model(x)
    assert y.is_contiguous()
    torch.testing.assert_close(y, x, rtol=0, atol=0)
    np.testing.assert_array_equal(model(x.numpy()), x.numpy())


def double(type_: OperandType) -> Model:
    """x + x."""
    builder = Builder(LEVEL)
    x = builder.variable(type_)
    (out,) = builder.emit(ops.ADD, {"a": x, "b": x}, [type_])
    return builder.finish([x], [out])


def double_session(dtype: str, type_: OperandType, **quant: Any) -> Session:
    entry = {"dtype": dtype, "type": int(type_.code), **quant}
    one = stage([border("x", [3], **entry)], [border("y", [3], **entry)])
    return session(manifest([spec("x", [3], dtype)], [spec("y", [3], dtype)], [one]), double(type_))


def test_int64_is_converted_and_checked() -> None:
    model = double_session("int64", OperandType(OperandCode.TENSOR_INT32, (3,)))
    y = model(torch.tensor([1, -(2**30), 3]))
    assert y.dtype == torch.int64
    assert y.tolist() == [2, -(2**31), 6]
    with pytest.raises(ArgumentError, match="'x' holds 2147483648, which NNAPI's int32 cannot"):
        model(torch.tensor([1, 2**31, 3]))


def test_quantised_border() -> None:
    type_ = OperandType(OperandCode.TENSOR_QUANT8_ASYMM, (3,), Quant(0.5, 10))
    model = double_session("quint8", type_, scale=0.5, zero_point=10)
    x = torch.quantize_per_tensor(torch.tensor([1.0, -2.0, 4.5]), 0.5, 10, torch.quint8)
    y = model(x)
    assert y.is_quantized
    assert y.dequantize().tolist() == [2.0, -4.0, 9.0]
    other = torch.quantize_per_tensor(torch.tensor([1.0, -2.0, 4.5]), 0.25, 10, torch.quint8)
    with pytest.raises(ArgumentError, match=r"scale 0.25 and zero point 10; the model takes 0.5"):
        model(other)


def test_integers_of_a_quantised_border() -> None:
    type_ = OperandType(OperandCode.TENSOR_QUANT8_ASYMM, (3,), Quant(0.5, 10))
    model = double_session("uint8", type_, scale=0.5, zero_point=10)
    assert model(np.array([12, 6, 19], np.uint8)).tolist() == [14, 2, 28]
    x = torch.quantize_per_tensor(torch.tensor([1.0, -2.0, 4.5]), 0.5, 10, torch.quint8)
    assert model(x).tolist() == [14, 2, 28]


def torch_stage(name: int, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    return {"kind": "torch", "program": f"torch.{name}", "inputs": inputs, "outputs": outputs}


class TopTwo(torch.nn.Module):
    def forward(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values, indices = torch.topk(y, 2)
        return values, indices


TOP_TWO = b"""\
def run(v1_y: Tensor, weights: List[Tensor]) -> List[Tensor]:
    v2_topk = torch.ops.aten.topk(v1_y, k=2)
    return torch.jit.annotate(List[Tensor], [v2_topk[0], v2_topk[1]])
"""


@pytest.mark.parametrize("kind", ["callable", "bytes"])
def test_stages_in_nnapi_and_torch(kind: str) -> None:
    program = TopTwo() if kind == "callable" else TOP_TWO
    parts = dense_manifest()
    parts["stages"].append(torch_stage(1, ["y"], ["values", "indices"]))
    parts["outputs"] = [spec("indices", [4, 2], "int64"), spec("values", [4, 2])]
    parts["output_tree"] = ["dict", ["where", "what"], [["leaf"], ["list", [["leaf"]]]]]
    model = session(parts, dense(), _1=program)
    x = torch.randn(4, 64)
    result = model(x)
    values, indices = torch.topk(torch.from_numpy(dense_result(x.numpy())), 2)
    assert list(result) == ["where", "what"]
    torch.testing.assert_close(result["where"], indices)
    torch.testing.assert_close(result["what"], [values], rtol=1e-5, atol=1e-5)
    assert isinstance(model(x.numpy())["where"], np.ndarray)
    costs = model.profile(x)
    assert [cost.code for cost in costs] == [9, 19, None]
    assert [cost.origin.node for cost in costs] == ["linear", "relu", "torch.1"]
    assert all(cost.nanoseconds > 0 for cost in costs)


def test_inputs_and_constants_as_results() -> None:
    constants = {
        "three": {"dtype": "int64", "shape": [], "data": "AwAAAAAAAAA="},
        "pair": {"dtype": "float32", "shape": [2], "data": "AACAPwAAAEA="},
    }
    outputs = [
        spec("x", [2]),
        spec("x", [2]),
        {**spec("three", [], "int64"), "python": "int"},
        spec("pair", [2]),
        {"name": None},
    ]
    model = session(manifest([spec("x", [2])], outputs, [], constants=constants))
    x = torch.randn(2)
    first, second, three, pair, nothing = model(x)
    assert first is x
    assert second is x
    assert (type(three), three) == (int, 3)
    assert nothing is None
    pair += 1
    assert model(x)[3].tolist() == [1.0, 2.0]


def test_nested_arguments() -> None:
    inputs = [spec(name, [1]) for name in "abc"]
    model = session(manifest(inputs, [spec(name, [1]) for name in "cab"], []))
    a, b, c = (torch.full([1], float(i)) for i in range(3))
    assert model((a, [b]), {"k": c}) == (c, a, b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), r"takes 1 tensors \('x'\), not 0"),
        ((np.zeros((4, 64)),), r"input 'x' must be float32 of shape \(4, 64\), not float64"),
        ((np.zeros((4, 63), np.float32),), r"not float32 of shape \(4, 63\)"),
        ((np.zeros(64, np.float32),), r"not float32 of shape \(64\)"),
        ((3,), "argument 0 is int, neither a torch tensor nor a numpy array"),
        (([None],), "argument 0, item 0 is NoneType"),
    ],
)
def test_arguments_that_do_not_fit(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        session(dense_manifest(), dense())(*arguments)


@pytest.mark.parametrize("num_threads", [0, -1, 2**31])
def test_number_of_threads(num_threads: int) -> None:
    with pytest.raises(ArgumentError, match="it must be at least 1"):
        Session(dense_manifest(), {}, [], {}, num_threads=num_threads)


def test_refused_operation_is_traced_to_the_users_line() -> None:
    parts = manifest(
        [spec("x", [2, 3])],
        [spec("y", [2, 5])],
        [stage([border("x", [2, 3])], [border("y", [2, 5])])],
    )
    parts["stages"][0]["operations"] = [
        {"node": "relu", "target": "aten.relu.default", "source": "net.py:8"},
        {"node": "softmax", "target": "aten.softmax.int", "source": "net.py:9"},
    ]
    with pytest.raises(NnapiError, match=r"SOFTMAX.*softmax \(aten.softmax.int\) at net.py:9"):
        session(parts, invalid())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": 8}, "'x' has operand type 8 in the manifest, but 3 in the model"),
        ({"dtype": "int32"}, "has dtype int32 in the manifest, but float32 in the model"),
        ({"dtype": "bfloat16"}, "has dtype bfloat16"),
        ({"scale": 0.5}, "scale 0.5, zero point 0 in the manifest"),
        ({"shape": [64, 4]}, r"shape \(64, 4\) in the manifest, but \(4, 64\) in the model"),
        ({"order": [1, 0]}, r"shape \(64, 4\) in the manifest"),
        ({"order": [0, 0]}, "not a permutation of 2 dimensions"),
        ({"value": "z"}, r"stages\[0\] reads 'z', which nothing makes"),
    ],
)
def test_manifest_and_model_must_agree(change: dict[str, Any], message: str) -> None:
    parts = dense_manifest()
    parts["stages"][0]["inputs"][0].update(change)
    with pytest.raises(ModelError, match=message):
        session(parts, dense())


def test_missing_parts() -> None:
    with pytest.raises(ModelError, match=r"'model.0', which the manifest names, is missing"):
        Session(dense_manifest(), {}, [], {})
    parts = manifest([spec("x", [1])], [spec("y", [1])], [torch_stage(0, ["x"], ["y"])])
    with pytest.raises(ModelError, match=r"'torch.0' is not a program as the converter"):
        session(parts, _0=b"not a program")
    with pytest.raises(ModelError, match="returns 2 values; the manifest names 1"):
        session(parts, _0=lambda x: (x, x))(torch.zeros(1))


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import numpy as np
import nnapi_runtime
from tests.runtime.small_models import dense_file
path = sys.argv[1]
open(path, "wb").write(dense_file())
print(nnapi_runtime.load(path)(np.zeros((4, 64), np.float32)).shape)
manifest = {"feature_level": 27, "relaxed": False, "inputs": [], "outputs": [], "constants": {},
            "output_tree": ["tuple", []],
            "stages": [{"kind": "torch", "program": "torch.0", "inputs": [], "outputs": []}]}
try:
    nnapi_runtime.Session(manifest, {}, [], {"torch.0": b""})
except nnapi_runtime.NnapiError as error:
    print(error)
"""


def test_without_torch(tmp_path: Any) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "m.nnapi")],
        capture_output=True,
        text=True,
        check=False,
        cwd=__file__.rsplit("/tests/", 1)[0],
    )
    assert run.returncode == 0, run.stderr
    first, second = run.stdout.splitlines()
    assert first == "(4, 32)"
    assert "the part 'torch.0', which runs outside NNAPI, needs torch" in second


@pytest.mark.parametrize("tree", [[], ["tuple", [[]]], ["dict", ["a"], [[]]], ["list"], [["leaf"]]])
def test_no_tree(tree: Any) -> None:
    parts = dense_manifest()
    parts["output_tree"] = tree
    with pytest.raises(ModelError, match=r"output_tree.* is .*, not "):
        session(parts, dense())
