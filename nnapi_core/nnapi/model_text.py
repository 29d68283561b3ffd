"""A NNAPI model as text: an operation a line, its operands by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nnapi_core.nnapi.model import Model, Operand
from nnapi_core.nnapi.types import ChannelQuant, OperandType


def model_totals(model: Model) -> str:
    counts = Counter(operation.spec.name for operation in model.operations)
    listed = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    return f"{len(model.operands)} operands, {len(model.operations)} operations ({listed})"


def operation_lines(model: Model, origins: list[dict[str, str]] | None = None) -> Iterator[str]:
    texts: dict[int, str] = {}

    def text(operand: Operand) -> str:
        """Said once: most operands of a large model are the same few."""
        if id(operand) not in texts:
            texts[id(operand)] = _operand(operand)
        return texts[id(operand)]

    for index, operation in enumerate(model.operations):
        operands = [model.operands[one] for one in operation.inputs]
        codes = [operand.type.code for operand in operands]
        form = operation.spec.form_for(codes)
        names = [slot.name for slot in form] if form else [""] * len(operands)
        given = ", ".join(
            f"{name}={text(operand)}" for name, operand in zip(names, operands, strict=True)
        )
        results = ", ".join(_type(model.operands[one].type) for one in operation.outputs)
        origin = f"  # {origins[index]['node']} {origins[index]['source']}" if origins else ""
        yield f"  {index:4} {operation.spec.name}({given}) → {results}{origin}"


def _operand(operand: Operand) -> str:
    if operand.omitted:
        return "omitted"
    if operand.submodel is not None:
        return f"model of {len(operand.submodel.operations)} operations"
    if operand.constant is not None and operand.constant.nbytes <= 16:
        return str(operand.constant.array().tolist())
    return f"{'const ' if operand.constant is not None else ''}{_type(operand.type)}"


def _type(type: OperandType) -> str:
    """With scales and zero points, and nothing else of a quantisation where there is none."""
    quant = type.quant
    if isinstance(quant, ChannelQuant):
        low, high = min(quant.scales), max(quant.scales)
        return f"{type} scales {low:.6g} to {high:.6g} along {quant.dim}"
    if quant is None:
        return str(type)
    return f"{type} scale {quant.scale:.6g} zero point {quant.zero_point}"
