"""torchvision beside this project's definitions of its operators, whichever comes first.

A package of that name stands in for it, which defines its operators as torchvision's compiled library does: schemas,
CPU kernels and shapes. It is imported in processes of its own.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ops.detection.test_roi_align import between, plain_align
from tests.ops.detection.torchvision_semantics import plain_iou, plain_nms

_EXTENSION = """
import math
import torch
from torch import Tensor

{kernels}

library = torch.library.Library("torchvision", "FRAGMENT")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.define(
    "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, "
    "SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor"
)
library.define("deform(Tensor input) -> Tensor")
library.impl("nms", lambda *args: torch.tensor(plain_nms(*args), dtype=torch.int64), "CPU")
library.impl("roi_align", lambda *args: plain_align(*args).float(), "CPU")
"""
_REGISTRATIONS = """
import torch
from torchvision.extension import library

def shape(input, rois, scale, height, width, ratio, aligned):
    return input.new_empty((rois.shape[0], input.shape[1], height, width))

library.impl("roi_align", shape, "Meta")

@torch.library.register_fake("torchvision::nms")
def count(dets, scores, iou_threshold):
    return dets.new_empty((torch.library.get_ctx().new_dynamic_size(),), dtype=torch.int64)
"""
_PROGRAM = """
import importlib, sys, torch
folder, order = sys.argv[1:]

def theirs():
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module("torchvision")

def ours():
    import nnapi_core, nnapi_core.detection.operators
    return nnapi_core

if order == "first":
    theirs(), ours()
elif order == "last":
    sys.path.insert(0, folder)
    ours(), theirs()
else:
    # On the path only after a conversion, with this project's definitions.
    ours().convert(torch.nn.ReLU(), (torch.ones(2),))
    assert "torchvision" not in sys.modules and hasattr(torch.ops.torchvision, "nms")
    theirs()
assert hasattr(torch.ops.torchvision, "deform")
assert folder in torch._C._dispatch_dump("torchvision::roi_align")
assert folder in torch._C._dispatch_dump("torchvision::nms")

class Model(torch.nn.Module):
    def forward(self, x, boxes, scores):
        kept = torch.ops.torchvision.nms(boxes, scores, 0.5)
        rois = torch.cat([torch.zeros(len(boxes), 1), boxes], dim=1)
        return kept, torch.ops.torchvision.roi_align(x, rois, 0.5, 2, 3, 2, True)

generator = torch.Generator().manual_seed(0)
low, size = torch.rand(2, 9, 2, generator=generator) * 10
args = (
    torch.randn(1, 2, 8, 8, generator=generator),
    torch.cat([low, low + size], dim=1),
    torch.rand(9, generator=generator),
)
converted = ours().convert(Model(), args)
devices = {row.target: row.device for row in converted.report.nodes}
assert devices["torchvision.roi_align.default"] == "nnapi", devices
assert devices["torchvision.nms.default"] == "cpu", devices
for actual, expected in zip(converted(*args), Model()(*args), strict=True):
    assert torch.allclose(actual, expected, atol=1e-5)
print("right")
"""


def package(folder: Path, extension: str) -> str:
    inside = folder / "torchvision"
    inside.mkdir()
    (inside / "__init__.py").write_text("from torchvision import extension, _meta_registrations\n")
    (inside / "extension.py").write_text(extension)
    (inside / "_meta_registrations.py").write_text(_REGISTRATIONS)
    return str(folder)


def run(program: str, *args: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", program, *args]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.parametrize("order", ["first", "last", "on the path later"])
def test_torchvisions_operators_are_used_where_there_are_any(order: str, tmp_path: Path) -> None:
    kernels = "\n\n".join(map(inspect.getsource, (between, plain_align, plain_iou, plain_nms)))
    folder = package(tmp_path, _EXTENSION.format(kernels=kernels))
    assert run(_PROGRAM, folder, order) == "right\n"


def test_a_torchvision_that_does_not_load_leaves_them_to_us(tmp_path: Path) -> None:
    folder = package(tmp_path, 'raise OSError("libtorch_cuda.so: cannot open shared object file")')
    program = (
        "import sys, torch; sys.path.insert(0, sys.argv[1]);"
        "import nnapi_core.detection.operators;"
        "print(torch.ops.torchvision.nms(torch.ones(2, 4), torch.ones(2), 0.5).tolist())"
    )
    assert run(program, folder) == "[0, 1]\n"
