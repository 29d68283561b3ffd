"""Free sizes in the TorchScript of an artifact: what they are, that they are in range, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nnapi_core.artifact.stock_borders import stored_dims, torch_dims
from nnapi_core.nnapi.size_expression import Expression, named_sizes, text_of, value_of


class Names(dict[str, str]):
    """Value names as identifiers that cannot collide with keywords or attributes."""

    def __missing__(self, name: str) -> str:
        self[name] = f"v{len(self)}_" + "".join(c if c.isalnum() else "_" for c in name)
        return self[name]


def example_shapes(manifest: dict[str, Any]) -> list[list[int]]:
    """A shape for each input."""
    if "variants" in manifest:
        return example_shapes(manifest["variants"][0]["manifest"])
    sizes = {one["name"]: one["example"] for one in manifest.get("sizes", ())}
    return [[value_of(dim, sizes) for dim in torch_dims(one)] for one in manifest["inputs"]]


class SizeSource:
    """Of one method. Sizes are local variables; ``values`` are the names of tensors."""

    def __init__(self, manifest: dict[str, Any], values: Names) -> None:
        self._inputs = manifest["inputs"]
        self._values = values
        self._sizes = {one["name"]: one for one in manifest.get("sizes", ())}
        self._relations = manifest.get("relations", ())
        self._names = {name: f"size_{i}" for i, name in enumerate(self._sizes)}
        # NNAPI has no tensors without elements: what may count none runs as if it were one.
        self._at_least_one = {
            name: f"max({variable}, 1)" if self._sizes[name]["min"] == 0 else variable
            for name, variable in self._names.items()
        }
        self._said: set[str] = set()

    def of_inputs(self) -> list[str]:
        """Statements that read the sizes off the arguments, and refuse what does not fit."""
        lines = []
        given = {one["name"] for one in self._inputs}
        for one in self._inputs:
            if any(size["of"] == one["name"] for size in self._sizes.values()):
                rank = len(one["shape"])
                text = f"{one['name']!r} has {{}} dimensions; it must have {rank}"
                value = self._values[one["name"]]
                lines.append(_check(f"{value}.dim() == {rank}", text, f"{value}.dim()"))
        for name, size in self._sizes.items():
            if size["of"] in given:
                lines += self._read(name, size)
        for one in self._inputs:
            if "dims" in one:
                lines += self._checked_dims(one)
        for comparison, left, right in self._relations:
            text = f"the sizes must be so that {text_of(left)} {comparison} {text_of(right)}"
            condition = f"{self.text(left)} {comparison} {self.text(right)}"
            lines.append(f"    assert {condition}, {text!r}")
        return lines

    def of_values(self, values: Iterable[str]) -> list[str]:
        """Statements that read the sizes that these values are the first to have."""
        given = set(values)
        lines = []
        for name, size in self._sizes.items():
            if size["of"] in given and name not in self._said:
                lines += self._read(name, size)
        return lines

    def _read(self, name: str, size: dict[str, Any]) -> list[str]:
        self._said.add(name)
        variable, dim = self._names[name], size["dim"]
        given = f"{self._values[size['of']]}.size({dim})"
        factor, offset = size["factor"], size["offset"]
        formula = name if factor == 1 else f"{factor} * {name}"
        formula += f" + {offset}" if offset else ""
        lines = [f"    {variable} = ({given} - {offset}) // {factor}"]
        if factor != 1:
            text = f"dimension {dim} of {size['of']!r} is {{}}; it must be {formula}"
            lines.append(_check(f"({given} - {offset}) % {factor} == 0", text, given))
        where = f"from dimension {dim} of {size['of']!r}"
        where += f" (which is {formula})" if formula != name else ""
        least, most = size["min"], size["max"]
        allowed = f"at least {least}" if most is None else f"from {least} to {most}"
        condition = f"{variable} >= {least}" + (
            "" if most is None else f" and {variable} <= {most}"
        )
        lines.append(_check(condition, f"{name} is {{}}, {where}; it must be {allowed}", variable))
        return lines

    def _checked_dims(self, entry: dict[str, Any]) -> list[str]:
        lines = []
        value = self._values[entry["name"]]
        for dim, expression in enumerate(entry["dims"]):
            given = f"{value}.size({dim})"
            text = f"dimension {dim} of {entry['name']!r} is {{}}; it must be {text_of(expression)}"
            lines.append(_check(f"{given} == {self.text(expression)}", text, given))
        return lines

    # ---- what follows from the sizes

    def text(self, expression: Expression) -> str:
        return text_of(expression, self._names)

    def list_of(self, dims: Iterable[Expression]) -> str:
        """The dimensions of a tensor that has elements."""
        return self._list(dims, self._at_least_one)

    def _list(self, dims: Iterable[Expression], names: dict[str, str]) -> str:
        texts = [text_of(dim, names) for dim in dims]
        return f"torch.jit.annotate(List[int], [{', '.join(texts)}])"

    def told(self, piece: dict[str, Any]) -> str:
        """What a piece of free sizes takes besides its inputs."""
        values = piece.get("patches", {"values": []})["values"]
        parts = [self.list_of(part["dims"]) for part in piece.get("parts", ())]
        shapes = [self.list_of(stored_dims(border)) for border in piece["outputs"]]
        nested = ", ".join(
            f"torch.jit.annotate(List[List[int]], [{', '.join(one)}])" for one in (parts, shapes)
        )
        return f", {self.list_of(values)}, {nested}"

    def never_empty(self, text: str, border: dict[str, Any]) -> str:
        """An input of a piece, or one element where there is none."""
        if not self._may_be_empty(border):
            return text
        shape = self.list_of(stored_dims(border))
        one = f"torch.zeros({shape}, dtype={_dtype(border)})"
        return f"({text} if {self._values[border['value']]}.numel() > 0 else {one})"

    def truly_empty(self, text: str, border: dict[str, Any]) -> str:
        """A result of a piece, or none where there is none."""
        if not self._may_be_empty(border):
            return text
        shape = self._list(torch_dims(border), self._names)
        elements = " * ".join(text_of(dim, self._names) for dim in torch_dims(border))
        return (
            f"({text} if {elements} > 0 else torch.empty({shape}, dtype=torch.{border['dtype']}))"
        )

    def _may_be_empty(self, border: dict[str, Any]) -> bool:
        names = set().union(*map(named_sizes, torch_dims(border)))
        return any(self._sizes[name]["min"] == 0 for name in names)


def _dtype(border: dict[str, Any]) -> str:
    return "torch.int32" if border["dtype"] == "int64" else f"torch.{border['dtype']}"


def _check(condition: str, text: str, given: str) -> str:
    return f"    assert {condition}, {text!r}.format({given})"
