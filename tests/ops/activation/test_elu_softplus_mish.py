"""Activations by exponentials."""

from __future__ import annotations

from torch.nn import functional

from tests.ops.elementwise import Table, right_at_special_numbers, right_from_its_level

# The oldest level of each.
FUNCTIONS: Table = {
    "elu": (28, functional.elu),
    "elu_scaled": (28, lambda x: functional.elu(x, 0.5)),
    "selu": (28, functional.selu),
    "softsign": (28, functional.softsign),
    "celu": (28, lambda x: functional.celu(x, 2.0)),
    "celu_1": (28, functional.celu),
    "mish": (29, functional.mish),
    "softplus": (29, functional.softplus),
    "softplus_sharp": (29, lambda x: functional.softplus(x, 2, 5)),
    "logsigmoid": (29, functional.logsigmoid),
}


test_function = right_from_its_level(FUNCTIONS)
test_special_numbers = right_at_special_numbers(FUNCTIONS)
