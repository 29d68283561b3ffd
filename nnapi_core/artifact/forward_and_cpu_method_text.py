"""The text of a wrapper's methods: arguments into order and type, pieces, results as the model returns them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import define, frozen

from nnapi_core.artifact.manifest_pieces import every_piece, values_read
from nnapi_core.artifact.stock_borders import is_flexible, stored_dims, torch_dims
from nnapi_core.artifact.torchscript_arguments import parameters
from nnapi_core.artifact.torchscript_sizes import Names, SizeSource
from nnapi_core.errors import ConversionError
from nnapi_core.lowering.value import MOST_DIMS
from nnapi_core.nnapi.types import OperandCode

RESET_METHOD = "reset"
"""Of a model with state: begins anew."""


def submodule_of(piece: dict[str, Any]) -> str:
    """The name of the wrapper's module that runs a piece."""
    _, _, path = (piece.get("model") or piece["program"]).partition(".")
    return f"stage_{path.replace('.', '_')}"


@frozen
class BufferNames:
    """What the wrapper calls the buffers of one manifest: those of several methods are in one module."""

    number: int | None = None
    """The manifest's among several."""
    places: tuple[int, ...] = ()
    """Of its states, among those of all; none: as they are."""

    def constant(self, name: str) -> str:
        """The buffer that holds a constant."""
        own = "" if self.number is None else f"{self.number}_"
        return f"constant_{own}{name.replace('.', '_in_')}"

    def state(self, place: int) -> str:
        """The buffer that holds the state at ``place`` in the manifest."""
        return state_of(self.places[place] if self.places else place)


def state_of(place: int) -> str:
    """The name of the wrapper's buffer that holds the state at ``place`` among all."""
    return f"state_{place}"


def initial_state_of(place: int) -> str:
    """And of the one that it begins as."""
    return f"initial_state_{place}"


def reset_source(begin_as_zeros: Sequence[bool]) -> str:
    """The text of a method that makes every state what it was at the beginning."""
    lines = []
    for place, zeros in enumerate(begin_as_zeros):
        state, initial = f"self.{state_of(place)}", f"self.{initial_state_of(place)}"
        text = f"torch.zeros_like({state})" if zeros else f"{initial}.clone()"
        lines.append(f"    {state} = {text}")
    return "\n".join([f"def {RESET_METHOD}(self):", *lines, "    return None"]) + "\n"


def method_source(
    manifest: dict[str, Any],
    name: str,
    pieces: Sequence[dict[str, Any]],
    buffers: BufferNames = BufferNames(),
) -> str:
    """The text of a method that runs ``pieces``."""
    names = Names()
    writer = _Writer(manifest, names, SizeSource(manifest, names), _quantised(manifest), buffers)
    arguments, read = parameters(manifest, names)
    lines = [f"def {name}(self{arguments}):", *read, *writer.sizes.of_inputs()]
    lines += writer.states(pieces)
    lines += writer.pieces(pieces, "    ")
    flat = [_result(names, manifest, buffers, one) for one in manifest["outputs"]]
    lines += writer.kept(pieces)
    if any("into" in one for one in manifest["outputs"]):
        written, flat = _written(manifest["outputs"], flat, names)
        lines += written
    kinds = [_kind(one) for one in manifest["outputs"] if "into" not in one]
    leaves = list(zip(flat, kinds, strict=True))
    lines.append(f"    return {_tree(manifest['output_tree'], leaves)}")
    return "\n".join(lines) + "\n"


def _quantised(manifest: dict[str, Any]) -> dict[str, tuple[float, int]]:
    """The values that stock PyTorch passes as quantised tensors, where the model's graph has plain integers."""
    return {
        border["value"]: (border["scale"], border["zero_point"])
        for piece in every_piece(manifest["stages"])
        if piece["kind"] == "nnapi"
        for border in (*piece["inputs"], *piece["outputs"])
        if border["type"] == OperandCode.TENSOR_QUANT8_ASYMM
    }


