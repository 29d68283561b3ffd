"""The text of a wrapper's methods: arguments into order and type, stages, results as the model returns them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import define

from nnapi_core.artifact.size_source import Names, SizeSource
from nnapi_core.artifact.stock_parts import is_flexible, stored_dims, torch_dims
from nnapi_core.errors import ConversionError
from nnapi_core.lowering.value import MOST_DIMS
from nnapi_core.nnapi.types import OperandCode


def every_stage(stages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The stages that are modules, those in branches included."""
    for stage in stages:
        if "branches" in stage:
            for branch in stage["branches"]:
                yield from every_stage(branch["stages"])
        else:
            yield stage


def submodule_of(stage: dict[str, Any]) -> str:
    """The name of the wrapper's module that runs a stage."""
    _, _, path = (stage.get("model") or stage["program"]).partition(".")
    return f"stage_{path.replace('.', '_')}"


def constant_of(name: str) -> str:
    """The name of the wrapper's buffer that holds a constant."""
    return f"constant_{name.replace('.', '_in_')}"


def method_source(manifest: dict[str, Any], name: str, stages: Sequence[dict[str, Any]]) -> str:
    """The text of a method that runs ``stages``."""
    names = Names()
    writer = _Writer(manifest, names, SizeSource(manifest, names), _quantised(manifest))
    arguments = "".join(f", {names[one['name']]}: Tensor" for one in manifest["inputs"])
    lines = [f"def {name}(self{arguments}):", *writer.sizes.of_inputs()]
    lines += writer.stages(stages, "    ")
    flat = [_result(names, manifest, one) for one in manifest["outputs"]]
    if any("into" in one for one in manifest["outputs"]):
        written, flat = _written(manifest["outputs"], flat, names)
        lines += written
    lines.append(f"    return {_tree(manifest['output_tree'], flat)}")
    return "\n".join(lines) + "\n"


def _quantised(manifest: dict[str, Any]) -> dict[str, tuple[float, int]]:
    """The values that stock PyTorch passes as quantised tensors, where the model's graph has plain integers."""
    return {
        border["value"]: (border["scale"], border["zero_point"])
        for stage in every_stage(manifest["stages"])
        if stage["kind"] == "nnapi"
        for border in (*stage["inputs"], *stage["outputs"])
        if border["type"] == OperandCode.TENSOR_QUANT8_ASYMM
    }


@define
class _Writer:
    manifest: dict[str, Any]
    names: Names
    sizes: SizeSource
    quants: dict[str, tuple[float, int]]

    def stages(self, stages: Sequence[dict[str, Any]], indent: str) -> list[str]:
        lines = []
        for stage in stages:
            match stage["kind"]:
                case "nnapi":
                    lines += self._nnapi(stage, indent)
                case "torch":
                    lines += self._torch(stage, indent)
                case "if":
                    lines += self._if(stage, indent)
                case "while":
                    lines += self._while(stage, indent)
        return lines

    def _nnapi(self, stage: dict[str, Any], indent: str) -> list[str]:
        submodule = submodule_of(stage)
        lines = self.sizes.of_values([border["value"] for border in stage["inputs"]])
        for border in stage["inputs"]:
            lines += self._narrowed(border, indent)
        given = ", ".join(
            _entering(self._value(border["value"]), border, self.sizes)
            for border in stage["inputs"]
        )
        told = self.sizes.told(stage) if is_flexible(stage) else ""
        lines.append(f"{indent}{submodule}_results = self.{submodule}([{given}]{told})")
        for position, border in enumerate(stage["outputs"]):
            leaving = _leaving(f"{submodule}_results[{position}]", border, self.sizes)
            lines.append(f"{indent}{self.names[border['value']]} = {leaving}")
        return lines

    def _narrowed(self, border: dict[str, Any], indent: str) -> list[str]:
        """NNAPI's integers have 32 bits: what they do not hold is refused."""
        if border["dtype"] != "int64":
            return []
        value = self._value(border["value"])
        text = f"{border['value']!r} holds numbers beyond int32, which is all that NNAPI has"
        return [
            f"{indent}if not torch.equal({value}.to(torch.int32).to(torch.int64), {value}):",
            f"{indent}    raise Exception({text!r})",
        ]

    def _torch(self, stage: dict[str, Any], indent: str) -> list[str]:
        submodule = submodule_of(stage)
        given = ", ".join(
            self._value(one) + (".int_repr()" if one in self.quants else "")
            for one in stage["inputs"]
        )
        lines = [f"{indent}{submodule}_results = self.{submodule}({given})"]
        for position, one in enumerate(stage["outputs"]):
            result = f"{submodule}_results[{position}].contiguous()"
            if one in self.quants:
                scale, zero_point = self.quants[one]
                result = (
                    f"torch._make_per_tensor_quantized_tensor({result}, {scale!r}, {zero_point})"
                )
            lines.append(f"{indent}{self.names[one]} = {result}")
        return lines

    def _if(self, stage: dict[str, Any], indent: str) -> list[str]:
        lines = []
        heads = f"if bool({self._value(stage['condition'])}):", "else:"
        for head, branch in zip(heads, stage["branches"], strict=True):
            lines.append(indent + head)
            lines += self._branch(branch, map(self._value, stage["operands"]), f"{indent}    ")
            for name, place in zip(stage["outputs"], stage["results"], strict=True):
                result = self._value(branch["outputs"][place])
                lines.append(f"{indent}    {self.names[name]} = {result}")
            lines.append(f"{indent}    pass")
        return lines

    def _while(self, stage: dict[str, Any], indent: str) -> list[str]:
        condition, body = stage["branches"]
        operands = list(map(self._value, stage["operands"]))
        carried = [
            f"{self.names[condition['outputs'][0]]}_{place}" for place in range(stage["carried"])
        ]
        lines = [
            f"{indent}{name} = {value}" for name, value in zip(carried, operands, strict=False)
        ]
        state = [*carried, *operands[len(carried) :]]
        check = self._branch(condition, state, indent)
        going = f"bool({self._value(condition['outputs'][0])})"
        flag = f"{self.names[condition['outputs'][0]]}_going"
        lines += [*check, f"{indent}{flag} = {going}", f"{indent}while {flag}:"]
        inner = f"{indent}    "
        lines += self._branch(body, state, inner)
        results = ", ".join(map(self._value, body["outputs"]))
        # All at once: a result may be what another name carried.
        lines.append(f"{inner}{', '.join(carried)} = {results}")
        lines += [*self._branch(condition, state, inner), f"{inner}{flag} = {going}"]
        for name, place in zip(stage["outputs"], stage["results"], strict=True):
            lines.append(f"{indent}{self.names[name]} = {carried[place]}")
        return lines

    def _branch(self, branch: dict[str, Any], given: Iterable[str], indent: str) -> list[str]:
        lines = [
            f"{indent}{self.names[name]} = {value}"
            for name, value in zip(branch["inputs"], given, strict=True)
            if name is not None
        ]
        return [*lines, *self.stages(branch["stages"], indent)]

    def _value(self, name: str) -> str:
        constants = self.manifest["constants"]
        return f"self.{constant_of(name)}" if name in constants else self.names[name]


