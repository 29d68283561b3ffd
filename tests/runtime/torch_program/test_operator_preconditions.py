"""Arguments with which torch itself crashes or never ends, as the fuzzer found them: each is one error."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nnapi_runtime.errors import NnapiError
from nnapi_runtime.torch_program import TorchProgram
from nnapi_runtime.torch_program.operators import is_allowed
from tests.runtime.torch_program.texts import HEAD

LIST = "torch.jit.annotate"
SQUARE = torch.eye(3)

FATAL: dict[str, tuple[str, torch.Tensor]] = {
    "a dimension of a Fourier transform that there is not": (
        "_fft_r2c(v1_x, dim=[2147483647, 1], normalization=1, onesided=True)",
        SQUARE,
    ),
    "a negative one": ("_fft_c2c(v1_x, dim=[-1], normalization=0, forward=True)", SQUARE * 1j),
    "one that stands twice": (
        "_fft_c2c(v1_x, dim=[1, 1], normalization=0, forward=True)",
        SQUARE * 1j,
    ),
    "another normalisation": ("_fft_r2c(v1_x, dim=[1], normalization=5, onesided=True)", SQUARE),
    "eigenvalues of infinities": ("linalg_eigvals(v1_x)", torch.full((3, 3), math.inf)),
    "a polynomial of a degree beyond all bounds": (
        "special_laguerre_polynomial_l(v1_x, n=2147483648)",
        SQUARE,
    ),
    "degrees in a tensor": (
        "special_legendre_polynomial_p(v1_x, n=torch.ops.aten.mul(v1_x, other=1e30))",
        SQUARE,
    ),
    "more parts than there are": ("tensor_split(v1_x, sections=2147483647)", SQUARE),
    "parts of nothing": ("chunk(v1_x, chunks=2147483647)", torch.zeros(0)),
    "a number of parts in a tensor": (
        f"tensor_split(v1_x, tensor_indices_or_sections=torch.ops.aten.full({LIST}(List[int], []), "
        "fill_value=2147483647, dtype=torch.int64))",
        SQUARE,
    ),
    "a power beyond all bounds": ("linalg_matrix_power(v1_x, n=-9223372036854775808)", SQUARE),
    "a pool into nothing of great length": (
        "_adaptive_avg_pool3d(v1_x, output_size=[2147483648, 2, 0])",
        torch.ones(1, 1, 2, 2, 2),
    ),
    "statistics that are missing": (
        "_native_batch_norm_legit_no_training(v1_x, weight=None, bias=None, running_mean=v1_x, running_var=v1_x, "
        "momentum=0.1, eps=0.1)",
        SQUARE,
    ),
    "statistics that are missing and not computed": (
        "native_batch_norm(v1_x, weight=None, bias=None, running_mean=None, running_var=None, training=False, "
        "momentum=0.1, eps=0.1)",
        SQUARE,
    ),
    "segments beyond the operand": (
        "segment_reduce(v1_x, reduce='mean', offsets=torch.ops.aten.full([2], fill_value=490459042445))",
        SQUARE,
    ),
    "an index into nothing": (
        "_unsafe_masked_index(v1_x, mask=v1_x, indices=torch.jit.annotate(List[Optional[Tensor]], [v1_x]), fill=0)",
        torch.zeros(0),
    ),
    "a recurrence of no layers": (
        f"lstm(v1_x, hx={LIST}(List[Tensor], [v1_x, v1_x]), params={LIST}(List[Tensor], [v1_x, v1_x, v1_x, v1_x]), "
        "has_biases=True, num_layers=-1, dropout=0.0, train=False, bidirectional=False, batch_first=True)",
        torch.ones(1, 3, 3),
    ),
    "fewer lengths than weights": (
        "_weight_norm_interface(v1_x, g=torch.ops.aten.ones([1]), dim=0)",
        torch.ones(4096, 3),
    ),
    "lengths that lie in one place": (
        "_weight_norm_interface(v1_x, g=torch.ops.aten.expand(torch.ops.aten.ones([1]), size=[4096]), dim=0)",
        torch.ones(4096, 3),
    ),
    "lengths of a dimension in the middle": (
        "_weight_norm_interface(v1_x, g=torch.ops.aten.ones([4096]), dim=1)",
        torch.ones(1, 4096, 3),
    ),
    "lengths of another type": (
        "_weight_norm_interface(v1_x, g=torch.ops.aten.ones([3], dtype=torch.float64), dim=0)",
        SQUARE,
    ),
    "no pivots": (
        "lu_unpack(v1_x, LU_pivots=torch.ops.aten.zeros([0], dtype=torch.int32))",
        SQUARE,
    ),
    "pivots beyond the matrix": (
        "linalg_lu_solve(v1_x, pivots=torch.ops.aten.full([3], fill_value=100000000, dtype=torch.int32), B=v1_x)",
        SQUARE,
    ),
}


@pytest.mark.parametrize("name", FATAL)
def test_is_one_error(name: str) -> None:
    call, given = FATAL[name]
    several = ("lstm", "unpack", "batch_norm", "weight_norm", "tensor_split", "chunk")
    end = "[0]" if any(one in call for one in several) else ""
    text = (
        f"{HEAD}    v2_a = torch.ops.aten.{call}\n"
        f"    return torch.jit.annotate(List[Tensor], [v2_a{end}])\n"
    )
    with pytest.raises(NnapiError, match=r"^'torch\.4', line 2 \(a\): "):
        TorchProgram.parse(text, "torch.4")([given], [])


FINE = {
    "_fft_r2c(v1_x, dim=[0, 1], normalization=2, onesided=True)": torch.fft.rfft2(
        SQUARE, norm="forward"
    ),
    "linalg_eigvals(v1_x)": torch.ones(3) + 0j,
    "special_legendre_polynomial_p(v1_x, n=2)": torch.special.legendre_polynomial_p(SQUARE, 2),
    "linalg_matrix_power(v1_x, n=-3)": SQUARE,
    "adaptive_avg_pool1d(v1_x, output_size=[1])": torch.full((3, 1), 1 / 3),
}


@pytest.mark.parametrize("call", FINE)
def test_what_is_fine_is_computed(call: str) -> None:
    text = f"{HEAD}    v2_a = torch.ops.aten.{call}\n    return torch.jit.annotate(List[Tensor], [v2_a])\n"
    (found,) = TorchProgram.parse(text, "fine")([SQUARE], [])
    torch.testing.assert_close(found, FINE[call], check_dtype=False)


@pytest.mark.parametrize(
    "name",
    ["_linalg_eigvals", "binomial", "istft", "poisson", "range", "combinations"],
)
def test_what_the_converter_does_not_need_is_not_allowed(name: str) -> None:
    assert not is_allowed(f"aten::{name}")


@pytest.mark.parametrize("dim", [0, 2])
def test_weights_of_given_lengths_are_computed(dim: int) -> None:
    draw = torch.Generator().manual_seed(0)
    v = torch.randn(4, 3, 5, generator=draw)
    g = torch.rand([v.shape[dim] if one == dim else 1 for one in range(3)], generator=draw)
    text = (
        f"{HEAD}    v2_w = torch.ops.aten._weight_norm_interface(v1_x, g=weights[0], dim={dim})\n"
        "    return torch.jit.annotate(List[Tensor], [v2_w[0]])\n"
    )
    (found,) = TorchProgram.parse(text, "lengths")([v], [g])
    assert torch.equal(found, torch._weight_norm(v, g, dim))


KINDS: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN}


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("has_biases", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_recurrences(
    name: str, has_biases: bool, layers: int, bidirectional: bool, projected: bool
) -> None:
    options = {"proj_size": 2} if projected and name == "lstm" else {}
    module = KINDS[name](
        6, 5, layers, bias=has_biases, batch_first=True, bidirectional=bidirectional, **options
    ).eval()
    x, params = torch.randn(2, 3, 6), [one.detach() for one in module._flat_weights]
    count = layers * (1 + bidirectional)
    states = [torch.zeros(count, 2, 2 if options else 5), torch.zeros(count, 2, 5)]
    states = states if name == "lstm" else states[1:]
    places = range(len(params))
    listed = ", ".join(f"weights[{place}]" for place in places)
    given = [f"weights[{len(params) + place}]" for place in range(len(states))]
    held = f"[{', '.join(given)}]" if name == "lstm" else given[0]
    text = (
        f"{HEAD}    v2_a = torch.ops.aten.{name}(v1_x, hx={held}, "
        f"params=[{listed}], has_biases={has_biases}, num_layers={layers}, dropout=0.0, train=False, "
        f"bidirectional={bidirectional}, batch_first=True)\n"
        "    return torch.jit.annotate(List[Tensor], [v2_a[0]])\n"
    )
    program = TorchProgram.parse(text, "recurrent")
    with torch.no_grad():
        (found,) = program([x], [*params, *states])
        torch.testing.assert_close(found, module(x)[0], rtol=1e-5, atol=1e-6)
    for place, one in enumerate([*params, *states]):
        for wrong in (
            one[:0],
            one[:-1],
            one[None],
            one.sum(),
            one.repeat(2, *[1] * (one.dim() - 1)),
            one.int(),
        ):
            weights = [*params, *states]
            weights[place] = wrong
            with pytest.raises(NnapiError, match=r"a weight|a state|dtype|weights"):
                program([x], weights)
