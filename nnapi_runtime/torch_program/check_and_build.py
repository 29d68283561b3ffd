"""Syntax to steps: names become registers, calls become overloads, and types are checked on the way."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

from nnapi_runtime.tensors import import_torch
from nnapi_runtime.torch_program.conversions import CONVERSION
from nnapi_runtime.torch_program.interpreter import Code, Kind
from nnapi_runtime.torch_program.invocation import Argument, invocation
from nnapi_runtime.torch_program.literals import literal, type_of_literal
from nnapi_runtime.torch_program.numbers import (
    COMPARISONS,
    FUNCTIONS,
    INFIX,
    LOGIC,
    greatest,
    least,
)
from nnapi_runtime.torch_program.operators import is_allowed
from nnapi_runtime.torch_program.overloads import Parameter, choose, element_of, is_accepted
from nnapi_runtime.torch_program.registers import Draft, DraftBlock, taking
from nnapi_runtime.torch_program.syntax_tree import (
    Assign,
    Call,
    Expression,
    Function,
    If,
    Infix,
    Item,
    Listed,
    Method,
    Name,
    Number,
    Statement,
    Torch,
    While,
)
from nnapi_runtime.torch_program.token_lines import refused

_NUMBERS = ("int", "float", "number")
MOST_WEIGHTS = 1 << 20


class Value(NamedTuple):
    """Where a value is, and its type; ``element_types`` are those of an operator's several results."""

    register: int
    type: str
    element_types: tuple[str, ...] = ()
    literal: Any = None
    """What the text says that it is; None: a run says."""


def built(function: Function, name: str) -> Code:
    """The program ``name``. Raises `ModelError` where calls, names or types are not a converter's."""
    return _Builder(function, name).program()


