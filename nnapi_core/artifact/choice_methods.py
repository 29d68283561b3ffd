"""The text of methods that call another one, by the sizes of their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnapi_core.artifact.torchscript_arguments import parameters
from nnapi_core.artifact.torchscript_sizes import Names, SizeSource


def choice_of_shapes(
    manifests: Sequence[dict[str, Any]], method: str, called: Sequence[str]
) -> str:
    """The text of a method that calls the one for the arguments' shapes: one of ``called`` for each manifest."""
    names = Names()
    arguments, read = parameters(manifests[0], names)
    given = [names[one["name"]] for one in manifests[0]["inputs"]]
    lines = [f"def {method}(self{arguments}):", *read]
    described = []
    for manifest, inner in zip(manifests, called, strict=True):
        shapes = [one["shape"] for one in manifest["inputs"]]
        conditions = [
            f"{tensor}.size() == {shape}" if shape else f"{tensor}.dim() == 0"
            for tensor, shape in zip(given, shapes, strict=True)
        ]
        described.append(", ".join(f"({', '.join(map(str, shape))})" for shape in shapes))
        lines.append(f"    if {' and '.join(conditions)}:")
        lines.append(f"        return self.{inner}({', '.join(given)})")
    text = f"{method!r} was not made for these shapes; it was made for: {'; '.join(described)}"
    lines.append(f"    raise RuntimeError({text!r})")
    return "\n".join(lines) + "\n"


def choice_source(manifest: dict[str, Any], method: str) -> str:
    """The text of a method that calls the same one of the variant for the arguments' sizes."""
    names = Names()
    sizes = SizeSource(manifest, names)
    given = [names[one["name"]] for one in manifest["inputs"]]
    arguments, read = parameters(manifest, names)
    lines = [f"def {method}(self{arguments}):", *read, *sizes.of_inputs()]
    described = []
    for number, variant in enumerate(manifest["variants"]):
        conditions, texts = [], []
        for name, (least, most) in variant["ranges"].items():
            variable = sizes.text(name)
            conditions.append(f"{variable} >= {least}")
            if most is not None:
                conditions.append(f"{variable} <= {most}")
            texts.append(f"{name} {least}" + ("" if least == most else f" to {most or 'any'}"))
        described.append(", ".join(texts))
        lines.append(f"    if {' and '.join(conditions)}:")
        lines.append(f"        return self.variant_{number}.{method}({', '.join(given)})")
    text = f"the model was not made for these sizes; it was made for: {'; '.join(described)}"
    lines.append(f"    raise RuntimeError({text!r})")
    return "\n".join(lines) + "\n"
