"""``python -m nnapi_core``: the command ``nnapi-convert``."""

import sys

from nnapi_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
