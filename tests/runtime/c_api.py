"""The NNAPI C API by ctypes: the host library's functions, structures, codes, and small models."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import (
    POINTER,
    byref,
    c_bool,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import nnapi_runtime

HEADERS = Path(__file__).parents[2] / "nnapi_runtime" / "include" / "nnapi"
_C_TYPES = {
    "int": c_int, "int32_t": c_int32, "int64_t": c_int64, "uint8_t": c_uint8, "uint16_t": c_uint16,
    "uint32_t": c_uint32, "uint64_t": c_uint64, "size_t": c_size_t, "float": c_float, "bool": c_bool,
    "ANeuralNetworksOperationType": c_int32, "void": None,
}  # fmt: skip


class OperandType(ctypes.Structure):
    _fields_ = [
        ("type", c_int32),
        ("dimensionCount", c_uint32),
        ("dimensions", POINTER(c_uint32)),
        ("scale", c_float),
        ("zeroPoint", c_int32),
    ]


class ChannelQuant(ctypes.Structure):
    _fields_ = [
        ("channelDim", c_uint32),
        ("scaleCount", c_uint32),
        ("scales", POINTER(c_float)),
    ]


def _header(name: str) -> str:
    text = re.sub(r"//.*", "", (HEADERS / name).read_text())
    return re.sub(r"\s+", " ", text)


@cache
def declared(header: str = "neural_networks.h") -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Result and argument types of every function that a header declares."""
    found = {}
    pattern = r"(const char\* |[\w]+ )((?:ANeuralNetworks|nnapi_host_)\w+)\(([^()]*)\);"
    for result, name, arguments in re.findall(pattern, _header(header)):
        types = []
        for argument in arguments.split(","):
            if argument.strip() in ("", "void"):
                continue
            words = argument.replace("const", "").split()
            types.append(c_void_p if "*" in argument else _C_TYPES[words[0]])
        result = result.strip()
        found[name] = (ctypes.c_char_p if "*" in result else _C_TYPES[result], tuple(types))
    return found


class _Codes:
    """The header's constants: codes.BAD_DATA."""

    def __init__(self) -> None:
        pattern = r"ANEURALNETWORKS_(\w+) = (-?\d+)"
        self.__dict__.update(
            {k: int(v) for k, v in re.findall(pattern, _header("neural_networks.h"))}
        )

    def __getattr__(self, name: str) -> int:
        raise AttributeError(name)


codes = _Codes()
# Result codes by number: the enumeration that begins with NO_ERROR.
_RESULTS = re.search(r"\{ ANEURALNETWORKS_(NO_ERROR = 0[^}]*)\}", _header("neural_networks.h"))
assert _RESULTS is not None
NAMES = {int(number): name for name, number in re.findall(r"(\w+) = (\d+)", _RESULTS[1])}
NAMES = {number: name.removeprefix("ANEURALNETWORKS_") for number, name in NAMES.items()}


@cache
def library() -> ctypes.CDLL:
    """The host library, its functions typed as the headers declare them."""
    handle = ctypes.CDLL(str(nnapi_runtime.host_library()))
    for header in ("neural_networks.h", "host_extras.h"):
        for name, (result, arguments) in declared(header).items():
            function = getattr(handle, name)
            function.restype, function.argtypes = result, arguments
    return handle


def call(name: str, *arguments: Any) -> str:
    """Calls ANeuralNetworks<name>, and returns the result code by name."""
    return NAMES[getattr(library(), "ANeuralNetworks" + name)(*arguments)]


def good(name: str, *arguments: Any) -> None:
    result = call(name, *arguments)
    assert result == "NO_ERROR", f"{name}: {result}: {last_error()}"


def last_error() -> str:
    return library().nnapi_host_last_error().decode()


# The arrays that executions use, by handle.
_arguments: dict[int | None, list[np.ndarray]] = {}


def free(name: str, handle: c_void_p) -> None:
    getattr(library(), f"ANeuralNetworks{name}_free")(handle)
    if name == "Execution":
        _arguments.pop(handle.value, None)


def operand_type(
    code: int, dims: Sequence[int] = (), scale: float = 0.0, zero_point: int = 0
) -> OperandType:
    array = (c_uint32 * len(dims))(*dims) if dims else None
    return OperandType(code, len(dims), array, scale, zero_point)


def u32(*values: int) -> Any:
    return (c_uint32 * len(values))(*values)


def address(array: np.ndarray) -> int:
    return array.ctypes.data


