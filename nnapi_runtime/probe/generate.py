"""Writes the probe's models as C: generate.py OPERATIONS.csv MODELS.csv OUT.inc

MODELS.csv says one small model for each operation, in the variables of OPERATIONS.csv's types; every
combination of types becomes a model of the output. Run by path while building, so nothing beyond the
standard library is imported.

    T[2,3]     an input         T[2,3]=      a constant (of zeros)      i32[2]=0,1   with values
    4          an int32         1.0, true    a float, a bool            V0           a number of type V
    -T         omitted          / 256        scale 1/256                > …          the outputs
"""

import csv
import re
import struct
import sys

TYPES = {
    "F32": 0, "I32": 1, "U32": 2, "f32": 3, "i32": 4, "q8u": 5, "BOOL": 6, "q16s": 7, "f16": 8,
    "b8": 9, "F16": 10, "q8pc": 11, "q16u": 12, "q8sym": 13, "q8s": 14,
}  # fmt: skip
# Scale and zero point where a model says none. A bias has the scale of input times weight.
QUANTS = {
    "q8u": (0.5, 128), "q8s": (0.5, 0), "q8sym": (0.5, 0), "q16s": (0.125, 0), "q16u": (0.125, 0),
}  # fmt: skip
# The zero points of results whose quantisation NNAPI fixes.
FIXED = {("q8u", 128): 128, ("q8s", 256): -128}
TOKEN = re.compile(r"(-?)([A-Za-z]\w*?)\[([\d,]*)\](=?)([\d,]*)(?:/(\d+))?")


def main(operations: str, models: str, out: str) -> None:
    with open(models, newline="") as file:
        written: dict[str, str] = dict(csv.reader(file))
    data: list[str] = []
    cases: list[str] = []
    with open(operations, newline="") as file:
        for row in csv.DictReader(file):
            if row["name"] in written:
                for level, types in rules(row["types"]):
                    cases.append(case(row, level, types, written[row["name"]], data))
    with open(out, "w") as file:
        file.writelines(f"{line}\n" for line in [*data, *cases_table(cases)])


def rules(text: str) -> list[tuple[int, dict[str, str]]]:
    """'27 f32 q8u; 29 T=f16,W=f16' as (level, types by variable)."""
    found = []
    for group in text.split(";"):
        level, *choices = group.split()
        for choice in choices:
            if choice in ("fixed", "any"):
                found.append((int(level), {"S": "F32"}))
                continue
            pairs = choice if "=" in choice else f"T={choice}"
            types = dict(pair.split("=") for pair in pairs.split(","))
            types["S"] = "F16" if "f16" in types.values() else "F32"
            found.append((int(level), types))
    return found


def case(row: dict[str, str], level: int, types: dict[str, str], text: str, data: list[str]) -> str:
    inputs, outputs = text.split(" > ")
    operands = [operand(one, types, row["name"], data) for one in inputs.split()]
    results = [operand(one, types, row["name"], data, result=True) for one in outputs.split()]
    name = f"operands_{len(data)}"
    data.append(f"static const struct operand {name}[] = {{{', '.join(operands + results)}}};")
    return f'{{"{row["name"]}", {row["code"]}, {level}, {len(operands)}, {len(results)}, {name}}}'


def cases_table(cases: list[str]) -> list[str]:
    return ["static const struct model models[] = {", *(f"  {one}," for one in cases), "};"]


def operand(
    text: str, types: dict[str, str], operation: str, data: list[str], *, result: bool = False
) -> str:
    """One operand as a C initialiser."""
    match = TOKEN.fullmatch(text)
    if match is None:
        return scalar_or_omitted(text, types, data)
    _, variable, dims, constant, values, divisor = match.groups()
    kind = types.get(variable, variable)
    sizes = [int(one) for one in dims.split(",") if one]
    scale, zero_point = QUANTS.get(kind, (0.0, 0))
    if divisor and not kind.startswith("f"):
        scale, zero_point = 1 / int(divisor), FIXED.get((kind, int(divisor)), 0)
    if variable == "B" and kind == "i32":
        scale = 0.0 if types["W"] == "q8pc" else 0.25
    place = "RESULT" if result else "CONSTANT" if constant else "INPUT"
    channel = (3 if operation.startswith("DEPTHWISE") else 0) if kind == "q8pc" else -1
    numbers = array([int(one) for one in values.split(",") if one], "i", data)
    return initialiser(kind, sizes, scale, zero_point, place, channel, numbers)


def scalar_or_omitted(text: str, types: dict[str, str], data: list[str]) -> str:
    if re.fullmatch(r"-[A-Za-z]\w*", text):
        kind = types.get(text[1:], text[1:])
        scale, zero_point = QUANTS.get(kind, (0.0, 0))
        return initialiser(kind, [], scale, zero_point, "OMITTED", -1, "0, 0")
    if text in ("true", "false"):
        return scalar("BOOL", int(text == "true"), data)
    if text[0] == "f":
        return scalar("F32", float(text[1:]), data)
    if text[0] == "V":
        return scalar(types["V"], float(text[1:]), data)
    return scalar(types["S"] if "." in text else "I32", float(text), data)


def scalar(kind: str, value: float, data: list[str]) -> str:
    code = {"BOOL": "?", "F32": "f", "F16": "e", "I32": "i"}[kind]
    number = int(value) if code in "?i" else value
    return initialiser(kind, [], 0.0, 0, "CONSTANT", -1, array([number], code, data))


def array(values: list[float], code: str, data: list[str]) -> str:
    """The bytes of a constant and their count; none: zeros."""
    if not values:
        return "0, 0"
    packed = struct.pack(f"<{len(values)}{code}", *values)
    name = f"bytes_{len(data)}"
    data.append(f"static const uint8_t {name}[] = {{{', '.join(map(str, packed))}}};")
    return f"{name}, {len(packed)}"


def initialiser(
    kind: str, sizes: list[int], scale: float, zero_point: int, place: str, channel: int, given: str
) -> str:
    dims = ", ".join(map(str, sizes)) or "0"
    return f"{{{TYPES[kind]}, {len(sizes)}, {{{dims}}}, {scale}f, {zero_point}, {place}, {channel}, {given}}}"


if __name__ == "__main__":
    main(*sys.argv[1:])
