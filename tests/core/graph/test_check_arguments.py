"""What is no model, or no arguments of one, is one clear error that says what to give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import nnapi_runtime
from nnapi_core.conversion.convert import convert
from nnapi_core.conversion.explain import explain
from nnapi_core.errors import ConversionError

X = torch.ones(2, 3)


def fake(make: Callable[[], Any]) -> Any:
    with FakeTensorMode():
        return make()


def jagged() -> torch.Tensor:
    return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)


# What a tensor may be besides numbers in memory, by what the error says of it.
KINDS: dict[str, Callable[[], torch.Tensor]] = {
    "'meta'": lambda: torch.ones(2, 3, device="meta"),
    "fake tensor": lambda: fake(lambda: torch.ones(2, 3)),
    r"torch\.sparse_coo.*to_dense": lambda: X.to_sparse(),
    r"torch\.sparse_csr": lambda: X.to_sparse_csr(),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "nested tensor": jagged,
    r"quantised.*dequantize": lambda: torch.quantize_per_tensor(X, 0.1, 0, torch.quint8),
}


class Nested(nn.Module):
    def forward(self, x: Any, *rest: Any) -> torch.Tensor:
        first = x["a"][0] if isinstance(x, dict) else x
        return torch.relu(first)


NESTING: list[Callable[[Any], tuple[Any, ...]]] = [
    lambda x: (x,),
    lambda x: (X, x),
    lambda x: ({"a": [x]},),
    lambda x: ({"a": (X, x)},),
]


@given(
    st.sampled_from(sorted(KINDS)), st.sampled_from(NESTING), st.sampled_from([convert, explain])
)
def test_a_tensor_without_numbers_is_named(
    kind: str, nested: Callable[[Any], tuple[Any, ...]], command: Callable[..., Any]
) -> None:
    with pytest.raises(ConversionError, match=rf"argument \[.*{kind}"):
        command(Nested(), nested(KINDS[kind]()))


@given(st.sampled_from(["'meta'", "fake tensor"]))
def test_weights_without_numbers_are_named(kind: str) -> None:
    module = (
        fake(lambda: nn.Linear(3, 3)) if kind == "fake tensor" else nn.Linear(3, 3, device="meta")
    )
    with pytest.raises(ConversionError, match=f"parameter '0.weight' is.*{kind}"):
        convert(nn.Sequential(module), (X,))


def test_weights_without_a_shape_are_named() -> None:
    with pytest.raises(ConversionError, match=r"'weight'.*no shape yet; run the model once"):
        convert(nn.LazyLinear(4), (X,))


def test_sparse_weights_are_named() -> None:
    module = nn.Module()
    module.register_buffer("table", X.to_sparse())
    with pytest.raises(ConversionError, match=r"buffer 'table'.*to_dense"):
        convert(module, (X,))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (torch.relu, "relu is a function; give an nn.Module"),
        (lambda x: x, "is a function"),
        (nn.ReLU, r"ReLU is a class.*ReLU\(…\)\.eval\(\)"),
        ("model.pt2", r"'model\.pt2' is a path; .*torch\.export\.load"),
        (Path("model.pt2"), "is a path"),
        (nn.ReLU().state_dict(), "load_state_dict"),
        (None, "give an nn.Module"),
        (3, "give an nn.Module"),
    ],
)
def test_what_is_no_model_is_named(model: Any, says: str) -> None:
    with pytest.raises(ConversionError, match=says):
        convert(model, (X,))


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (X, r"example_args is a Tensor; give a tuple of the arguments: \(x,\)"),
        (X.numpy(), "example_args is a ndarray"),
        ((X.numpy(),), r"argument \[0\] is a numpy ndarray.*torch\.from_numpy"),
        ({"input": X}, "example_args is a dict"),
        (None, "example_args is None"),
        (3, "example_args is 3"),
    ],
)
def test_what_are_no_arguments_is_named(args: Any, says: str) -> None:
    with pytest.raises(ConversionError, match=says):
        convert(nn.ReLU(), args)


def test_a_list_of_arguments_is_one() -> None:
    assert torch.equal(convert(nn.ReLU(), [X])(X), X)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm1d(3), nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))]
)
def test_training_mode_says_eval(norm: nn.Module) -> None:
    with pytest.raises(ConversionError, match=r"training mode.*\.eval\(\)"):
        convert(norm.train(), (X,))
    program = torch.export.export(norm, (X,))
    with pytest.raises(ConversionError, match=r"training mode.*\.eval\(\)"):
        convert(program, (X,))
    convert(norm.eval(), (X,))


class Cache(nn.Module):
    """As transformers' static cache: a tensor that is a plain attribute."""

    def __init__(self, write: Callable[[torch.Tensor, torch.Tensor], Any]) -> None:
        super().__init__()
        self.cache = torch.zeros(4, 3)
        self.write = write

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.write(self.cache, x)
        return self.cache * 2


WRITES: list[Callable[[torch.Tensor, torch.Tensor], Any]] = [
    lambda cache, x: cache.add_(x),
    lambda cache, x: cache[1:2].copy_(x[:1]),
    lambda cache, x: cache.index_copy_(0, torch.tensor([1]), x[:1]),
    lambda cache, x: cache.view(-1)[3:].mul_(2),
    lambda cache, x: cache.__setitem__(slice(1, 2), x[:1]),
    lambda cache, x: cache.__setitem__(torch.tensor([2]), x[:1]),
    lambda cache, x: cache.t().contiguous() is None or cache.t().add_(1),
]


@pytest.mark.parametrize("place", range(len(WRITES)))
def test_a_plain_attribute_that_is_written_in_place_is_state(place: int) -> None:
    module, x = Cache(WRITES[place]), torch.tensor([[1.0, 2.0, 3.0]])
    converted = convert(module, (x,))
    assert not module.cache.any()
    for _ in range(3):
        torch.testing.assert_close(converted(x), module(x))
    np.testing.assert_array_equal(converted.session().state["cache"], module.cache.numpy())


def test_sparse_tensors_inside_stay_in_torch() -> None:
    class Sparse(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.relu(torch.eye(3).to_sparse() @ y) + x.to_sparse() @ torch.relu(y)

    x, y = torch.eye(3), torch.randn(3, 3)
    torch.testing.assert_close(convert(Sparse(), (x, y))(x, y), Sparse()(x, y))


def test_nothing_is_written_where_it_cannot_be(tmp_path: Path) -> None:
    converted = convert(nn.ReLU(), (X,))
    with pytest.raises(ConversionError, match="cannot be written: the folder does not exist"):
        converted.save(tmp_path / "none" / "m.nnapi")
    (tmp_path / "m.nnapi").mkdir()
    with pytest.raises(ConversionError, match="is a folder"):
        converted.save(tmp_path / "m.nnapi")


@given(st.sampled_from([kind for kind in sorted(KINDS) if "fake" not in kind]))
def test_a_call_refuses_tensors_without_numbers(kind: str) -> None:
    converted = convert(nn.ReLU(), (X,))
    with pytest.raises(nnapi_runtime.NnapiError, match=r"argument|input"):
        converted(KINDS[kind]())