def _entering(text: str, border: dict[str, Any], sizes: SizeSource) -> str:
    order = border["order"]
    if order != sorted(order):
        text += f".permute({order})"
    if border["dtype"] == "int64":
        text += ".to(torch.int32)"
    if not 0 < len(order) <= MOST_DIMS:
        text += f".reshape({sizes.list_of(stored_dims(border))})"
    return sizes.never_empty(f"{text}.contiguous()", border)


def _leaving(text: str, border: dict[str, Any], sizes: SizeSource) -> str:
    order = border["order"]
    if order != sorted(order):
        inverse = [order.index(dim) for dim in range(len(order))]
        text += f".permute({inverse})"
    if border["dtype"] == "int64":
        text += ".to(torch.int64)"
    if not 0 < len(order) <= MOST_DIMS:
        text += f".reshape({sizes.list_of(torch_dims(border))})"
    return sizes.truly_empty(text, border)


def _written(
    outputs: Sequence[dict[str, Any]], results: Sequence[str], names: Names
) -> tuple[list[str], list[str]]:
    """Lines that write results into arguments, and the results that are returned: as they were before that."""
    kept, writes, returned = [], [], []
    for position, (output, text) in enumerate(zip(outputs, results, strict=True)):
        if output["name"] is not None and "python" not in output:
            kept.append(f"    kept_{position} = {text}.clone()")
            text = f"kept_{position}"
        if "into" in output:
            writes.append(f"    {names[output['into']]}.copy_({text})")
        else:
            returned.append(text)
    return [*kept, *writes], returned


def _result(names: Names, manifest: dict[str, Any], output: dict[str, Any]) -> str:
    name = output["name"]
    if name is None:
        return "None"
    if name in manifest["constants"]:
        python = output.get("python")
        text = f"self.{constant_of(name)}"
        return f"{python}({text})" if python else text
    return names[name]


def _tree(tree: Sequence[Any], results: list[str]) -> str:
    """The expression that puts flat results together; takes them off the list."""
    match tree[0]:
        case "leaf":
            return results.pop(0)
        case "none":
            return "None"
        case "tuple":
            return f"({''.join(_tree(child, results) + ', ' for child in tree[1])})"
    children = tree[-1]
    if any(child[0] != "leaf" for child in children):
        raise ConversionError(
            f"the model returns a {tree[0]} with something other than tensors in it, which TorchScript "
            "cannot return; return a tuple, or save it as .nnapi"
        )
    parts = [_tree(child, results) for child in children]
    if tree[0] == "list":
        return f"[{', '.join(parts)}]"
    return (
        "{" + ", ".join(f"{key!r}: {part}" for key, part in zip(tree[1], parts, strict=True)) + "}"
    )
