"""Files of simulated devices, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nnapi_core
from tests.runtime import c_api

PROFILES = Path(nnapi_core.__file__).parent / "nnapi" / "device_profiles"

# Five phones, each by its drivers.
PHONES: dict[str, list[dict[str, Any]]] = {
    "npu of VeriSilicon": [
        {"type": "accelerator", "profile": str(PROFILES / "verisilicon-nn-sl.json")}
    ],
    "onert on a gpu": [{"type": "gpu", "profile": str(PROFILES / "onert-nnapi.json")}],
    "Android's own CPU": [{"type": "cpu", "profile": str(PROFILES / "nnapi-reference.json")}],
    "an old driver": [{"name": "old", "type": "accelerator", "feature_level": 27}],
    "two that share": [
        {
            "type": "accelerator",
            "profile": {
                "name": "convolver",
                "feature_level": 29,
                "operations": {
                    "CONV_2D": ["TENSOR_FLOAT32", "TENSOR_QUANT8_ASYMM", "TENSOR_INT32"],
                    "MAX_POOL_2D": ["TENSOR_FLOAT32", "TENSOR_QUANT8_ASYMM"],
                },
            },
        },
        {"name": "dsp", "type": "other", "feature_level": 28},
    ],
}


def write_devices(devices: Sequence[dict[str, Any]], folder: Path) -> Path:
    file = folder / "devices.json"
    file.write_text(json.dumps({"devices": list(devices)}))
    return file


@contextmanager
def simulated(devices: Sequence[dict[str, Any]], folder: Path) -> Iterator[None]:
    """Our library has these devices, in this process."""
    library = c_api.library()
    file = write_devices(devices, folder)
    assert library.nnapi_host_set_devices(str(file).encode()) == 0, c_api.last_error()
    try:
        yield
    finally:
        assert library.nnapi_host_set_devices(None) == 0
