"""``nnapi-convert new-plugin NAME``: a package of a plugin, with an operator, its test, and their run by CI."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
from importlib import resources
from pathlib import Path
from string import Template

from nnapi_core.errors import ConversionError

# By their paths in the package; $-names in paths and texts are filled in.
FILES = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    ".gitignore": "gitignore.txt",
    ".github/workflows/tests.yml": "tests.yml.txt",
    "${module}/__init__.py": "init.py.txt",
    "${module}/square_relu.py": "square_relu.py.txt",
    "tests/test_square_relu.py": "test_square_relu.py.txt",
}
# Names that operators, distributions or modules have already.
_TAKEN = {
    "aten", "builtin", "nnapi", "prim", "prims", "quantized", "test", "tests", "torch", "torch_nnapi", "torchao",
    "torchvision",
}  # fmt: skip


def write_plugin(name: str, folder: str | None) -> list[Path]:
    """Writes the package into ``folder`` (default: ``NAME-nnapi`` here); returns the files.

    Raises `ConversionError` for a name that is none, and for a folder that is there and not empty. Then nothing is
    written.
    """
    namespace = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", name):
        raise ConversionError(
            f"{name!r} is no name for a plugin: lower-case letters, digits, and - between them, as in acme"
        )
    if namespace in _TAKEN or keyword.iskeyword(namespace) or namespace in sys.stdlib_module_names:
        raise ConversionError(f"{name!r} has another meaning already; take another name")
    names = {
        "name": name,
        "namespace": namespace,
        "distribution": f"{name.replace('_', '-')}-nnapi",
        "module": f"{namespace}_nnapi",
    }
    target = Path(folder or names["distribution"])
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConversionError(f"{target} is there already; -o names another folder")
    existed = target.exists()
    written = []
    try:
        for path, template in FILES.items():
            text = resources.files(__package__).joinpath("template", template).read_text("utf-8")
            file = target / Template(path).substitute(names)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(Template(text).substitute(names), "utf-8")
            written.append(file)
    except OSError:
        for one in target.iterdir() if target.is_dir() else ():
            shutil.rmtree(one) if one.is_dir() else one.unlink()
        if not existed and target.is_dir():
            target.rmdir()
        raise
    return written
