"""Every block of Python in these pages runs as it is printed, after what the page takes for given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IMPORTS = """
import torch
from torch import nn
import nnapi_core, nnapi_runtime
torch.manual_seed(0)
"""

# By page: how many blocks it has, and the names that its text takes for given.
PAGES = {
    "README.md": (
        1,
        "model, example = nn.Sequential(nn.Linear(6, 4), nn.ReLU()).eval(), torch.randn(1, 6)",
    ),
    "docs/plugins.md": (1, ""),
    "docs/first_conversion.md": (5, ""),
    "docs/quantisation.md": (
        5,
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(*[nn.Conv2d(3, 3, 1) for _ in range(9)])
        self.head = nn.Sequential(nn.Linear(48, 8), nn.LayerNorm(8), nn.Linear(8, 4))

    def forward(self, x):
        return torch.softmax(self.head(self.body(x).flatten(1)), -1)

def accuracy(run):
    x = batches[0][0]
    return float((run(x).argmax(-1) == model(x).argmax(-1)).float().mean())

model = Net().eval()
x = torch.randn(4, 3, 4, 4)
example_args = (x,)
batches = calibration_batches = [example_args] * 2
""",
    ),
    "docs/state.md": (
        1,
        """
def attention(x, keys):
    return torch.softmax(x.transpose(1, 2) @ keys.transpose(2, 3), -1) @ keys

x, y = torch.randn(1, 2, 1, 8), torch.randn(1, 2, 1, 8)
""",
    ),
    "docs/streaming.md": (
        1,
        """
model = nn.Sequential(nn.Conv1d(1, 4, 9, padding=4), nn.ReLU(), nn.Conv1d(4, 1, 5)).eval()
sound = torch.randn(1, 1, 8000)
""",
    ),
    "docs/targets.md": (
        1,
        "model, batches = nn.Conv2d(3, 4, 3).eval(), [(torch.randn(1, 3, 8, 8),)] * 2",
    ),
    "docs/methods.md": (1, "sound, text = torch.randn(1, 512), torch.randn(1, 512)"),
}


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    count, given = PAGES[page]
    text = (ROOT / page).read_text("utf-8")
    blocks = list(BLOCK.finditer(text))
    # One that is not run is not counted, whatever it is called.
    assert len(blocks) == count == text.count("```python") + text.count("```py\n")
    names: dict[str, object] = {"__name__": "a_page"}
    exec(IMPORTS + given, names)
    for block in blocks:
        line = text.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(ROOT / page), "exec"), names)


# Not run: how many blocks, and why.
FRAGMENTS = {
    "CONTRIBUTING.md": (2, "carried out, step by step, by tests/plugins/test_contributing.py"),
    "docs/detection.md": (2, "pieces of torchvision's models, which are large"),
    "docs/flexible_shapes.md": (1, "ends in the errors that it shows"),
    "docs/language_models.md": (2, "weights that are loaded from elsewhere"),
}


def test_each_block_is_run_or_it_is_said_why_not() -> None:
    assert sum(count for count, _ in PAGES.values()) == 16
    said = {name: count for name, (count, _) in (PAGES | FRAGMENTS).items()}
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    found = {
        str(path.relative_to(ROOT)): len(BLOCK.findall(path.read_text("utf-8"))) for path in pages
    }
    assert {name: count for name, count in found.items() if count} == said
