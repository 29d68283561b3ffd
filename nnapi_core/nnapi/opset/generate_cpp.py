"""Writes the opset as C++ tables for the host runtime: generate_cpp.py OPERATIONS.csv… OUT.inc

Run by path while building, so nothing beyond the standard library is imported. The tables are the
types of nnapi_runtime/src/host/operation/opset.h, which says what they mean.
"""

import csv
import pathlib
import re
import sys

TYPES = {
    "F32": 0, "I32": 1, "U32": 2, "f32": 3, "i32": 4, "q8u": 5, "BOOL": 6, "q16s": 7, "f16": 8,
    "b8": 9, "F16": 10, "q8pc": 11, "q16u": 12, "q8sym": 13, "q8s": 14, "MODEL": 15,
}  # fmt: skip
ANY_RANK = (0, 0xFFFFFFFF)


def operand_rule(text: str) -> str:
    """'[name*: KIND? @29' as an OperandRule."""
    match = re.fullmatch(r"(\[?)(\w+)(\*?): (\w+)(\??)(?: @(\d+))?\]*", text.strip())
    if match is None:
        raise ValueError(f"cannot read operand {text!r}")
    may_end, name, star, kind, nullable, level = match.groups()
    if kind == "any":
        variable, code = "*", -1
    elif kind in TYPES:
        variable, code = "\\0", TYPES[kind]
    else:
        if len(kind) != 1:
            raise ValueError(f"unknown kind {kind!r} of operand {name!r}")
        variable, code = kind, -1
    flags = ["true" if flag else "false" for flag in (star, nullable, may_end)]
    return f"{{\"{name}\", '{variable}', {code}, {', '.join(flags)}, {level or 0}}}"


def combinations(text: str) -> list[tuple[int, dict[str, int]]]:
    """'27 f32 q8u; 29 T=f16,W=f16' as (level, types by variable)."""
    if text.split()[1:] in (["any"], ["fixed"]):
        return [(int(text.split()[0]), {})]
    found = []
    for group in text.split(";"):
        level, *choices = group.split()
        for choice in choices:
            if "=" not in choice:
                choice = "T=" + choice
            types = {k: TYPES[v] for k, v in (pair.split("=") for pair in choice.split(","))}
            # S: a float scalar, as precise as the tensors.
            half = TYPES["f16"] in types.values()
            types["S"] = TYPES["F16"] if half else TYPES["F32"]
            found.append((int(level), types))
    return found


def early_ranks(text: str) -> int:
    """'<=4 (only 2 or 4 before 29)' as a bit for each of these ranks; 0 where there is no such remark."""
    match = re.search(r"\(only ([\d or]+) before 29\)", text)
    return sum(1 << int(rank) for rank in match[1].split(" or ")) if match else 0


def rank_range(text: str) -> tuple[int, int]:
    """Ranks at the newest feature level; the remark in parentheses is about older ones."""
    text = re.sub(r"\(.*\)", "", text).replace("x ", "").strip()
    if text == "any":
        return ANY_RANK
    if match := re.fullmatch(r"<=(\d+)", text):
        return 1, int(match[1])
    if match := re.fullmatch(r">=(\d+)", text):
        return int(match[1]), ANY_RANK[1]
    low, _, high = text.partition("..")
    return int(low), int(high or low)


def table(rows: list[dict[str, str]]) -> str:
    declarations, arrays, entries = [], [], []

    def array(kind: str, name: str, items: list[str]) -> None:
        arrays.append(f"constexpr {kind} {name}[] = {{\n  " + ",\n  ".join(items) + "};")

    for row in rows:
        name = row["name"]
        declarations.append(f"extern const Operation operation_{name} __attribute__((weak));")
        forms = [form.split(";") for form in row["inputs"].split("||")]
        for number, form in enumerate(forms):
            array("OperandRule", f"k{name}_in{number}", [operand_rule(x) for x in form])
        array("OperandRule", f"k{name}_out", [operand_rule(x) for x in row["outputs"].split(";")])
        array(
            "Form",
            f"k{name}_forms",
            [f"{{k{name}_in{n}, std::size(k{name}_in{n})}}" for n in range(len(forms))],
        )
        choices = []
        for level, types in combinations(row["types"]):
            pairs = ", ".join(f"{{'{k}', {v}}}" for k, v in types.items())
            choices.append(f"{{{level}, {{{{{pairs}}}}}}}" if pairs else f"{{{level}, {{}}}}")
        array("TypeCombination", f"k{name}_types", choices)
        low, high = rank_range(row["rank"])
        early = early_ranks(row["rank"])
        entries.append(
            f'{{{row["code"]}, "{name}", {row["level"]}, {low}u, {high}u, {early}u, '
            f"k{name}_forms, k{name}_out, k{name}_types, &operation_{name}}}"
        )
    array("OpsetEntry", "kOpset", entries)
    arrays[-1] = arrays[-1].replace("constexpr", "const", 1)
    return "\n".join(declarations + arrays) + "\n"


def main() -> None:
    *sources, target = map(pathlib.Path, sys.argv[1:])
    rows: list[dict[str, str]] = []
    for source in sources:
        with source.open(newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file)
    codes = [int(row["code"]) for row in rows]
    if codes != sorted(set(codes)):
        raise ValueError(f"{sources}: the codes do not ascend")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("// Generated from operations.csv.\n" + table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
