"""The four steps of CONTRIBUTING.md, carried out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_four_steps_work_as_written(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    lowering, test = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    command, said = re.findall(r"```console\n\$ python -c \"(.*?)\"\n(.*?)\n```", text)[0]
    (tmp_path / "angles.py").write_text(lowering)
    (tmp_path / "test_angles.py").write_text(test)
    installed = tmp_path / "angles-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: angles\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[nnapi]\nangles = angles\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment,
        )

    assert run("-c", command).stdout.strip() == said
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_angles.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
