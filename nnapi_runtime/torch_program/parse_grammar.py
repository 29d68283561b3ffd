"""Text to syntax: exactly what the converter writes (docs/file_format.md), and nothing that only Python has.

The text may come from anybody: it is never given to Python's or torch's own compilers, and its length, lines and
nesting have limits.
"""

from __future__ import annotations

import re
from typing import Any

from nnapi_runtime.torch_program.numbers import COMPARISONS, FUNCTIONS, INFIX
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
from nnapi_runtime.torch_program.token_lines import Lines, checked_lines

DEEPEST_EXPRESSION = 100
DEEPEST_BLOCK = 40
MOST_DIGITS = 40

_INFIX = frozenset([*INFIX, *COMPARISONS, "and", "or"])
_FUNCTIONS = frozenset(["min", "max", *FUNCTIONS]) - {"-", "not"}
_LITERALS = {"None": None, "True": True, "False": False}
_FLOAT = re.compile(r"nan|-?(inf|[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?)")
_RESERVED = frozenset(["weights", "torch", "math", "complex", "run", *_FUNCTIONS, *_LITERALS])
_KEYWORDS = frozenset(["if", "else", "while", "pass", "return", "def", "and", "or", "not"])
_KINDS = frozenset(["Tensor", "int", "float", "bool", "str", "number"])
INDENT = 4


def parse(text: Any, name: str) -> Function:
    """The function in ``text``, a str or a buffer of bytes; ``name`` is the program's, for messages.

    Raises `ModelError`, which says line, column and token.
    """
    return _Parser(checked_lines(text, name), name).function()


