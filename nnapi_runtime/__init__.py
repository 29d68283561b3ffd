"""Runs converted models: on a phone's NNAPI library, or on the whole one for workstations that this brings along."""

from nnapi_runtime._loader import Executor, host_library

__all__ = ["Executor", "host_library"]
