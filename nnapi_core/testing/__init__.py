"""The harness that plugin authors test with: strategies, `check_lowering`, tolerances.

::

    from nnapi_core.testing import Case, check_lowering, tensors

    @given(tensors(min_rank=1, max_rank=4))
    def test_squareplus(x):
        check_lowering(Case(torch.ops.acme.squareplus, (x,)))
"""

from nnapi_core.testing.check import Case, Outcome, check_lowering
from nnapi_core.testing.strategies import (
    feature_levels,
    images,
    shapes,
    tensors,
    torch_dims,
)
from nnapi_core.testing.tolerances import Tolerance, tolerance

__all__ = [
    "Case",
    "Outcome",
    "Tolerance",
    "check_lowering",
    "feature_levels",
    "images",
    "shapes",
    "tensors",
    "tolerance",
    "torch_dims",
]