class Model:
    """Builds a model; what it is given stays alive with it."""

    def __init__(self, *, strict: bool = False) -> None:
        self.handle = c_void_p()
        self.count = 0
        self._kept: list[Any] = []
        good("Model_create", byref(self.handle))
        if strict:
            assert library().nnapi_host_model_set_strict(self.handle, True) == codes.NO_ERROR

    def operand(self, code: int, dims: Sequence[int] = (), **quant: Any) -> int:
        good("Model_addOperand", self.handle, byref(operand_type(code, dims, **quant)))
        self.count += 1
        return self.count - 1

    def floats(self, *dims: int) -> int:
        return self.operand(codes.TENSOR_FLOAT32, dims)

    def constant(self, code: int, value: np.ndarray) -> int:
        """An operand with the value's dimensions (none for a zero-dimensional array)."""
        value = np.ascontiguousarray(value).reshape(np.shape(value))
        index = self.operand(code, value.shape)
        self._kept.append(value)
        good("Model_setOperandValue", self.handle, index, address(value), value.nbytes)
        return index

    def int32(self, value: int) -> int:
        return self.constant(codes.INT32, np.array(value, np.int32))

    def submodel(self, model: Model) -> int:
        index = self.operand(codes.MODEL)
        self._kept.append(model)
        good("Model_setOperandValueFromModel", self.handle, index, model.handle)
        return index

    def operation(self, name: str, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        result = self.try_operation(name, inputs, outputs)
        assert result == "NO_ERROR", f"{name}: {result}: {last_error()}"

    def try_operation(self, name: str, inputs: Sequence[int], outputs: Sequence[int]) -> str:
        code = getattr(codes, name)
        return call(
            "Model_addOperation",
            self.handle,
            code,
            len(inputs),
            u32(*inputs),
            len(outputs),
            u32(*outputs),
        )

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> Model:
        result = self.try_finish(inputs, outputs)
        assert result == "NO_ERROR", f"{result}: {last_error()}"
        return self

    def try_finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> str:
        result = call(
            "Model_identifyInputsAndOutputs",
            self.handle, len(inputs), u32(*inputs), len(outputs), u32(*outputs),
        )  # fmt: skip
        return result if result != "NO_ERROR" else call("Model_finish", self.handle)

    def free(self) -> None:
        free("Model", self.handle)
        self.handle = c_void_p()


def adder(*dims: int, output: Sequence[int] | None = None) -> Model:
    """output = a + b, float32."""
    model = Model()
    a, b, activation = model.floats(*dims), model.floats(*dims), model.int32(0)
    total = model.floats(*(dims if output is None else output))
    model.operation("ADD", [a, b, activation], [total])
    return model.finish([a, b], [total])


def compile_model(model: Model, *, explicit_device: bool = False) -> c_void_p:
    """A finished compilation."""
    compilation = new_compilation(model, explicit_device=explicit_device)
    good("Compilation_finish", compilation)
    return compilation


def new_compilation(model: Model, *, explicit_device: bool = False) -> c_void_p:
    compilation = c_void_p()
    if explicit_device:
        devices = (c_void_p * 1)(device())
        good("Compilation_createForDevices", model.handle, devices, 1, byref(compilation))
    else:
        good("Compilation_create", model.handle, byref(compilation))
    return compilation


def device() -> c_void_p:
    handle = c_void_p()
    good("_getDevice", 0, byref(handle))
    return handle


@contextmanager
def execution(compilation: c_void_p) -> Iterator[c_void_p]:
    handle = c_void_p()
    good("Execution_create", compilation, byref(handle))
    try:
        yield handle
    finally:
        free("Execution", handle)


def set_input(handle: c_void_p, index: int, array: np.ndarray, dims: Sequence[int] = ()) -> str:
    """With dims, gives the type as well (float32). The array stays alive with the execution."""
    _arguments.setdefault(handle.value, []).append(array)
    kind = byref(operand_type(codes.TENSOR_FLOAT32, dims)) if dims else None
    return call("Execution_setInput", handle, index, kind, address(array), array.nbytes)


def set_output(handle: c_void_p, index: int, array: np.ndarray) -> str:
    _arguments.setdefault(handle.value, []).append(array)
    return call("Execution_setOutput", handle, index, None, address(array), array.nbytes)


def output_dims(handle: c_void_p, index: int = 0) -> tuple[str, tuple[int, ...]]:
    """The result code of asking, and the dimensions."""
    rank = c_uint32()
    result = call("Execution_getOutputOperandRank", handle, index, byref(rank))
    if result not in ("NO_ERROR", "OUTPUT_INSUFFICIENT_SIZE"):
        return result, ()
    dims = u32(*[0] * rank.value)
    assert call("Execution_getOutputOperandDimensions", handle, index, dims) == result
    return result, tuple(dims)
