"""Artifacts run by stock PyTorch: one process, which imports torch and nothing of this project, for many of them.

    python stock_process.py FOLDER [LIBRARY]

FOLDER holds NAME.ptl or NAME.pt with NAME.args (a list of argument tuples). What each method gives is saved as
NAME.METHOD.results, or its error's text as NAME.METHOD.error.
"""

import ctypes
import sys
from pathlib import Path
from typing import Any

import torch
from torch.jit.mobile import _load_for_lite_interpreter


def called(module: Any, method: str, args: tuple[torch.Tensor, ...]) -> Any:
    if isinstance(module, torch.jit.ScriptModule):
        return getattr(module, method)(*args)
    return module.run_method(method, *args)


def main(folder: str, library: str | None = None) -> None:
    if library is not None:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    for file in sorted(Path(folder).iterdir()):
        if file.suffix not in (".pt", ".ptl"):
            continue
        lite = file.suffix == ".ptl"
        module = _load_for_lite_interpreter(str(file)) if lite else torch.jit.load(file)
        examples = torch.load(file.with_suffix(".args"))
        for method in ("forward", "forward_cpu"):
            try:
                results = [called(module, method, args) for args in examples]
            except Exception as error:
                file.with_suffix(f".{method}.error").write_text(str(error))
            else:
                torch.save(results, file.with_suffix(f".{method}.results"))
    ours = [name for name in sys.modules if name.startswith("nnapi_")]
    print(f"modules of ours imported: {len(ours)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
