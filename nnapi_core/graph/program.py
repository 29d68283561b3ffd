"""The torch graph that is lowered: one flat functional FX graph, its constants, and its borders."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import torch
from attrs import define, field, frozen
from torch.fx import Graph, Node

from nnapi_core.errors import Unsupported
from nnapi_core.graph.calibration_record import CalibrationRecord
from nnapi_core.graph.input_output_trees import Borders
from nnapi_core.graph.numbers import is_number
from nnapi_core.nnapi.constant import Constant
from nnapi_core.nnapi.types import ChannelQuant, Quant
from nnapi_core.reasons import Reason


@frozen(eq=False)
class TorchConstant:
    """A tensor that does not depend on the inputs, computed when it is needed."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    load: Callable[[], torch.Tensor] = field(repr=False)
    key: Hashable
    """Names the content: constants of equal keys are equal, and are written once."""
    reordered: Callable[[], Constant] | None = field(default=None, repr=False)
    """Where the elements are another constant's: that one for NNAPI, permuted or reshaped."""

    def constant(self) -> Constant:
        """For NNAPI: the same memory as numpy sees it (torch's shape and order)."""
        if self.reordered is not None:
            return self.reordered()
        dtype = numpy_dtype(self.dtype)
        return Constant(dtype, self.shape, lambda: self.load().detach().numpy(), self.key)


def numpy_dtype(dtype: torch.dtype) -> np.dtype[Any]:
    """Raises `Unsupported` for what numpy has not got (bfloat16, half complex)."""
    try:
        return np.dtype(torch.empty(0, dtype=dtype).numpy().dtype)
    except TypeError:
        raise no_tensors_of(dtype) from None


def no_tensors_of(dtype: torch.dtype) -> Unsupported:
    """The refusal of a dtype that NNAPI has not got, with what to write instead."""
    if dtype.is_complex:
        remedy = "compute with torch.view_as_real's pairs of real numbers"
    elif dtype.is_floating_point:
        remedy = "cast to torch.float32"
    else:
        remedy = "cast to torch.int32"
    return Unsupported(
        f"NNAPI has no tensors of this dtype; {remedy} before", Reason.TYPES, dtype=dtype
    )


@frozen(eq=False)
class State:
    """A tensor that the model keeps from one call to the next."""

    name: str
    """As the module calls it: ``layers.0.cache``."""
    initial: torch.Tensor = field(repr=False)


