"""Modules that work along time as modules that get it chunk by chunk: `nnapi_core.streaming`."""
