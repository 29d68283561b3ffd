"""Loading and running a stranger's file executes nothing that stands in it."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_runtime.errors import ModelError, NnapiError
from nnapi_runtime.nnapi_file import read_file


class Mixed(nn.Module):
    """NNAPI, torch, NNAPI."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(torch.special.i0(self.conv(x).relu()).mean((2, 3)))


class Looping(nn.Module):
    """A loop around a part of torch's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def goes_on(i: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return i < 3

        def once(i: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return i + 1, torch.special.i0(x).tanh()

        start = torch.zeros((), dtype=torch.int32)
        return torch._higher_order_ops.while_loop(goes_on, once, (start, x))[1]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("trust")
    torch.manual_seed(0)
    models: dict[str, tuple[nn.Module, torch.Tensor, int]] = {
        "mixed": (Mixed().eval(), torch.randn(1, 3, 6, 6), 29),
        "plain": (nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval(), torch.randn(2, 4), 29),
        "looping": (Looping(), torch.randn(4), 30),
    }
    found = {}
    for name, (module, x, level) in models.items():
        found[name] = folder / f"{name}.nnapi"
        nnapi_core.convert(module, (x,), feature_level=level).save(found[name])
        np.save(found[name].with_suffix(".npy"), x.numpy())
    return found


def with_texts(path: Path, change: Any, to: Path) -> Path:
    """The file with other texts for torch; its checksums are right."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header, body = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    metadata = header["__metadata__"]
    manifest = json.loads(metadata["manifest"])
    data, out = b"", {}
    entries = [(name, one) for name, one in header.items() if name != "__metadata__"]
    for name, entry in sorted(entries, key=lambda pair: pair[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        piece = body[begin:end]
        if name.startswith("torch."):
            piece = change(name, piece)
            manifest["checksums"][name] = f"{zlib.crc32(piece):08x}"
        shape = [len(piece)] if name.startswith("torch.") else entry["shape"]
        out[name] = {**entry, "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = json.dumps(manifest)
    checksum = f"{zlib.crc32(text.encode()):08x}"
    packed = json.dumps(
        {"__metadata__": {**metadata, "manifest": text, "checksum": checksum}, **out}
    ).encode()
    packed += b" " * (-(len(packed) + 8) % 64)
    to.write_bytes(len(packed).to_bytes(8, "little") + packed + data)
    return to


def attack(path: Path) -> bytes:
    """A text that writes a file as soon as TorchScript compiles it."""
    return (
        "def run(v1_x: Tensor, weights: List[Tensor], z: Tensor = torch.from_file("
        f"'{path}', True, 4, dtype=torch.uint8).fill_(65)) -> List[Tensor]:\n    return [v1_x]\n"
    ).encode()


def test_the_attack_is_one(tmp_path: Path) -> None:
    """What is refused below does what it is refused for, where torch compiles it."""
    torch.jit.CompilationUnit(attack(tmp_path / "written").decode())
    assert (tmp_path / "written").read_bytes() == b"AAAA"


@pytest.mark.parametrize("name", ["mixed", "looping"])
def test_a_default_is_not_evaluated(name: str, files: dict[str, Path], tmp_path: Path) -> None:
    hostile = with_texts(files[name], lambda *_: attack(tmp_path / "written"), tmp_path / "h.nnapi")
    with pytest.raises(
        ModelError, match=r"h\.nnapi: 'torch\.\d+[^']*' is not a program as the converter"
    ):
        nnapi_runtime.load(hostile)
    assert not (tmp_path / "written").exists()


def test_the_fallback_is_read_only_where_it_is_needed(
    files: dict[str, Path], tmp_path: Path
) -> None:
    x = np.load(files["plain"].with_suffix(".npy"))
    hostile = with_texts(
        files["plain"], lambda *_: attack(tmp_path / "written"), tmp_path / "h.nnapi"
    )
    expected = nnapi_runtime.load(files["plain"])(x)
    np.testing.assert_array_equal(nnapi_runtime.load(hostile)(x), expected)
    with pytest.raises(
        NnapiError, match=r"no_such\.so.*'torch\.cpu' is not a program as the converter"
    ):
        nnapi_runtime.load(hostile, library="/no_such.so")
    assert not (tmp_path / "written").exists()


def test_never_torch(files: dict[str, Path]) -> None:
    with pytest.raises(
        ModelError, match=r"torch runs 'torch\.\d+', and this was loaded with torch=\"never\""
    ):
        nnapi_runtime.load(files["mixed"], torch="never")
    with pytest.raises(ModelError, match='torch="never"'):
        nnapi_runtime.load(files["looping"], torch="never")
    with pytest.raises(nnapi_runtime.ArgumentError, match="torch is 'always'"):
        nnapi_runtime.load(files["plain"], torch="always")  # type: ignore[arg-type]
    with pytest.raises(NnapiError, match=r"no_such\.so"):
        nnapi_runtime.load(files["plain"], torch="never", library="/no_such.so")
    script = f"""
import sys
import numpy as np
import nnapi_runtime
session = nnapi_runtime.load({str(files["plain"])!r}, torch="never")
print(session(np.ones((2, 4), np.float32)).shape)
print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["(2, 3)", "False"]


# Python tells of every compilation, of code that is run from text, and of every file that is opened.
WATCHED = """
import json, os, sys
import numpy as np
import torch
import nnapi_runtime
from nnapi_runtime.torch_program import TorchProgram

TorchProgram.parse({warm!r}, "warm")  # imports on demand happen before the watch
x = np.load({x!r})
events = []

def watch(event, args):
    if event in ("compile", "exec", "import", "subprocess.Popen", "os.system", "ctypes.dlopen", "pickle.find_class"):
        events.append((event, str(args)[:200]))
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        events.append((event, str(args)[:200]))

def never(*_, **__):
    raise AssertionError("torch.jit was asked to compile")

torch.jit.CompilationUnit = torch._C.CompilationUnit = torch.jit.script = never
torch._C._jit_script_compile = torch._C._create_function_from_graph = never
sys.addaudithook(watch)
session = nnapi_runtime.load({path!r}, library={library})
session(x)
found = [one for one in events if {path!r} not in one[1]]
print(json.dumps(found))
"""


@pytest.mark.parametrize("library", [None, "/no_such.so"])
@pytest.mark.parametrize("name", ["mixed", "looping"])
def test_nothing_of_a_file_is_compiled(
    name: str, library: str | None, files: dict[str, Path]
) -> None:
    from tests.runtime.torch_program.texts import PLAIN

    script = WATCHED.format(
        warm=PLAIN,
        path=str(files[name]),
        library=repr(library),
        x=str(files[name].with_suffix(".npy")),
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    events = [one for one in json.loads(done.stdout) if one[0] != "import"]
    assert events == []


def test_what_is_saved_is_taken(files: dict[str, Path]) -> None:
    for path in files.values():
        file = read_file(path)
        assert all(
            nnapi_runtime.torch_program.TorchProgram.parse(text, name)
            for name, text in file.torch_programs.items()
        )
