"""Are the artifacts of the models of docs/models.md byte for byte what another checkout writes?

    tools/compare_artifacts.py ../before                    # all models; `make .venv/models` once
    tools/compare_artifacts.py ../before resnet BERT        # those whose names contain one of these

BEFORE is a checkout of another commit (`git worktree add ../before COMMIT`); what is compiled may be this one's
(`cp nnapi_runtime/*.so ../before/nnapi_runtime/`). Both sides convert the same models, of this checkout.
Exit 0: all alike, 1: one differs or is missing, 2: wrong usage.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parents[1]
LEVELS = (27, 29, 1000006)
SUFFIXES = (".nnapi", ".ptl")


def written(checkout: Path, names: list[str]) -> None:
    """Prints the digests of all artifacts that the packages of ``checkout`` write: one JSON list a model."""
    warnings.simplefilter("ignore")
    # An editable install finds its own packages before any path does.
    sys.meta_path[:] = [one for one in sys.meta_path if "editable" not in type(one).__module__]
    sys.path.insert(0, str(HERE))
    from benchmarks.architectures import ARCHITECTURES

    assert not any(name.startswith("nnapi_") for name in sys.modules), "models know no converter"
    sys.path.insert(0, str(checkout))
    import nnapi_core

    assert Path(nnapi_core.__file__).is_relative_to(checkout), nnapi_core.__file__
    for architecture in ARCHITECTURES:
        if names and not any(name in architecture.name for name in names):
            continue
        print(json.dumps([architecture.name, digests(architecture)]), flush=True)


def digests(architecture: object) -> dict[str, str]:
    """By level and kind, the SHA-256 of the file, or why there is none."""
    import torch

    import nnapi_core

    module, args = architecture.make()  # type: ignore[attr-defined]
    exported = torch.export.export(module, args, strict=False)
    found = {}
    # What was written is compared, not run; commits of some age know no such check.
    known = inspect.signature(nnapi_core.convert).parameters
    options = {"self_check": False} if "self_check" in known else {}
    for level in LEVELS:
        converted = nnapi_core.convert(exported, args, feature_level=level, **options)
        for suffix in SUFFIXES:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"model{suffix}"
                try:
                    # Templates of results were once memory as it lay there.
                    with mock.patch("torch.empty", torch.zeros):
                        converted.save(path)
                    found[f"{level} {suffix}"] = hashlib.sha256(content(path)).hexdigest()
                except nnapi_core.ConversionError as refusal:
                    found[f"{level} {suffix}"] = str(refusal)
    return found


def content(path: Path) -> bytes:
    """The bytes of a file.

    Of TorchScript files without what is of one process: the name of a temporary file, which all of the archive lies
    below, paths of source files, and a random number.
    """
    if path.suffix == ".nnapi":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        kept = [one for one in names if not one.endswith((".debug_pkl", "/serialization_id"))]
        return b"".join(name.partition("/")[2].encode() + archive.read(name) for name in kept)


def read(checkout: Path, names: list[str]) -> dict[str, dict[str, str]]:
    command = [sys.executable, __file__, "--write", str(checkout), *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found: dict[str, dict[str, str]] = dict(map(json.loads, process.stdout))
    if process.returncode:
        raise SystemExit(f"{checkout}: the models were not all converted")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("before", type=lambda text: Path(text).resolve())
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if not (options.before / "nnapi_core").is_dir():
        parser.error(f"{options.before} is no checkout of this project")
    if options.write:
        written(options.before, options.names)
        return 0
    before, after = (read(checkout, options.names) for checkout in (options.before, HERE))
    differing = 0
    for name in sorted({*before, *after}):
        old, new = before.get(name, {}), after.get(name, {})
        apart = [which for which in sorted({*old, *new}) if old.get(which) != new.get(which)]
        print(f"{name}: {', '.join(apart) + ' differ' if apart else f'{len(new)} files alike'}")
        differing += bool(apart)
    print(f"{len(after)} models, {differing} differ")
    return 1 if differing or not after else 0


if __name__ == "__main__":
    sys.exit(main())
