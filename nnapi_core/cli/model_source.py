"""MODEL on the command line: where the module and its example arguments come from."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.utils._pytree as pytree
from attrs import field, frozen
from torch.export import ExportedProgram

from nnapi_core.cli.input_specs import InputSpec
from nnapi_core.cli.users_modules import import_file, import_from_here
from nnapi_core.errors import ConversionError
from nnapi_core.graph.export.export_module import export
from nnapi_core.graph.export.export_torchscript import load_torchscript
from nnapi_core.graph.export.run_without_side_effects import apart

_TORCHSCRIPT = ".pt", ".ptl", ".jit", ".torchscript"


@frozen(eq=False)
class Source:
    """What to convert, and arguments to try it with."""

    module: torch.nn.Module | ExportedProgram
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(factory=dict)

    def run(self, calls: int = 1) -> list[Any]:
        """Eager torch on the example arguments, call after call; the module's own tensors stay as they are."""
        called = apart(self.module)
        results = []
        for _ in range(calls):
            # The model may write into its arguments, and into what it returned.
            args, kwargs = pytree.tree_map_only(torch.Tensor, torch.clone, (self.args, self.kwargs))
            with torch.no_grad():
                made = called(*args, **kwargs)
            results.append(pytree.tree_map_only(torch.Tensor, torch.clone, made))
        return results


def load_model(text: str, inputs: Sequence[InputSpec]) -> Source:
    """Raises `ConversionError` for a file or a callable that is not there or not a model."""
    check_memory(inputs)
    examples = tuple(example(spec, seed) for seed, spec in enumerate(inputs))
    path, _, name = text.rpartition(":")
    if path and not Path(text).exists():
        return _from_callable(path, name, examples)
    suffix = Path(text).suffix
    if suffix != ".pt2" and suffix not in _TORCHSCRIPT:
        raise ConversionError(
            f"{text}: a MODEL is file.pt2, file.pt (.ptl, .jit), module:callable or path/file.py:callable"
        )
    if not Path(text).is_file():
        raise ConversionError(f"{text}: there is no such file")
    if suffix == ".pt2":
        return _from_exported(text, examples)
    if not examples:
        raise ConversionError(f"{text} is TorchScript: say its inputs with --input, in order")
    return Source(export(load_torchscript(text), examples), examples)


def module_of(text: str) -> tuple[torch.nn.Module, Any]:
    """What ``package.module:callable`` gives, and its example arguments, if any: for those who call its methods.

    Raises `ConversionError` for what is not there, or no module.
    """
    where, _, name = text.rpartition(":")
    if not where or Path(text).exists():
        raise ConversionError(
            f"{text}: --method is for module:callable or path/file.py:callable; a .pt2 or TorchScript file has no "
            "methods that can be converted together"
        )
    found, examples, _ = _made(where, name)
    if not isinstance(found, torch.nn.Module):
        raise ConversionError(
            f"{text} gives {type(found).__name__}, not an nn.Module or (module, example_args)"
        )
    return found.eval(), examples


def model_of(text: str) -> torch.nn.Module | ExportedProgram:
    """A model without example arguments: ``file.pt2`` or ``package.module:callable``.

    Raises `ConversionError` for what is not there, or no model.
    """
    where, _, name = text.rpartition(":")
    if not where or Path(text).exists():
        return load_model(text, []).module
    found, _, _ = _made(where, name)
    if not isinstance(found, torch.nn.Module | ExportedProgram):
        raise ConversionError(f"{text} gives {type(found).__name__}, not an nn.Module")
    return found.eval() if isinstance(found, torch.nn.Module) else found


def function_of(text: str, what: str) -> Any:
    """``package.module:function`` or ``path/file.py:function``; ``what`` it is for, in errors.

    Raises `ConversionError` for what is not there, or cannot be called.
    """
    where, _, name = text.rpartition(":")
    if not where:
        raise ConversionError(
            f"{what} {text}: write it as module:function or path/file.py:function"
        )
    module = _import(where)
    found = getattr(module, name, None)
    if not callable(found):
        raise ConversionError(f"{what} {text}: {where} has no function {name!r}")
    return found


