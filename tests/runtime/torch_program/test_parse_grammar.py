"""Texts that no converter writes are refused in one way, quickly, and nothing of them is executed."""

from __future__ import annotations

import random
import re
import time
import tracemalloc

import pytest

from nnapi_runtime.errors import ModelError, NnapiError
from nnapi_runtime.torch_program import TorchProgram
from nnapi_runtime.torch_program.token_lines import MOST_CHARACTERS, MOST_IN_LINE, MOST_STATEMENTS
from tests.fuzz.mutate_files import mutated_text
from tests.runtime.torch_program.texts import HEAD, TEXTS, arguments

END = "    return torch.jit.annotate(List[Tensor], [v1_x])\n"
FILE = "torch.from_file('/tmp/x', True, 4, dtype=torch.uint8)"


def body(*lines: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in lines) + END


def deep(opening: str, inner: str, closing: str, depth: int) -> str:
    return body(f"v2_a = {opening * depth}{inner}{closing * depth}")


def nested(depth: int) -> str:
    blocks = [f"{'    ' * i}if bool(v1_x):" for i in range(depth)]
    return body(*blocks, f"{'    ' * depth}pass")


HOSTILE: dict[str, str | bytes] = {
    "a default": HEAD.replace("weights: List[Tensor]", f"weights: List[Tensor], z: Tensor = {FILE}.fill_(65)") + END,
    "a default of a parameter": HEAD.replace("v1_x: Tensor", f"v1_x: Tensor = {FILE}") + END,
    "a default of the weights": HEAD.replace("]) ->", f"] = [{FILE}]) ->") + END,
    "a helper": f"def save(x: Tensor):\n    torch.save(x, '/tmp/x')\n{body()}",
    "a function behind": body() + "def other():\n    pass\n",
    "a second run": body() + body(),
    "an import": "import os\n" + body(),
    "a decorator": "@torch.jit.ignore\n" + body(),
    "a file": body(f"v2_a = {FILE}"),
    "an operator that maps a file": body("v2_a = torch.ops.aten.from_file('/tmp/x', shared=True, size=4)"),
    "torch.save": body("v2_a = torch.save(v1_x, '/tmp/x')"),
    "torch.load": body("v2_a = torch.load('/tmp/x')"),
    "a statement that is a call": body("torch.save(v1_x, '/tmp/x')"),
    "help": body("v2_a = help(v1_x)"),
    "eval": body("v2_a = eval('1')"),
    "print": body("print(v1_x)"),
    "a name of a frame": body("v2_a = self"),
    "a module": body("v2_a = torch"),
    "a class": body("v2_a = torch.classes._nnapi.Compilation()"),
    "an attribute": body("v2_a = v1_x.__class__"),
    "a method": body("v2_a = v1_x.fill_(1)"),
    "a method of a size": body("v2_a = v1_x.size(0).bit_length()"),
    "in place": body("v2_a = torch.ops.aten.add_(v1_x, other=1)"),
    "out": body("v2_a = torch.ops.aten.add(v1_x, other=1, out=v1_x)"),
    "out of a weight": body("v2_a = torch.ops.aten.neg(v1_x, out=weights[0])"),
    "another package's": body("v2_a = torch.ops.torchvision.nms(v1_x, v1_x, 0.5)"),
    "prims": body("v2_a = torch.ops.prims.sin(v1_x)"),
    "an overload by name": body("v2_a = torch.ops.aten.add.Tensor(v1_x, v1_x)"),
    "a generator": body("v2_a = torch.ops.aten.rand([2], generator=v1_x)"),
    "ops itself": body("v2_a = torch.ops.load_library('/tmp/x.so')"),
    "a lambda": body("v2_a = (lambda: 1)"),
    "a comprehension": body("v2_a = [x for x in v1_x]"),
    "a string of several": body("v2_a = 'a' 'b'"),
    "an f-string": body("v2_a = f'{v1_x}'"),
    "an escape": body("v2_a = torch.ops.aten.einsum('\\x41', [v1_x])"),
    "a walrus": body("v2_a = (b := v1_x)"),
    "a slice": body("v2_a = v1_x[0:1]"),
    "an assignment to an item": body("v1_x[0] = v1_x"),
    "an assignment to the weights": body("weights = torch.jit.annotate(List[Tensor], [])"),
    "an assignment to a parameter": body("v1_x = weights[0]"),
    "an augmented assignment": body("v2_a = v1_x", "v2_a += v1_x"),
    "a star": body("v2_a = torch.ops.aten.add(*weights)"),
    "two stars": body("v2_a = torch.ops.aten.add(v1_x, **v1_x)"),
    "a keyword twice": body("v2_a = torch.ops.aten.add(v1_x, other=1, other=2)"),
    "an unknown keyword": body("v2_a = torch.ops.aten.add(v1_x, others=1)"),
    "a missing argument": body("v2_a = torch.ops.aten.add(v1_x)"),
    "a name twice": HEAD.replace("v1_x: Tensor", "v1_x: Tensor, v1_x: Tensor") + END,
    "del": body("del v1_x"),
    "try": body("try:", "    pass"),
    "with": body("with torch.no_grad():", "    pass"),
    "for": body("for i in range(10):", "    pass"),
    "while True": body("while True:", "    pass"),
    "while of a tensor": body("while v1_x:", "    pass"),
    "if of a tensor": body("if v1_x:", "    pass", "else:", "    pass"),
    "if without else": body("if bool(v1_x):", "    pass"),
    "an empty block": body("if bool(v1_x):", "else:", "    pass"),
    "a name of one branch": body("if bool(v1_x):", "    v2_a = v1_x", "else:", "    pass", "v3_b = v2_a"),
    "a name of a loop": body("v2_g = bool(v1_x)", "while v2_g:", "    v3_a = v1_x", "    v2_g = False", "v4_b = v3_a"),
    "a name that changes its type": body("v2_a = v1_x", "v2_a = 1"),
    "a return within": body("if bool(v1_x):", "    return v1_x", "else:", "    pass"),
    "no return": HEAD + "    v2_a = v1_x\n",
    "a returned number": HEAD + "    return torch.jit.annotate(List[Tensor], [1])\n",
    "text behind": body() + "    v2_a = v1_x\n",
    "an unknown name": body("v2_a = v9_x"),
    "a semicolon": body("v2_a = v1_x; v3_a = v1_x"),
    "a backslash": body("v2_a = \\", "v1_x"),
    "a comment": body("v2_a = v1_x  # type: ignore"),
    "a tab": HEAD + "\tv2_a = v1_x\n" + END,
    "a carriage return": body().replace("\n", "\r\n"),
    "a form feed": body("v2_a = v1_x\f"),
    "NUL": body("v2_a = v1_x\0"),
    "bytes of NUL": b"\0" * 100,
    "an escape of terminals": body("v2_a = \x1b[31mv1_x"),
    "surrogates": body("v2_a = v1_x\ud800"),
    "letters that look alike": body("v2_\u0430 = v1_x"),
    "full width digits": body("v2_a = torch.ops.aten.add(v1_x, other=\uff11)"),
    "a byte order mark": "\ufeff" + body(),
    "UTF-16": body().encode("utf-16"),
    "another line end": body("v2_a = v1_x\u2028v3_a = v1_x"),
    "nothing": "",
    "a line end": "\n",
    "only a head": HEAD,
    "a huge number": body("v2_a = torch.ops.aten.add(v1_x, other=" + "9" * 5000 + ")"),
    "a number beyond 64 bits": body("v2_a = torch.ops.aten.add(v1_x, other=9223372036854775808)"),
    "hexadecimal": body("v2_a = torch.ops.aten.add(v1_x, other=0x10)"),
    "underscores": body("v2_a = torch.ops.aten.add(v1_x, other=1_000)"),
    "imaginary": body("v2_a = torch.ops.aten.add(v1_x, other=1j)"),
    "a leading zero": body("v2_a = torch.ops.aten.add(v1_x, other=01)"),
    "arithmetic of words": body("v2_a = ('a' * 1000000000)"),
    "arithmetic of lists": body("v2_a = ([0] * 1000000000)"),
    "arithmetic of tensors": body("v2_a = (v1_x * 2)"),
    "arithmetic of truths": body("v2_a = (True + 1)"),
    "parentheses": deep("(", "v1_x", ")", 50_000),
    "brackets": deep("[", "v1_x", "]", 50_000),
    "calls": deep("bool(", "v1_x", ")", 50_000),
    "operators": deep("torch.ops.aten.neg(", "v1_x", ")", 50_000),
    "items": body("v2_a = v1_x" + "[0]" * 50_000),
    "methods": body("v2_a = v1_x" + ".contiguous()" * 20_000 + ".fill_(1)"),
    "signs": body("v2_a = " + "-" * 50_000 + "1"),
    "types": body(f"v2_a = torch.jit.annotate({'List[' * 50_000}int{']' * 50_000}, [])"),
    "blocks": nested(900),
    "a weight without end": body("v2_a = weights[9223372036854775807]"),
    "a weight from behind": body("v2_a = weights[-1]"),
    "all weights": body("v2_a = weights"),
    "a result that there is not": body("v2_m = torch.ops.aten.max(v1_x, dim=1)", "v3_a = v2_m[2]"),
    "an item of a tensor": body("v2_a = v1_x[0]"),
    "another device": body("v2_a = torch.ops.aten.to(v1_x, device=torch.device('cuda'))"),
    "a device in words": body("v2_a = torch.ops.aten.to(v1_x, device='cuda')"),
    "a dtype as a size": body("v2_a = torch.ops.aten.reshape(v1_x, shape=[torch.float32])"),
    "a sparse layout": body("v2_a = torch.ops.aten.to(v1_x, layout=torch.sparse_coo)"),
    "a tensor of numbers": body("v2_a = torch.tensor([1, 2])"),
    "float of a word": body("v2_a = float('abc')"),
    "float of a number with gaps": body("v2_a = float('1_0')"),
    "float of a long number": body("v2_a = float('" + "1" * 50_000 + "')"),
    "complex of variables": body("v2_a = complex(v1_x.size(0), v1_x.size(1))"),
    "another function of math": body("v2_a = math.pow(v1_x.size(0), 2)"),
    "math itself": body("v2_a = math"),
    "a variable of math": body("math.e = 1"),
    "a number of a list": body("v2_a = int([1])"),
    "a number of two": body("v2_a = int(1, 2)"),
    "not of a tensor": body("v2_a = (not (v1_x))"),
    "logic of numbers": body("v2_a = (1 and 2)"),
    "a comparison of several": body("v2_a = (1 < 2 < 3)"),
    "too long": HEAD + "    pass\n" * (MOST_CHARACTERS // 9 + 1) + END,
    "too many lines": HEAD + "\n" * MOST_STATEMENTS + END,
    "a line too long": body("v2_a = [" + "1, " * (MOST_IN_LINE // 3 + 1) + "1]"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str) -> None:
    text = HOSTILE[name]
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(ModelError, match=r"'torch\.7' is not a program as the converter") as caught:
        TorchProgram.parse(text, "torch.7")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - start < 10
    assert peak < 10 * len(text) + (64 << 20)
    message = str(caught.value)
    assert re.search(r"line \d+: ", message)
    assert len(message) < 1000
    assert message.isprintable()


@pytest.mark.parametrize("name", TEXTS)
def test_every_cut_is_refused(name: str) -> None:
    text = TEXTS[name].rstrip("\n")
    for end in range(len(text)):
        with pytest.raises(ModelError):
            TorchProgram.parse(text[:end], "cut")


@pytest.mark.parametrize("name", TEXTS)
def test_damaged_texts_run_or_are_refused(name: str) -> None:
    chance = random.Random(name)
    inputs, weights = arguments()
    ran = refused = 0
    for _ in range(1500):
        try:
            program = TorchProgram.parse(mutated_text(TEXTS[name], chance), "damaged")
            ran += 1
            program(inputs, weights, time.monotonic_ns() + 10**8)
        except NnapiError:
            refused += 1
    assert ran > 50
    assert refused > 500
