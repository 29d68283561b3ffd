"""DENSIFY against numpy: tensors are made sparse in a drawn way, and come back as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime import c_api
from tests.runtime.c_api import codes

DENSE, CSR = 0, 1
TYPES: dict[int, Any] = {
    codes.TENSOR_FLOAT32: np.float32,
    codes.TENSOR_FLOAT16: np.float16,
    codes.TENSOR_INT32: np.int32,
    codes.TENSOR_BOOL8: np.uint8,
    codes.TENSOR_QUANT8_ASYMM: np.uint8,
    codes.TENSOR_QUANT8_ASYMM_SIGNED: np.int8,
    codes.TENSOR_QUANT8_SYMM: np.int8,
    codes.TENSOR_QUANT16_ASYMM: np.uint16,
    codes.TENSOR_QUANT16_SYMM: np.int16,
}
WITH_ZERO_POINT = {
    codes.TENSOR_QUANT8_ASYMM,
    codes.TENSOR_QUANT8_ASYMM_SIGNED,
    codes.TENSOR_QUANT16_ASYMM,
}


@frozen
class Sparse:
    """The operands of DENSIFY; ``levels`` has segments and indices, or None where it is dense."""

    values: np.ndarray
    order: list[int]
    block_map: list[int]
    formats: list[int]
    sizes: list[int]
    levels: list[tuple[list[int], list[int]] | None]


def made_sparse(
    walked: np.ndarray, zero: int, order: list[int], block_map: list[int], formats: list[int]
) -> Sparse:
    """Of a tensor whose axes are the levels, in the order in which they are walked through."""
    entries = [walked]
    levels: list[tuple[list[int], list[int]] | None] = []
    for format_ in formats:
        if format_ == DENSE:
            entries = [part for entry in entries for part in entry]
            levels.append(None)
            continue
        segments, indices, kept = [0], [], []
        for entry in entries:
            for index, part in enumerate(entry):
                if np.any(part != zero):
                    indices.append(index)
                    kept.append(part)
            segments.append(len(indices))
        entries = kept
        levels.append((segments, indices))
    values = np.array(entries, walked.dtype).reshape(-1)
    return Sparse(values, order, block_map, formats, list(walked.shape), levels)


def densified(
    sparse: Sparse, code: int, shape: tuple[int, ...], declared: tuple[int, ...], **quant: Any
) -> tuple[str, np.ndarray]:
    model = c_api.Model()

    def integers(numbers: list[int] | None) -> int:
        if numbers:
            return model.constant(codes.TENSOR_INT32, np.array(numbers, "i4"))
        omitted = model.operand(codes.TENSOR_INT32, (0,))
        c_api.good("Model_setOperandValue", model.handle, omitted, None, 0)
        return omitted

    values = model.operand(code, sparse.values.shape, **quant)
    inputs = [values, integers(sparse.order), integers(sparse.block_map)]
    inputs += [integers(sparse.formats), integers(sparse.sizes)]
    for level in sparse.levels:
        inputs += [integers(part) for part in (level or (None, None))]
    out = model.operand(code, declared, **quant)
    model.operation("DENSIFY", inputs, [out])
    model.finish([values], [out])
    compilation = c_api.compile_model(model)
    result = np.zeros(shape, sparse.values.dtype)
    with c_api.execution(compilation) as run:
        assert c_api.set_input(run, 0, sparse.values) == "NO_ERROR"
        assert c_api.set_output(run, 0, result) == "NO_ERROR"
        status = c_api.call("Execution_compute", run)
    c_api.free("Compilation", compilation)
    model.free()
    return status, result


@given(st.data())
def test_densify_gives_back_what_was_made_sparse(data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(list(TYPES)), label="type")
    rank = data.draw(st.integers(1, 3), label="rank")
    blocked = sorted(data.draw(st.sets(st.integers(0, rank - 1)), label="blocked"))
    counts = [data.draw(st.integers(1, 3)) for _ in range(rank)]
    blocks = [data.draw(st.integers(1, 3)) for _ in blocked]
    zero = data.draw(st.integers(1, 9)) if code in WITH_ZERO_POINT else 0
    shape = list(counts)
    for dim, size in zip(blocked, blocks, strict=True):
        shape[dim] *= size
    numbers = data.draw(st.lists(st.sampled_from([0, 0, 1, 2]), min_size=1, max_size=8))
    dense = (np.resize(numbers, shape) + zero).astype(TYPES[code])
    if not np.any(dense != zero):  # a model has no constants of no elements
        dense.flat[0] = zero + 1

    # Each dimension becomes its count and, if it is made of blocks, their size.
    split, axes = [], []
    for dim in range(rank):
        axes.append(dim)
        split.append(counts[dim])
        if dim in blocked:
            axes.append(rank + blocked.index(dim))
            split.append(blocks[blocked.index(dim)])
    order = data.draw(st.permutations(range(rank)))
    order += data.draw(st.permutations(range(rank, rank + len(blocked))))
    walked = dense.reshape(split).transpose([axes.index(level) for level in order])
    formats = [data.draw(st.sampled_from([DENSE, CSR])) for _ in order]
    sparse = made_sparse(walked, zero, order, blocked, formats)
    quant = {"scale": 0.5, "zero_point": zero} if "QUANT" in c_api_name(code) else {}
    declared = data.draw(st.sampled_from([tuple(shape), (0,) * rank]), label="declared")
    status, result = densified(sparse, code, tuple(shape), declared, **quant)
    assert status == "NO_ERROR", c_api.last_error()
    np.testing.assert_array_equal(result, dense)


def c_api_name(code: int) -> str:
    names = [name for name in dir(codes) if name.startswith("TENSOR_")]
    return next(name for name in names if getattr(codes, name) == code)


GOOD = Sparse(np.array([1, 2], "f4"), [0, 1], [], [DENSE, CSR], [2, 3], [None, ([0, 1, 2], [2, 1])])


@pytest.mark.parametrize(
    ("sparse", "text"),
    [
        (Sparse(GOOD.values, [0, 0], [], GOOD.formats, GOOD.sizes, GOOD.levels), "traversal_order"),
        (Sparse(GOOD.values, [0, 2], [], GOOD.formats, GOOD.sizes, GOOD.levels), "traversal_order"),
        (Sparse(GOOD.values, [0, 1], [], [DENSE, 2], GOOD.sizes, GOOD.levels), "dimension_format"),
        (Sparse(GOOD.values, [0, 1], [], GOOD.formats, [2, -3], GOOD.levels), "dimensions"),
        (Sparse(GOOD.values, [0, 1], [], [CSR, CSR], GOOD.sizes, GOOD.levels), "omitted"),
        (Sparse(GOOD.values, [0, 1], [], GOOD.formats, [4, 3], GOOD.levels), "segments"),
        (Sparse(GOOD.values[:1], [0, 1], [], *(GOOD.formats, GOOD.sizes, GOOD.levels)), "values"),
        (
            Sparse(GOOD.values, [0, 1], [], GOOD.formats, GOOD.sizes, [None, ([0, 1, 2], [2, 3])]),
            "outside",
        ),
        (
            Sparse(GOOD.values, [0, 1], [], GOOD.formats, GOOD.sizes, [None, ([0, 1, 9], [2, 1])]),
            "indices",
        ),
        (
            Sparse(GOOD.values, [0, 1], [], GOOD.formats, GOOD.sizes, [None, ([-1, 1, 2], [2, 1])]),
            "segment",
        ),
    ],
)
def test_what_leads_outside_fails(sparse: Sparse, text: str) -> None:
    status, _ = densified(sparse, codes.TENSOR_FLOAT32, (4, 3), (0, 0))
    assert status == "OP_FAILED"
    assert text in c_api.last_error()


def test_an_example() -> None:
    status, result = densified(GOOD, codes.TENSOR_FLOAT32, (2, 3), (2, 3))
    assert status == "NO_ERROR"
    np.testing.assert_array_equal(result, [[0, 0, 1], [0, 2, 0]])