class _Parser(Lines):
    """By recursive descent. A statement is a line; its indent says which block it is in."""

    def __init__(self, lines: list[str], name: str) -> None:
        super().__init__(lines, name)
        self._depth = 0

    def _new_name(self) -> str:
        token = self._next
        if token.kind != "name" or token.text in _RESERVED | _KEYWORDS or "." in token.text:
            self._unexpected("a variable's name")
        return self._take().text

    # ---- statements

    def function(self) -> Function:
        self._start(0)
        self._expect("def", "run", "(")
        parameters: list[str] = []
        while not self._is("weights"):
            parameters.append(self._new_name())
            self._expect(":", "Tensor", ",")
        self._expect("weights", ":", "List", "[", "Tensor", "]", ")")
        self._expect("->", "List", "[", "Tensor", "]", ":")
        self._end()
        if len(set(parameters)) != len(parameters):
            self._refuse("two parameters have one name")
        body = self._block(INDENT)
        self._expect("return", "torch.jit.annotate", "(", "List", "[", "Tensor", "]", ",")
        results = self._list()
        self._expect(")")
        self._end()
        line = self._row + 1
        if self._row + 1 != len(self._lines):
            self._row += 1
            self._refuse("there is text after the return")
        return Function(tuple(parameters), body, results, line)

    def _block(self, indent: int) -> tuple[Statement, ...]:
        """Lines of one indent. That of the function ends at its return, which has been started."""
        if indent > DEEPEST_BLOCK * INDENT:
            self._row += 1
            self._refuse(f"blocks are nested more than {DEEPEST_BLOCK} deep")
        statements: list[Statement] = []
        while True:
            self._start(indent)
            if self._is("return"):
                if indent != INDENT:
                    self._refuse("only the last line returns")
                return tuple(statements)
            statement = self._statement(indent)
            if statement is not None:
                statements.append(statement)
            if indent > INDENT and self._indent_at(self._row + 1) < indent:
                return tuple(statements)

    def _statement(self, indent: int) -> Statement | None:
        line = self._row + 1
        if self._is("if"):
            self._take()
            condition = self._expression()
            self._expect(":")
            self._end()
            holds = self._block(indent + INDENT)
            self._start(indent)
            self._expect("else", ":")
            self._end()
            return If(line, condition, holds, self._block(indent + INDENT))
        if self._is("while"):
            self._take()
            name = self._new_name()
            self._expect(":")
            self._end()
            return While(line, name, self._block(indent + INDENT))
        if self._is("pass"):
            self._take()
            self._end()
            return None
        return self._assignment(line)

    def _assignment(self, line: int) -> Assign:
        names = [self._new_name()]
        while self._is(","):
            self._take()
            names.append(self._new_name())
        self._expect("=")
        values = [self._expression()]
        while self._is(","):
            self._take()
            values.append(self._expression())
        self._end()
        if len(names) != len(values) or len(set(names)) != len(names):
            self._refuse(f"{len(values)} values for {len(names)} names, which must differ")
        return Assign(line, tuple(names), tuple(values))

    # ---- expressions

    def _expression(self) -> Expression:
        """Neither the text nor what is made of it is nested deeper than the limit."""
        self._depth += 1
        self._check_depth(self._depth)
        others, self._height = self._height, 0
        found = self._primary()
        while self._is("[") or self._next.kind == "attribute":
            found = self._postfix(found)
            self._height += 1
        self._height += 1
        self._check_depth(self._height)
        self._height = max(self._height, others)
        self._depth -= 1
        return found

    def _check_depth(self, depth: int) -> None:
        if depth > DEEPEST_EXPRESSION:
            self._refuse(f"an expression is nested more than {DEEPEST_EXPRESSION} deep")

    def _primary(self) -> Expression:
        kind, text, _ = token = self._next
        match kind:
            case "torch":
                return self._of_torch()
            case "name" if text == "complex":
                return Number(self._complex())
            case "name" if text in _FUNCTIONS:
                return self._of_numbers()
            case "name" if text in _LITERALS:
                self._take()
                return Number(_LITERALS[text])
            case "name" if text == "weights":
                self._take()
                return Name(text)
            case "name":
                return Name(self._new_name())
            case "number":
                return Number(self._number(""))
            case "string":
                self._take()
                return Number(token.text[1:-1])
        if self._is("-"):
            self._take()
            return Number(self._number("-"))
        if self._is("["):
            return Listed(self._list(), None)
        if self._is("("):
            return self._in_parentheses()
        return self._unexpected("a value")

    def _postfix(self, source: Expression) -> Expression:
        if self._is("["):
            self._take()
            sign = "-" if self._is("-") else ""
            if sign:
                self._take()
            index = self._number(sign)
            if not isinstance(index, int):
                self._refuse("a place in a list is a whole number")
            self._expect("]")
            return Item(source, index)
        name = self._next.text[1:]
        if name not in ("size", "contiguous", "to"):
            self._unexpected("'.size', '.contiguous' or '.to'")
        self._take()
        self._expect("(")
        argument = None if name == "contiguous" else self._expression()
        self._expect(")")
        return Method(source, name, argument)

    def _in_parentheses(self) -> Expression:
        """Of numbers: ``(a + b)``, ``(-(a))``, ``(not (a))``, or a value by itself."""
        self._expect("(")
        found: Expression
        if self._is("not") or (self._is("-") and self._second.text == "("):
            function = self._take().text
            found = Call(function, (self._expression(),), ())
        else:
            found = self._arithmetic()
        self._expect(")")
        return found

    def _arithmetic(self) -> Expression:
        """A value, or an operator between two."""
        left = self._expression()
        sign = self._next.text
        if self._is(")") or self._is(","):
            return left
        if sign not in _INFIX:
            self._unexpected("an operator between two numbers")
        self._take()
        return Infix(sign, left, self._expression())

    def _of_numbers(self) -> Expression:
        """A call of a function of one number or two."""
        function = self._take().text
        self._expect("(")
        if function == "float" and self._next.kind == "string":
            return Number(self._quoted())
        given = [self._arithmetic()]
        while self._is(","):
            self._take()
            given.append(self._arithmetic())
        self._expect(")")
        return Call(function, tuple(given), ())

    def _of_torch(self) -> Expression:
        name = self._take().text
        if name == "torch.jit.annotate":
            self._expect("(")
            kind = self._kind()
            self._expect(",")
            items = self._list()
            self._expect(")")
            return Listed(items, kind)
        if not self._is("("):
            return Torch(name.removeprefix("torch."))
        return Call(name, *self._arguments())

    def _kind(self) -> str:
        """A type that a list is given: ``List[int]``, ``Optional[List[int]]``, ``List[Optional[Tensor]]``."""
        word = self._take().text
        if word in _KINDS:
            return word
        if word not in ("List", "Optional"):
            self._refuse(f"{word[:40]!r} is no type that a list is given")
        self._depth += 1
        self._check_depth(self._depth)
        self._expect("[")
        inner = self._kind()
        self._expect("]")
        self._depth -= 1
        return f"{word}[{inner}]"

    def _list(self) -> tuple[Expression, ...]:
        self._expect("[")
        items: list[Expression] = []
        while not self._is("]"):
            if items:
                self._expect(",")
            items.append(self._expression())
        self._expect("]")
        return tuple(items)

    def _arguments(self) -> tuple[tuple[Expression, ...], tuple[tuple[str, Expression], ...]]:
        """Those without a name, then those with one."""
        self._expect("(")
        positional: list[Expression] = []
        keywords: dict[str, Expression] = {}
        while not self._is(")"):
            if positional or keywords:
                self._expect(",")
            if self._next.kind == "name" and self._second.text == "=":
                word = self._take().text
                self._take()
                if word in keywords:
                    self._refuse(f"the argument {word!r} is given twice")
                keywords[word] = self._expression()
            elif keywords:
                self._unexpected("an argument's name")
            else:
                positional.append(self._expression())
        self._expect(")")
        return tuple(positional), tuple(keywords.items())

    def _number(self, sign: str) -> int | float:
        """Within 64 bits, as TorchScript's are."""
        token = self._next
        if token.kind != "number":
            self._unexpected("a number")
        self._take()
        if len(token.text) > MOST_DIGITS:
            self._refuse(f"column {token.column}: a number of {len(token.text)} characters")
        if not token.text.isdecimal():
            return float(sign + token.text)
        if len(token.text) > 1 and token.text[0] == "0":
            self._refuse(f"column {token.column}: the number {token} begins with a zero")
        value = int(sign + token.text)
        if not -(2**63) <= value < 2**63:
            self._refuse(f"column {token.column}: {sign}{token.text} is beyond 64 bits")
        return value

    def _quoted(self) -> float:
        """Of ``float('inf')`` what stands behind the parenthesis."""
        word = self._next.text[1:-1] if self._next.kind == "string" else ""
        if len(word) > MOST_DIGITS or not _FLOAT.fullmatch(word):
            self._unexpected("a number in quotes")
        self._take()
        self._expect(")")
        return float(word)

    def _complex(self) -> complex:
        """``complex(float('…'), float('…'))``"""
        self._expect("complex", "(", "float", "(")
        real = self._quoted()
        self._expect(",", "float", "(")
        imaginary = self._quoted()
        self._expect(")")
        return complex(real, imaginary)
