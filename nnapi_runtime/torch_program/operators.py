"""The operators that a file's torch programs may call: what computes from its arguments, and does nothing else.

operators.txt lists them by name; of each, those overloads are allowed that torch declares to write to no argument. It
holds what the converter writes for torch's own database of operators and for models, and their common relatives
(tests/runtime/torch_program/test_operators.py says so). The rest of torch is refused.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

# They draw from torch's generator, as the model did.
RANDOM = frozenset(
    [
        *(
            "alpha_dropout",
            "bernoulli",
            "cauchy",
            "dropout",
            "exponential",
            "feature_alpha_dropout",
        ),
        *("feature_dropout", "geometric", "log_normal", "multinomial", "native_dropout", "normal"),
        *(
            "normal_functional",
            "rand",
            "rand_like",
            "randint",
            "randint_like",
            "randn",
            "randn_like",
        ),
        *("randperm", "rrelu", "rrelu_with_noise_functional", "uniform"),
    ]
)

# Overloads that trust the lengths which their tensors hold.
UNCHECKED = frozenset(f"aten::{one}.data" for one in ("lstm", "gru", "rnn_tanh", "rnn_relu"))


def is_allowed(name: str) -> bool:
    """Is ``name`` ("aten::add") such an operator?"""
    namespace, _, base = name.partition("::")
    return namespace == "aten" and base in allowed()


@cache
def allowed() -> frozenset[str]:
    """Their names, without ``aten::``."""
    lines = Path(__file__).with_name("operators.txt").read_text("ascii").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
