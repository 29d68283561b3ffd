"""A .nnapi file run by the C API, from Python by ctypes."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.runtime.native_program import torch_nnapi_library

_DTYPES = [
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
]  # fmt: skip


class Tensor(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("dtype", c_int),
        ("rank", c_int32),
        ("shape", c_int64 * 8),
        ("strides", c_int64 * 8),
        ("data", c_void_p),
        ("bytes", c_size_t),
    ]


class Info(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("dtype", c_int),
        ("rank", c_int32),
        ("shape", c_int64 * 8),
        ("example", c_int64 * 8),
        ("scale", ctypes.c_double),
        ("zero_point", c_int64),
        ("written_input", c_int32),
        ("is_none", c_int32),
    ]


class Error(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("status", c_int), ("message", c_char_p)]


@cache
def library() -> ctypes.CDLL:
    handle = ctypes.CDLL(str(torch_nnapi_library()))
    handle.torch_nnapi_last_error.restype = POINTER(Error)
    handle.torch_nnapi_results_get.restype = POINTER(Tensor)
    handle.torch_nnapi_method_name.restype = c_char_p
    for name in ("results_count", "state_count", "method_count"):
        getattr(handle, f"torch_nnapi_{name}").restype = c_size_t
    return handle


def _good(status: int) -> None:
    if status:
        raise RuntimeError(library().torch_nnapi_last_error().contents.message.decode())


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    shape = (c_int64 * 8)(*array.shape)
    dtype = _DTYPES.index(str(array.dtype))
    data = array.ctypes.data
    return Tensor(
        ctypes.sizeof(Tensor), dtype, array.ndim, shape, (c_int64 * 8)(), data, array.nbytes
    )


class CSession:
    """Called with arrays, gives arrays."""

    def __init__(self, path: Path | None = None, handle: c_void_p | None = None) -> None:
        self.handle = c_void_p() if handle is None else handle
        if path is not None:
            _good(library().torch_nnapi_load_path(str(path).encode(), None, byref(self.handle)))

    def __del__(self) -> None:
        library().torch_nnapi_session_free(self.handle)

    def __call__(self, *arrays: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        given = (Tensor * len(arrays))(*map(_tensor, arrays))
        made = c_void_p()
        _good(library().torch_nnapi_run(self.handle, given, c_size_t(len(arrays)), byref(made)))
        try:
            count = library().torch_nnapi_results_count(made)
            found = [library().torch_nnapi_results_get(made, c_size_t(i)) for i in range(count)]
            return [_array(one.contents) for one in found]
        finally:
            library().torch_nnapi_results_free(made)

    def reset(self) -> None:
        _good(library().torch_nnapi_reset(self.handle))

    def fork(self) -> CSession:
        made = c_void_p()
        _good(library().torch_nnapi_fork(self.handle, byref(made)))
        return CSession(handle=made)

    @property
    def methods(self) -> list[str]:
        count = library().torch_nnapi_method_count(self.handle)
        named = (library().torch_nnapi_method_name(self.handle, c_size_t(i)) for i in range(count))
        return [one.decode() for one in named]

    def method(self, name: str) -> CSession:
        made = c_void_p()
        _good(library().torch_nnapi_method(self.handle, name.encode(), byref(made)))
        return CSession(handle=made)

    @property
    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        found = {}
        for index in range(library().torch_nnapi_state_count(self.handle)):
            info = Info(size=ctypes.sizeof(Info))
            _good(library().torch_nnapi_state_info(self.handle, c_size_t(index), byref(info)))
            array = np.empty(list(info.shape[: info.rank]), _DTYPES[info.dtype])
            target = _tensor(array)
            _good(library().torch_nnapi_state_read(self.handle, c_size_t(index), byref(target)))
            found[info.name.decode()] = array
        return found

    def write(self, index: int, value: np.ndarray[Any, Any]) -> None:
        given = _tensor(value)
        _good(library().torch_nnapi_state_write(self.handle, c_size_t(index), byref(given)))


def _array(tensor: Tensor) -> np.ndarray[Any, Any]:
    data = ctypes.string_at(tensor.data, tensor.bytes)
    shape = list(tensor.shape[: tensor.rank])
    return np.frombuffer(data, _DTYPES[tensor.dtype]).reshape(shape).copy()
