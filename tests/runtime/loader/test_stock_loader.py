"""Stock PyTorch's own loader on our library, in a process that knows nothing else of this project."""

from __future__ import annotations

import subprocess
import sys

import nnapi_runtime

# relu(x @ W.T + b), as torch.classes._nnapi.Compilation takes it: words packed by hand.
SCRIPT = """
import ctypes, struct, sys
import torch

ctypes.CDLL(sys.argv[1])

FLOAT, INT32, FULLY_CONNECTED, RELU = 3, 1, 9, 1
operands = [(FLOAT, (4, 64)), (FLOAT, (32, 64)), (FLOAT, (32,)), (INT32, ()), (FLOAT, (4, 32))]
torch.manual_seed(0)
weight, bias = torch.randn(32, 64), torch.randn(32)
values = [(1, 2, struct.pack("<3I", 0, 0, weight.nbytes)),
          (2, 2, struct.pack("<3I", 1, 0, bias.nbytes)),
          (3, 0, struct.pack("<i", RELU))]
words = struct.pack("<6i", 1, len(operands), len(values), 1, 1, 1)
words += b"".join(struct.pack("<iIfi", code, len(dims), 0.0, 0) for code, dims in operands)
words += b"".join(struct.pack("<iiI", at, source, len(data)) for at, source, data in values)
words += struct.pack("<iII", FULLY_CONNECTED, 4, 1)
words += b"".join(struct.pack(f"<{len(dims)}I", *dims) for _, dims in operands)
words += b"".join(data for _, _, data in values)
words += struct.pack("<5I", 0, 1, 2, 3, 4) + struct.pack("<2I", 0, 4)

compilation = torch.classes._nnapi.Compilation()
model = torch.frombuffer(bytearray(words), dtype=torch.int32)
compilation.init(model, [weight, bias])
for seed in range(3):
    x, y = torch.randn(4, 64), torch.empty(4, 32)
    compilation.run([x], [y])
    torch.testing.assert_close(y, torch.relu(torch.nn.functional.linear(x, weight, bias)))
print("equal", "nnapi_runtime" in sys.modules)
"""


def test_stock_loader_runs_on_our_library() -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(nnapi_runtime.host_library())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.split() == ["equal", "False"]
