"""`verify`, where users import it from; what it does is in `nnapi_core.verification`."""

from __future__ import annotations

from nnapi_core.verification.verify import Culprit, OutputError, Verification, verify

__all__ = ["Culprit", "OutputError", "Verification", "verify"]
