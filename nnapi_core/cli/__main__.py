"""``python -m nnapi_core.cli`` is ``nnapi-convert``."""

import sys

from nnapi_core.cli import main

sys.exit(main())