@define
class _Writer:
    manifest: dict[str, Any]
    names: Names
    sizes: SizeSource
    quants: dict[str, tuple[float, int]]
    buffers: BufferNames

    def pieces(self, pieces: Sequence[dict[str, Any]], indent: str) -> list[str]:
        lines = []
        for piece in pieces:
            match piece["kind"]:
                case "nnapi":
                    lines += self._nnapi(piece, indent)
                case "torch":
                    lines += self._torch(piece, indent)
                case "if":
                    lines += self._if(piece, indent)
                case "while":
                    lines += self._while(piece, indent)
        return lines

    def _nnapi(self, piece: dict[str, Any], indent: str) -> list[str]:
        submodule = submodule_of(piece)
        lines = self.sizes.of_values([border["value"] for border in piece["inputs"]])
        for border in piece["inputs"]:
            lines += self._narrowed(border, indent)
        given = ", ".join(
            _entering(self._value(border["value"]), border, self.sizes)
            for border in piece["inputs"]
        )
        told = self.sizes.told(piece) if is_flexible(piece) else ""
        lines.append(f"{indent}{submodule}_results = self.{submodule}([{given}]{told})")
        for position, border in enumerate(piece["outputs"]):
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

    def _torch(self, piece: dict[str, Any], indent: str) -> list[str]:
        submodule = submodule_of(piece)
        given = ", ".join(
            self._value(one) + (".int_repr()" if one in self.quants else "")
            for one in piece["inputs"]
        )
        lines = [f"{indent}{submodule}_results = self.{submodule}({given})"]
        for position, one in enumerate(piece["outputs"]):
            result = self.quantised(f"{submodule}_results[{position}].contiguous()", one)
            lines.append(f"{indent}{self.names[one]} = {result}")
        return lines

    def quantised(self, text: str, value: str) -> str:
        """Integers as NNAPI's pieces give and take the value."""
        if value not in self.quants:
            return text
        scale, zero_point = self.quants[value]
        return f"torch._make_per_tensor_quantized_tensor({text}, {scale!r}, {zero_point})"

    def kept(self, pieces: Sequence[dict[str, Any]]) -> list[str]:
        """Lines that keep the next states, once all of them are there. What the caller may have too is copied."""
        states = self.manifest.get("state", ())
        named = self._given(pieces)
        named.update(one["output"] for one in states)
        made = {
            border["value"]
            for piece in pieces
            if piece["kind"] == "nnapi"
            for border in piece["outputs"]
        }
        lines, changed = [], []
        for place, one in enumerate(states):
            value = one["output"]
            if value == one["input"]:
                continue
            text = self._value(value) + (".int_repr()" if value in self.quants else "")
            own = value in made and named[value] == 1
            changed.append(self.buffers.state(place))
            lines.append(f"    next_{changed[-1]} = {text}{'' if own else '.clone()'}")
        return lines + [f"    self.{name} = next_{name}" for name in changed]

    def states(self, pieces: Sequence[dict[str, Any]]) -> list[str]:
        """Lines that read the states. One that stays as it is is copied where the caller may get it."""
        given = self._given(pieces)
        lines = []
        for place, one in enumerate(self.manifest.get("state", ())):
            value = one["input"]
            text = f"self.{self.buffers.state(place)}"
            if one["output"] == value and given[value]:
                text += ".clone()"
            lines.append(f"    {self.names[value]} = {self.quantised(text, value)}")
        return lines

    def _given(self, pieces: Sequence[dict[str, Any]]) -> Counter[str]:
        """How often a value is returned, or read by what may give a view of it: what torch runs."""
        named = Counter(one["name"] for one in self.manifest["outputs"])
        for piece in pieces:
            if piece["kind"] != "nnapi":
                named.update(values_read(piece))
        return named

    def _if(self, piece: dict[str, Any], indent: str) -> list[str]:
        lines = []
        heads = f"if bool({self._value(piece['condition'])}):", "else:"
        for head, branch in zip(heads, piece["branches"], strict=True):
            lines.append(indent + head)
            lines += self._branch(branch, map(self._value, piece["operands"]), f"{indent}    ")
            for name, place in zip(piece["outputs"], piece["results"], strict=True):
                result = self._value(branch["outputs"][place])
                lines.append(f"{indent}    {self.names[name]} = {result}")
            lines.append(f"{indent}    pass")
        return lines

    def _while(self, piece: dict[str, Any], indent: str) -> list[str]:
        condition, body = piece["branches"]
        operands = list(map(self._value, piece["operands"]))
        carried = [
            f"{self.names[condition['outputs'][0]]}_{place}" for place in range(piece["carried"])
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
        for name, place in zip(piece["outputs"], piece["results"], strict=True):
            lines.append(f"{indent}{self.names[name]} = {carried[place]}")
        return lines

    def _branch(self, branch: dict[str, Any], given: Iterable[str], indent: str) -> list[str]:
        lines = [
            f"{indent}{self.names[name]} = {value}"
            for name, value in zip(branch["inputs"], given, strict=True)
            if name is not None
        ]
        return [*lines, *self.pieces(branch["stages"], indent)]

    def _value(self, name: str) -> str:
        constants = self.manifest["constants"]
        return f"self.{self.buffers.constant(name)}" if name in constants else self.names[name]


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


def _result(
    names: Names, manifest: dict[str, Any], buffers: BufferNames, output: dict[str, Any]
) -> str:
    name = output["name"]
    if name is None:
        return "None"
    if name in manifest["constants"]:
        python = output.get("python")
        text = f"self.{buffers.constant(name)}"
        return f"{python}({text})" if python else text
    return names[name]


def _kind(output: dict[str, Any]) -> str:
    """Of a result: a tensor, or None, or the type of a number."""
    return "None" if output["name"] is None else str(output.get("python", "tensor"))


def _tree(tree: Sequence[Any], results: list[tuple[str, str]]) -> str:
    """The expression that puts flat results, with their kinds, together; takes them off the list."""
    match tree[0]:
        case "leaf":
            return results.pop(0)[0]
        case "none":
            return "None"
        case "tuple":
            if not tree[1]:
                raise ConversionError(
                    "the model returns an empty tuple, whose type stock PyTorch cannot read from a file; "
                    "return None, or save it as .nnapi"
                )
            return f"({''.join(_tree(child, results) + ', ' for child in tree[1])})"
        case "named":
            return _tree(["tuple", tree[-1]], results)
    children = tree[-1]
    if any(child[0] != "leaf" for child in children):
        raise ConversionError(
            f"the model returns a {tree[0]} with something other than tensors in it, which TorchScript "
            "cannot return; return a tuple, or save it as .nnapi"
        )
    kinds = {kind for _, kind in results[: len(children)]}
    if len(kinds) > 1 and kinds != {"tensor", "None"}:
        raise ConversionError(
            f"the model returns a {tree[0]} of values of several types ({', '.join(sorted(kinds))}), which stock "
            "PyTorch cannot read from a file; return a tuple, or save it as .nnapi"
        )
    if tree[0] == "dict" and len(set(map(type, tree[1]))) > 1:
        raise ConversionError(
            "the model returns a dict whose keys are texts and integers, which TorchScript cannot return; make them "
            "all texts, or save it as .nnapi"
        )
    parts = [_tree(child, results) for child in children]
    if tree[0] == "list":
        return f"[{', '.join(parts)}]"
    return (
        "{" + ", ".join(f"{key!r}: {part}" for key, part in zip(tree[1], parts, strict=True)) + "}"
    )