@define(eq=False, repr=False)
class Program:
    """A graph whose nodes are placeholders, op calls, ``getitem`` and one output.

    ``inputs`` are the placeholders of the user's tensors, and after these of the states; ``constants`` the nodes whose
    value is fixed: weights, and what folds from them. ``borders`` say how the user's arguments and results are
    structured.
    """

    graph: Graph
    attributes: dict[str, Any]
    """What ``get_attr`` nodes name: submodules of higher-order operators, tensors made by decompositions."""
    inputs: list[Node]
    constants: dict[Node, TorchConstant]
    borders: Borders
    written: list[str] = field(factory=list)
    """The inputs that results are written into, which come after those that are returned."""
    states: list[State] = field(factory=list)
    """What is kept between calls: the last inputs have its values, the last results are the next ones."""
    branches: dict[Node, tuple[Branch, ...]] = field(factory=dict)
    """The graphs inside of ``cond`` (then, else) and ``while_loop`` (condition, body) calls."""
    rewritten: dict[Node, Rewritten] = field(factory=dict)
    """Calls that no lowering claims, in terms of other operators: for NNAPI, while torch runs the call itself."""
    unsplit: dict[Node, Unsupported] = field(factory=dict)
    """Calls that a plugin's decomposition or pass refuses, and why."""
    quants: dict[Node, Quant | ChannelQuant] = field(factory=dict)
    """What the integers of a tensor mean: results of ``quantize``, and what ``dequantize`` reads."""
    dequantised: dict[Node, Node] = field(factory=dict)
    """Calls of ``dequantize``, and the tensors of integers (in ``quants``) that they are the numbers of."""

    stored_integers: dict[Node, tuple[Node, ChannelQuant]] = field(factory=dict)
    """Where only weights are integers: calls that make floats of constants, these constants, and what they mean."""

    calibration: CalibrationRecord | None = None
    """Of a program that was quantised here."""

    folded: dict[Hashable, int] = field(factory=dict)
    """Calls of constants, numbered: what is computed twice is one constant."""

    def __repr__(self) -> str:
        inputs = ", ".join(node.name for node in self.inputs)
        return (
            f"<Program: {len(self.operations())} calls, {len(self.constants)} constants; inputs {inputs or 'none'}; "
            f"str(program.graph) has all>"
        )

    @property
    def results(self) -> list[Any]:
        """The flat outputs: a node, or a Python value that is returned as it is."""
        (output,) = self.graph.find_nodes(op="output")
        return list(output.args[0])

    @property
    def user_inputs(self) -> list[Node]:
        """The inputs without those of the states."""
        return self.inputs[: len(self.inputs) - len(self.states)]

    @property
    def returned(self) -> list[Any]:
        """The results without those that are written into arguments, or kept."""
        return self.results[: len(self.results) - len(self.written) - len(self.states)]

    def operations(self) -> list[Node]:
        """Op calls in order, without the folded ones, and without ``getitem`` and numbers."""
        return [
            node
            for node in self.graph.nodes
            if node.op == "call_function"
            and isinstance(node.target, torch._ops.OpOverload | torch._ops.HigherOrderOperator)
            and node not in self.constants
            and not is_number(node)
        ]

    def add_constant(
        self, name: str, value: torch.Tensor, load: Callable[[], torch.Tensor], like: Node
    ) -> Node:
        """A new constant; ``value`` is a fake or meta tensor of its shape and dtype."""
        first = next(iter(self.graph.nodes))
        with self.graph.inserting_before(first):
            node = self.graph.placeholder(self.graph._graph_namespace.create_name(name, None))
        node.meta["val"] = value
        node.meta["stack_trace"] = like.meta.get("stack_trace", "")
        shape = tuple(int(dim) for dim in value.shape)
        self.constants[node] = TorchConstant(
            shape, value.dtype, load, ("made", id(self), node.name)
        )
        return node


@frozen(eq=False)
class Branch:
    """A graph that another one calls, as a program of its own."""

    program: Program
    parameters: tuple[Node, ...]
    """A placeholder for each operand of the call. Those that are constants outside are so here too."""


@frozen(eq=False)
class Rewritten:
    """What computes a call's results by other operators, as a program of its own."""

    program: Program
    parameters: tuple[Node, ...]
    """A placeholder for each of ``operands``. Those that are constants outside are so here too."""
    operands: tuple[Node, ...]
    """The tensors among the arguments of the call."""
    special_values: str = ""
    """What it makes of NaN, infinities, and numbers near the ends of float32, where that is not torch's."""


def source_of(node: Node) -> str:
    """``file:line`` of the innermost frame that is in a file and not torch's own, else of the innermost one."""
    innermost = users = ""
    for line in (node.meta.get("stack_trace") or "").splitlines():
        line = line.strip()
        if line.startswith('File "'):
            file, rest = line[6:].split('"', 1)
            innermost = f"{file}:{rest.split('line ', 1)[-1].split(',', 1)[0]}"
            if not is_torchs_own(file):
                users = innermost
    return users or innermost


def is_torchs_own(file: str) -> bool:
    """Also of a program that was exported elsewhere, where torch lay in another folder, under another system."""
    path = file.replace("\\", "/")
    return file.startswith("<") or path.startswith(_TORCH_FOLDER) or bool(_INSTALLED.search(path))


_TORCH_FOLDER = f"{torch.__path__[0]}/".replace("\\", "/")
# A package that is installed, or packed as torch.package does, or a checkout's folder of the packages' modules.
_INSTALLED = re.compile(
    r"/(?:site|dist)-packages/(?:torch|torchao|functorch)/"
    r"|(?:^|/)torch/(?:nn/(?:modules|quantized|functional\.py|init\.py|utils)|_ops\.py|_tensor\.py|functional\.py"
    r"|_higher_order_ops/|_dynamo/|export/|fx/|utils/)"
)
