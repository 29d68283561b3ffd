"""What torch logs for its own tools is left out of the output of tests that fail."""

from __future__ import annotations

import logging
import os


def quiet_trace() -> None:
    """Torch's structured trace logs hundreds of empty lines of DEBUG a test; it stays for TORCH_TRACE."""
    if not os.environ.get("TORCH_TRACE"):
        logging.getLogger("torch.__trace").setLevel(logging.CRITICAL)
