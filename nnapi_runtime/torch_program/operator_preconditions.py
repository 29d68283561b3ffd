"""What some operators of torch take for granted, and would crash or never end without: found by tests/fuzz."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from nnapi_runtime.torch_program.recurrence_shapes import RECURRENCES, check_recurrence

MOST_STEPS = 1 << 16
"""Of what an operator computes one step at a time: a degree, a power."""
MOST_RESULTS = 10_000
"""Of the tensors that one call gives."""
MOST_CELLS = 1 << 20
"""Of a side of a result."""

Values = Mapping[str, Any]


def precondition(name: str) -> Callable[[Values], None] | None:
    """A check of the arguments of an operator ("aten::_fft_r2c"), by their names; None: torch has its own.

    It raises `ValueError`.
    """
    base = name.partition("::")[2]
    if base.startswith("special_") and "polynomial" in base:
        return _few_steps
    return _CHECKS.get(base)


def checked(
    check: Callable[[Values], None],
    names: Sequence[str],
    held: Values,
    call: Callable[..., Any],
) -> Callable[..., Any]:
    """``call`` behind ``check``; its arguments are called ``names``, and it has those in ``held``."""

    def behind(*arguments: Any) -> Any:
        check({**held, **dict(zip(names, arguments, strict=True))})
        return call(*arguments)

    return behind


def _fourier(values: Values) -> None:
    rank, dims = values["self"].dim(), values["dim"]
    if len(set(dims)) != len(dims) or not all(0 <= dim < rank for dim in dims):
        raise ValueError(f"dim is {dims}; the operand has {rank} dimensions")
    if not 0 <= values["normalization"] <= 2:
        raise ValueError(f"normalization is {values['normalization']}; it must be 0, 1 or 2")


def _few_steps(values: Values) -> None:
    steps = values["n"]
    if not isinstance(steps, (int, float)):
        steps = (
            float(steps.double().nan_to_num(0, MOST_STEPS + 1).abs().max()) if steps.numel() else 0
        )
    if not abs(steps) <= MOST_STEPS:
        raise ValueError(f"n is {steps}; the most is {MOST_STEPS}")


def _few_cells(values: Values) -> None:
    size = values["output_size"]
    if any(not 0 <= one <= MOST_CELLS for one in (size if isinstance(size, list) else [size])):
        raise ValueError(f"output_size is {size}; the most is {MOST_CELLS}")


def _channel_statistics(values: Values) -> None:
    operand = values["input"]
    for name in ("weight", "bias", "running_mean", "running_var"):
        one = values.get(name)
        # In training, they are the operand's own.
        missing = one is None and name.startswith("running") and not values.get("training", False)
        if operand.dim() < 2 or missing or (one is not None and one.shape != operand.shape[1:2]):
            raise ValueError(f"{name} does not fit an operand of shape {list(operand.shape)}")


def _elements(values: Values) -> None:
    if values["self"].numel() == 0:
        raise ValueError("an operand without elements is indexed")


def _segments(values: Values) -> None:
    """Offsets rise within the operand; lengths torch checks, unless it is told not to."""
    data, offsets = values["data"], values.get("offsets")
    if values.get("unsafe", False):
        raise ValueError("segments are checked")
    if offsets is not None:
        axis = values.get("axis", 0)
        length = data.shape[axis] if -data.dim() <= axis < data.dim() else -1
        inside = (offsets >= 0) & (offsets <= length)
        rising = offsets.diff() >= 0 if offsets.dim() else inside
        if not bool(inside.all()) or not bool(rising.all()):
            raise ValueError(f"offsets do not rise from 0 to {length}")


def _weight_norm(values: Values) -> None:
    """One length for each slice of the first or last dimension: torch reads and writes that many, unasked."""
    v, g, dim = values["v"], values["g"], values.get("dim", 0)
    if v.dim() == 0 or dim not in (0, v.dim() - 1):
        raise ValueError(f"dim is {dim}; it must be the first or the last of {v.dim()}")
    if g.numel() != v.shape[dim] or not g.is_contiguous():
        raise ValueError(f"{list(g.shape)} lengths do not fit an operand of shape {list(v.shape)}")
    if g.dtype != v.dtype or str(v.dtype) not in ("torch.float32", "torch.float64"):
        raise ValueError(f"operands of {v.dtype} and {g.dtype}; both must be float32 or float64")


def _few_results(values: Values) -> None:
    """Into how many a tensor is split; torch makes them all, empty ones too."""
    for name in ("chunks", "sections", "num_chunks", "tensor_indices_or_sections"):
        count = values.get(name, 0)
        if not isinstance(count, int):
            count = int(count) if count.dim() == 0 and not count.is_complex() else 0
        if count > MOST_RESULTS:
            raise ValueError(f"{name} is {count}; the most is {MOST_RESULTS}")


def _finite(values: Values) -> None:
    if not bool(values["self"].isfinite().all()):
        raise ValueError("the operand holds infinities or NaN, of which there are no eigenvalues")


def _pivots(values: Values) -> None:
    """Rows of the matrix, counted from 1; negative ones stand for pairs."""
    (matrix,) = (values[name] for name in ("LU", "LD", "LU_data") if name in values)
    (pivots,) = (values[name] for name in ("pivots", "LU_pivots") if name in values)
    rows = pivots.abs()
    if (
        matrix.dim() < 2
        or pivots.dtype.is_floating_point
        or pivots.shape != (*matrix.shape[:-2], min(matrix.shape[-2:]))
        or bool(((rows < 1) | (rows > matrix.shape[-2])).any())
    ):
        raise ValueError(f"pivots are no rows of a matrix of shape {list(matrix.shape)}")


_CHECKS: dict[str, Callable[[Values], None]] = {
    **dict.fromkeys(("_fft_c2c", "_fft_c2r", "_fft_r2c"), _fourier),
    **dict.fromkeys(
        [
            *("native_batch_norm", "_native_batch_norm_legit_no_training"),
            *("_native_batch_norm_legit_functional", "_batch_norm_with_update_functional"),
        ],
        _channel_statistics,
    ),
    **dict.fromkeys(("_unsafe_masked_index", "_unsafe_masked_index_put_accumulate"), _elements),
    "segment_reduce": _segments,
    "_weight_norm_interface": _weight_norm,
    **dict.fromkeys(("linalg_eig", "linalg_eigvals"), _finite),
    **{name: partial(check_recurrence, name) for name in RECURRENCES},
    **dict.fromkeys(("lu_unpack", "linalg_lu_solve", "linalg_ldl_solve"), _pivots),
    **dict.fromkeys(("matrix_power", "linalg_matrix_power"), _few_steps),
    **dict.fromkeys(
        ["chunk", "unsafe_chunk", "_chunk_cat", "tensor_split", "hsplit", "vsplit", "dsplit"],
        _few_results,
    ),
    **dict.fromkeys(
        [
            *(f"adaptive_avg_pool{n}d" for n in (1, 2, 3)),
            *(f"adaptive_max_pool{n}d" for n in (1, 2, 3)),
            *("_adaptive_avg_pool2d", "_adaptive_avg_pool3d"),
            *("fractional_max_pool2d", "fractional_max_pool3d", "max_unpool2d", "max_unpool3d"),
        ],
        _few_cells,
    ),
}