class _Builder:
    def __init__(self, function: Function, name: str) -> None:
        self._function = function
        self._name = name
        self._torch: Any = import_torch(f"the part {name!r}, which runs outside NNAPI,")
        self._draft = Draft(len(function.parameters))
        self._names = {one: Value(place, "Tensor") for place, one in enumerate(function.parameters)}
        counted = Counter(_assigned(function.body))
        # What is assigned more than once has a register of its own, by name; the others are called as they were made.
        self._variables = {one: -1 for one, count in counted.items() if count > 1}
        self._line, self._where = function.line, ""
        self._weights = 0
        self._called: set[str] = set()

    def program(self) -> Code:
        block = self._draft.block
        self._statements(self._function.body, block)
        self._line = self._function.line
        self._where = f"line {self._line} (return)"
        results = [self._of_type("Tensor", one, block).register for one in self._function.results]
        return Code(
            self._name,
            len(self._function.parameters),
            self._weights,
            tuple(self._draft.constants),
            self._draft.finished(results),
            taking(results),
            tuple(sorted(self._called)),
        )

    def _refuse(self, what: str) -> NoReturn:
        raise refused(self._name, self._line, what)

    # ---- statements

    def _statements(self, statements: Sequence[Statement], block: DraftBlock) -> None:
        for one in statements:
            self._line = one.line
            self._where = f"line {one.line}{_node(one)}"
            match one:
                case Assign():
                    self._assign(one, block)
                case If():
                    self._if(one, block)
                case While():
                    self._while(one, block)

    def _assign(self, statement: Assign, block: DraftBlock) -> None:
        values = [self._value(one, block) for one in statement.values]
        for name in statement.names:
            if name in self._function.parameters:
                self._refuse(f"{name!r} is a parameter, and is assigned to")
        moved = [
            pair
            for pair in zip(statement.names, values, strict=True)
            if not self._renamed(*pair, statement)
        ]
        if not moved:
            return
        places = [self._variable(name, value) for name, value in moved]
        sources = [value.register for _, value in moved]
        self._draft.step(block, self._where, Kind.MOVE, sources, places)

    def _renamed(self, name: str, value: Value, statement: Assign) -> bool:
        """Does a name simply stand for what was made? Not if it changes, nor if that does."""
        changes = any(
            isinstance(one, Name) and one.name in self._variables for one in statement.values
        )
        if name in self._variables or changes:
            return False
        self._names[name] = value
        return True

    def _variable(self, name: str, value: Value) -> int:
        """The register of a name that is assigned to."""
        register = self._variables.get(name, -1)
        if register < 0:
            register = self._variables[name] = self._draft.variable()
        before = self._names.get(name)
        if before is not None and (before.type, before.element_types) != (
            value.type,
            value.element_types,
        ):
            self._refuse(f"{name!r} was {before.type}, and becomes {value.type}")
        self._names[name] = value._replace(register=register, literal=None)
        return register

    def _if(self, statement: If, block: DraftBlock) -> None:
        condition = self._of_type("bool", statement.condition, block)
        step = self._draft.step(block, self._where, Kind.IF, [condition.register], [])
        before, after = self._names, []
        for inner in (statement.holds, statement.otherwise):
            self._names = dict(before)
            self._statements(inner, self._draft.inner(block, step))
            after.append(self._names)
        # What both have assigned is there behind them.
        self._names = {
            name: value for name, value in after[0].items() if after[1].get(name) == value
        }

    def _while(self, statement: While, block: DraftBlock) -> None:
        condition = self._of_type("bool", Name(statement.condition), block)
        step = self._draft.step(block, self._where, Kind.WHILE, [condition.register], [])
        before = self._names
        self._names = dict(before)
        self._statements(statement.body, self._draft.inner(block, step))
        self._names = before

    # ---- values

    def _of_type(self, wanted: str, expression: Expression, block: DraftBlock) -> Value:
        value = self._value(expression, block)
        self._check_type(value, wanted)
        return value

    def _check_type(self, value: Value, wanted: str) -> None:
        if not is_accepted(wanted, value.type):
            self._refuse(f"a value is {value.type} where {wanted} must stand")

    def _constant(self, kind: str, value: Any) -> Value:
        return Value(self._draft.constant(value), kind, literal=value)

    def _made(
        self,
        block: DraftBlock,
        call: Callable[..., Any],
        registers: Sequence[int],
        kind: str,
        element_types: tuple[str, ...] = (),
    ) -> Value:
        """What ``call`` makes of what is in ``registers``."""
        made = self._draft.variable()
        self._draft.step(block, self._where, Kind.CALL, registers, [made], call)
        return Value(made, kind, element_types)

    def _value(self, expression: Expression, block: DraftBlock) -> Value:
        match expression:
            case Name(name):
                if name not in self._names:
                    self._refuse(f"{name[:60]!r} has no value here")
                return self._names[name]
            case Number(value):
                return self._constant("None" if value is None else type(value).__name__, value)
            case Torch(name):
                kind = type_of_literal(name)
                if kind is None:
                    self._refuse(f"'torch.{name[:60]}' is no type, layout or memory format")
                return self._constant(kind, literal(self._torch, name))
            case Item(source, index):
                return self._item(source, index, block)
            case Infix():
                return self._infix(expression, block)
            case Method():
                return self._method(expression, block)
            case Listed():
                return self._listed(expression, block)
            case Call():
                return self._call(expression, block)

    def _item(self, source: Expression, index: int, block: DraftBlock) -> Value:
        if source == Name("weights"):
            if not 0 <= index < MOST_WEIGHTS:
                self._refuse(f"there is no weight of number {index}")
            self._weights = max(self._weights, index + 1)
            return Value(-1 - index, "Tensor")
        value = self._value(source, block)
        if value.element_types and -len(value.element_types) <= index < len(value.element_types):
            kind = value.element_types[index]
        elif value.type == "List[Tensor]":
            kind = "Tensor"
        else:
            self._refuse(f"a value of type {value.type} has no item {index}")
        place = self._draft.constant(index)
        return self._made(block, operator.getitem, [value.register, place], kind)

    def _infix(self, expression: Infix, block: DraftBlock) -> Value:
        sign = expression.sign
        a, b = (self._value(one, block) for one in (expression.left, expression.right))
        registers = [a.register, b.register]
        if sign in LOGIC or (sign in ("==", "!=") and a.type == "bool"):
            for one in (a, b):
                self._check_type(one, "bool")
            return self._made(block, {**LOGIC, **COMPARISONS}[sign], registers, "bool")
        self._check_numbers(repr(sign), a, b)
        if sign in COMPARISONS:
            return self._made(block, COMPARISONS[sign], registers, "bool")
        kind = "float" if sign in ("/", "**") else _common(a, b)
        return self._made(block, INFIX[sign], registers, kind)

    def _check_numbers(self, what: str, *values: Value) -> None:
        for value in values:
            if value.type not in _NUMBERS:
                self._refuse(f"{what} computes with numbers, not with {value.type}")

    def _method(self, expression: Method, block: DraftBlock) -> Value:
        if expression.name == "contiguous":
            return self._operator("aten::contiguous", [expression.source], (), block)
        assert expression.argument is not None
        if expression.name == "to":
            return self._operator("aten::to", [expression.source, expression.argument], (), block)
        tensor = self._of_type("Tensor", expression.source, block)
        dim = self._of_type("int", expression.argument, block)
        size = self._torch.Tensor.size
        return self._made(block, size, [tensor.register, dim.register], "int")

    def _listed(self, expression: Listed, block: DraftBlock) -> Value:
        values = [self._value(one, block) for one in expression.items]
        kind = expression.kind
        if kind is None:
            # As in TorchScript, a list of nothing is one of tensors.
            kind = f"List[{values[0].type if values else 'Tensor'}]"
        element = element_of(kind)
        if element is None or not all(is_accepted(element, one.type) for one in values):
            held = ", ".join(sorted({one.type for one in values}))
            self._refuse(f"a list of {held or 'nothing'} stands for {kind}")
        if all(one.literal is not None or one.type == "None" for one in values):
            return self._constant(kind, [one.literal for one in values])
        return self._made(block, _list, [one.register for one in values], kind)

    # ---- calls

    def _call(self, expression: Call, block: DraftBlock) -> Value:
        function, positional, keywords = expression
        if function.startswith("torch.ops."):
            namespace, _, name = function.removeprefix("torch.ops.").partition(".")
            return self._operator(f"{namespace}::{name}", positional, keywords, block)
        if function == "torch.view_as_complex":
            return self._operator("aten::view_as_complex", positional, keywords, block)
        if keywords:
            self._refuse(f"{function[:60]!r} takes no arguments by name")
        match function, positional:
            case _, [one] if function in FUNCTIONS:
                return self._of_number(function, self._value(one, block), block)
            case (("min" | "max"), [first, second]):
                a, b = self._value(first, block), self._value(second, block)
                self._check_numbers(function, a, b)
                choice = least if function == "min" else greatest
                return self._made(block, choice, [a.register, b.register], _common(a, b))
            case "torch.tensor", [Number(bool() as truth)]:
                # A new one in each run: nobody else's results share its memory.
                place = self._draft.constant(truth)
                return self._made(block, self._torch.tensor, [place], "Tensor")
            case "torch.device", [Number("cpu")]:
                return self._constant("Device", self._torch.device("cpu"))
        return self._refuse(f"{function[:60]!r} is not called so by a converter")

    def _of_number(self, function: str, value: Value, block: DraftBlock) -> Value:
        """A function of one number, or of a tensor that holds one."""
        call, kind = FUNCTIONS[function]
        if value.type == "Tensor" and function in ("int", "float", "bool"):
            call = _of_element(call) if function != "bool" else bool
        elif value.type not in (*_NUMBERS, "bool") or (function == "not" and value.type != "bool"):
            self._refuse(f"{function!r} is not for a value of type {value.type}")
        return self._made(block, call, [value.register], kind or _common(value, value))

    def _operator(
        self,
        name: str,
        positional: Sequence[Expression],
        keywords: Sequence[tuple[str, Expression]],
        block: DraftBlock,
    ) -> Value:
        if not is_allowed(name):
            self._refuse(f"{name[:60]!r} is no operator that a file may call")
        values = [self._value(one, block) for one in positional]
        named = {word: self._value(one, block) for word, one in keywords}
        choice = choose(
            name, [one.type for one in values], {word: one.type for word, one in named.items()}
        )
        if choice is None:
            given = [*(one.type for one in values), *(f"{w}={v.type}" for w, v in named.items())]
            self._refuse(f"{name!r} takes no such arguments: {', '.join(given)[:200]}")
        self._called.add(choice.overload.name)
        pairs = zip((*choice.positional, *choice.keywords), (*values, *named.values()), strict=True)
        arguments = [self._argument(parameter, value, block) for parameter, value in pairs]
        made = invocation(choice.overload, arguments)
        results = choice.overload.results
        if len(results) == 1:
            return self._made(block, made.call, made.registers, results[0])
        return self._made(block, made.call, made.registers, "Tuple" if results else "None", results)

    def _argument(self, parameter: Parameter, value: Value, block: DraftBlock) -> Argument:
        """A value as the parameter wants it."""
        wanted = parameter.type
        if not is_accepted(wanted, value.type):
            plain = wanted.removeprefix("Optional[").removesuffix("]") if "[" in wanted else wanted
            convert = CONVERSION.get((value.type, plain))
            if convert is not None:
                value = self._made(block, convert, [value.register], plain)
            elif value.literal is not None:
                value = self._constant(f"List[{value.type}]", [value.literal])
            else:
                value = self._made(block, _list, [value.register], f"List[{value.type}]")
        return Argument(parameter, value.register, value.type, value.literal)


def _assigned(statements: Sequence[Statement]) -> Iterator[str]:
    """Every name that is assigned to, as often as it is."""
    for one in statements:
        match one:
            case Assign(names=names):
                yield from names
            case If(holds=holds, otherwise=otherwise):
                yield from _assigned(holds)
                yield from _assigned(otherwise)
            case While(body=body):
                yield from _assigned(body)


def _node(statement: Statement) -> str:
    """The graph's node that a statement computes: names are numbered ones of nodes."""
    if not isinstance(statement, Assign):
        return ""
    _, _, node = statement.names[0].partition("_")
    return f" ({node or statement.names[0]})"


def _common(a: Value, b: Value) -> str:
    """The type of what is computed from two numbers."""
    kinds = {a.type, b.type}
    return "float" if "float" in kinds else "number" if "number" in kinds else "int"


def _of_element(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """For a tensor of one element."""
    return lambda tensor: call(tensor.item())


def _list(*items: Any) -> list[Any]:
    return list(items)
