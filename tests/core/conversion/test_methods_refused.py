"""Methods that cannot be one conversion are refused, with what to do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from nnapi_core.conversion.convert_methods import convert_methods
from nnapi_core.errors import ConversionError, Unsupported
from tests.core.conversion.methodical_modules import Speech

X = torch.randn(1, 8)


def refused(methods: Any, why: str, **options: Any) -> None:
    with pytest.raises(ConversionError, match=why):
        convert_methods(methods, **options)


def test_what_is_no_method_of_one_module() -> None:
    one, other = Speech().eval(), Speech().eval()
    refused({}, "give a dict")
    refused([("encode", one.encode)], "give a dict")
    refused({"encode": one.encode}, "give \\(module.encode, args\\)")
    refused({"encode": (lambda x: x, (X,))}, "'encode' is .*lambda.*no bound method")
    refused({"encode": (torch.relu, (X,))}, "no bound method of an nn.Module")
    refused({"encode": (one.encode, (X,)), "decode": (other.decode, (X,))}, "different modules")
    refused(
        {"encode": (one.encode, (X,)), "out": (one.out, (X,))},
        "one module, which has the others as parts",
    )
    refused({"encode": (one.encode, X)}, "are Tensor; give a tuple")
    refused({"encode": (one.encode, [X])}, "are list; give a tuple")
    refused({"encode": (one.encode, [])}, "are list; give a tuple")


@pytest.mark.parametrize(
    "name", ["state", "reset", "fork", "_own", "1st", "two words", "", "é", "x_cpu", 3, "save"]
)
def test_names_that_mean_something_else(name: Any) -> None:
    refused({name: (Speech().eval().encode, (X,))}, "a method cannot be called")


def test_refusals_begin_with_the_method() -> None:
    module = Speech().eval()
    methods = {"encode": (module.encode, (X,)), "decode": (module.decode, (torch.randn(1, 9),))}
    refused(methods, "^the method 'decode': torch.export cannot trace Speech.decode")

    class Sorting(nn.Module):
        def plain(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

        def sorting(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvalsh(x)

    sorting = Sorting()
    square = torch.eye(3)
    with pytest.raises(Unsupported, match="sorting: 1 node"):
        convert_methods(
            {"plain": (sorting.plain, (X,)), "sorting": (sorting.sorting, (square,))},
            fallback="error",
        )


class Hidden(nn.Module):
    """Methods that share what is no buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.last = torch.zeros(1, 8)
        self.register_buffer("steps", torch.zeros(1, dtype=torch.int64))

    def counting(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return x + 1

    def counted(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.count

    def keeping(self, x: torch.Tensor) -> torch.Tensor:
        self.last = x * 2
        return x - 1

    def kept(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.last

    def stepping(self, x: torch.Tensor) -> torch.Tensor:
        self.steps += 1
        return x + 2

    def number(self, x: torch.Tensor) -> torch.Tensor:
        return x * 3 if self.steps.item() > 0 else x


@pytest.mark.parametrize(
    ("writes", "reads", "why"),
    [
        ("counting", "counted", "'counted' gives other results after other methods were called"),
        ("keeping", "kept", "forward reads and assigns self.last"),
        ("stepping", "number", "numbers of 'steps' .*which 'stepping' changes"),
    ],
)
def test_state_that_is_no_buffer(writes: str, reads: str, why: str) -> None:
    for order in ((writes, reads), (reads, writes)):
        module = Hidden()
        refused({name: (getattr(module, name), (X,)) for name in order}, why)


def test_two_names_of_one_memory() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("rows", torch.zeros(2, 8))
            self.row = self.rows[0]

        def write(self, x: torch.Tensor) -> torch.Tensor:
            self.rows += x
            return x * 2

        def read(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.row

    module = Twice()
    for order in (("write", "read"), ("read", "write")):
        refused({name: (getattr(module, name), (X,)) for name in order}, "lie in the same memory")


def test_hooks_of_the_module_are_for_calls_of_it() -> None:
    module = Speech().eval()
    module.register_forward_hook(lambda part, args, result: result * 100)
    converted = convert_methods({"embed": (module.embed, (X,)), "forward": (module, (X,))})
    torch.testing.assert_close(converted.embed(X), module.embed(X), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(converted.forward(X), module(X), rtol=1e-4, atol=1e-2)
    assert not module._forward_pre_hooks
    assert len(module._forward_hooks) == 1