def check_memory(inputs: Sequence[InputSpec]) -> None:
    """Raises `ConversionError` for examples that take more than half of the machine's memory, before it is taken."""
    # As they are drawn, before they get their dtype.
    needed = sum(8 * math.prod(one.shape) for one in inputs)
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    if needed > most:
        shapes = ", ".join("x".join(map(str, one.shape)) for one in inputs)
        raise ConversionError(
            f"--input {shapes}: examples of {needed / 1e9:.3g} GB do not fit this machine "
            f"({most / 1e9:.3g} GB are half of its memory)"
        )


def example(spec: InputSpec, seed: int) -> torch.Tensor | int | float:
    """Seeded random numbers; small non-negative ones for integers, which often are indices. A number is itself.

    Raises `ConversionError` for more than there is memory for.
    """
    if spec.number is not None:
        return spec.number
    generator = torch.Generator().manual_seed(seed)
    dtype = getattr(torch, spec.dtype)
    try:
        if dtype.is_floating_point:
            return torch.randn(spec.shape, generator=generator).to(dtype)
        return torch.randint(0, 2, spec.shape, generator=generator).to(dtype)
    except (RuntimeError, MemoryError) as error:
        shape = "x".join(map(str, spec.shape))
        raise ConversionError(f"--input {shape}: no such tensor can be made: {error}") from error


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
        args, kwargs = program.example_inputs
        return Source(program, tuple(args), kwargs)
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
    found, own_examples, by_name = _made(where, name)
    own_kwargs: Mapping[str, Any] = {}
    if not examples and own_examples is not None:
        examples, own_kwargs = tuple(own_examples), by_name
    if not isinstance(found, torch.nn.Module | ExportedProgram):
        raise ConversionError(
            f"{where}:{name} gives {type(found).__name__}, not an nn.Module or (module, example_args)"
        )
    if not examples and not own_kwargs:
        raise ConversionError(
            f"say the inputs of {where}:{name} with --input, in order, or return (module, example_args) or "
            "(module, example_args, example_kwargs)"
        )
    if isinstance(found, torch.nn.Module):
        found.eval()
    source = Source(found, examples, own_kwargs)
    try:
        source.run()
    except Exception as error:
        shapes = ", ".join(str(list(one.shape)) for one in examples if torch.is_tensor(one))
        raise ConversionError(
            f"{where}:{name} does not run on inputs of shape {shapes}: {type(error).__name__}: {error}"
        ) from error
    return source


def _made(where: str, name: str) -> tuple[Any, Any, Mapping[str, Any]]:
    """What a callable gives: a model, and arguments by place (None: it does not say) and by name."""
    module = _import(where)
    try:
        found = getattr(module, name)
    except AttributeError:
        raise ConversionError(f"{where} has no {name!r}") from None
    if not isinstance(found, torch.nn.Module):
        try:
            found = found()
        # A model's code may end the program, too.
        except (Exception, SystemExit) as error:
            raise ConversionError(
                f"{where}:{name}() raised {type(error).__name__}: {error}"
            ) from error
    if isinstance(found, tuple) and len(found) in (2, 3):
        model, examples, *by_name = found
        return model, examples, (by_name or [{}])[0]
    return found, None, {}


def _import(where: str) -> Any:
    try:
        if where.endswith(".py"):
            if not Path(where).is_file():
                raise ConversionError(f"{where}: there is no such file")
            return import_file(Path(where))
        return import_from_here(where)
    except ConversionError:
        raise
    except (Exception, SystemExit) as error:
        raise ConversionError(
            f"{where} cannot be imported: {type(error).__name__}: {error}"
        ) from error
