"""The harness that plugin authors test with: strategies, `check_lowering`, `check_quantised`, tolerances.

::

    from nnapi_core.testing import Case, check_lowering, tensors

    @given(tensors(min_rank=1, max_rank=4))
    def test_squareplus(x):
        check_lowering(Case(torch.ops.acme.squareplus.default, (x,)))
"""

from hypothesis import HealthCheck, settings

from nnapi_core.testing.check import Case, Outcome, check_lowering
from nnapi_core.testing.check_quantised import check_quantised
from nnapi_core.testing.quiet_torch import quiet_trace
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
    "check_quantised",
    "feature_levels",
    "images",
    "quiet_trace",
    "shapes",
    "tensors",
    "tolerance",
    "torch_dims",
]

quiet_trace()

# A case exports a model, which takes long the first time: the default deadline would call that flaky. A profile
# that the user has chosen stays.
settings.register_profile("nnapi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if settings.get_current_profile_name() == "default":
    settings.load_profile("nnapi")
