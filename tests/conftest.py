"""Hypothesis profiles by HYPOTHESIS_PROFILE: dev (quick), ci (always the same), nightly (many)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from nnapi_core.testing import quiet_trace

quiet_trace()

_shared = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=8, **_shared)
settings.register_profile("ci", max_examples=12, derandomize=True, **_shared)
settings.register_profile("nightly", max_examples=2000, print_blob=True, **_shared)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# Hypothesis also draws numbers that stand in the source of the modules imported so far, which depends on
# the tests that a worker happened to run before: a test would not always be given the same examples.
providers._get_local_constants = providers.Constants
