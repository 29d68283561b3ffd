"""A thread that is inside of a session when the interpreter ends does not take the process down with an abort."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import nnapi_core

SCRIPT = """
import sys, threading, time
import numpy as np
import nnapi_runtime
session = nnapi_runtime.load(sys.argv[1])
x = np.ones((64, 256), "f4")
started = threading.Barrier(5)
def again():
    started.wait()
    while True:
        {call}
for _ in range(4):
    threading.Thread(target=again, daemon=True).start()
started.wait()
time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("end") / "m.nnapi"
    module = nn.Sequential(*(nn.Linear(256, 256) for _ in range(6))).eval()
    nnapi_core.convert(module, (torch.ones(64, 256),)).save(path)
    return path


@pytest.mark.parametrize(
    "call", ["session(x)", "session.profile(x)", "nnapi_runtime.load(sys.argv[1])"]
)
def test_daemon_threads(call: str, model: Path) -> None:
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(call=call), str(model)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
