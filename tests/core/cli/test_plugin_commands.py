"""Plugins from files, and a package that the command writes: its own tests are run."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nnapi_core.cli import main

PLUGIN = """
import torch
from torch import nn
from nnapi_core.plugin import Layout, hookimpl, lowering, lowerings_of, ops

@torch.library.custom_op("NAME::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2

@twice.register_fake
def _(x):
    return torch.empty_like(x)

@lowering(torch.ops.NAME.twice.default, layout=Layout.ANY)
def lower(nn, x):
    \"\"\"twice(Tensor x) -> Tensor\"\"\"
    return nn.emit(ops.ADD, a=x, b=x)

@hookimpl
def nnapi_lowerings():
    return lowerings_of(__name__)

class Twice(nn.Module):
    def forward(self, x):
        return torch.ops.NAME.twice(x)

def model():
    return Twice(), (torch.ones(3),)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_plugin_of_one_file_which_holds_the_model_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "op_a.py").write_text(PLUGIN.replace("NAME", "nnapi_test_a"))
    model, file = "op_a.py:model", ["--plugin-file", "op_a.py"]
    error = ["--fallback", "error", "--verify"]
    assert main([model, "-o", "m.nnapi", *error, *file]) == 0
    assert "agrees with torch" in capsys.readouterr().out
    assert main(["explain", model, *file, "--min-share", "100"]) == 0
    assert main(["verify", "m.nnapi", model, *file]) == 0
    capsys.readouterr()
    assert main(["plugins", *file]) == 0
    assert "op_a: 1 overloads\n  nnapi_test_a.twice.default" in capsys.readouterr().out
    assert main(["explain", model, "--min-share", "100"]) == 3


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("no.py", None, "no.py: there is no such file"),
        ("op.txt", "", "a plugin is a .py file"),
        ("op.py", "x = 1", "has no hook, so it brings nothing"),
        ("op.py", "raise ValueError('oops')", "cannot be imported: ValueError: oops"),
        ("op.py", "raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("op.py", "def f(:", "cannot be imported: SyntaxError"),
        (
            "op.py",
            PLUGIN.replace("NAME", "nnapi_test_b").replace("@hookimpl", ""),
            "not marked with @hookimpl",
        ),
    ],
)
@pytest.mark.parametrize("command", [["plugins"], ["explain", "m.pt2"]])
def test_what_is_no_plugin_file(
    command: list[str],
    name: str,
    text: str | None,
    said: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = name.replace("op", f"op_{command[0]}")
    if text is not None:
        (folder / name).write_text(text.replace("nnapi_test_b", f"nnapi_test_{command[0]}"))
    assert main([*command, "--plugin-file", name]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["acme", "my-ops"])
def test_the_package_that_is_written_installs_and_passes_its_tests(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new-plugin", name]) == 0
    root, module = folder / f"{name}-nnapi", f"{name.replace('-', '_')}_nnapi"
    written = [Path(line.removeprefix("wrote ")) for line in capsys.readouterr().out.splitlines()]
    assert {one for one in root.rglob("*") if one.is_file()} == {folder / one for one in written}
    for one in written:
        assert "$" not in one.read_text().replace("${{", "").replace('"$TORCH_NNAPI"', ""), one
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["nnapi"] == {name: module}
    assert main(["new-plugin", name]) == 1
    assert "is there already" in capsys.readouterr().err
    # As pip would leave it; that pip builds such a package is tested with the example.
    info = root / "plugin-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[nnapi]\n{name} = {module}\n")
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "a b", "torch", "aten", "builtin", "import", "json", "../acme", "1a", "a--b"],
)
def test_what_is_no_name(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new-plugin", name]) == 1
    assert "name" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_into_an_empty_folder_or_not_at_all(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mine").mkdir()
    write, count = Path.write_text, 0

    def full(self: Path, *args: object) -> int:
        nonlocal count
        count += 1
        if count == 3:
            raise OSError("no space left")
        return write(self, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        assert main(["new-plugin", "acme", "-o", "mine"]) == 1
        assert not list((folder / "mine").iterdir())
    assert main(["new-plugin", "acme", "-o", "mine"]) == 0
    assert (folder / "mine" / "acme_nnapi").is_dir()
