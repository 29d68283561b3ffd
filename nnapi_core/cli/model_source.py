"""MODEL on the command line: where the module and its example arguments come from."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import frozen
from torch.export import ExportedProgram

from nnapi_core.cli.arguments import InputSpec
from nnapi_core.errors import ConversionError
from nnapi_core.graph.torchscript_input import read_torchscript


@frozen(eq=False)
class Source:
    """What to convert, and arguments to try it with."""

    module: torch.nn.Module | ExportedProgram
    args: tuple[Any, ...]

    def run(self) -> Any:
        """Eager torch on the example arguments."""
        module = self.module
        # The model may write into its arguments.
        args = pytree.tree_map_only(torch.Tensor, torch.clone, self.args)
        with torch.no_grad():
            return (module.module() if isinstance(module, ExportedProgram) else module)(*args)


def load_model(text: str, inputs: Sequence[InputSpec]) -> Source:
    """Raises `ConversionError` for a file or a callable that is not there or not a model."""
    examples = tuple(example(spec, seed) for seed, spec in enumerate(inputs))
    path, _, name = text.rpartition(":")
    if path and not Path(text).exists():
        return _from_callable(path, name, examples)
    suffix = Path(text).suffix
    if suffix not in (".pt2", ".pt", ".ptl"):
        raise ConversionError(
            f"{text}: a MODEL is file.pt2, file.pt, module:callable or path/file.py:callable"
        )
    if not Path(text).is_file():
        raise ConversionError(f"{text}: there is no such file")
    if suffix == ".pt2":
        return _from_exported(text, examples)
    if not examples:
        raise ConversionError(f"{text} is TorchScript: say its inputs with --input, in order")
    return Source(read_torchscript(text, examples), examples)


def example(spec: InputSpec, seed: int) -> torch.Tensor:
    """Seeded random numbers; small non-negative ones for integers, which often are indices."""
    generator = torch.Generator().manual_seed(seed)
    dtype = getattr(torch, spec.dtype)
    if dtype.is_floating_point:
        return torch.randn(spec.shape, generator=generator).to(dtype)
    return torch.randint(0, 2, spec.shape, generator=generator).to(dtype)


def _from_exported(path: str, examples: tuple[Any, ...]) -> Source:
    try:
        # Quantised programs name operators that are registered by this import.
        import torch.ao.quantization.fx._decomposed

        program = torch.export.load(path)
    except Exception as error:
        raise ConversionError(
            f"{path} cannot be read as an exported program: {type(error).__name__}: {error}"
        ) from error
    if not examples:
        if program.example_inputs is None:
            raise ConversionError(f"{path} has no example inputs: say them with --input, in order")
        examples = tuple(program.example_inputs[0])
    _check_inputs(program, examples, path)
    return Source(program, examples)


def _check_inputs(program: ExportedProgram, examples: tuple[Any, ...], path: str) -> None:
    wanted = [
        node.meta["val"]
        for node in program.graph.find_nodes(op="placeholder")
        if node.name in program.graph_signature.user_inputs
    ]
    tensors = [value for value in wanted if isinstance(value, torch.Tensor)]
    given = torch.utils._pytree.tree_leaves(examples)
    has = [f"{list(value.shape)} {value.dtype}" for value in given if torch.is_tensor(value)]
    needs = [f"{list(value.shape)} {value.dtype}" for value in tensors]
    static = all(isinstance(dim, int) for value in tensors for dim in value.shape)
    if len(has) != len(needs) or (static and has != needs):
        raise ConversionError(
            f"{path} takes {', '.join(needs)}, but --input gives {', '.join(has)}"
        )


def _from_callable(where: str, name: str, examples: tuple[Any, ...]) -> Source:
    module = _import(where)
    try:
        found = getattr(module, name)
    except AttributeError:
        raise ConversionError(f"{where} has no {name!r}") from None
    if not isinstance(found, torch.nn.Module):
        try:
            found = found()
        except Exception as error:
            raise ConversionError(
                f"{where}:{name}() raised {type(error).__name__}: {error}"
            ) from error
    if isinstance(found, tuple) and len(found) == 2:
        found, own_examples = found
        examples = examples or tuple(own_examples)
    if not isinstance(found, torch.nn.Module | ExportedProgram):
        raise ConversionError(
            f"{where}:{name} gives {type(found).__name__}, not an nn.Module or (module, example_args)"
        )
    if not examples:
        raise ConversionError(
            f"say the inputs of {where}:{name} with --input, in order, or return (module, example_args)"
        )
    if isinstance(found, torch.nn.Module):
        found.eval()
    source = Source(found, examples)
    try:
        source.run()
    except Exception as error:
        shapes = ", ".join(str(list(one.shape)) for one in examples if torch.is_tensor(one))
        raise ConversionError(
            f"{where}:{name} does not run on inputs of shape {shapes}: {type(error).__name__}: {error}"
        ) from error
    return source


def _import(where: str) -> Any:
    try:
        if where.endswith(".py"):
            if not Path(where).is_file():
                raise ConversionError(f"{where}: there is no such file")
            spec = importlib.util.spec_from_file_location(Path(where).stem, where)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            sys.path.insert(0, str(Path(where).resolve().parent))
            spec.loader.exec_module(module)
            return module
        sys.path.insert(0, "")
        return importlib.import_module(where)
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(
            f"{where} cannot be imported: {type(error).__name__}: {error}"
        ) from error
