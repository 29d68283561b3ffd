"""Parts of a model that torch runs: text that is read as data, checked, and run by an interpreter of our own."""

from nnapi_runtime.torch_program.program import TorchProgram

__all__ = ["TorchProgram"]
