"""The example plugin, installed into an environment of its own, is found and passes its own tests."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment over this one, with the plugin installed by pip."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    packages = next(folder.glob("lib/python*/site-packages"))
    # What this environment has (torch, torch-nnapi) is there too, without installing it again.
    lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages()]
    (packages / "parent.pth").write_text("\n".join(lines))
    source = shutil.copytree(ROOT / "plugins_example", folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--target", str(packages), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def run(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(environment / "bin" / "python"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=environment,
    )


def test_is_found_by_the_command(environment: Path) -> None:
    done = run(environment, "-m", "nnapi_core.cli", "--plugins")
    assert done.returncode == 0, done.stderr
    for line in (
        "acme:acme_nnapi.squareplus (acme-nnapi 0.1.0): 1 overloads",
        "  acme.squareplus.default",
        "acme:acme_nnapi.larger (acme-nnapi 0.1.0): 1 overloads, 1 quantised operators",
        "  quantised acme.larger.default",
        "acme:acme_nnapi.passes (acme-nnapi 0.1.0): 2 passes",
        "acme:acme_nnapi.report_notes (acme-nnapi 0.1.0): 1 report hook",
    ):
        assert line in done.stdout.splitlines()


def test_can_be_left_out(environment: Path) -> None:
    done = run(environment, "-m", "nnapi_core.cli", "--plugins", "-p", "no:acme")
    assert done.returncode == 0, done.stderr
    assert "acme" not in done.stdout


def test_its_own_tests_pass(environment: Path) -> None:
    tests = environment / "source" / "tests"
    done = run(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "13 passed" in done.stdout
