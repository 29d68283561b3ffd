"""The operators that a file may call only compute; and what the converter writes is among them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nnapi_runtime.torch_program import TorchProgram, operators
from nnapi_runtime.torch_program.operators import RANDOM, UNCHECKED, allowed, is_allowed
from nnapi_runtime.torch_program.overloads import overloads

WRITTEN = sorted((Path(__file__).parents[2] / "data" / "torch_programs").glob("*.txt"))


@pytest.mark.parametrize("name", sorted(allowed()))
def test_only_computes(name: str) -> None:
    found = overloads(f"aten::{name}")
    assert found
    for one in found:
        base, _, overload = one.name.partition(".")
        schema = getattr(getattr(torch.ops.aten, name), overload or "default")._schema
        assert base == f"aten::{name}"
        assert not schema.is_mutable
        assert not any(
            argument.alias_info and argument.alias_info.is_write for argument in schema.arguments
        )
        assert one.name not in UNCHECKED
        # It takes nothing but numbers, words and tensors: no file, no object.
        kinds = {argument.type.annotation_str for argument in schema.arguments}
        assert not any("Any" in kind or "Class" in kind or "Dict" in kind for kind in kinds)


def test_the_list_is_sorted_and_whole() -> None:
    lines = Path(operators.__file__).with_name("operators.txt").read_text("ascii").splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert names == sorted(set(names))
    assert allowed() >= RANDOM
    assert allowed() == set(names)


def test_what_draws_is_known() -> None:
    draws = {
        name
        for name in allowed()
        for one in overloads(f"aten::{name}")
        if torch.Tag.nondeterministic_seeded
        in getattr(getattr(torch.ops.aten, name), one.name.partition(".")[2] or "default").tags
    }
    # Attention and recurrence have a chance of dropout, which is 0 in a model that is evaluated.
    assert draws - RANDOM <= {
        *("scaled_dot_product_attention", "_scaled_dot_product_attention_math"),
        *("_scaled_dot_product_flash_attention_for_cpu", "lstm", "gru", "rnn_relu", "rnn_tanh"),
    }


@pytest.mark.parametrize(
    "name",
    [
        *(
            "from_file",
            "save",
            "resize_",
            "set_",
            "set",
            "copy_",
            "_to_sparse",
            "to_sparse",
            "_print",
        ),
        *(
            "manual_seed",
            "quantize_per_tensor",
            "_nested_tensor_from_mask",
            "record_stream",
            "sub_",
        ),
        *("is_pinned", "pin_memory", "_cuda_getCurrentRawStream", "_foreach_add", "_assert_async"),
    ],
)
def test_the_rest_is_not(name: str) -> None:
    assert not is_allowed(f"aten::{name}")
    assert not is_allowed(name)
    assert not is_allowed(f"prim::{name}")


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_texts_of_earlier_versions_are_taken(path: Path) -> None:
    assert TorchProgram.parse(path.read_bytes(), path.stem).operators
