"""TorchScript on the command line, with numbers among its arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import nnapi_runtime
from nnapi_core.cli import main


class Speech(nn.Module):
    """A script that looks at a number."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor, rate: int, gain: float) -> torch.Tensor:
        return self.linear(x) * gain if rate == 8000 else torch.relu(self.linear(x))


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_script_is_given_numbers(
    rate: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script = torch.jit.script(Speech().eval())
    script.save("m.jit")
    inputs = ["--input", "2x4", "--input", f"={rate}", "--input", "=0.5"]
    assert main(["m.jit", "-o", "m.nnapi", *inputs, "--verify", "--fallback", "error"]) == 0
    assert "agrees with torch" in capsys.readouterr().out
    x = torch.randn(2, 4)
    wanted = script(x, rate, 0.5)
    torch.testing.assert_close(nnapi_runtime.load("m.nnapi")(x, rate, 0.5), wanted)
    with pytest.raises(SystemExit):
        main(["m.jit", "-o", "m.nnapi", "--input", "=fast"])
    assert "write a number as =16000" in capsys.readouterr().err
